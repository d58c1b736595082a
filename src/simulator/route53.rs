//! Route 53: the hosted zones the account file gives. Read only.
//!
//! Takes Route 53's reads, gives zones and records in DNS order. Nothing resolves names by it, and the private zones of
//! Cloud Map namespaces are not among its zones.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account;
use super::call::{Answer, Call, Refusal};
use super::elbv2;
use super::world::World;

/// Zones by id.
#[derive(Debug, Default)]
pub struct State {
    zones: BTreeMap<String, Zone>,
}

#[derive(Debug)]
struct Zone {
    /// Ends with a dot, as all names here.
    name: String,
    comment: String,
    reference: String,
    name_servers: Vec<String>,
    /// By name with its labels reversed, then type: the order they are listed in.
    records: BTreeMap<(String, String), Value>,
}

const INVALID: &str = "InvalidInput";
const ZONES_PAGE: usize = 100;
const RECORDS_PAGE: usize = 300;
/// The time to live of the NS and SOA records AWS makes.
const NS_SECONDS: u32 = 172_800;
const SOA_SECONDS: u32 = 900;

/// Adds an existing zone with its records; AWS's own, NS and SOA, are added to it. An alias of a load balancer that does
/// not exist, which the caller has checked, is left out.
pub fn add_zone(world: &mut World, zone: &account::HostedZone) {
    let account::HostedZone {
        name,
        id,
        comment,
        records,
    } = zone;
    let name = absolute(name);
    let number: u32 = id
        .bytes()
        .fold(0, |number, byte| (number * 31 + u32::from(byte)) % 512);
    let servers = [("com", 0), ("net", 512), ("org", 1024), ("co.uk", 1536)];
    let name_servers: Vec<String> = servers
        .iter()
        .map(|(domain, base)| {
            let server = base + number;
            format!("ns-{server}.awsdns-{:02}.{domain}", server % 64)
        })
        .collect();
    let soa = format!(
        "{}. awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
        name_servers.first().map_or("", String::as_str)
    );
    let mut all: Vec<(String, &str, Value)> = vec![
        (
            name.clone(),
            "NS",
            plain(
                NS_SECONDS,
                name_servers.iter().map(|server| absolute(server)),
            ),
        ),
        (name.clone(), "SOA", plain(SOA_SECONDS, [soa])),
    ];
    for account::Record {
        name,
        kind,
        target: data,
    } in records
    {
        let data = match data {
            account::RecordTarget::LoadBalancer(balancer) => {
                let Some((host, zone)) = elbv2::dns_name(world, balancer) else {
                    continue;
                };
                // The console writes aliases of dual-stack balancers so, and of IPv4 ones too.
                json!({ "AliasTarget": {
                    "HostedZoneId": zone, "DNSName": format!("dualstack.{host}."), "EvaluateTargetHealth": true,
                }})
            }
            account::RecordTarget::Values { ttl, values } => plain(*ttl, values.iter().cloned()),
        };
        all.push((absolute(name), kind, data));
    }
    let records = all.into_iter().map(|(name, kind, data)| {
        let mut record = json!({ "Name": escaped(&name), "Type": kind });
        if let (Some(record), Value::Object(data)) = (record.as_object_mut(), data) {
            record.extend(data);
        }
        ((reversed(&name), kind.to_owned()), record)
    });
    let zone = Zone {
        comment: comment.clone(),
        reference: format!("account-file-{id}"),
        name_servers,
        records: records.collect(),
        name,
    };
    world.route53.zones.insert(id.clone(), zone);
}

fn plain(ttl: u32, values: impl IntoIterator<Item = String>) -> Value {
    let values = values.into_iter().map(|value| json!({ "Value": value }));
    json!({ "TTL": ttl, "ResourceRecords": values.collect::<Vec<_>>() })
}

/// Answers a Route 53 call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    let world = &*world;
    match call.operation.as_str() {
        "ListHostedZones" => list_hosted_zones(world, call),
        "ListHostedZonesByName" => list_hosted_zones_by_name(world, call),
        "GetHostedZone" => {
            let (id, zone) = zone(world, call, "Id")?;
            Ok(json!({
                "HostedZone": zone.value(id), "DelegationSet": { "NameServers": zone.name_servers },
            }))
        }
        "ListResourceRecordSets" => list_resource_record_sets(world, call),
        "ListTagsForResource" => list_tags(world, call),
        _ => Err(call.unknown_operation()),
    }
}

impl Zone {
    fn value(&self, id: &str) -> Value {
        let Zone {
            name,
            comment,
            reference,
            name_servers: _,
            records,
        } = self;
        json!({
            "Id": format!("/hostedzone/{id}"), "Name": name, "CallerReference": reference,
            "Config": { "Comment": comment, "PrivateZone": false }, "ResourceRecordSetCount": records.len(),
        })
    }
}

fn list_hosted_zones(world: &World, call: &Call) -> Answer {
    let size = size(call, ZONES_PAGE)?;
    let marker = call.text("Marker").unwrap_or_default();
    let private = match call.text("HostedZoneType") {
        None => false,
        Some("PrivateHostedZone") => true,
        Some(other) => return Err(invalid(format!("{other} is not a hosted zone type"))),
    };
    let mut zones = world
        .route53
        .zones
        .iter()
        .filter(|(id, _)| !private && id.as_str() >= marker);
    let page: Vec<Value> = zones
        .by_ref()
        .take(size)
        .map(|(id, zone)| zone.value(id))
        .collect();
    let next = zones.next().map(|(id, _)| id);
    Ok(json!({
        "HostedZones": page, "Marker": call.text("Marker"), "IsTruncated": next.is_some(), "NextMarker": next,
        "MaxItems": size.to_string(),
    }))
}

