//! Application load balancers: the account's own and those a caller makes.
//!
//! Takes the account's entries and the calls, gives AWS's descriptions. Network and gateway load balancers are not
//! modelled. A made load balancer listens on no socket: the one on loopback is the account's.

use serde_json::{Value, json};

use super::attributes::{self, Attributes, load_balancer as table};
use super::placement::{self, Zone};
use super::{State, certificate, listener, page, required, tags};
use crate::simulator::World;
use crate::simulator::account;
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::defaults::elbv2::load_balancer as default;
use crate::simulator::tag::Tags;

/// Route 53's zone of all application load balancers in us-east-1
/// (docs.aws.amazon.com/general/latest/gr/elb.html).
const HOSTED_ZONE: &str = "Z35SXDOTRQ7X7K";
/// AWS's default quota per region.
pub(super) const LOAD_BALANCERS_MAX: usize = 50;
/// AWS's limit in one call, below the number there are (hashicorp/terraform-provider-aws#46496).
const ATTRIBUTES_MAX: usize = 20;
/// Provisioning takes AWS a minute or more. Simulated time is real in the demo, so this is only long enough to be seen.
const PROVISIONING_MILLIS: Millis = 500;

#[derive(Debug, Clone)]
pub(super) struct LoadBalancer {
    pub(super) arn: String,
    pub(super) name: String,
    dns_name: String,
    scheme: account::Scheme,
    pub(super) vpc: String,
    pub(super) zones: Vec<Zone>,
    pub(super) security_groups: Vec<String>,
    created: Millis,
    /// `provisioning` until then.
    active: Millis,
    attributes: Attributes,
    pub(super) tags: Tags,
}

/// Adds an existing load balancer with its listeners. Its availability zones are those of its subnets, which the caller
/// has checked to exist; one that does not is left out.
pub fn add_load_balancer(world: &mut World, balancer: &account::LoadBalancer, now: Millis) {
    let account::LoadBalancer {
        name,
        id,
        scheme,
        vpc,
        subnets,
        security_groups,
        listeners,
    } = balancer;
    let zones = placement::zones(world, subnets);
    let arn = arn(world, name, id);
    for given in listeners {
        certificate::add(&mut world.elbv2, &given.certificate);
        listener::add(world, &arn, given);
    }
    world.elbv2.load_balancers.push(LoadBalancer {
        dns_name: new_dns_name(world, name, id, *scheme),
        arn,
        name: name.clone(),
        scheme: *scheme,
        vpc: vpc.clone(),
        zones,
        security_groups: security_groups.clone(),
        created: now,
        active: now,
        attributes: defaults(*scheme),
        tags: Tags::new(),
    });
}

/// The load balancer's host name and Route 53's zone of it.
pub fn dns_name(world: &World, name: &str) -> Option<(String, &'static str)> {
    let mut balancers = world.elbv2.load_balancers.iter();
    let balancer = balancers.find(|balancer| balancer.name == name)?;
    Some((balancer.dns_name.clone(), HOSTED_ZONE))
}

fn arn(world: &World, name: &str, id: &str) -> String {
    let resource = format!("loadbalancer/app/{name}/{id}");
    world.arn("elasticloadbalancing", &resource)
}

/// The number AWS puts into the name; here it follows from the id.
fn new_dns_name(world: &World, name: &str, id: &str, scheme: account::Scheme) -> String {
    let number: u64 = id.bytes().fold(0, |number, byte| {
        (number * 31 + u64::from(byte)) % 10_000_000_000
    });
    let prefix = if scheme == account::Scheme::Internal {
        "internal-"
    } else {
        ""
    };
    format!("{prefix}{name}-{number}.{}.elb.amazonaws.com", world.region)
}

fn defaults(scheme: account::Scheme) -> Attributes {
    let mut attributes = attributes::defaults(table::ROWS);
    if scheme == account::Scheme::Internal {
        attributes.insert("ipv6.deny_all_igw_traffic", "true".into());
    }
    attributes
}

/// "This operation is idempotent … If you attempt to create multiple load balancers with the same settings, each call
/// succeeds" (API_CreateLoadBalancer).
pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let name = required(call, "Name")?;
    check_name(name)?;
    if let Some(kind) = call.text("Type").filter(|kind| *kind != "application") {
        return Err(invalid(format!(
            "The simulator does not model load balancers of type '{kind}'"
        )));
    }
    placement::check_address_type(call)?;
    let scheme = match call.text("Scheme").unwrap_or(default::SCHEME) {
        "internet-facing" => account::Scheme::InternetFacing,
        "internal" => account::Scheme::Internal,
        other => {
            let message = format!("Scheme '{other}' must be internet-facing or internal");
            return Err(Refusal::new("InvalidScheme", message));
        }
    };
    let (vpc, zones) = placement::parse_subnets(world, call)?;
    let security_groups = placement::parse_security_groups(world, call, &vpc)?;
    let tags = tags::parse(call)?;
    let state = &world.elbv2;
    if let Some(existing) = state.load_balancers.iter().find(|known| known.name == name) {
        let same = existing.scheme == scheme
            && existing.zones == zones
            && existing.security_groups == security_groups;
        if !same {
            let message = format!(
                "A load balancer with the same name '{name}' exists, but with different settings"
            );
            return Err(Refusal::new("DuplicateLoadBalancerName", message));
        }
        return Ok(json!({ "LoadBalancers": [describe_one(existing, call.now)] }));
    }
    if state.load_balancers.len() >= LOAD_BALANCERS_MAX {
        let message =
            "The maximum number of load balancers has been reached on account in this Region";
        return Err(Refusal::new("TooManyLoadBalancers", message));
    }
    let id = world.hex(16);
    let balancer = LoadBalancer {
        arn: arn(world, name, &id),
        name: name.to_owned(),
        dns_name: new_dns_name(world, name, &id, scheme),
        scheme,
        vpc,
        zones,
        security_groups,
        created: call.now,
        active: call.now + PROVISIONING_MILLIS,
        attributes: defaults(scheme),
        tags,
    };
    let described = describe_one(&balancer, call.now);
    world.elbv2.load_balancers.push(balancer);
    Ok(json!({ "LoadBalancers": [described] }))
}

