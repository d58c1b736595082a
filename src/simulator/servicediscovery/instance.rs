//! Instances: registered by ECS or by a caller, read back with what was last said of their health.
//!
//! Takes registrations and health reports. Probes nothing: an instance is as healthy as somebody says.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::super::call::{Answer, Call, Refusal};
use super::super::world::World;
use super::service::{self, Service, no_service};
use super::{INVALID, invalid, last_part, operation, size};

/// What is known of an instance, such as `AWS_INSTANCE_IPV4`.
pub(super) type Attributes = BTreeMap<String, String>;

#[derive(Debug)]
pub(super) struct Instance {
    pub attributes: Attributes,
    creator_request: Option<String>,
    /// What UpdateInstanceCustomHealthStatus last said.
    custom_health: Option<&'static str>,
}

/// AWS's quota per service.
const INSTANCES_MAX: usize = 1_000;
/// API_RegisterInstance: "you can specify up to 30 custom attributes".
const ATTRIBUTES_MAX: usize = 30;
const INITIAL_HEALTH: &str = "AWS_INIT_HEALTH_STATUS";

/// Registers an instance of the service with that ARN, replacing one of the same id, as ECS does for each task.
pub fn register_instance(
    world: &mut World,
    service_arn: &str,
    id: &str,
    attributes: BTreeMap<String, String>,
) -> Result<(), Refusal> {
    put(world, last_part(service_arn), id, attributes, None)
}

/// Removes an instance; one that is gone already, or whose service is, is fine.
pub fn deregister_instance(world: &mut World, service_arn: &str, id: &str) {
    let services = &mut world.servicediscovery.services;
    if let Some(service) = services.get_mut(last_part(service_arn)) {
        service.instances.remove(id);
        service.revision += 1;
    }
}

pub(super) fn register(world: &mut World, call: &Call) -> Answer {
    let service = last_part(call.required("ServiceId", INVALID)?).to_owned();
    let id = call.required("InstanceId", INVALID)?.to_owned();
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "_/:.@-".contains(letter);
    if !(1..=64).contains(&id.len()) || !id.chars().all(allowed) {
        return Err(invalid(format!(
            "InstanceId {id} must match ^[0-9a-zA-Z_/:.@-]+$"
        )));
    }
    let attributes = texts(call, "Attributes")?
        .filter(|attributes| !attributes.is_empty())
        .ok_or_else(|| invalid("Attributes must be specified"))?;
    let custom = |name: &&String| !name.starts_with("AWS_");
    if attributes.keys().filter(custom).count() > ATTRIBUTES_MAX {
        return Err(invalid(format!(
            "An instance has at most {ATTRIBUTES_MAX} custom attributes"
        )));
    }
    if attributes
        .iter()
        .any(|(name, value)| name.len() > 255 || value.len() > 1_024)
    {
        return Err(invalid(
            "An attribute's name has at most 255 characters and its value 1024",
        ));
    }
    let creator = call.optional_text("CreatorRequestId")?.map(str::to_owned);
    put(world, &service, &id, attributes, creator)?;
    let targets = [("INSTANCE", id.as_str()), ("SERVICE", service.as_str())];
    Ok(operation::done(
        world,
        "REGISTER_INSTANCE",
        &targets,
        call.now,
    ))
}

pub(super) fn deregister(world: &mut World, call: &Call) -> Answer {
    let (service, _, id, _) = named(world, call)?;
    let (service, id) = (service.to_owned(), id.to_owned());
    deregister_instance(world, &service, &id);
    let targets = [("INSTANCE", id.as_str()), ("SERVICE", service.as_str())];
    Ok(operation::done(
        world,
        "DEREGISTER_INSTANCE",
        &targets,
        call.now,
    ))
}

fn put(
    world: &mut World,
    service: &str,
    id: &str,
    attributes: Attributes,
    creator_request: Option<String>,
) -> Result<(), Refusal> {
    let Some(found) = world.servicediscovery.services.get_mut(service) else {
        return Err(no_service(service));
    };
    for (kind, needed) in [
        ("A", "AWS_INSTANCE_IPV4"),
        ("AAAA", "AWS_INSTANCE_IPV6"),
        ("CNAME", "AWS_INSTANCE_CNAME"),
        ("SRV", "AWS_INSTANCE_PORT"),
    ] {
        let has = found.records.iter().any(|(record, _)| record == kind);
        if has && !attributes.contains_key(needed) {
            return Err(invalid(format!(
                "{needed} is required for a service with a record of type {kind}"
            )));
        }
    }
    if found.instances.len() >= INSTANCES_MAX && !found.instances.contains_key(id) {
        return Err(Refusal::new(
            "ResourceLimitExceeded",
            format!("A service has at most {INSTANCES_MAX} instances"),
        ));
    }
    let instance = Instance {
        attributes,
        creator_request,
        custom_health: None,
    };
    found.instances.insert(id.to_owned(), instance);
    found.revision += 1;
    Ok(())
}

