//! What a manifest may say and seldom should: warnings, each with its place, its reason and its fix.
//!
//! Takes a manifest and what was believed of it, gives warnings; refuses nothing. One that is meant is allowed in the manifest by its code
//! and a reason: `allow: {fixed-size: a test needs exactly two}`. Never repeats a value that may be a secret.

use std::fmt;

use serde::Serialize;

use super::manifest::{Manifest, Place};
use super::secretive::{Clue, clue};
use super::spec::{Notifications, Reference, Spec};

/// One warning.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Warning {
    /// What to allow it by.
    pub code: &'static str,
    /// The file as it was named.
    pub file: String,
    /// Where.
    #[serde(flatten)]
    pub place: Place,
    /// The field, such as `spec.scaling.max`.
    pub field: String,
    /// What stands there, and why that is seldom right.
    pub what: String,
    /// What to write instead.
    pub fix: String,
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning {
            code,
            file,
            place: Place { line, column },
            field,
            what,
            fix,
        } = self;
        write!(
            f,
            "{file}:{line}:{column}: warning: {field} {what} [{code}]\n    fix: {fix}"
        )
    }
}

/// Every code there is.
pub const CODES: [&str; 11] = [
    DRAIN_CUT_SHORT,
    FIXED_SIZE,
    HEALTH_SLOWER_THAN_ROLLOUT,
    IMAGE_BY_TAG,
    NOBODY_IS_TOLD,
    ONE_TASK,
    PUBLIC_ADDRESS,
    READINESS_AS_HEALTH,
    SECRET_BY_NAME,
    SECRET_BY_SHAPE,
    UNUSED_ALLOW,
];
const DRAIN_CUT_SHORT: &str = "drain-cut-short";
const FIXED_SIZE: &str = "fixed-size";
const HEALTH_SLOWER_THAN_ROLLOUT: &str = "health-slower-than-rollout";
const IMAGE_BY_TAG: &str = "image-by-tag";
const NOBODY_IS_TOLD: &str = "nobody-is-told";
const ONE_TASK: &str = "one-task";
const PUBLIC_ADDRESS: &str = "public-address";
const READINESS_AS_HEALTH: &str = "readiness-as-health";
const SECRET_BY_NAME: &str = "secret-by-name";
const SECRET_BY_SHAPE: &str = "secret-by-shape";
const UNUSED_ALLOW: &str = "unused-allow";

/// How long `reconcile` waits unless told otherwise, in seconds.
pub const ROLLOUT_DEADLINE_SECONDS: u32 = 900;

/// All warnings the manifest does not allow, in the order of its lines.
pub fn lint(manifest: &Manifest, spec: &Spec) -> Vec<Warning> {
    let mut found = findings(spec);
    let unused: Vec<Finding> = spec
        .allow
        .keys()
        .filter(|code| !found.iter().any(|finding| finding.code == code.as_str()))
        .map(|code| {
            finding(
                UNUSED_ALLOW,
                &format!("allow.{code}"),
                "allows what nothing here does",
                "remove it, so that it hides nothing later",
            )
        })
        .collect();
    found.retain(|finding| !spec.allow.contains_key(finding.code));
    found.extend(unused);
    let place = |Finding {
                     code,
                     field,
                     what,
                     fix,
                 }| {
        let (file, place) = manifest.origin(&field);
        Warning {
            code,
            file: file.to_owned(),
            place,
            field,
            what,
            fix,
        }
    };
    let mut warnings: Vec<Warning> = found.into_iter().map(place).collect();
    warnings.sort_by(|a, b| (&a.file, a.place, a.code).cmp(&(&b.file, b.place, b.code)));
    warnings
}

/// A warning that has no place yet.
struct Finding {
    code: &'static str,
    field: String,
    what: String,
    fix: String,
}

fn finding(
    code: &'static str,
    field: &str,
    what: impl Into<String>,
    fix: impl Into<String>,
) -> Finding {
    Finding {
        code,
        field: field.to_owned(),
        what: what.into(),
        fix: fix.into(),
    }
}

