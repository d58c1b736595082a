//! STS: whose credentials these are.

use super::{AwsError, Clients, failed, lacking};

/// The account the credentials belong to.
pub async fn account(aws: &Clients) -> Result<String, AwsError> {
    let operation = "sts:GetCallerIdentity";
    let reply = aws
        .sts
        .get_caller_identity()
        .send()
        .await
        .map_err(failed(operation))?;
    reply.account.ok_or_else(|| lacking(operation, "account"))
}
