//! Listener rules: conditions, actions, priorities, and which target groups they use.
//!
//! Takes calls, keeps [`Rule`]s. Conditions and actions are kept as what they mean, and written back the way AWS writes
//! them: both the short and the long form, whichever the caller used.

use serde_json::{Value, json};

use super::load_balancer::{self, Listener};
use super::tags::{self, Tags};
use super::{State, page, required};
use crate::simulator::World;
use crate::simulator::call::{self, Answer, Call, Refusal};

/// AWS's default quota per load balancer, not counting default rules.
const RULES_MAX: usize = 100;
/// AWS's quota of values in the conditions of one rule.
const CONDITION_VALUES_MAX: usize = 5;
/// AWS's quota of target groups in one action.
const ACTION_TARGET_GROUPS_MAX: usize = 5;

#[derive(Debug)]
pub(super) struct Rule {
    pub(super) arn: String,
    pub(super) listener: String,
    pub(super) priority: u32,
    pub(super) conditions: Vec<Condition>,
    pub(super) action: Action,
    /// `Order` as the caller gave it; AWS does not add one.
    order: Option<i64>,
    pub(super) tags: Tags,
    /// Requests routed so far, for the weights.
    pub(super) turn: u64,
}

/// A request must match one pattern of every condition.
#[derive(Debug, Clone)]
pub(super) enum Condition {
    Host(Vec<String>),
    Path(Vec<String>),
}

#[derive(Debug, Clone)]
pub(super) enum Action {
    /// Target group ARNs with weights.
    Forward(Vec<(String, u32)>),
    FixedResponse(Reply),
}

/// A reply the load balancer gives by itself.
#[derive(Debug, Clone)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) content_type: Option<String>,
    pub(super) body: Option<String>,
}

impl Condition {
    fn parse(condition: &Value) -> Result<Condition, Refusal> {
        let field = condition.get("Field").and_then(Value::as_str).unwrap_or_default();
        let (config, make): (&str, fn(Vec<String>) -> Condition) = match field {
            "host-header" => ("HostHeaderConfig", Condition::Host),
            "path-pattern" => ("PathPatternConfig", Condition::Path),
            "http-header" | "http-request-method" | "query-string" | "source-ip" => {
                return Err(invalid(format!("The simulator does not model conditions on '{field}'")));
            }
            other => {
                let message = format!(
                    "Condition field '{other}' must be one of '[path-pattern, host-header, http-header, http-request-method, query-string, source-ip]'"
                );
                return Err(invalid(message));
            }
        };
        let texts = |value: Option<&Value>| -> Vec<String> {
            let list = value.and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            list.iter().filter_map(Value::as_str).map(str::to_owned).collect()
        };
        let (short, long) =
            (texts(condition.get("Values")), texts(condition.get(config).and_then(|c| c.get("Values"))));
        if !short.is_empty() && !long.is_empty() {
            return Err(invalid(format!(
                "You cannot provide both Values and '{config}' for a condition of type '{field}'"
            )));
        }
        if short.len() > 1 {
            return Err(invalid(format!("The '{field}' field contains too many values; the limit is '1'")));
        }
        let values = if long.is_empty() { short } else { long };
        if values.is_empty() {
            return Err(invalid("A condition value must be specified"));
        }
        if values.iter().any(|value| value.is_empty() || value.len() > 128) {
            return Err(invalid(format!("The '{field}' value is too long; the limit is '128'")));
        }
        Ok(make(values))
    }

    fn values(&self) -> &[String] {
        match self {
            Condition::Host(values) | Condition::Path(values) => values,
        }
    }

    fn field(&self) -> &'static str {
        match self {
            Condition::Host(_) => "host-header",
            Condition::Path(_) => "path-pattern",
        }
    }

    fn describe(&self) -> Value {
        let config = match self {
            Condition::Host(_) => "HostHeaderConfig",
            Condition::Path(_) => "PathPatternConfig",
        };
        json!({ "Field": self.field(), "Values": self.values(), config: { "Values": self.values() } })
    }
}

