//! What a strategy that moves requests needs around the service: the second target group, the rule to try a new revision by, ECS's
//! role; and alarms and a dashboard that look at both target groups.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::{roles, signed};
use crate::reconciler::resource::{
    Dashboard, Dimension, Hook, Join, ListenerRule, Measured, Role, TargetGroup, Watched,
};
use crate::reconciler::spec::{Asks, Shift, Spec};

/// The same as the first but for its name.
pub fn alternate(spec: &Spec, first: TargetGroup) -> Option<TargetGroup> {
    let shifting = spec.shifting()?;
    Some(TargetGroup {
        name: shifting.target_group.clone(),
        ..first
    })
}

/// Leads to the second target group until ECS points it to where the new revision is.
pub fn test_rule(spec: &Spec) -> Option<ListenerRule> {
    let test = spec.shifting()?.test.as_ref()?;
    Some(ListenerRule {
        hosts: BTreeSet::from([test.host.clone()]),
        priority: signed(test.priority),
        forward: Join::Alternate,
        idle: BTreeSet::new(),
        other: BTreeSet::new(),
    })
}

/// What ECS needs to move requests, on exactly this unit's target groups and load balancer where AWS names them, and to ask the
/// hooks' functions. The actions are those of AWS's own policy for it.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/AmazonECSInfrastructureRolePolicyForLoadBalancers.html>
pub fn role(spec: &Spec) -> Option<Role> {
    let shifting = spec.shifting()?;
    let balancer = &spec.load_balancer.name;
    let elb = |resource: String| spec.arn("elasticloadbalancing", &resource);
    let groups = [&spec.load_balancer.target_group, &shifting.target_group];
    let groups = BTreeSet::from(groups.map(|name| elb(format!("targetgroup/{name}/*"))));
    let mut statements = vec![
        roles::allow(
            "Look",
            &[
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeRules",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            ["*".to_owned()],
        ),
        roles::allow(
            "Route",
            &[
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:ModifyRule",
            ],
            [
                elb(format!("listener-rule/app/{balancer}/*")),
                elb(format!("listener/app/{balancer}/*")),
            ],
        ),
        roles::allow(
            "Targets",
            &[
                "elasticloadbalancing:DeregisterTargets",
                "elasticloadbalancing:RegisterTargets",
            ],
            groups,
        ),
    ];
    let functions: BTreeSet<String> = shifting
        .hooks
        .iter()
        .filter_map(|hook| match &hook.asks {
            Asks::Function(function) => Some(function.clone()),
            Asks::Person { .. } => None,
        })
        .collect();
    if !functions.is_empty() {
        statements.push(roles::allow("Ask", &["lambda:InvokeFunction"], functions));
    }
    let trust = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Sid": "Ecs",
            "Effect": "Allow",
            "Principal": { "Service": ["ecs.amazonaws.com"] },
            "Action": ["sts:AssumeRole"],
        }],
    });
    let role = roles::role(spec, &spec.rollout_role(), statements);
    Some(Role { trust, ..role })
}

/// A service's deployment configuration, as far as the strategy decides it.
pub struct Configuration {
    pub strategy: &'static str,
    pub bake_minutes: i32,
    pub step_percent: Option<f64>,
    pub step_bake_minutes: Option<i32>,
}

pub fn configuration(spec: &Spec) -> Configuration {
    let Some(shifting) = spec.shifting() else {
        return Configuration {
            strategy: "ROLLING",
            bake_minutes: 0,
            step_percent: None,
            step_bake_minutes: None,
        };
    };
    let (strategy, step) = match shifting.shift {
        Shift::BlueGreen => ("BLUE_GREEN", None),
        Shift::Canary(step) => ("CANARY", Some(step)),
        Shift::Linear(step) => ("LINEAR", Some(step)),
    };
    Configuration {
        strategy,
        bake_minutes: signed(shifting.bake_minutes),
        step_percent: step.map(|step| f64::from(step.percent)),
        step_bake_minutes: step.map(|step| signed(step.bake_minutes)),
    }
}

pub fn hooks(spec: &Spec) -> Vec<Hook> {
    let hooks = spec.shifting().map_or(&[][..], |shifting| &shifting.hooks);
    let mut hooks: Vec<Hook> = hooks
        .iter()
        .map(|hook| {
            let stages = hook.stages.clone();
            match &hook.asks {
                Asks::Function(function) => Hook {
                    stages,
                    function: Some(function.clone()),
                    role: Some(roles::arn(spec, &spec.rollout_role())),
                    timeout_minutes: None,
                    timeout_action: None,
                },
                Asks::Person {
                    timeout_minutes,
                    timeout_continues,
                } => Hook {
                    stages,
                    function: None,
                    role: None,
                    timeout_minutes: Some(signed(*timeout_minutes)),
                    timeout_action: Some(
                        if *timeout_continues {
                            "CONTINUE"
                        } else {
                            "ROLLBACK"
                        }
                        .to_owned(),
                    ),
                },
            }
        })
        .collect();
    hooks.sort();
    hooks
}

