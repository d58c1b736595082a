//! (desired, observed) → Plan: what to do now, what waits and for what, and what only a person can clear.
//!
//! Pure. A step is one AWS call whose every argument is known; what depends on something not yet *observed* is waiting,
//! and the next pass plans it. The order is: create and widen, then the one ECS call, then narrow and delete.
//! Nothing is planned against what does not carry the unit's owner tag.

use std::collections::BTreeSet;

use serde::{Serialize, Serializer};

use super::diagnosis::Diagnosis;
use super::graph::{self, Finding, Remedy};
use super::leave::{is_left, leave};
use super::observed::{Found, Observed};
use super::resource::Resources;
use super::spec::Spec;
use super::versions::versioned;

mod alarms;
mod call;
mod destroy;
pub mod diff;
mod display;
mod forecast;
mod impact;
mod notifications;
pub mod patience;
mod prune;
mod report;
mod scaling;
mod shifting;
mod subject;
mod supports;
mod traffic;
mod untouched;
mod workload;

pub use alarms::metric_name;
pub use call::{Call, ServiceCall, ShiftingCall};
pub use destroy::{destroy, kept};
pub use forecast::forecast;
pub use impact::{Impact, Manner, Risk, Takes};
pub use report::{Asked, Report, Shown, ShownChange, Wave, field, report};
pub use scaling::requests_of;
pub use subject::{Kind, Subject};
use traffic::moving_from;
pub use traffic::{our_rule, production_rule, test_rule};
pub use untouched::{Untouched, weights};

use diff::Change;

/// One decision about a whole unit.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// The unit's name.
    pub unit: String,
    /// What can be done now, in order; each is independent of the others.
    pub steps: Vec<Step>,
    /// What will be possible or true later by itself.
    pub waiting: Vec<Waiting>,
    /// What will not.
    pub blocked: Vec<Blocked>,
    /// What is as wanted and still worth a word.
    pub notes: Vec<Note>,
    /// Why the newest rollout fails, as far as it shows; nothing is known of one that does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnosis: Option<Diagnosis>,
}

/// One AWS call and what it changes.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// What it is about.
    pub subject: Subject,
    /// The call, with every argument; written out as its operation only, since an argument may be a setting.
    #[serde(serialize_with = "operation")]
    pub call: Call,
    /// Fields that differ; empty where the whole resource is made or deleted.
    pub changes: Vec<Change>,
}

fn operation<S: Serializer>(call: &Call, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(call.operation())
}

/// Something that is no difference, and that somebody should know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Note {
    /// What a tag stands for today: the image a rollout would pull.
    Tag {
        /// The image as the manifest names it.
        subject: Subject,
        /// `sha256:…`
        digest: String,
        /// As stored, compressed.
        size_bytes: u64,
        /// Such as `linux/amd64`; empty where ECR does not say.
        platforms: BTreeSet<String>,
    },
    /// A subscription hears nothing until its endpoint has confirmed it.
    Unconfirmed {
        /// Which.
        subject: Subject,
    },
}

/// Why something is not done, or not over, yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Waiting {
    /// Something cannot be made before other things are seen.
    Needs {
        /// What waits.
        subject: Subject,
        /// For these.
        needs: Vec<Subject>,
    },
    /// ECS is replacing tasks.
    Rollout {
        /// Tasks in RUNNING.
        running: i32,
        /// Targets the load balancer calls healthy.
        healthy: i32,
        /// Tasks there should be.
        desired: i32,
        /// ECS's newest event.
        event: Option<String>,
    },
    /// A rollout is held until a person answers.
    Person {
        /// Where it is held, in AWS's words.
        stage: String,
        /// When ECS stops waiting, in RFC 3339.
        until: Option<String>,
        /// What ECS does then, in AWS's words.
        then: String,
    },
    /// ECS is undoing a rollout.
    Rollback,
    /// A deleted service of this name still stops its tasks.
    Draining,
}

/// What needs a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Blocked {
    /// In the way and not ours.
    Foreign {
        /// What is there.
        subject: Subject,
        /// What it is doing in the way, and how to clear it.
        why: String,
    },
    /// Referenced and not there; the reconciler never makes it.
    Missing {
        /// What is not there.
        subject: Subject,
    },
    /// A reference within the unit, or out of it, that only a person can mend.
    Broken {
        /// Which, why, and what is held back.
        #[serde(flatten)]
        finding: Finding,
    },
    /// Differs in a field AWS cannot change.
    Immutable {
        /// What differs.
        subject: Subject,
        /// In what.
        changes: Vec<Change>,
    },
    /// The credentials are for another account than the manifest.
    WrongAccount {
        /// The manifest's.
        wanted: String,
        /// The credentials'.
        found: String,
    },
    /// ECS gave up on exactly this revision; it is not tried again until the manifest changes.
    RolloutFailed {
        /// Whether the revision before is running again.
        rolled_back: bool,
        /// ECS's words.
        reason: String,
    },
}

impl Plan {
    /// Nothing to do, nothing to wait for, nothing in the way.
    pub fn is_settled(&self) -> bool {
        let Plan {
            unit: _,
            steps,
            waiting,
            blocked,
            notes: _,
            diagnosis: _,
        } = self;
        steps.is_empty() && waiting.is_empty() && blocked.is_empty()
    }
}

/// What is wanted and what is there: all that planning one unit looks at.
struct Planning<'a> {
    spec: &'a Spec,
    desired: &'a Resources,
    observed: &'a Observed,
    /// What a broken reference holds back: no step is planned for these.
    held: BTreeSet<Subject>,
    /// Tasks are being replaced, or will be by this plan or the next, while more run than must: see
    /// [`scale_in_is_held`](Self::scale_in_is_held).
    replacing: bool,
    plan: Plan,
}

