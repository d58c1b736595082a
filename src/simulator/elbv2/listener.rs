//! Listeners: a port, a protocol, what it presents, and what is done with a request no rule takes.
//!
//! Takes the account's entries and the calls. Protocols are HTTP and HTTPS, an application load balancer's.

mod change;

use std::collections::BTreeSet;

use serde_json::{Value, json};

pub(super) use self::change::{
    LISTENERS_MAX, create, delete, describe_attributes, modify, modify_attributes,
};
use super::attributes::{self, Attributes};
use super::load_balancer;
use super::rule::{Action, Reply};
use super::{State, page};
use crate::simulator::World;
use crate::simulator::account;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::defaults::elbv2::listener as default;
use crate::simulator::tag::Tags;

#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) arn: String,
    pub(super) load_balancer: String,
    pub(super) port: u16,
    /// Present for HTTPS.
    pub(super) tls: Option<Tls>,
    /// The default rule has an ARN of its own, and no conditions.
    pub(super) default_rule: String,
    pub(super) default_action: Action,
    /// `Order` as the caller gave it; AWS does not add one.
    pub(super) order: Option<i64>,
    attributes: Attributes,
    pub(super) tags: Tags,
}

/// What an HTTPS listener presents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tls {
    pub(super) policy: String,
    /// The certificate for clients that name no host of another one.
    pub(super) default: String,
    /// The certificate list.
    pub(super) certificates: Vec<String>,
}

impl Listener {
    fn protocol(&self) -> &'static str {
        if self.tls.is_some() { "HTTPS" } else { "HTTP" }
    }
}

/// Adds a listener the account came with.
pub(super) fn add(world: &mut World, balancer: &str, given: &account::Listener) {
    let account::Listener {
        id,
        port,
        protocol: account::ListenerProtocol::Https,
        ssl_policy,
        certificate,
        default_response:
            account::FixedResponse {
                status,
                content_type,
                body,
            },
    } = given;
    let tls = Tls {
        policy: ssl_policy.clone(),
        default: certificate.arn.clone(),
        certificates: Vec::new(),
    };
    let action = Action::FixedResponse(Reply {
        status: *status,
        content_type: Some(content_type.clone()),
        body: Some(body.clone()),
    });
    let listener = new(world, balancer, id, *port, Some(tls), (action, None));
    world.elbv2.listeners.push(listener);
}

fn new(
    world: &mut World,
    balancer: &str,
    id: &str,
    port: u16,
    tls: Option<Tls>,
    (default_action, order): (Action, Option<i64>),
) -> Listener {
    let arn = balancer.replacen(":loadbalancer/", ":listener/", 1) + "/" + id;
    Listener {
        default_rule: arn.replacen(":listener/", ":listener-rule/", 1) + "/" + &world.hex(16),
        arn,
        load_balancer: balancer.to_owned(),
        port,
        attributes: attributes::listener::defaults(tls.is_some()),
        tls,
        default_action,
        order,
        tags: Tags::new(),
    }
}

/// The default certificate of the HTTPS listener on `port`; `None` without such a listener.
pub fn certificate(world: &World, port: u16) -> Option<account::Certificate> {
    let State {
        listeners,
        certificates,
        ..
    } = &world.elbv2;
    let listener = listeners.iter().find(|listener| listener.port == port)?;
    let tls = listener.tls.as_ref()?;
    let mut known = certificates.iter();
    known
        .find(|certificate| certificate.arn == tls.default)
        .cloned()
}

/// ARNs of the load balancers with a listener that has the certificate of that ARN.
pub fn certificate_users(world: &World, arn: &str) -> Vec<String> {
    let has = |listener: &&Listener| {
        let tls = listener.tls.as_ref();
        tls.is_some_and(|tls| tls.default == arn || tls.certificates.iter().any(|one| one == arn))
    };
    let listeners = world.elbv2.listeners.iter().filter(has);
    let users: BTreeSet<String> = listeners.map(|one| one.load_balancer.clone()).collect();
    users.into_iter().collect()
}

/// The load balancer a listener belongs to.
pub(super) fn balancer_of<'a>(state: &'a State, listener: &str) -> Option<&'a str> {
    let mut listeners = state.listeners.iter();
    let listener = listeners.find(|candidate| candidate.arn == listener)?;
    Some(&listener.load_balancer)
}

/// Deletes a load balancer's listeners with their rules.
pub(super) fn forget_all_of(state: &mut State, balancer: &str) {
    let State {
        listeners, rules, ..
    } = state;
    listeners.retain(|listener| listener.load_balancer != balancer);
    rules.retain(|rule| {
        listeners
            .iter()
            .any(|listener| listener.arn == rule.listener)
    });
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let arns = call.texts("ListenerArns");
    let balancer = call.text("LoadBalancerArn");
    if arns.is_empty() == balancer.is_none() {
        let message = "You must specify either listener ARNs or a load balancer ARN";
        return Err(Refusal::new("ValidationError", message));
    }
    if let Some(balancer) = balancer {
        load_balancer::known(&world.elbv2, balancer)?;
    }
    for arn in &arns {
        known(&world.elbv2, arn)?;
    }
    let wanted = |listener: &&Listener| {
        arns.contains(&listener.arn) || balancer == Some(&listener.load_balancer)
    };
    let listeners = world.elbv2.listeners.iter().filter(wanted);
    page(call, "Listeners", listeners.map(describe_one).collect())
}

fn describe_one(listener: &Listener) -> Value {
    let Listener {
        arn,
        load_balancer,
        port,
        tls,
        default_rule: _,
        default_action,
        order,
        attributes: _,
        tags: _,
    } = listener;
    let mut described = json!({
        "ListenerArn": arn,
        "LoadBalancerArn": load_balancer,
        "Port": port,
        "Protocol": listener.protocol(),
        "DefaultActions": [default_action.describe(*order)],
    });
    if let Some(Tls {
        policy,
        default,
        certificates: _,
    }) = tls
    {
        described["Certificates"] = json!([{ "CertificateArn": default }]);
        described["SslPolicy"] = json!(policy);
        described["MutualAuthentication"] = json!({ "Mode": default::MUTUAL });
    }
    described
}

pub(super) fn known<'a>(state: &'a State, arn: &str) -> Result<&'a Listener, Refusal> {
    let found = state.listeners.iter().find(|listener| listener.arn == arn);
    found.ok_or_else(not_found)
}

pub(super) fn find_mut<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Listener, Refusal> {
    let mut listeners = state.listeners.iter_mut();
    let found = listeners.find(|listener| listener.arn == arn);
    found.ok_or_else(not_found)
}

fn not_found() -> Refusal {
    Refusal::new("ListenerNotFound", "One or more listeners not found")
}
