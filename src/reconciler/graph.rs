//! The unit as a graph: every reference from one resource to another, and whether it holds.
//!
//! Takes what is wanted and what was observed, gives the references that are broken: which, why, what mends it, and which
//! steps would build on it. Pure, and changes nothing: `plan` leaves those steps out and takes all others. What is
//! merely not made yet is no finding; what differs without breaking a reference is `plan`'s.
//!
//! ```text
//! listener rule → target group ← service → container port        variable → parameter ← execution role
//!       load balancer ↗    ↖ alarm dimension                      image → repository
//! ```

use std::collections::BTreeSet;
use std::fmt;

use serde::Serialize;

use super::observed::Observed;
use super::plan::{Kind, Subject};
use super::resource::Resources;
use super::spec::Spec;

mod alarms;
mod permission;
mod references;
mod traffic;
mod workload;

/// A reference that does not hold.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    /// What refers.
    pub from: Subject,
    /// What it refers to.
    pub to: Subject,
    /// Why that does not hold.
    pub why: String,
    /// What mends it.
    #[serde(flatten)]
    pub remedy: Remedy,
}

/// What mends a broken reference.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "remedy", rename_all = "camelCase")]
pub enum Remedy {
    /// The plan has the steps for it.
    Reconcile,
    /// The plan will have them once another finding no longer holds them back.
    Later,
    /// Only a person.
    Person {
        /// What to do.
        fix: String,
        /// What depends on it: none of these is created or changed until then.
        blocks: BTreeSet<Subject>,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding {
            from,
            to,
            why,
            remedy,
        } = self;
        write!(f, "{from} → {to}: {why}")?;
        match remedy {
            Remedy::Reconcile => f.write_str("; reconcile mends it"),
            Remedy::Later => f.write_str("; reconcile mends it once nothing holds it back"),
            Remedy::Person { fix, blocks } => {
                write!(f, ": {fix}")?;
                if blocks.is_empty() {
                    return Ok(());
                }
                let blocks: Vec<String> = blocks.iter().map(ToString::to_string).collect();
                write!(f, " (held back until then: {})", blocks.join(", "))
            }
        }
    }
}

/// Every broken reference, in a fixed order.
pub fn check(spec: &Spec, desired: &Resources, observed: &Observed) -> Vec<Finding> {
    let mut graph = Graph {
        spec,
        desired,
        observed,
        findings: Vec::new(),
    };
    graph.owners();
    graph.traffic();
    graph.parameters();
    graph.image();
    graph.addresses();
    graph.permissions();
    graph.certificate();
    graph.record();
    graph.network();
    graph.counts();
    graph.grace();
    graph.dimensions();
    let Graph { mut findings, .. } = graph;
    let held = held(&findings);
    for finding in &mut findings {
        if finding.remedy == Remedy::Reconcile && held.contains(&finding.from) {
            finding.remedy = Remedy::Later;
        }
    }
    findings.sort();
    findings
}

/// What findings hold back: no step is to be taken for these.
pub fn held(findings: &[Finding]) -> BTreeSet<Subject> {
    let blocks = findings.iter().filter_map(|finding| match &finding.remedy {
        Remedy::Person { fix: _, blocks } => Some(blocks),
        Remedy::Reconcile | Remedy::Later => None,
    });
    blocks.flatten().cloned().collect()
}

/// What all checks look at, and what they have found.
struct Graph<'a> {
    spec: &'a Spec,
    desired: &'a Resources,
    observed: &'a Observed,
    findings: Vec<Finding>,
}

impl Graph<'_> {
    fn find(&mut self, from: Subject, to: Subject, why: impl Into<String>, remedy: Remedy) {
        let why = why.into();
        self.findings.push(Finding {
            from,
            to,
            why,
            remedy,
        });
    }

    fn service(&self) -> Subject {
        Subject::new(Kind::Service, &self.spec.name)
    }

    fn task_definition(&self) -> Subject {
        Subject::new(Kind::TaskDefinition, &self.spec.task.family)
    }

    fn target_group(&self) -> Subject {
        Subject::new(Kind::TargetGroup, &self.desired.target_group.name)
    }

    fn rule(&self) -> Subject {
        Subject::new(Kind::ListenerRule, &self.spec.load_balancer.host)
    }

    /// What another unit owns is not even referred to: what that unit does to it next is not ours to know.
    fn owners(&mut self) {
        let Observed {
            log_group,
            execution_role,
            task_role,
            target_group,
            alternate_target_group,
            rollout_role,
            discovery,
            ..
        } = self.observed;
        let owner = |owner: Option<&Option<String>>| {
            owner
                .and_then(Option::clone)
                .filter(|owner| *owner != self.spec.name)
        };
        let discovery_name = format!(
            "{}.{}",
            self.desired.discovery.name, self.desired.discovery.namespace
        );
        let role = |name: &str| Subject::new(Kind::Role, name);
        let started = [self.task_definition(), self.service()];
        let rows = [
            (
                owner(log_group.as_ref().map(|found| &found.owner)),
                Subject::new(Kind::LogGroup, &self.desired.log_group.name),
                started.to_vec(),
            ),
            (
                owner(execution_role.as_ref().map(|found| &found.owner)),
                role(&self.spec.task.execution_role),
                started.to_vec(),
            ),
            (
                owner(task_role.as_ref().map(|found| &found.owner)),
                role(&self.spec.task.task_role),
                started.to_vec(),
            ),
            (
                owner(target_group.as_ref().map(|found| &found.owner)),
                self.target_group(),
                [self.rule(), self.service()]
                    .into_iter()
                    .chain(self.target_group_alarms())
                    .collect(),
            ),
            (
                owner(rollout_role.as_ref().map(|found| &found.owner)),
                role(&self.spec.rollout_role()),
                match self.desired.rollout_role {
                    Some(_) => vec![self.service()],
                    None => Vec::new(),
                },
            ),
            (
                owner(alternate_target_group.as_ref().map(|found| &found.owner)),
                Subject::new(
                    Kind::TargetGroup,
                    self.spec.shifting().map_or("", |it| &it.target_group),
                ),
                [self.rule(), self.service()]
                    .into_iter()
                    .chain(self.target_group_alarms())
                    .collect(),
            ),
            (
                owner(discovery.as_ref().map(|found| &found.owner)),
                Subject::new(Kind::Discovery, &discovery_name),
                vec![self.service()],
            ),
        ];
        for (owner, subject, dependents) in rows {
            let Some(owner) = owner else { continue };
            let remedy = person(
                "name another in the manifest, or remove it from that unit",
                dependents.into_iter().chain([subject.clone()]),
            );
            self.find(
                self.service(),
                subject,
                format!("belongs to unit {owner}"),
                remedy,
            );
        }
    }
}

fn person(fix: impl Into<String>, blocks: impl IntoIterator<Item = Subject>) -> Remedy {
    Remedy::Person {
        fix: fix.into(),
        blocks: blocks.into_iter().collect(),
    }
}
