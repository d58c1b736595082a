//! How images behave, by script: how long a pull takes or why it fails, and what the process of a virtual task does.
//!
//! Takes the text of a file or request, gives for an image's reference the script that is meant by it. Data only: ECS asks it
//! about pulls, `play` about processes. Bounded: so many scripts, each some lines.
//!
//! ```yaml
//! images:
//!   - image: hokusai/contracts                 # a repository: every image of it that no other script names
//!     pull_seconds: 20
//!     start_seconds: 2.5
//!     lines: [listening on 3001]
//!   - image: hokusai/contracts:0.2.0           # a tag, or @sha256:…, as task definitions write it
//!     crash: { after_seconds: 3, code: 1, times: 2 }     # without times: always
//! ```

use serde::{Deserialize, Deserializer};

use super::call::Millis;
use super::world::World;

/// The scripts in force.
#[derive(Debug, Clone, Default)]
pub struct State {
    scripts: Vec<Script>,
}

/// What one image, or all of a repository, does.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// `repository`, `repository:tag` or `repository@digest`.
    pub image: String,
    /// How long a pull takes; ECS's own short time when absent.
    #[serde(
        rename = "pull_seconds",
        default,
        deserialize_with = "optional_seconds"
    )]
    pub pull_millis: Option<Millis>,
    /// Why it cannot be pulled: what follows `CannotPullContainerError: `.
    pub unpullable: Option<String>,
    /// How long the process takes until it runs.
    #[serde(rename = "start_seconds", default, deserialize_with = "seconds")]
    pub start_millis: Millis,
    /// It ends by itself.
    pub crash: Option<Crash>,
    /// Only SIGKILL ends it.
    #[serde(default)]
    pub ignores_sigterm: bool,
    /// It answers the load balancer with 503 and fails its container's health check.
    #[serde(default)]
    pub unhealthy: bool,
    /// What it answers requests with, as 200 or `answers`; without it they get 502, since a virtual task has no socket.
    pub says: Option<String>,
    /// What it answers the load balancer instead of 200; its container's own health check passes.
    pub answers: Option<u16>,
    /// It takes connections and answers none, its container's health check among them.
    #[serde(default)]
    pub hangs: bool,
    /// It listens on another port than the load balancer asks; its container's own health check passes.
    #[serde(default)]
    pub deaf: bool,
    /// It is killed when it has all of its task's memory.
    pub leaks_mib_per_second: Option<u32>,
    /// What it writes when it starts.
    #[serde(default)]
    pub lines: Vec<String>,
}

/// An end of its own.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Crash {
    /// Since it runs.
    #[serde(rename = "after_seconds", default, deserialize_with = "seconds")]
    pub after_millis: Millis,
    /// With this exit code.
    #[serde(default = "one")]
    pub code: i32,
    /// Only so many of the first processes; all when absent.
    pub times: Option<u32>,
    /// Processes that have been told so.
    #[serde(skip)]
    crashed: u32,
}

/// Why scripts were refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Not YAML, or an unknown, missing or ill-typed key. The source says where (line and column).
    #[error("the images do not read")]
    Unreadable(#[source] serde_yaml::Error),
    /// More scripts than are kept.
    #[error("there are {0} images; at most {SCRIPTS_MAX} are taken")]
    TooMany(usize),
    /// Which of the two is meant?
    #[error("image {0} is there twice")]
    Twice(String),
}

/// A scenario has a few.
const SCRIPTS_MAX: usize = 100;
/// A day: longer than anyone waits for a container.
const SECONDS_MAX: f64 = 86_400.0;

/// Reads scripts; YAML, so JSON too.
pub fn parse(text: &str) -> Result<State, Error> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Written {
        images: Vec<Script>,
    }
    let Written { images: scripts } = serde_yaml::from_str(text).map_err(Error::Unreadable)?;
    if scripts.len() > SCRIPTS_MAX {
        return Err(Error::TooMany(scripts.len()));
    }
    for (index, script) in scripts.iter().enumerate() {
        let earlier = scripts.get(..index).unwrap_or_default();
        if earlier.iter().any(|other| other.image == script.image) {
            return Err(Error::Twice(script.image.clone()));
        }
    }
    Ok(State { scripts })
}

