//! Certificate Manager: the certificates that the account's listeners have. Read only.
//!
//! Takes ACM's reads. A certificate's body exists once the load balancer has had it issued ([`set_issued`]); a
//! simulation without a load balancer process has none. Keys are never here.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::account;
use super::call::{Answer, Call, Millis, Refusal, timestamp};
use super::elbv2;
use super::world::World;

/// Certificates by ARN.
#[derive(Debug, Default)]
pub struct State {
    certificates: BTreeMap<String, Certificate>,
}

#[derive(Debug)]
struct Certificate {
    domains: Vec<String>,
    created: Millis,
    not_before: Millis,
    not_after: Millis,
    serial: String,
    /// The host and target of the record that proves the domain is the account's.
    validation: (String, String),
    body: Option<Body>,
}

#[derive(Debug)]
struct Body {
    certificate: String,
    chain: String,
}

/// What the load balancer had issued, PEM.
#[derive(Debug)]
pub struct Issued {
    /// The certificate.
    pub certificate: String,
    /// The authority that signed it.
    pub chain: String,
    /// Its serial number.
    pub serial: Vec<u8>,
    /// When it begins to be good.
    pub not_before: Millis,
    /// When it ends.
    pub not_after: Millis,
}

const VALIDATION: &str = "ValidationException";
const DAY: Millis = 86_400_000;
/// What Amazon issues for since February 2026 (docs.aws.amazon.com/acm/latest/userguide/acm-certificate-characteristics.html).
const VALID_DAYS: Millis = 198;
/// The load balancer's certificates are of this kind; ACM reads an algorithm back with a hyphen and filters by it with an
/// underscore.
const ALGORITHM: &str = "EC-prime256v1";

/// Adds an issued certificate.
pub fn add_certificate(world: &mut World, certificate: &account::Certificate, now: Millis) {
    let bytes: Vec<String> = (0..16).map(|_| world.hex(2)).collect();
    let validation = (
        format!("_{}", world.hex(32)),
        format!("_{}.{}.acm-validations.aws.", world.hex(32), world.hex(10)),
    );
    let entry = Certificate {
        domains: certificate.domains.clone(),
        created: now,
        not_before: now - now % DAY,
        not_after: now - now % DAY + VALID_DAYS * DAY,
        serial: bytes.join(":"),
        validation,
        body: None,
    };
    world
        .acm
        .certificates
        .insert(certificate.arn.clone(), entry);
}

/// Makes a certificate say what the load balancer really serves.
pub fn set_issued(world: &mut World, arn: &str, issued: Issued) {
    let Issued {
        certificate,
        chain,
        serial,
        not_before,
        not_after,
    } = issued;
    if let Some(entry) = world.acm.certificates.get_mut(arn) {
        let bytes: Vec<String> = serial.iter().map(|byte| format!("{byte:02x}")).collect();
        entry.serial = bytes.join(":");
        entry.not_before = not_before;
        entry.not_after = not_after;
        entry.body = Some(Body { certificate, chain });
    }
}

/// Answers an ACM call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    let world = &*world;
    match call.operation.as_str() {
        "ListCertificates" => list_certificates(world, call),
        "DescribeCertificate" => {
            let (arn, certificate) = certificate(world, call)?;
            Ok(json!({ "Certificate": described(world, arn, certificate) }))
        }
        "GetCertificate" => {
            let (arn, certificate) = certificate(world, call)?;
            let body = certificate.body.as_ref().ok_or_else(|| {
                Refusal::new(
                    "RequestInProgressException",
                    format!("The certificate request is in progress for {arn}: no load balancer runs here."),
                )
            })?;
            Ok(json!({ "Certificate": body.certificate, "CertificateChain": body.chain }))
        }
        "ListTagsForCertificate" => {
            certificate(world, call)?;
            Ok(json!({ "Tags": [] }))
        }
        _ => Err(call.unknown_operation()),
    }
}

fn certificate<'a>(world: &'a World, call: &Call) -> Result<(&'a str, &'a Certificate), Refusal> {
    let arn = call.required("CertificateArn", VALIDATION)?;
    if arn.len() < 20 || !arn.starts_with("arn:") || !arn.contains(":acm:") {
        let message = format!(
            "1 validation error detected: Value '{arn}' at 'certificateArn' failed to satisfy constraint: Member must \
             satisfy regular expression pattern: \
             arn:[\\w+=/,.@-]+:acm:[\\w+=/,.@-]*:[0-9]+:[\\w+=,.@-]+(/[\\w+=,.@-]+)*"
        );
        return Err(Refusal::new(VALIDATION, message));
    }
    if !arn.starts_with(&world.arn("acm", "certificate/")) {
        return Err(Refusal::new(
            "InvalidArnException",
            format!("The ARN {arn} is not a certificate of this account and region."),
        ));
    }
    let found = world.acm.certificates.get_key_value(arn);
    found
        .map(|(arn, certificate)| (arn.as_str(), certificate))
        .ok_or_else(|| {
            let message = format!(
                "Could not find certificate {arn} in account {}.",
                world.account
            );
            Refusal::new("ResourceNotFoundException", message)
        })
}