fn list_hosted_zones_by_name(world: &World, call: &Call) -> Answer {
    let size = size(call, ZONES_PAGE)?;
    let name = call.text("DNSName");
    let id = call.text("HostedZoneId");
    if name.is_none() && id.is_some() {
        return Err(invalid(
            "The request specifies HostedZoneId but not DNSName.".to_owned(),
        ));
    }
    let from = (
        name.map(|name| reversed(&absolute(name)))
            .unwrap_or_default(),
        id.map(bare).unwrap_or_default(),
    );
    let zones = world.route53.zones.iter();
    let mut ordered: Vec<_> = zones
        .map(|(id, zone)| ((reversed(&zone.name), id.as_str()), zone))
        .filter(|((name, id), _)| (name.as_str(), *id) >= (from.0.as_str(), from.1))
        .collect();
    ordered.sort_by(|(left, _), (right, _)| left.cmp(right));
    let page: Vec<Value> = ordered
        .iter()
        .take(size)
        .map(|((_, id), zone)| zone.value(id))
        .collect();
    let next = ordered.get(size);
    Ok(json!({
        "HostedZones": page, "DNSName": name, "HostedZoneId": id, "IsTruncated": next.is_some(),
        "NextDNSName": next.map(|(_, zone)| &zone.name), "NextHostedZoneId": next.map(|((_, id), _)| id),
        "MaxItems": size.to_string(),
    }))
}

fn list_resource_record_sets(world: &World, call: &Call) -> Answer {
    let (_, zone) = zone(world, call, "HostedZoneId")?;
    let size = size(call, RECORDS_PAGE)?;
    let kind = call.text("StartRecordType").unwrap_or_default();
    let from = match call.text("StartRecordName") {
        Some(name) => (reversed(&absolute(&unescaped(name))), kind.to_owned()),
        None if kind.is_empty() => (String::new(), String::new()),
        None => {
            return Err(invalid(
                "The request specifies a record type but no record name.".to_owned(),
            ));
        }
    };
    let mut records = zone.records.range(from..);
    let page: Vec<&Value> = records
        .by_ref()
        .take(size)
        .map(|(_, record)| record)
        .collect();
    let next = records.next().map(|(_, record)| record);
    Ok(json!({
        "ResourceRecordSets": page, "IsTruncated": next.is_some(),
        "NextRecordName": next.map(|record| &record["Name"]), "NextRecordType": next.map(|record| &record["Type"]),
        "MaxItems": size.to_string(),
    }))
}

/// No zone here is tagged.
fn list_tags(world: &World, call: &Call) -> Answer {
    let id = call.text("ResourceId").unwrap_or_default();
    match call.text("ResourceType") {
        Some("hostedzone") => {
            zone(world, call, "ResourceId")?;
        }
        Some("healthcheck") => {
            return Err(Refusal {
                code: "NoSuchHealthCheck",
                message: format!("A health check with id {id} does not exist."),
                status: 404,
            });
        }
        other => {
            let other = other.unwrap_or_default();
            return Err(invalid(format!("{other} is not a type of resource")));
        }
    }
    Ok(json!({ "ResourceTagSet": { "ResourceType": "hostedzone", "ResourceId": id, "Tags": [] } }))
}

fn zone<'a>(world: &'a World, call: &Call, member: &str) -> Result<(&'a str, &'a Zone), Refusal> {
    let id = bare(call.text(member).unwrap_or_default());
    let found = world.route53.zones.get_key_value(id);
    found
        .map(|(id, zone)| (id.as_str(), zone))
        .ok_or_else(|| Refusal {
            code: "NoSuchHostedZone",
            message: format!("No hosted zone found with ID: {id}"),
            status: 404,
        })
}

/// `/hostedzone/Z1` names `Z1`.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

/// `MaxItems`, which Route 53 writes as text and cuts to its own bound.
fn size(call: &Call, max: usize) -> Result<usize, Refusal> {
    let Some(text) = call.text("MaxItems") else {
        return Ok(max);
    };
    match text.parse::<usize>() {
        Ok(size) if size > 0 => Ok(size.min(max)),
        _ => Err(invalid(format!("{text} is not a valid value for maxitems"))),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(INVALID, message)
}

fn absolute(name: &str) -> String {
    let name = name.to_lowercase();
    if name.ends_with('.') {
        name
    } else {
        name + "."
    }
}

/// Labels reversed: `www.hokus.ai.` sorts as `ai.hokus.www.`.
fn reversed(name: &str) -> String {
    let mut labels: Vec<&str> = name.trim_end_matches('.').split('.').collect();
    labels.reverse();
    labels.join(".") + "."
}

/// Route 53 writes an asterisk in octal
/// (docs.aws.amazon.com/Route53/latest/DeveloperGuide/DomainNameFormat.html).
fn escaped(name: &str) -> String {
    name.replace('*', "\\052")
}

fn unescaped(name: &str) -> String {
    name.replace("\\052", "*")
}
