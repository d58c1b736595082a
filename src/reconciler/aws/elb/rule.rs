//! The rules of the HTTPS listener.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_elasticloadbalancingv2::types::{
    Action, ActionTypeEnum, ForwardActionConfig, HostHeaderConditionConfig, Rule, RuleCondition,
    RulePriorityPair, Tag, TargetGroupTuple,
};

use super::owners;
use crate::reconciler::aws::{AwsError, Clients, failed, lacking};
use crate::reconciler::normal::number;
use crate::reconciler::observed::Found;
use crate::reconciler::resource::{Join, ListenerRule, OWNER_TAG};

/// Every rule of a listener but its default one; `ours` and `alternate` are the ARNs of the unit's target groups.
pub async fn all(
    aws: &Clients,
    listener: &str,
    groups: Groups<'_>,
) -> Result<Vec<Found<ListenerRule>>, AwsError> {
    let operation = "elasticloadbalancing:DescribeRules";
    let mut pages = aws
        .elb
        .describe_rules()
        .listener_arn(listener)
        .into_paginator()
        .items()
        .send();
    let mut rules = Vec::new();
    while let Some(rule) = pages.next().await {
        let rule = rule.map_err(failed(operation))?;
        if rule.is_default != Some(true) {
            let arn = rule
                .rule_arn
                .clone()
                .ok_or_else(|| lacking(operation, "RuleArn"))?;
            rules.push(Found {
                arn,
                owner: None,
                value: normal(&rule, groups),
            });
        }
    }
    let mut owners = owners(aws, rules.iter().map(|rule| rule.arn.clone()).collect()).await?;
    for rule in &mut rules {
        rule.owner = owners.remove(&rule.arn);
    }
    rules.sort_by(|a, b| (a.value.priority, &a.arn).cmp(&(b.value.priority, &b.arn)));
    Ok(rules)
}

fn normal(rule: &Rule, own: Groups<'_>) -> ListenerRule {
    let mut hosts = BTreeSet::new();
    let mut other = BTreeSet::new();
    for condition in rule.conditions() {
        // AWS fills `Values` and `HostHeaderConfig` alike for a host condition.
        match (condition.field.as_deref(), &condition.host_header_config) {
            (Some("host-header"), Some(config)) => hosts.extend(config.values().iter().cloned()),
            (Some("host-header"), None) => hosts.extend(condition.values().iter().cloned()),
            (field, _) => drop(other.insert(format!("condition {}", field.unwrap_or("?")))),
        }
    }
    let mut forward = Join::None;
    let mut idle = BTreeSet::new();
    for action in rule.actions() {
        // A lone target group stands in `TargetGroupArn`, in `ForwardConfig`, or in both.
        let mut groups: BTreeMap<String, i32> = action
            .forward_config
            .iter()
            .flat_map(|config| config.target_groups())
            .filter_map(|group| {
                let weight = group
                    .weight
                    .unwrap_or(const { number("listener_rule.weights") });
                Some((group.target_group_arn.clone()?, weight))
            })
            .collect();
        if let Some(arn) = &action.target_group_arn {
            let weight = const { number("listener_rule.weights") };
            groups.entry(arn.clone()).or_insert(weight);
        }
        // One gets all and one gets none, whatever the weight: `modify` gives 1, ECS 100.
        let waiting = match groups.iter().collect::<Vec<_>>().as_slice() {
            [(today, 1..), (next, 0)] | [(next, 0), (today, 1..)] => Some((*today, *next)),
            _ => None,
        };
        match (&action.r#type, groups.first_key_value()) {
            (Some(ActionTypeEnum::Forward), _) if waiting.is_some() => {
                if let Some((today, next)) = waiting {
                    forward = own.join(today);
                    idle.insert(own.join(next));
                }
            }
            (Some(ActionTypeEnum::Forward), Some((arn, _))) if groups.len() == 1 => {
                forward = own.join(arn);
            }
            (Some(ActionTypeEnum::Forward), Some(_)) => forward = Join::Split(groups),
            (kind, _) => {
                let kind = kind.as_ref().map_or("?", |kind| kind.as_str());
                other.insert(format!("action {kind}"));
            }
        }
    }
    let priority = rule
        .priority
        .as_deref()
        .and_then(|priority| priority.parse().ok())
        .unwrap_or_default();
    ListenerRule {
        hosts,
        priority,
        forward,
        idle,
        other,
    }
}

