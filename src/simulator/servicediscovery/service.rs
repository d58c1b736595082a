//! Services of a namespace: which DNS records and health check their instances have.
//!
//! Takes the calls, gives AWS's read-back. Never registers an instance.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::super::defaults::discovery::service as default;
use super::super::tag::{self, Tags};
use super::super::world::World;
use super::instance::Instance;
use super::namespace::{self, Kind};
use super::{INVALID, invalid, last_part, operation, size};

/// AWS's quota is 300 private services a namespace by default.
const SERVICES_MAX: usize = 300;
const RECORD_SECONDS_MAX: i64 = 2_147_483_647;

#[derive(Debug)]
pub(super) struct Service {
    pub name: String,
    pub namespace: String,
    description: Option<String>,
    routing: String,
    /// Types and times to live in seconds.
    pub records: Vec<(String, i64)>,
    /// Of a custom health check, when there is one.
    pub failure_threshold: Option<i64>,
    creator_request: Option<String>,
    created: Millis,
    pub tags: Tags,
    pub instances: BTreeMap<String, Instance>,
    /// Counts the changes of its instances.
    pub revision: u64,
}

pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let name = call.required("Name", INVALID)?.to_owned();
    check_name(&name)?;
    let dns = call.structure("DnsConfig")?;
    let nested = dns.as_ref().and_then(|dns| dns.text("NamespaceId"));
    let Some(asked) = call.optional_text("NamespaceId")?.or(nested) else {
        return Err(invalid("A service needs a NamespaceId"));
    };
    let (namespace, found) = namespace::find(world, asked, call.now)?;
    let namespace = namespace.to_owned();
    let kind = call.optional_text("Type")?;
    if kind.is_some_and(|kind| kind != "HTTP") {
        return Err(invalid("Type can only be HTTP"));
    }
    if dns.is_some() && (kind.is_some() || matches!(found.kind, Kind::Http)) {
        return Err(invalid(
            "DnsConfig cannot be specified for a service that is discovered by API calls only",
        ));
    }
    let (routing, records) = match &dns {
        None => (default::ROUTING.to_owned(), Vec::new()),
        Some(dns) => (
            dns.optional_text("RoutingPolicy")?
                .unwrap_or(default::ROUTING)
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
            "HealthCheckConfig is not for services of private DNS namespaces; Route 53's checks are not simulated",
        ));
    }
    // The custom check's threshold is fixed whatever is asked.
    // <https://docs.aws.amazon.com/cloud-map/latest/api/API_HealthCheckCustomConfig.html>
    let failure_threshold = call
        .structure("HealthCheckCustomConfig")?
        .map(|_| i64::from(default::FAILURE_THRESHOLD));
    let creator_request = call.optional_text("CreatorRequestId")?.map(str::to_owned);
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let description = call.optional_text("Description")?.map(str::to_owned);
    let siblings = || {
        let services = world.servicediscovery.services.iter();
        services.filter(|(_, service)| service.namespace == namespace)
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

pub(super) fn get(world: &World, call: &Call) -> Answer {
    let id = last_part(call.required("Id", INVALID)?);
    Ok(json!({ "Service": shown(world, id, find(world, id)?) }))
}

/// Records left out are deleted; a description left out stays.
pub(super) fn update(world: &mut World, call: &Call) -> Answer {
    let id = last_part(call.required("Id", INVALID)?).to_owned();
    let change = call
        .structure("Service")?
        .ok_or_else(|| invalid("Service must be specified"))?;
    let new_records = change
        .structure("DnsConfig")?
        .map(|dns| records(&dns))
        .transpose()?;
    let description = change.optional_text("Description")?.map(str::to_owned);
    if change.get("HealthCheckConfig").is_some() {
        return Err(invalid(
            "HealthCheckConfig is not for services of private DNS namespaces; Route 53's checks are not simulated",
        ));
    }
    let service = world.servicediscovery.services.get_mut(&id);
    let service = service.ok_or_else(|| no_service(&id))?;
    if new_records.is_some() && service.records.is_empty() {
        return Err(invalid(
            "DnsConfig cannot be specified for a service that is discovered by API calls only",
        ));
    }
    service.records = new_records.unwrap_or_else(|| std::mem::take(&mut service.records));
    service.description = description.or_else(|| service.description.take());
    Ok(operation::done(
        world,
        "UPDATE_SERVICE",
        &[("SERVICE", &id)],
        call.now,
    ))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let id = last_part(call.required("Id", INVALID)?);
    if !find(world, id)?.instances.is_empty() {
        let text = "Service contains registered instances; delete the instances before deleting the service";
        return Err(Refusal::new("ResourceInUse", text));
    }
    world.servicediscovery.services.remove(id);
    Ok(json!({}))
}

pub(super) fn list(world: &World, call: &Call) -> Answer {
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
    let services = world.servicediscovery.services.iter();
    let entries = services
        .filter(|(_, service)| wanted(service))
        .map(|(id, service)| {
            let mut entry = shown(world, id, service);
            if let Some(members) = entry.as_object_mut() {
                // A summary has neither.
                members.remove("NamespaceId");
                members.remove("CreatorRequestId");
            }
            (id.clone(), entry)
        });
    let token = call.optional_text("NextToken")?;
    let page = Call::page(entries, token, size(call, 100)?, INVALID)?;
    Ok(json!({ "Services": page.items, "NextToken": page.next }))
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
        "Id": id, "Arn": arn(world, id), "Name": name, "NamespaceId": namespace, "Description": description,
        "InstanceCount": instances.len(), "Type": if dns.is_some() { "DNS_HTTP" } else { "HTTP" }, "DnsConfig": dns,
        "HealthCheckCustomConfig": failure_threshold.map(|threshold| json!({ "FailureThreshold": threshold })),
        "CreateDate": timestamp(*created), "CreatorRequestId": creator_request,
        "ResourceOwner": world.account, "CreatedByAccount": world.account,
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

pub(super) fn arn(world: &World, id: &str) -> String {
    world.arn("servicediscovery", &format!("service/{id}"))
}

pub(super) fn find<'a>(world: &'a World, id: &str) -> Result<&'a Service, Refusal> {
    let services = &world.servicediscovery.services;
    services.get(id).ok_or_else(|| no_service(id))
}

pub(super) fn no_service(id: &str) -> Refusal {
    Refusal::new("ServiceNotFound", format!("Service {id} does not exist"))
}
