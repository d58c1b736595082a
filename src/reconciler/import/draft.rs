//! The manifest as it is being written: what is known so far, in the order in which a person would write it.
//!
//! Takes names and what was observed under them. A field the manifest's own rules refuse is taken out again where it may be
//! absent; the difference that makes is then left. No value that looks like a secret is ever in it.

use std::collections::BTreeMap;

use serde_yaml::{Mapping, Value};

use super::{Error, Names, believe};
use crate::reconciler::observed::Observed;
use crate::reconciler::resource::ScalingPolicy;
use crate::reconciler::secretive::clue;
use crate::reconciler::spec::Spec;

/// How often a field that is refused may be taken out: each time at least one goes.
const FIELDS_MAX: usize = 200;

/// A manifest in the making.
pub struct Draft {
    root: Value,
    leave: BTreeMap<String, String>,
    /// What a person should know.
    pub warnings: Vec<String>,
}

impl Draft {
    /// What the service and its task definition say.
    pub fn new(names: &Names) -> Draft {
        let mut draft = Draft {
            root: Value::Mapping(Mapping::new()),
            leave: BTreeMap::new(),
            warnings: names.warnings.clone(),
        };
        let Names {
            account,
            region,
            cluster,
            running,
            balancer,
            host,
            priority,
            target_group,
            discovery,
            warnings: _,
        } = names;
        let service = &running.found.value;
        let definition = &running.definition;
        let container = &definition.container;
        draft.set("apiVersion", "hokus.ai/v1");
        draft.set("kind", "Service");
        draft.set("metadata.name", service.name.as_str());
        draft.set("spec.account", account.as_str());
        draft.set("spec.region", region.as_str());
        draft.set("spec.cluster", cluster.as_str());
        draft.set("spec.image", container.image.as_str());
        draft.set("spec.port", container.port);
        let words = |words: &[String]| {
            words
                .iter()
                .map(|word| Value::from(word.as_str()))
                .collect::<Value>()
        };
        let list = |ids: &std::collections::BTreeSet<String>| {
            Value::Sequence(ids.iter().map(|id| Value::from(id.as_str())).collect())
        };
        draft.set("spec.network.subnets", list(&service.subnets));
        draft.set(
            "spec.network.securityGroups",
            list(&service.security_groups),
        );
        draft.set("spec.network.publicAddress", service.public_address);
        draft.set("spec.task.family", definition.family.as_str());
        draft.set("spec.task.container", container.name.as_str());
        draft.set("spec.task.cpu", definition.cpu);
        draft.set("spec.task.memory", definition.memory);
        draft.set(
            "spec.task.executionRole",
            role_name(&definition.execution_role),
        );
        draft.set("spec.task.taskRole", role_name(&definition.task_role));
        if !container.command.is_empty() {
            draft.set("spec.task.command", words(&container.command));
        }
        for (name, value) in &container.environment {
            if clue(name, value).is_some() {
                draft.warnings.push(format!(
                    "{name} stands in the task definition in plain text and looks like a secret: whoever may read the task definition has it. Put it into Parameter Store, name it under spec.task.secrets, and change it; its value is not in the manifest"
                ));
            } else if name != "PORT" {
                draft.set_entry("spec.task.environment", name, value);
            }
        }
        for (name, from) in &container.secrets {
            match parameter(from) {
                Some(parameter) => draft.set_entry("spec.task.secrets", name, parameter),
                None => draft.warnings.push(format!(
                    "{name} comes from {from}, which is no SSM parameter and nothing a manifest can say"
                )),
            }
        }
        if !container.health_command.is_empty() {
            draft.set("spec.health.command", words(&container.health_command));
        }
        draft.set(
            "spec.health.gracePeriodSeconds",
            service.grace_period_seconds,
        );
        draft.set("spec.task.architecture", definition.architecture.as_str());
        draft.set("spec.task.init", container.init);
        draft.set(
            "spec.task.stopTimeoutSeconds",
            container.stop_timeout_seconds,
        );
        draft.set("spec.task.readOnlyRoot", container.read_only);
        draft.set("spec.task.executeCommand", service.execute_command);
        if let Some(user) = &container.user {
            draft.set("spec.task.user", user.as_str());
        }
        if let Some(files) = container.ulimits.get("nofile") {
            draft.set("spec.task.openFiles", files.hard);
        }
        for other in definition.other.iter().chain(&container.other) {
            draft.warnings.push(format!(
                "{other} of the task definition is nothing a manifest can say: a revision registered from this one is without it"
            ));
        }
        draft.set("spec.loadBalancer.name", balancer.as_str());
        draft.set("spec.loadBalancer.host", host.as_str());
        draft.set("spec.loadBalancer.priority", *priority);
        draft.set("spec.loadBalancer.targetGroup", target_group.as_str());
        draft.set("spec.discovery", discovery.as_str());
        draft.set("spec.logs.group", container.log_group.as_str());
        for name in &definition.other_containers {
            draft.warnings.push(format!(
                "the container {name} is nothing a manifest can say: a revision registered from this one is without it"
            ));
        }
        draft
    }

