//! SSM Parameter Store: whether parameters are there. Their values are never read.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::ParameterStringFilter;

use super::{AwsError, Clients, failed};

/// DescribeParameters takes at most 50 values in one filter.
/// <https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_ParameterStringFilter.html>
const NAMES_MAX: usize = 50;

/// Those of `names` that are not there.
pub async fn missing(
    aws: &Clients,
    names: &BTreeSet<String>,
) -> Result<BTreeSet<String>, AwsError> {
    let operation = "ssm:DescribeParameters";
    let mut missing = names.clone();
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
                parameter.name.map(|name| missing.remove(&name));
            }
        }
    }
    Ok(missing)
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
