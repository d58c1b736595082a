//! Certificate Manager: which names certificates are good for. Reads only, all of the account's in one call: there is none
//! that takes several ARNs, and a listener may have many.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;

use super::signed::Service;
use super::{AwsError, Clients};
use crate::reconciler::observed::Certificate;

const ACM: Service = Service {
    signing_name: "acm",
    host: "acm.{region}.amazonaws.com",
    region: None,
};

/// Without this filter only RSA certificates of up to 2,048 bits are listed.
/// <https://docs.aws.amazon.com/acm/latest/APIReference/API_Filters.html>
const KEY_TYPES: [&str; 7] = [
    "RSA_1024",
    "RSA_2048",
    "RSA_3072",
    "RSA_4096",
    "EC_prime256v1",
    "EC_secp384r1",
    "EC_secp521r1",
];
/// 1,000 certificates a page; AWS lets an account have 2,500 at first.
const PAGES_MAX: usize = 10;

/// The certificates of these ARNs; one that is not Certificate Manager's is there without names.
pub async fn certificates(
    aws: &Clients,
    arns: &BTreeSet<String>,
) -> Result<Vec<Certificate>, AwsError> {
    let mut found = BTreeMap::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let mut input = json!({ "MaxItems": 1000, "Includes": { "keyTypes": KEY_TYPES } });
        if let Some(token) = token {
            input["NextToken"] = token;
        }
        let reply = aws
            .signed
            .json(ACM, "acm:ListCertificates", "CertificateManager", &input)
            .await?;
        let page = reply["CertificateSummaryList"].as_array();
        for summary in page.into_iter().flatten() {
            let Some(arn) = summary["CertificateArn"].as_str() else {
                continue;
            };
            let others = summary["SubjectAlternativeNameSummaries"].as_array();
            let domains = others
                .into_iter()
                .flatten()
                .chain([&summary["DomainName"]])
                .filter_map(|name| name.as_str().map(str::to_owned));
            let certificate = Certificate {
                arn: arn.to_owned(),
                domains: domains.collect(),
                status: summary["Status"].as_str().unwrap_or_default().to_owned(),
                // Seconds with a fraction.
                expires: summary["NotAfter"].as_f64().map(|seconds| seconds as i64),
            };
            found.insert(arn.to_owned(), certificate);
        }
        token = reply
            .get("NextToken")
            .filter(|token| token.is_string())
            .cloned();
        if token.is_none() || arns.iter().all(|arn| found.contains_key(arn)) {
            break;
        }
    }
    let unknown = |arn: &String| Certificate {
        arn: arn.clone(),
        domains: BTreeSet::new(),
        status: String::new(),
        expires: None,
    };
    Ok(arns
        .iter()
        .map(|arn| found.remove(arn).unwrap_or_else(|| unknown(arn)))
        .collect())
}
