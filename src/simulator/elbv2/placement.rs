//! Where a load balancer stands: its subnets, one per zone, and its security groups.
//!
//! Takes the members of CreateLoadBalancer, SetSubnets, SetSecurityGroups and SetIpAddressType, checks them against the
//! account's networks.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{load_balancer, required};
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};

/// An availability zone and the subnet in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Zone {
    pub(super) name: String,
    pub(super) subnet: String,
}

/// The zones of those subnets that exist, by name.
pub(super) fn zones(world: &World, subnets: &[String]) -> Vec<Zone> {
    let zone = |id: &String| {
        let (_, subnet) = world.subnet(id)?;
        Some(Zone {
            name: subnet.availability_zone.clone(),
            subnet: id.clone(),
        })
    };
    let mut zones: Vec<Zone> = subnets.iter().filter_map(zone).collect();
    zones.sort();
    zones
}

/// The network and zones that `Subnets` or `SubnetMappings` name.
pub(super) fn parse_subnets(world: &World, call: &Call) -> Result<(String, Vec<Zone>), Refusal> {
    let mut subnets = call.texts("Subnets");
    let mappings = call.structures("SubnetMappings")?;
    if subnets.is_empty() == mappings.is_empty() {
        return Err(Refusal::new(
            "ValidationError",
            "You must specify either subnets or subnet mappings, but not both",
        ));
    }
    for mapping in &mappings {
        subnets.push(required(mapping, "SubnetId")?.to_owned());
    }
    let mut networks = BTreeSet::new();
    for id in &subnets {
        let (vpc, _) = world.subnet(id).ok_or_else(|| {
            Refusal::new(
                "SubnetNotFound",
                format!("The subnet ID '{id}' does not exist"),
            )
        })?;
        networks.insert(vpc.id.clone());
    }
    let zones = zones(world, &subnets);
    let names: BTreeSet<&str> = zones.iter().map(|zone| zone.name.as_str()).collect();
    if names.len() < zones.len() {
        return Err(misconfigured(
            "A load balancer cannot be attached to multiple subnets in the same Availability Zone",
        ));
    }
    if names.len() < 2 {
        return Err(misconfigured(
            "At least two subnets in two different Availability Zones must be specified",
        ));
    }
    match (networks.pop_first(), networks.is_empty()) {
        (Some(vpc), true) => Ok((vpc, zones)),
        _ => Err(misconfigured("All subnets must belong to the same VPC")),
    }
}

/// The groups of `SecurityGroups`; without any, the network's default group where the account has one.
pub(super) fn parse_security_groups(
    world: &World,
    call: &Call,
    vpc: &str,
) -> Result<Vec<String>, Refusal> {
    let network = world.vpcs.iter().find(|known| known.id == vpc);
    let known = network.map_or(&[][..], |network| &network.security_groups);
    let wanted = call.texts("SecurityGroups");
    if wanted.is_empty() {
        let default = known.iter().find(|group| group.name == "default");
        return Ok(default.into_iter().map(|group| group.id.clone()).collect());
    }
    let unknown = |id: &&String| !known.iter().any(|group| group.id == **id);
    match wanted.iter().find(unknown) {
        None => Ok(wanted),
        Some(id) => Err(Refusal::new(
            "InvalidSecurityGroup",
            format!("One or more security groups are invalid: '{id}'"),
        )),
    }
}

pub(super) fn check_address_type(call: &Call) -> Result<(), Refusal> {
    match call.text("IpAddressType") {
        None | Some("ipv4") => Ok(()),
        // The account's subnets have no IPv6 ranges.
        Some(_) => Err(misconfigured(
            "You must specify subnets with an associated IPv6 CIDR block",
        )),
    }
}

pub(super) fn set_subnets(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "LoadBalancerArn")?;
    load_balancer::known(&world.elbv2, arn)?;
    check_address_type(call)?;
    let (vpc, zones) = parse_subnets(world, call)?;
    let balancer = load_balancer::find_mut(&mut world.elbv2, arn)?;
    if balancer.vpc != vpc {
        return Err(misconfigured(
            "The subnets must belong to the load balancer's VPC",
        ));
    }
    balancer.zones = zones;
    Ok(json!({ "AvailabilityZones": describe(&balancer.zones), "IpAddressType": "ipv4" }))
}

pub(super) fn set_security_groups(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "LoadBalancerArn")?;
    let vpc = load_balancer::find_mut(&mut world.elbv2, arn)?.vpc.clone();
    if call.list("SecurityGroups").is_empty() {
        return Err(misconfigured(
            "At least one security group must be specified",
        ));
    }
    let groups = parse_security_groups(world, call, &vpc)?;
    let balancer = load_balancer::find_mut(&mut world.elbv2, arn)?;
    balancer.security_groups = groups;
    Ok(json!({ "SecurityGroupIds": balancer.security_groups }))
}

pub(super) fn set_address_type(world: &mut World, call: &Call) -> Answer {
    load_balancer::known(&world.elbv2, required(call, "LoadBalancerArn")?)?;
    required(call, "IpAddressType")?;
    check_address_type(call)?;
    Ok(json!({ "IpAddressType": "ipv4" }))
}

pub(super) fn describe(zones: &[Zone]) -> Value {
    let zone = |Zone { name, subnet }: &Zone| json!({ "ZoneName": name, "SubnetId": subnet, "LoadBalancerAddresses": [] });
    zones.iter().map(zone).collect()
}

fn misconfigured(message: &str) -> Refusal {
    Refusal::new("InvalidConfigurationRequest", message)
}
