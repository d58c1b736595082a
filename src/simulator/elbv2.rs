//! Simulated Elastic Load Balancing v2: load balancers, listeners, rules, target groups, target health, routing.
//!
//! Takes calls (the API), the time and probe outcomes ([`step`], [`probed`]) and requests to route
//! ([`route::choose`]); gives AWS's answers, probes to make and targets to send to. Pure: sockets are `balancer`'s.
//! Modelled are application load balancers with HTTP target groups of type `ip` and `instance`, host-header and
//! path-pattern conditions, forward and fixed-response actions; a call that asks for another kind is refused, not
//! half-answered. Only the account's own listener has a socket.

mod attributes;
mod certificate;
mod health;
mod limits;
mod listener;
mod load_balancer;
mod placement;
pub mod route;
mod rule;
mod ssl_policy;
mod tags;
mod target;
mod target_group;
mod traffic;
mod weights;

use std::net::Ipv4Addr;

use serde_json::{Value, json};

pub use health::{Failure, Health, Outcome, Probe, REGISTRATION_MILLIS, probed, step};
pub use listener::{certificate, certificate_users};
pub use load_balancer::{add_load_balancer, dns_name_of};
pub use traffic::{Traffic, answered, shares, take_traffic};
pub use weights::{rule_weights, set_rule_weights};

use crate::simulator::account;
use crate::simulator::call::{Answer, Call, Millis, Refusal};
use crate::simulator::world::World;

/// Everything this service holds.
#[derive(Debug, Clone, Default)]
pub struct State {
    load_balancers: Vec<load_balancer::LoadBalancer>,
    listeners: Vec<listener::Listener>,
    rules: Vec<rule::Rule>,
    target_groups: Vec<target_group::TargetGroup>,
    /// Those a listener may present.
    certificates: Vec<account::Certificate>,
    /// Probes ever started; the source of their ids.
    probes: u64,
}

/// The answer to one ELBv2 call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "CreateLoadBalancer" => load_balancer::create(world, call),
        "DescribeLoadBalancers" => load_balancer::describe(world, call),
        "DeleteLoadBalancer" => load_balancer::delete(world, call),
        "DescribeLoadBalancerAttributes" => load_balancer::describe_attributes(world, call),
        "ModifyLoadBalancerAttributes" => load_balancer::modify_attributes(world, call),
        "SetSubnets" => placement::set_subnets(world, call),
        "SetSecurityGroups" => placement::set_security_groups(world, call),
        "SetIpAddressType" => placement::set_address_type(world, call),
        "CreateListener" => listener::create(world, call),
        "DescribeListeners" => listener::describe(world, call),
        "ModifyListener" => listener::modify(world, call),
        "DeleteListener" => listener::delete(world, call),
        "DescribeListenerAttributes" => listener::describe_attributes(world, call),
        "ModifyListenerAttributes" => listener::modify_attributes(world, call),
        "AddListenerCertificates" => certificate::add_to_listener(world, call),
        "RemoveListenerCertificates" => certificate::remove_from_listener(world, call),
        "DescribeListenerCertificates" => certificate::describe(world, call),
        "DescribeSSLPolicies" => ssl_policy::describe(world, call),
        "DescribeAccountLimits" => limits::describe(world, call),
        "DescribeRules" => rule::describe(world, call),
        "CreateRule" => rule::create(world, call),
        "ModifyRule" => rule::modify(world, call),
        "DeleteRule" => rule::delete(world, call),
        "SetRulePriorities" => rule::set_priorities(world, call),
        "CreateTargetGroup" => target_group::create(world, call),
        "DescribeTargetGroups" => target_group::describe(world, call),
        "ModifyTargetGroup" => target_group::modify(world, call),
        "DeleteTargetGroup" => target_group::delete(world, call),
        "DescribeTargetGroupAttributes" => target_group::describe_attributes(world, call),
        "ModifyTargetGroupAttributes" => target_group::modify_attributes(world, call),
        "RegisterTargets" => target::register(world, call),
        "DeregisterTargets" => target::deregister(world, call),
        "DescribeTargetHealth" => target::describe_health(world, call),
        "AddTags" => tags::add(world, call),
        "RemoveTags" => tags::remove(world, call),
        "DescribeTags" => tags::describe(world, call),
        _ => Err(call.unknown_operation()),
    }
}

/// Whether a target group has this ARN.
pub fn target_group_exists(world: &World, arn: &str) -> bool {
    world
        .elbv2
        .target_groups
        .iter()
        .any(|group| group.arn == arn)
}

/// Whether a listener rule, or a listener's default rule, has this ARN.
pub fn rule_exists(world: &World, arn: &str) -> bool {
    let rules = world.elbv2.rules.iter().map(|rule| &rule.arn);
    let defaults = world
        .elbv2
        .listeners
        .iter()
        .map(|listener| &listener.default_rule);
    rules.chain(defaults).any(|known| known == arn)
}

