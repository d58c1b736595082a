//! What AWS says, and the cause it is taken for; what is enough to be sure, and what is not.

use super::{Cause, diagnose, doomed};
use crate::reconciler::desired::desired;
use crate::reconciler::evidence::{Attempt, Evidence};
use crate::reconciler::manifest::Manifest;
use crate::reconciler::resource::Resources;
use crate::reconciler::spec::Spec;

const PATIENCE: i64 = 600;

fn wanted() -> Resources {
    let text = include_str!("../../../manifests/development.yaml");
    let manifest = Manifest::parse("development.yaml", text);
    desired(&Spec::believe(&manifest.unwrap()).unwrap())
}

fn seen(attempts: Vec<Attempt>) -> Evidence {
    Evidence {
        deployment: "arn:deployment".to_owned(),
        revision: "arn:revision".to_owned(),
        age_seconds: 60,
        attempts,
        events: Vec::new(),
        log: Vec::new(),
        unread: Vec::new(),
    }
}

fn stopped(id: &str, (created, stopping): (i64, i64), code: &str, reason: &str) -> Attempt {
    Attempt {
        id: id.to_owned(),
        created,
        started: Some(created),
        stopping: Some(stopping),
        code: Some(code.to_owned()),
        reason: Some(reason.to_owned()),
        ..Attempt::default()
    }
}

fn alive(created: i64) -> Attempt {
    Attempt {
        id: "alive".to_owned(),
        created,
        ..Attempt::default()
    }
}

fn crashed(span: (i64, i64)) -> Attempt {
    let reason = "Essential container in task exited";
    stopped("crashed", span, "EssentialContainerExited", reason)
}

/// AWS's sentences from stopped-task-error-codes.html and from issues of other tools that quote them.
#[test]
fn each_sentence_of_awss_has_its_cause() {
    let start = "TaskFailedToStart";
    for (code, reason, name) in [
        (
            start,
            "CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref x: not found",
            "image missing",
        ),
        (
            start,
            "CannotPullContainerError: image Manifest does not contain descriptor matching platform 'linux/amd64'",
            "wrong platform",
        ),
        (
            start,
            "CannotPullContainerError: dial tcp: i/o timeout",
            "image cannot be pulled",
        ),
        (
            start,
            "ResourceInitializationError: unable to pull secrets or registry auth: invalid ssm parameters: /a/b",
            "secret missing",
        ),
        (
            start,
            "ResourceInitializationError: unable to retrieve secret from asm: ResourceNotFoundException: Secrets Manager can't find it",
            "secret missing",
        ),
        (
            start,
            "ResourceInitializationError: AccessDeniedException: User: arn:x is not authorized to perform: ssm:GetParameters on resource: arn:y because",
            "no right to read a secret",
        ),
        (
            start,
            "ResourceInitializationError: AccessDeniedException: User: arn:x is not authorized to perform: kms:Decrypt on resource: arn:y because",
            "no right to read a secret",
        ),
        (
            start,
            "ResourceInitializationError: AccessDeniedException: User: arn:x is not authorized to perform: logs:CreateLogStream on resource: arn:y because",
            "execution role lacks a right",
        ),
        (
            start,
            "Capacity is unavailable at this time. Please try again later or in a different availability zone",
            "no capacity",
        ),
        (
            start,
            "ContainerRuntimeTimeoutError: Could not transition to running; timed out after waiting 1m",
            "hangs at start",
        ),
        (
            start,
            "Unexpected EC2 error while attempting to Create Network Interface",
            "does not start",
        ),
        (
            "EssentialContainerExited",
            "OutOfMemoryError: container killed due to memory usage",
            "out of memory",
        ),
        (
            "EssentialContainerExited",
            "Essential container in task exited",
            "crash loop",
        ),
        (
            "ServiceSchedulerInitiated",
            "Task failed container health checks",
            "health command fails",
        ),
    ] {
        let evidence = seen(vec![stopped("a", (0, 9), code, reason)]);
        let found = diagnose(&evidence, &wanted()).map(|diagnosis| diagnosis.cause.name());
        assert_eq!(found, Some(name), "{reason}");
    }
}

