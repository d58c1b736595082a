//! Load balancers and their listeners: given by the account's fixture, described, never changed.
//!
//! Takes the fixture's entries, gives AWS's descriptions.

use serde_json::{Value, json};

use super::rule::{Action, Reply};
use super::{State, page, required};
use crate::simulator::World;
use crate::simulator::account;
use crate::simulator::call::{Answer, Call, Millis, Refusal, timestamp};
use crate::simulator::tag::Tags;

/// Route 53's zone of all application load balancers in us-east-1
/// (docs.aws.amazon.com/general/latest/gr/elb.html).
const HOSTED_ZONE: &str = "Z35SXDOTRQ7X7K";

#[derive(Debug, Clone)]
pub(super) struct LoadBalancer {
    pub(super) arn: String,
    name: String,
    dns_name: String,
    scheme: account::Scheme,
    vpc: String,
    /// Zone and subnet.
    zones: Vec<(String, String)>,
    security_groups: Vec<String>,
    created: Millis,
    pub(super) tags: Tags,
}

#[derive(Debug, Clone)]
pub(super) struct Listener {
    pub(super) arn: String,
    load_balancer: String,
    pub(super) port: u16,
    ssl_policy: String,
    certificate: account::Certificate,
    /// The default rule has an ARN of its own, and no conditions.
    pub(super) default_rule: String,
    pub(super) default_action: Action,
    pub(super) tags: Tags,
}

/// Adds an existing load balancer with its listeners. Its availability zones are those of its subnets, which the caller
/// has checked to exist; one that does not is left out.
pub fn add_load_balancer(world: &mut World, balancer: &account::LoadBalancer, now: Millis) {
    let account::LoadBalancer {
        name,
        id,
        scheme,
        vpc,
        subnets,
        security_groups,
        listeners,
    } = balancer;
    let arn = world.arn(
        "elasticloadbalancing",
        &format!("loadbalancer/app/{name}/{id}"),
    );
    let zones = subnets
        .iter()
        .filter_map(|id| {
            world
                .subnet(id)
                .map(|(_, subnet)| (subnet.availability_zone.clone(), id.clone()))
        })
        .collect();
    let number: u64 = id.bytes().fold(0, |number, byte| {
        (number * 31 + u64::from(byte)) % 10_000_000_000
    });
    let prefix = if *scheme == account::Scheme::Internal {
        "internal-"
    } else {
        ""
    };
    let dns_name = format!("{prefix}{name}-{number}.{}.elb.amazonaws.com", world.region);
    for account::Listener {
        id,
        port,
        protocol: account::ListenerProtocol::Https,
        ssl_policy,
        certificate,
        default_response,
    } in listeners
    {
        let listener = arn.replacen(":loadbalancer/", ":listener/", 1) + "/" + id;
        let rule = listener.replacen(":listener/", ":listener-rule/", 1) + "/" + &world.hex(16);
        let account::FixedResponse {
            status,
            content_type,
            body,
        } = default_response;
        world.elbv2.listeners.push(Listener {
            arn: listener,
            load_balancer: arn.clone(),
            port: *port,
            ssl_policy: ssl_policy.clone(),
            certificate: certificate.clone(),
            default_rule: rule,
            default_action: Action::FixedResponse(Reply {
                status: *status,
                content_type: Some(content_type.clone()),
                body: Some(body.clone()),
            }),
            tags: Tags::new(),
        });
    }
    world.elbv2.load_balancers.push(LoadBalancer {
        arn,
        name: name.clone(),
        dns_name,
        scheme: *scheme,
        vpc: vpc.clone(),
        zones,
        security_groups: security_groups.clone(),
        created: now,
        tags: Tags::new(),
    });
}

/// The load balancer's host name and Route 53's zone of it.
pub fn dns_name(world: &World, name: &str) -> Option<(String, &'static str)> {
    let mut balancers = world.elbv2.load_balancers.iter();
    let balancer = balancers.find(|balancer| balancer.name == name)?;
    Some((balancer.dns_name.clone(), HOSTED_ZONE))
}

/// ARNs of the load balancers with a listener that has the certificate of that ARN.
pub fn certificate_users(world: &World, arn: &str) -> Vec<String> {
    let listeners = world.elbv2.listeners.iter();
    let mut users: Vec<String> = listeners
        .filter(|listener| listener.certificate.arn == arn)
        .map(|listener| listener.load_balancer.clone())
        .collect();
    users.dedup();
    users
}

/// The certificate of the listener on `port`; `None` without such a listener.
pub fn certificate(world: &World, port: u16) -> Option<account::Certificate> {
    let listener = world
        .elbv2
        .listeners
        .iter()
        .find(|listener| listener.port == port)?;
    Some(listener.certificate.clone())
}

