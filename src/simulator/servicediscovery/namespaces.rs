//! Making, changing and deleting namespaces.
//!
//! Takes the calls, notes an operation for each. What Route 53 would refuse ends the operation in FAIL, as on AWS, and not
//! the call.

use super::super::call::{Answer, Call, Refusal};
use super::super::defaults::discovery::namespace::SOA_SECONDS;
use super::super::tag;
use super::super::world::World;
use super::namespace::{self, Kind, Namespace};
use super::operation::{self, NAMESPACE_MILLIS};
use super::{INVALID, invalid};

/// AWS's quota per region.
const NAMESPACES_MAX: usize = 50;
const SECONDS_MAX: i64 = 2_147_483_647;

pub(super) fn create_private(world: &mut World, call: &Call) -> Answer {
    let name = name(call, 253)?;
    let vpc = call.required("Vpc", INVALID)?.to_owned();
    let soa_seconds = soa_seconds(call)?.unwrap_or(i64::from(SOA_SECONDS));
    let hosted_zone = format!("Z{}", world.hex(20).to_uppercase());
    let known = world.vpcs.iter().any(|known| known.id == vpc);
    // "CANNOT_CREATE_HOSTED_ZONE: AWS Cloud Map couldn't create the hosted zone" is an operation's ErrorCode
    // (API_Operation): the network is first looked at by Route 53.
    let failure = (!known).then(|| {
        let message = format!("The VPC {vpc} in region {} does not exist", world.region);
        ("CANNOT_CREATE_HOSTED_ZONE", message)
    });
    let kind = Kind::Private {
        hosted_zone,
        soa_seconds,
    };
    create(world, call, name, kind, failure)
}

pub(super) fn create_http(world: &mut World, call: &Call) -> Answer {
    let name = name(call, 1_024)?;
    create(world, call, name, Kind::Http, None)
}

fn create(
    world: &mut World,
    call: &Call,
    name: String,
    kind: Kind,
    failure: Option<(&'static str, String)>,
) -> Answer {
    let creator = call.optional_text("CreatorRequestId")?.map(str::to_owned);
    let description = description(call)?;
    let tags = tag::from_list(call.list("Tags")).map_err(invalid)?;
    let namespaces = &world.servicediscovery.namespaces;
    let same_name = namespaces.iter().find(|(_, known)| known.name == name);
    if let Some((id, known)) = same_name {
        let repeated = creator.as_ref() == Some(&known.creator_request);
        return Err(if repeated && call.now < known.ready {
            let text = format!("The operation for the namespace {id} is already in progress");
            Refusal::new("DuplicateRequest", text)
        } else {
            let text = format!("Namespace with name {name} already exists: {id}");
            Refusal::new("NamespaceAlreadyExists", text)
        });
    }
    if namespaces.len() >= NAMESPACES_MAX {
        let text = format!("The account has {NAMESPACES_MAX} namespaces");
        return Err(Refusal::new("ResourceLimitExceeded", text));
    }
    let id = format!("ns-{}", world.hex(16));
    let namespace = Namespace {
        name,
        kind,
        description,
        creator_request: creator.unwrap_or_else(|| world.uuid()),
        created: call.now,
        ready: call.now + NAMESPACE_MILLIS,
        tags,
    };
    if failure.is_none() {
        let namespaces = &mut world.servicediscovery.namespaces;
        namespaces.insert(id.clone(), namespace);
    }
    let answer = operation::begun(world, "CREATE_NAMESPACE", &id, call.now, failure);
    Ok(answer)
}

pub(super) fn update_private(world: &mut World, call: &Call) -> Answer {
    let change = change(call)?;
    let (description, soa) = (description(&change)?, soa_seconds(&change)?);
    update(world, call, |namespace| {
        let Kind::Private { soa_seconds, .. } = &mut namespace.kind else {
            return Err(wrong_kind("a private DNS namespace"));
        };
        *soa_seconds = soa.unwrap_or(*soa_seconds);
        namespace.description = description.or(namespace.description.take());
        Ok(())
    })
}

pub(super) fn update_http(world: &mut World, call: &Call) -> Answer {
    let change = change(call)?;
    change.required("Description", INVALID)?;
    let description = description(&change)?;
    update(world, call, |namespace| {
        let Kind::Http = namespace.kind else {
            return Err(wrong_kind("an HTTP namespace"));
        };
        namespace.description = description;
        Ok(())
    })
}

fn update(
    world: &mut World,
    call: &Call,
    act: impl FnOnce(&mut Namespace) -> Result<(), Refusal>,
) -> Answer {
    let (id, _) = namespace::find(world, call.required("Id", INVALID)?, call.now)?;
    let id = id.to_owned();
    if let Some(namespace) = world.servicediscovery.namespaces.get_mut(&id) {
        act(namespace)?;
    }
    Ok(operation::begun(
        world,
        "UPDATE_NAMESPACE",
        &id,
        call.now,
        None,
    ))
}

/// A namespace that has services cannot be deleted (API_DeleteNamespace).
pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let (id, _) = namespace::find(world, call.required("Id", INVALID)?, call.now)?;
    let id = id.to_owned();
    if namespace::service_count(world, &id) > 0 {
        let text = format!("Namespace {id} contains services; delete the services first");
        return Err(Refusal::new("ResourceInUse", text));
    }
    world.servicediscovery.namespaces.remove(&id);
    Ok(operation::begun(
        world,
        "DELETE_NAMESPACE",
        &id,
        call.now,
        None,
    ))
}

fn name(call: &Call, characters_max: usize) -> Result<String, Refusal> {
    let name = call.required("Name", INVALID)?;
    let printable = name.bytes().all(|byte| byte.is_ascii_graphic());
    if (1..=characters_max).contains(&name.len()) && printable && !name.starts_with("arn:") {
        return Ok(name.to_owned());
    }
    Err(invalid(format!(
        "Namespace name {name} must have 1 to {characters_max} printable ASCII characters"
    )))
}

fn description(call: &Call) -> Result<Option<String>, Refusal> {
    let text = call.optional_text("Description")?;
    if text.is_some_and(|text| text.chars().count() > 1_024) {
        return Err(invalid("Description must have at most 1024 characters"));
    }
    Ok(text.map(str::to_owned))
}

fn change(call: &Call) -> Result<Call, Refusal> {
    call.structure("Namespace")?
        .ok_or_else(|| invalid("Namespace must be specified"))
}

fn soa_seconds(call: &Call) -> Result<Option<i64>, Refusal> {
    let Some(properties) = call.structure("Properties")? else {
        return Ok(None);
    };
    let dns = properties.structure("DnsProperties")?;
    let soa = dns.map(|dns| dns.structure("SOA")).transpose()?.flatten();
    let seconds = soa
        .map(|soa| soa.optional_integer("TTL"))
        .transpose()?
        .flatten();
    match seconds {
        Some(seconds) if (0..=SECONDS_MAX).contains(&seconds) => Ok(Some(seconds)),
        _ => Err(invalid("SOA needs a TTL of 0 to 2147483647 seconds")),
    }
}

fn wrong_kind(wanted: &str) -> Refusal {
    invalid(format!("The namespace is not {wanted}"))
}