/// The script for an image as a task definition names it: its own, or its repository's.
pub fn script<'a>(world: &'a World, reference: &str) -> Option<&'a Script> {
    world.images.scripts.get(position(world, reference)?)
}

/// When and how a process of an image that starts now is to end by itself. Counts it towards `times`.
pub(super) fn crash(world: &mut World, reference: &str) -> Option<(Millis, i32)> {
    let position = position(world, reference)?;
    let crash = world.images.scripts.get_mut(position)?.crash.as_mut()?;
    if crash.times.is_some_and(|times| crash.crashed >= times) {
        return None;
    }
    crash.crashed = crash.crashed.saturating_add(1);
    Some((crash.after_millis, crash.code))
}

fn position(world: &World, reference: &str) -> Option<usize> {
    let of = |name: &str| {
        let mut scripts = world.images.scripts.iter();
        scripts.position(|script| script.image == name)
    };
    of(path(reference)).or_else(|| of(repository(reference)))
}

/// `hokusai/contracts` of `932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0`.
pub fn repository(reference: &str) -> &str {
    let path = path(reference.split('@').next().unwrap_or(reference));
    match path.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => path,
    }
}

/// A reference without its registry.
fn path(reference: &str) -> &str {
    match reference.split_once('/') {
        Some((registry, path)) if registry.contains(['.', ':']) => path,
        _ => reference,
    }
}

fn one() -> i32 {
    1
}

fn seconds<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Millis, D::Error> {
    let seconds = f64::deserialize(deserializer)?;
    if !(0.0..=SECONDS_MAX).contains(&seconds) {
        let message = format!("{seconds} is not between 0 and {SECONDS_MAX} seconds");
        return Err(serde::de::Error::custom(message));
    }
    let millis = std::time::Duration::from_secs_f64(seconds).as_millis();
    Ok(Millis::try_from(millis).unwrap_or(Millis::MAX))
}

fn optional_seconds<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Millis>, D::Error> {
    seconds(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_reference_names_its_repository() {
        for (image, want) in [
            (
                "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0",
                "hokusai/contracts",
            ),
            (
                "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts@sha256:00ff",
                "hokusai/contracts",
            ),
            ("localhost:5000/contracts:a@sha256:00ff", "contracts"),
            ("hokusai/contracts", "hokusai/contracts"),
            ("contracts:1", "contracts"),
        ] {
            assert_eq!(repository(image), want, "{image}");
        }
    }

    #[test]
    fn an_image_has_its_own_script_or_its_repositorys() {
        let mut world = World::new("932100697590", "us-east-1", 1);
        let text = "images: [{ image: a/b, pull_seconds: 1 }, { image: 'a/b:2', pull_seconds: 2.5 }, { image: 'a/b@sha256:00', crash: {} }]";
        world.images = parse(text).unwrap();
        let pull = |image| script(&world, image).map(|script| script.pull_millis);
        assert_eq!(pull("r.example/a/b:1"), Some(Some(1_000)));
        assert_eq!(pull("r.example/a/b:2"), Some(Some(2_500)));
        assert_eq!(pull("r.example/a/b@sha256:00"), Some(None));
        assert_eq!(pull("r.example/a/c:2"), None);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for (text, want) in [
            ("images: [{ image: a, pul: 1 }]", "unknown field `pul`"),
            (
                "images: [{ image: a, pull_seconds: -1 }]",
                "-1 is not between 0 and 86400 seconds",
            ),
            (
                "images: [{ image: a }, { image: a }]",
                "image a is there twice",
            ),
        ] {
            let error = crate::telemetry::chain(&parse(text).unwrap_err());
            assert!(error.contains(want), "{error}");
        }
    }
}
