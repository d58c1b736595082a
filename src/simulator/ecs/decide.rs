//! How many tasks to start and which to stop: the arithmetic of a rolling update, scaling and replacement.
//!
//! Takes one fact per wanted task and the service's bounds, gives a [`Decision`]. Pure and small, so that every rule can
//! be read and tested here.

/// What is known of a wanted task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Fact {
    /// Of the deployment that gets the service's tasks.
    pub(super) current: bool,
    pub(super) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Starting,
    Healthy,
    /// Was healthy once: it serves until its replacement does.
    Ailing,
    /// Failed its checks without ever passing them.
    Failed,
}

/// What a service allows.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    pub(super) desired: u32,
    /// Fewest healthy tasks.
    pub(super) min: u32,
    /// Most running and starting tasks.
    pub(super) max: u32,
    /// Healthy tasks that stay as long as there is room: the desired count, or fewer when fewer are enough.
    pub(super) keep: u32,
}

/// What to do.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Decision {
    /// Tasks of the current deployment to start.
    pub(super) start: u32,
    /// Positions in the facts of tasks to stop because others take their place.
    pub(super) surplus: Vec<usize>,
    /// Positions of tasks to stop because they are unhealthy.
    pub(super) unhealthy: Vec<usize>,
}

/// Decides. `can_start` is false while launches are held back or nothing may be launched at all.
///
/// - Starting: as many as are missing, up to the maximum (API_DeploymentConfiguration).
/// - Failed tasks go at once. Ailing ones go when enough others are healthy, or when the maximum leaves no room to start
///   their replacement first ("if maximumPercent doesn't allow …, the scheduler stops the unhealthy tasks").
/// - Tasks of older deployments: those not serving go at once; those serving go as far as the minimum allows, and only
///   when a replacement is healthy or no room is left to start one.
/// - More than desired of the current deployment: the excess goes, those not serving first, then the oldest.
pub(super) fn decide(facts: &[Fact], bounds: Bounds, can_start: bool) -> Decision {
    let Bounds {
        desired,
        min,
        max,
        keep,
    } = bounds;
    let count =
        |keep: &dyn Fn(&Fact) -> bool| facts.iter().filter(|fact| keep(fact)).count() as u32;
    let positions = |keep: &dyn Fn(&Fact) -> bool| {
        let kept = facts.iter().enumerate().filter(|(_, fact)| keep(fact));
        kept.map(|(index, _)| index).collect::<Vec<usize>>()
    };
    let healthy = count(&|fact| fact.state == State::Healthy);
    let useful =
        count(&|fact| fact.current && matches!(fact.state, State::Starting | State::Healthy));
    let missing = desired.saturating_sub(useful);
    // Failed tasks are on their way out in this same decision, so their room is free.
    let mut unhealthy = positions(&|fact| fact.state == State::Failed);
    let occupied = facts.len() as u32 - unhealthy.len() as u32;
    let start = if can_start {
        missing.min(max.saturating_sub(occupied))
    } else {
        0
    };
    let no_room = can_start && start < missing;

    let mut surplus = Vec::new();
    let retired =
        positions(&|fact| !fact.current && matches!(fact.state, State::Starting | State::Ailing));
    surplus.extend(retired);

    let ailing = positions(&|fact| fact.current && fact.state == State::Ailing);
    let replaced = if healthy >= desired { ailing.len() } else { 0 };
    let making_room = if no_room {
        (missing - start) as usize
    } else {
        0
    };
    unhealthy.extend(ailing.into_iter().take(replaced.max(making_room)));

    let old = positions(&|fact| !fact.current && fact.state == State::Healthy);
    // One more than desired being healthy means a replacement serves; no room means that one must go first.
    let spare = healthy.saturating_sub(if no_room { min } else { min.max(keep) });
    // Room that unhealthy tasks free in this decision needs no healthy one to go.
    let spare = if no_room {
        spare.min((missing - start).saturating_sub(unhealthy.len() as u32))
    } else {
        spare
    };
    surplus.extend(old.into_iter().take(spare as usize));

    let excess = useful.saturating_sub(desired) as usize;
    let starting = positions(&|fact| fact.current && fact.state == State::Starting);
    let serving = positions(&|fact| fact.current && fact.state == State::Healthy);
    surplus.extend(starting.into_iter().rev().chain(serving).take(excess));
    surplus.sort_unstable();
    Decision {
        start,
        surplus,
        unhealthy,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` new, `o` old; `s`tarting, `h`ealthy, `a`iling, `f`ailed: "nh os" are two facts.
    fn facts(text: &str) -> Vec<Fact> {
        let state = |letter| match letter {
            's' => State::Starting,
            'h' => State::Healthy,
            'a' => State::Ailing,
            _ => State::Failed,
        };
        text.split_whitespace()
            .map(|word| Fact {
                current: word.starts_with('n'),
                state: state(word.chars().last().unwrap_or('f')),
            })
            .collect()
    }

    #[test]
    fn starts_and_stops_follow_the_bounds() {
        for (what, now, (desired, min, max), start, surplus, unhealthy) in [
            ("nothing yet", "", (2, 2, 4), 2, vec![], vec![]),
            ("steady", "nh nh", (2, 2, 4), 0, vec![], vec![]),
            ("one died", "nh", (2, 2, 4), 1, vec![], vec![]),
            ("update begins", "oh oh", (2, 2, 4), 2, vec![], vec![]),
            (
                "replacements start",
                "oh oh ns ns",
                (2, 2, 4),
                0,
                vec![],
                vec![],
            ),
            (
                "one replacement serves",
                "oh oh nh ns",
                (2, 2, 4),
                0,
                vec![0],
                vec![],
            ),
            (
                "both serve",
                "oh oh nh nh",
                (2, 2, 4),
                0,
                vec![0, 1],
                vec![],
            ),
            (
                "no room, so one goes first",
                "oh oh",
                (2, 1, 2),
                0,
                vec![0],
                vec![],
            ),
            ("then one starts", "oh", (2, 1, 2), 1, vec![], vec![]),
            (
                "and none goes below the minimum",
                "oh ns",
                (2, 1, 2),
                0,
                vec![],
                vec![],
            ),
            (
                "spare capacity is kept while there is room",
                "oh oh",
                (2, 1, 4),
                2,
                vec![],
                vec![],
            ),
            (
                "old ones that never served go",
                "os oa nh",
                (2, 2, 4),
                1,
                vec![0, 1],
                vec![],
            ),
            ("scale out", "nh nh", (4, 4, 8), 2, vec![], vec![]),
            (
                "scale in, oldest first",
                "nh nh nh nh",
                (2, 2, 4),
                0,
                vec![0, 1],
                vec![],
            ),
            (
                "scale in, starting first",
                "nh nh nh ns",
                (2, 2, 4),
                0,
                vec![0, 3],
                vec![],
            ),
            ("replacement first", "na nh", (2, 2, 4), 1, vec![], vec![]),
            ("replaced", "na nh nh", (2, 2, 4), 0, vec![], vec![0]),
            (
                "no room for the replacement",
                "na nh",
                (2, 1, 2),
                0,
                vec![],
                vec![0],
            ),
            ("never passed", "nf nf", (2, 2, 4), 2, vec![], vec![0, 1]),
            ("deleted", "nh ns", (0, 0, 0), 0, vec![0, 1], vec![]),
        ] {
            let got = decide(
                &facts(now),
                Bounds {
                    desired,
                    min,
                    max,
                    keep: desired,
                },
                true,
            );
            assert_eq!(
                got,
                Decision {
                    start,
                    surplus,
                    unhealthy
                },
                "{what}"
            );
        }
    }

    #[test]
    fn nothing_is_started_or_sacrificed_while_launches_are_held_back() {
        let got = decide(
            &facts("oh oh"),
            Bounds {
                desired: 2,
                min: 1,
                max: 2,
                keep: 2,
            },
            false,
        );
        assert_eq!(got, Decision::default());
    }
}
