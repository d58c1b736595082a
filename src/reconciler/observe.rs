//! AWS → Observed: everything one unit is made of, read in as few calls as AWS allows.
//!
//! Reads only. What depends on another's ARN is read after it; the rest side by side. One read that fails fails the
//! observation: a plan made on half of the truth would delete or duplicate the other half.

use std::collections::BTreeSet;

use super::aws::cloudwatch::OwnDimensions;
use super::aws::{
    AwsError, Clients, autoscaling, cloudwatch, discovery, ecs, elb, iam, logs, ssm, sts,
};
use super::observed::{Found, Observed};
use super::plan::metric_name;
use super::resource::Resources;
use super::spec::Spec;

/// One look at everything. Eventual consistency is AWS's: this may see the world as it was a moment ago.
pub async fn observe(
    aws: &Clients,
    spec: &Spec,
    desired: &Resources,
) -> Result<Observed, AwsError> {
    let secrets: BTreeSet<String> = spec.task.secrets.values().cloned().collect();
    let scaling_resource = format!("service/{}/{}", spec.cluster, spec.name);
    let (
        account,
        cluster_active,
        missing_secrets,
        log_group,
        execution_role,
        task_role,
        balancer,
        names,
    ) = tokio::try_join!(
        sts::account(aws),
        ecs::cluster_active(aws, &spec.cluster),
        ssm::missing(aws, &secrets),
        logs::log_group(aws, &spec.logs.group),
        iam::role(aws, &desired.execution_role.name),
        iam::role(aws, &desired.task_role.name),
        balancer(aws, spec),
        names(aws, spec),
    )?;
    let Balancer {
        load_balancer,
        target_group,
        healthy_targets,
        rules,
    } = balancer;
    let Names {
        namespace,
        discovery,
    } = names;
    let similar_parameters = ssm::similar(aws, &missing_secrets).await?;

    let own = ecs::Own {
        target_group: target_group.as_ref().map(|found| found.arn.as_str()),
        discovery: discovery.as_ref().map(|found| found.arn.as_str()),
        container: &spec.task.container,
    };
    let dimensions = OwnDimensions {
        target_group: metric_name(own.target_group),
        load_balancer: metric_name(load_balancer.as_ref().map(|balancer| balancer.arn.as_str())),
    };
    let service = async {
        // A cluster that is not there is an error to DescribeServices, and a finding to us.
        if cluster_active {
            ecs::service(aws, &spec.cluster, &spec.name, &own).await
        } else {
            Ok(None)
        }
    };
    let prefix = format!("{}-", spec.name);
    let (service, scalable_target, scaling_policies, alarms) = tokio::try_join!(
        service,
        autoscaling::scalable_target(aws, &scaling_resource),
        autoscaling::policies(aws, &scaling_resource),
        cloudwatch::alarms(aws, &prefix, &dimensions),
    )?;
    // The running revision is looked at first; older ones only when it is not the wanted one.
    let wanted = match &service {
        Some(running) if running.definition == desired.task_definition => {
            Some(running.revision.clone())
        }
        Some(_) | None => ecs::revision(aws, &desired.task_definition).await?,
    };
    Ok(Observed {
        account,
        cluster_active,
        load_balancer,
        namespace,
        missing_secrets,
        similar_parameters,
        log_group,
        execution_role,
        task_role,
        target_group,
        healthy_targets,
        rules,
        discovery,
        service,
        wanted,
        scalable_target,
        scaling_policies,
        alarms,
    })
}

/// What hangs on the load balancer.
struct Balancer {
    load_balancer: Option<super::observed::LoadBalancer>,
    target_group: Option<Found<super::resource::TargetGroup>>,
    healthy_targets: i32,
    rules: Vec<Found<super::resource::ListenerRule>>,
}

async fn balancer(aws: &Clients, spec: &Spec) -> Result<Balancer, AwsError> {
    let (load_balancer, target_group) = tokio::try_join!(
        elb::load_balancer(aws, &spec.load_balancer.name),
        elb::target_group(aws, &spec.load_balancer.target_group)
    )?;
    let arn = target_group.as_ref().map(|found| found.arn.as_str());
    let listener = load_balancer
        .as_ref()
        .and_then(|balancer| balancer.listener.as_deref());
    let healthy = async {
        match arn {
            Some(arn) => elb::healthy_targets(aws, arn).await,
            None => Ok(0),
        }
    };
    let rules = async {
        match listener {
            Some(listener) => elb::rule::all(aws, listener, arn).await,
            None => Ok(Vec::new()),
        }
    };
    let (healthy_targets, rules) = tokio::try_join!(healthy, rules)?;
    Ok(Balancer {
        load_balancer,
        target_group,
        healthy_targets,
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
