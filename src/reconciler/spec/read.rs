//! The manifest's shape, section by section: which fields there are, their defaults, and which contradict each other.
//!
//! Takes a [`Reading`], gives the [`Spec`] unless something is wrong; the problems stay in the reading. Every section is
//! read to its end whatever was wrong before, and a contradiction is looked for wherever both of its sides are known.
//!
//! This is also the only description of the manifest's fields: the JSON Schema, `explain` and the docs are made by a run of this code
//! over nothing ([`Spec::fields`]). So each call below says all there is to say about its field:
//!
//! ```text
//! fields.required("name", parse::name(32, "-").meaning("The load balancer's name.").example("hokusai-development"))
//! fields.or("min", 2, whole(1, 5000).meaning("The fewest tasks."))     the default as the manifest would write it
//! fields.optional("topic", parse::arn().meaning("…"))                   Some(None) when it is left out
//! fields.list("subnets", (2, 16), parse::id("subnet-").meaning("…"))    (0, n) may be left out
//! fields.entries("environment", parse::variable(), text().meaning("…"))
//! fields.mapping("scaling", "How many tasks, and when.")                always there; its fields have defaults or are missed
//! fields.section("slo", "…").map(|fields| …)                            None when it is left out
//! fields.each("schedules", (0, 10), "…", |fields| …)                    a list of mappings
//! ```
//!
//! A type is made in `parse` or `manifest::value` (`whole`, `text`, `pattern`, `choice`, `flag`, `one_of`, or `Type::new(schema, read)`), bounds
//! and all. Ask for every field whatever the others hold, and look at contradictions after: a field that is asked for only sometimes is
//! not described. Then `BLESS=1 cargo nextest run --test reconciler` rewrites manifests/schema.json.

use std::collections::BTreeSet;

use super::parse;
use super::{Ask, Health, Image, LoadBalancer, Network, Proof, Spec, signals};
use crate::reconciler::lint::CODES;
use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{choice, flag, text, whole, wrong};

mod logs;
mod rollout;
mod scaling;
mod task;

