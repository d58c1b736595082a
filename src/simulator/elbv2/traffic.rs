//! What a load balancer counts for its metrics: targets by health, and requests since it was last asked.
//!
//! Takes outcomes of requests from `balancer`; gives counts to whoever makes metrics. Routes nothing.

use super::health::Health;
use super::route::Ticket;
use super::rule::{self, Action};
use super::{listener, target_group};
use crate::simulator::world::World;

/// One target group of one load balancer.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// Its ARN.
    pub target_group: String,
    /// The value of its `TargetGroup` dimension, `targetgroup/<name>/<id>`.
    pub dimension: String,
    /// The value of the `LoadBalancer` dimension, `app/<name>/<id>`.
    pub load_balancer: String,
    /// Targets that are healthy.
    pub healthy: u32,
    /// Targets that are unhealthy. Those that are new or draining are neither.
    pub unhealthy: u32,
    /// Requests a target answered since the last time.
    pub requests: f64,
    /// Those it answered with a 5xx status.
    pub errors: f64,
    /// How long it took for all of them.
    pub seconds: f64,
}

/// Requests of a target group that have been answered and not been asked for.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Answered {
    requests: f64,
    errors: f64,
    seconds: f64,
}

/// A target answered a request.
pub fn answered(world: &mut World, ticket: &Ticket, status: u16, seconds: f64) {
    if let Ok(group) = target_group::find_mut(&mut world.elbv2, &ticket.target_group) {
        let counted = &mut group.answered;
        counted.requests += 1.0;
        counted.seconds += seconds;
        if (500..600).contains(&status) {
            counted.errors += 1.0;
        }
    }
}

/// The traffic of every target group that a listener uses; what it counts starts anew.
pub fn take_traffic(world: &mut World) -> Vec<Traffic> {
    let state = &mut world.elbv2;
    let users: Vec<Option<String>> = state
        .target_groups
        .iter()
        .map(|group| {
            let users = rule::load_balancers_using(state, &group.arn);
            users.first().map(|user| (*user).to_owned())
        })
        .collect();
    let after = |arn: &str, mark: &str| arn.split_once(mark).map(|(_, rest)| rest.to_owned());
    let mut found = Vec::new();
    for (group, user) in state.target_groups.iter_mut().zip(users) {
        let Answered {
            requests,
            errors,
            seconds,
        } = std::mem::take(&mut group.answered);
        let Some(load_balancer) = user.and_then(|arn| after(&arn, ":loadbalancer/")) else {
            continue;
        };
        let count = |wanted: fn(Health) -> bool| {
            let targets = group.targets.iter();
            let count = targets.filter(|target| wanted(target.health(true))).count();
            u32::try_from(count).unwrap_or(u32::MAX)
        };
        found.push(Traffic {
            target_group: group.arn.clone(),
            dimension: format!(
                "targetgroup/{}",
                after(&group.arn, ":targetgroup/").unwrap_or_default()
            ),
            load_balancer,
            healthy: count(|health| health == Health::Healthy),
            unhealthy: count(|health| matches!(health, Health::Unhealthy(_))),
            requests,
            errors,
            seconds,
        });
    }
    found
}

/// Which share of a service's requests each of its target groups gets: what the weights of the first rule, by priority, that
/// sends to any of them say; listeners' default actions come last.
pub fn shares(world: &World, target_groups: &[String]) -> Vec<(String, f64)> {
    let mut rules: Vec<&rule::Rule> = world.elbv2.rules.iter().collect();
    rules.sort_by_key(|rule| rule.priority);
    let actions = rules.iter().map(|rule| &rule.action);
    let defaults = &world.elbv2.listeners;
    let defaults = defaults
        .iter()
        .map(|listener: &listener::Listener| &listener.default_action);
    let of_service = |action: &Action| -> Option<Vec<(String, f64)>> {
        let Action::Forward(groups) = action else {
            return None;
        };
        let own = groups.iter().filter(|(arn, _)| target_groups.contains(arn));
        let own: Vec<(String, f64)> = own
            .map(|(arn, weight)| (arn.clone(), f64::from(*weight)))
            .collect();
        let total: f64 = own.iter().map(|(_, weight)| weight).sum();
        let share = |(arn, weight)| (arn, weight / total);
        (total > 0.0).then(|| own.into_iter().map(share).collect())
    };
    actions
        .chain(defaults)
        .find_map(of_service)
        .unwrap_or_default()
}
