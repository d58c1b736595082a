//! The rights the reconciler itself needs for its units: Specs → IAM policy.
//!
//! One row for every call of `aws`, and for what AWS asks beside it: tags on what is made with tags, the roles handed to ECS. Each right is on
//! exactly what the unit names, where AWS allows that; where a resource's ARN ends in an id AWS chooses, the end is `*`, and a condition
//! narrows it if there is one. Resource types and condition keys are those of the Service Authorization Reference,
//! <https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html>.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::resource::OWNER_TAG;
use super::spec::{Notifications, Spec};
use super::store::path;

mod parameters;
mod scaling;
mod signals;
mod traffic;
mod workload;

/// One right, and for whose sake it is there.
pub struct Right {
    /// As IAM has it: `ecs:UpdateService`.
    pub action: &'static str,
    /// On what.
    on: On,
    /// What it is for.
    pub why: &'static str,
}

/// What a right is on; also the statement's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum On {
    /// AWS knows no narrower resource for these actions.
    Anything,
    Cluster,
    Service,
    ServiceDeployments,
    ServiceRevisions,
    Tasks,
    /// Only where a rollout may wait for a person.
    ContinuedDeployments,
    TaskDefinitions,
    TargetGroup,
    /// A target group of before has another name. The owner's tag (`aws:ResourceTag`) could narrow it; the simulator's IAM
    /// knows no tags of resources, so that would be untried.
    AnyTargetGroup,
    Listener,
    ListenerRules,
    LogGroup,
    LogStreams,
    /// Tags of a log group are asked of its ARN without the `:*` that every other right is on.
    /// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html>
    LogGroupTags,
    Roles,
    /// Only to ECS's tasks.
    RolesOfTasks,
    /// Only to ECS itself.
    RoleOfRollouts,
    Alarms,
    Dashboard,
    Topic,
    /// The same if it is the unit's.
    OwnTopic,
    /// Any, for AWS knows no narrower resource; none if the topic is only referenced.
    Subscriptions,
    Namespaces,
    DiscoveryServices,
    Repository,
    HostedZones,
    /// The parameters of `spec.task.addresses`; there may be none.
    Addresses,
    /// What is published of the unit, and the path it is below, which GetParametersByPath asks for.
    Published,
    /// Anything of Cloud Map, but only with the owner's tag in the request.
    OwnedDiscoveryTags,
    /// Only the task count of ECS services.
    ScalableTargets,
}

use On::{
    Addresses, Alarms, AnyTargetGroup, Anything, Cluster, ContinuedDeployments, Dashboard,
    DiscoveryServices, HostedZones, Listener, ListenerRules, LogGroup, LogGroupTags, LogStreams,
    Namespaces, OwnTopic, OwnedDiscoveryTags, Published, Repository, RoleOfRollouts, Roles,
    RolesOfTasks, ScalableTargets, Service, ServiceDeployments, ServiceRevisions, Subscriptions,
    TargetGroup, TaskDefinitions, Tasks, Topic,
};

const fn right(action: &'static str, on: On, why: &'static str) -> Right {
    Right { action, on, why }
}

/// Every right there is. `sts:GetCallerIdentity` needs none.
pub fn rights() -> impl Iterator<Item = &'static Right> {
    let tables = [
        workload::RIGHTS,
        traffic::RIGHTS,
        scaling::RIGHTS,
        signals::RIGHTS,
        parameters::RIGHTS,
    ];
    tables.into_iter().flatten()
}

/// The policy, one statement for each kind of resource the units have.
pub fn policy(specs: &[&Spec]) -> Value {
    let mut kinds: Vec<On> = rights().map(|right| right.on).collect();
    kinds.sort();
    kinds.dedup();
    let statements: Vec<Value> = kinds
        .into_iter()
        .filter_map(|on| statement(specs, on))
        .collect();
    json!({ "Version": "2012-10-17", "Statement": statements })
}

fn statement(specs: &[&Spec], on: On) -> Option<Value> {
    // What two units share is named once.
    let resources: BTreeSet<String> = specs.iter().flat_map(|spec| resources(spec, on)).collect();
    if resources.is_empty() {
        return None;
    }
    let actions = rights().filter(|right| right.on == on);
    let actions: BTreeSet<&str> = actions.map(|right| right.action).collect();
    let mut statement = Map::from_iter([
        ("Sid".to_owned(), json!(format!("{on:?}"))),
        ("Effect".to_owned(), json!("Allow")),
        ("Action".to_owned(), json!(actions)),
        ("Resource".to_owned(), json!(resources)),
    ]);
    let mut conditions = BTreeMap::<String, BTreeSet<String>>::new();
    for (key, value) in specs.iter().filter_map(|spec| condition(spec, on)) {
        conditions.entry(key).or_default().insert(value);
    }
    if !conditions.is_empty() {
        statement.insert(
            "Condition".to_owned(),
            json!({ "StringEquals": conditions }),
        );
    }
    Some(Value::Object(statement))
}

