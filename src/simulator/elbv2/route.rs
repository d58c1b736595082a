//! Where one request goes: listener, rule, target group, target.
//!
//! Takes a request's host and path, gives a target or a reply; counts requests under way, which is how the balancer
//! knows its load and the API reports it. Pure: sending is `balancer`'s.

use std::net::{Ipv4Addr, SocketAddrV4};

use super::State;
use super::attributes::target_group::{ALGORITHM, LEAST_OUTSTANDING};
use super::health::{Phase, Target};
use super::listener::Listener;
use super::rule::{Action, Condition, Reply, Rule};
use super::target_group::{self, TargetGroup};
use crate::simulator::World;

/// Where a request goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Route {
    /// To this target. It counts as under way until [`finished`] is called with the same ticket.
    Target(Ticket),
    /// Nowhere: the load balancer answers by itself.
    Fixed {
        /// HTTP status.
        status: u16,
        /// As the action says; absent for an empty body.
        content_type: Option<String>,
        /// Text, possibly empty.
        body: String,
    },
    /// The target group has no target that could be tried (503).
    NoTarget,
    /// The load balancer has no listener on this port any more.
    NoListener,
}

/// One request under way to one target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ticket {
    /// The target group's ARN.
    pub target_group: String,
    /// The target.
    pub target: SocketAddrV4,
}

/// Chooses for one request that arrived on `port`, and counts it.
///
/// Healthy targets take turns. When none is healthy all that are registered do, healthy or not: an application load
/// balancer fails open ("If a target group contains only unhealthy registered targets, the load balancer routes requests
/// to all those targets", elasticloadbalancing/latest/application/target-group-health-checks.html).
pub fn choose(world: &mut World, port: u16, host: &str, path: &str) -> Route {
    let State {
        load_balancers: _,
        listeners,
        rules,
        target_groups,
        certificates: _,
        probes: _,
    } = &mut world.elbv2;
    // One address stands for every load balancer here: a request is for the first that has a rule for it.
    let here = |rule: &Rule| {
        rule.conditions
            .iter()
            .all(|condition| matches(condition, host, path))
    };
    let knows = |listener: &&Listener| {
        let mut rules = rules.iter();
        rules.any(|rule| rule.listener == listener.arn && here(rule))
    };
    let on_port = || listeners.iter().filter(|listener| listener.port == port);
    let Some(listener) = on_port().find(knows).or_else(|| on_port().next()) else {
        return Route::NoListener;
    };
    let matching = rules
        .iter_mut()
        .filter(|rule| rule.listener == listener.arn && here(rule));
    let (action, turn) = match matching.min_by_key(|rule| rule.priority) {
        Some(rule) => {
            rule.turn += 1;
            (&rule.action, rule.turn - 1)
        }
        None => (&listener.default_action, 0),
    };
    match action {
        Action::FixedResponse(Reply {
            status,
            content_type,
            body,
        }) => Route::Fixed {
            status: *status,
            content_type: content_type.clone(),
            body: body.clone().unwrap_or_default(),
        },
        Action::Forward(groups) => {
            let Some(arn) = weighted(groups, turn) else {
                return Route::NoTarget;
            };
            match target_groups
                .iter_mut()
                .find(|group| group.arn == arn)
                .and_then(pick)
            {
                Some(ticket) => Route::Target(ticket),
                None => Route::NoTarget,
            }
        }
    }
}

/// A request is over, however it ended. A target that has left meanwhile needs no count.
pub fn finished(world: &mut World, ticket: &Ticket) {
    let Ok(group) = target_group::find_mut(&mut world.elbv2, &ticket.target_group) else {
        return;
    };
    let is_it = |target: &&mut Target| {
        target.address == *ticket.target.ip() && target.port == ticket.target.port()
    };
    if let Some(target) = group.targets.iter_mut().find(is_it) {
        target.in_flight = target.in_flight.saturating_sub(1);
    }
}

