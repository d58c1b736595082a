//! The networks of an account file: subnets, security groups and their rules.

use serde::Deserialize;

/// A network with its parts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vpc {
    /// `vpc-…`.
    pub id: String,
    /// Its address range.
    pub cidr: String,
    /// At least one per availability zone in use.
    pub subnets: Vec<Subnet>,
    /// Security groups. Their rules are described and hold nothing back: everything runs on loopback.
    pub security_groups: Vec<SecurityGroup>,
}

/// One subnet.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subnet {
    /// `subnet-…`.
    pub id: String,
    /// Such as `us-east-1a`.
    pub availability_zone: String,
    /// Its address range. Simulated tasks live on loopback addresses instead.
    pub cidr: String,
}

/// One security group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SecurityGroup {
    /// `sg-…`.
    pub id: String,
    /// Its name within the network.
    pub name: String,
    /// What it is for.
    pub description: String,
    /// What may come in.
    pub ingress: Vec<Rule>,
    /// What may go out.
    pub egress: Vec<Rule>,
}

/// One rule of a security group.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// `sgr-…`.
    pub id: String,
    /// `tcp`, `udp`, `icmp`, or `-1` for all.
    pub protocol: String,
    /// First and last port; absent with protocol `-1`.
    pub ports: Option<(u16, u16)>,
    /// The other side: a security group of the file, or a range of addresses.
    pub peer: String,
    /// What it is for.
    pub description: Option<String>,
}

impl Rule {
    /// The peer, if it is a security group.
    pub fn group(&self) -> Option<&str> {
        Some(self.peer.as_str()).filter(|peer| peer.starts_with("sg-"))
    }

    /// The peer, if it is a range of IPv4 addresses.
    pub fn cidr_v4(&self) -> Option<&str> {
        Some(self.peer.as_str()).filter(|peer| self.group().is_none() && !peer.contains(':'))
    }

    /// The peer, if it is a range of IPv6 addresses.
    pub fn cidr_v6(&self) -> Option<&str> {
        Some(self.peer.as_str()).filter(|peer| peer.contains(':'))
    }
}