impl Action {
    fn parse(state: &State, action: &Value) -> Result<Action, Refusal> {
        match action.get("Type").and_then(Value::as_str).unwrap_or_default() {
            "forward" => Self::parse_forward(state, action),
            "fixed-response" => Self::parse_fixed_response(action),
            kind @ ("redirect" | "authenticate-oidc" | "authenticate-cognito" | "jwt-validation") => {
                Err(invalid(format!("The simulator does not model actions of type '{kind}'")))
            }
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
            return Err(invalid("The simulator does not model target group stickiness"));
        }
        let mut groups = Vec::new();
        for group in config
            .and_then(|config| config.get("TargetGroups"))
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let arn = group.get("TargetGroupArn").and_then(Value::as_str).unwrap_or_default();
            let weight = match group.get("Weight") {
                None | Some(Value::Null) => Some(1),
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
                [] => groups.push((short.to_owned(), 1)),
                [(only, _)] if only == short => {}
                _ => {
                    let message = "You cannot specify both a target group ARN and a forward action configuration with other target groups";
                    return Err(Refusal::new("InvalidLoadBalancerAction", message));
                }
            }
        }
        if groups.is_empty() || groups.len() > ACTION_TARGET_GROUPS_MAX {
            return Err(invalid("A forward action must specify one to five target groups"));
        }
        for (arn, _) in &groups {
            if !state.target_groups.iter().any(|group| group.arn == *arn) {
                return Err(Refusal::new("TargetGroupNotFound", format!("Target group '{arn}' not found")));
            }
        }
        Ok(Action::Forward(groups))
    }

    fn parse_fixed_response(action: &Value) -> Result<Action, Refusal> {
        let config = action.get("FixedResponseConfig");
        let text = |member: &str| {
            config.and_then(|config| config.get(member)).and_then(Value::as_str).map(str::to_owned)
        };
        let code = text("StatusCode").unwrap_or_default();
        let status = code.parse().ok().filter(|status| matches!(status, 200..=299 | 400..=599));
        let status = status.ok_or_else(|| {
            invalid(format!("Value '{code}' at 'fixedResponseConfig.statusCode' failed to satisfy constraint: Member must satisfy regular expression pattern: ^(2|4|5)\\d\\d$"))
        })?;
        const TYPES: [&str; 5] =
            ["text/plain", "text/css", "text/html", "application/javascript", "application/json"];
        let content_type = text("ContentType").filter(|kind| !kind.is_empty());
        if content_type.as_deref().is_some_and(|kind| !TYPES.contains(&kind)) {
            let message = format!("The ContentType must be one of: '{}'", TYPES.join("', '"));
            return Err(Refusal::new("InvalidLoadBalancerAction", message));
        }
        let body = text("MessageBody");
        if body.as_ref().is_some_and(|body| body.len() > 1024) {
            return Err(invalid("The message body can be at most 1024 characters"));
        }
        Ok(Action::FixedResponse(Reply { status, content_type, body }))
    }

    /// The one action of a list; AWS allows more only to authenticate first, which is not modelled.
    fn parse_list(state: &State, call: &Call) -> Result<(Action, Option<i64>), Refusal> {
        match call.list("Actions") {
            [] => Err(invalid("At least one action must be specified")),
            [action] => Ok((Action::parse(state, action)?, action.get("Order").and_then(call::integer))),
            _ => Err(invalid("The simulator does not model rules with several actions")),
        }
    }

    pub(super) fn describe(&self, order: Option<i64>) -> Value {
        let mut action = match self {
            Action::Forward(groups) => {
                let tuples: Vec<Value> = groups
                    .iter()
                    .map(|(arn, weight)| json!({ "TargetGroupArn": arn, "Weight": weight }))
                    .collect();
                let mut action = json!({
                    "Type": "forward",
                    "ForwardConfig": { "TargetGroups": tuples, "TargetGroupStickinessConfig": { "Enabled": false } },
                });
                // Only an action with one target group reads back with the short form.
                if let ([(only, _)], Some(fields)) = (groups.as_slice(), action.as_object_mut()) {
                    fields.insert("TargetGroupArn".into(), json!(only));
                }
                action
            }
            Action::FixedResponse(Reply { status, content_type, body }) => {
                let mut config = json!({ "StatusCode": status.to_string() });
                if let Some(fields) = config.as_object_mut() {
                    fields.extend(content_type.as_ref().map(|kind| ("ContentType".to_owned(), json!(kind))));
                    fields.extend(body.as_ref().map(|body| ("MessageBody".to_owned(), json!(body))));
                }
                json!({ "Type": "fixed-response", "FixedResponseConfig": config })
            }
        };
        if let (Some(order), Some(fields)) = (order, action.as_object_mut()) {
            fields.insert("Order".into(), json!(order));
        }
        action
    }

    fn names(&self, target_group: &str) -> bool {
        match self {
            Action::Forward(groups) => groups.iter().any(|(arn, _)| arn == target_group),
            Action::FixedResponse(_) => false,
        }
    }
}

/// Whether any rule or default action forwards to the target group.
pub(super) fn uses(listeners: &[Listener], rules: &[Rule], target_group: &str) -> bool {
    rules
        .iter()
        .map(|rule| &rule.action)
        .chain(listeners.iter().map(|l| &l.default_action))
        .any(|a| a.names(target_group))
}

