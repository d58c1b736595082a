//! Observed worlds for planning: the development manifest's unit as AWS holds it once all is well, and edits to it.

use std::collections::{BTreeMap, BTreeSet};

use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observed::{Found, LoadBalancer, Observed, Rollout, Running};
use contracts::reconciler::resource::Resources;
use contracts::reconciler::spec::Spec;

/// The manifest the product is deployed from.
pub const DEVELOPMENT: &str = include_str!("../../manifests/development.yaml");

const TARGET_GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:targetgroup/hokusai-contracts-3001/0123456789abcdef";
const BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:loadbalancer/app/hokusai-development/fedcba9876543210";
const REVISION: &str =
    "arn:aws:ecs:us-east-1:932100697590:task-definition/hokusai-contracts-task:7";

/// The development manifest, believed.
pub fn spec() -> Spec {
    Spec::believe(&Manifest::parse("manifests/development.yaml", DEVELOPMENT).unwrap()).unwrap()
}

fn ours<T>(spec: &Spec, arn: &str, value: T) -> Found<T> {
    Found {
        arn: arn.to_owned(),
        owner: Some(spec.name.clone()),
        value,
    }
}

/// An account that has what the unit refers to and nothing of the unit.
pub fn empty(spec: &Spec) -> Observed {
    let listener = format!(
        "{}/0011223344556677",
        BALANCER.replace(":loadbalancer/", ":listener/")
    );
    Observed {
        account: spec.account.clone(),
        cluster_active: true,
        load_balancer: Some(LoadBalancer {
            arn: BALANCER.to_owned(),
            vpc: "vpc-1".to_owned(),
            listener: Some(listener),
        }),
        namespace: Some("ns-1".to_owned()),
        missing_secrets: BTreeSet::new(),
        similar_parameters: BTreeMap::new(),
        log_group: None,
        execution_role: None,
        task_role: None,
        target_group: None,
        healthy_targets: 0,
        rules: Vec::new(),
        discovery: None,
        service: None,
        wanted: None,
        scalable_target: None,
        scaling_policies: BTreeMap::new(),
        alarms: BTreeMap::new(),
    }
}

/// AWS as the manifest wants it, with two healthy tasks.
pub fn converged(spec: &Spec) -> Observed {
    let Resources {
        log_group,
        execution_role,
        task_role,
        target_group,
        listener_rule,
        discovery,
        task_definition,
        service,
        scalable_target,
        scaling_policies,
        alarms,
    } = desired(spec);
    Observed {
        log_group: Some(ours(spec, "arn:log-group", log_group)),
        execution_role: Some(ours(spec, "arn:execution-role", execution_role)),
        task_role: Some(ours(spec, "arn:task-role", task_role)),
        target_group: Some(ours(spec, TARGET_GROUP, target_group)),
        healthy_targets: 2,
        rules: vec![ours(spec, "arn:rule/ours", listener_rule)],
        discovery: Some(ours(
            spec,
            "arn:aws:servicediscovery:us-east-1:932100697590:service/srv-1",
            discovery,
        )),
        service: Some(Running {
            found: ours(spec, "arn:service", service),
            draining: false,
            revision: REVISION.to_owned(),
            definition: task_definition,
            desired_count: 2,
            running_count: 2,
            rollout: Rollout::Completed,
            event: Some("has reached a steady state.".to_owned()),
        }),
        wanted: Some(REVISION.to_owned()),
        scalable_target: Some(scalable_target),
        scaling_policies,
        alarms: alarms
            .into_iter()
            .map(|(name, alarm)| (name, ours(spec, "arn:alarm", alarm)))
            .collect(),
        ..empty(spec)
    }
}
