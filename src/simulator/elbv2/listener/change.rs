//! Making, changing and deleting listeners.

use serde_json::json;

use super::super::attributes;
use super::super::rule::{self, Action};
use super::super::{State, certificate, load_balancer, required, ssl_policy, tags};
use super::{Listener, Tls, describe_one, find_mut, known, new};
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::defaults::elbv2::listener as default;

/// AWS's default quota per load balancer.
pub(in super::super) const LISTENERS_MAX: usize = 50;

/// "This operation is idempotent … If you attempt to create multiple listeners with the same settings, each call
/// succeeds" (API_CreateListener). With other settings the port is taken.
pub(in super::super) fn create(world: &mut World, call: &Call) -> Answer {
    let state = &world.elbv2;
    let balancer = required(call, "LoadBalancerArn")?.to_owned();
    load_balancer::known(state, &balancer)?;
    let protocol = call
        .text("Protocol")
        .ok_or_else(|| invalid("A protocol must be specified"))?;
    let port = port(call)?.ok_or_else(|| invalid("A port must be specified"))?;
    let tls = tls(state, call, protocol, None)?;
    let (action, order) = Action::parse_list(state, call, "DefaultActions")?;
    rule::check_association(state, &action, Some(&balancer))?;
    let tags = tags::parse(call)?;
    let mut siblings = state.listeners.iter();
    let taken = |known: &&Listener| known.load_balancer == balancer && known.port == port;
    if let Some(existing) = siblings.find(taken) {
        let same = existing.default_action == action
            && existing.tls.as_ref().map(|tls| (&tls.policy, &tls.default))
                == tls.as_ref().map(|tls| (&tls.policy, &tls.default));
        if same {
            return Ok(json!({ "Listeners": [describe_one(existing)] }));
        }
        return Err(duplicate());
    }
    let siblings = state.listeners.iter();
    if siblings
        .filter(|known| known.load_balancer == balancer)
        .count()
        >= LISTENERS_MAX
    {
        let message =
            "The quota for the number of listeners of this load balancer has been reached";
        return Err(Refusal::new("TooManyListeners", message));
    }
    let id = world.hex(16);
    let mut listener = new(world, &balancer, &id, port, tls, (action, order));
    listener.tags = tags;
    let described = describe_one(&listener);
    world.elbv2.listeners.push(listener);
    Ok(json!({ "Listeners": [described] }))
}

/// "Changing the protocol from HTTPS to HTTP … removes the security policy and default certificate properties"
/// (API_ModifyListener).
pub(in super::super) fn modify(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "ListenerArn")?;
    let state = &world.elbv2;
    let listener = known(state, arn)?;
    let port = port(call)?.unwrap_or(listener.port);
    let clash = |other: &Listener| {
        other.arn != arn && other.load_balancer == listener.load_balancer && other.port == port
    };
    if state.listeners.iter().any(clash) {
        return Err(duplicate());
    }
    let protocol = call.text("Protocol").unwrap_or(listener.protocol());
    let tls = tls(state, call, protocol, listener.tls.as_ref())?;
    let action = if call.list("DefaultActions").is_empty() {
        None
    } else {
        let (action, order) = Action::parse_list(state, call, "DefaultActions")?;
        rule::check_association(state, &action, Some(&listener.load_balancer))?;
        Some((action, order))
    };
    let listener = find_mut(&mut world.elbv2, arn)?;
    if listener.tls.is_some() != tls.is_some() {
        listener.attributes = attributes::listener::defaults(tls.is_some());
    }
    (listener.port, listener.tls) = (port, tls);
    if let Some((action, order)) = action {
        (listener.default_action, listener.order) = (action, order);
    }
    Ok(json!({ "Listeners": [describe_one(listener)] }))
}

/// Takes its rules with it.
pub(in super::super) fn delete(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "ListenerArn")?;
    let state = &mut world.elbv2;
    known(state, arn)?;
    state.listeners.retain(|listener| listener.arn != arn);
    state.rules.retain(|rule| rule.listener != arn);
    Ok(json!({}))
}

pub(in super::super) fn describe_attributes(world: &mut World, call: &Call) -> Answer {
    let listener = known(&world.elbv2, required(call, "ListenerArn")?)?;
    Ok(attributes::shown(&listener.attributes))
}

pub(in super::super) fn modify_attributes(world: &mut World, call: &Call) -> Answer {
    let listener = find_mut(&mut world.elbv2, required(call, "ListenerArn")?)?;
    let changes = attributes::changes(attributes::listener::ROWS, "Listener", call)?;
    let other = |(key, _): &&(&'static str, String)| !listener.attributes.contains_key(key);
    if let Some((key, _)) = changes.iter().find(other) {
        return Err(invalid(&format!(
            "Listener attribute key '{key}' is only for listeners with the protocol HTTPS"
        )));
    }
    listener.attributes.extend(changes);
    Ok(attributes::shown(&listener.attributes))
}

/// What the call and the listener as it is make of policy and certificate.
fn tls(
    state: &State,
    call: &Call,
    protocol: &str,
    before: Option<&Tls>,
) -> Result<Option<Tls>, Refusal> {
    let certificates = certificate::parse(state, call)?;
    let policy = call.text("SslPolicy");
    match protocol {
        "HTTPS" => {}
        "HTTP" if certificates.is_empty() && policy.is_none() => return Ok(None),
        "HTTP" => {
            return Err(Refusal::new(
                "InvalidConfigurationRequest",
                "A certificate or security policy cannot be specified for a listener with the protocol HTTP",
            ));
        }
        other => {
            let message = format!("Protocol '{other}' must be one of [HTTP, HTTPS]");
            return Err(invalid(&message));
        }
    }
    if call.text("AlpnPolicy").is_some() {
        return Err(invalid(
            "ALPN policies are for listeners with the protocol TLS",
        ));
    }
    let mutual = call.get("MutualAuthentication").and_then(|m| m.get("Mode"));
    if mutual.is_some_and(|mode| mode != "off") {
        return Err(invalid("The simulator does not model mutual TLS"));
    }
    let default = match (certificates.as_slice(), before) {
        ([only], _) => only.clone(),
        ([], Some(before)) => before.default.clone(),
        _ => {
            return Err(invalid(
                "You must provide a list containing exactly one certificate if the listener protocol is HTTPS.",
            ));
        }
    };
    let policy = policy.or(before.map(|before| before.policy.as_str()));
    let policy = policy.unwrap_or(default::SSL_POLICY);
    ssl_policy::check(policy)?;
    Ok(Some(Tls {
        policy: policy.to_owned(),
        default,
        certificates: before.map_or(Vec::new(), |before| before.certificates.clone()),
    }))
}

fn port(call: &Call) -> Result<Option<u16>, Refusal> {
    let Some(port) = call.optional_integer("Port")? else {
        return Ok(None);
    };
    let port = u16::try_from(port).ok().filter(|port| *port > 0);
    let port = port.ok_or_else(|| invalid("The port must be between '1' and '65535'"))?;
    Ok(Some(port))
}

fn duplicate() -> Refusal {
    let message = "A listener already exists on this port for this load balancer";
    Refusal::new("DuplicateListener", message)
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("ValidationError", message)
}
