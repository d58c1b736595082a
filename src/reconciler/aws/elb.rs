//! Elastic Load Balancing v2: the referenced load balancer, and the target group.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    Matcher, ProtocolEnum, Tag, TargetGroup as SdkTargetGroup, TargetGroupAttribute,
    TargetHealthDescription, TargetHealthStateEnum, TargetTypeEnum,
};

use super::{AwsError, Clients, failed, is_code, lacking};
use crate::reconciler::observed::{Found, LoadBalancer};
use crate::reconciler::resource::{HealthCheck, OWNER_TAG, TargetGroup};

pub mod rule;

const DELAY: &str = "deregistration_delay.timeout_seconds";

/// DescribeTags takes at most 20 ARNs.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_DescribeTags.html>
const TAGGED_MAX: usize = 20;

/// The load balancer of this name and its HTTPS listener on 443.
pub async fn load_balancer(aws: &Clients, name: &str) -> Result<Option<LoadBalancer>, AwsError> {
    let operation = "elasticloadbalancing:DescribeLoadBalancers";
    let reply = match aws.elb.describe_load_balancers().names(name).send().await {
        Err(error) if is_code(&error, "LoadBalancerNotFound") => return Ok(None),
        reply => reply.map_err(failed(operation))?,
    };
    let Some(found) = reply.load_balancers.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let arn = found
        .load_balancer_arn
        .ok_or_else(|| lacking(operation, "LoadBalancerArn"))?;
    let vpc = found.vpc_id.ok_or_else(|| lacking(operation, "VpcId"))?;
    let mut listeners = aws
        .elb
        .describe_listeners()
        .load_balancer_arn(&arn)
        .into_paginator()
        .items()
        .send();
    let mut listener = None;
    while let Some(found) = listeners.next().await {
        let found = found.map_err(failed("elasticloadbalancing:DescribeListeners"))?;
        if found.port == Some(443) && found.protocol == Some(ProtocolEnum::Https) {
            listener = found.listener_arn;
        }
    }
    Ok(Some(LoadBalancer {
        dns_name: found.dns_name.unwrap_or_default().to_ascii_lowercase(),
        security_groups: found
            .security_groups
            .unwrap_or_default()
            .into_iter()
            .collect(),
        arn,
        vpc,
        listener,
    }))
}

/// ARNs of a listener's certificates: its default one, and those it chooses by the name a client asks for.
pub async fn certificates(aws: &Clients, listener: &str) -> Result<BTreeSet<String>, AwsError> {
    let call = aws
        .elb
        .describe_listener_certificates()
        .listener_arn(listener);
    let mut pages = call.into_paginator().items().send();
    let mut arns = BTreeSet::new();
    while let Some(certificate) = pages.next().await {
        let certificate =
            certificate.map_err(failed("elasticloadbalancing:DescribeListenerCertificates"))?;
        arns.extend(certificate.certificate_arn);
    }
    Ok(arns)
}

async fn owners(aws: &Clients, arns: Vec<String>) -> Result<BTreeMap<String, String>, AwsError> {
    let mut owners = BTreeMap::new();
    for arns in arns.chunks(TAGGED_MAX) {
        let call = aws
            .elb
            .describe_tags()
            .set_resource_arns(Some(arns.to_vec()));
        let reply = call
            .send()
            .await
            .map_err(failed("elasticloadbalancing:DescribeTags"))?;
        for described in reply.tag_descriptions.unwrap_or_default() {
            let owner = described
                .tags
                .unwrap_or_default()
                .into_iter()
                .find(|tag| tag.key.as_deref() == Some(OWNER_TAG));
            if let (Some(arn), Some(owner)) =
                (described.resource_arn, owner.and_then(|tag| tag.value))
            {
                owners.insert(arn, owner);
            }
        }
    }
    Ok(owners)
}

/// A target group by name.
pub async fn target_group(
    aws: &Clients,
    name: &str,
) -> Result<Option<Found<TargetGroup>>, AwsError> {
    let operation = "elasticloadbalancing:DescribeTargetGroups";
    let reply = match aws.elb.describe_target_groups().names(name).send().await {
        Err(error) if is_code(&error, "TargetGroupNotFound") => return Ok(None),
        reply => reply.map_err(failed(operation))?,
    };
    let Some(found) = reply.target_groups.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let arn = found
        .target_group_arn
        .clone()
        .ok_or_else(|| lacking(operation, "TargetGroupArn"))?;
    let attributes = async {
        let call = aws
            .elb
            .describe_target_group_attributes()
            .target_group_arn(&arn);
        call.send()
            .await
            .map_err(failed("elasticloadbalancing:DescribeTargetGroupAttributes"))
    };
    let (attributes, mut owners) = tokio::try_join!(attributes, owners(aws, vec![arn.clone()]))?;
    let delay = attributes
        .attributes
        .unwrap_or_default()
        .into_iter()
        .find(|attribute| attribute.key.as_deref() == Some(DELAY));
    let delay = delay
        .and_then(|attribute| attribute.value?.parse().ok())
        .ok_or_else(|| lacking(operation, DELAY))?;
    let owner = owners.remove(&arn);
    Ok(Some(Found {
        arn,
        owner,
        value: normal(name, &found, delay),
    }))
}