fn pick(group: &mut TargetGroup) -> Option<Ticket> {
    let TargetGroup {
        arn,
        attributes,
        targets,
        turn,
        ..
    } = group;
    let any_healthy = targets.iter().any(|target| target.phase == Phase::Healthy);
    let eligible = |target: &&mut Target| {
        target.phase == Phase::Healthy || !any_healthy && !target.is_draining()
    };
    let mut eligible: Vec<&mut Target> = targets.iter_mut().filter(eligible).collect();
    // Turns also decide between equally loaded targets, so that an idle group does not always use its first.
    let start = usize::try_from(*turn % u64::try_from(eligible.len().max(1)).ok()?).ok()?;
    eligible.rotate_left(start);
    let least_outstanding = attributes
        .get(ALGORITHM)
        .is_some_and(|algorithm| algorithm == LEAST_OUTSTANDING);
    let load = |target: &&mut Target| {
        if least_outstanding {
            target.in_flight
        } else {
            0
        }
    };
    let target = eligible.into_iter().min_by_key(load)?;
    *turn += 1;
    target.in_flight += 1;
    target.requests += 1;
    let address: Ipv4Addr = target.address;
    Some(Ticket {
        target_group: arn.clone(),
        target: SocketAddrV4::new(address, target.port),
    })
}

/// The target group whose turn it is by weight; none when all weights are zero.
fn weighted(groups: &[(String, u32)], turn: u64) -> Option<&str> {
    let total: u64 = groups.iter().map(|(_, weight)| u64::from(*weight)).sum();
    let mut position = turn.checked_rem(total)?;
    for (arn, weight) in groups {
        match position.checked_sub(u64::from(*weight)) {
            None => return Some(arn),
            Some(rest) => position = rest,
        }
    }
    None
}

fn matches(condition: &Condition, host: &str, path: &str) -> bool {
    match condition {
        // Host names are compared without regard to case, paths with (API_RuleCondition).
        Condition::Host(patterns) => {
            let host = host.to_ascii_lowercase();
            patterns
                .iter()
                .any(|pattern| wildcard(&pattern.to_ascii_lowercase(), &host))
        }
        Condition::Path(patterns) => patterns.iter().any(|pattern| wildcard(pattern, path)),
    }
}

/// `*` stands for any number of characters, `?` for exactly one. A mismatch goes back to the last star only, never to
/// earlier ones, so that a pattern full of stars cannot make the load balancer slow.
fn wildcard(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    let mut restart: Option<(usize, usize)> = None;
    while t < text.len() {
        match pattern.get(p) {
            Some(b'*') => {
                restart = Some((p, t));
                p += 1;
            }
            Some(byte) if *byte == b'?' || *byte == text[t] => {
                p += 1;
                t += 1;
            }
            _ => match restart {
                Some((star, from)) => {
                    restart = Some((star, from + 1));
                    p = star + 1;
                    t = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_matches_any_number_of_characters_and_a_question_mark_one() {
        for (pattern, text, expected) in [
            ("contracts.hokus.ai", "contracts.hokus.ai", true),
            ("*.hokus.ai", "contracts.hokus.ai", true),
            ("*.hokus.ai", "hokus.ai", false),
            ("/api/*", "/api/deployments/1", true),
            ("/api/*", "/api", false),
            ("/*/status", "/api/x/status", true),
            ("/*a*b*c", "/xxaxxbxxbxxc", true),
            ("/*a*b*c", "/xxaxxbxxbxx", false),
            ("/v?/x", "/v1/x", true),
            ("/v?/x", "/v/x", false),
            ("*", "", true),
            ("", "", true),
            ("", "x", false),
        ] {
            assert_eq!(
                wildcard(pattern, text),
                expected,
                "{pattern} against {text}"
            );
        }
    }

    #[test]
    fn weights_share_the_turns_and_zero_gets_none() {
        let groups = [
            ("a".to_owned(), 2),
            ("b".to_owned(), 0),
            ("c".to_owned(), 1),
        ];
        let chosen: Vec<_> = (0..6)
            .map(|turn| weighted(&groups, turn).unwrap_or("-"))
            .collect();
        assert_eq!(chosen, ["a", "a", "c", "a", "a", "c"]);
        assert_eq!(weighted(&[("a".to_owned(), 0)], 3), None);
    }
}
