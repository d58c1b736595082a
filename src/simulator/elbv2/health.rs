//! What a load balancer believes about its targets: when a target is probed and what an outcome changes.
//!
//! Takes the time and probe outcomes, gives the probes that are due. Pure: it never reads a clock and opens no
//! connection; `balancer::probe` does that and reports back through [`probed`].

use std::net::Ipv4Addr;

use super::target_group::{HealthCheck, TargetGroup};
use crate::simulator::World;
use crate::simulator::call::Millis;

/// How long a target stays `Elb.RegistrationInProgress` before it is first probed. AWS takes some seconds and promises
/// no figure; one keeps the state observable without making every rollout wait.
pub const REGISTRATION_MILLIS: Millis = 1_000;

/// What `DescribeTargetHealth` says about a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Health {
    /// Registered a moment ago, not probed yet.
    Registering,
    /// Probed, but neither passed once nor failed often enough.
    InitialChecking,
    /// Receives traffic.
    Healthy,
    /// Receives no traffic while another target is healthy.
    Unhealthy(Failure),
    /// Deregistered; finishes what it has, gets nothing new.
    Draining,
    /// Its target group is used by no listener.
    NotInUse,
}

/// The last failed probe of an unhealthy target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// It answered with a status the matcher does not accept.
    CodeMismatch(u16),
    /// No answer within the timeout.
    Timeout,
    /// No connection, or an answer that is not HTTP.
    Unreachable,
}

impl Health {
    /// AWS's state word.
    pub fn state(self) -> &'static str {
        match self {
            Health::Registering | Health::InitialChecking => "initial",
            Health::Healthy => "healthy",
            Health::Unhealthy(_) => "unhealthy",
            Health::Draining => "draining",
            Health::NotInUse => "unused",
        }
    }

    /// AWS's reason code; a healthy target has none.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Health::Registering => Some("Elb.RegistrationInProgress"),
            Health::InitialChecking => Some("Elb.InitialHealthChecking"),
            Health::Healthy => None,
            Health::Unhealthy(Failure::CodeMismatch(_)) => Some("Target.ResponseCodeMismatch"),
            Health::Unhealthy(Failure::Timeout) => Some("Target.Timeout"),
            Health::Unhealthy(Failure::Unreachable) => Some("Target.FailedHealthChecks"),
            Health::Draining => Some("Target.DeregistrationInProgress"),
            Health::NotInUse => Some("Target.NotInUse"),
        }
    }

    /// AWS's sentence beside the reason; ECS repeats it in its service events.
    pub fn description(self) -> Option<String> {
        Some(match self {
            Health::Registering => "Target registration is in progress".into(),
            Health::InitialChecking => "Initial health checks in progress".into(),
            Health::Healthy => return None,
            Health::Unhealthy(Failure::CodeMismatch(status)) => {
                format!("Health checks failed with these codes: [{status}]")
            }
            Health::Unhealthy(Failure::Timeout) => "Request timed out".into(),
            Health::Unhealthy(Failure::Unreachable) => "Health checks failed".into(),
            Health::Draining => "Target deregistration is in progress".into(),
            Health::NotInUse => {
                "Target group is not configured to receive traffic from the load balancer".into()
            }
        })
    }
}

/// One registered address of a target group.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where it listens.
    pub address: Ipv4Addr,
    /// The port it was registered with: the target group's unless overridden.
    pub port: u16,
    pub(super) phase: Phase,
    /// Consecutive outcomes that speak against the phase.
    streak: u32,
    next_probe: NextProbe,
    /// Requests the balancer has sent to it and not finished.
    pub(super) in_flight: u32,
    /// Requests the balancer has ever sent to it.
    pub(super) requests: u64,
}

/// A target's own state; whether its group is in use is not the target's to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Registering,
    Initial,
    Healthy,
    Unhealthy(Failure),
    Draining { until: Millis },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum NextProbe {
    At(Millis),
    /// Under way since then. The id keeps the outcome of a former registration from counting for this one.
    UnderWay {
        id: u64,
        since: Millis,
    },
}

/// A probe to make now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe {
    /// Unique in this world; the outcome is only believed with it.
    pub id: u64,
    /// The target group's ARN.
    pub target_group: String,
    /// The target's address.
    pub address: Ipv4Addr,
    /// The port to probe: the target's own for `traffic-port`.
    pub port: u16,
    /// Path and query of the request.
    pub path: String,
    /// When to give up.
    pub timeout_millis: Millis,
}

/// How a probe ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The target answered with this status.
    Status(u16),
    /// The timeout passed.
    TimedOut,
    /// No connection, or an answer that is not HTTP.
    Unreachable,
}

impl Target {
    pub(super) fn new(address: Ipv4Addr, port: u16, now: Millis) -> Self {
        Target {
            address,
            port,
            phase: Phase::Registering,
            streak: 0,
            next_probe: NextProbe::At(now + REGISTRATION_MILLIS),
            in_flight: 0,
            requests: 0,
        }
    }

