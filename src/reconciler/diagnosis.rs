//! Evidence → why a rollout fails, and whether waiting can still help.
//!
//! Pure. Names a cause from what AWS says of tasks that stopped or are unhealthy; the sentences that AWS says it with are
//! recognised in this file and nowhere else. A cause that is not recognised is told in AWS's own words, never guessed.
//!
//! Stopping a rollout is the one thing here that could do harm, so [`doomed`] says yes only if no task is healthy *and* every
//! task that might still have become so has failed too. A rollout that is slow, or that loses a task on its way, goes on.

mod cause;

use std::fmt;
use std::sync::LazyLock;

use regex_lite::Regex;
use serde::Serialize;

pub use cause::Cause;

use super::evidence::{Attempt, Evidence};
use super::resource::Resources;

/// A cause, and what makes it known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Diagnosis {
    /// What is wrong.
    #[serde(flatten)]
    pub cause: Cause,
    /// What AWS and the task itself said, a line each.
    pub evidence: Vec<String>,
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Diagnosis { cause, evidence } = self;
        write!(f, "{cause}")?;
        evidence
            .iter()
            .try_for_each(|line| write!(f, "\n      {line}"))
    }
}

/// What most tasks fail of, as far as it shows; of two causes with as many tasks, the later one.
pub fn diagnose(evidence: &Evidence, desired: &Resources) -> Option<Diagnosis> {
    let seen = Seen { evidence, desired };
    let failures = seen.failures();
    let like = |cause: &Cause| failures.iter().filter(|it| it.cause.is_like(cause)).count();
    let most = failures.iter().max_by_key(|it| like(&it.cause));
    let cause = most
        .map(|it| it.cause.clone())
        .or_else(|| seen.by_event())?;
    Some(Diagnosis {
        evidence: seen.told(&cause, &failures),
        cause,
    })
}

/// What stops a rollout, if anything does: a failure that no waiting mends. `patience_seconds` is how long after its start a
/// rollout may be without a single healthy task.
pub fn doomed(
    evidence: &Evidence,
    desired: &Resources,
    patience_seconds: i64,
) -> Option<Diagnosis> {
    if evidence.attempts.iter().any(|attempt| attempt.healthy) {
        return None;
    }
    let diagnosis = diagnose(evidence, desired);
    if let Some(diagnosis) = &diagnosis
        && is_certain(evidence, desired, &diagnosis.cause)
    {
        return Some(diagnosis.clone());
    }
    if evidence.age_seconds <= patience_seconds {
        return None;
    }
    match diagnosis {
        // Nothing but room is missing, and that comes back.
        Some(Diagnosis {
            cause: Cause::NoCapacity { .. },
            ..
        }) => None,
        Some(diagnosis) => Some(diagnosis),
        None => Some(Diagnosis {
            cause: Cause::NeverHealthy {
                seconds: evidence.age_seconds,
            },
            evidence: evidence.events.iter().take(1).cloned().collect(),
        }),
    }
}

/// Whether as many tasks have stopped of a cause as it takes, and no task from before that is still on its way: those that
/// ECS has started since, to replace them, know nothing the first did not know.
fn is_certain(evidence: &Evidence, desired: &Resources, cause: &Cause) -> bool {
    let seen = Seen { evidence, desired };
    let Some(enough) = cause.tasks_to_be_sure() else {
        return false;
    };
    let mut stopped: Vec<i64> = seen
        .failures()
        .iter()
        .filter(|failure| failure.cause.is_like(cause))
        .filter_map(|failure| failure.attempt.stopping)
        .collect();
    stopped.sort_unstable();
    let Some(sure_since) = enough.checked_sub(1).and_then(|last| stopped.get(last)) else {
        return false;
    };
    let on_its_way =
        |attempt: &Attempt| attempt.stopping.is_none() && attempt.created < *sure_since;
    // What one task is enough for, the others' fate does not change.
    enough == 1 || !evidence.attempts.iter().any(on_its_way)
}

struct Seen<'a> {
    evidence: &'a Evidence,
    desired: &'a Resources,
}

/// A task that failed, or is failing, and of what.
struct Failure<'a> {
    attempt: &'a Attempt,
    cause: Cause,
}

/// `User: … is not authorized to perform: ACTION on resource: ARN because …`
fn denied(reason: &str) -> Option<(String, String)> {
    let (_, rest) = reason.split_once("is not authorized to perform: ")?;
    let (action, rest) = rest.split_once(' ')?;
    let resource = rest
        .strip_prefix("on resource: ")
        .and_then(|rest| rest.split_whitespace().next());
    Some((action.to_owned(), resource.unwrap_or("*").to_owned()))
}

