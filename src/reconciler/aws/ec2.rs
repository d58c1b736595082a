//! EC2: the subnets and security groups a unit names. Reads only, by filter: an id that is not there is left out, where
//! naming it would be refused with all the others.

use std::collections::{BTreeMap, BTreeSet};

use super::signed::{Element, Service};
use super::{AwsError, Clients};
use crate::reconciler::observed::{Permission, SecurityGroup, Subnet};

const EC2: Service = Service {
    signing_name: "ec2",
    host: "ec2.{region}.amazonaws.com",
    region: None,
};
const VERSION: &str = "2016-11-15";

/// Those of `ids` that are there. A manifest names at most 16, and a page has room for a thousand.
pub async fn subnets(
    aws: &Clients,
    ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, Subnet>, AwsError> {
    let filter = filter("subnet-id", ids);
    let reply = aws
        .signed
        .query(EC2, "ec2:DescribeSubnets", VERSION, &filter)
        .await?;
    let subnets = reply.members("subnetSet").map(|subnet| {
        let value = Subnet {
            vpc: subnet.text_of("vpcId").to_owned(),
            zone: subnet.text_of("availabilityZone").to_owned(),
        };
        (subnet.text_of("subnetId").to_owned(), value)
    });
    Ok(subnets.collect())
}

/// Those of `ids` that are there: at most five of the tasks and five of the load balancer.
pub async fn security_groups(
    aws: &Clients,
    ids: &BTreeSet<String>,
) -> Result<BTreeMap<String, SecurityGroup>, AwsError> {
    let filter = filter("group-id", ids);
    let reply = aws
        .signed
        .query(EC2, "ec2:DescribeSecurityGroups", VERSION, &filter)
        .await?;
    let groups = reply.members("securityGroupInfo").map(|group| {
        let value = SecurityGroup {
            vpc: group.text_of("vpcId").to_owned(),
            ingress: group.members("ipPermissions").map(permission).collect(),
            egress: group
                .members("ipPermissionsEgress")
                .map(permission)
                .collect(),
        };
        (group.text_of("groupId").to_owned(), value)
    });
    Ok(groups.collect())
}

fn filter(name: &str, values: &BTreeSet<String>) -> Vec<(String, String)> {
    let mut fields = vec![("Filter.1.Name".to_owned(), name.to_owned())];
    for (index, value) in values.iter().enumerate() {
        fields.push((format!("Filter.1.Value.{}", index + 1), value.clone()));
    }
    fields
}

/// "All protocols" comes without ports, and ICMP with types in their place.
fn permission(found: &Element) -> Permission {
    let port = |name| found.text_of(name).parse::<i32>().ok();
    let peers = [
        ("groups", "groupId"),
        ("ipRanges", "cidrIp"),
        ("ipv6Ranges", "cidrIpv6"),
        ("prefixListIds", "prefixListId"),
    ];
    Permission {
        protocol: found.text_of("ipProtocol").to_owned(),
        ports: port("fromPort").zip(port("toPort")),
        peers: peers
            .into_iter()
            .flat_map(|(list, member)| found.members(list).map(move |peer| peer.text_of(member)))
            .map(str::to_owned)
            .collect(),
    }
}