/// The load balancer a listener belongs to.
pub(super) fn of_listener<'a>(state: &'a State, listener: &str) -> Option<&'a str> {
    let listener = state
        .listeners
        .iter()
        .find(|candidate| candidate.arn == listener)?;
    Some(&listener.load_balancer)
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let (arns, names) = (call.texts("LoadBalancerArns"), call.texts("Names"));
    if !arns.is_empty() && !names.is_empty() {
        let message =
            "Load balancer names and load balancer ARNs cannot be specified at the same time";
        return Err(Refusal::new("ValidationError", message));
    }
    if arns.len().max(names.len()) > 20 {
        return Err(Refusal::new(
            "ValidationError",
            "The number of load balancers cannot exceed '20'",
        ));
    }
    let all = &world.elbv2.load_balancers;
    let missing = |wanted: &String| {
        !all.iter()
            .any(|balancer| balancer.arn == *wanted || balancer.name == *wanted)
    };
    if let Some(missing) = arns.iter().chain(&names).find(|wanted| missing(wanted)) {
        return Err(Refusal::new(
            "LoadBalancerNotFound",
            format!("Load balancers '[{missing}]' not found"),
        ));
    }
    let wanted = |balancer: &&LoadBalancer| {
        arns.is_empty() && names.is_empty()
            || arns.contains(&balancer.arn)
            || names.contains(&balancer.name)
    };
    let described = all.iter().filter(wanted).map(|balancer| {
        let LoadBalancer { arn, name, dns_name, scheme, vpc, zones, security_groups, created, tags: _ } = balancer;
        let zone = |(zone, subnet): &(String, String)| {
            json!({ "ZoneName": zone, "SubnetId": subnet, "LoadBalancerAddresses": [] })
        };
        json!({
            "LoadBalancerArn": arn,
            "DNSName": dns_name,
            "CanonicalHostedZoneId": HOSTED_ZONE,
            "CreatedTime": timestamp(*created),
            "LoadBalancerName": name,
            "Scheme": scheme.as_str(),
            "VpcId": vpc,
            "State": { "Code": "active" },
            "Type": "application",
            "AvailabilityZones": zones.iter().map(zone).collect::<Vec<_>>(),
            "SecurityGroups": security_groups,
            "IpAddressType": "ipv4",
        })
    });
    page(call, "LoadBalancers", described.collect())
}

/// AWS's defaults, which the fixture cannot change (API_LoadBalancerAttribute).
const ATTRIBUTES: [(&str, &str); 20] = [
    ("access_logs.s3.enabled", "false"),
    ("access_logs.s3.bucket", ""),
    ("access_logs.s3.prefix", ""),
    ("idle_timeout.timeout_seconds", "60"),
    ("deletion_protection.enabled", "false"),
    ("routing.http2.enabled", "true"),
    ("routing.http.drop_invalid_header_fields.enabled", "false"),
    ("routing.http.xff_client_port.enabled", "false"),
    ("routing.http.preserve_host_header.enabled", "false"),
    ("routing.http.xff_header_processing.mode", "append"),
    ("load_balancing.cross_zone.enabled", "true"),
    ("routing.http.desync_mitigation_mode", "defensive"),
    ("client_keep_alive.seconds", "3600"),
    ("waf.fail_open.enabled", "false"),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
    ),
    ("zonal_shift.config.enabled", "false"),
    ("connection_logs.s3.enabled", "false"),
    ("connection_logs.s3.bucket", ""),
    ("connection_logs.s3.prefix", ""),
    ("ipv6.deny_all_igw_traffic", "false"),
];

pub(super) fn describe_attributes(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "LoadBalancerArn")?;
    known(&world.elbv2, arn)?;
    let attributes: Vec<Value> = ATTRIBUTES
        .iter()
        .map(|(key, value)| json!({ "Key": key, "Value": value }))
        .collect();
    Ok(json!({ "Attributes": attributes }))
}

pub(super) fn describe_listeners(world: &mut World, call: &Call) -> Answer {
    let arns = call.texts("ListenerArns");
    let balancer = call.text("LoadBalancerArn");
    if arns.is_empty() == balancer.is_none() {
        let message = "You must specify either listener ARNs or a load balancer ARN";
        return Err(Refusal::new("ValidationError", message));
    }
    if let Some(balancer) = balancer {
        known(&world.elbv2, balancer)?;
    }
    for arn in &arns {
        known_listener(&world.elbv2, arn)?;
    }
    let wanted = |listener: &&Listener| {
        arns.contains(&listener.arn) || balancer == Some(&listener.load_balancer)
    };
    let described = world.elbv2.listeners.iter().filter(wanted).map(|listener| {
        let Listener {
            arn,
            load_balancer,
            port,
            ssl_policy,
            certificate,
            default_rule: _,
            default_action,
            tags: _,
        } = listener;
        json!({
            "ListenerArn": arn,
            "LoadBalancerArn": load_balancer,
            "Port": port,
            "Protocol": "HTTPS",
            "Certificates": [{ "CertificateArn": certificate.arn }],
            "SslPolicy": ssl_policy,
            "DefaultActions": [default_action.describe(None)],
            "MutualAuthentication": { "Mode": "off" },
        })
    });
    page(call, "Listeners", described.collect())
}

pub(super) fn describe_certificates(world: &mut World, call: &Call) -> Answer {
    let listener = known_listener(&world.elbv2, required(call, "ListenerArn")?)?;
    page(
        call,
        "Certificates",
        vec![json!({ "CertificateArn": listener.certificate.arn, "IsDefault": true })],
    )
}

pub(super) fn known(state: &State, arn: &str) -> Result<(), Refusal> {
    if state
        .load_balancers
        .iter()
        .any(|balancer| balancer.arn == arn)
    {
        Ok(())
    } else {
        Err(Refusal::new(
            "LoadBalancerNotFound",
            format!("Load balancer '{arn}' not found"),
        ))
    }
}

pub(super) fn known_listener<'a>(state: &'a State, arn: &str) -> Result<&'a Listener, Refusal> {
    let found = state.listeners.iter().find(|listener| listener.arn == arn);
    found.ok_or_else(|| Refusal::new("ListenerNotFound", "One or more listeners not found"))
}
