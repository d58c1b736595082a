//! AWS → Observed: everything one unit is made of, read in as few calls as AWS allows.
//!
//! Reads only. What depends on another's ARN is read after it; the rest side by side. One read that fails fails the
//! observation: a plan made on half of the truth would delete or duplicate the other half.

use std::collections::BTreeMap;

use super::aws::cloudwatch::OwnDimensions;
use super::aws::elb::rule::Groups;
use super::aws::{
    AwsError, Clients, acm, autoscaling, cloudwatch, discovery, ec2, ecr, ecs, elb, evidence, iam,
    logs, metric_filter, route53, sns, ssm, sts,
};
use super::desired::desired;
use super::leave::leave;
use super::observed::{Certificate, Dns, Found, Image, Observed, Rollout, SecurityGroup, Subnet};
use super::plan::{metric_name, production_rule, requests_of, test_rule};
use super::resource::Resources;
use super::spec::Spec;
use super::versions::versioned;

/// What is wanted of the unit and what there is. Where the manifest leaves things as they are found, what is wanted
/// depends on what there is, and AWS is read a second time with it.
pub async fn look(aws: &Clients, spec: &Spec) -> Result<(Resources, Observed), AwsError> {
    let wanted = desired(spec);
    // On the heap: a dozen SDK calls side by side make a future of hundreds of KB in a debug build.
    let observed = Box::pin(observe(aws, spec, &wanted)).await?;
    if spec.leave.is_empty() {
        return Ok((wanted, observed));
    }
    let wanted = leave(spec, wanted, &observed);
    let observed = Box::pin(observe(aws, spec, &wanted)).await?;
    Ok((wanted, observed))
}

/// The same with the owner of every alarm: of those that are as wanted [`observe`] does not ask.
pub async fn look_at_all(aws: &Clients, spec: &Spec) -> Result<(Resources, Observed), AwsError> {
    let wanted = Resources {
        alarms: BTreeMap::new(),
        composite_alarms: BTreeMap::new(),
        ..desired(spec)
    };
    let observed = Box::pin(observe(aws, spec, &wanted)).await?;
    Ok((wanted, observed))
}

