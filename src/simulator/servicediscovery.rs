//! Cloud Map: namespaces, services, instances, operations.
//!
//! Takes Cloud Map calls and ECS's registrations ([`register_instance`]). Answers DiscoverInstances; serves no DNS. Private
//! DNS and HTTP namespaces are modelled; public ones, whose domain must be somebody's, are not. Making or deleting a
//! namespace takes a moment; every other operation has succeeded by the time its id is given.

mod discover;
mod instance;
mod namespace;
mod namespaces;
mod operation;
mod service;

use std::collections::{BTreeMap, VecDeque};

use serde_json::json;

pub use self::instance::{deregister_instance, register_instance};
pub use self::namespace::add_namespace;
use super::call::{Answer, Call, Millis, Refusal};
use super::tag::{self, Tags};
use super::world::World;

/// Namespaces and services by id.
#[derive(Debug, Default)]
pub struct State {
    namespaces: BTreeMap<String, namespace::Namespace>,
    services: BTreeMap<String, service::Service>,
    /// The newest operations, oldest first.
    operations: VecDeque<operation::Operation>,
    /// Operations ever; the source of their numbers.
    operations_ever: u64,
}

const INVALID: &str = "InvalidInput";

/// Answers a Cloud Map call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "ListNamespaces" => namespace::list_namespaces(world, call),
        "GetNamespace" => namespace::get_namespace(world, call),
        "CreatePrivateDnsNamespace" => namespaces::create_private(world, call),
        "CreateHttpNamespace" => namespaces::create_http(world, call),
        "UpdatePrivateDnsNamespace" => namespaces::update_private(world, call),
        "UpdateHttpNamespace" => namespaces::update_http(world, call),
        "DeleteNamespace" => namespaces::delete(world, call),
        "CreateService" => service::create(world, call),
        "GetService" => service::get(world, call),
        "ListServices" => service::list(world, call),
        "UpdateService" => service::update(world, call),
        "DeleteService" => service::delete(world, call),
        "RegisterInstance" => instance::register(world, call),
        "DeregisterInstance" => instance::deregister(world, call),
        "GetInstance" => instance::get(world, call),
        "ListInstances" => instance::list_instances(world, call),
        "GetInstancesHealthStatus" => instance::health_status(world, call),
        "UpdateInstanceCustomHealthStatus" => instance::update_health(world, call),
        "DiscoverInstances" => discover::instances(world, call),
        "DiscoverInstancesRevision" => discover::revision(world, call),
        "GetOperation" => operation::get(world, call),
        "ListOperations" => operation::list(world, call),
        "ListTagsForResource" => Ok(json!({ "Tags": tag::to_list(tagged(world, call)?) })),
        "TagResource" => {
            let more = tag::from_list(call.list("Tags")).map_err(invalid)?;
            let merged = tag::merge(tagged(world, call)?, more);
            merged.map_err(|text| Refusal::new("TooManyTagsException", text))?;
            Ok(json!({}))
        }
        "UntagResource" => {
            let keys = call.optional_texts("TagKeys")?;
            tagged(world, call)?.retain(|key, _| !keys.contains(key));
            Ok(json!({}))
        }
        _ => Err(call.unknown_operation()),
    }
}

/// Whether a service of that ARN exists.
pub fn service_exists(world: &World, service_arn: &str) -> bool {
    let id = last_part(service_arn);
    world.servicediscovery.services.contains_key(id) && service_arn == service::arn(world, id)
}

/// Whether a namespace of that name or ARN exists.
pub fn namespace_exists(world: &World, name_or_arn: &str, now: Millis) -> bool {
    let mut namespaces = world.servicediscovery.namespaces.iter();
    namespaces.any(|(id, known)| {
        known.ready <= now
            && (known.name == name_or_arn || namespace::arn(world, id) == name_or_arn)
    })
}

/// Calls take an id or an ARN.
fn last_part(id_or_arn: &str) -> &str {
    id_or_arn.rsplit('/').next().unwrap_or(id_or_arn)
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Tags, Refusal> {
    let arn = call.required("ResourceARN", INVALID)?;
    let id = last_part(arn);
    let unknown = || {
        Refusal::new(
            "ResourceNotFoundException",
            format!("Resource {arn} was not found"),
        )
    };
    let mine = arn == service::arn(world, id) || arn == namespace::arn(world, id);
    let State {
        namespaces,
        services,
        ..
    } = &mut world.servicediscovery;
    let service = services.get_mut(id).map(|service| &mut service.tags);
    service
        .or_else(|| namespaces.get_mut(id).map(|namespace| &mut namespace.tags))
        .filter(|_| mine)
        .ok_or_else(unknown)
}

/// The `MaxResults` member: 1 to `max`; 100 by default.
fn size(call: &Call, max: usize) -> Result<usize, Refusal> {
    let Some(size) = call.optional_integer("MaxResults")? else {
        return Ok(100);
    };
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=max).contains(size));
    size.ok_or_else(|| invalid(format!("MaxResults must be between 1 and {max}")))
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new(INVALID, message)
}
