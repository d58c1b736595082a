//! Success proved from outside: the tasks run the wanted image, and what answers at the host says that it is the new build.
//!
//! A settled plan is AWS's word. It was given while another application answered 200 at the host, behind a rule of its own
//! (`existing-service` 7.6). So afterwards two more things are looked at: which digest ECS says each running task was started
//! from, and what `https://HOST/PATH` answers through the load balancer, once for every task.
//!
//! [`judge`] is pure. [`prove`] looks until there is a proof, or a doubt has lasted too long. What identifies a build is its
//! *commit*: the answer's `gitSha` against the tag `VERSION-COMMIT` that `scripts/build-and-push.sh` gives the digest in ECR, where
//! tags are immutable. An image without such a tag is known by its digest only; then the answer's `service` has to be the unit.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Serialize;
use serde_json::Value;
use tokio::time::Instant;

use super::aws::running::running;
use super::aws::{Aws, AwsError, ecr};
use super::secretive::masked;
use super::spec::{Ask, Spec};

mod probe;

pub use probe::Probe;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(3);
/// How long a doubt that time seldom clears may last: rules, targets and names are known everywhere within a minute.
const PATIENCE: Duration = Duration::from_secs(60);
/// The most requests of one look. Targets take turns, so as many as there are tasks ask each once.
const ANSWERS_MAX: usize = 10;
/// What is told of an answer, in characters.
const TOLD_MAX: usize = 200;
/// The fewest digits by which a commit is named.
const COMMIT_MIN: usize = 7;

/// What has to be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The unit's name, which its tasks know as SERVICE_NAME.
    pub unit: String,
    /// Where users ask.
    pub url: String,
    /// ARN of the task definition that is rolled out.
    pub revision: String,
    /// The image's: of its index and of what that holds, since ECS may name either (aws/amazon-ecs-agent#2201).
    pub digests: BTreeSet<String>,
    /// That the image's tags name; whole or shortened.
    pub commits: BTreeSet<String>,
}

/// A task in RUNNING that is to stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Task {
    /// The end of its ARN.
    pub id: String,
    /// ARN of its task definition.
    pub revision: String,
    /// What its container was started from; absent where ECS does not say.
    pub digest: Option<String>,
}

/// An HTTP answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its body, or the beginning of a long one.
    pub body: String,
}

/// Why nothing answered: no address, no connection, no trusted certificate, no answer in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreachable(pub String);

/// What was seen of a build that is the wanted one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Proof {
    /// What was asked.
    pub url: String,
    /// How many tasks run it.
    pub tasks: usize,
    /// The digest that ECS started them from.
    pub digest: String,
    /// The commit the answers name, where an ECR tag names it too.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Why it is not, or not yet, proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(
    tag = "doubt",
    rename_all = "camelCase",
    rename_all_fields = "camelCase"
)]
pub enum Doubt {
    /// ECS or ECR could not be asked.
    Unread {
        /// Why.
        why: String,
    },
    /// No task is in RUNNING.
    NoTask,
    /// A task of another revision still runs.
    OtherRevision {
        /// Which task.
        task: String,
        /// ARN of its task definition.
        runs: String,
    },
    /// A task was started from another image.
    OtherImage {
        /// Which task.
        task: String,
        /// Its digest; absent where ECS does not say.
        runs: Option<String>,
    },
    /// Nothing answers.
    Unreachable {
        /// What was asked.
        url: String,
        /// In the system's words.
        why: String,
    },
    /// Something answers, and not with success.
    Refused {
        /// What was asked.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// What answers is not this unit.
    AnotherService {
        /// What was asked.
        url: String,
        /// The unit.
        wanted: String,
        /// The answer, or its beginning.
        said: String,
    },
    /// The unit answers, with another build.
    OtherBuild {
        /// What was asked.
        url: String,
        /// What the image's tags name.
        wanted: String,
        /// The commit that the answer names.
        said: String,
    },
}

impl Doubt {
    /// In two or three words.
    pub fn name(&self) -> &'static str {
        match self {
            Doubt::Unread { .. } => "not read",
            Doubt::NoTask => "no task runs",
            Doubt::OtherRevision { .. } => "another revision runs",
            Doubt::OtherImage { .. } => "another image runs",
            Doubt::Unreachable { .. } => "host not reached",
            Doubt::Refused { .. } => "host refuses",
            Doubt::AnotherService { .. } => "another service answers",
            Doubt::OtherBuild { .. } => "another build answers",
        }
    }

