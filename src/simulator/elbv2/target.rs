//! Targets as the API sees them: registering, deregistering, describing their health.
//!
//! Takes addresses, changes the target lists. What a registration goes through afterwards is in `health`.

use std::net::Ipv4Addr;

use serde_json::{Value, json};

use super::attributes::target_group::DEREGISTRATION_DELAY;
use super::health::{Phase, Target};
use super::target_group::{self, TargetGroup};
use super::{required, target_group_is_attached};
use crate::simulator::World;
use crate::simulator::call::{self, Answer, Call, Millis, Refusal};

/// AWS's default quota of targets per target group.
pub(super) const TARGETS_MAX: usize = 1_000;

pub(super) fn add(
    group: &mut TargetGroup,
    address: Ipv4Addr,
    port: u16,
    now: Millis,
) -> Result<(), Refusal> {
    let full = group.targets.len() >= TARGETS_MAX;
    match group
        .targets
        .iter_mut()
        .find(|target| target.address == address && target.port == port)
    {
        Some(draining) if draining.is_draining() => draining.restart(now),
        Some(_) => {}
        None if full => {
            let message = "The quota for the number of targets in a target group has been reached";
            return Err(Refusal::new("TooManyTargets", message));
        }
        None => group.targets.push(Target::new(address, port, now)),
    }
    Ok(())
}

pub(super) fn drain(
    group: &mut TargetGroup,
    address: Ipv4Addr,
    port: u16,
    in_use: bool,
    now: Millis,
) {
    let delay_seconds = group
        .attributes
        .get(DEREGISTRATION_DELAY)
        .and_then(|seconds| seconds.parse::<Millis>().ok());
    let until = now + delay_seconds.unwrap_or(0) * 1_000;
    let is_it = |target: &Target| target.address == address && target.port == port;
    match group.targets.iter_mut().find(|target| is_it(target)) {
        Some(target) if !target.is_draining() && in_use && until > now => {
            target.phase = Phase::Draining { until }
        }
        Some(target) if target.is_draining() => {}
        _ => group.targets.retain(|target| !is_it(target)),
    }
}

pub(super) fn register(world: &mut World, call: &Call) -> Answer {
    let group = target_group::find_mut(&mut world.elbv2, required(call, "TargetGroupArn")?)?;
    for (address, port) in targets(group, call)? {
        add(group, address, port, call.now)?;
    }
    Ok(json!({}))
}

pub(super) fn deregister(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "TargetGroupArn")?;
    let in_use = target_group_is_attached(world, arn);
    let group = target_group::find_mut(&mut world.elbv2, arn)?;
    for (address, port) in targets(group, call)? {
        drain(group, address, port, in_use, call.now);
    }
    Ok(json!({}))
}

pub(super) fn describe_health(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "TargetGroupArn")?;
    let in_use = target_group_is_attached(world, arn);
    let group = target_group::find_mut(&mut world.elbv2, arn)?;
    let described: Vec<Value> = if call.list("Targets").is_empty() {
        group
            .targets
            .iter()
            .map(|target| description(group, target, in_use))
            .collect()
    } else {
        let asked = targets(group, call)?;
        let one = |(address, port): (Ipv4Addr, u16)| match group
            .targets
            .iter()
            .find(|t| t.address == address && t.port == port)
        {
            Some(target) => description(group, target, in_use),
            None => json!({
                "Target": { "Id": address.to_string(), "Port": port },
                "TargetHealth": {
                    "State": "unused",
                    "Reason": "Target.NotRegistered",
                    "Description": "Target is not registered to the target group",
                },
            }),
        };
        asked.into_iter().map(one).collect()
    };
    Ok(json!({ "TargetHealthDescriptions": described }))
}

fn description(group: &TargetGroup, target: &Target, in_use: bool) -> Value {
    let health = target.health(in_use);
    let mut target_health = json!({ "State": health.state() });
    if let (Some(fields), Some(reason), Some(text)) = (
        target_health.as_object_mut(),
        health.reason(),
        health.description(),
    ) {
        fields.insert("Reason".into(), json!(reason));
        fields.insert("Description".into(), json!(text));
    }
    let check_port = group.health_check.port.unwrap_or(target.port);
    json!({
        "Target": { "Id": target.address.to_string(), "Port": target.port, "AvailabilityZone": "all" },
        "HealthCheckPort": check_port.to_string(),
        "TargetHealth": target_health,
    })
}

/// The targets a call names, with the target group's port where they name none.
fn targets(group: &TargetGroup, call: &Call) -> Result<Vec<(Ipv4Addr, u16)>, Refusal> {
    let list = call.list("Targets");
    if list.is_empty() {
        return Err(Refusal::new(
            "ValidationError",
            "At least one target must be specified",
        ));
    }
    list.iter()
        .map(|target| {
            let id = target.get("Id").and_then(Value::as_str).unwrap_or_default();
            let address: Ipv4Addr = id
                .parse()
                .ok()
                .filter(|address| group.target_type == "ip" && is_routable(*address))
                .ok_or_else(|| {
                    let message = match group.target_type.as_str() {
                        "ip" => format!("The IP address '{id}' is not a valid IPv4 address of the network or of a private range"),
                        other => format!("The target '{id}' is not valid for target type '{other}'"),
                    };
                    Refusal::new("InvalidTarget", message)
                })?;
            let port = match target.get("Port") {
                None | Some(Value::Null) => group.port,
                Some(port) => call::integer(port)
                    .and_then(|port| u16::try_from(port).ok())
                    .filter(|port| *port > 0)
                    .ok_or_else(|| Refusal::new("ValidationError", "The port must be between '1' and '65535'"))?,
            };
            Ok((address, port))
        })
        .collect()
}

/// AWS's private ranges, and loopback, where simulated tasks live.
fn is_routable(address: Ipv4Addr) -> bool {
    let shared = address.octets()[0] == 100 && (64..128).contains(&address.octets()[1]);
    address.is_private() || shared || address.is_loopback()
}
