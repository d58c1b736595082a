//! Parameters the reconciler itself writes: plain text by name, all below one path. What they say is `store`'s.
//!
//! They carry no owner tag: nothing else may write below that path, and the policy allows the reconciler no other.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_ssm::types::{ParameterStringFilter, ParameterTier, ParameterType};

use super::{AwsError, Clients, failed, is_code};

/// GetParameters and DeleteParameters take at most ten names.
pub const NAMES_MAX: usize = 10;

/// Makes a parameter that is not there yet; false: it is there already, and stays as it is.
pub async fn create(aws: &Clients, name: &str, value: &str) -> Result<bool, AwsError> {
    match put(aws, name, value, false).await {
        Err(error) if is_code(&error, "ParameterAlreadyExists") => Ok(false),
        Err(error) => Err(failed("ssm:PutParameter")(error)),
        Ok(_) => Ok(true),
    }
}

/// Makes a parameter, or gives it another value.
pub async fn write(aws: &Clients, name: &str, value: &str) -> Result<(), AwsError> {
    let reply = put(aws, name, value, true).await;
    reply.map_err(failed("ssm:PutParameter")).map(drop)
}

async fn put(
    aws: &Clients,
    name: &str,
    value: &str,
    overwrite: bool,
) -> Result<
    aws_sdk_ssm::operation::put_parameter::PutParameterOutput,
    aws_sdk_ssm::error::SdkError<aws_sdk_ssm::operation::put_parameter::PutParameterError>,
> {
    // An account's default tier may be one that costs; 4 KB is what Standard holds, and it is free.
    // <https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html>
    let call = aws.ssm.put_parameter().name(name).value(value);
    let call = call
        .r#type(ParameterType::String)
        .tier(ParameterTier::Standard);
    call.overwrite(overwrite).send().await
}

/// The values of those of at most ten names that are there.
pub async fn some(aws: &Clients, names: Vec<String>) -> Result<BTreeMap<String, String>, AwsError> {
    let call = aws.ssm.get_parameters().set_names(Some(names));
    let reply = call.send().await.map_err(failed("ssm:GetParameters"))?;
    let found = reply.parameters.unwrap_or_default().into_iter();
    Ok(found
        .filter_map(|parameter| Some((parameter.name?, parameter.value?)))
        .collect())
}

/// The values of all parameters directly below a path, ten a page.
pub async fn below(aws: &Clients, path: &str) -> Result<BTreeMap<String, String>, AwsError> {
    let call = aws.ssm.get_parameters_by_path().path(path);
    let mut pages = call.into_paginator().send();
    let mut found = BTreeMap::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed("ssm:GetParametersByPath"))?;
        for parameter in page.parameters.unwrap_or_default() {
            if let (Some(name), Some(value)) = (parameter.name, parameter.value) {
                found.insert(name, value);
            }
        }
    }
    Ok(found)
}

/// The names of all parameters below a path, however deep, fifty a page.
pub async fn names_below(aws: &Clients, path: &str) -> Result<BTreeSet<String>, AwsError> {
    let operation = "ssm:DescribeParameters";
    let filter = ParameterStringFilter::builder()
        .key("Path")
        .option("Recursive")
        .values(path)
        .build()
        .map_err(|_| super::lacking(operation, "filter key"))?;
    let call = aws.ssm.describe_parameters().parameter_filters(filter);
    let mut pages = call.into_paginator().send();
    let mut names = BTreeSet::new();
    while let Some(page) = pages.next().await {
        let page = page.map_err(failed(operation))?;
        let found = page.parameters.unwrap_or_default().into_iter();
        names.extend(found.filter_map(|parameter| parameter.name));
    }
    Ok(names)
}

/// Deletes parameters by name; one that is not there is no error.
pub async fn delete(aws: &Clients, names: &[String]) -> Result<(), AwsError> {
    for names in names.chunks(NAMES_MAX) {
        let call = aws.ssm.delete_parameters();
        let call = call.set_names(Some(names.to_vec()));
        call.send().await.map_err(failed("ssm:DeleteParameters"))?;
    }
    Ok(())
}
