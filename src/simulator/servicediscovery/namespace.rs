//! Namespaces: given by the account file, read only.

use serde_json::{Value, json};

use super::super::account;
use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::tag::Tags;
use super::super::world::World;
use super::{INVALID, invalid, size};

#[derive(Debug)]
pub(super) struct Namespace {
    pub name: String,
    hosted_zone: String,
    created: Millis,
    pub tags: Tags,
}

/// The seconds a private zone's start of authority lives.
const SOA_SECONDS: u32 = 15;

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
        hosted_zone: hosted_zone.clone(),
        created: now,
        tags: Tags::new(),
    };
    world
        .servicediscovery
        .namespaces
        .insert(id.clone(), namespace);
}

pub(super) fn list_namespaces(world: &World, call: &Call) -> Answer {
    let mut filters = Vec::new();
    for filter in call.structures("Filters")? {
        let name = filter.required("Name", INVALID)?.to_owned();
        if !["TYPE", "NAME"].contains(&name.as_str()) {
            return Err(invalid(format!("The filter {name} is not simulated")));
        }
        filters.push((name, filter.optional_texts("Values")?));
    }
    let wanted = |namespace: &Namespace| {
        filters.iter().all(|(name, values)| {
            let actual = if name == "TYPE" {
                "DNS_PRIVATE"
            } else {
                &namespace.name
            };
            values.iter().any(|value| value == actual)
        })
    };
    let namespaces = world
        .servicediscovery
        .namespaces
        .iter()
        .filter(|(_, namespace)| wanted(namespace));
    let entries = namespaces.map(|(id, namespace)| (id.clone(), shown(world, id, namespace)));
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call, 100)?,
        INVALID,
    )?;
    Ok(json!({ "Namespaces": page.items, "NextToken": page.next }))
}

pub(super) fn get_namespace(world: &World, call: &Call) -> Answer {
    let asked = call.required("Id", INVALID)?;
    let id = asked.rsplit('/').next().unwrap_or(asked);
    let found = world.servicediscovery.namespaces.get(id);
    let namespace = found.ok_or_else(|| {
        Refusal::new(
            "NamespaceNotFound",
            format!("Namespace {asked} does not exist"),
        )
    })?;
    Ok(json!({ "Namespace": shown(world, id, namespace) }))
}

pub(super) fn arn(world: &World, id: &str) -> String {
    world.arn("servicediscovery", &format!("namespace/{id}"))
}

fn shown(world: &World, id: &str, namespace: &Namespace) -> Value {
    let Namespace {
        name,
        hosted_zone,
        created,
        tags: _,
    } = namespace;
    let services = world
        .servicediscovery
        .services
        .values()
        .filter(|service| service.namespace == id)
        .count();
    json!({
        "Id": id, "Arn": arn(world, id), "Name": name, "Type": "DNS_PRIVATE", "ServiceCount": services,
        "Properties": {
            "DnsProperties": { "HostedZoneId": hosted_zone, "SOA": { "TTL": SOA_SECONDS } },
            "HttpProperties": { "HttpName": name },
        },
        "CreateDate": timestamp(*created),
    })
}