pub(super) fn get(world: &World, call: &Call) -> Answer {
    let (_, _, id, instance) = named(world, call)?;
    let Instance {
        attributes,
        creator_request,
        custom_health: _,
    } = instance;
    let shown = json!({
        "Id": id, "Attributes": attributes, "CreatorRequestId": creator_request, "CreatedByAccount": world.account,
    });
    Ok(json!({ "Instance": shown, "ResourceOwner": world.account }))
}

pub(super) fn list_instances(world: &World, call: &Call) -> Answer {
    let service = service::find(world, last_part(call.required("ServiceId", INVALID)?))?;
    let entries = service.instances.iter().map(|(id, instance)| {
        let shown = json!({
            "Id": id, "Attributes": instance.attributes, "CreatedByAccount": world.account,
        });
        (id.clone(), shown)
    });
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call, 100)?, INVALID)?;
    Ok(json!({ "Instances": page.items, "NextToken": page.next, "ResourceOwner": world.account }))
}

pub(super) fn health_status(world: &World, call: &Call) -> Answer {
    let service = service::find(world, last_part(call.required("ServiceId", INVALID)?))?;
    let wanted = call.optional_texts("Instances")?;
    if let Some(absent) = wanted
        .iter()
        .find(|id| !service.instances.contains_key(*id))
    {
        return Err(no_instance(absent));
    }
    let entries = service
        .instances
        .iter()
        .filter(|(id, _)| wanted.is_empty() || wanted.contains(id))
        .map(|(id, instance)| (id.clone(), (id.clone(), json!(health(service, instance)))));
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call, 100)?, INVALID)?;
    let status: Map<String, Value> = page.items.into_iter().collect();
    Ok(json!({ "Status": status, "NextToken": page.next }))
}

pub(super) fn update_health(world: &mut World, call: &Call) -> Answer {
    let status = match call.required("Status", INVALID)? {
        "HEALTHY" => "HEALTHY",
        "UNHEALTHY" => "UNHEALTHY",
        other => {
            return Err(invalid(format!(
                "Status {other} is not HEALTHY or UNHEALTHY"
            )));
        }
    };
    let (service, found, id, _) = named(world, call)?;
    if found.failure_threshold.is_none() {
        let text = format!("Service {service} has no custom health check");
        return Err(Refusal::new("CustomHealthNotFound", text));
    }
    let (service, id) = (service.to_owned(), id.to_owned());
    if let Some(service) = world.servicediscovery.services.get_mut(&service)
        && let Some(instance) = service.instances.get_mut(&id)
        && instance.custom_health.replace(status) != Some(status)
    {
        service.revision += 1;
    }
    Ok(json!({}))
}

/// What was last said of an instance; `UNKNOWN` where the service checks nothing.
pub(super) fn health<'a>(service: &Service, instance: &'a Instance) -> &'a str {
    if service.failure_threshold.is_none() {
        return "UNKNOWN";
    }
    let initial = instance.attributes.get(INITIAL_HEALTH);
    instance
        .custom_health
        .unwrap_or_else(|| initial.map_or("HEALTHY", String::as_str))
}

/// The service and instance a call names.
fn named<'a>(
    world: &'a World,
    call: &'a Call,
) -> Result<(&'a str, &'a Service, &'a str, &'a Instance), Refusal> {
    let service_id = last_part(call.required("ServiceId", INVALID)?);
    let id = call.required("InstanceId", INVALID)?;
    let service = service::find(world, service_id)?;
    let instance = service.instances.get(id).ok_or_else(|| no_instance(id))?;
    Ok((service_id, service, id, instance))
}

fn no_instance(id: &str) -> Refusal {
    Refusal::new("InstanceNotFound", format!("Instance {id} does not exist"))
}

/// A member that is a map of texts.
pub(super) fn texts(call: &Call, member: &str) -> Result<Option<Attributes>, Refusal> {
    let bad = || invalid(format!("{member} must be a map of String to String"));
    let Some(value) = call.get(member) else {
        return Ok(None);
    };
    let read = |(key, value): (&String, &Value)| Some((key.clone(), value.as_str()?.to_owned()));
    let map = value.as_object().ok_or_else(bad)?;
    let texts: Option<Attributes> = map.iter().map(read).collect();
    texts.map(Some).ok_or_else(bad)
}
