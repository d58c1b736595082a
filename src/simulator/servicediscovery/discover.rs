//! Discovery by API: which instances of a service a client is told about.
//!
//! Takes names, a health status and attributes, gives the instances that fit. Reads only.

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal};
use super::super::world::World;
use super::instance::{Attributes, Instance, health, texts};
use super::service::{Service, no_service};
use super::{INVALID, invalid, size};

pub(super) fn instances(world: &World, call: &Call) -> Answer {
    let service = named(world, call)?;
    let required = texts(call, "QueryParameters")?.unwrap_or_default();
    let optional = texts(call, "OptionalParameters")?.unwrap_or_default();
    let fits = |instance: &Instance, wanted: &Attributes| {
        let mut wanted = wanted.iter();
        wanted.all(|(name, value)| instance.attributes.get(name) == Some(value))
    };
    let mut all: Vec<_> = service.instances.iter().collect();
    all.retain(|(_, instance)| fits(instance, &required));
    // Where none matches the optional parameters too, they are ignored (API_DiscoverInstances).
    if all.iter().any(|(_, instance)| fits(instance, &optional)) {
        all.retain(|(_, instance)| fits(instance, &optional));
    }
    let with = |wanted: &str| -> Vec<_> {
        let mut chosen = all.clone();
        chosen.retain(|(_, instance)| health(service, instance) == wanted);
        chosen
    };
    let status = call.optional_text("HealthStatus")?;
    let chosen = match status.unwrap_or("HEALTHY_OR_ELSE_ALL") {
        "ALL" => all,
        // Where nothing is checked every instance counts as healthy.
        "HEALTHY" if service.failure_threshold.is_none() => all,
        status @ ("HEALTHY" | "UNHEALTHY") => with(status),
        "HEALTHY_OR_ELSE_ALL" => match with("HEALTHY") {
            healthy if healthy.is_empty() => all,
            healthy => healthy,
        },
        other => return Err(invalid(format!("HealthStatus {other} is not known"))),
    };
    let shown = |(id, instance): (&String, &Instance)| {
        json!({
            "InstanceId": id, "NamespaceName": call.text("NamespaceName"), "ServiceName": service.name,
            "HealthStatus": health(service, instance), "Attributes": instance.attributes,
        })
    };
    let limit = size(call, 1000)?;
    let instances: Vec<Value> = chosen.into_iter().take(limit).map(shown).collect();
    Ok(json!({ "Instances": instances, "InstancesRevision": service.revision }))
}

pub(super) fn revision(world: &World, call: &Call) -> Answer {
    Ok(json!({ "InstancesRevision": named(world, call)?.revision }))
}

/// The service of the names a call gives.
fn named<'a>(world: &'a World, call: &Call) -> Result<&'a Service, Refusal> {
    let namespace_name = call.required("NamespaceName", INVALID)?;
    let service_name = call.required("ServiceName", INVALID)?;
    let namespaces = &world.servicediscovery.namespaces;
    let namespace = namespaces
        .iter()
        .find(|(_, namespace)| namespace.name == namespace_name && namespace.ready <= call.now)
        .map(|(id, _)| id);
    let namespace = namespace.ok_or_else(|| {
        Refusal::new(
            "NamespaceNotFound",
            format!("Namespace {namespace_name} not found"),
        )
    })?;
    let mut services = world.servicediscovery.services.values();
    let service =
        services.find(|service| service.namespace == *namespace && service.name == service_name);
    service.ok_or_else(|| no_service(service_name))
}
