//! The owner tag on what is there already: how a resource made by somebody else is handed over.

use std::collections::HashMap;

use super::{AwsError, Clients, ecs, failed, lacking};
use crate::reconciler::plan::{Kind, Subject};
use crate::reconciler::resource::OWNER_TAG;

/// Puts a unit's owner tag on one resource; its other tags stay.
pub async fn own(aws: &Clients, subject: &Subject, arn: &str, unit: &str) -> Result<(), AwsError> {
    match subject.kind {
        Kind::Service | Kind::TaskDefinition => {
            let call = aws.ecs.tag_resource().resource_arn(arn);
            let call = call.tags(ecs::owner_tag(unit));
            call.send()
                .await
                .map_err(failed("ecs:TagResource"))
                .map(drop)
        }
        Kind::TargetGroup | Kind::ListenerRule => {
            use aws_sdk_elasticloadbalancingv2::types::Tag;
            let tag = Tag::builder().key(OWNER_TAG).value(unit).build();
            let call = aws.elb.add_tags().resource_arns(arn).tags(tag);
            call.send()
                .await
                .map_err(failed("elasticloadbalancing:AddTags"))
                .map(drop)
        }
        Kind::Role => {
            use aws_sdk_iam::types::Tag;
            let operation = "iam:TagRole";
            let tag = Tag::builder().key(OWNER_TAG).value(unit).build();
            let tag = tag.map_err(|_| lacking(operation, "tag value"))?;
            let call = aws.iam.tag_role().role_name(&subject.name).tags(tag);
            call.send().await.map_err(failed(operation)).map(drop)
        }
        Kind::LogGroup => {
            // Its ARN as a resource of tags is without the `:*` that permissions have.
            let arn = arn.strip_suffix(":*").unwrap_or(arn);
            let tags = HashMap::from([(OWNER_TAG.to_owned(), unit.to_owned())]);
            let call = aws
                .logs
                .tag_resource()
                .resource_arn(arn)
                .set_tags(Some(tags));
            call.send()
                .await
                .map_err(failed("logs:TagResource"))
                .map(drop)
        }
        Kind::Discovery => {
            use aws_sdk_servicediscovery::types::Tag;
            let operation = "servicediscovery:TagResource";
            let tag = Tag::builder().key(OWNER_TAG).value(unit).build();
            let tag = tag.map_err(|_| lacking(operation, "tag value"))?;
            let call = aws.discovery.tag_resource().resource_arn(arn).tags(tag);
            call.send().await.map_err(failed(operation)).map(drop)
        }
        Kind::Cluster
        | Kind::LoadBalancer
        | Kind::HttpsListener
        | Kind::Namespace
        | Kind::Parameter
        | Kind::Repository
        | Kind::Image
        | Kind::Record
        | Kind::Subnet
        | Kind::SecurityGroup
        | Kind::MetricFilter
        | Kind::ScheduledAction
        | Kind::ScalableTarget
        | Kind::ScalingPolicy
        | Kind::Topic
        | Kind::Subscription
        | Kind::Alarm
        | Kind::CompositeAlarm
        | Kind::Dashboard => Err(AwsError {
            operation: "tag",
            reason: format!("{subject} is referenced, or found by its name: it is not handed over"),
            retryable: false,
        }),
    }
}
