//! Cloud Map: private DNS namespaces, services, instances.
//!
//! Takes Cloud Map calls and ECS's registrations ([`register_instance`]). Answers DiscoverInstances; serves no DNS. Every
//! operation has succeeded by the time its id is given.

mod instance;
mod namespace;

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

pub use self::instance::{deregister_instance, register_instance};
pub use self::namespace::add_namespace;
use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::tag::{self, Tags};
use super::world::World;

/// Namespaces and services by id.
#[derive(Debug, Default)]
pub struct State {
    namespaces: BTreeMap<String, namespace::Namespace>,
    services: BTreeMap<String, Service>,
    /// The newest operations.
    operations: VecDeque<Operation>,
}

#[derive(Debug)]
struct Service {
    name: String,
    namespace: String,
    description: Option<String>,
    routing: String,
    /// Types and times to live in seconds.
    records: Vec<(String, i64)>,
    /// Of a custom health check, when there is one.
    failure_threshold: Option<i64>,
    creator_request: Option<String>,
    created: Millis,
    tags: Tags,
    instances: BTreeMap<String, instance::Attributes>,
    revision: u64,
}

#[derive(Debug)]
struct Operation {
    id: String,
    kind: &'static str,
    at: Millis,
    targets: Value,
}

const INVALID: &str = "InvalidInput";
const OPERATIONS_MAX: usize = 1_000;
/// AWS's quota is 300 private services a namespace by default.
const SERVICES_MAX: usize = 300;
const RECORD_SECONDS_MAX: i64 = 2_147_483_647;

/// Answers a Cloud Map call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "ListNamespaces" => namespace::list_namespaces(world, call),
        "GetNamespace" => namespace::get_namespace(world, call),
        "CreateService" => create_service(world, call),
        "GetService" => {
            let id = service_id(call.required("Id", INVALID)?);
            Ok(json!({ "Service": shown(world, id, service(world, id)?) }))
        }
        "ListServices" => list_services(world, call),
        "UpdateService" => update_service(world, call),
        "DeleteService" => {
            let id = service_id(call.required("Id", INVALID)?);
            if !service(world, id)?.instances.is_empty() {
                let text = "Service contains registered instances; delete the instances before deleting the service";
                return Err(Refusal::new("ResourceInUse", text));
            }
            world.servicediscovery.services.remove(id);
            Ok(json!({}))
        }
        "RegisterInstance" => instance::register(world, call),
        "DeregisterInstance" => instance::deregister(world, call),
        "ListInstances" => instance::list_instances(world, call),
        "DiscoverInstances" => instance::discover_instances(world, call),
        "GetOperation" => get_operation(world, call),
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
    let id = service_id(service_arn);
    world.servicediscovery.services.contains_key(id) && service_arn == self::service_arn(world, id)
}

