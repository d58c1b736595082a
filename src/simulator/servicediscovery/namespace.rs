//! Namespaces as Cloud Map reads them back.
//!
//! One exists from when the operation that makes it has ended until the one that deletes it begins.

use serde_json::{Value, json};

use super::super::account;
use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::defaults::discovery::namespace::SOA_SECONDS;
use super::super::tag::Tags;
use super::super::world::World;
use super::{INVALID, invalid, last_part, size};

#[derive(Debug)]
pub(super) struct Namespace {
    pub name: String,
    pub kind: Kind,
    pub description: Option<String>,
    pub creator_request: String,
    pub created: Millis,
    /// Not there before this.
    pub ready: Millis,
    pub tags: Tags,
}

#[derive(Debug)]
pub(super) enum Kind {
    Private {
        hosted_zone: String,
        soa_seconds: i64,
    },
    Http,
}

impl Namespace {
    fn type_name(&self) -> &'static str {
        match self.kind {
            Kind::Private { .. } => "DNS_PRIVATE",
            Kind::Http => "HTTP",
        }
    }
}

/// Adds an existing private DNS namespace.
pub fn add_namespace(world: &mut World, namespace: &account::Namespace, now: Millis) {
    // Cloud Map reads back no network.
    let account::Namespace {
        name,
        id,
        vpc: _,
        hosted_zone,
    } = namespace;
    let namespace = Namespace {
        name: name.clone(),
        kind: Kind::Private {
            hosted_zone: hosted_zone.clone(),
            soa_seconds: i64::from(SOA_SECONDS),
        },
        description: None,
        creator_request: id.clone(),
        created: now,
        ready: now,
        tags: Tags::new(),
    };
    let namespaces = &mut world.servicediscovery.namespaces;
    namespaces.insert(id.clone(), namespace);
}

pub(super) fn list_namespaces(world: &World, call: &Call) -> Answer {
    let mut filters = Vec::new();
    for filter in call.structures("Filters")? {
        let name = filter.required("Name", INVALID)?.to_owned();
        if !["TYPE", "NAME", "HTTP_NAME"].contains(&name.as_str()) {
            return Err(invalid(format!("The filter {name} is not simulated")));
        }
        let begins = filter.optional_text("Condition")? == Some("BEGINS_WITH");
        filters.push((name, begins, filter.optional_texts("Values")?));
    }
    let wanted = |namespace: &Namespace| {
        filters.iter().all(|(name, begins, values)| {
            let actual = if name == "TYPE" {
                namespace.type_name()
            } else {
                &namespace.name
            };
            let fits = |value: &String| *value == actual || *begins && actual.starts_with(value);
            values.iter().any(fits)
        })
    };
    let namespaces = world.servicediscovery.namespaces.iter();
    let there =
        namespaces.filter(|(_, namespace)| namespace.ready <= call.now && wanted(namespace));
    let entries = there.map(|(id, namespace)| {
        let mut entry = shown(world, id, namespace);
        if let Some(members) = entry.as_object_mut() {
            // A summary has none.
            members.remove("CreatorRequestId");
        }
        (id.clone(), entry)
    });
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call, 100)?, INVALID)?;
    Ok(json!({ "Namespaces": page.items, "NextToken": page.next }))
}

pub(super) fn get_namespace(world: &World, call: &Call) -> Answer {
    let (id, namespace) = find(world, call.required("Id", INVALID)?, call.now)?;
    Ok(json!({ "Namespace": shown(world, id, namespace) }))
}

/// The namespace of an id or ARN, which must exist by now.
pub(super) fn find<'a>(
    world: &'a World,
    asked: &'a str,
    now: Millis,
) -> Result<(&'a str, &'a Namespace), Refusal> {
    let id = last_part(asked);
    let found = world.servicediscovery.namespaces.get(id);
    let found = found.filter(|namespace| namespace.ready <= now);
    found.map(|namespace| (id, namespace)).ok_or_else(|| {
        Refusal::new(
            "NamespaceNotFound",
            format!("Namespace {asked} does not exist"),
        )
    })
}

pub(super) fn arn(world: &World, id: &str) -> String {
    world.arn("servicediscovery", &format!("namespace/{id}"))
}

pub(super) fn service_count(world: &World, id: &str) -> usize {
    let services = world.servicediscovery.services.values();
    services.filter(|service| service.namespace == id).count()
}

fn shown(world: &World, id: &str, namespace: &Namespace) -> Value {
    let Namespace {
        name,
        kind,
        description,
        creator_request,
        created,
        ready: _,
        tags: _,
    } = namespace;
    let mut properties = json!({ "HttpProperties": { "HttpName": name } });
    if let Kind::Private {
        hosted_zone,
        soa_seconds,
    } = kind
    {
        properties["DnsProperties"] =
            json!({ "HostedZoneId": hosted_zone, "SOA": { "TTL": soa_seconds } });
    }
    json!({
        "Id": id, "Arn": arn(world, id), "Name": name, "Type": namespace.type_name(), "Description": description,
        "ServiceCount": service_count(world, id), "Properties": properties, "CreateDate": timestamp(*created),
        "CreatorRequestId": creator_request, "ResourceOwner": world.account,
    })
}
