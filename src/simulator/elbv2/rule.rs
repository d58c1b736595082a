//! Listener rules: conditions, actions, priorities, and which target groups they use.
//!
//! Takes calls, keeps [`Rule`]s. Which rule a request meets is decided in `route`.

mod action;
mod condition;

use serde_json::{Value, json};

pub(super) use self::action::{ACTION_TARGET_GROUPS_MAX, Action, Reply};
pub(super) use self::condition::{CONDITION_VALUES_MAX, Condition};
use super::listener::{self, Listener};
use super::tags;
use super::{State, page, required};
use crate::simulator::World;
use crate::simulator::call::{self, Answer, Call, Refusal};
use crate::simulator::tag::Tags;

/// AWS's default quota per load balancer, not counting default rules.
pub(super) const RULES_MAX: usize = 100;

#[derive(Debug, Clone)]
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
    let by_rule = state
        .rules
        .iter()
        .filter(|rule| rule.action.names(target_group))
        .map(|rule| rule.listener.as_str());
    let by_default = state
        .listeners
        .iter()
        .filter(|l| l.default_action.names(target_group))
        .map(|l| l.arn.as_str());
    let mut balancers: Vec<&str> = by_rule
        .chain(by_default)
        .filter_map(|listener| listener::balancer_of(state, listener))
        .collect();
    balancers.sort_unstable();
    balancers.dedup();
    balancers
}

/// AWS ties a target group to one load balancer.
pub(super) fn check_association(
    state: &State,
    action: &Action,
    balancer: Option<&str>,
) -> Result<(), Refusal> {
    let Action::Forward(groups) = action else {
        return Ok(());
    };
    let elsewhere = |arn: &String| {
        load_balancers_using(state, arn)
            .into_iter()
            .any(|other| Some(other) != balancer)
    };
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
    let listener = listener::known(state, required(call, "ListenerArn")?)?
        .arn
        .clone();
    let conditions = condition::parse(call)?;
    if conditions.is_empty() {
        return Err(invalid("A condition must be specified"));
    }
    let (action, order) = Action::parse_list(state, call, "Actions")?;
    let priority = priority(call.get("Priority"))?;
    if state
        .rules
        .iter()
        .any(|rule| rule.listener == listener && rule.priority == priority)
    {
        return Err(in_use(priority));
    }
    let balancer = listener::balancer_of(state, &listener);
    check_association(state, &action, balancer)?;
    let beside = |rule: &&Rule| listener::balancer_of(state, &rule.listener) == balancer;
    if state.rules.iter().filter(beside).count() >= RULES_MAX {
        let message = "The quota for the number of rules of this load balancer has been reached";
        return Err(Refusal::new("TooManyRules", message));
    }
    let tags = tags::parse(call)?;
    let arn = format!(
        "{}/{}",
        listener.replacen(":listener/", ":listener-rule/", 1),
        world.hex(16)
    );
    let rule = Rule {
        arn,
        listener,
        priority,
        conditions,
        action,
        order,
        tags,
        turn: 0,
    };
    let described = describe_one(&rule);
    world.elbv2.rules.push(rule);
    Ok(json!({ "Rules": [described] }))
}

pub(super) fn modify(world: &mut World, call: &Call) -> Answer {
    let arn = required(call, "RuleArn")?;
    refuse_default(&world.elbv2, arn)?;
    let state = &world.elbv2;
    let conditions = condition::parse(call)?;
    let change = if call.list("Actions").is_empty() {
        None
    } else {
        Some(Action::parse_list(state, call, "Actions")?)
    };
    if conditions.is_empty() && change.is_none() {
        return Err(invalid("Either conditions or actions must be specified"));
    }
    let rule = state
        .rules
        .iter()
        .find(|rule| rule.arn == arn)
        .ok_or_else(not_found)?;
    if let Some((action, _)) = &change {
        let balancer = listener::balancer_of(state, &rule.listener);
        check_association(state, action, balancer)?;
    }
    let rule = world
        .elbv2
        .rules
        .iter_mut()
        .find(|rule| rule.arn == arn)
        .ok_or_else(not_found)?;
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
    if rules.len() == before {
        Err(not_found())
    } else {
        Ok(json!({}))
    }
}

/// Moves several rules at once: only the end state must be free of clashes, so two rules can swap places.
pub(super) fn set_priorities(world: &mut World, call: &Call) -> Answer {
    let mut moves: Vec<(String, u32)> = Vec::new();
    for pair in call.list("RulePriorities") {
        let arn = pair
            .get("RuleArn")
            .and_then(Value::as_str)
            .unwrap_or_default();
        refuse_default(&world.elbv2, arn)?;
        let priority = priority(pair.get("Priority"))?;
        if moves.iter().any(|(_, earlier)| *earlier == priority) {
            return Err(invalid(format!(
                "Priority '{priority}' was provided multiple times"
            )));
        }
        moves.push((arn.to_owned(), priority));
    }
    if moves.is_empty() {
        return Err(invalid("At least one rule priority must be specified"));
    }
    let rules = &mut world.elbv2.rules;
    for (arn, priority) in &moves {
        let rule = rules
            .iter()
            .find(|rule| rule.arn == *arn)
            .ok_or_else(not_found)?;
        let stays = |other: &&Rule| {
            other.listener == rule.listener && !moves.iter().any(|(moved, _)| *moved == other.arn)
        };
        if rules
            .iter()
            .filter(stays)
            .any(|other| other.priority == *priority)
        {
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
        return Err(invalid(
            "You must specify either listener rule ARNs or a listener ARN",
        ));
    }
    if !arns.is_empty() && listener.is_some() {
        return Err(invalid(
            "Listener rule ARNs and a listener ARN cannot be specified at the same time",
        ));
    }
    if let Some(listener) = listener {
        listener::known(state, listener)?;
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
    let defaults = state
        .listeners
        .iter()
        .filter(|l| arns.contains(&l.default_rule) || listener == Some(&l.arn));
    let described = rules
        .into_iter()
        .map(describe_one)
        .chain(defaults.map(describe_default));
    page(call, "Rules", described.collect())
}

fn describe_one(rule: &Rule) -> Value {
    let Rule {
        arn,
        listener: _,
        priority,
        conditions,
        action,
        order,
        tags: _,
        turn: _,
    } = rule;
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
        "Actions": [listener.default_action.describe(listener.order)],
        "IsDefault": true,
        "Transforms": [],
    })
}

fn priority(value: Option<&Value>) -> Result<u32, Refusal> {
    let number = value
        .and_then(call::integer)
        .and_then(|number| u32::try_from(number).ok());
    number
        .filter(|number| (1..=50_000).contains(number))
        .ok_or_else(|| invalid("The rule priority must be between '1' and '50000'"))
}

/// AWS: "You can't modify" a default rule by these calls; it goes with its listener.
fn refuse_default(state: &State, arn: &str) -> Result<(), Refusal> {
    if state
        .listeners
        .iter()
        .any(|listener| listener.default_rule == arn)
    {
        return Err(Refusal::new(
            "OperationNotPermitted",
            format!("Default rule '{arn}' cannot be modified or deleted"),
        ));
    }
    Ok(())
}

fn in_use(priority: u32) -> Refusal {
    Refusal::new(
        "PriorityInUse",
        format!("Priority '{priority}' is currently in use"),
    )
}

pub(super) fn not_found() -> Refusal {
    Refusal::new("RuleNotFound", "One or more rules not found")
}

fn invalid(message: impl Into<String>) -> Refusal {
    Refusal::new("ValidationError", message)
}
