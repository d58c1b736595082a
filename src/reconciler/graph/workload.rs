//! What a task needs to start, and how many of them there are: parameters, permissions, counts, grace.

use std::collections::BTreeMap;

use super::permission::may;
use super::{Graph, Remedy, person};
use crate::reconciler::observed::{Found, Image};
use crate::reconciler::plan::{Kind, Subject};
use crate::reconciler::resource::Role;

impl Graph<'_> {
    /// A task whose parameter is not there dies before its first line of output. The usual cause is the wrong
    /// environment's prefix, so what has the same last name elsewhere is named.
    pub(super) fn parameters(&mut self) {
        for name in &self.observed.missing_secrets {
            let variables: Vec<&str> = self
                .spec
                .task
                .parameters()
                .into_iter()
                .filter(|(_, parameter)| parameter == name)
                .map(|(variable, _)| variable)
                .collect();
            let why = format!("is not there, and {} is read from it", variables.join(", "));
            let fix = match self.observed.similar_parameters.get(name) {
                None => "put it into Parameter Store, or correct its name".to_owned(),
                Some(similar) => {
                    let similar: Vec<&str> = similar.iter().map(String::as_str).collect();
                    let similar = similar.join(" and ");
                    format!("correct its path, there is {similar}; or put it there")
                }
            };
            let blocks = [self.task_definition(), self.service()];
            let parameter = Subject::new(Kind::Parameter, name);
            self.find(self.task_definition(), parameter, why, person(fix, blocks));
        }
    }

    /// A task whose image is not there, or for another processor, never starts.
    pub(super) fn image(&mut self) {
        let wanted = self.spec.task.architecture.platform();
        let (why, fix) = match &self.observed.image {
            Image::Missing { reason } => (
                format!("is not in ECR: {reason}"),
                "push it, or correct spec.image".to_owned(),
            ),
            Image::Found { platforms, .. }
                if !platforms.is_empty() && !platforms.contains(wanted) =>
            {
                let platforms: Vec<&str> = platforms.iter().map(String::as_str).collect();
                (
                    format!("is for {}, not for {wanted}", platforms.join(", ")),
                    format!("build it with --platform {wanted}, or correct spec.task.architecture"),
                )
            }
            Image::Found { .. } => return,
        };
        let blocks = [self.task_definition(), self.service()];
        let image = Subject::new(Kind::Image, &self.spec.image.uri);
        self.find(self.task_definition(), image, why, person(fix, blocks));
    }

    /// Whether the execution role may do what starting a task takes. A role that is ours is widened by the plan.
    pub(super) fn permissions(&mut self) {
        let Some(found) = &self.observed.execution_role else {
            return;
        };
        let definition = &self.desired.task_definition;
        let secrets = definition
            .container
            .secrets
            .values()
            .map(|arn| ("ssm:GetParameters", arn.clone(), Kind::Parameter));
        let image = self
            .spec
            .arn("ecr", &format!("repository/{}", self.spec.image.repository));
        let logs = self
            .spec
            .arn("logs", &format!("log-group:{}:*", self.spec.logs.group));
        let needed = [
            ("ecr:BatchGetImage", image, Kind::Repository),
            ("logs:PutLogEvents", logs, Kind::LogGroup),
        ];
        let mut denied: BTreeMap<(Kind, &str), Vec<String>> = BTreeMap::new();
        for (action, arn, kind) in secrets.chain(needed) {
            if !self.allowed(found, action, &arn) {
                denied.entry((kind, action)).or_default().push(named(&arn));
            }
        }
        let role = Subject::new(Kind::Role, &self.spec.task.execution_role);
        for ((kind, action), names) in denied {
            let name = names.join(", ");
            let remedy = if found.owner.as_deref() == Some(&self.spec.name) {
                Remedy::Reconcile
            } else {
                let fix = format!("allow the role {action}, or hand the role over");
                person(fix, [self.task_definition(), self.service()])
            };
            let why = format!("the role that starts tasks has no permission {action} for it");
            self.find(role.clone(), Subject::new(kind, &name), why, remedy);
        }
    }

    /// What attached policies grant is not read here: with one attached, what the inline ones lack is given the benefit
    /// of the doubt.
    fn allowed(&self, found: &Found<Role>, action: &str, resource: &str) -> bool {
        !found.value.attached.is_empty() || may(&found.value, action, resource)
    }

    /// min ≤ desired ≤ max, as AWS has them today.
    pub(super) fn counts(&mut self) {
        let (Some(target), Some(running)) =
            (&self.observed.scalable_target, &self.observed.service)
        else {
            return;
        };
        if !(target.min..=target.max).contains(&running.desired_count) {
            let why = format!(
                "the service's desired count {} is outside {} to {}",
                running.desired_count, target.min, target.max
            );
            let resource = format!("service/{}/{}", self.spec.cluster, self.spec.name);
            let target = Subject::new(Kind::ScalableTarget, &resource);
            self.find(target, self.service(), why, Remedy::Reconcile);
        }
    }

    /// Grace ≥ start time: a task that the load balancer calls unhealthy before it had its time to start is killed, and so
    /// is the next.
    pub(super) fn grace(&mut self) {
        let (Some(running), Some(group)) = (&self.observed.service, &self.observed.target_group)
        else {
            return;
        };
        let health = &group.value.health_check;
        let patience = running.found.value.grace_period_seconds
            + health.interval_seconds * health.unhealthy_threshold;
        let start = running.definition.container.health_start_period_seconds;
        if start > patience {
            let why = format!(
                "a task may take {start} s to start, but is stopped as unhealthy after {patience} s"
            );
            let definition = self.task_definition();
            self.find(self.service(), definition, why, Remedy::Reconcile);
        }
    }
}

/// What follows an ARN's kind: `/a/b` of `…:parameter/a/b`, `a/b` of `…:repository/a/b`, `/ecs/x` of `…:log-group:/ecs/x:*`.
fn named(arn: &str) -> String {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or(arn);
    let name = resource
        .strip_prefix("parameter")
        .or_else(|| resource.strip_prefix("repository/"))
        .or_else(|| resource.strip_prefix("log-group:"))
        .unwrap_or(resource);
    name.strip_suffix(":*").unwrap_or(name).to_owned()
}
