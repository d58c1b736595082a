//! The dashboard: its body compared as JSON, not as text.

use super::{OwnDimensions, owner, tags};
use crate::reconciler::aws::{AwsError, Clients, failed, is_code, lacking};
use crate::reconciler::observed::Found;
use crate::reconciler::resource::Dashboard;

/// A dashboard by name. A body that is not JSON, which AWS would not take, reads as null.
pub async fn dashboard(
    aws: &Clients,
    name: &str,
    own: &OwnDimensions<'_>,
) -> Result<Option<Found<Dashboard>>, AwsError> {
    let operation = "cloudwatch:GetDashboard";
    let call = aws.cloudwatch.get_dashboard().dashboard_name(name);
    let found = match call.send().await {
        // The model names the error DashboardNotFoundError, its code is ResourceNotFound.
        Err(error) if is_code(&error, "ResourceNotFound") => return Ok(None),
        found => found.map_err(failed(operation))?,
    };
    let arn = found
        .dashboard_arn
        .ok_or_else(|| lacking(operation, "DashboardArn"))?;
    let body = found.dashboard_body.unwrap_or_default();
    let mut value = Dashboard {
        name: name.to_owned(),
        body: serde_json::from_str(&body).unwrap_or_default(),
    };
    value.rename(|text| Some(own.named(text).word().to_owned()));
    let owner = owner(aws, &arn).await?;
    Ok(Some(Found { arn, owner, value }))
}

/// Makes or replaces a dashboard. CloudWatch takes tags for a new one only.
pub async fn put(
    aws: &Clients,
    dashboard: &Dashboard,
    owner: Option<&str>,
) -> Result<(), AwsError> {
    let Dashboard { name, body } = dashboard;
    let call = aws
        .cloudwatch
        .put_dashboard()
        .dashboard_name(name)
        .dashboard_body(body.to_string())
        .set_tags(tags(owner));
    let sent = call.send().await;
    sent.map_err(failed("cloudwatch:PutDashboard")).map(drop)
}

/// Removes a dashboard.
pub async fn delete(aws: &Clients, name: &str) -> Result<(), AwsError> {
    let call = aws.cloudwatch.delete_dashboards().dashboard_names(name);
    let sent = call.send().await;
    sent.map_err(failed("cloudwatch:DeleteDashboards"))
        .map(drop)
}