/// The whole manifest.
pub fn unit(reading: &Reading<'_>) -> Option<Spec> {
    let root = reading.root();
    let version = root.required(
        "apiVersion",
        parse::exactly("hokus.ai/v1").meaning("The version of this format."),
    );
    let kind = root.required(
        "kind",
        parse::exactly("Service")
            .meaning("What the manifest describes: one service and all that is around it."),
    );
    let metadata = root.mapping("metadata", "What the unit is called.");
    let name = metadata.required(
        "name",
        parse::name(64, "-")
            .meaning(
                "The unit: names the ECS service, and is the owner tag on all that belongs to it. \
Another name is another unit.",
            )
            .example("hokusai-contracts-development"),
    );
    metadata.end();
    let allow = root.entries(
        "allow",
        choice(&CODES.map(|code| (code, code.to_owned()))),
        text().meaning("Warnings of `reconciler lint` that are meant: code and reason."),
    );
    let fields = root.mapping("spec", "What the unit shall be.");
    root.end();

    let account = fields.required(
        "account",
        parse::account()
            .meaning("The AWS account the unit lives in; credentials of another are refused.")
            .example("932100697590"),
    );
    let region = fields.required(
        "region",
        parse::region()
            .meaning("The AWS region the unit lives in.")
            .example("us-east-1"),
    );
    let cluster = fields.required(
        "cluster",
        parse::name(255, "-_")
            .meaning("The ECS cluster, referenced and never made.")
            .example("hokusai-development"),
    );
    let image = fields.required(
        "image",
        parse::image()
            .meaning("What runs: an image in this account's ECR, by version or digest.")
            .example("932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0"),
    );
    let port = fields
        .or(
            "port",
            3001,
            whole(1, 65535).meaning(
                "What the program listens on: PORT in its environment, the container's port and \
the target group's.",
            ),
        )
        .and_then(|port| u16::try_from(port).ok());
    let network = network(fields.mapping("network", "Where the tasks have their addresses."));
    let task = task::task(fields.mapping("task", "What one task is."), reading);
    let health = health(
        fields.mapping(
            "health",
            "How the load balancer and ECS ask a task how it is.",
        ),
        reading,
    );
    let load_balancer =
        load_balancer(fields.mapping("loadBalancer", "How requests reach the tasks."));
    let strategy = rollout::strategy(
        fields.mapping(
            "rollout",
            "How a new revision takes over from the one before.",
        ),
        load_balancer.as_ref(),
        reading,
    );
    let discovery = fields.required(
        "discovery",
        parse::dns_name()
            .meaning(
                "The private DNS name: a Cloud Map service and the namespace it is in, which is \
referenced and never made.",
            )
            .example("contracts.hokusai-development.local"),
    );
    let scaling = scaling::scaling(
        fields.mapping("scaling", "How many tasks, and why more."),
        reading,
    );
    let logs = logs::logs(
        fields.mapping("logs", "Where the tasks' output goes."),
        reading,
    );
    let alarms = signals::alarms(fields.mapping("alarms", "What wakes a person."));
    let slo = signals::slo(fields.mapping(
        "slo",
        "What users are promised; spending the budget of failures too fast raises alarms.",
    ));
    let notifications = signals::notifications(
        fields.mapping("notifications", "Who hears of alarms."),
        name.as_deref(),
        reading,
    );
    let dashboard = fields.or(
        "dashboard",
        true,
        flag().meaning("Whether there is a CloudWatch dashboard of the unit's name."),
    );
    let leave = fields.entries(
        "leave",
        parse::place(),
        text()
            .meaning(
                "What is left as it is found, until its line is removed: a place as the plan prints \
it, and why. `import` writes these for what the service has otherwise.",
            )
            .example("is off today"),
    );
    fields.end();
    if let (Some(strategy), Some(scaling)) = (&strategy, &scaling) {
        rollout::scales(strategy, scaling, reading);
    }

    if let (Some(account), Some(region)) = (&account, &region) {
        if let Some(image) = &image {
            image_is_local(image, account, region, reading);
        }
        if let Some(notifications) = &notifications {
            signals::topic_is_local(notifications, account, region, reading);
        }
    }
    version.and(kind)?;
    Some(Spec {
        name: name?,
        account: account?,
        region: region?,
        cluster: cluster?,
        image: image?,
        port: port?,
        network: network?,
        task: task?,
        health: health?,
        load_balancer: load_balancer?,
        rollout: strategy?,
        discovery: discovery?,
        scaling: scaling?,
        logs: logs?,
        alarms: alarms?,
        slo: slo?,
        notifications: notifications?,
        dashboard: dashboard?,
        allow,
        leave,
    })
}

fn image_is_local(image: &Image, account: &str, region: &str, reading: &Reading<'_>) {
    if image.account != account {
        let what = format!(
            "is in account {}, but spec.account is {account}",
            image.account
        );
        reading.refuse(
            "spec.image",
            wrong(
                what,
                "push the image to this account's registry, or correct the account",
            ),
        );
    } else if image.region != region {
        let what = format!("is in region {}, but spec.region is {region}", image.region);
        reading.refuse(
            "spec.image",
            wrong(what, "use the registry of the service's own region"),
        );
    }
}

fn network(fields: Fields<'_>) -> Option<Network> {
    // awsvpc takes at most 16 subnets and 5 security groups (API_AwsVpcConfiguration).
    let subnets = fields.list(
        "subnets",
        (2, 16),
        parse::id("subnet-")
            .meaning("Subnets of the tasks, at least two so that one zone may fail.")
            .example("subnet-0a1b2c3d4e5f60718"),
    );
    let security_groups = fields.list(
        "securityGroups",
        (1, 5),
        parse::id("sg-")
            .meaning("Security groups of the tasks.")
            .example("sg-0c3d4e5f607182930"),
    );
    let public_address = fields.or(
        "publicAddress",
        false,
        flag().meaning(
            "Whether tasks get public addresses, as they must where their subnets have no other way out.",
        ),
    );
    fields.end();
    Some(Network {
        subnets: subnets?,
        security_groups: security_groups?,
        public_address: public_address?,
    })
}