/// ARNs of the unit's target groups today.
#[derive(Debug, Clone, Copy, Default)]
pub struct Groups<'a> {
    /// The first.
    pub ours: Option<&'a str>,
    /// The second, where there is one.
    pub alternate: Option<&'a str>,
}

impl Groups<'_> {
    /// A target group as AWS has it, seen from this unit.
    pub fn join(self, arn: &str) -> Join {
        if Some(arn) == self.alternate {
            Join::Alternate
        } else {
            join(arn, self.ours)
        }
    }
}

/// A reference as AWS has it, seen from this unit.
pub fn join(arn: &str, ours: Option<&str>) -> Join {
    if Some(arn) == ours {
        Join::Ours
    } else {
        Join::Other(arn.to_owned())
    }
}

fn host_condition(rule: &ListenerRule) -> RuleCondition {
    let hosts = HostHeaderConditionConfig::builder()
        .set_values(Some(rule.hosts.iter().cloned().collect()))
        .build();
    RuleCondition::builder()
        .field("host-header")
        .host_header_config(hosts)
        .build()
}

fn forward(target_group: &str, idle: Option<&str>) -> Action {
    let action = Action::builder().r#type(ActionTypeEnum::Forward);
    let Some(idle) = idle else {
        return action.target_group_arn(target_group).build();
    };
    let weighted = |arn: &str, weight| {
        TargetGroupTuple::builder()
            .target_group_arn(arn)
            .weight(weight)
            .build()
    };
    let config = ForwardActionConfig::builder()
        .target_groups(weighted(target_group, 1))
        .target_groups(weighted(idle, 0));
    action.forward_config(config.build()).build()
}

/// Makes a rule, owned from the start.
pub async fn create(
    aws: &Clients,
    listener: &str,
    rule: &ListenerRule,
    target_group: &str,
    idle: Option<&str>,
    unit: &str,
) -> Result<(), AwsError> {
    let call = aws
        .elb
        .create_rule()
        .listener_arn(listener)
        .priority(rule.priority)
        .conditions(host_condition(rule))
        .actions(forward(target_group, idle))
        .tags(Tag::builder().key(OWNER_TAG).value(unit).build());
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:CreateRule"))
        .map(drop)
}

/// Replaces a rule's conditions and actions; `idle` is joined to it without getting any request.
pub async fn modify(
    aws: &Clients,
    arn: &str,
    rule: &ListenerRule,
    target_group: &str,
    idle: Option<&str>,
) -> Result<(), AwsError> {
    let call = aws
        .elb
        .modify_rule()
        .rule_arn(arn)
        .conditions(host_condition(rule))
        .actions(forward(target_group, idle));
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:ModifyRule"))
        .map(drop)
}

/// Removes a rule.
pub async fn delete(aws: &Clients, arn: &str) -> Result<(), AwsError> {
    let call = aws.elb.delete_rule().rule_arn(arn);
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:DeleteRule"))
        .map(drop)
}

/// Moves a rule.
pub async fn set_priority(aws: &Clients, arn: &str, priority: i32) -> Result<(), AwsError> {
    let pair = RulePriorityPair::builder()
        .rule_arn(arn)
        .priority(priority)
        .build();
    let call = aws.elb.set_rule_priorities().rule_priorities(pair);
    call.send()
        .await
        .map_err(failed("elasticloadbalancing:SetRulePriorities"))
        .map(drop)
}
