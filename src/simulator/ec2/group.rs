//! Security groups and their rules, as DescribeSecurityGroups groups them and DescribeSecurityGroupRules lists them.

use serde_json::{Value, json};

use super::{Entry, Listing, listed};
use crate::simulator::account::{Rule, SecurityGroup, Vpc};
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::world::World;

const GROUPS: Listing = Listing {
    set: "securityGroupInfo",
    ids: "GroupId",
    missing: (
        "InvalidGroup.NotFound",
        "The security group '{}' does not exist",
    ),
    filters: &[
        "group-id",
        "group-name",
        "description",
        "vpc-id",
        "owner-id",
        "ip-permission.protocol",
        "ip-permission.from-port",
        "ip-permission.to-port",
        "ip-permission.group-id",
        "ip-permission.cidr",
        "egress.ip-permission.protocol",
        "egress.ip-permission.cidr",
    ],
};

const RULES: Listing = Listing {
    set: "securityGroupRuleSet",
    ids: "SecurityGroupRuleId",
    missing: (
        "InvalidSecurityGroupRuleId.NotFound",
        "The security group rule ID '{}' does not exist",
    ),
    filters: &["group-id", "security-group-rule-id"],
};

fn all(world: &World) -> impl Iterator<Item = (&Vpc, &SecurityGroup)> {
    world
        .vpcs
        .iter()
        .flat_map(|vpc| vpc.security_groups.iter().map(move |group| (vpc, group)))
}

pub(super) fn groups(world: &World, call: &Call) -> Answer {
    // A group outside the default network can be named by id only.
    if let Some(name) = call.optional_texts("GroupName")?.first() {
        let message = format!("The security group '{name}' does not exist in default VPC 'null'");
        return Err(Refusal::new("InvalidGroup.NotFound", message));
    }
    let entries = all(world).map(|(vpc, group)| {
        let SecurityGroup {
            id,
            name,
            description,
            ingress,
            egress,
        } = group;
        let of = |rules: &[Rule], read: fn(&Rule) -> Option<String>| {
            rules.iter().filter_map(read).collect::<Vec<_>>()
        };
        let protocol: fn(&Rule) -> Option<String> = |rule| Some(rule.protocol.clone());
        let cidr: fn(&Rule) -> Option<String> = |rule| rule.cidr_v4().map(str::to_owned);
        Entry {
            id: id.clone(),
            fields: vec![
                ("group-id", vec![id.clone()]),
                ("group-name", vec![name.clone()]),
                ("description", vec![description.clone()]),
                ("vpc-id", vec![vpc.id.clone()]),
                ("owner-id", vec![world.account.clone()]),
                ("ip-permission.protocol", of(ingress, protocol)),
                (
                    "ip-permission.from-port",
                    of(ingress, |rule| Some(rule.ports?.0.to_string())),
                ),
                (
                    "ip-permission.to-port",
                    of(ingress, |rule| Some(rule.ports?.1.to_string())),
                ),
                (
                    "ip-permission.group-id",
                    of(ingress, |rule| rule.group().map(str::to_owned)),
                ),
                ("ip-permission.cidr", of(ingress, cidr)),
                ("egress.ip-permission.protocol", of(egress, protocol)),
                ("egress.ip-permission.cidr", of(egress, cidr)),
            ],
            value: json!({
                "ownerId": world.account, "groupId": id, "groupName": name, "groupDescription": description,
                "vpcId": vpc.id, "ipPermissions": permissions(world, ingress),
                "ipPermissionsEgress": permissions(world, egress), "tagSet": [],
                "securityGroupArn": world.arn("ec2", &format!("security-group/{id}")),
            }),
        }
    });
    listed(call, &GROUPS, entries.collect())
}

/// Rules of one protocol and port range are one permission with several peers; "all protocols" has no ports.
fn permissions(world: &World, rules: &[Rule]) -> Value {
    let mut kinds: Vec<(&str, Option<(u16, u16)>)> = Vec::new();
    for rule in rules {
        if !kinds.contains(&(rule.protocol.as_str(), rule.ports)) {
            kinds.push((&rule.protocol, rule.ports));
        }
    }
    let permission = |(protocol, ports): (&str, Option<(u16, u16)>)| {
        let same = || {
            rules
                .iter()
                .filter(move |rule| rule.protocol == protocol && rule.ports == ports)
        };
        let groups: Vec<Value> = same()
            .filter_map(|rule| {
                let group = rule.group()?;
                let description = &rule.description;
                Some(json!({ "userId": world.account, "groupId": group, "description": description }))
            })
            .collect();
        let ranges: Vec<Value> = same()
            .filter_map(|rule| {
                Some(json!({ "cidrIp": rule.cidr_v4()?, "description": rule.description }))
            })
            .collect();
        let ranges_v6: Vec<Value> = same()
            .filter_map(|rule| {
                Some(json!({ "cidrIpv6": rule.cidr_v6()?, "description": rule.description }))
            })
            .collect();
        json!({
            "ipProtocol": protocol, "fromPort": ports.map(|ports| ports.0), "toPort": ports.map(|ports| ports.1),
            "groups": groups, "ipRanges": ranges, "ipv6Ranges": ranges_v6, "prefixListIds": [],
        })
    };
    kinds.into_iter().map(permission).collect()
}

pub(super) fn rules(world: &World, call: &Call) -> Answer {
    let entries = all(world).flat_map(|(vpc, group)| {
        let ingress = group.ingress.iter().map(|rule| (rule, false));
        let egress = group.egress.iter().map(|rule| (rule, true));
        ingress
            .chain(egress)
            .map(move |(rule, is_egress)| rule_entry(world, vpc, group, rule, is_egress))
    });
    listed(call, &RULES, entries.collect())
}

fn rule_entry(world: &World, vpc: &Vpc, group: &SecurityGroup, rule: &Rule, egress: bool) -> Entry {
    let Rule {
        id,
        protocol,
        ports,
        peer: _,
        description,
    } = rule;
    let referenced = rule
        .group()
        .map(|group| json!({ "groupId": group, "userId": world.account, "vpcId": vpc.id }));
    let port = |side: Option<u16>| side.map_or(-1, i64::from);
    Entry {
        id: id.clone(),
        fields: vec![
            ("group-id", vec![group.id.clone()]),
            ("security-group-rule-id", vec![id.clone()]),
        ],
        value: json!({
            "securityGroupRuleId": id, "groupId": group.id, "groupOwnerId": world.account, "isEgress": egress,
            "ipProtocol": protocol, "fromPort": port(ports.map(|ports| ports.0)),
            "toPort": port(ports.map(|ports| ports.1)), "cidrIpv4": rule.cidr_v4(), "cidrIpv6": rule.cidr_v6(),
            "referencedGroupInfo": referenced, "description": description, "tagSet": [],
            "securityGroupRuleArn": world.arn("ec2", &format!("security-group-rule/{id}")),
        }),
    }
}