fn create_service(world: &mut World, call: &Call) -> Answer {
    let name = call.required("Name", INVALID)?.to_owned();
    check_name(&name)?;
    let dns = call.structure("DnsConfig")?;
    let nested = dns.as_ref().and_then(|dns| dns.text("NamespaceId"));
    let Some(namespace) = call.optional_text("NamespaceId")?.or(nested) else {
        return Err(invalid("A service needs a NamespaceId"));
    };
    let namespace = namespace.rsplit('/').next().unwrap_or(namespace).to_owned();
    if !world.servicediscovery.namespaces.contains_key(&namespace) {
        return Err(Refusal::new(
            "NamespaceNotFound",
            format!("Namespace {namespace} does not exist"),
        ));
    }
    let (routing, records) = match &dns {
        None => ("MULTIVALUE".to_owned(), Vec::new()),
        Some(dns) => (
            dns.optional_text("RoutingPolicy")?
                .unwrap_or("MULTIVALUE")
                .to_owned(),
            records(dns)?,
        ),
    };
    if !["MULTIVALUE", "WEIGHTED"].contains(&routing.as_str()) {
        return Err(invalid(format!(
            "RoutingPolicy {routing} is not MULTIVALUE or WEIGHTED"
        )));
    }
    if call.get("HealthCheckConfig").is_some() {
        return Err(invalid(
            "HealthCheckConfig is supported only for services of public DNS namespaces",
        ));
    }
    // The custom check's threshold is fixed whatever is asked.
    // <https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html>
    let failure_threshold = call.structure("HealthCheckCustomConfig")?.map(|_| 1);
    let creator_request = call.optional_text("CreatorRequestId")?.map(str::to_owned);
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let description = call.optional_text("Description")?.map(str::to_owned);
    let siblings = || {
        world
            .servicediscovery
            .services
            .iter()
            .filter(|(_, service)| service.namespace == namespace)
    };
    if let Some((id, _)) = siblings().find(|(_, service)| service.name == name) {
        return Err(Refusal::new(
            "ServiceAlreadyExists",
            format!("A service with the name {name} already exists: {id}"),
        ));
    }
    if siblings().count() >= SERVICES_MAX {
        return Err(Refusal::new(
            "ResourceLimitExceeded",
            format!("A namespace has at most {SERVICES_MAX} services"),
        ));
    }
    let id = format!("srv-{}", world.hex(16));
    let service = Service {
        name,
        namespace,
        description,
        routing,
        records,
        failure_threshold,
        creator_request,
        created: call.now,
        tags,
        instances: BTreeMap::new(),
        revision: 1,
    };
    let shown = shown(world, &id, &service);
    world.servicediscovery.services.insert(id, service);
    Ok(json!({ "Service": shown }))
}

/// Records left out are deleted; a description left out stays.
fn update_service(world: &mut World, call: &Call) -> Answer {
    let id = service_id(call.required("Id", INVALID)?).to_owned();
    let change = call
        .structure("Service")?
        .ok_or_else(|| invalid("Service must be specified"))?;
    let new_records = change
        .structure("DnsConfig")?
        .map(|dns| records(&dns))
        .transpose()?;
    let description = change.optional_text("Description")?.map(str::to_owned);
    service(world, &id)?;
    if let Some(service) = world.servicediscovery.services.get_mut(&id) {
        service.records = new_records.unwrap_or_else(|| std::mem::take(&mut service.records));
        service.description = description.or_else(|| service.description.take());
    }
    Ok(done(
        world,
        "UPDATE_SERVICE",
        json!({ "SERVICE": id }),
        call.now,
    ))
}

fn list_services(world: &World, call: &Call) -> Answer {
    let mut namespaces: Option<Vec<String>> = None;
    for filter in call.structures("Filters")? {
        match filter.required("Name", INVALID)? {
            "NAMESPACE_ID" => namespaces = Some(filter.optional_texts("Values")?),
            other => return Err(invalid(format!("The filter {other} is not simulated"))),
        }
    }
    let wanted = |service: &Service| {
        namespaces
            .as_ref()
            .is_none_or(|ids| ids.contains(&service.namespace))
    };
    let services = world
        .servicediscovery
        .services
        .iter()
        .filter(|(_, service)| wanted(service));
    let entries = services.map(|(id, service)| {
        let mut entry = shown(world, id, service);
        if let Some(members) = entry.as_object_mut() {
            // A summary has neither.
            members.remove("NamespaceId");
            members.remove("CreatorRequestId");
        }
        (id.clone(), entry)
    });
    let page = Call::page(
        entries,
        call.optional_text("NextToken")?,
        size(call, 100)?,
        INVALID,
    )?;
    Ok(json!({ "Services": page.items, "NextToken": page.next }))
}

fn get_operation(world: &World, call: &Call) -> Answer {
    let wanted = call.required("OperationId", INVALID)?;
    let found = world
        .servicediscovery
        .operations
        .iter()
        .find(|operation| operation.id == wanted);
    let Operation {
        id,
        kind,
        at,
        targets,
    } = found.ok_or_else(|| {
        Refusal::new(
            "OperationNotFound",
            format!("No operation with the id {wanted} was found"),
        )
    })?;
    Ok(json!({ "Operation": {
        "Id": id, "Type": kind, "Status": "SUCCESS", "CreateDate": timestamp(*at), "UpdateDate": timestamp(*at),
        "Targets": targets,
    }}))
}