fn health(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Health> {
    let path = fields.or(
        "path",
        "/health",
        parse::url_path().meaning(
            "What the target group asks for over HTTP; answers while the process lives, \
whatever it depends on.",
        ),
    );
    let command = fields.or(
        "command",
        vec!["contracts-api", "healthcheck"],
        parse::command()
            .meaning("What ECS runs inside the container; it is healthy while this exits with 0."),
    );
    // AWS's own default of 30 s × 5 takes 150 s to notice; 5 s × 2 is its advice for fast starters.
    let interval = fields.or(
        "intervalSeconds",
        5,
        whole(5, 300).meaning("Seconds between two probes."),
    );
    let timeout = fields.or(
        "timeoutSeconds",
        3,
        whole(2, 120).meaning("Seconds an answer may take; less than the interval."),
    );
    let grace_period = fields.or(
        "gracePeriodSeconds",
        60,
        whole(0, 3600).meaning("Seconds a starting task is forgiven failed probes."),
    );
    fields.end();
    if let (Some(interval), Some(timeout)) = (interval, timeout)
        && timeout >= interval
    {
        let what = format!("is {timeout}, but a probe begins every {interval} seconds");
        reading.refuse(
            "spec.health.timeoutSeconds",
            wrong(what, format!("write at most {}", interval - 1)),
        );
    }
    Some(Health {
        path: path?,
        command: command?,
        interval_seconds: interval?,
        timeout_seconds: timeout?,
        grace_period_seconds: grace_period?,
    })
}

fn load_balancer(fields: Fields<'_>) -> Option<LoadBalancer> {
    let name = fields.required(
        "name",
        parse::name(32, "-")
            .meaning(
                "The load balancer, referenced and never made; its HTTPS listener on 443 is used.",
            )
            .example("hokusai-development"),
    );
    let host = fields.required(
        "host",
        parse::host()
            .meaning("The host name whose requests are routed to the tasks.")
            .example("contracts.hokus.ai"),
    );
    let priority = fields.required(
        "priority",
        whole(1, 50000)
            .meaning("The listener rule's priority; the lowest that fits a request wins.")
            .example(100),
    );
    let target_group = fields.required(
        "targetGroup",
        parse::name(32, "-")
            .meaning(
                "The target group's name. Its port cannot be changed, so a new port needs a new \
                 name.",
            )
            .example("hokusai-contracts-3001"),
    );
    let delay = fields.or(
        "deregistrationDelaySeconds",
        30,
        whole(0, 3600).meaning("Seconds a leaving task has to finish its requests."),
    );
    let proof = proof(fields.mapping(
        "proof",
        "How success is proved: once all is stable, the service must say through the load balancer that it is the new build.",
    ));
    fields.end();
    Some(LoadBalancer {
        name: name?,
        host: host?,
        priority: priority?,
        target_group: target_group?,
        deregistration_delay_seconds: delay?,
        proof: proof?,
    })
}

fn proof(fields: Fields<'_>) -> Option<Proof> {
    let ask = fields.or(
        "ask",
        "always",
        choice(&[
            ("always", Ask::Always),
            ("ifReachable", Ask::IfReachable),
            ("never", Ask::Never),
        ])
        .meaning(
            "always: no proof is no success. ifReachable: where the host cannot be reached from the reconciler, as a private one, \
that is said and no failure. never: nothing is asked, which is said too.",
        ),
    );
    let path = fields.optional(
        "path",
        parse::url_path()
            .meaning("Where the service says in JSON which it is (`service`) and of which commit (`gitSha`); spec.health.path where left out.")
            .example("/health"),
    );
    fields.end();
    Some(Proof {
        ask: ask?,
        path: path?,
    })
}

/// Refuses each name of a list's items that an earlier one has already.
fn once<'a>(reading: &Reading<'_>, list: &str, names: impl Iterator<Item = &'a String>) {
    let mut before = BTreeSet::new();
    for (index, name) in names.enumerate() {
        if !before.insert(name) {
            reading.refuse(
                &format!("{list}[{index}].name"),
                wrong(format!("is {name:?} a second time"), "name it otherwise"),
            );
        }
    }
}
