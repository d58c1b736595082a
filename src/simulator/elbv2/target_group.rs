//! Target groups: their settings, AWS's defaults and limits, and the calls that change them.
//!
//! Takes calls, keeps [`TargetGroup`]s. What its targets go through is in `health`, which reads the settings here.

mod health_check;

use serde_json::{Value, json};

pub(super) use self::health_check::HealthCheck;
use super::attributes::{self, Attributes};
use super::health::Target;
use super::tags;
use super::traffic::Answered;
use super::{State, load_balancer, page, required, rule};
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::tag::Tags;

/// AWS's default quota per region.
pub(super) const TARGET_GROUPS_MAX: usize = 3_000;

#[derive(Debug, Clone)]
pub(super) struct TargetGroup {
    pub(super) arn: String,
    pub(super) name: String,
    protocol: String,
    protocol_version: String,
    pub(super) port: u16,
    vpc: String,
    pub(super) target_type: String,
    pub(super) health_check: HealthCheck,
    pub(super) attributes: Attributes,
    pub(super) tags: Tags,
    pub(super) targets: Vec<Target>,
    /// Requests routed so far: whose turn it is.
    pub(super) turn: u64,
    /// Requests answered since the last metrics.
    pub(super) answered: Answered,
}

pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let group = new(world, call)?;
    let same_name = world
        .elbv2
        .target_groups
        .iter()
        .find(|existing| existing.name == group.name);
    if let Some(existing) = same_name {
        // "This operation is idempotent": asked for again with the same settings it gives what is there.
        if !settings_equal(existing, &group) {
            let message = format!(
                "A target group with the same name '{}' exists, but with different settings",
                group.name
            );
            return Err(Refusal::new("DuplicateTargetGroupName", message));
        }
        return Ok(json!({ "TargetGroups": [describe_one(&world.elbv2, existing)] }));
    }
    if world.elbv2.target_groups.len() >= TARGET_GROUPS_MAX {
        let message = "The quota for the number of target groups in this Region has been reached";
        return Err(Refusal::new("TooManyTargetGroups", message));
    }
    let described = describe_one(&world.elbv2, &group);
    world.elbv2.target_groups.push(group);
    Ok(json!({ "TargetGroups": [described] }))
}

/// The target group a CreateTargetGroup call describes, with AWS's defaults for what it leaves out.
fn new(world: &mut World, call: &Call) -> Result<TargetGroup, Refusal> {
    let name = required(call, "Name")?;
    super::check_name("Target group", name)?;
    let only = |member: &str, known: &[&str], default: &str| match call.text(member) {
        None => Ok(default.to_owned()),
        Some(value) if known.contains(&value) => Ok(value.to_owned()),
        Some(value) => Err(invalid(format!(
            "The simulator does not model target groups whose {member} is '{value}'"
        ))),
    };
    let protocol = call
        .text("Protocol")
        .ok_or_else(|| invalid("A protocol must be specified"))?;
    if protocol != "HTTP" {
        return Err(invalid(format!(
            "The simulator does not model target groups whose Protocol is '{protocol}'"
        )));
    }
    let port = call
        .integer("Port")
        .ok_or_else(|| invalid("A port must be specified"))?;
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let vpc = call
        .text("VpcId")
        .ok_or_else(|| invalid("A VPC ID must be specified"))?;
    if !world.vpcs.iter().any(|known| known.id == vpc) {
        return Err(invalid(format!("The VPC ID '{vpc}' is not found")));
    }
    only("IpAddressType", &["ipv4"], "ipv4")?;
    let id = world.hex(16);
    Ok(TargetGroup {
        arn: world.arn("elasticloadbalancing", &format!("targetgroup/{name}/{id}")),
        name: name.to_owned(),
        protocol: protocol.to_owned(),
        protocol_version: only("ProtocolVersion", &["HTTP1"], "HTTP1")?,
        port: port.ok_or_else(|| invalid("The port must be between '1' and '65535'"))?,
        vpc: vpc.to_owned(),
        target_type: only("TargetType", &["ip", "instance"], "instance")?,
        health_check: HealthCheck::aws_default().with(call)?,
        attributes: attributes::defaults(attributes::target_group::ROWS),
        tags: tags::parse(call)?,
        targets: Vec::new(),
        turn: 0,
        answered: Answered::default(),
    })
}

/// Whether two target groups were created alike. Tags, attributes and targets are not settings of the creation.
fn settings_equal(a: &TargetGroup, b: &TargetGroup) -> bool {
    let TargetGroup {
        arn: _,
        name,
        protocol,
        protocol_version,
        port,
        vpc,
        target_type,
        health_check,
        attributes: _,
        tags: _,
        targets: _,
        turn: _,
        answered: _,
    } = a;
    *name == b.name
        && *protocol == b.protocol
        && *protocol_version == b.protocol_version
        && *port == b.port
        && *vpc == b.vpc
        && *target_type == b.target_type
        && *health_check == b.health_check
}

