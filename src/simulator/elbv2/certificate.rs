//! Certificates: which a listener may present, and the calls about a listener's list of them.
//!
//! Known are those the account's listeners came with.

use serde_json::{Value, json};

use super::listener::{self, Tls};
use super::{State, page, required};
use crate::simulator::World;
use crate::simulator::account;
use crate::simulator::call::{Answer, Call, Refusal};

/// AWS's default quota per load balancer, not counting default certificates.
const CERTIFICATES_MAX: usize = 25;

/// Makes a certificate known.
pub(super) fn add(state: &mut State, certificate: &account::Certificate) {
    if !state
        .certificates
        .iter()
        .any(|known| known.arn == certificate.arn)
    {
        state.certificates.push(certificate.clone());
    }
}

/// The ARNs of `Certificates`, all of them known.
pub(super) fn parse(state: &State, call: &Call) -> Result<Vec<String>, Refusal> {
    let mut arns = Vec::new();
    for given in call.list("Certificates") {
        let arn = given.get("CertificateArn").and_then(Value::as_str);
        let arn = arn.unwrap_or_default();
        if given.get("IsDefault").is_some() {
            return Err(invalid(
                "You cannot set the isDefault parameter for a certificate",
            ));
        }
        if !state.certificates.iter().any(|known| known.arn == arn) {
            return Err(Refusal::new(
                "CertificateNotFound",
                format!("Certificate '{arn}' not found"),
            ));
        }
        arns.push(arn.to_owned());
    }
    Ok(arns)
}

/// "If the certificate is already in the certificate list, the call is successful but the certificate is not added
/// again" (API_AddListenerCertificates).
pub(super) fn add_to_listener(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "ListenerArn")?;
    listener::known(&world.elbv2, arn)?;
    let added = parse(&world.elbv2, call)?;
    let tls = tls_of(&mut world.elbv2, arn)?;
    let mut all = tls.certificates.clone();
    let fresh = added.iter().filter(|arn| !tls.certificates.contains(arn));
    all.extend(fresh.cloned());
    if all.len() > CERTIFICATES_MAX {
        let message =
            "The quota for the number of certificates of this load balancer has been reached";
        return Err(Refusal::new("TooManyCertificates", message));
    }
    tls.certificates = all;
    let entries = added.iter();
    let entries: Vec<Value> = entries
        .map(|arn| json!({ "CertificateArn": arn, "IsDefault": false }))
        .collect();
    Ok(json!({ "Certificates": entries }))
}

pub(super) fn remove_from_listener(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "ListenerArn")?;
    listener::known(&world.elbv2, arn)?;
    let removed = parse(&world.elbv2, call)?;
    let tls = tls_of(&mut world.elbv2, arn)?;
    if let Some(default) = removed
        .iter()
        .find(|arn| **arn == tls.default && !tls.certificates.contains(arn))
    {
        let message = format!("Default certificate '{default}' cannot be removed");
        return Err(Refusal::new("OperationNotPermitted", message));
    }
    tls.certificates.retain(|known| !removed.contains(known));
    Ok(json!({}))
}

/// The default certificate, then the list, where it may stand once more (API_DescribeListenerCertificates).
pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "ListenerArn")?;
    let tls = tls_of(&mut world.elbv2, arn)?;
    let default = json!({ "CertificateArn": tls.default, "IsDefault": true });
    let others = tls.certificates.iter();
    let others = others.map(|arn| json!({ "CertificateArn": arn, "IsDefault": false }));
    let all = [default].into_iter().chain(others).collect();
    page(call, "Certificates", all)
}

fn tls_of<'a>(state: &'a mut State, arn: &str) -> Result<&'a mut Tls, Refusal> {
    let tls = listener::find_mut(state, arn)?.tls.as_mut();
    tls.ok_or_else(|| invalid("Certificates are only for listeners with the protocol HTTPS"))
}

fn invalid(message: &str) -> Refusal {
    Refusal::new("ValidationError", message)
}