/// One look at everything. Eventual consistency is AWS's: this may see the world as it was a moment ago.
pub async fn observe(
    aws: &Clients,
    spec: &Spec,
    desired: &Resources,
) -> Result<Observed, AwsError> {
    let prefix = format!("{}-", spec.name);
    let scaling_resource = format!("service/{}/{}", spec.cluster, spec.name);
    // On the heap: one future with all of these in it outgrows a thread's stack.
    let rollout_role = spec.rollout_role();
    let (
        references,
        balancer,
        names,
        log_group,
        metric_filters,
        execution_role,
        task_role,
        rollout_role,
    ) = tokio::try_join!(
        Box::pin(references(aws, spec)),
        Box::pin(balancer(aws, spec)),
        Box::pin(names(aws, spec)),
        Box::pin(logs::log_group(aws, &spec.logs.group)),
        Box::pin(metric_filter::all(aws, &spec.logs.group, &prefix)),
        Box::pin(iam::role(aws, &desired.execution_role.name)),
        Box::pin(iam::role(aws, &desired.task_role.name)),
        Box::pin(iam::role(aws, &rollout_role)),
    )?;
    let References {
        account,
        cluster_active,
        parameters,
        image,
        subnets,
        dns,
    } = references;
    let Balancer {
        load_balancer,
        security_groups,
        certificates,
        target_group,
        alternate_target_group,
        left_target_groups,
        healthy_targets,
        healthy_alternate,
        rules,
    } = balancer;
    let Names {
        namespace,
        discovery,
    } = names;
    let desired = &versioned(spec, desired.clone(), &parameters.versions);
    let similar_parameters = ssm::similar(aws, &parameters.missing).await?;

    let groups = Groups {
        ours: arn(target_group.as_ref()),
        alternate: arn(alternate_target_group.as_ref()),
    };
    let own = ecs::Own {
        groups,
        rules: (
            production_rule(spec, &rules).map(|rule| rule.arn.as_str()),
            test_rule(spec, &rules).map(|rule| rule.arn.as_str()),
        ),
        discovery: discovery.as_ref().map(|found| found.arn.as_str()),
        wanted: Some(&desired.task_definition),
    };
    let service = async {
        // A cluster that is not there is an error to DescribeServices, and a finding to us.
        if cluster_active {
            ecs::service(aws, &spec.cluster, &spec.name, &own).await
        } else {
            Ok(None)
        }
    };
    let requests = requests_of(load_balancer.as_ref(), groups.ours);
    let (service, scalable_target, policies, scheduled_actions) = tokio::try_join!(
        Box::pin(service),
        Box::pin(autoscaling::scalable_target(aws, &scaling_resource)),
        Box::pin(autoscaling::policy::all(
            aws,
            &scaling_resource,
            requests.as_deref()
        )),
        Box::pin(autoscaling::scheduled_actions(aws, &scaling_resource)),
    )?;
    let (mut scaling_policies, mut scaling_policy_arns) = (BTreeMap::new(), BTreeMap::new());
    for (name, (arn, policy)) in policies {
        scaling_policies.insert(name.clone(), policy);
        scaling_policy_arns.insert(name, arn);
    }
    // Alarms name the target group, the load balancer and the policies.
    let own = OwnDimensions {
        policies: &scaling_policy_arns,
        target_group: metric_name(groups.ours),
        alternate: metric_name(groups.alternate),
        load_balancer: metric_name(load_balancer.as_ref().map(|balancer| balancer.arn.as_str())),
    };
    let topic = spec.topic_arn();
    let (alarms, dashboard, topic) = tokio::try_join!(
        Box::pin(cloudwatch::alarms(aws, &prefix, &own, desired)),
        Box::pin(cloudwatch::dashboard::dashboard(aws, &spec.name, &own)),
        Box::pin(sns::topic(aws, &topic)),
    )?;
    // The running revision is looked at first; older ones only when it is not the wanted one.
    let wanted = match &service {
        Some(running) if running.definition == desired.task_definition => {
            Some(running.revision.clone())
        }
        Some(_) | None => ecs::revision(aws, &desired.task_definition).await?,
    };
    // Of a rollout that is through there is nothing to find out.
    let evidence = match &service {
        Some(running) if running.rollout != Rollout::Completed && !running.draining => {
            let container = &desired.task_definition.container;
            Box::pin(evidence::evidence(
                aws,
                &spec.cluster,
                &spec.name,
                container,
            ))
            .await?
        }
        Some(_) | None => None,
    };
    Ok(Observed {
        account,
        cluster_active,
        load_balancer,
        namespace,
        missing_secrets: parameters.missing,
        secret_versions: parameters.versions,
        similar_parameters,
        addresses: parameters.addresses,
        image,
        subnets,
        security_groups,
        certificates,
        dns,
        log_group,
        metric_filters,
        execution_role,
        task_role,
        target_group,
        alternate_target_group,
        rollout_role,
        left_target_groups,
        healthy_targets,
        healthy_alternate,
        rules,
        discovery,
        service,
        evidence,
        wanted,
        scalable_target,
        scaling_policies,
        scaling_policy_arns,
        scheduled_actions,
        topic,
        alarms: alarms.metric,
        composite_alarms: alarms.composite,
        dashboard,
    })
}

fn arn<T>(found: Option<&Found<T>>) -> Option<&str> {
    found.map(|found| found.arn.as_str())
}

/// What is referred to by a name of its own, never made, and hangs on nothing else.
struct References {
    account: String,
    cluster_active: bool,
    parameters: ssm::Parameters,
    image: Image,
    subnets: BTreeMap<String, Subnet>,
    dns: Dns,
}