#[test]
fn what_the_load_balancer_says_is_kept_by_an_event() {
    let reason = "Task failed ELB health checks in (target-group arn:tg)";
    for (why, name) in [
        (
            "Health checks failed with these codes: [404]",
            "health path 404",
        ),
        (
            "Health checks failed with these codes: [503]",
            "health check refused",
        ),
        ("Request timed out", "health check times out"),
        ("Health checks failed", "port mismatch"),
    ] {
        let mut evidence = seen(vec![stopped(
            "a",
            (0, 9),
            "ServiceSchedulerInitiated",
            reason,
        )]);
        // As aws/copilot-cli#3772 quotes it, without a task's id.
        evidence.events = vec![format!(
            "(port 3001) is unhealthy in (target-group arn:tg) due to (reason {why})."
        )];
        let found = diagnose(&evidence, &wanted()).map(|diagnosis| diagnosis.cause.name());
        assert_eq!(found, Some(name));
    }
}

#[test]
fn a_port_in_the_log_tells_the_mismatch() {
    let unhealthy = Some("Health checks failed".to_owned());
    let mut evidence = seen(vec![Attempt {
        unhealthy,
        ..alive(0)
    }]);
    evidence.log = vec![r#"{"message":"listening","address":"0.0.0.0:8002"}"#.to_owned()];
    let cause = diagnose(&evidence, &wanted()).map(|diagnosis| diagnosis.cause);
    assert_eq!(
        cause,
        Some(Cause::PortMismatch {
            port: 3001,
            listens: Some(8002)
        })
    );
}

fn is_doomed(evidence: &Evidence) -> bool {
    doomed(evidence, &wanted(), PATIENCE).is_some()
}

#[test]
fn a_rollout_is_stopped_only_when_none_of_its_first_tasks_is_left() {
    let both = vec![crashed((0, 5)), crashed((0, 6))];
    assert!(is_doomed(&seen(both.clone())));
    assert!(
        !is_doomed(&seen(vec![crashed((0, 5))])),
        "one may be bad luck"
    );
    let with = |more| seen([both.clone(), vec![more]].concat());
    assert!(
        !is_doomed(&with(alive(0))),
        "one from the start is on its way"
    );
    assert!(is_doomed(&with(alive(9))), "a replacement is no news");
    let healthy = Attempt {
        healthy: true,
        ..alive(9)
    };
    assert!(!is_doomed(&with(healthy)), "one is healthy");
}

#[test]
fn stops_that_say_nothing_of_the_image_are_no_failures() {
    for (code, reason) in [
        ("UserInitiated", "Task stopped by user"),
        (
            "ServiceSchedulerInitiated",
            "Scaling activity initiated by (deployment ecs-svc/1)",
        ),
        ("SpotInterruption", "Your Spot Task was interrupted."),
    ] {
        let evidence = seen(vec![
            stopped("a", (0, 5), code, reason),
            stopped("b", (0, 5), code, reason),
        ]);
        assert_eq!(diagnose(&evidence, &wanted()), None, "{reason}");
        assert!(!is_doomed(&evidence), "{reason}");
    }
}

#[test]
fn time_alone_stops_only_what_never_had_a_healthy_task_and_does_not_lack_room() {
    let late = |attempts| Evidence {
        age_seconds: PATIENCE + 1,
        ..seen(attempts)
    };
    assert!(is_doomed(&late(vec![alive(0)])));
    let healthy = Attempt {
        healthy: true,
        ..alive(0)
    };
    assert!(!is_doomed(&late(vec![healthy])));
    let room = "Capacity is unavailable at this time.";
    assert!(!is_doomed(&late(vec![stopped(
        "a",
        (0, 5),
        "TaskFailedToStart",
        room
    )])));
}
