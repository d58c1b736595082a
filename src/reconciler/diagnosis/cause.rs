//! The causes a rollout fails of, by name, each with what a person needs to mend it.

use std::fmt;
use std::mem::discriminant;

use serde::Serialize;

/// Why tasks of a revision do not become healthy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "cause",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Cause {
    /// The registry has no such image.
    ImageMissing {
        /// As the task definition names it.
        image: String,
    },
    /// The image cannot be fetched for another reason.
    ImageUnpullable {
        /// In AWS's words.
        said: String,
    },
    /// The image is for another processor.
    WrongPlatform {
        /// The one it should be for.
        wanted: String,
    },
    /// A parameter or secret that the container is to get is not there.
    SecretMissing {
        /// In AWS's words, which name it.
        said: String,
    },
    /// The execution role may not read a secret.
    SecretForbidden {
        /// `ssm:GetParameters` …
        action: String,
        /// ARN.
        resource: String,
    },
    /// The execution role lacks another right that starting a task takes.
    RoleLacksRight {
        /// Such as `logs:CreateLogStream`.
        action: String,
        /// ARN.
        resource: String,
    },
    /// AWS has no room for a task.
    NoCapacity {
        /// In AWS's words.
        said: String,
    },
    /// The container was never reported to run.
    HangsAtStart {
        /// In AWS's words.
        said: String,
    },
    /// The task did not start for another reason.
    DoesNotStart {
        /// In AWS's words.
        said: String,
    },
    /// The container was killed for its memory.
    OutOfMemory {
        /// What the task has.
        memory_mib: u32,
    },
    /// The program ends by itself.
    CrashLoop {
        /// 128 and the signal's number where a signal ended it.
        exit_code: Option<i32>,
    },
    /// Nothing listens where the load balancer asks.
    PortMismatch {
        /// Where it asks.
        port: i32,
        /// Where the program says that it listens.
        listens: Option<i32>,
    },
    /// The health path is not there.
    HealthPathMissing {
        /// What is asked for.
        path: String,
    },
    /// The health path answers, and not what it should.
    HealthRefused {
        /// What is asked for.
        path: String,
        /// What it answers.
        statuses: String,
    },
    /// The health path answers too late or never.
    HealthTimesOut {
        /// What is asked for.
        path: String,
        /// What an answer may take.
        timeout_seconds: i32,
    },
    /// The health command in the container fails.
    HealthCommandFails {
        /// The command.
        command: String,
    },
    /// An alarm that guards rollouts went off.
    Alarm {
        /// In ECS's words.
        said: String,
    },
    /// No task became healthy, and nothing says why.
    NeverHealthy {
        /// How long that was waited for.
        seconds: i64,
    },
}

impl Cause {
    /// In two or three words.
    pub fn name(&self) -> &'static str {
        match self {
            Cause::ImageMissing { .. } => "image missing",
            Cause::ImageUnpullable { .. } => "image cannot be pulled",
            Cause::WrongPlatform { .. } => "wrong platform",
            Cause::SecretMissing { .. } => "secret missing",
            Cause::SecretForbidden { .. } => "no right to read a secret",
            Cause::RoleLacksRight { .. } => "execution role lacks a right",
            Cause::NoCapacity { .. } => "no capacity",
            Cause::HangsAtStart { .. } => "hangs at start",
            Cause::DoesNotStart { .. } => "does not start",
            Cause::OutOfMemory { .. } => "out of memory",
            Cause::CrashLoop { .. } => "crash loop",
            Cause::PortMismatch { .. } => "port mismatch",
            Cause::HealthPathMissing { .. } => "health path 404",
            Cause::HealthRefused { .. } => "health check refused",
            Cause::HealthTimesOut { .. } => "health check times out",
            Cause::HealthCommandFails { .. } => "health command fails",
            Cause::Alarm { .. } => "alarm",
            Cause::NeverHealthy { .. } => "never healthy",
        }
    }

    /// How many tasks have to fail of it until the next one is known to fail too: one, where the same question gets the same answer
    /// until a person changes something; two, where another task may fare better, as a right that was just granted takes seconds
    /// to be known and a server that did not answer may answer again. None where waiting is what helps.
    pub fn tasks_to_be_sure(&self) -> Option<usize> {
        match self {
            Cause::ImageMissing { .. }
            | Cause::WrongPlatform { .. }
            | Cause::SecretMissing { .. } => Some(1),
            Cause::ImageUnpullable { .. }
            | Cause::SecretForbidden { .. }
            | Cause::RoleLacksRight { .. }
            | Cause::HangsAtStart { .. }
            | Cause::DoesNotStart { .. }
            | Cause::OutOfMemory { .. }
            | Cause::CrashLoop { .. }
            | Cause::PortMismatch { .. }
            | Cause::HealthPathMissing { .. }
            | Cause::HealthRefused { .. }
            | Cause::HealthTimesOut { .. }
            | Cause::HealthCommandFails { .. } => Some(2),
            // ECS acts on alarms itself, at once.
            Cause::NoCapacity { .. } | Cause::Alarm { .. } | Cause::NeverHealthy { .. } => None,
        }
    }

    /// Whether two tasks failed the same way, whatever their exit codes and AWS's words.
    pub fn is_like(&self, other: &Cause) -> bool {
        discriminant(self) == discriminant(other)
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Cause::ImageMissing { image } => {
                write!(f, "the registry has no {image}; push it, or name another")
            }
            Cause::WrongPlatform { wanted } => write!(
                f,
                "the image is not for {wanted}: build it with --platform {wanted}"
            ),
            Cause::ImageUnpullable { said }
            | Cause::SecretMissing { said }
            | Cause::NoCapacity { said }
            | Cause::HangsAtStart { said }
            | Cause::DoesNotStart { said }
            | Cause::Alarm { said } => f.write_str(said),
            Cause::SecretForbidden { action, resource }
            | Cause::RoleLacksRight { action, resource } => {
                write!(f, "the execution role may not {action} on {resource}")
            }
            Cause::OutOfMemory { memory_mib } => write!(
                f,
                "the container was killed at {memory_mib} MiB: give the task more memory, or find what takes it"
            ),
            Cause::CrashLoop {
                exit_code: Some(code),
            } => write!(f, "the program ends by itself with exit code {code}"),
            Cause::CrashLoop { exit_code: None } => f.write_str("the program ends by itself"),
            Cause::PortMismatch {
                port,
                listens: Some(listens),
            } => write!(
                f,
                "the load balancer asks on port {port}, and the program says that it listens on {listens}"
            ),
            Cause::PortMismatch {
                port,
                listens: None,
            } => {
                write!(
                    f,
                    "nothing listens on port {port}, where the load balancer asks"
                )
            }
            Cause::HealthPathMissing { path } => {
                write!(f, "{path} answers 404: the program has no such path")
            }
            Cause::HealthRefused { path, statuses } => write!(f, "{path} answers {statuses}"),
            Cause::HealthTimesOut {
                path,
                timeout_seconds,
            } => {
                write!(f, "{path} gives no answer within {timeout_seconds} s")
            }
            Cause::HealthCommandFails { command } => write!(f, "in the container, {command} fails"),
            Cause::NeverHealthy { seconds } => write!(
                f,
                "no task became healthy in {seconds} s, and nothing says why"
            ),
        }
    }
}