fn findings(spec: &Spec) -> Vec<Finding> {
    let environment = spec.task.environment.iter();
    let mut found: Vec<Finding> = environment
        .filter_map(|(name, value)| secret(name, value))
        .collect();
    if let Reference::Tag(tag) = &spec.image.reference {
        found.push(finding(
            IMAGE_BY_TAG,
            "spec.image",
            format!("names the tag {tag}, which may be moved: two tasks of one revision could then run different code"),
            "name the digest (--set image.digest=sha256:…), or allow this where the repository's tags cannot be changed",
        ));
    }
    if spec.network.public_address {
        found.push(finding(
            PUBLIC_ADDRESS,
            "spec.network.publicAddress",
            "gives every task an address that the whole internet may try",
            "use private subnets with a NAT gateway or VPC endpoints, and leave this out",
        ));
    }
    if let Notifications::Own { subscriptions, .. } = &spec.notifications
        && subscriptions.is_empty()
    {
        found.push(finding(
            NOBODY_IS_TOLD,
            "spec.notifications.subscriptions",
            "is empty, so no alarm reaches anybody",
            "name who is to hear of alarms, such as `email: alerts@hokus.ai`",
        ));
    }
    health(spec, &mut found);
    let (min, max) = (spec.scaling.min, spec.scaling.max);
    if min == max {
        found.push(finding(
            FIXED_SIZE,
            "spec.scaling.max",
            format!("is min too, so {min} tasks stay {min} whatever the load"),
            "raise max",
        ));
    }
    if min == 1 {
        found.push(finding(
            ONE_TASK,
            "spec.scaling.min",
            "leaves one task, and each time it dies nobody answers until another is up",
            "write 2 or more",
        ));
    }
    found
}

fn health(spec: &Spec, found: &mut Vec<Finding>) {
    let path = &spec.health.path;
    if path.contains("ready") || path.contains("detailed") {
        found.push(finding(
            READINESS_AS_HEALTH,
            "spec.health.path",
            format!(
                "is {path}, which fails with what the service depends on: when Redis or the chain is away, every task is killed \
                 and started again, which mends neither"
            ),
            "ask for what only the process itself can fail, such as /health",
        ));
    }
    let drain = spec.load_balancer.deregistration_delay_seconds;
    let stop = spec.task.stop_timeout_seconds;
    if drain > stop {
        found.push(finding(
            DRAIN_CUT_SHORT,
            "spec.loadBalancer.deregistrationDelaySeconds",
            format!(
                "is {drain}, but a task that is told to stop is killed after {stop} seconds: requests the load balancer still waits \
                 for are cut off"
            ),
            format!("write at most {stop}, or raise spec.task.stopTimeoutSeconds"),
        ));
    }
    // A new task must pass twice, and the one it replaces must be gone.
    let turn = spec.health.interval_seconds * 2 + drain + stop;
    let (field, seconds) = if spec.health.grace_period_seconds >= ROLLOUT_DEADLINE_SECONDS {
        (
            "spec.health.gracePeriodSeconds",
            spec.health.grace_period_seconds,
        )
    } else {
        ("spec.health.intervalSeconds", turn)
    };
    if seconds >= ROLLOUT_DEADLINE_SECONDS {
        found.push(finding(
            HEALTH_SLOWER_THAN_ROLLOUT,
            field,
            format!(
                "lets {seconds} seconds pass before one task is known to be good and its predecessor gone, and `reconcile` waits \
                 {ROLLOUT_DEADLINE_SECONDS}"
            ),
            "probe more often and drain for less, or give --timeout a longer time and allow this",
        ));
    }
}

/// What gives a plain setting away as a secret. Its value is not in the warning.
fn secret(name: &str, value: &str) -> Option<Finding> {
    let field = format!("spec.task.environment.{name}");
    let fix = "put the value into an SSM parameter, name that under spec.task.secrets, and take a new value: this one is in git";
    let who = "whoever reads the repository or the task definition has it";
    let (code, what) = match clue(name, value)? {
        Clue::Shape(shape) => (SECRET_BY_SHAPE, format!("looks like {shape}: {who}")),
        Clue::Name(word) => (SECRET_BY_NAME, format!("is named a secret ({word}): {who}")),
    };
    Some(finding(code, &field, what, fix))
}