fn normal(name: &str, found: &SdkTargetGroup, deregistration_delay_seconds: i64) -> TargetGroup {
    TargetGroup {
        name: name.to_owned(),
        port: found.port.unwrap_or_default(),
        protocol: found
            .protocol
            .as_ref()
            .map(|protocol| protocol.as_str().to_owned())
            .unwrap_or_default(),
        target_type: found
            .target_type
            .as_ref()
            .map(|kind| kind.as_str().to_owned())
            .unwrap_or_default(),
        health_check: HealthCheck {
            path: found.health_check_path.clone().unwrap_or_default(),
            matcher: found
                .matcher
                .as_ref()
                .and_then(|matcher| matcher.http_code.clone())
                .unwrap_or_default(),
            interval_seconds: found.health_check_interval_seconds.unwrap_or_default(),
            timeout_seconds: found.health_check_timeout_seconds.unwrap_or_default(),
            healthy_threshold: found.healthy_threshold_count.unwrap_or_default(),
            unhealthy_threshold: found.unhealthy_threshold_count.unwrap_or_default(),
        },
        deregistration_delay_seconds,
    }
}

/// What a load balancer makes of one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TargetState {
    /// Whether it gets requests.
    pub healthy: bool,
    /// Why it is unhealthy, in AWS's words, if it is.
    pub unhealthy: Option<String>,
}

/// The targets of a group, by address.
pub async fn target_states(
    aws: &Clients,
    target_group: &str,
) -> Result<Vec<(String, TargetState)>, AwsError> {
    let call = aws
        .elb
        .describe_target_health()
        .target_group_arn(target_group);
    let reply = call
        .send()
        .await
        .map_err(failed("elasticloadbalancing:DescribeTargetHealth"))?;
    let described = reply.target_health_descriptions.unwrap_or_default();
    let state = |target: TargetHealthDescription| {
        let health = target.target_health?;
        let is = |state| health.state.as_ref() == Some(&state);
        let unhealthy = is(TargetHealthStateEnum::Unhealthy);
        let state = TargetState {
            healthy: is(TargetHealthStateEnum::Healthy),
            unhealthy: health.description.clone().filter(|_| unhealthy),
        };
        Some((target.target?.id?, state))
    };
    Ok(described.into_iter().filter_map(state).collect())
}

/// How many targets of a group are healthy.
pub async fn healthy_targets(aws: &Clients, target_group: &str) -> Result<i32, AwsError> {
    let states = target_states(aws, target_group).await?;
    let healthy = states.iter().filter(|(_, state)| state.healthy);
    Ok(i32::try_from(healthy.count()).unwrap_or(i32::MAX))
}

/// Makes a target group, owned from the start. Its attributes keep AWS's defaults until they are modified.
pub async fn create_target_group(
    aws: &Clients,
    group: &TargetGroup,
    vpc: &str,
    unit: &str,
) -> Result<(), AwsError> {
    let TargetGroup {
        name,
        port,
        protocol,
        target_type,
        health_check,
        deregistration_delay_seconds: _,
    } = group;
    let HealthCheck {
        path,
        matcher,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
    } = health_check;
    let call = aws
        .elb
        .create_target_group()
        .name(name)
        .port(*port)
        .protocol(ProtocolEnum::from(protocol.as_str()))
        .target_type(TargetTypeEnum::from(target_type.as_str()))
        .vpc_id(vpc)
        .health_check_path(path)
        .matcher(Matcher::builder().http_code(matcher).build())
        .health_check_interval_seconds(*interval_seconds)
        .health_check_timeout_seconds(*timeout_seconds)
        .healthy_threshold_count(*healthy_threshold)
        .unhealthy_threshold_count(*unhealthy_threshold)
        .tags(Tag::builder().key(OWNER_TAG).value(unit).build());
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:CreateTargetGroup"))
        .map(drop)
}