/// Notes an operation that has succeeded; gives the answer that names it.
fn done(world: &mut World, kind: &'static str, targets: Value, now: Millis) -> Value {
    let id = world.uuid();
    let operations = &mut world.servicediscovery.operations;
    operations.push_back(Operation {
        id: id.clone(),
        kind,
        at: now,
        targets,
    });
    if operations.len() > OPERATIONS_MAX {
        operations.pop_front();
    }
    json!({ "OperationId": id })
}

fn shown(world: &World, id: &str, service: &Service) -> Value {
    let Service {
        name,
        namespace,
        description,
        routing,
        records,
        failure_threshold,
        creator_request,
        created,
        tags: _,
        instances,
        revision: _,
    } = service;
    let dns = (!records.is_empty()).then(|| {
        let records: Vec<Value> = records
            .iter()
            .map(|(kind, ttl)| json!({ "Type": kind, "TTL": ttl }))
            .collect();
        json!({ "NamespaceId": namespace, "RoutingPolicy": routing, "DnsRecords": records })
    });
    json!({
        "Id": id, "Arn": service_arn(world, id), "Name": name, "NamespaceId": namespace, "Description": description,
        "InstanceCount": instances.len(), "Type": if dns.is_some() { "DNS_HTTP" } else { "HTTP" }, "DnsConfig": dns,
        "HealthCheckCustomConfig": failure_threshold.map(|threshold| json!({ "FailureThreshold": threshold })),
        "CreateDate": timestamp(*created), "CreatorRequestId": creator_request,
    })
}

fn records(dns: &Call) -> Result<Vec<(String, i64)>, Refusal> {
    let record = |record: &Call| {
        let kind = record.required("Type", INVALID)?;
        let ttl = record
            .optional_integer("TTL")?
            .filter(|ttl| (0..=RECORD_SECONDS_MAX).contains(ttl));
        let ttl =
            ttl.ok_or_else(|| invalid("A DNS record needs a TTL of 0 to 2147483647 seconds"))?;
        if !["A", "AAAA", "SRV", "CNAME"].contains(&kind) {
            return Err(invalid(format!(
                "DNS record type {kind} is not A, AAAA, SRV or CNAME"
            )));
        }
        Ok((kind.to_owned(), ttl))
    };
    dns.structures("DnsRecords")?.iter().map(record).collect()
}

fn check_name(name: &str) -> Result<(), Refusal> {
    let label = |label: &str| {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_".contains(letter);
        (1..=63).contains(&label.len())
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if name.len() <= 127 && name.split('.').all(label) {
        return Ok(());
    }
    Err(invalid(format!(
        "Service name {name} is not made of DNS labels of letters, digits, - and _"
    )))
}

/// Calls take an id or an ARN.
fn service_id(id_or_arn: &str) -> &str {
    id_or_arn.rsplit('/').next().unwrap_or(id_or_arn)
}

fn service_arn(world: &World, id: &str) -> String {
    world.arn("servicediscovery", &format!("service/{id}"))
}

fn service<'a>(world: &'a World, id: &str) -> Result<&'a Service, Refusal> {
    world
        .servicediscovery
        .services
        .get(id)
        .ok_or_else(|| no_service(id))
}

fn no_service(id: &str) -> Refusal {
    Refusal::new("ServiceNotFound", format!("Service {id} does not exist"))
}

fn tagged<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Tags, Refusal> {
    let arn = call.required("ResourceARN", INVALID)?;
    let id = service_id(arn);
    let unknown = || {
        Refusal::new(
            "ResourceNotFoundException",
            format!("Resource {arn} was not found"),
        )
    };
    let mine = arn == service_arn(world, id) || arn == namespace::arn(world, id);
    let State {
        namespaces,
        services,
        operations: _,
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
