//! Lifecycle hooks of a stage: functions that are called until they have an answer, pauses that wait for somebody's.
//!
//! Takes the service's hooks, scripted answers and the time; gives what the stage is to do. No function runs here: its
//! answers come from the script ([`Answers`]), and without one it answers SUCCEEDED.

use std::collections::{BTreeMap, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json};

use super::super::service::{Action, Hook, TargetType};
use crate::simulator::call::{Millis, timestamp};
use crate::simulator::iam;
use crate::simulator::world::World;

/// How soon a function that answered IN_PROGRESS is called again ("By default this is a 30 second interval",
/// deployment-lifecycle-hooks.html).
const AGAIN_MILLIS: Millis = 30_000;

/// What a function answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(in super::super) enum HookAnswer {
    Succeeded,
    Failed,
    InProgress,
}

/// The answers to come, by the function's ARN.
pub(in super::super) type Answers = BTreeMap<String, VecDeque<HookAnswer>>;

/// One hook that a stage has started.
#[derive(Debug, Clone)]
pub(in super::super) struct Run {
    pub(in super::super) id: String,
    hook: Hook,
    pub(in super::super) status: Status,
    expires: Millis,
    call_at: Millis,
}

/// `status` of a hook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Status {
    AwaitingAction,
    InProgress,
    Succeeded,
    Failed,
    TimedOut,
}

/// What all hooks of a stage together come to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    Waiting,
    Done,
    Failed(String),
}

/// The hooks that are for a stage, started.
pub(super) fn start(world: &mut World, hooks: &[Hook], stage: &str, now: Millis) -> Vec<Run> {
    let own = hooks.iter().filter(|hook| hook.is_at(stage));
    own.map(|hook| {
        let (kind, status) = match hook.target_type {
            TargetType::AwsLambda => ("lambda", Status::InProgress),
            TargetType::Pause => ("pause", Status::AwaitingAction),
        };
        Run {
            // The shape of a pause's id: pause-lifecycle-hooks.html.
            id: format!("ecs-{kind}-{}", world.letters(43)),
            hook: hook.clone(),
            status,
            expires: now + hook.timeout().0,
            call_at: now,
        }
    })
    .collect()
}

/// Calls what is due, and says whether the stage may go on.
pub(super) fn advance(
    world: &World,
    answers: &mut Answers,
    runs: &mut [Run],
    stage: &str,
    now: Millis,
) -> Outcome {
    let failed = |why: String| {
        // troubleshooting-blue-green.html
        Outcome::Failed(format!(
            "Service deployment rolled back because {stage} lifecycle hook(s) failed. {why}"
        ))
    };
    for run in runs.iter_mut() {
        if run.status == Status::InProgress && run.call_at <= now {
            let role = run.hook.role_arn.as_deref().unwrap_or_default();
            if !iam::trusts(world, role, "ecs.amazonaws.com") {
                run.status = Status::Failed;
                return failed(format!("ECS was unable to assume role {role}"));
            }
            run.call(answers, now);
        }
        let open = matches!(run.status, Status::InProgress | Status::AwaitingAction);
        if open && run.expires <= now {
            run.status = Status::TimedOut;
        }
        let target = run.hook.hook_target_arn.as_deref().unwrap_or_default();
        match (run.status, run.hook.target_type) {
            (Status::Failed, TargetType::AwsLambda) => {
                return failed(format!(
                    "Lifecycle hook target {target} returned FAILED status."
                ));
            }
            // AWS's words for a pause that was answered ROLLBACK, and for a hook that timed out, were not found.
            (Status::Failed, TargetType::Pause) => {
                return failed(format!("Lifecycle hook {} was rolled back.", run.id));
            }
            (Status::TimedOut, _) if run.hook.timeout().1 == Action::Rollback => {
                return failed(format!("Lifecycle hook {} timed out.", run.id));
            }
            _ => {}
        }
    }
    let open = |run: &Run| matches!(run.status, Status::InProgress | Status::AwaitingAction);
    match runs.iter().any(open) {
        true => Outcome::Waiting,
        false => Outcome::Done,
    }
}

impl Run {
    fn call(&mut self, answers: &mut Answers, now: Millis) {
        let target = self.hook.hook_target_arn.as_deref().unwrap_or_default();
        let answer = answers.get_mut(target).and_then(VecDeque::pop_front);
        match answer.unwrap_or(HookAnswer::Succeeded) {
            HookAnswer::Succeeded => self.status = Status::Succeeded,
            HookAnswer::Failed => self.status = Status::Failed,
            HookAnswer::InProgress => self.call_at = now + AGAIN_MILLIS,
        }
    }

    /// One entry of `lifecycleHookDetails`.
    pub(in super::super) fn to_value(&self) -> Value {
        let Run {
            id,
            hook,
            status,
            expires,
            call_at: _,
        } = self;
        let status = match status {
            Status::AwaitingAction => "AWAITING_ACTION",
            Status::InProgress => "IN_PROGRESS",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
            Status::TimedOut => "TIMED_OUT",
        };
        let mut value = json!({
            "hookId": id,
            "targetType": hook.target_type.as_str(),
            "status": status,
            "expiresAt": timestamp(*expires),
            "timeoutAction": hook.timeout().1.as_str(),
        });
        if let Some(arn) = &hook.hook_target_arn {
            value["targetArn"] = json!(arn);
        }
        value
    }
}
