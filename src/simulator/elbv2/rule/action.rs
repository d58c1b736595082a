//! What a rule does with a request.
//!
//! Takes the `Actions` of a call, gives the one they come down to, and back the way AWS writes it. Pure: it reads the
//! state only to know that a target group exists.

use serde_json::{Value, json};

use super::super::State;
use super::invalid;
use crate::simulator::call::{self, Call, Refusal};
use crate::simulator::defaults::elbv2::rule as default;

/// AWS's quota of target groups in one action.
pub(in crate::simulator::elbv2) const ACTION_TARGET_GROUPS_MAX: usize = 5;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator::elbv2) enum Action {
    /// Target group ARNs with weights.
    Forward(Vec<(String, u32)>),
    FixedResponse(Reply),
}

/// A reply the load balancer gives by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator::elbv2) struct Reply {
    pub(in crate::simulator::elbv2) status: u16,
    pub(in crate::simulator::elbv2) content_type: Option<String>,
    pub(in crate::simulator::elbv2) body: Option<String>,
}

impl Action {
    fn parse(state: &State, action: &Value) -> Result<Action, Refusal> {
        match action
            .get("Type")
            .and_then(Value::as_str)
            .unwrap_or_default()
        {
            "forward" => Self::parse_forward(state, action),
            "fixed-response" => Self::parse_fixed_response(action),
            kind @ ("redirect"
            | "authenticate-oidc"
            | "authenticate-cognito"
            | "jwt-validation") => Err(invalid(format!(
                "The simulator does not model actions of type '{kind}'"
            ))),
            other => Err(invalid(format!(
                "Action type '{other}' must be one of '[forward, redirect, fixed-response]'"
            ))),
        }
    }

    fn parse_forward(state: &State, action: &Value) -> Result<Action, Refusal> {
        let short = action.get("TargetGroupArn").and_then(Value::as_str);
        let config = action.get("ForwardConfig");
        let sticky = config
            .and_then(|config| config.get("TargetGroupStickinessConfig"))
            .and_then(|c| c.get("Enabled"));
        if sticky.and_then(call::boolean) == Some(true) {
            return Err(invalid(
                "The simulator does not model target group stickiness",
            ));
        }
        let mut groups = Vec::new();
        for group in config
            .and_then(|config| config.get("TargetGroups"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let arn = group
                .get("TargetGroupArn")
                .and_then(Value::as_str)
                .unwrap_or_default();
            let weight = match group.get("Weight") {
                None | Some(Value::Null) => Some(default::WEIGHT),
                Some(weight) => call::integer(weight).and_then(|weight| u32::try_from(weight).ok()),
            };
            let weight = weight.filter(|weight| *weight <= 999);
            groups.push((
                arn.to_owned(),
                weight.ok_or_else(|| invalid("The weight must be between '0' and '999'"))?,
            ));
        }
        if let Some(short) = short {
            match groups.as_slice() {
                [] => groups.push((short.to_owned(), default::WEIGHT)),
                [(only, _)] if only == short => {}
                _ => {
                    let message = "You cannot specify both a target group ARN and a forward action configuration with other target groups";
                    return Err(Refusal::new("InvalidLoadBalancerAction", message));
                }
            }
        }
        if groups.is_empty() || groups.len() > ACTION_TARGET_GROUPS_MAX {
            return Err(invalid(
                "A forward action must specify one to five target groups",
            ));
        }
        for (arn, _) in &groups {
            if !state.target_groups.iter().any(|group| group.arn == *arn) {
                return Err(Refusal::new(
                    "TargetGroupNotFound",
                    format!("Target group '{arn}' not found"),
                ));
            }
        }
        Ok(Action::Forward(groups))
    }

    fn parse_fixed_response(action: &Value) -> Result<Action, Refusal> {
        let config = action.get("FixedResponseConfig");
        let text = |member: &str| {
            config
                .and_then(|config| config.get(member))
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        let code = text("StatusCode").unwrap_or_default();
        let status = code
            .parse()
            .ok()
            .filter(|status| matches!(status, 200..=299 | 400..=599));
        let status = status.ok_or_else(|| {
            invalid(format!("Value '{code}' at 'fixedResponseConfig.statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(2|4|5)\\d\\d$"))
        })?;
        const TYPES: [&str; 5] = [
            "text/plain",
            "text/css",
            "text/html",
            "application/javascript",
            "application/json",
        ];
        let content_type = text("ContentType").filter(|kind| !kind.is_empty());
        if content_type
            .as_deref()
            .is_some_and(|kind| !TYPES.contains(&kind))
        {
            let message = format!("The ContentType must be one of: '{}'", TYPES.join("', '"));
            return Err(Refusal::new("InvalidLoadBalancerAction", message));
        }
        let body = text("MessageBody");
        if body.as_ref().is_some_and(|body| body.len() > 1024) {
            return Err(invalid("The message body can be at most 1024 characters"));
        }
        Ok(Action::FixedResponse(Reply {
            status,
            content_type,
            body,
        }))
    }

    /// The one action of a list; AWS allows more only to authenticate first, which is not modelled.
    pub(in crate::simulator::elbv2) fn parse_list(
        state: &State,
        call: &Call,
        member: &str,
    ) -> Result<(Action, Option<i64>), Refusal> {
        match call.list(member) {
            [] => Err(invalid("At least one action must be specified")),
            [action] => Ok((
                Action::parse(state, action)?,
                action.get("Order").and_then(call::integer),
            )),
            _ => Err(invalid(
                "The simulator does not model rules with several actions",
            )),
        }
    }

    pub(in crate::simulator::elbv2) fn describe(&self, order: Option<i64>) -> Value {
        let mut action = match self {
            Action::Forward(groups) => {
                let tuples: Vec<Value> = groups
                    .iter()
                    .map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }))
                    .collect();
                let mut action = json!({
                    "Type": "forward",
                    "ForwardConfig": { "TargetGroups": tuples, "TargetGroupStickinessConfig": { "Enabled": default::STICKINESS } },
                });
                // Only an action with one target group reads back with the short form.
                if let ([(only, _)], Some(fields)) = (groups.as_slice(), action.as_object_mut()) {
                    fields.insert("TargetGroupArn".into(), json!(only));
                }
                action
            }
            Action::FixedResponse(Reply {
                status,
                content_type,
                body,
            }) => {
                let mut config = json!({ "StatusCode": status.to_string() });
                if let Some(fields) = config.as_object_mut() {
                    fields.extend(
                        content_type
                            .as_ref()
                            .map(|kind| ("ContentType".to_owned(), json!(kind))),
                    );
                    fields.extend(
                        body.as_ref()
                            .map(|body| ("MessageBody".to_owned(), json!(body))),
                    );
                }
                json!({ "Type": "fixed-response", "FixedResponseConfig": config })
            }
        };
        if let (Some(order), Some(fields)) = (order, action.as_object_mut()) {
            fields.insert("Order".into(), json!(order));
        }
        action
    }

    pub(super) fn names(&self, target_group: &str) -> bool {
        match self {
            Action::Forward(groups) => groups.iter().any(|(arn, _)| arn == target_group),
            Action::FixedResponse(_) => false,
        }
    }
}
