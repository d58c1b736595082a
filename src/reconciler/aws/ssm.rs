//! SSM Parameter Store: whether parameters are there. Their values are never read.

use std::collections::BTreeSet;

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