fn resources(spec: &Spec, on: On) -> Vec<String> {
    let arn = |service: &str, resource: String| vec![spec.arn(service, &resource)];
    let service = format!("{}/{}", spec.cluster, spec.name);
    let balancer = &spec.load_balancer.name;
    let role = |name: &str| format!("arn:aws:iam::{}:role/{name}", spec.account);
    match on {
        Anything | OwnedDiscoveryTags => vec!["*".to_owned()],
        Cluster => arn("ecs", format!("cluster/{}", spec.cluster)),
        Service => arn("ecs", format!("service/{service}")),
        ServiceDeployments => arn("ecs", format!("service-deployment/{service}/*")),
        Tasks => arn("ecs", format!("task/{}/*", spec.cluster)),
        ServiceRevisions => arn("ecs", format!("service-revision/{service}/*")),
        ContinuedDeployments => match spec.shifting() {
            Some(_) => arn("ecs", format!("service-deployment/{service}/*")),
            None => Vec::new(),
        },
        TaskDefinitions => arn("ecs", format!("task-definition/{}:*", spec.task.family)),
        TargetGroup => {
            let first = &spec.load_balancer.target_group;
            let second = spec.shifting().map(|shifting| &shifting.target_group);
            let names = [first].into_iter().chain(second);
            let group = |name| spec.arn("elasticloadbalancing", &format!("targetgroup/{name}/*"));
            names.map(group).collect()
        }
        AnyTargetGroup => arn("elasticloadbalancing", "targetgroup/*/*".to_owned()),
        Listener => arn(
            "elasticloadbalancing",
            format!("listener/app/{balancer}/*/*"),
        ),
        ListenerRules => arn(
            "elasticloadbalancing",
            format!("listener-rule/app/{balancer}/*/*/*"),
        ),
        LogGroup => arn("logs", format!("log-group:{}:*", spec.logs.group)),
        LogStreams => arn(
            "logs",
            format!("log-group:{}:log-stream:*", spec.logs.group),
        ),
        LogGroupTags => arn("logs", format!("log-group:{}", spec.logs.group)),
        // The third is looked for, and removed, once the manifest no longer asks for it as well.
        Roles => vec![
            role(&spec.task.execution_role),
            role(&spec.task.task_role),
            role(&spec.rollout_role()),
        ],
        RolesOfTasks => vec![role(&spec.task.execution_role), role(&spec.task.task_role)],
        RoleOfRollouts => match spec.shifting() {
            Some(_) => vec![role(&spec.rollout_role())],
            None => Vec::new(),
        },
        Dashboard => vec![format!(
            "arn:aws:cloudwatch::{}:dashboard/{}",
            spec.account, spec.name
        )],
        Topic => vec![spec.topic_arn()],
        OwnTopic => match &spec.notifications {
            Notifications::Own { .. } => vec![spec.topic_arn()],
            Notifications::Existing { .. } => Vec::new(),
        },
        Subscriptions => match &spec.notifications {
            Notifications::Own { .. } => vec!["*".to_owned()],
            Notifications::Existing { .. } => Vec::new(),
        },
        Alarms => arn("cloudwatch", format!("alarm:{}-*", spec.name)),
        Repository => arn("ecr", format!("repository/{}", spec.image.repository)),
        HostedZones => vec!["arn:aws:route53:::hostedzone/*".to_owned()],
        Addresses => {
            let names = spec.task.addresses.values();
            names
                .map(|name| spec.arn("ssm", &format!("parameter{name}")))
                .collect()
        }
        Published => ["", "/*"]
            .map(|below| spec.arn("ssm", &format!("parameter{}{below}", path(&spec.name))))
            .into(),
        Namespaces => arn("servicediscovery", "namespace/*".to_owned()),
        DiscoveryServices => arn("servicediscovery", "service/*".to_owned()),
        ScalableTargets => arn("application-autoscaling", "scalable-target/*".to_owned()),
    }
}

/// What narrows a right whose resource cannot be named to the end.
fn condition(spec: &Spec, on: On) -> Option<(String, String)> {
    let condition = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
    match on {
        RolesOfTasks => condition("iam:PassedToService", "ecs-tasks.amazonaws.com"),
        RoleOfRollouts => condition("iam:PassedToService", "ecs.amazonaws.com"),
        OwnedDiscoveryTags => condition(&format!("aws:RequestTag/{OWNER_TAG}"), &spec.name),
        ScalableTargets => condition(
            "application-autoscaling:scalable-dimension",
            "ecs:service:DesiredCount",
        ),
        Anything | AnyTargetGroup | Cluster | Service | ServiceDeployments
        | ContinuedDeployments | ServiceRevisions | Tasks | TaskDefinitions | LogStreams
        | TargetGroup | Listener | ListenerRules | LogGroup | LogGroupTags | Roles | Alarms
        | Namespaces | DiscoveryServices | Dashboard | Topic | OwnTopic | Subscriptions
        | Repository | HostedZones | Addresses | Published => None,
    }
}
