//! Security policies: the ones in use today, of some thirty AWS has.
//!
//! <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>. A listener may name any
//! of them; what the one on loopback negotiates is its TLS library's own choice.

use serde_json::{Value, json};

use super::page;
use crate::simulator::World;
use crate::simulator::call::{Answer, Call, Refusal};
use crate::simulator::defaults::elbv2::listener as default;

const TLS_1_3: [&str; 3] = [
    "TLS_AES_128_GCM_SHA256",
    "TLS_AES_256_GCM_SHA384",
    "TLS_CHACHA20_POLY1305_SHA256",
];
const ECDHE_GCM: [&str; 4] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
];
const ECDHE: [&str; 8] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
];
const RSA: [&str; 4] = [
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
];
const OF_2016: [&str; 18] = [
    "ECDHE-ECDSA-AES128-GCM-SHA256",
    "ECDHE-RSA-AES128-GCM-SHA256",
    "ECDHE-ECDSA-AES128-SHA256",
    "ECDHE-RSA-AES128-SHA256",
    "ECDHE-ECDSA-AES128-SHA",
    "ECDHE-RSA-AES128-SHA",
    "ECDHE-ECDSA-AES256-GCM-SHA384",
    "ECDHE-RSA-AES256-GCM-SHA384",
    "ECDHE-ECDSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA384",
    "ECDHE-RSA-AES256-SHA",
    "ECDHE-ECDSA-AES256-SHA",
    "AES128-GCM-SHA256",
    "AES128-SHA256",
    "AES128-SHA",
    "AES256-GCM-SHA384",
    "AES256-SHA256",
    "AES256-SHA",
];

struct Policy {
    name: &'static str,
    protocols: &'static [&'static str],
    /// In order of preference.
    ciphers: &'static [&'static [&'static str]],
}

const POLICIES: [Policy; 5] = [
    Policy {
        name: default::SSL_POLICY,
        protocols: &["TLSv1", "TLSv1.1", "TLSv1.2"],
        ciphers: &[&OF_2016],
    },
    Policy {
        name: "ELBSecurityPolicy-TLS-1-2-2017-01",
        protocols: &["TLSv1.2"],
        ciphers: &[&ECDHE, &RSA],
    },
    Policy {
        name: "ELBSecurityPolicy-TLS13-1-2-2021-06",
        protocols: &["TLSv1.2", "TLSv1.3"],
        ciphers: &[&TLS_1_3, &ECDHE],
    },
    Policy {
        name: "ELBSecurityPolicy-TLS13-1-2-Res-2021-06",
        protocols: &["TLSv1.2", "TLSv1.3"],
        ciphers: &[&TLS_1_3, &ECDHE_GCM],
    },
    Policy {
        name: "ELBSecurityPolicy-TLS13-1-3-2021-06",
        protocols: &["TLSv1.3"],
        ciphers: &[&TLS_1_3],
    },
];

pub(super) fn check(name: &str) -> Result<(), Refusal> {
    if POLICIES.iter().any(|policy| policy.name == name) {
        return Ok(());
    }
    Err(Refusal::new(
        "SSLPolicyNotFound",
        format!("SSL policy '{name}' not found"),
    ))
}

pub(super) fn describe(_world: &mut World, call: &Call) -> Answer {
    let names = call.texts("Names");
    names.iter().try_for_each(|name| check(name))?;
    let application = call
        .text("LoadBalancerType")
        .is_none_or(|kind| kind == "application");
    let wanted = |policy: &&Policy| {
        application && (names.is_empty() || names.iter().any(|name| name == policy.name))
    };
    let policies = POLICIES.iter().filter(wanted).map(|policy| {
        let ciphers = policy.ciphers.iter().copied().flatten().zip(1..);
        let ciphers = ciphers.map(|(name, priority): (_, u32)| json!({ "Name": name, "Priority": priority }));
        json!({
            "Name": policy.name, "SslProtocols": policy.protocols, "Ciphers": ciphers.collect::<Value>(),
            "SupportedLoadBalancerTypes": ["application"],
        })
    });
    page(call, "SslPolicies", policies.collect())
}
