//! The account a simulation starts with, as one YAML file says it.
//!
//! Takes the text of a fixture (`tests/fixtures/account.yaml`), gives a [`World`]. Holds only what exists before
//! the reconciler runs and is referenced but never made by it: network, cluster, load balancer, images, namespace.
//! Never reads a file and never invents a value: an unknown or missing key is an error at its line and column.

mod dns;
mod network;

pub use dns::{HostedZone, Record, RecordTarget};
pub use network::{Rule, SecurityGroup, Subnet, Vpc};
use serde::{Deserialize, Deserializer};

use super::call::Millis;
use super::world::World;
use super::{acm, ecr, ecs, elbv2, iam, route53, servicediscovery};
use crate::secret::Secret;

/// Why a fixture was refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not YAML, or an unknown, missing or ill-typed key. The source says where (line and column).
    #[error("the account file does not read")]
    Unreadable(#[source] serde_yaml::Error),
    /// A name in `place` points at something the file does not have.
    #[error("{place}: the file has no {missing}")]
    Dangling {
        /// Path of the naming entry, such as `load_balancers.hokusai-development`.
        place: String,
        /// What was looked for, such as `subnet subnet-0a1b`.
        missing: String,
    },
}

/// The whole file.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// The twelve-digit account number, quoted (a leading zero counts).
    pub account: String,
    /// The one region.
    pub region: String,
    /// Who may sign requests.
    pub access_keys: Vec<AccessKey>,
    /// ECS clusters, all on Fargate.
    pub clusters: Vec<Cluster>,
    /// Networks.
    pub vpcs: Vec<Vpc>,
    /// Application load balancers.
    pub load_balancers: Vec<LoadBalancer>,
    /// ECR repositories.
    pub repositories: Vec<Repository>,
    /// Cloud Map private DNS namespaces.
    pub namespaces: Vec<Namespace>,
    /// Public DNS zones.
    pub hosted_zones: Vec<HostedZone>,
    /// Roles AWS itself made when a service was first used.
    pub service_linked_roles: Vec<ServiceLinkedRole>,
}

/// A long-lived access key.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessKey {
    /// What requests name it by.
    pub id: String,
    /// What requests are signed with.
    #[serde(deserialize_with = "secret")]
    pub secret: Secret<String>,
    /// The ARN of the user it is a key of.
    pub principal: String,
}

fn secret<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Secret<String>, D::Error> {
    String::deserialize(deserializer).map(Secret::new)
}

/// An ECS cluster.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cluster {
    /// Its name, the last part of its ARN.
    pub name: String,
}

/// An application load balancer (`active`, ipv4).
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadBalancer {
    /// Its name.
    pub name: String,
    /// The sixteen hexadecimal digits that end its ARN.
    pub id: String,
    /// `internet-facing` or `internal`.
    pub scheme: Scheme,
    /// The network it stands in.
    pub vpc: String,
    /// Subnet ids, one per availability zone.
    pub subnets: Vec<String>,
    /// Security group ids.
    pub security_groups: Vec<String>,
    /// What it listens on.
    pub listeners: Vec<Listener>,
}

/// Where a load balancer can be reached from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scheme {
    /// From anywhere.
    InternetFacing,
    /// From its network only.
    Internal,
}

impl Scheme {
    /// The word AWS uses.
    pub fn as_str(self) -> &'static str {
        match self {
            Scheme::InternetFacing => "internet-facing",
            Scheme::Internal => "internal",
        }
    }
}

/// An HTTPS listener: every listener of an existing account is one, so there is nothing to choose.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// The sixteen hexadecimal digits that end its ARN.
    pub id: String,
    /// The port clients connect to.
    pub port: u16,
    /// Its protocol.
    pub protocol: ListenerProtocol,
    /// The name of AWS's TLS policy. It is read back; the loopback listener speaks TLS 1.2 and 1.3 whatever it says.
    pub ssl_policy: String,
    /// Its default certificate.
    pub certificate: Certificate,
    /// What is answered when no rule matches.
    pub default_response: FixedResponse,
}

/// What a listener speaks to clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum ListenerProtocol {
    /// HTTP over TLS.
    #[serde(rename = "HTTPS")]
    Https,
}

/// A certificate of AWS Certificate Manager, issued.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Its ARN.
    pub arn: String,
    /// The names it is good for; the loopback listener's test certificate carries them too.
    pub domains: Vec<String>,
}

/// A reply the load balancer gives by itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FixedResponse {
    /// HTTP status.
    pub status: u16,
    /// Such as `text/plain`.
    pub content_type: String,
    /// Body, at most 1,024 characters on AWS.
    pub body: String,
}

