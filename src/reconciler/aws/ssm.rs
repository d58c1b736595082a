//! SSM Parameter Store: which parameters are there, and the values of those that are to hold contract addresses. Values of
//! type SecureString are never read; their versions stand in the same answer as their names.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterType};

use super::{AwsError, Clients, failed};
use crate::reconciler::observed::Address;

/// DescribeParameters takes at most 50 values in one filter.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>
const NAMES_MAX: usize = 50;
/// GetParameters takes at most ten names.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_GetParameters.html>
const VALUES_MAX: usize = 10;

/// What is known of the parameters a unit names.
pub struct Parameters {
    /// Those that are not there.
    pub missing: BTreeSet<String>,
    /// The versions of those that are.
    pub versions: BTreeMap<String, i64>,
    /// Those that are to hold addresses and are there.
    pub addresses: BTreeMap<String, Address>,
}

/// Looks for `names`; of those that are in `addresses` too, and of type `String`, reads the values.
pub async fn parameters(
    aws: &Clients,
    names: &BTreeSet<String>,
    addresses: &BTreeSet<String>,
) -> Result<Parameters, AwsError> {
    let kinds = kinds(aws, names).await?;
    let versions = kinds.iter();
    let versions = versions.map(|(name, (_, version))| (name.clone(), *version));
    let versions = versions.collect();
    let missing = names
        .iter()
        .filter(|name| !kinds.contains_key(*name))
        .cloned()
        .collect();
    let there = addresses
        .iter()
        .filter_map(|name| kinds.get_key_value(name));
    let (readable, secret): (Vec<_>, Vec<_>) =
        there.partition(|(_, (kind, _))| *kind == Some(ParameterType::String));
    let readable: Vec<String> = readable.into_iter().map(|(name, _)| name.clone()).collect();
    let secret = secret
        .into_iter()
        .map(|(name, _)| (name.clone(), Address::Secret));
    let mut addresses: BTreeMap<String, Address> = secret.collect();
    for names in readable.chunks(VALUES_MAX) {
        // Without decryption: a parameter that has become a secret since gives its ciphertext.
        let reply = aws
            .ssm
            .get_parameters()
            .set_names(Some(names.to_vec()))
            .with_decryption(false)
            .send()
            .await
            .map_err(failed("ssm:GetParameters"))?;
        for parameter in reply.parameters.unwrap_or_default() {
            if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                let address = match parameter.r#type {
                    // As the program reads it: `--value file://…` keeps the newline a file ends with.
                    Some(ParameterType::String) => Address::Value(value.trim().to_owned()),
                    _ => Address::Secret,
                };
                addresses.insert(name, address);
            }
        }
    }
    Ok(Parameters {
        missing,
        versions,
        addresses,
    })
}

/// The types and versions of those of `names` that are there.
async fn kinds(
    aws: &Clients,
    names: &BTreeSet<String>,
) -> Result<BTreeMap<String, (Option<ParameterType>, i64)>, AwsError> {
    let operation = "ssm:DescribeParameters";
    let mut kinds = BTreeMap::new();
    let names: Vec<&String> = names.iter().collect();
    for names in names.chunks(NAMES_MAX) {
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Equals")
            .set_values(Some(names.iter().map(|name| (*name).clone()).collect()));
        let filter = filter
            .build()
            .map_err(|_| super::lacking(operation, "filter key"))?;
        let mut pages = aws
            .ssm
            .describe_parameters()
            .parameter_filters(filter)
            .into_paginator()
            .send();
        while let Some(page) = pages.next().await {
            for parameter in page
                .map_err(failed(operation))?
                .parameters
                .unwrap_or_default()
            {
                if let Some(name) = parameter.name {
                    kinds.insert(name, (parameter.r#type, parameter.version));
                }
            }
        }
    }
    Ok(kinds)
}

/// For how many parameters others of the same name are looked for: a wrong prefix is wrong for all of them alike.
const SIMILAR_MAX: usize = 3;

/// For the first few of `missing`, the parameters elsewhere whose path ends in the same name; those without any are left out.
pub async fn similar(
    aws: &Clients,
    missing: &BTreeSet<String>,
) -> Result<BTreeMap<String, BTreeSet<String>>, AwsError> {
    let operation = "ssm:DescribeParameters";
    let mut similar = BTreeMap::new();
    for name in missing.iter().take(SIMILAR_MAX) {
        let Some(last) = name.rfind('/').and_then(|slash| name.get(slash..)) else {
            continue;
        };
        // "The Name filter additionally supports the Contains option" (API_ParameterStringFilter).
        let filter = ParameterStringFilter::builder()
            .key("Name")
            .option("Contains")
            .values(last);
        let filter = filter
            .build()
            .map_err(|_| super::lacking(operation, "filter key"))?;
        let call = aws.ssm.describe_parameters().parameter_filters(filter);
        let reply = call.send().await.map_err(failed(operation))?;
        let found: BTreeSet<String> = reply
            .parameters
            .unwrap_or_default()
            .into_iter()
            .filter_map(|parameter| parameter.name)
            .filter(|found| found.ends_with(last))
            .collect();
        if !found.is_empty() {
            similar.insert(name.clone(), found);
        }
    }
    Ok(similar)
}
