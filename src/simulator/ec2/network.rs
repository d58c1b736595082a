//! Networks, subnets, availability zones, and the network interfaces of tasks.

use serde_json::{Value, json};

use super::{Entry, Listing, listed};
use crate::simulator::call::{Answer, Call, Refusal, timestamp};
use crate::simulator::ecs::{self, Interface};
use crate::simulator::world::World;

const VPCS: Listing = Listing {
    set: "vpcSet",
    ids: "VpcId",
    missing: ("InvalidVpcID.NotFound", "The vpc ID '{}' does not exist"),
    filters: &[
        "vpc-id",
        "cidr",
        "cidr-block-association.cidr-block",
        "owner-id",
        "state",
        "is-default",
    ],
};

const SUBNETS: Listing = Listing {
    set: "subnetSet",
    ids: "SubnetId",
    missing: (
        "InvalidSubnetID.NotFound",
        "The subnet ID '{}' does not exist",
    ),
    filters: &[
        "subnet-id",
        "vpc-id",
        "availability-zone",
        "availability-zone-id",
        "cidr-block",
        "owner-id",
        "state",
        "default-for-az",
    ],
};

const ZONES: Listing = Listing {
    set: "availabilityZoneInfo",
    ids: "ZoneName",
    missing: (super::INVALID, "Invalid availability zone: [{}]"),
    filters: &[
        "zone-name",
        "zone-id",
        "region-name",
        "state",
        "zone-type",
        "opt-in-status",
        "group-name",
    ],
};

const INTERFACES: Listing = Listing {
    set: "networkInterfaceSet",
    ids: "NetworkInterfaceId",
    missing: (
        "InvalidNetworkInterfaceID.NotFound",
        "The networkInterface ID '{}' does not exist",
    ),
    filters: &[
        "network-interface-id",
        "subnet-id",
        "vpc-id",
        "availability-zone",
        "group-id",
        "private-ip-address",
        "addresses.private-ip-address",
        "mac-address",
        "status",
        "description",
        "interface-type",
        "owner-id",
        "attachment.status",
    ],
};

/// A field with one text.
fn field(name: &'static str, text: impl ToString) -> super::Field {
    (name, vec![text.to_string()])
}

pub(super) fn vpcs(world: &World, call: &Call) -> Answer {
    let entries = world.vpcs.iter().map(|vpc| Entry {
        id: vpc.id.clone(),
        fields: vec![
            field("vpc-id", &vpc.id),
            field("cidr", &vpc.cidr),
            field("cidr-block-association.cidr-block", &vpc.cidr),
            field("owner-id", &world.account),
            field("state", "available"),
            field("is-default", false),
        ],
        value: json!({
            "vpcId": vpc.id, "ownerId": world.account, "state": "available", "cidrBlock": vpc.cidr,
            "cidrBlockAssociationSet": [{
                "associationId": vpc.id.replacen("vpc-", "vpc-cidr-assoc-", 1), "cidrBlock": vpc.cidr,
                "cidrBlockState": { "state": "associated" },
            }],
            "dhcpOptionsId": vpc.id.replacen("vpc-", "dopt-", 1), "instanceTenancy": "default", "isDefault": false,
            "tagSet": [],
        }),
    });
    listed(call, &VPCS, entries.collect())
}

pub(super) fn subnets(world: &World, call: &Call) -> Answer {
    let interfaces = ecs::interfaces(world);
    let all = world
        .vpcs
        .iter()
        .flat_map(|vpc| vpc.subnets.iter().map(move |subnet| (vpc, subnet)));
    let entries = all.map(|(vpc, subnet)| {
        let zone_id = zone_id(&subnet.availability_zone);
        let taken = interfaces.iter().filter(|interface| interface.subnet == subnet.id);
        Entry {
            id: subnet.id.clone(),
            fields: vec![
                field("subnet-id", &subnet.id),
                field("vpc-id", &vpc.id),
                field("availability-zone", &subnet.availability_zone),
                field("availability-zone-id", &zone_id),
                field("cidr-block", &subnet.cidr),
                field("owner-id", &world.account),
                field("state", "available"),
                field("default-for-az", false),
            ],
            value: json!({
                "subnetId": subnet.id, "subnetArn": world.arn("ec2", &format!("subnet/{}", subnet.id)),
                "state": "available", "ownerId": world.account, "vpcId": vpc.id, "cidrBlock": subnet.cidr,
                "availableIpAddressCount": addresses(&subnet.cidr).saturating_sub(taken.count() as u64),
                "availabilityZone": subnet.availability_zone, "availabilityZoneId": zone_id, "defaultForAz": false,
                "mapPublicIpOnLaunch": false, "mapCustomerOwnedIpOnLaunch": false,
                "assignIpv6AddressOnCreation": false, "ipv6CidrBlockAssociationSet": [], "ipv6Native": false,
                "enableDns64": false,
                "privateDnsNameOptionsOnLaunch": {
                    "hostnameType": "ip-name", "enableResourceNameDnsARecord": false,
                    "enableResourceNameDnsAAAARecord": false,
                },
                "tagSet": [],
            }),
        }
    });
    listed(call, &SUBNETS, entries.collect())
}