/// Takes its listeners and their rules with it; target groups stay. "If the load balancer does not exist or has already
/// been deleted, the call succeeds" (API_DeleteLoadBalancer).
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "LoadBalancerArn")?;
    let state = &mut world.elbv2;
    let found = state.load_balancers.iter().find(|known| known.arn == arn);
    let attributes = found.map(|balancer| &balancer.attributes);
    let protection = attributes.and_then(|attributes| attributes.get(table::DELETION_PROTECTION));
    if protection.is_some_and(|on| on == "true") {
        let message = format!(
            "Load balancer '{arn}' cannot be deleted because deletion protection is enabled"
        );
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    state.load_balancers.retain(|known| known.arn != arn);
    listener::forget_all_of(state, arn);
    Ok(json!({}))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let (arns, names) = (call.texts("LoadBalancerArns"), call.texts("Names"));
    if !arns.is_empty() && !names.is_empty() {
        let message =
            "Load balancer names and load balancer ARNs cannot be specified at the same time";
        return Err(invalid(message));
    }
    if arns.len().max(names.len()) > 20 {
        return Err(invalid("The number of load balancers cannot exceed '20'"));
    }
    let all = &world.elbv2.load_balancers;
    let missing = |wanted: &String| {
        !all.iter()
            .any(|balancer| balancer.arn == *wanted || balancer.name == *wanted)
    };
    if let Some(missing) = arns.iter().chain(&names).find(|wanted| missing(wanted)) {
        return Err(Refusal::new(
            "LoadBalancerNotFound",
            format!("Load balancers '[{missing}]' not found"),
        ));
    }
    let wanted = |balancer: &&LoadBalancer| {
        arns.is_empty() && names.is_empty()
            || arns.contains(&balancer.arn)
            || names.contains(&balancer.name)
    };
    let described = all.iter().filter(wanted);
    let described = described.map(|balancer| describe_one(balancer, call.now));
    page(call, "LoadBalancers", described.collect())
}

fn describe_one(balancer: &LoadBalancer, now: Millis) -> Value {
    let LoadBalancer {
        arn,
        name,
        dns_name,
        scheme,
        vpc,
        zones,
        security_groups,
        created,
        active,
        attributes: _,
        tags: _,
    } = balancer;
    json!({
        "LoadBalancerArn": arn,
        "DNSName": dns_name,
        "CanonicalHostedZoneId": HOSTED_ZONE,
        "CreatedTime": timestamp(*created),
        "LoadBalancerName": name,
        "Scheme": scheme.as_str(),
        "VpcId": vpc,
        "State": { "Code": if *active <= now { "active" } else { "provisioning" } },
        "Type": default::TYPE,
        "AvailabilityZones": placement::describe(zones),
        "SecurityGroups": security_groups,
        "IpAddressType": default::ADDRESS_TYPE,
    })
}

pub(super) fn describe_attributes(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "LoadBalancerArn")?;
    Ok(attributes::shown(
        &find_mut(&mut world.elbv2, arn)?.attributes,
    ))
}

pub(super) fn modify_attributes(world: &mut World, call: &Call) -> Answer {
    let balancer = find_mut(&mut world.elbv2, required(call, "LoadBalancerArn")?)?;
    if call.list("Attributes").len() > ATTRIBUTES_MAX {
        return Err(invalid(format!(
            "1 validation error detected: Value at 'attributes' failed to satisfy constraint: Member must have length less \
             than or equal to {ATTRIBUTES_MAX}"
        )));
    }
    let mut changed = balancer.attributes.clone();
    changed.extend(attributes::changes(table::ROWS, "Load balancer", call)?);
    table::check_logs(&changed)?;
    balancer.attributes = changed;
    Ok(attributes::shown(&balancer.attributes))
}

pub(super) fn find_mut<'a>(
    state: &'a mut State,
    arn: &str,
) -> Result<&'a mut LoadBalancer, Refusal> {
    let mut balancers = state.load_balancers.iter_mut();
    let found = balancers.find(|balancer| balancer.arn == arn);
    found.ok_or_else(|| not_found(arn))
}

pub(super) fn known(state: &State, arn: &str) -> Result<(), Refusal> {
    let mut balancers = state.load_balancers.iter();
    if balancers.any(|balancer| balancer.arn == arn) {
        Ok(())
    } else {
        Err(not_found(arn))
    }
}

fn not_found(arn: &str) -> Refusal {
    Refusal::new(
        "LoadBalancerNotFound",
        format!("Load balancer '{arn}' not found"),
    )
}

fn check_name(name: &str) -> Result<(), Refusal> {
    super::check_name("Load balancer", name)?;
    if name.starts_with("internal-") {
        let message = format!("Load balancer name '{name}' cannot begin with 'internal-'");
        return Err(invalid(message));
    }
    Ok(())
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
