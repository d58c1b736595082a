//! The weights of a rule's forward action, as ECS reads and moves them in a blue/green deployment.
//!
//! Takes the ARN of a listener rule or of a listener's default rule. Changes nothing but its action.

use super::rule::{Action, check_association, not_found};
use super::{listener, target_group};
use crate::simulator::call::Refusal;
use crate::simulator::world::World;

/// The target groups a rule forwards to, with their weights; `None` when there is no such rule. A rule that does not
/// forward has none.
pub fn rule_weights(world: &World, arn: &str) -> Option<Vec<(String, u32)>> {
    let rules = world.elbv2.rules.iter();
    let defaults = world.elbv2.listeners.iter();
    let action = rules
        .map(|rule| (&rule.arn, &rule.action))
        .chain(defaults.map(|listener| (&listener.default_rule, &listener.default_action)))
        .find(|(known, _)| *known == arn);
    match action?.1 {
        Action::Forward(groups) => Some(groups.clone()),
        Action::FixedResponse(_) => Some(Vec::new()),
    }
}

/// Makes a rule forward to these target groups by these weights.
pub fn set_rule_weights(
    world: &mut World,
    arn: &str,
    weights: Vec<(String, u32)>,
) -> Result<(), Refusal> {
    for (group, _) in &weights {
        target_group::find_mut(&mut world.elbv2, group)?;
    }
    let action = Action::Forward(weights);
    let state = &world.elbv2;
    let rules = state.rules.iter();
    let listener = rules
        .filter(|rule| rule.arn == arn)
        .map(|rule| rule.listener.as_str())
        .chain(
            state
                .listeners
                .iter()
                .filter(|listener| listener.default_rule == arn)
                .map(|listener| listener.arn.as_str()),
        )
        .next()
        .ok_or_else(not_found)?;
    check_association(state, &action, listener::balancer_of(state, listener))?;
    let state = &mut world.elbv2;
    if let Some(rule) = state.rules.iter_mut().find(|rule| rule.arn == arn) {
        rule.action = action;
    } else if let Some(listener) = state
        .listeners
        .iter_mut()
        .find(|listener| listener.default_rule == arn)
    {
        listener.default_action = action;
    }
    Ok(())
}