    /// Back to the state of a fresh registration; the counters stay.
    pub(super) fn restart(&mut self, now: Millis) {
        let Target {
            address: _,
            port: _,
            phase,
            streak,
            next_probe,
            in_flight: _,
            requests: _,
        } = self;
        *phase = Phase::Registering;
        *streak = 0;
        *next_probe = NextProbe::At(now + REGISTRATION_MILLIS);
    }

    pub(super) fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining { .. })
    }

    /// What AWS reports, given whether any listener uses the target group.
    pub(super) fn health(&self, in_use: bool) -> Health {
        match self.phase {
            Phase::Draining { .. } => Health::Draining,
            _ if !in_use => Health::NotInUse,
            Phase::Registering => Health::Registering,
            Phase::Initial => Health::InitialChecking,
            Phase::Healthy => Health::Healthy,
            Phase::Unhealthy(failure) => Health::Unhealthy(failure),
        }
    }

    fn judge(&mut self, verdict: Result<(), Failure>, check: &HealthCheck) {
        let HealthCheck {
            healthy_threshold,
            unhealthy_threshold,
            ..
        } = check;
        let (phase, streak) = match (self.phase, verdict) {
            // One pass admits a new target whatever the threshold: "Each new target must pass one health check to be
            // considered healthy" (elasticloadbalancing/latest/application/target-group-health-checks.html).
            (Phase::Registering | Phase::Initial, Ok(())) => (Phase::Healthy, 0),
            (Phase::Registering | Phase::Initial, Err(failure)) => match self.streak + 1 {
                failures if failures >= *unhealthy_threshold => (Phase::Unhealthy(failure), 0),
                failures => (Phase::Initial, failures),
            },
            (Phase::Healthy, Ok(())) => (Phase::Healthy, 0),
            (Phase::Healthy, Err(failure)) => match self.streak + 1 {
                failures if failures >= *unhealthy_threshold => (Phase::Unhealthy(failure), 0),
                failures => (Phase::Healthy, failures),
            },
            (Phase::Unhealthy(last), Ok(())) => match self.streak + 1 {
                passes if passes >= *healthy_threshold => (Phase::Healthy, 0),
                passes => (Phase::Unhealthy(last), passes),
            },
            (Phase::Unhealthy(_), Err(failure)) => (Phase::Unhealthy(failure), 0),
            (draining @ Phase::Draining { .. }, _) => (draining, 0),
        };
        self.phase = phase;
        self.streak = streak;
    }
}

/// Moves every target to `now`: drained ones leave, probes that are due are returned and count as under way.
///
/// A draining target leaves when the deregistration delay has passed, not when its last request has: "even though
/// target deregistration is complete, the status of the target is displayed as draining until the deregistration delay
/// timeout expires" (elasticloadbalancing/latest/application/edit-target-group-attributes.html).
pub fn step(world: &mut World, now: Millis) -> Vec<Probe> {
    let state = &mut world.elbv2;
    let mut probes = Vec::new();
    for group in &mut state.target_groups {
        let in_use = super::rule::uses(&state.listeners, &state.rules, &group.arn);
        let TargetGroup {
            arn,
            targets,
            health_check,
            ..
        } = group;
        targets.retain(|target| !matches!(target.phase, Phase::Draining { until } if until <= now));
        for target in targets.iter_mut().filter(|target| !target.is_draining()) {
            match target.next_probe {
                _ if !in_use => target.restart(now),
                NextProbe::At(due) if due <= now => {
                    state.probes += 1;
                    target.next_probe = NextProbe::UnderWay {
                        id: state.probes,
                        since: now,
                    };
                    probes.push(Probe {
                        id: state.probes,
                        target_group: arn.clone(),
                        address: target.address,
                        port: health_check.port.unwrap_or(target.port),
                        path: health_check.path.clone(),
                        timeout_millis: Millis::from(health_check.timeout_seconds) * 1_000,
                    });
                }
                NextProbe::At(_) | NextProbe::UnderWay { .. } => {}
            }
        }
    }
    probes
}

/// Takes in how a probe ended. An outcome for a target that has gone, or was registered anew meanwhile, changes nothing.
pub fn probed(world: &mut World, probe: &Probe, outcome: Outcome, now: Millis) {
    let Some(group) = world
        .elbv2
        .target_groups
        .iter_mut()
        .find(|group| group.arn == probe.target_group)
    else {
        return;
    };
    let TargetGroup {
        targets,
        health_check,
        ..
    } = group;
    for target in targets {
        if let NextProbe::UnderWay { id, since } = target.next_probe
            && id == probe.id
        {
            let verdict = match outcome {
                Outcome::Status(status) if health_check.matcher.accepts(status) => Ok(()),
                Outcome::Status(status) => Err(Failure::CodeMismatch(status)),
                Outcome::TimedOut => Err(Failure::Timeout),
                Outcome::Unreachable => Err(Failure::Unreachable),
            };
            target.judge(verdict, health_check);
            target.next_probe =
                NextProbe::At(now.max(since + Millis::from(health_check.interval_seconds) * 1_000));
        }
    }
}
