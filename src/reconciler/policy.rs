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
pub const RIGHTS: &[Right] = &[
    right(
        "acm:ListCertificates",
        Anything,
        "whether the listener's certificates are good",
    ),
    right(
        "application-autoscaling:DeleteScalingPolicy",
        ScalableTargets,
        "a policy nobody wants any more",
    ),
    right(
        "application-autoscaling:DeleteScheduledAction",
        ScalableTargets,
        "a schedule nobody wants any more",
    ),
    right(
        "application-autoscaling:DeregisterScalableTarget",
        ScalableTargets,
        "scaling ended before the service is destroyed",
    ),
    right(
        "application-autoscaling:DescribeScalableTargets",
        Anything,
        "the bounds, and whether scaling is suspended",
    ),
    right(
        "application-autoscaling:DescribeScalingPolicies",
        Anything,
        "what the service scales on",
    ),
    right(
        "application-autoscaling:DescribeScheduledActions",
        Anything,
        "what the bounds change to, and when",
    ),
    right(
        "application-autoscaling:PutScalingPolicy",
        ScalableTargets,
        "what the service scales on",
    ),
    right(
        "application-autoscaling:PutScheduledAction",
        ScalableTargets,
        "what the bounds change to, and when",
    ),
    right(
        "application-autoscaling:RegisterScalableTarget",
        ScalableTargets,
        "the bounds",
    ),
    right(
        "cloudwatch:DeleteAlarms",
        Alarms,
        "an alarm nobody wants any more",
    ),
    right(
        "cloudwatch:DeleteDashboards",
        Dashboard,
        "a dashboard nobody wants any more",
    ),
    right(
        "cloudwatch:DescribeAlarms",
        Anything,
        "every alarm of the unit in one listing",
    ),
    right("cloudwatch:GetDashboard", Dashboard, "the dashboard"),
    right(
        "cloudwatch:ListTagsForResource",
        Dashboard,
        "whose the dashboard is",
    ),
    right(
        "cloudwatch:ListTagsForResource",
        Alarms,
        "whose an alarm is",
    ),
    // A composite alarm cannot be made with a narrower right.
    // <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>
    right(
        "cloudwatch:PutCompositeAlarm",
        Anything,
        "an alarm on alarms",
    ),
    right("cloudwatch:PutDashboard", Dashboard, "the dashboard"),
    right("cloudwatch:PutMetricAlarm", Alarms, "an alarm"),
    right(
        "cloudwatch:TagResource",
        Dashboard,
        "the owner's tag on the dashboard",
    ),
    right(
        "cloudwatch:TagResource",
        Alarms,
        "the owner's tag on an alarm",
    ),
    right(
        "ec2:DescribeSecurityGroups",
        Anything,
        "whether the load balancer reaches the tasks",
    ),
    right(
        "ec2:DescribeSubnets",
        Anything,
        "which zones and network the subnets are in",
    ),
    right(
        "ecr:BatchGetImage",
        Repository,
        "which processor and size the image is of",
    ),
    right(
        "ecr:DescribeImages",
        Repository,
        "whether the image is there, and its digest",
    ),
    right(
        "ecs:ContinueServiceDeployment",
        ContinuedDeployments,
        "a person's answer to a rollout that waits for one",
    ),
    right("ecs:CreateService", Service, "the service, the first time"),
    right(
        "ecs:DeleteService",
        Service,
        "the service of a unit that is destroyed",
    ),
    right(
        "ecs:DeregisterTaskDefinition",
        Anything,
        "the revisions of a unit that is destroyed",
    ),
    right(
        "ecs:DescribeClusters",
        Cluster,
        "whether the cluster is there",
    ),
    right(
        "ecs:DescribeServiceDeployments",
        ContinuedDeployments,
        "whether a rollout waits for a person",
    ),
    right(
        "ecs:DescribeServiceRevisions",
        ServiceRevisions,
        "which task definition the newest rollout is of",
    ),
    right(
        "ecs:DescribeServices",
        Service,
        "the service, its counts and its rollout",
    ),
    right(
        "ecs:DescribeTaskDefinition",
        Anything,
        "what the running revision says",
    ),
    right("ecs:DescribeTasks", Tasks, "why tasks of a rollout stopped"),
    right(
        "ecs:ListServiceDeployments",
        Service,
        "whether the newest rollout succeeded",
    ),
    right(
        "ecs:ListTaskDefinitions",
        Anything,
        "an older revision that already says what is wanted",
    ),
    right("ecs:ListTasks", Anything, "the tasks of a rollout"),
    right(
        "ecs:RegisterTaskDefinition",
        TaskDefinitions,
        "a new revision",
    ),
    right(
        "ecs:StopServiceDeployment",
        ServiceDeployments,
        "a rollout that cannot succeed turned back",
    ),
    right("ecs:TagResource", Service, "the owner's tag on the service"),
    right(
        "ecs:TagResource",
        TaskDefinitions,
        "the owner's tag on a revision",
    ),
    right(
        "ecs:UpdateService",
        Service,
        "another revision, count or setting",
    ),
    right(
        "elasticloadbalancing:AddTags",
        ListenerRules,
        "the owner's tag on the rule",
    ),
    right(
        "elasticloadbalancing:AddTags",
        TargetGroup,
        "the owner's tag on the target group",
    ),
    right(
        "elasticloadbalancing:CreateRule",
        Listener,
        "the host's rule",
    ),
    right(
        "elasticloadbalancing:CreateTargetGroup",
        TargetGroup,
        "the target group",
    ),
    right(
        "elasticloadbalancing:DeleteRule",
        ListenerRules,
        "a rule nobody wants any more",
    ),
    right(
        "elasticloadbalancing:DeleteTargetGroup",
        AnyTargetGroup,
        "a target group nobody wants any more, whatever its name",
    ),
    right(
        "elasticloadbalancing:DescribeListenerCertificates",
        Anything,
        "whether the host has a certificate",
    ),
    right(
        "elasticloadbalancing:DescribeListeners",
        Anything,
        "the load balancer's HTTPS listener",
    ),
    right(
        "elasticloadbalancing:DescribeLoadBalancers",
        Anything,
        "whether the load balancer is there",
    ),
    right(
        "elasticloadbalancing:DescribeRules",
        Anything,
        "the host's rule, and who else asks for the host",
    ),
    right(
        "elasticloadbalancing:DescribeTags",
        Anything,
        "whose the target group and the rules are",
    ),
    right(
        "elasticloadbalancing:DescribeTargetGroupAttributes",
        Anything,
        "how long a leaving task may finish",
    ),
    right(
        "elasticloadbalancing:DescribeTargetGroups",
        Anything,
        "the target group and its health check",
    ),
    right(
        "elasticloadbalancing:DescribeTargetHealth",
        Anything,
        "how many tasks are healthy",
    ),
    right(
        "elasticloadbalancing:ModifyRule",
        ListenerRules,
        "the host's rule put right",
    ),
    right(
        "elasticloadbalancing:ModifyTargetGroup",
        TargetGroup,
        "the health check put right",
    ),
    right(
        "elasticloadbalancing:ModifyTargetGroupAttributes",
        TargetGroup,
        "how long a leaving task may finish",
    ),
    right(
        "elasticloadbalancing:SetRulePriorities",
        ListenerRules,
        "the rule's priority put right",
    ),
    right("iam:CreateRole", Roles, "the two roles of the tasks"),
    right(
        "iam:DeleteRole",
        Roles,
        "the roles of a unit that is destroyed",
    ),
    right(
        "iam:DeleteRolePolicy",
        Roles,
        "a right of the tasks nobody wants any more",
    ),
    right(
        "iam:DetachRolePolicy",
        Roles,
        "a right of the tasks nobody wants any more",
    ),
    right("iam:GetRole", Roles, "the two roles, and whose they are"),
    right("iam:GetRolePolicy", Roles, "what the tasks may do"),
    right(
        "iam:ListAttachedRolePolicies",
        Roles,
        "what the tasks may do",
    ),
    right("iam:ListRolePolicies", Roles, "what the tasks may do"),
    right(
        "iam:PassRole",
        RolesOfTasks,
        "the two roles handed to ECS with a revision",
    ),
    right(
        "iam:PassRole",
        RoleOfRollouts,
        "the role by which ECS moves requests",
    ),
    right("iam:PutRolePolicy", Roles, "what the tasks may do"),
    right("iam:TagRole", Roles, "the owner's tag on the roles"),
    right(
        "iam:UpdateAssumeRolePolicy",
        Roles,
        "who may assume the roles put right",
    ),
    right("logs:CreateLogGroup", LogGroup, "the log group"),
    right(
        "logs:DeleteLogGroup",
        LogGroup,
        "the log group of a unit that is destroyed",
    ),
    right(
        "logs:DeleteMetricFilter",
        LogGroup,
        "a metric filter nobody wants any more",
    ),
    right(
        "logs:DescribeLogGroups",
        Anything,
        "the log group and its retention",
    ),
    right(
        "logs:DescribeMetricFilters",
        LogGroup,
        "what is counted in the log",
    ),
    right(
        "logs:GetLogEvents",
        LogStreams,
        "the last lines of a task that failed",
    ),
    right(
        "logs:ListTagsForResource",
        LogGroupTags,
        "whose the log group is",
    ),
    right(
        "logs:PutMetricFilter",
        LogGroup,
        "what is counted in the log",
    ),
    right(
        "logs:PutRetentionPolicy",
        LogGroup,
        "how long lines are kept",
    ),
    right(
        "logs:TagResource",
        LogGroupTags,
        "the owner's tag on the log group",
    ),
    right(
        "route53:ListHostedZonesByName",
        Anything,
        "whether the host's zone is there",
    ),
    right(
        "route53:ListResourceRecordSets",
        HostedZones,
        "whether the host leads to the load balancer",
    ),
    right(
        "servicediscovery:CreateService",
        DiscoveryServices,
        "the private DNS name",
    ),
    right(
        "servicediscovery:CreateService",
        Namespaces,
        "the private DNS name",
    ),
    right(
        "servicediscovery:DeleteService",
        DiscoveryServices,
        "the private DNS name of a unit that is destroyed",
    ),
    right(
        "servicediscovery:ListNamespaces",
        Anything,
        "whether the namespace is there",
    ),
    right(
        "servicediscovery:ListServices",
        Anything,
        "the private DNS name and its record",
    ),
    right(
        "servicediscovery:ListTagsForResource",
        Anything,
        "whose the private DNS name is",
    ),
    right(
        "servicediscovery:TagResource",
        OwnedDiscoveryTags,
        "the owner's tag on the private DNS name",
    ),
    right(
        "servicediscovery:UpdateService",
        DiscoveryServices,
        "the record put right",
    ),
    right("sns:CreateTopic", OwnTopic, "the topic of the alarms"),
    right(
        "sns:DeleteTopic",
        OwnTopic,
        "the topic of a unit that is destroyed",
    ),
    right(
        "sns:ListSubscriptionsByTopic",
        Topic,
        "whether the topic is there, and who hears of alarms",
    ),
    right("sns:ListTagsForResource", Topic, "whose the topic is"),
    right("sns:Subscribe", OwnTopic, "who hears of alarms"),
    right("sns:TagResource", OwnTopic, "the owner's tag on the topic"),
    right(
        "sns:Unsubscribe",
        Subscriptions,
        "a subscription nobody wants any more",
    ),
    right(
        "ssm:DeleteParameters",
        Published,
        "what is published beyond the newest 50, and the end of a pause",
    ),
    right(
        "ssm:DescribeParameters",
        Anything,
        "whether every secret is there, and which units are published; values are never read",
    ),
    right(
        "ssm:GetParameters",
        Addresses,
        "the contracts' addresses, the only values of others that are read",
    ),
    right(
        "ssm:GetParameters",
        Published,
        "what is published, and whether the unit is paused",
    ),
    right(
        "ssm:GetParametersByPath",
        Published,
        "the history of what was published",
    ),
    right(
        "ssm:PutParameter",
        Published,
        "a publication, a pause, a change of the unit's conditions",
    ),
];

/// The policy, one statement for each kind of resource the units have.
pub fn policy(specs: &[&Spec]) -> Value {
    let mut kinds: Vec<On> = RIGHTS.iter().map(|right| right.on).collect();
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
    let rights = RIGHTS.iter().filter(|right| right.on == on);
    let mut statement = Map::from_iter([
        ("Sid".to_owned(), json!(format!("{on:?}"))),
        ("Effect".to_owned(), json!("Allow")),
        (
            "Action".to_owned(),
            rights.map(|right| right.action).collect(),
        ),
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
