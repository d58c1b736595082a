//! Instances: registered by ECS or by a caller, listed and discovered.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Refusal};
use super::super::world::World;
use super::{INVALID, Service, done, invalid, no_service, service, service_id, size};

/// What is known of an instance, such as `AWS_INSTANCE_IPV4`.
pub(super) type Attributes = BTreeMap<String, String>;

/// AWS's quota per service.
const INSTANCES_MAX: usize = 1_000;
const HEALTH: &str = "AWS_INIT_HEALTH_STATUS";

/// Registers an instance of the service with that ARN, replacing one of the same id, as ECS does for each task.
pub fn register_instance(
    world: &mut World,
    service_arn: &str,
    id: &str,
    attributes: BTreeMap<String, String>,
) -> Result<(), Refusal> {
    put(world, service_id(service_arn), id, attributes)
}

/// Removes an instance; one that is gone already, or whose service is, is fine.
pub fn deregister_instance(world: &mut World, service_arn: &str, id: &str) {
    if let Some(service) = world
        .servicediscovery
        .services
        .get_mut(service_id(service_arn))
    {
        service.instances.remove(id);
        service.revision += 1;
    }
}

pub(super) fn register(world: &mut World, call: &Call) -> Answer {
    let service = service_id(call.required("ServiceId", INVALID)?).to_owned();
    let id = call.required("InstanceId", INVALID)?.to_owned();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_/:.@-".contains(letter);
    if !(1..=64).contains(&id.len()) || !id.chars().all(allowed) {
        return Err(invalid(format!(
            "InstanceId {id} must match ^[0-9a-zA-Z_/:.@-]+$"
        )));
    }
    let Some(Value::Object(map)) = call.get("Attributes") else {
        return Err(invalid("Attributes must be a map of String to String"));
    };
    let read = |(key, value): (&String, &Value)| {
        value.as_str().map(|value| (key.clone(), value.to_owned()))
    };
    let attributes: Option<Attributes> = map.iter().map(read).collect();
    let attributes =
        attributes.ok_or_else(|| invalid("Attributes must be a map of String to String"))?;
    put(world, &service, &id, attributes)?;
    Ok(done(
        world,
        "REGISTER_INSTANCE",
        json!({ "SERVICE": service, "INSTANCE": id }),
        call.now,
    ))
}

pub(super) fn deregister(world: &mut World, call: &Call) -> Answer {
    let service = service_id(call.required("ServiceId", INVALID)?).to_owned();
    let id = call.required("InstanceId", INVALID)?.to_owned();
    if !super::service(world, &service)?.instances.contains_key(&id) {
        return Err(Refusal::new(
            "InstanceNotFound",
            format!("Instance {id} does not exist in service {service}"),
        ));
    }
    deregister_instance(world, &service, &id);
    Ok(done(
        world,
        "DEREGISTER_INSTANCE",
        json!({ "SERVICE": service, "INSTANCE": id }),
        call.now,
    ))
}

fn put(world: &mut World, service: &str, id: &str, attributes: Attributes) -> Result<(), Refusal> {
    let Some(found) = world.servicediscovery.services.get_mut(service) else {
        return Err(no_service(service));
    };
    let has_record = |kind: &str| found.records.iter().any(|(record, _)| record == kind);
    if has_record("A") && !attributes.contains_key("AWS_INSTANCE_IPV4") {
        return Err(invalid(
            "AWS_INSTANCE_IPV4 is required for a service with an A record",
        ));
    }
    if has_record("SRV") && !attributes.contains_key("AWS_INSTANCE_PORT") {
        return Err(invalid(
            "AWS_INSTANCE_PORT is required for a service with an SRV record",
        ));
    }
    if found.instances.len() >= INSTANCES_MAX && !found.instances.contains_key(id) {
        return Err(Refusal::new(
            "ResourceLimitExceeded",
            format!("A service has at most {INSTANCES_MAX} instances"),
        ));
    }
    found.instances.insert(id.to_owned(), attributes);
    found.revision += 1;
    Ok(())
}

pub(super) fn list_instances(world: &World, call: &Call) -> Answer {
    let service = service(world, service_id(call.required("ServiceId", INVALID)?))?;
    let instances = service.instances.iter();
    let entries = instances
        .map(|(id, attributes)| (id.clone(), json!({ "Id": id, "Attributes": attributes })));
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call, 100)?,
        INVALID,
    )?;
    Ok(json!({ "Instances": page.items, "NextToken": page.next }))
}

pub(super) fn discover_instances(world: &World, call: &Call) -> Answer {
    let namespace_name = call.required("NamespaceName", INVALID)?;
    let service_name = call.required("ServiceName", INVALID)?;
    let namespaces = &world.servicediscovery.namespaces;
    let namespace = namespaces
        .iter()
        .find(|(_, namespace)| namespace.name == namespace_name)
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
    let service = service.ok_or_else(|| no_service(service_name))?;
    let status = call
        .optional_text("HealthStatus")?
        .unwrap_or("HEALTHY_OR_ELSE_ALL");
    let all: Vec<_> = service.instances.iter().collect();
    let with = |wanted: &str| -> Vec<_> {
        all.iter()
            .filter(|(_, attributes)| health(service, attributes) == wanted)
            .copied()
            .collect()
    };
    let chosen = match status {
        "ALL" => all.clone(),
        // Where nothing is checked every instance counts as healthy.
        "HEALTHY" if service.failure_threshold.is_none() => all.clone(),
        "HEALTHY" | "UNHEALTHY" => with(status),
        "HEALTHY_OR_ELSE_ALL" => {
            let healthy = with("HEALTHY");
            if healthy.is_empty() {
                all.clone()
            } else {
                healthy
            }
        }
        other => return Err(invalid(format!("HealthStatus {other} is not known"))),
    };
    let instances: Vec<Value> = chosen
        .into_iter()
        .take(size(call, 1000)?)
        .map(|(id, attributes)| {
            json!({
                "InstanceId": id, "NamespaceName": namespace_name, "ServiceName": service_name,
                "HealthStatus": health(service, attributes), "Attributes": attributes,
            })
        })
        .collect();
    Ok(json!({ "Instances": instances, "InstancesRevision": service.revision }))
}

/// What ECS last said of an instance; `UNKNOWN` where the service checks nothing.
fn health<'a>(service: &Service, attributes: &'a Attributes) -> &'a str {
    if service.failure_threshold.is_none() {
        return "UNKNOWN";
    }
    attributes.get(HEALTH).map_or("HEALTHY", String::as_str)
}