/// Decides. The same arguments give the same plan.
pub fn plan(spec: &Spec, desired: &Resources, observed: &Observed) -> Plan {
    let desired = versioned(spec, desired.clone(), &observed.secret_versions);
    let desired = &shifting::until_moved(spec, leave(spec, desired, observed), observed);
    let mut planning = Planning::new(spec, desired, observed);
    if planning.is_elsewhere() {
        return planning.plan;
    }
    planning.references();
    planning.graph();
    let mut needs = Vec::new();
    needs.extend(planning.log_group());
    planning.metric_filters();
    needs.extend(planning.role(&desired.execution_role, observed.execution_role.as_ref()));
    needs.extend(planning.role(&desired.task_role, observed.task_role.as_ref()));
    if let Some(role) = &desired.rollout_role {
        needs.extend(planning.role(role, observed.rollout_role.as_ref()));
    }
    needs.extend(planning.target_group(&desired.target_group, observed.target_group.as_ref()));
    if let Some(alternate) = &desired.alternate_target_group {
        let found = observed.alternate_target_group.as_ref();
        needs.extend(planning.target_group(alternate, found));
    }
    needs.extend(planning.listener_rule());
    needs.extend(planning.test_rule());
    needs.extend(planning.discovery());
    planning.tag();
    needs.extend(planning.task_definition());
    needs.retain(|subject| !is_left(spec, subject));
    let service = planning.service(needs);
    let scalable_target = planning.scalable_target(service.clone());
    planning.scaling_policies(scalable_target.clone());
    planning.scheduled_actions(scalable_target);
    planning.prune(&service);
    planning.topic();
    planning.alarms(service.clone());
    planning.composite_alarms(service);
    planning.dashboard();
    planning.plan
}

/// What a planner gives back: the resource itself while it is not yet as wanted, for others to wait for.
type Unsettled = Option<Subject>;

impl<'a> Planning<'a> {
    fn new(spec: &'a Spec, desired: &'a Resources, observed: &'a Observed) -> Self {
        let plan = Plan {
            unit: spec.name.clone(),
            steps: Vec::new(),
            waiting: Vec::new(),
            blocked: Vec::new(),
            notes: Vec::new(),
            diagnosis: None,
        };
        Planning {
            spec,
            desired,
            observed,
            held: BTreeSet::new(),
            replacing: false,
            plan,
        }
    }

    /// Whether the credentials are for another account than the manifest; nothing is planned there.
    fn is_elsewhere(&mut self) -> bool {
        let (wanted, found) = (&self.spec.account, &self.observed.account);
        if wanted != found {
            let (wanted, found) = (wanted.clone(), found.clone());
            self.plan
                .blocked
                .push(Blocked::WrongAccount { wanted, found });
        }
        !self.plan.blocked.is_empty()
    }

    fn step(&mut self, subject: &Subject, call: Call, changes: Vec<Change>) {
        if self.held.contains(subject) || is_left(self.spec, subject) {
            return;
        }
        self.plan.steps.push(Step {
            subject: subject.clone(),
            call,
            changes,
        });
    }

    fn needs(&mut self, subject: &Subject, needs: Vec<Subject>) {
        if is_left(self.spec, subject) {
            return;
        }
        self.plan.waiting.push(Waiting::Needs {
            subject: subject.clone(),
            needs,
        });
    }

    /// Whether something that is there is ours to change; what is not is reported.
    fn is_ours<T>(&mut self, subject: &Subject, found: &Found<T>) -> bool {
        let ours = found.owner.as_deref() == Some(&self.spec.name);
        if !ours {
            let tag = super::resource::OWNER_TAG;
            let why = match &found.owner {
                Some(other) => {
                    format!("belongs to unit {other}: name another, or remove it from that unit")
                }
                None => format!(
                    "is not managed here: tag it {tag}={} to hand it over, or name another",
                    self.spec.name
                ),
            };
            self.plan.blocked.push(Blocked::Foreign {
                subject: subject.clone(),
                why,
            });
        }
        ours
    }

    /// What is referenced, never made.
    fn references(&mut self) {
        let Planning { spec, observed, .. } = self;
        let listener = observed
            .load_balancer
            .as_ref()
            .is_none_or(|found| found.listener.is_some());
        let missing = [
            (observed.cluster_active, Kind::Cluster, &spec.cluster),
            (
                observed.load_balancer.is_some(),
                Kind::LoadBalancer,
                &spec.load_balancer.name,
            ),
            (listener, Kind::HttpsListener, &spec.load_balancer.name),
            (
                observed.namespace.is_some(),
                Kind::Namespace,
                &spec.discovery.namespace,
            ),
        ];
        let missing = missing
            .into_iter()
            .filter(|(there, ..)| !there)
            .map(|(_, kind, name)| Subject::new(kind, name));
        self.plan
            .blocked
            .extend(missing.map(|subject| Blocked::Missing { subject }));
    }

    /// Broken references: what the plan mends needs no word here, what it cannot is said, and nothing is built on it.
    fn graph(&mut self) {
        let findings = graph::check(self.spec, self.desired, self.observed);
        self.held = graph::held(&findings);
        for finding in findings {
            if let Remedy::Person { .. } = &finding.remedy {
                self.plan.blocked.push(Blocked::Broken { finding });
            }
        }
    }
}