/// The most tasks and log lines told as evidence.
const TOLD_MAX: usize = 3;
const LOG_MAX: usize = 5;

impl<'a> Seen<'a> {
    fn failures(&self) -> Vec<Failure<'a>> {
        let evidence = self.evidence;
        let failure = |attempt: &'a Attempt| {
            Some(Failure {
                attempt,
                cause: self.failure(attempt)?,
            })
        };
        evidence.attempts.iter().filter_map(failure).collect()
    }

    /// Tasks that were stopped by a person, by scaling or for AWS's own reasons say nothing of the revision.
    fn failure(&self, attempt: &Attempt) -> Option<Cause> {
        let reason = attempt.reason.as_deref().unwrap_or_default();
        match attempt.code.as_deref() {
            Some("TaskFailedToStart") => Some(self.did_not_start(reason, attempt)),
            Some("EssentialContainerExited") => Some(self.ended(reason, attempt)),
            Some("ServiceSchedulerInitiated") if reason.contains("container health checks") => {
                Some(self.command_fails())
            }
            Some("ServiceSchedulerInitiated") if reason.contains("failed ELB health checks") => {
                Some(self.is_unhealthy(self.why_unhealthy(attempt).unwrap_or(reason)))
            }
            None => attempt
                .unhealthy
                .as_deref()
                .map(|why| self.is_unhealthy(why)),
            Some(_) => None,
        }
    }

    /// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html>
    fn did_not_start(&self, reason: &str, attempt: &Attempt) -> Cause {
        let container = &self.desired.task_definition.container;
        let whole = format!(
            "{reason} {}",
            attempt.container_reason.as_deref().unwrap_or_default()
        );
        let said = |word: &str| whole.contains(word);
        if let Some((action, resource)) = denied(&whole) {
            let secret = ["ssm:", "secretsmanager:", "kms:"];
            return match secret.iter().any(|service| action.starts_with(service)) {
                true => Cause::SecretForbidden { action, resource },
                false => Cause::RoleLacksRight { action, resource },
            };
        }
        let said_whole = || reason.to_owned();
        if said("matching platform") || said("exec format error") {
            self.wrong_platform()
        } else if said("CannotPull") {
            match said("not found") || said("manifest unknown") || said("does not exist") {
                true => Cause::ImageMissing {
                    image: container.image.clone(),
                },
                false => Cause::ImageUnpullable { said: said_whole() },
            }
        } else if said("invalid ssm parameters")
            || said("ParameterNotFound")
            || (said("secret from asm") && said("ResourceNotFoundException"))
        {
            Cause::SecretMissing { said: said_whole() }
        } else if said("OutOfMemory") {
            self.out_of_memory()
        } else if said("Capacity is unavailable") || said("RESOURCE:") {
            Cause::NoCapacity { said: said_whole() }
        } else if said("ContainerRuntimeTimeout") {
            Cause::HangsAtStart { said: said_whole() }
        } else {
            Cause::DoesNotStart { said: said_whole() }
        }
    }

    fn ended(&self, reason: &str, attempt: &Attempt) -> Cause {
        let out_of_memory = |text: &str| text.contains("OutOfMemory");
        let container = attempt.container_reason.as_deref().unwrap_or_default();
        if out_of_memory(reason) || out_of_memory(container) {
            return self.out_of_memory();
        }
        // What the shell or the kernel says of a program for another processor.
        let mut log = self.evidence.log.iter();
        if log.any(|line| line.contains("exec format error")) {
            return self.wrong_platform();
        }
        Cause::CrashLoop {
            exit_code: attempt.exit_code,
        }
    }

    fn wrong_platform(&self) -> Cause {
        let architecture = match self.desired.task_definition.architecture.as_str() {
            "ARM64" => "linux/arm64",
            _ => "linux/amd64",
        };
        Cause::WrongPlatform {
            wanted: architecture.to_owned(),
        }
    }

    fn out_of_memory(&self) -> Cause {
        Cause::OutOfMemory {
            memory_mib: self.desired.task_definition.memory,
        }
    }

    fn command_fails(&self) -> Cause {
        let command = &self.desired.task_definition.container.health_command;
        Cause::HealthCommandFails {
            command: command.join(" "),
        }
    }

    /// The load balancer's words, which a service event keeps once the target is gone. Newer events name the task, older ones
    /// only the port (aws/copilot-cli#3772).
    fn why_unhealthy(&self, attempt: &'a Attempt) -> Option<&'a str> {
        let evidence = self.evidence;
        let why = |event: &'a String| {
            let (_, why) = event.split_once("due to (reason ")?;
            Some(why.trim_end_matches('.').trim_end_matches(')'))
        };
        let of_it = |event: &&String| event.contains(&attempt.id);
        let events = || evidence.events.iter();
        attempt
            .unhealthy
            .as_deref()
            .or_else(|| events().filter(of_it).find_map(why))
            .or_else(|| events().find_map(why))
    }

    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html>, reason codes.
    fn is_unhealthy(&self, why: &str) -> Cause {
        let check = &self.desired.target_group.health_check;
        let path = check.path.clone();
        let statuses = why
            .split_once("codes: [")
            .and_then(|(_, rest)| rest.split(']').next());
        match statuses {
            Some("404") => Cause::HealthPathMissing { path },
            Some(statuses) => Cause::HealthRefused {
                path,
                statuses: statuses.to_owned(),
            },
            None if why.contains("timed out") => Cause::HealthTimesOut {
                path,
                timeout_seconds: check.timeout_seconds,
            },
            None => Cause::PortMismatch {
                port: self.desired.task_definition.container.port,
                listens: self.listens_elsewhere(),
            },
        }
    }

    /// A port that the program says it listens on, where that is another one than the load balancer asks.
    fn listens_elsewhere(&self) -> Option<i32> {
        static LISTENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
            Regex::new(r"(?i)listen(?:ing|s)?\b[^0-9]*(?:[0-9.]+:)?([0-9]{2,5})\b").ok()
        });
        let listens = LISTENS.as_ref()?;
        let wanted = self.desired.task_definition.container.port;
        let ports = self.evidence.log.iter().filter_map(|line| {
            let port = listens.captures(line)?.get(1)?;
            port.as_str().parse::<i32>().ok()
        });
        ports.into_iter().find(|port| *port != wanted)
    }

    /// What only ECS's events tell.
    fn by_event(&self) -> Option<Cause> {
        let event = |words: &[&str]| {
            let mut events = self.evidence.events.iter();
            events
                .find(|event| words.iter().any(|word| event.contains(word)))
                .cloned()
        };
        event(&[
            "Capacity is unavailable",
            "RESOURCE:",
            "no available addresses",
            "insufficient free addresses",
        ])
        .map(|said| Cause::NoCapacity { said })
        .or_else(|| event(&["alarm detected"]).map(|said| Cause::Alarm { said }))
    }

    /// The evidence for a cause, as a person reads it.
    fn told(&self, cause: &Cause, failures: &[Failure<'_>]) -> Vec<String> {
        let like: Vec<&Failure<'_>> = failures
            .iter()
            .filter(|failure| failure.cause.is_like(cause))
            .collect();
        let mut lines: Vec<String> = like
            .iter()
            .take(TOLD_MAX)
            .map(|failure| self.task(failure.attempt))
            .collect();
        if let Some(more) = like.len().checked_sub(TOLD_MAX + 1) {
            lines.push(format!("and {} more tasks", more + 1));
        }
        let log = &self.evidence.log;
        let tail = log.iter().skip(log.len().saturating_sub(LOG_MAX));
        lines.extend(tail.map(|line| format!("log: {line}")));
        let unread = self.evidence.unread.iter();
        lines.extend(unread.map(|what| format!("not read: {what}")));
        lines
    }

    fn task(&self, attempt: &'a Attempt) -> String {
        let Attempt {
            id,
            created,
            started,
            stopping,
            healthy: _,
            code,
            reason,
            exit_code,
            container_reason,
            unhealthy: _,
        } = attempt;
        let by_health = match code.as_deref() {
            None => true,
            Some(_) => reason
                .as_ref()
                .is_some_and(|reason| reason.contains("ELB health checks")),
        };
        let short = id.get(..8).unwrap_or(id);
        let mut line = format!("task {short}");
        match (started, stopping) {
            (Some(from), Some(to)) => line += &format!(" ran {} s", to - from),
            (None, Some(to)) => line += &format!(" did not start in {} s", to - created),
            (_, None) => {}
        }
        // Of a task that was told to end, the exit code says nothing.
        let by_itself = code.as_deref() == Some("EssentialContainerExited");
        let exit = exit_code.filter(|_| by_itself);
        let exit = exit.map(|code| format!("exit code {code}"));
        let why = by_health.then(|| self.why_unhealthy(attempt)).flatten();
        let said: Vec<&str> = reason
            .iter()
            .chain(container_reason)
            .map(String::as_str)
            .chain(exit.as_deref())
            .chain(why)
            .collect();
        match said.is_empty() {
            true => line,
            false => format!("{line}: {}", said.join("; ")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
