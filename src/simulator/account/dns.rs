//! The public DNS zones of an account file.

use serde::Deserialize;

/// A public hosted zone of Route 53. AWS's own NS and SOA records are not listed.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostedZone {
    /// Its domain.
    pub name: String,
    /// `Z…`.
    pub id: String,
    /// What it is for.
    pub comment: String,
    /// What is in it.
    pub records: Vec<Record>,
}

/// One record set.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// Its name, whole.
    pub name: String,
    /// Such as `A`.
    pub kind: String,
    /// What it points at.
    #[serde(with = "serde_yaml::with::singleton_map")]
    pub target: RecordTarget,
}

/// What a record set points at.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum RecordTarget {
    /// An alias of a load balancer of the file.
    LoadBalancer(String),
    /// Plain values.
    Values {
        /// Seconds they may be kept.
        ttl: u32,
        /// As a zone file has them.
        values: Vec<String>,
    },
}