/// The load balancers that send to a target group; AWS allows one.
pub(super) fn load_balancers_using<'a>(state: &'a State, target_group: &str) -> Vec<&'a str> {
    let by_rule =
        state.rules.iter().filter(|rule| rule.action.names(target_group)).map(|rule| rule.listener.as_str());
    let by_default =
        state.listeners.iter().filter(|l| l.default_action.names(target_group)).map(|l| l.arn.as_str());
    let mut balancers: Vec<&str> = by_rule
        .chain(by_default)
        .filter_map(|listener| load_balancer::of_listener(state, listener))
        .collect();
    balancers.sort_unstable();
    balancers.dedup();
    balancers
}

fn parse_conditions(call: &Call) -> Result<Vec<Condition>, Refusal> {
    let conditions: Vec<Condition> =
        call.list("Conditions").iter().map(Condition::parse).collect::<Result<_, _>>()?;
    for (index, condition) in conditions.iter().enumerate() {
        if conditions[..index].iter().any(|earlier| earlier.field() == condition.field()) {
            return Err(invalid(format!("A rule can only have one '{}' condition", condition.field())));
        }
    }
    let values: usize = conditions.iter().map(|condition| condition.values().len()).sum();
    if values > CONDITION_VALUES_MAX {
        return Err(invalid(format!("A rule can only have '{CONDITION_VALUES_MAX}' condition values")));
    }
    Ok(conditions)
}

/// AWS ties a target group to one load balancer.
fn check_association(state: &State, action: &Action, listener: &str) -> Result<(), Refusal> {
    let balancer = load_balancer::of_listener(state, listener);
    let Action::Forward(groups) = action else {
        return Ok(());
    };
    let elsewhere =
        |arn: &String| load_balancers_using(state, arn).into_iter().any(|other| Some(other) != balancer);
    match groups.iter().find(|(arn, _)| elsewhere(arn)) {
        None => Ok(()),
        Some((arn, _)) => {
            let message = format!(
                "The following target groups cannot be associated with more than one load balancer: {arn}"
            );
            Err(Refusal::new("TargetGroupAssociationLimit", message))
        }
    }
}

pub(super) fn create(world: &mut World, call: &Call) -> Answer {
    let state = &world.elbv2;
    let listener = load_balancer::known_listener(state, required(call, "ListenerArn")?)?.arn.clone();
    let conditions = parse_conditions(call)?;
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    let (action, order) = Action::parse_list(state, call)?;
    let priority = priority(call.get("Priority"))?;
    if state.rules.iter().any(|rule| rule.listener == listener && rule.priority == priority) {
        return Err(in_use(priority));
    }
    check_association(state, &action, &listener)?;
    let balancer = load_balancer::of_listener(state, &listener);
    let beside = |rule: &&Rule| load_balancer::of_listener(state, &rule.listener) == balancer;
    if state.rules.iter().filter(beside).count() >= RULES_MAX {
        let message = "The quota for the number of rules of this load balancer has been reached";
        return Err(Refusal::new("TooManyRules", message));
    }
    let tags = tags::parse(call)?;
    let arn = format!("{}/{}", listener.replacen(":listener/", ":listener-rule/", 1), world.hex(16));
    let rule = Rule { arn, listener, priority, conditions, action, order, tags, turn: 0 };
    let described = describe_one(&rule);
    world.elbv2.rules.push(rule);
    Ok(json!({ "Rules": [described] }))
}

pub(super) fn modify(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "RuleArn")?;
    refuse_default(&world.elbv2, arn)?;
    let state = &world.elbv2;
    let conditions = parse_conditions(call)?;
    let change = if call.list("Actions").is_empty() { None } else { Some(Action::parse_list(state, call)?) };
    if conditions.is_empty() && change.is_none() {
        return Err(invalid("Either conditions or actions must be specified"));
    }
    let rule = state.rules.iter().find(|rule| rule.arn == arn).ok_or_else(not_found)?;
    if let Some((action, _)) = &change {
        check_association(state, action, &rule.listener)?;
    }
    let rule = world.elbv2.rules.iter_mut().find(|rule| rule.arn == arn).ok_or_else(not_found)?;
    if !conditions.is_empty() {
        rule.conditions = conditions;
    }
    if let Some((action, order)) = change {
        (rule.action, rule.order) = (action, order);
    }
    Ok(json!({ "Rules": [describe_one(rule)] }))
}

pub(super) fn delete(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "RuleArn")?;
    refuse_default(&world.elbv2, arn)?;
    let rules = &mut world.elbv2.rules;
    let before = rules.len();
    rules.retain(|rule| rule.arn != arn);
    if rules.len() == before { Err(not_found()) } else { Ok(json!({})) }
}