/// Replaces a target group's health check.
pub async fn modify_target_group(
    aws: &Clients,
    arn: &str,
    health_check: &HealthCheck,
) -> Result<(), AwsError> {
    let HealthCheck {
        path,
        matcher,
        interval_seconds,
        timeout_seconds,
        healthy_threshold,
        unhealthy_threshold,
    } = health_check;
    let call = aws
        .elb
        .modify_target_group()
        .target_group_arn(arn)
        .health_check_path(path)
        .matcher(Matcher::builder().http_code(matcher).build())
        .health_check_interval_seconds(*interval_seconds)
        .health_check_timeout_seconds(*timeout_seconds)
        .healthy_threshold_count(*healthy_threshold)
        .unhealthy_threshold_count(*unhealthy_threshold);
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:ModifyTargetGroup"))
        .map(drop)
}

/// Sets how long leaving targets are drained.
pub async fn modify_attributes(
    aws: &Clients,
    arn: &str,
    deregistration_delay_seconds: i64,
) -> Result<(), AwsError> {
    let delay = TargetGroupAttribute::builder()
        .key(DELAY)
        .value(deregistration_delay_seconds.to_string())
        .build();
    let call = aws
        .elb
        .modify_target_group_attributes()
        .target_group_arn(arn)
        .attributes(delay);
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:ModifyTargetGroupAttributes"))
        .map(drop)
}

/// The most target groups looked through for those that a unit left behind; AWS's own quota for a region.
const GROUPS_MAX: usize = 3_000;

/// ARN → name of every target group in a VPC that carries a unit's tag.
pub async fn owned_target_groups(
    aws: &Clients,
    vpc: &str,
    unit: &str,
) -> Result<BTreeMap<String, String>, AwsError> {
    let mut names = BTreeMap::new();
    let mut groups = aws
        .elb
        .describe_target_groups()
        .into_paginator()
        .items()
        .send();
    while let Some(group) = groups.next().await {
        let group = group.map_err(failed("elasticloadbalancing:DescribeTargetGroups"))?;
        if let (Some(arn), Some(name)) = (group.target_group_arn, group.target_group_name)
            && group.vpc_id.as_deref() == Some(vpc)
            && names.len() < GROUPS_MAX
        {
            names.insert(arn, name);
        }
    }
    let owners = owners(aws, names.keys().cloned().collect()).await?;
    names.retain(|arn, _| owners.get(arn).map(String::as_str) == Some(unit));
    Ok(names)
}

/// Removes a target group, which no rule may forward to any more.
pub async fn delete_target_group(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let call = aws.elb.delete_target_group().target_group_arn(arn);
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:DeleteTargetGroup"))
        .map(drop)
}

/// Name of a target group, and of the load balancer that forwards to it, if any does.
pub async fn target_group_names(
    aws: &Clients,
    arn: &str,
) -> Result<Option<(String, Option<String>)>, AwsError> {
    let call = aws.elb.describe_target_groups().target_group_arns(arn);
    let reply = match call.send().await {
        Err(error) if is_code(&error, "TargetGroupNotFound") => return Ok(None),
        reply => reply.map_err(failed("elasticloadbalancing:DescribeTargetGroups"))?,
    };
    let Some(group) = reply.target_groups.unwrap_or_default().into_iter().next() else {
        return Ok(None);
    };
    let mut balancer = None;
    if let Some(arn) = group.load_balancer_arns().first() {
        let call = aws.elb.describe_load_balancers().load_balancer_arns(arn);
        let reply = call
            .send()
            .await
            .map_err(failed("elasticloadbalancing:DescribeLoadBalancers"))?;
        balancer = reply.load_balancers.unwrap_or_default().into_iter().next();
    }
    let balancer = balancer.and_then(|balancer| balancer.load_balancer_name);
    Ok(group.target_group_name.map(|name| (name, balancer)))
}

/// Names of the region's application load balancers.
pub async fn balancers(aws: &Clients) -> Result<Vec<String>, AwsError> {
    use aws_sdk_elasticloadbalancingv2::types::LoadBalancerTypeEnum;
    let mut balancers = aws
        .elb
        .describe_load_balancers()
        .into_paginator()
        .items()
        .send();
    let mut names = Vec::new();
    while let Some(found) = balancers.next().await {
        let found = found.map_err(failed("elasticloadbalancing:DescribeLoadBalancers"))?;
        if found.r#type == Some(LoadBalancerTypeEnum::Application) {
            names.extend(found.load_balancer_name);
        }
    }
    Ok(names)
}
