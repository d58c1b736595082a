//! Observed worlds for planning: the development manifest's unit as AWS holds it once all is well, and edits to it.

use std::collections::{BTreeMap, BTreeSet};

use contracts::reconciler::desired::desired;
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::observed::{
    Address, Certificate, Dns, Found, FoundTopic, Image, LoadBalancer, Observed, Permission,
    Rollout, Running, SecurityGroup, Shifting, Subnet,
};
use contracts::reconciler::resource::{Resources, Topic};
use contracts::reconciler::spec::Spec;

/// The manifest the product is deployed from.
pub const DEVELOPMENT: &str = include_str!("../../manifests/development.yaml");

const ALTERNATE: &str =
    "arn:aws:elasticloadbalancing:us-east-1:932100697590:targetgroup/hokusai-contracts-green/1";
const TARGET_GROUP: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:targetgroup/hokusai-contracts-3001/0123456789abcdef";
const BALANCER_NAME: &str = "hokusai-development-1234567890.us-east-1.elb.amazonaws.com";
const BALANCER_GROUP: &str = "sg-0e5f60718293a4b5c";
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

/// The tasks' groups let the load balancer's in on the port, and it may reach them.
fn security_groups(spec: &Spec) -> BTreeMap<String, SecurityGroup> {
    let port = i32::from(spec.port);
    let only = |protocol: &str, ports, peer: &str| Permission {
        protocol: protocol.to_owned(),
        ports,
        peers: [peer.to_owned()].into(),
    };
    let group = |ingress, egress| SecurityGroup {
        vpc: "vpc-1".to_owned(),
        ingress: vec![ingress],
        egress: vec![egress],
    };
    let tasks = spec.network.security_groups.iter().map(|id| {
        let ingress = only("tcp", Some((port, port)), BALANCER_GROUP);
        (id.clone(), group(ingress, only("-1", None, "0.0.0.0/0")))
    });
    let ingress = only("tcp", Some((443, 443)), "0.0.0.0/0");
    let to = spec.network.security_groups.first().unwrap();
    let egress = only("tcp", Some((port, port)), to);
    tasks
        .chain([(BALANCER_GROUP.to_owned(), group(ingress, egress))])
        .collect()
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
            dns_name: BALANCER_NAME.to_owned(),
            security_groups: [BALANCER_GROUP.to_owned()].into(),
        }),
        namespace: Some("ns-1".to_owned()),
        missing_secrets: BTreeSet::new(),
        secret_versions: BTreeMap::new(),
        similar_parameters: BTreeMap::new(),
        addresses: spec
            .task
            .addresses
            .values()
            .map(|name| {
                (
                    name.clone(),
                    Address::Value(format!("0x{}", "1".repeat(40))),
                )
            })
            .collect(),
        image: Image::Found {
            digest: format!("sha256:{}", "e3b2f48c".repeat(8)),
            size_bytes: 12_163_481,
            platforms: ["linux/amd64".to_owned()].into(),
        },
        subnets: spec
            .network
            .subnets
            .iter()
            .zip(["us-east-1a", "us-east-1b"])
            .map(|(id, zone)| {
                let subnet = Subnet {
                    vpc: "vpc-1".to_owned(),
                    zone: zone.to_owned(),
                };
                (id.clone(), subnet)
            })
            .collect(),
        security_groups: security_groups(spec),
        certificates: vec![Certificate {
            arn: "arn:certificate".to_owned(),
            domains: ["*.hokus.ai".to_owned(), "hokus.ai".to_owned()].into(),
            status: "ISSUED".to_owned(),
            expires: Some(1_800_000_000),
        }],
        dns: Dns {
            zone: Some("Z1".to_owned()),
            records: [("A".to_owned(), [BALANCER_NAME.to_owned()].into())].into(),
        },
        log_group: None,
        metric_filters: BTreeMap::new(),
        execution_role: None,
        task_role: None,
        target_group: None,
        alternate_target_group: None,
        rollout_role: None,
        left_target_groups: BTreeMap::new(),
        healthy_targets: 0,
        healthy_alternate: 0,
        rules: Vec::new(),
        discovery: None,
        service: None,
        evidence: None,
        wanted: None,
        scalable_target: None,
        scaling_policies: BTreeMap::new(),
        scaling_policy_arns: BTreeMap::new(),
        scheduled_actions: BTreeMap::new(),
        topic: None,
        alarms: BTreeMap::new(),
        composite_alarms: BTreeMap::new(),
        dashboard: None,
    }
}

/// AWS as the manifest wants it, with two healthy tasks.
pub fn converged(spec: &Spec) -> Observed {
    let Resources {
        log_group,
        metric_filters,
        execution_role,
        task_role,
        target_group,
        alternate_target_group,
        test_rule,
        rollout_role,
        listener_rule,
        discovery,
        task_definition,
        service,
        scalable_target,
        scaling_policies,
        scheduled_actions,
        topic,
        alarms,
        composite_alarms,
        dashboard,
    } = desired(spec);
    Observed {
        log_group: Some(ours(spec, "arn:log-group", log_group)),
        metric_filters,
        execution_role: Some(ours(spec, "arn:execution-role", execution_role)),
        task_role: Some(ours(spec, "arn:task-role", task_role)),
        target_group: Some(ours(spec, TARGET_GROUP, target_group)),
        alternate_target_group: alternate_target_group.map(|it| ours(spec, ALTERNATE, it)),
        rollout_role: rollout_role.map(|role| ours(spec, "arn:rollout-role", role)),
        healthy_targets: 2,
        rules: [ours(spec, "arn:rule/ours", listener_rule)]
            .into_iter()
            .chain(test_rule.map(|rule| ours(spec, "arn:rule/test", rule)))
            .collect(),
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
            shifting: spec.shifting().map(|_| Shifting {
                alternate: ALTERNATE.to_owned(),
                rule: "arn:rule/ours".to_owned(),
            }),
            paused: None,
            event: Some("has reached a steady state.".to_owned()),
        }),
        wanted: Some(REVISION.to_owned()),
        scalable_target: Some(scalable_target),
        scaling_policy_arns: scaling_policies
            .keys()
            .map(|name| (name.clone(), format!("arn:policy/{name}")))
            .collect(),
        scaling_policies,
        scheduled_actions,
        topic: topic.map(|topic| found_topic(spec, topic)),
        alarms: alarms
            .into_iter()
            .map(|(name, alarm)| (name, ours(spec, "arn:alarm", alarm)))
            .collect(),
        composite_alarms: composite_alarms
            .into_iter()
            .map(|(name, alarm)| (name, ours(spec, "arn:alarm", alarm)))
            .collect(),
        dashboard: dashboard.map(|dashboard| ours(spec, "arn:dashboard", dashboard)),
        ..empty(spec)
    }
}

/// A topic all of whose subscriptions are confirmed.
fn found_topic(spec: &Spec, topic: Topic) -> FoundTopic {
    let arn = spec.topic_arn();
    let numbered = (1..).zip(&topic.subscriptions);
    FoundTopic {
        arns: numbered
            .map(|(at, one)| (one.clone(), format!("{arn}:{at}")))
            .collect(),
        unconfirmed: BTreeSet::new(),
        found: ours(spec, &arn, topic),
    }
}