fn describe_one(state: &State, group: &TargetGroup) -> Value {
    let TargetGroup {
        arn,
        name,
        protocol,
        protocol_version,
        port,
        vpc,
        target_type,
        health_check,
        ..
    } = group;
    let HealthCheck {
        port: check_port,
        path,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
        matcher,
    } = health_check;
    json!({
        "TargetGroupArn": arn,
        "TargetGroupName": name,
        "Protocol": protocol,
        "Port": port,
        "VpcId": vpc,
        "HealthCheckProtocol": "HTTP",
        "HealthCheckPort": check_port.map_or_else(|| "traffic-port".to_owned(), |port| port.to_string()),
        "HealthCheckEnabled": true,
        "HealthCheckIntervalSeconds": interval_seconds,
        "HealthCheckTimeoutSeconds": timeout_seconds,
        "HealthyThresholdCount": healthy_threshold,
        "UnhealthyThresholdCount": unhealthy_threshold,
        "HealthCheckPath": path,
        "Matcher": { "HttpCode": matcher.text },
        "LoadBalancerArns": rule::load_balancers_using(state, arn),
        "TargetType": target_type,
        "ProtocolVersion": protocol_version,
        "IpAddressType": "ipv4",
    })
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let state = &world.elbv2;
    let (arns, names, balancer) = (
        call.texts("TargetGroupArns"),
        call.texts("Names"),
        call.text("LoadBalancerArn"),
    );
    if [!arns.is_empty(), !names.is_empty(), balancer.is_some()]
        .iter()
        .filter(|given| **given)
        .count()
        > 1
    {
        let message = "Target group names, target group ARNs, and a load balancer ARN cannot be specified at the same time";
        return Err(invalid(message));
    }
    if let Some(balancer) = balancer {
        load_balancer::known(state, balancer)?;
    }
    let exists = |wanted: &String| {
        state
            .target_groups
            .iter()
            .any(|group| group.arn == *wanted || group.name == *wanted)
    };
    if !arns.iter().chain(&names).all(exists) {
        return Err(not_found());
    }
    let wanted = |group: &&TargetGroup| match balancer {
        Some(balancer) => rule::load_balancers_using(state, &group.arn).contains(&balancer),
        None => {
            arns.is_empty() && names.is_empty()
                || arns.contains(&group.arn)
                || names.contains(&group.name)
        }
    };
    let mut groups: Vec<&TargetGroup> = state.target_groups.iter().filter(wanted).collect();
    groups.sort_by(|a, b| a.name.cmp(&b.name));
    page(
        call,
        "TargetGroups",
        groups
            .into_iter()
            .map(|group| describe_one(state, group))
            .collect(),
    )
}

pub(super) fn modify(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "TargetGroupArn")?;
    let group = find_mut(&mut world.elbv2, arn)?;
    group.health_check = group.health_check.clone().with(call)?;
    let state = &world.elbv2;
    let described = state
        .target_groups
        .iter()
        .find(|group| group.arn == arn)
        .map(|group| describe_one(state, group));
    Ok(json!({ "TargetGroups": [described] }))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "TargetGroupArn")?;
    let State {
        listeners,
        rules,
        target_groups,
        ..
    } = &mut world.elbv2;
    if rule::uses(listeners, rules, arn) {
        let message = format!("Target group '{arn}' is currently in use by a listener or a rule");
        return Err(Refusal::new("ResourceInUse", message));
    }
    let before = target_groups.len();
    target_groups.retain(|group| group.arn != arn);
    if target_groups.len() == before {
        Err(not_found())
    } else {
        Ok(json!({}))
    }
}

pub(super) fn describe_attributes(world: &mut World, call: &Call) -> Answer {
    let group = find_mut(&mut world.elbv2, required(call, "TargetGroupArn")?)?;
    Ok(attributes::shown(&group.attributes))
}

pub(super) fn modify_attributes(world: &mut World, call: &Call) -> Answer {
    let group = find_mut(&mut world.elbv2, required(call, "TargetGroupArn")?)?;
    let changes = attributes::changes(attributes::target_group::ROWS, "Target group", call)?;
    let unmodelled =
        |(key, value): &&(&str, String)| !attributes::target_group::is_modelled(key, value);
    if let Some((key, value)) = changes.iter().find(unmodelled) {
        return Err(invalid(format!(
            "The simulator does not model '{key}' as '{value}'"
        )));
    }
    group.attributes.extend(changes);
    Ok(attributes::shown(&group.attributes))
}

pub(super) fn find_mut<'a>(
    state: &'a mut State,
    arn: &str,
) -> Result<&'a mut TargetGroup, Refusal> {
    state
        .target_groups
        .iter_mut()
        .find(|group| group.arn == arn)
        .ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::new("TargetGroupNotFound", "One or more target groups not found")
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
