//! Whether a task is healthy: its containers' own checks and its targets.
//!
//! Takes check outcomes and target health, gives a [`Verdict`] per container and a [`Condition`] per task. Runs no
//! check; `lifecycle` asks for one when it is due.

use super::service::Service;
use super::task::{Stage, Task};
use super::task_definition::HealthCheck;
use crate::simulator::call::Millis;
use crate::simulator::elbv2;
use crate::simulator::world::World;

/// How much longer than its own timeout a check may take to be reported before it counts as failed.
const REPORT_MILLIS: Millis = 10_000;

/// `healthStatus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Unknown,
    Healthy,
    Unhealthy,
}

/// A container's health check under way.
#[derive(Debug, Clone)]
pub(super) struct Checking {
    since: Millis,
    next: Next,
    failures: u32,
    verdict: Verdict,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    At(Millis),
    UnderWay { deadline: Millis },
}

impl Checking {
    /// The check of a container that started at `now`. As with Docker, whose semantics ECS documents for its checks,
    /// the first one comes an interval after the start.
    pub(super) fn new(check: &HealthCheck, now: Millis) -> Checking {
        let next = Next::At(now + seconds(check.interval));
        Checking {
            since: now,
            next,
            failures: 0,
            verdict: Verdict::Unknown,
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Whether to run the check now; if so it is under way.
    pub(super) fn is_due(&mut self, check: &HealthCheck, now: Millis) -> bool {
        match self.next {
            Next::At(due) if due <= now => {
                self.next = Next::UnderWay {
                    deadline: now + seconds(check.timeout) + REPORT_MILLIS,
                };
                true
            }
            Next::UnderWay { deadline } if deadline <= now => {
                self.outcome(check, false, now);
                false
            }
            Next::At(_) | Next::UnderWay { .. } => false,
        }
    }

    /// Takes in one outcome. Failures in the start period do not count until a check has passed (API_HealthCheck).
    pub(super) fn outcome(&mut self, check: &HealthCheck, passed: bool, now: Millis) {
        self.next = Next::At(now + seconds(check.interval));
        let starting =
            self.verdict == Verdict::Unknown && now < self.since + seconds(check.start_period);
        if passed {
            self.failures = 0;
            self.verdict = Verdict::Healthy;
        } else if !starting {
            self.failures += 1;
            if self.failures >= check.retries {
                self.verdict = Verdict::Unhealthy;
            }
        }
    }
}

fn seconds(seconds: u32) -> Millis {
    Millis::from(seconds) * 1_000
}

/// A task's health by its containers' checks alone; unknown when it has none.
pub(super) fn of_task(task: &Task) -> Verdict {
    let mut verdicts = task
        .containers
        .iter()
        .filter_map(|container| container.checking.as_ref())
        .map(Checking::verdict);
    let Some(first) = verdicts.next() else {
        return Verdict::Unknown;
    };
    verdicts.fold(first, |all, next| match (all, next) {
        (Verdict::Unhealthy, _) | (_, Verdict::Unhealthy) => Verdict::Unhealthy,
        (Verdict::Unknown, _) | (_, Verdict::Unknown) => Verdict::Unknown,
        (Verdict::Healthy, Verdict::Healthy) => Verdict::Healthy,
    })
}

/// What the scheduler makes of a wanted task.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition {
    /// Not running yet, or not yet known to be well.
    Starting,
    Healthy,
    Unhealthy(Cause),
}

/// Which check failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Cause {
    Container,
    Target {
        target_group: String,
        port: u16,
        description: String,
    },
}

/// A task is healthy when it runs and every check it has says so: its containers' and, for each target group, the load
/// balancer's. Within the grace period nothing counts against it (API_CreateService).
pub(super) fn condition(world: &World, service: &Service, task: &Task, now: Millis) -> Condition {
    if task.stage != Stage::Running {
        return Condition::Starting;
    }
    let started = task.times.started.unwrap_or(now);
    let grace = now < started + seconds(service.grace_seconds);
    let unhealthy = |cause| {
        if grace {
            Condition::Starting
        } else {
            Condition::Unhealthy(cause)
        }
    };
    let checked = task
        .containers
        .iter()
        .any(|container| container.checking.is_some());
    match of_task(task) {
        Verdict::Unhealthy => return unhealthy(Cause::Container),
        Verdict::Unknown if checked => return Condition::Starting,
        Verdict::Unknown | Verdict::Healthy => {}
    }
    let mut condition = Condition::Healthy;
    for (target_group, port) in service.targets(&task.revision) {
        match elbv2::target_health(world, &target_group, task.address, port) {
            Some(elbv2::Health::Healthy) => {}
            Some(health @ elbv2::Health::Unhealthy(_)) => {
                return unhealthy(Cause::Target {
                    target_group,
                    port,
                    description: health.description().unwrap_or_default(),
                });
            }
            Some(
                elbv2::Health::Registering
                | elbv2::Health::InitialChecking
                | elbv2::Health::Draining
                | elbv2::Health::NotInUse,
            )
            | None => condition = Condition::Starting,
        }
    }
    condition
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_fails_after_its_retries_and_not_in_its_start_period() {
        let check = HealthCheck {
            command: vec![],
            interval: 5,
            timeout: 2,
            retries: 2,
            start_period: 20,
        };
        let mut checking = Checking::new(&check, 0);
        let mut seen = Vec::new();
        for (now, passed) in [
            (5, false),
            (10, false),
            (20, false),
            (25, false),
            (30, true),
            (35, false),
            (40, false),
        ] {
            assert!(checking.is_due(&check, now * 1_000), "{now}");
            checking.outcome(&check, passed, now * 1_000);
            seen.push(checking.verdict());
        }
        use Verdict::{Healthy, Unhealthy, Unknown};
        assert_eq!(
            seen,
            [
                Unknown, Unknown, Unknown, Unhealthy, Healthy, Healthy, Unhealthy
            ]
        );
    }

    #[test]
    fn a_check_that_is_never_reported_has_failed() {
        let check = HealthCheck {
            command: vec![],
            interval: 5,
            timeout: 2,
            retries: 1,
            start_period: 0,
        };
        let mut checking = Checking::new(&check, 0);
        assert!(checking.is_due(&check, 5_000));
        assert!(!checking.is_due(&check, 16_000));
        assert_eq!(checking.verdict(), Verdict::Unknown);
        assert!(!checking.is_due(&check, 17_000));
        assert_eq!(checking.verdict(), Verdict::Unhealthy);
    }
}