/// Moves several rules at once: only the end state must be free of clashes, so two rules can swap places.
pub(super) fn set_priorities(world: &mut World, call: &Call) -> Answer {
    let mut moves: Vec<(String, u32)> = Vec::new();
    for pair in call.list("RulePriorities") {
        let arn = pair.get("RuleArn").and_then(Value::as_str).unwrap_or_default();
        refuse_default(&world.elbv2, arn)?;
        let priority = priority(pair.get("Priority"))?;
        if moves.iter().any(|(_, earlier)| *earlier == priority) {
            return Err(invalid(format!("Priority '{priority}' was provided multiple times")));
        }
        moves.push((arn.to_owned(), priority));
    }
    if moves.is_empty() {
        return Err(invalid("At least one rule priority must be specified"));
    }
    let rules = &mut world.elbv2.rules;
    for (arn, priority) in &moves {
        let rule = rules.iter().find(|rule| rule.arn == *arn).ok_or_else(not_found)?;
        let stays = |other: &&Rule| {
            other.listener == rule.listener && !moves.iter().any(|(moved, _)| *moved == other.arn)
        };
        if rules.iter().filter(stays).any(|other| other.priority == *priority) {
            return Err(in_use(*priority));
        }
    }
    let mut described = Vec::new();
    for rule in rules.iter_mut() {
        if let Some((_, priority)) = moves.iter().find(|(arn, _)| *arn == rule.arn) {
            rule.priority = *priority;
            described.push(describe_one(rule));
        }
    }
    Ok(json!({ "Rules": described }))
}

pub(super) fn describe(world: &mut World, call: &Call) -> Answer {
    let state = &world.elbv2;
    let arns = call.texts("RuleArns");
    let listener = call.text("ListenerArn");
    if arns.is_empty() && listener.is_none() {
        return Err(invalid("You must specify either listener rule ARNs or a listener ARN"));
    }
    if !arns.is_empty() && listener.is_some() {
        return Err(invalid("Listener rule ARNs and a listener ARN cannot be specified at the same time"));
    }
    if let Some(listener) = listener {
        load_balancer::known_listener(state, listener)?;
    }
    let exists = |arn: &String| {
        state.rules.iter().any(|rule| rule.arn == *arn)
            || state.listeners.iter().any(|l| l.default_rule == *arn)
    };
    if !arns.iter().all(exists) {
        return Err(Refusal::new("RuleNotFound", "One or more rules not found"));
    }
    let mut rules: Vec<&Rule> = state
        .rules
        .iter()
        .filter(|rule| arns.contains(&rule.arn) || listener == Some(&rule.listener))
        .collect();
    rules.sort_by_key(|rule| (&rule.listener, rule.priority));
    let defaults =
        state.listeners.iter().filter(|l| arns.contains(&l.default_rule) || listener == Some(&l.arn));
    let described = rules.into_iter().map(describe_one).chain(defaults.map(describe_default));
    page(call, "Rules", described.collect())
}

fn describe_one(rule: &Rule) -> Value {
    let Rule { arn, listener: _, priority, conditions, action, order, tags: _, turn: _ } = rule;
    json!({
        "RuleArn": arn,
        "Priority": priority.to_string(),
        "Conditions": conditions.iter().map(Condition::describe).collect::<Vec<_>>(),
        "Actions": [action.describe(*order)],
        "IsDefault": false,
        "Transforms": [],
    })
}

fn describe_default(listener: &Listener) -> Value {
    json!({
        "RuleArn": listener.default_rule,
        "Priority": "default",
        "Conditions": [],
        "Actions": [listener.default_action.describe(None)],
        "IsDefault": true,
        "Transforms": [],
    })
}

fn priority(value: Option<&Value>) -> Result<u32, Refusal> {
    let number = value.and_then(call::integer).and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (1..=50_000).contains(number))
        .ok_or_else(|| invalid("The rule priority must be between '1' and '50000'"))
}

/// AWS: "You can't modify" a default rule by these calls; it goes with its listener.
fn refuse_default(state: &State, arn: &str) -> Result<(), Refusal> {
    if state.listeners.iter().any(|listener| listener.default_rule == arn) {
        return Err(Refusal::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified or deleted"),
        ));
    }
    Ok(())
}

fn in_use(priority: u32) -> Refusal {
    Refusal::new("PriorityInUse", format!("Priority '{priority}' is currently in use"))
}

fn not_found() -> Refusal {
    Refusal::new("RuleNotFound", "One or more rules not found")
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