    /// What is around the service, once it could be read.
    pub fn refine(&mut self, observed: &Observed) {
        if let Some(group) = &observed.target_group {
            let health = &group.value.health_check;
            self.set("spec.health.path", health.path.as_str());
            self.set("spec.health.intervalSeconds", health.interval_seconds);
            self.set("spec.health.timeoutSeconds", health.timeout_seconds);
            self.set(
                "spec.loadBalancer.deregistrationDelaySeconds",
                group.value.deregistration_delay_seconds,
            );
        }
        let count = observed.service.as_ref().map_or(1, |it| it.desired_count);
        let (min, max) = match &observed.scalable_target {
            Some(target) => (target.min, target.max),
            None => (count, count),
        };
        self.set("spec.scaling.min", min.max(1));
        self.set("spec.scaling.max", max.max(1));
        for (name, field) in [
            ("ECSServiceAverageCPUUtilization", "cpuPercent"),
            ("ECSServiceAverageMemoryUtilization", "memoryPercent"),
        ] {
            let policy = observed.scaling_policies.values().find_map(|it| match it {
                ScalingPolicy::Tracking(tracking) if tracking.metric == name => Some(tracking),
                _ => None,
            });
            let Some(policy) = policy else { continue };
            // Whole percents are what a manifest has; another target is a difference, and left.
            #[allow(clippy::cast_possible_truncation, reason = "0 to 100")]
            let percent = policy.target.round() as i64;
            self.set(&format!("spec.scaling.{field}"), percent);
            self.set(
                "spec.scaling.scaleInCooldownSeconds",
                policy.scale_in_cooldown_seconds,
            );
            self.set(
                "spec.scaling.scaleOutCooldownSeconds",
                policy.scale_out_cooldown_seconds,
            );
        }
        if let Some(days) = observed
            .log_group
            .as_ref()
            .and_then(|it| it.value.retention_days)
        {
            self.set("spec.logs.retentionDays", days);
        }
    }

    /// Leaves these places as they are.
    pub fn leave(&mut self, places: BTreeMap<String, String>) {
        self.leave.extend(places);
    }

    /// The draft as a Spec; optional fields that no manifest may have are taken out on the way.
    pub fn believe(&mut self) -> Result<Spec, Error> {
        for _ in 0..FIELDS_MAX {
            let problems = match believe(&self.text()) {
                Ok(spec) => return Ok(spec),
                Err(problems) => problems,
            };
            let mut taken = false;
            for problem in &problems {
                if self.take(&problem.field) {
                    taken = true;
                    self.warnings
                        .push(format!("{} {}", problem.field, problem.what));
                }
            }
            if !taken {
                return Err(Error::Inexpressible(problems));
            }
        }
        Err(Error::Inexpressible(Vec::new()))
    }

    /// The manifest as a file: warnings first, as comments.
    pub fn text(&self) -> String {
        let mut root = self.root.clone();
        for (place, reason) in &self.leave {
            let words = ["spec", "leave", place.as_str()];
            insert(&mut root, &words, Value::from(reason.as_str()));
        }
        let comments: String = self.warnings.iter().map(|it| format!("# {it}\n")).collect();
        // A tree of texts and numbers is always YAML.
        let body = serde_yaml::to_string(&root).unwrap_or_default();
        format!(
            "# Written by `reconciler import`; what is under `leave` is as it was found, until its line is removed.\n{comments}{body}"
        )
    }

    fn set(&mut self, path: &str, value: impl Into<Value>) {
        let words: Vec<&str> = path.split('.').collect();
        insert(&mut self.root, &words, value.into());
    }

    fn set_entry(&mut self, path: &str, name: &str, value: &str) {
        let words: Vec<&str> = path.split('.').chain([name]).collect();
        insert(&mut self.root, &words, Value::from(value));
    }

    /// Takes out a field that may be absent; the deepest known part of the path.
    fn take(&mut self, path: &str) -> bool {
        const REQUIRED: [&str; 16] = [
            "metadata.name",
            "spec.account",
            "spec.region",
            "spec.cluster",
            "spec.image",
            "spec.network",
            "spec.task.family",
            "spec.task.container",
            "spec.task.executionRole",
            "spec.task.taskRole",
            "spec.loadBalancer.name",
            "spec.loadBalancer.host",
            "spec.loadBalancer.priority",
            "spec.loadBalancer.targetGroup",
            "spec.discovery",
            "spec.logs.group",
        ];
        if path.is_empty() || REQUIRED.iter().any(|required| path.starts_with(required)) {
            return false;
        }
        let words: Vec<&str> = path.split(['.', '[']).collect();
        let Some((last, parents)) = words.split_last() else {
            return false;
        };
        let parent = parents
            .iter()
            .try_fold(&mut self.root, |value, word| value.get_mut(*word));
        let Some(parent) = parent.and_then(Value::as_mapping_mut) else {
            return false;
        };
        parent.remove(*last).is_some()
    }
}

fn insert(value: &mut Value, words: &[&str], leaf: Value) {
    let Some((first, rest)) = words.split_first() else {
        *value = leaf;
        return;
    };
    if !value.is_mapping() {
        *value = Value::Mapping(Mapping::new());
    }
    if let Some(mapping) = value.as_mapping_mut() {
        let entry = mapping.entry(Value::from(*first)).or_insert(Value::Null);
        insert(entry, rest, leaf);
    }
}

/// `arn:aws:iam::…:role/name`, with or without a path.
fn role_name(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The parameter's full name, if that is what a secret comes from.
fn parameter(from: &str) -> Option<&str> {
    let is_ssm = from.starts_with("arn:aws:ssm:");
    match from.split_once(":parameter") {
        Some((_, name)) if is_ssm && name.starts_with('/') => Some(name),
        _ => from.starts_with('/').then_some(from),
    }
}

#[cfg(test)]
mod tests {
    use super::parameter;

    #[test]
    fn a_secret_comes_from_a_parameter_or_from_elsewhere() {
        let rows = [
            ("arn:aws:ssm:us-east-1:1:parameter/a/b", Some("/a/b")),
            ("/a/b", Some("/a/b")),
            ("arn:aws:ssm:us-east-1:1:parameter-b", None),
            ("arn:aws:secretsmanager:us-east-1:1:secret:x", None),
            ("b", None),
        ];
        for (from, expected) in rows {
            assert_eq!(parameter(from), expected, "{from}");
        }
    }
}