/// An ECR repository.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Repository {
    /// Its name, such as `hokusai/contracts`.
    pub name: String,
    /// Images pushed to it.
    pub images: Vec<Image>,
}

/// One pushed image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// Tags that point at it.
    pub tags: Vec<String>,
    /// `sha256:` and the SHA-256 of the manifest; said here for readers, checked against it.
    pub digest: String,
    /// The manifest or image index, JSON, to the byte.
    pub manifest: String,
}

/// A Cloud Map private DNS namespace.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Namespace {
    /// Its DNS name.
    pub name: String,
    /// `ns-…`.
    pub id: String,
    /// The network whose resolver knows it.
    pub vpc: String,
    /// The Route 53 zone behind it.
    pub hosted_zone: String,
}

/// A service-linked role.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceLinkedRole {
    /// Such as `AWSServiceRoleForECS`.
    pub name: String,
    /// The principal that may assume it, also part of its path.
    pub service: String,
}

/// Reads a fixture and checks that every id it names is in it.
pub fn parse(text: &str) -> Result<Account, Error> {
    let account: Account = serde_yaml::from_str(text).map_err(Error::Unreadable)?;
    for balancer in &account.load_balancers {
        let place = || format!("load_balancers.{}", balancer.name);
        let vpc = account.vpc(&balancer.vpc, place)?;
        for id in &balancer.subnets {
            named(
                vpc.subnets.iter().any(|subnet| subnet.id == *id),
                place,
                "subnet",
                id,
            )?;
        }
        for id in &balancer.security_groups {
            named(
                vpc.security_groups.iter().any(|group| group.id == *id),
                place,
                "security group",
                id,
            )?;
        }
    }
    for group in account.vpcs.iter().flat_map(|vpc| &vpc.security_groups) {
        let known = |id: &str| {
            let mut groups = account.vpcs.iter().flat_map(|vpc| &vpc.security_groups);
            groups.any(|group| group.id == id)
        };
        let place = || format!("security_groups.{}", group.name);
        for peer in [&group.ingress, &group.egress]
            .into_iter()
            .flatten()
            .filter_map(Rule::group)
        {
            named(known(peer), place, "security group", peer)?;
        }
    }
    for repository in &account.repositories {
        for image in &repository.images {
            let place = || format!("repositories.{}", repository.name);
            let digest = ecr::digest(&image.manifest);
            named(
                digest == image.digest,
                place,
                "manifest with digest",
                &image.digest,
            )?;
        }
    }
    for zone in &account.hosted_zones {
        for record in &zone.records {
            let RecordTarget::LoadBalancer(name) = &record.target else {
                continue;
            };
            let known = account
                .load_balancers
                .iter()
                .any(|balancer| balancer.name == *name);
            named(
                known,
                || format!("hosted_zones.{}", zone.name),
                "load balancer",
                name,
            )?;
        }
    }
    for namespace in &account.namespaces {
        account.vpc(&namespace.vpc, || format!("namespaces.{}", namespace.name))?;
    }
    Ok(account)
}

impl Account {
    fn vpc(&self, id: &str, place: impl Fn() -> String) -> Result<&Vpc, Error> {
        let found = self.vpcs.iter().find(|vpc| vpc.id == id);
        found.ok_or_else(|| Error::Dangling {
            place: place(),
            missing: format!("network {id}"),
        })
    }

    /// The account as it stands at `now`; identifiers made later follow from `seed`.
    pub fn into_world(self, seed: u64, now: Millis) -> World {
        let Account {
            account,
            region,
            access_keys,
            clusters,
            vpcs,
            load_balancers,
            repositories,
            namespaces,
            hosted_zones,
            service_linked_roles,
        } = self;
        let mut world = World::new(account, region, seed);
        world.access_keys = access_keys;
        world.vpcs = vpcs;
        for role in &service_linked_roles {
            iam::add_service_linked_role(&mut world, role, now);
        }
        for repository in &repositories {
            ecr::add_repository(&mut world, repository, now);
        }
        for namespace in &namespaces {
            servicediscovery::add_namespace(&mut world, namespace, now);
        }
        for cluster in &clusters {
            ecs::add_cluster(&mut world, &cluster.name);
        }
        for balancer in &load_balancers {
            elbv2::add_load_balancer(&mut world, balancer, now);
            for listener in &balancer.listeners {
                acm::add_certificate(&mut world, &listener.certificate, now);
            }
        }
        for zone in &hosted_zones {
            route53::add_zone(&mut world, zone);
        }
        world
    }
}

fn named(found: bool, place: impl Fn() -> String, kind: &str, id: &str) -> Result<(), Error> {
    if found {
        Ok(())
    } else {
        Err(Error::Dangling {
            place: place(),
            missing: format!("{kind} {id}"),
        })
    }
}