async fn references(aws: &Clients, spec: &Spec) -> Result<References, AwsError> {
    let names = spec.task.parameters().into_values().map(str::to_owned);
    let (names, addresses) = (
        names.collect(),
        spec.task.addresses.values().cloned().collect(),
    );
    let (account, cluster_active, parameters, image, subnets, dns) = tokio::try_join!(
        sts::account(aws),
        ecs::cluster_active(aws, &spec.cluster),
        ssm::parameters(aws, &names, &addresses),
        ecr::image(aws, &spec.image),
        ec2::subnets(aws, &spec.network.subnets),
        route53::dns(aws, &spec.load_balancer.host),
    )?;
    Ok(References {
        account,
        cluster_active,
        parameters,
        image,
        subnets,
        dns,
    })
}

/// What hangs on the load balancer.
struct Balancer {
    alternate_target_group: Option<Found<super::resource::TargetGroup>>,
    healthy_alternate: i32,
    load_balancer: Option<super::observed::LoadBalancer>,
    security_groups: BTreeMap<String, SecurityGroup>,
    certificates: Vec<Certificate>,
    target_group: Option<Found<super::resource::TargetGroup>>,
    left_target_groups: BTreeMap<String, String>,
    healthy_targets: i32,
    rules: Vec<Found<super::resource::ListenerRule>>,
}

async fn balancer(aws: &Clients, spec: &Spec) -> Result<Balancer, AwsError> {
    let alternate = async {
        match spec.shifting() {
            Some(shifting) => elb::target_group(aws, &shifting.target_group).await,
            None => Ok(None),
        }
    };
    let (load_balancer, target_group, alternate_target_group) = tokio::try_join!(
        elb::load_balancer(aws, &spec.load_balancer.name),
        elb::target_group(aws, &spec.load_balancer.target_group),
        alternate
    )?;
    let groups = Groups {
        ours: arn(target_group.as_ref()),
        alternate: arn(alternate_target_group.as_ref()),
    };
    let listener = load_balancer
        .as_ref()
        .and_then(|balancer| balancer.listener.as_deref());
    let healthy = async |arn: Option<&str>| match arn {
        Some(arn) => elb::healthy_targets(aws, arn).await,
        None => Ok(0),
    };
    let rules = async {
        match listener {
            Some(listener) => elb::rule::all(aws, listener, groups).await,
            None => Ok(Vec::new()),
        }
    };
    let certificates = async {
        match listener {
            Some(listener) => {
                acm::certificates(aws, &elb::certificates(aws, listener).await?).await
            }
            None => Ok(Vec::new()),
        }
    };
    // The tasks' groups and the load balancer's in one read: the way between them has two ends.
    let theirs = load_balancer
        .iter()
        .flat_map(|found| &found.security_groups);
    let both_ends = spec.network.security_groups.iter().chain(theirs);
    let both_ends = both_ends.cloned().collect();
    let left = async {
        match &load_balancer {
            Some(found) => elb::owned_target_groups(aws, &found.vpc, &spec.name).await,
            None => Ok(BTreeMap::new()),
        }
    };
    let (
        healthy_targets,
        healthy_alternate,
        rules,
        certificates,
        security_groups,
        mut left_target_groups,
    ) = tokio::try_join!(
        healthy(groups.ours),
        healthy(groups.alternate),
        rules,
        certificates,
        ec2::security_groups(aws, &both_ends),
        left
    )?;
    left_target_groups
        .retain(|left, _| ![groups.ours, groups.alternate].contains(&Some(left.as_str())));
    Ok(Balancer {
        load_balancer,
        security_groups,
        certificates,
        target_group,
        alternate_target_group,
        left_target_groups,
        healthy_targets: healthy_targets + healthy_alternate,
        healthy_alternate,
        rules,
    })
}

/// What hangs on the private DNS namespace.
struct Names {
    namespace: Option<String>,
    discovery: Option<Found<super::resource::DiscoveryService>>,
}

async fn names(aws: &Clients, spec: &Spec) -> Result<Names, AwsError> {
    let namespace = discovery::namespace(aws, &spec.discovery.namespace).await?;
    let discovery = match &namespace {
        Some(id) => {
            discovery::service(aws, id, &spec.discovery.namespace, &spec.discovery.service).await?
        }
        None => None,
    };
    Ok(Names {
        namespace,
        discovery,
    })
}