/// Ends the ids of what is measured of the second target group.
const OTHER: &str = "_other";

/// Makes an alarm on one target group one on both: tasks are in either, and requests move from one to the other.
pub fn watch_both(watched: &mut Watched) {
    const ONE: &str = "one";
    if let Watched::Metric(measured) = watched
        && other(measured).is_some()
    {
        // A share of answers cannot be had of both together: the slower of the two counts.
        let expression = match measured.metric.as_str() {
            "TargetResponseTime" => format!("MAX([FILL({ONE}, 0), FILL({ONE}{OTHER}, 0)])"),
            _ => ONE.to_owned(),
        };
        *watched = Watched::Calculation {
            expressions: BTreeMap::from([("both".to_owned(), expression)]),
            metrics: BTreeMap::from([(ONE.to_owned(), measured.clone())]),
            compared: BTreeSet::from(["both".to_owned()]),
        };
    }
    let Watched::Calculation {
        expressions,
        metrics,
        compared: _,
    } = watched
    else {
        return;
    };
    let others: Vec<(String, Measured)> = metrics
        .iter()
        .filter_map(|(id, measured)| Some((format!("{id}{OTHER}"), other(measured)?)))
        .collect();
    if !others.is_empty() {
        expressions
            .values_mut()
            .for_each(|text| *text = of_both(text));
    }
    metrics.extend(others);
}

/// The same of the second target group, where it is of the first.
fn other(measured: &Measured) -> Option<Measured> {
    let mut other = measured.clone();
    let mut dimensions = other.dimensions.values_mut();
    *dimensions.find(|value| **value == Dimension::TargetGroup)? = Dimension::AlternateTargetGroup;
    Some(other)
}

/// A formula over one target group as one over both. A group without requests has no data, and counts as none.
fn of_both(formula: &str) -> String {
    if formula.contains(OTHER) {
        return formula.to_owned();
    }
    let sum = |id: &str| format!("(FILL({id}, 0) + FILL({id}{OTHER}, 0))");
    let within = format!(
        "((FILL(within, 100) * FILL(requests, 0) + FILL(within{OTHER}, 100) * FILL(requests{OTHER}, 0)) / {})",
        sum("requests")
    );
    let mut both = String::new();
    let mut word = String::new();
    for letter in formula
        .replace("FILL(errors, 0)", "errors")
        .chars()
        .chain([' '])
    {
        if letter.is_ascii_alphanumeric() || letter == '_' {
            word.push(letter);
            continue;
        }
        both.push_str(&match word.as_str() {
            "errors" | "requests" | "one" => sum(&word),
            "within" => within.clone(),
            _ => word.clone(),
        });
        word.clear();
        both.push(letter);
    }
    both.truncate(both.trim_end().len());
    both
}

/// Draws beside every line of the first target group one of the second.
pub fn show_both(dashboard: &mut Dashboard) {
    let widgets = dashboard
        .body
        .get_mut("widgets")
        .and_then(Value::as_array_mut);
    for widget in widgets.into_iter().flatten() {
        let rows = widget.pointer_mut("/properties/metrics");
        let Some(rows) = rows.and_then(Value::as_array_mut) else {
            continue;
        };
        let mut others = Vec::new();
        for row in rows.iter_mut().filter_map(Value::as_array_mut) {
            if let Some(Value::Object(options)) = row.last_mut()
                && let Some(Value::String(formula)) = options.get_mut("expression")
            {
                *formula = of_both(formula);
            }
            if let Some(other) = other_row(row) {
                others.push(other);
            }
        }
        rows.extend(others);
    }
}

fn other_row(row: &[Value]) -> Option<Value> {
    let mut row = row.to_vec();
    let word = Dimension::TargetGroup.word();
    let group = row.iter_mut().find(|part| part.as_str() == Some(word))?;
    *group = json!(Dimension::AlternateTargetGroup.word());
    let options = row.last_mut()?.as_object_mut()?;
    for (name, end) in [("id", OTHER), ("label", ", other group")] {
        if let Some(Value::String(text)) = options.get_mut(name) {
            text.push_str(end);
        }
    }
    Some(Value::Array(row))
}