    /// Whether tasks that are on their way out may be all there is to it.
    fn may_pass(&self) -> bool {
        match self {
            Doubt::NoTask
            | Doubt::OtherRevision { .. }
            | Doubt::OtherImage { .. }
            | Doubt::OtherBuild { .. } => true,
            Doubt::Unread { .. }
            | Doubt::Unreachable { .. }
            | Doubt::Refused { .. }
            | Doubt::AnotherService { .. } => false,
        }
    }
}

impl fmt::Display for Doubt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.name())?;
        match self {
            Doubt::Unread { why } => f.write_str(why),
            Doubt::NoTask => f.write_str("ECS lists none in RUNNING"),
            Doubt::OtherRevision { task, runs } => write!(f, "task {task} is of {runs}"),
            Doubt::OtherImage { task, runs } => write!(
                f,
                "task {task} was started from {}, which is not what the manifest's image is today",
                runs.as_deref().unwrap_or("a digest that ECS does not tell")
            ),
            Doubt::Unreachable { url, why } => write!(
                f,
                "{url} cannot be asked from here ({why}); name where to connect with --connect-to, or say in spec.loadBalancer.proof.ask what a proof is worth"
            ),
            Doubt::Refused { url, status } => write!(f, "{url} answers {status}"),
            Doubt::AnotherService { url, wanted, said } => write!(
                f,
                "{url} is answered, and not by {wanted}: {said}; look for a listener rule of a lower priority that takes the host, or a DNS name that leads elsewhere"
            ),
            Doubt::OtherBuild { url, wanted, said } => {
                write!(
                    f,
                    "{url} says that it is commit {said}, the image is {wanted}"
                )
            }
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Proof {
            url,
            tasks,
            digest,
            commit,
        } = self;
        let tasks = match tasks {
            1 => "1 task runs".to_owned(),
            tasks => format!("{tasks} tasks run"),
        };
        match commit {
            Some(commit) => write!(
                f,
                "proved: {tasks} {digest}, and {url} says commit {commit}"
            ),
            None => write!(
                f,
                "proved: {tasks} {digest}, and {url} is this service; of which commit is not known, no tag of the image names one"
            ),
        }
    }
}

/// Whether the tasks and the answers are the wanted build's; if not, the first reason to doubt it.
pub fn judge(
    wanted: &Wanted,
    tasks: &[Task],
    answers: &[Result<Answer, Unreachable>],
) -> Result<Proof, Doubt> {
    let mut digest = None;
    for task in tasks {
        if task.revision != wanted.revision {
            return Err(Doubt::OtherRevision {
                task: task.id.clone(),
                runs: task.revision.clone(),
            });
        }
        let known = task.digest.as_ref();
        digest = known.filter(|digest| wanted.digests.contains(*digest));
        if digest.is_none() {
            return Err(Doubt::OtherImage {
                task: task.id.clone(),
                runs: task.digest.clone(),
            });
        }
    }
    let digest = digest.ok_or(Doubt::NoTask)?.clone();
    let mut commit = None;
    for answer in answers {
        let answer = answer.as_ref().map_err(|why| Doubt::Unreachable {
            url: wanted.url.clone(),
            why: why.to_string(),
        })?;
        commit = identified(wanted, answer)?;
    }
    Ok(Proof {
        url: wanted.url.clone(),
        tasks: tasks.len(),
        digest,
        commit,
    })
}

/// The commit of an answer that is the wanted build's, where the image's tags name one.
fn identified(wanted: &Wanted, answer: &Answer) -> Result<Option<String>, Doubt> {
    let url = wanted.url.clone();
    let Answer { status, body } = answer;
    if !(200..300).contains(status) {
        let status = *status;
        return Err(Doubt::Refused { url, status });
    }
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let (service, commit) = (body["service"].as_str(), body["gitSha"].as_str());
    let ours = service == Some(&wanted.unit);
    let is_named = |named: &String| {
        commit.is_some_and(|commit| {
            commit.len() >= COMMIT_MIN && (commit.starts_with(named) || named.starts_with(commit))
        })
    };
    let known = !wanted.commits.is_empty();
    match commit {
        // Builds from before `service` was said are known by their commit alone.
        Some(commit) if (ours || service.is_none()) && wanted.commits.iter().any(is_named) => {
            Ok(Some(commit.to_owned()))
        }
        Some(commit) if ours && known => Err(Doubt::OtherBuild {
            url,
            wanted: wanted
                .commits
                .iter()
                .cloned()
                .collect::<Vec<_>>()
                .join(", "),
            said: commit.to_owned(),
        }),
        Some(_) | None if ours && !known => Ok(None),
        Some(_) | None => Err(Doubt::AnotherService {
            url,
            wanted: wanted.unit.clone(),
            said: masked(&answer.body).chars().take(TOLD_MAX).collect(),
        }),
    }
}