/// A subnet's addresses but the five AWS keeps (docs.aws.amazon.com/vpc/latest/userguide/subnet-sizing.html).
fn addresses(cidr: &str) -> u64 {
    let bits = cidr.rsplit('/').next().and_then(|bits| bits.parse().ok());
    let bits: u32 = bits.unwrap_or(32);
    (1_u64 << 32_u32.saturating_sub(bits)).saturating_sub(5)
}

/// `us-east-1a` → `use1-az1`. AWS deals zone ids out differently in each account; here they follow the letters.
fn zone_id(zone: &str) -> String {
    let mut parts = zone.split('-');
    let area = parts.next().unwrap_or_default();
    let side: String = parts.next().unwrap_or_default().chars().take(1).collect();
    let last = parts.next().unwrap_or_default();
    let number = last.trim_end_matches(|letter: char| letter.is_ascii_lowercase());
    let letter = last.bytes().last().unwrap_or(b'a');
    format!(
        "{area}{side}{number}-az{}",
        letter.saturating_sub(b'a').saturating_add(1)
    )
}

/// The zones that subnets are in.
pub(super) fn zones(world: &World, call: &Call) -> Answer {
    let mut names: Vec<&str> = world
        .vpcs
        .iter()
        .flat_map(|vpc| &vpc.subnets)
        .map(|subnet| subnet.availability_zone.as_str())
        .collect();
    names.sort_unstable();
    names.dedup();
    let ids = call.optional_texts("ZoneId")?;
    let unknown = ids
        .iter()
        .find(|id| !names.iter().any(|name| zone_id(name) == **id));
    if let Some(unknown) = unknown {
        let message = format!("Invalid availability zone-id: [{unknown}]");
        return Err(Refusal::new(super::INVALID, message));
    }
    let region = &world.region;
    let entries = names
        .into_iter()
        .filter(|name| ids.is_empty() || ids.contains(&zone_id(name)))
        .map(|name| Entry {
            id: name.to_owned(),
            fields: vec![
                field("zone-name", name),
                field("zone-id", zone_id(name)),
                field("region-name", region),
                field("state", "available"),
                field("zone-type", "availability-zone"),
                field("opt-in-status", "opt-in-not-required"),
                field("group-name", format!("{region}-zg-1")),
            ],
            value: json!({
                "optInStatus": "opt-in-not-required", "messageSet": [], "regionName": region, "zoneName": name,
                "zoneId": zone_id(name), "groupName": format!("{region}-zg-1"), "networkBorderGroup": region,
                "zoneType": "availability-zone", "zoneState": "available",
            }),
        });
    listed(call, &ZONES, entries.collect())
}

/// AWS makes the interface and owns the machine it is attached to: as recorded of a Fargate task in
/// the tests of cfn-fargate-dns-registrator.
const FARGATE_ACCOUNT: &str = "628676013162";

/// Those of tasks; a load balancer's own are not modelled.
pub(super) fn interfaces(world: &World, call: &Call) -> Answer {
    let entries = ecs::interfaces(world)
        .into_iter()
        .filter_map(|interface| interface_entry(world, &interface));
    listed(call, &INTERFACES, entries.collect())
}

fn interface_entry(world: &World, interface: &Interface) -> Option<Entry> {
    let Interface {
        id,
        attachment,
        mac,
        address,
        subnet,
        security_groups,
        attached,
    } = interface;
    let (vpc, place) = world.subnet(subnet)?;
    let known = |id: &str| {
        let mut groups = vpc.security_groups.iter();
        groups.find(|group| group.id == id)
    };
    let groups: Vec<Value> = security_groups
        .iter()
        .filter_map(|id| Some(json!({ "groupId": id, "groupName": known(id)?.name })))
        .collect();
    let description = world.arn("ecs", &format!("attachment/{attachment}"));
    let dns = format!("ip-{}.ec2.internal", address.replace('.', "-"));
    Some(Entry {
        id: id.clone(),
        fields: vec![
            field("network-interface-id", id),
            field("subnet-id", subnet),
            field("vpc-id", &vpc.id),
            field("availability-zone", &place.availability_zone),
            ("group-id", security_groups.clone()),
            field("private-ip-address", address),
            field("addresses.private-ip-address", address),
            field("mac-address", mac),
            field("status", "in-use"),
            field("description", &description),
            field("interface-type", "interface"),
            field("owner-id", &world.account),
            field("attachment.status", "attached"),
        ],
        value: json!({
            "networkInterfaceId": id, "subnetId": subnet, "vpcId": vpc.id,
            "availabilityZone": place.availability_zone, "availabilityZoneId": zone_id(&place.availability_zone),
            "description": description, "ownerId": world.account, "requesterId": FARGATE_ACCOUNT,
            "requesterManaged": true, "status": "in-use", "macAddress": mac, "privateIpAddress": address,
            "privateDnsName": dns, "sourceDestCheck": true, "interfaceType": "interface", "groupSet": groups,
            "attachment": {
                "attachmentId": attachment_id(id), "instanceOwnerId": FARGATE_ACCOUNT, "deviceIndex": 1,
                "status": "attached", "attachTime": timestamp(*attached), "deleteOnTermination": false,
            },
            "tagSet": [], "ipv6AddressesSet": [],
            "privateIpAddressesSet": [{ "privateIpAddress": address, "privateDnsName": dns, "primary": true }],
        }),
    })
}

/// Fargate's own instance holds the interface under an id of this shape.
fn attachment_id(interface: &str) -> String {
    interface.replacen("eni-", "eni-attach-", 1)
}