/// Whether a listener forwards to the target group, by a rule or by default. ECS refuses a service on one that none uses.
pub fn target_group_is_attached(world: &World, arn: &str) -> bool {
    rule::uses(&world.elbv2.listeners, &world.elbv2.rules, arn)
}

/// Registers a target as ECS does for a task: a draining one comes back as new, a registered one stays as it is.
///
/// Refused with `TargetGroupNotFound`, or `TooManyTargets` over AWS's quota.
pub fn register_target(
    world: &mut World,
    arn: &str,
    address: Ipv4Addr,
    port: u16,
    now: Millis,
) -> Result<(), Refusal> {
    target::add(
        target_group::find_mut(&mut world.elbv2, arn)?,
        address,
        port,
        now,
    )
}

/// Starts draining a target; in a group that no listener uses it leaves at once. One that is not there is left so.
pub fn deregister_target(world: &mut World, arn: &str, address: Ipv4Addr, port: u16, now: Millis) {
    let in_use = target_group_is_attached(world, arn);
    if let Ok(group) = target_group::find_mut(&mut world.elbv2, arn) {
        target::drain(group, address, port, in_use, now);
    }
}

/// A target's health; `None` when it was never registered or has drained.
pub fn target_health(world: &World, arn: &str, address: Ipv4Addr, port: u16) -> Option<Health> {
    let group = world
        .elbv2
        .target_groups
        .iter()
        .find(|group| group.arn == arn)?;
    let target = group
        .targets
        .iter()
        .find(|target| target.address == address && target.port == port)?;
    Some(target.health(target_group_is_attached(world, arn)))
}

/// What the load balancer sees, for `/_simulator/balancer`: every target with its health and its traffic.
pub fn balancer_report(world: &World) -> Value {
    let groups = world.elbv2.target_groups.iter().map(|group| {
        let in_use = target_group_is_attached(world, &group.arn);
        let targets: Vec<Value> = group
            .targets
            .iter()
            .map(|target| {
                let health = target.health(in_use);
                json!({
                    "address": format!("{}:{}", target.address, target.port),
                    "health": health.state(),
                    "reason": health.reason(),
                    "inFlight": target.in_flight,
                    "requests": target.requests,
                })
            })
            .collect();
        json!({ "name": group.name, "arn": group.arn, "inUse": in_use, "targets": targets })
    });
    json!({ "targetGroups": groups.collect::<Vec<_>>() })
}

/// AWS's page size where the caller names none, and its maximum.
const PAGE_SIZE_MAX: usize = 400;

/// One page of a listing under `member`, with `NextMarker` when more follows.
fn page(call: &Call, member: &str, items: Vec<Value>) -> Answer {
    let size = match call.integer("PageSize") {
        None => PAGE_SIZE_MAX,
        Some(size) => usize::try_from(size)
            .ok()
            .filter(|size| (1..=PAGE_SIZE_MAX).contains(size))
            .ok_or_else(|| {
                Refusal::new(
                    "ValidationError",
                    format!("Page size '{size}' must be between '1' and '400'"),
                )
            })?,
    };
    let start: usize = match call.text("Marker") {
        None => 0,
        Some(marker) => marker
            .parse()
            .map_err(|_| Refusal::new("ValidationError", "The specified marker is not valid"))?,
    };
    let end = items.len().min(start.saturating_add(size));
    let next = (end < items.len()).then(|| end.to_string());
    let mut output = json!({ member: items.get(start..end).unwrap_or_default() });
    if let (Some(next), Some(output)) = (next, output.as_object_mut()) {
        output.insert("NextMarker".into(), json!(next));
    }
    Ok(output)
}

/// The rule for the names of load balancers and target groups; `kind` says which.
fn check_name(kind: &str, name: &str) -> Result<(), Refusal> {
    let letters = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    let problem = if name.len() > 32 {
        "cannot be longer than '32' characters"
    } else if !name.bytes().all(letters) || name.is_empty() {
        "can only contain characters that are alphanumeric characters or hyphens(-)"
    } else if name.starts_with('-') || name.ends_with('-') {
        "cannot begin or end with '-'"
    } else {
        return Ok(());
    };
    let message = format!("{kind} name '{name}' {problem}");
    Err(Refusal::new("ValidationError", message))
}

/// A text member that AWS requires.
fn required<'a>(call: &'a Call, member: &str) -> Result<&'a str, Refusal> {
    call.text(member).ok_or_else(|| {
        let mut name = member.to_owned();
        if let Some(first) = name.get_mut(0..1) {
            first.make_ascii_lowercase();
        }
        Refusal::new(
            "ValidationError",
            format!("1 validation error detected: Value null at '{name}' failed to satisfy constraint: Member must not be null"),
        )
    })
}