fn described(world: &World, arn: &str, certificate: &Certificate) -> Value {
    let Certificate {
        domains,
        created,
        not_before,
        not_after,
        serial,
        validation: (host, target),
        body: _,
    } = certificate;
    let first = domains.first().map_or("", String::as_str);
    let users = elbv2::certificate_users(world, arn);
    // A wildcard and its parent share one record, so one domain may stand here twice with the same.
    let validations: Vec<Value> = domains
        .iter()
        .map(|domain| {
            let parent = domain.trim_start_matches("*.");
            json!({
                "DomainName": domain, "ValidationDomain": domain, "ValidationStatus": "SUCCESS",
                "ValidationMethod": "DNS",
                "ResourceRecord": { "Name": format!("{host}.{parent}."), "Type": "CNAME", "Value": target },
            })
        })
        .collect();
    json!({
        "CertificateArn": arn, "DomainName": first, "SubjectAlternativeNames": domains,
        "DomainValidationOptions": validations, "Serial": serial, "Subject": format!("CN={first}"),
        "Issuer": "Amazon", "CreatedAt": timestamp(*created), "IssuedAt": timestamp(*created), "Status": "ISSUED",
        "NotBefore": timestamp(*not_before), "NotAfter": timestamp(*not_after), "KeyAlgorithm": ALGORITHM,
        "SignatureAlgorithm": "SHA256WITHECDSA", "InUseBy": users, "Type": "AMAZON_ISSUED",
        "KeyUsages": [{ "Name": "DIGITAL_SIGNATURE" }],
        "ExtendedKeyUsages": [{ "Name": "TLS_WEB_SERVER_AUTHENTICATION", "OID": "1.3.6.1.5.5.7.3.1" }],
        "RenewalEligibility": eligibility(&users),
        "Options": { "CertificateTransparencyLoggingPreference": "ENABLED", "Export": "DISABLED" },
    })
}

/// Amazon renews what is in use or exportable.
fn eligibility(users: &[String]) -> &'static str {
    if users.is_empty() {
        "INELIGIBLE"
    } else {
        "ELIGIBLE"
    }
}

fn list_certificates(world: &World, call: &Call) -> Answer {
    let statuses = call.optional_texts("CertificateStatuses")?;
    let includes = call.structure("Includes")?;
    let wanted = |member: &str| match &includes {
        Some(includes) => includes.optional_texts(member),
        None => Ok(Vec::new()),
    };
    let size = call.optional_integer("MaxItems")?.unwrap_or(1000);
    let size = usize::try_from(size)
        .ok()
        .filter(|size| (1..=1000).contains(size));
    let size = size.ok_or_else(|| {
        Refusal::new(VALIDATION, "1 validation error detected: Value at 'maxItems' failed to satisfy constraint: Member must have value between 1 and 1000")
    })?;
    let sort = (call.text("SortBy"), call.text("SortOrder"));
    let descending = match sort {
        (None, None) | (Some("CREATED_AT"), Some("ASCENDING")) => false,
        (Some("CREATED_AT"), Some("DESCENDING")) => true,
        _ => {
            let message = "SortBy CREATED_AT and SortOrder ASCENDING or DESCENDING go together";
            return Err(Refusal::new("InvalidArgsException", message));
        }
    };
    // Without a filter only RSA certificates of up to 2,048 bits are listed
    // (docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html, keyTypes).
    let key = wanted("keyTypes")?
        .iter()
        .any(|name| name == "EC_prime256v1");
    let usage = among(&wanted("keyUsage")?, &["DIGITAL_SIGNATURE", "ANY"]);
    let extended = among(
        &wanted("extendedKeyUsage")?,
        &["TLS_WEB_SERVER_AUTHENTICATION", "ANY"],
    );
    let shown = key && usage && extended && among(&statuses, &["ISSUED"]);
    let mut all: Vec<_> = world.acm.certificates.iter().filter(|_| shown).collect();
    all.sort_by_key(|(_, certificate)| certificate.created);
    if descending {
        all.reverse();
    }
    let entries = all
        .into_iter()
        .enumerate()
        .map(|(place, (arn, certificate))| {
            (format!("{place:06}"), summary(world, arn, certificate))
        });
    let page = Call::page(entries, call.optional_text("NextToken")?, size, VALIDATION)?;
    Ok(json!({ "CertificateSummaryList": page.items, "NextToken": page.next }))
}

/// Whether a filter that is not there, or has one of `ours`, is given.
fn among(filter: &[String], ours: &[&str]) -> bool {
    filter.is_empty() || filter.iter().any(|name| ours.contains(&name.as_str()))
}

fn summary(world: &World, arn: &str, certificate: &Certificate) -> Value {
    let first = certificate.domains.first().map_or("", String::as_str);
    let users = elbv2::certificate_users(world, arn);
    json!({
        "CertificateArn": arn, "DomainName": first, "SubjectAlternativeNameSummaries": certificate.domains,
        "HasAdditionalSubjectAlternativeNames": false, "Status": "ISSUED", "Type": "AMAZON_ISSUED",
        "KeyAlgorithm": ALGORITHM, "KeyUsages": ["DIGITAL_SIGNATURE"],
        "ExtendedKeyUsages": ["TLS_WEB_SERVER_AUTHENTICATION"], "ExportOption": "DISABLED",
        "InUse": !users.is_empty(), "Exported": false, "RenewalEligibility": eligibility(&users),
        "NotBefore": timestamp(certificate.not_before), "NotAfter": timestamp(certificate.not_after),
        "CreatedAt": timestamp(certificate.created), "IssuedAt": timestamp(certificate.created),
    })
}