/// The commits that an image's tags name: `0.1.0-0123456789ab`.
pub fn commits<'a>(tags: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    let is_commit = |text: &str| {
        let digits = text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
        (COMMIT_MIN..=40).contains(&text.len()) && digits
    };
    tags.filter_map(|tag| tag.rsplit_once('-'))
        .filter(|(version, commit)| {
            version.starts_with(|c: char| c.is_ascii_digit()) && is_commit(commit)
        })
        .map(|(_, commit)| commit.to_owned())
        .collect()
}

/// What came of asking for a proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "proof", rename_all = "camelCase")]
pub enum Verdict {
    /// There is one.
    Proved(Proof),
    /// There is none, and the manifest says that this is no failure.
    Unasked {
        /// Why.
        why: String,
    },
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Proved(proof) => proof.fmt(f),
            Verdict::Unasked { why } => write!(f, "not proved: {why}"),
        }
    }
}

/// Looks until the unit is proved, or a doubt has lasted: until `ends` where old tasks may be all there is to it, a minute
/// otherwise. `ask` gets a host and a path; `doubted` hears every doubt. One look is always taken.
pub async fn prove(
    aws: &Aws,
    spec: &Spec,
    ends: Instant,
    ask: &impl AsyncFn(&str, &str) -> Result<Answer, Unreachable>,
    mut doubted: impl FnMut(&Doubt),
) -> Result<Verdict, Doubt> {
    let wanted = spec.load_balancer.proof.ask;
    if wanted == Ask::Never {
        let why =
            "the manifest does not ask for it (spec.loadBalancer.proof.ask: never)".to_owned();
        return Ok(Verdict::Unasked { why });
    }
    let mut lasting: Option<Instant> = None;
    loop {
        let doubt = match look(aws, spec, ask).await {
            Ok(proof) => return Ok(Verdict::Proved(proof)),
            Err(doubt) => doubt,
        };
        doubted(&doubt);
        let now = Instant::now();
        let since = *lasting.get_or_insert(now);
        if doubt.may_pass() {
            lasting = None;
        }
        let patient = doubt.may_pass() || now + PAUSE < since + PATIENCE;
        if patient && now + PAUSE < ends {
            tokio::time::sleep(PAUSE).await;
            continue;
        }
        return match (wanted, &doubt) {
            (Ask::IfReachable, Doubt::Unreachable { .. }) => Ok(Verdict::Unasked {
                why: doubt.to_string(),
            }),
            (Ask::Always | Ask::IfReachable | Ask::Never, _) => Err(doubt),
        };
    }
}

/// One look at both sides.
async fn look(
    aws: &Aws,
    spec: &Spec,
    ask: &impl AsyncFn(&str, &str) -> Result<Answer, Unreachable>,
) -> Result<Proof, Doubt> {
    let unread = |error: AwsError| Doubt::Unread {
        why: error.to_string(),
    };
    let build = ecr::build(&aws.read, &spec.image);
    let running = running(&aws.read, &spec.cluster, &spec.name);
    let (build, running) = tokio::try_join!(build, running).map_err(unread)?;
    let host = &spec.load_balancer.host;
    let path = spec.load_balancer.proof.path.as_ref();
    let path = path.unwrap_or(&spec.health.path);
    let wanted = Wanted {
        unit: spec.name.clone(),
        url: format!("https://{host}{path}"),
        revision: running.revision,
        commits: commits(build.tags.iter().map(String::as_str)),
        digests: build.digests,
    };
    // What the tasks already refute is not asked for.
    judge(&wanted, &running.tasks, &[])?;
    let mut answers = Vec::new();
    for _ in 0..running.tasks.len().min(ANSWERS_MAX) {
        answers.push(ask(host, path).await);
    }
    judge(&wanted, &running.tasks, &answers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
