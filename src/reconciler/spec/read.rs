//! The manifest's shape, section by section: which fields there are, their defaults, and which contradict each other.
//!
//! Takes a [`Reading`], gives the [`Spec`] unless something is wrong; the problems stay in the reading. Every section is
//! read to its end whatever was wrong before, and a contradiction is looked for wherever both of its sides are known.

use std::collections::{BTreeMap, BTreeSet};

use super::parse;
use super::{Alarms, Health, Image, LoadBalancer, Logs, Network, Scaling, Spec, Task};
use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{positive, text, whole, wrong};

/// The whole manifest.
pub fn unit(reading: &Reading<'_>) -> Option<Spec> {
    let root = reading.root();
    let version = root.required("apiVersion", parse::exactly("hokus.ai/v1"));
    let kind = root.required("kind", parse::exactly("Service"));
    let metadata = root.mapping("metadata");
    let name = metadata.required("name", parse::name(64, "-"));
    metadata.end();
    let fields = root.mapping("spec");
    root.end();

    let account = fields.required("account", parse::account);
    let region = fields.required("region", parse::region);
    let cluster = fields.required("cluster", parse::name(255, "-_"));
    let image = fields.required("image", parse::image);
    let port = fields
        .or("port", 3001, whole(1, 65535))
        .and_then(|port| u16::try_from(port).ok());
    let network = network(fields.mapping("network"), reading);
    let task = task(fields.mapping("task"), reading);
    let health = health(fields.mapping("health"), reading);
    let load_balancer = load_balancer(fields.mapping("loadBalancer"));
    let discovery = fields.required("discovery", parse::dns_name);
    let scaling = scaling(fields.mapping("scaling"), reading);
    let logs = logs(fields.mapping("logs"));
    let alarms = alarms(fields.mapping("alarms"));
    fields.end();

    if let (Some(image), Some(account), Some(region)) = (&image, &account, &region) {
        image_is_local(image, account, region, reading);
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
        discovery: discovery?,
        scaling: scaling?,
        logs: logs?,
        alarms: alarms?,
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

fn network(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Network> {
    let subnets = fields.list("subnets", parse::id("subnet-"));
    let security_groups = fields.list("securityGroups", parse::id("sg-"));
    fields.end();
    // awsvpc takes at most 16 subnets and 5 security groups (API_AwsVpcConfiguration).
    count(reading, "spec.network.subnets", &subnets, 2, 16);
    count(
        reading,
        "spec.network.securityGroups",
        &security_groups,
        1,
        5,
    );
    Some(Network {
        subnets: subnets?,
        security_groups: security_groups?,
    })
}

fn count(
    reading: &Reading<'_>,
    field: &str,
    list: &Option<BTreeSet<String>>,
    min: usize,
    max: usize,
) {
    if let Some(list) = list
        && !(min..=max).contains(&list.len())
    {
        reading.refuse(
            field,
            wrong(
                format!("has {} items", list.len()),
                format!("name {min} to {max}"),
            ),
        );
    }
}

fn task(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Task> {
    let family = fields.required("family", parse::name(255, "-_"));
    let container = fields.required("container", parse::name(255, "-_"));
    let cpu = fields.or("cpu", 512, whole(256, 16384));
    let memory = fields.or("memory", 1024, whole(512, 122_880));
    let execution_role = fields.required("executionRole", parse::name(64, "+=,.@-_"));
    let task_role = fields.required("taskRole", parse::name(64, "+=,.@-_"));
    let environment = fields.entries("environment", parse::variable, text);
    let secrets = fields.entries("secrets", parse::variable, parse::parameter);
    fields.end();
    if let (Some(cpu), Some(memory)) = (cpu, memory) {
        size(cpu, memory, reading);
    }
    variables(&environment, &secrets, reading);
    if let (Some(execution), Some(task)) = (&execution_role, &task_role)
        && execution == task
    {
        let what = "is the execution role too, which may read every secret";
        reading.refuse(
            "spec.task.taskRole",
            wrong(
                what,
                "name a second role: the program needs less than ECS does",
            ),
        );
    }
    Some(Task {
        family: family?,
        container: container?,
        cpu: cpu?,
        memory: memory?,
        execution_role: execution_role?,
        task_role: task_role?,
        environment,
        secrets,
    })
}

/// Variables the reconciler sets from other fields, and the field that is the place to say it.
const DERIVED_VARIABLES: [(&str, &str); 1] = [("PORT", "spec.port")];

fn variables(
    environment: &BTreeMap<String, String>,
    secrets: &BTreeMap<String, String>,
    reading: &Reading<'_>,
) {
    for (name, field) in DERIVED_VARIABLES {
        for section in [("environment", environment), ("secrets", secrets)] {
            if section.1.contains_key(name) {
                let what = format!("is set from {field}");
                reading.refuse(
                    &format!("spec.task.{}.{name}", section.0),
                    wrong(what, format!("remove it and write {field}")),
                );
            }
        }
    }
    for name in secrets
        .keys()
        .filter(|name| environment.contains_key(*name))
    {
        let what = "is a plain setting under spec.task.environment as well";
        reading.refuse(
            &format!("spec.task.secrets.{name}"),
            wrong(what, "keep one of the two"),
        );
    }
}

/// Fargate's sizes: for each CPU the memories from first to last in steps, in MiB.
/// <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html#fargate-tasks-size>
const FARGATE_SIZES: [(u32, u32, u32, u32); 7] = [
    (256, 512, 2048, 512),
    (512, 1024, 4096, 1024),
    (1024, 2048, 8192, 1024),
    (2048, 4096, 16384, 1024),
    (4096, 8192, 30720, 1024),
    (8192, 16384, 61440, 4096),
    (16384, 32768, 122_880, 8192),
];

fn size(cpu: u32, memory: u32, reading: &Reading<'_>) {
    let Some((_, first, last, step)) = FARGATE_SIZES.iter().find(|row| row.0 == cpu) else {
        let sizes: Vec<String> = FARGATE_SIZES.iter().map(|row| row.0.to_string()).collect();
        reading.refuse(
            "spec.task.cpu",
            wrong(
                format!("is {cpu}"),
                format!("Fargate offers {}", sizes.join(", ")),
            ),
        );
        return;
    };
    // 256 CPU units come with 512, 1024 or 2048, not with 1536.
    let fits = (*first..=*last).contains(&memory)
        && (memory - first).is_multiple_of(*step)
        && (cpu, memory) != (256, 1536);
    if !fits {
        let what = format!("is {memory}, which Fargate does not offer for cpu {cpu}");
        reading.refuse(
            "spec.task.memory",
            wrong(what, format!("write {first} to {last} in steps of {step}")),
        );
    }
}

fn health(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Health> {
    let path = fields.or("path", "/health".to_owned(), parse::url_path);
    let command = fields.or(
        "command",
        vec!["contracts-api".to_owned(), "healthcheck".to_owned()],
        parse::command,
    );
    // AWS's own default of 30 s × 5 takes 150 s to notice; 5 s × 2 is its advice for fast starters.
    let interval = fields.or("intervalSeconds", 5, whole(5, 300));
    let timeout = fields.or("timeoutSeconds", 3, whole(2, 120));
    let grace_period = fields.or("gracePeriodSeconds", 60, whole(0, 3600));
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
    let name = fields.required("name", parse::name(32, "-"));
    let host = fields.required("host", parse::host);
    let priority = fields.required("priority", whole(1, 50000));
    let target_group = fields.required("targetGroup", parse::name(32, "-"));
    let delay = fields.or("deregistrationDelaySeconds", 30, whole(0, 3600));
    fields.end();
    Some(LoadBalancer {
        name: name?,
        host: host?,
        priority: priority?,
        target_group: target_group?,
        deregistration_delay_seconds: delay?,
    })
}

fn scaling(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Scaling> {
    let min = fields.or("min", 2, whole(1, 5000));
    let max = fields.or("max", 10, whole(1, 5000));
    let cpu_percent = fields.or("cpuPercent", 60, whole(1, 100));
    let memory_percent = fields.or("memoryPercent", 70, whole(1, 100));
    fields.end();
    if let (Some(min), Some(max)) = (min, max)
        && min > max
    {
        reading.refuse(
            "spec.scaling.max",
            wrong(
                format!("is {max}, below min, which is {min}"),
                format!("write at least {min}"),
            ),
        );
    }
    Some(Scaling {
        min: min?,
        max: max?,
        cpu_percent: cpu_percent?,
        memory_percent: memory_percent?,
    })
}

fn logs(fields: Fields<'_>) -> Option<Logs> {
    let group = fields.required("group", parse::name(512, "-_/.#"));
    let retention_days = fields.or("retentionDays", 30, parse::retention);
    fields.end();
    Some(Logs {
        group: group?,
        retention_days: retention_days?,
    })
}

fn alarms(fields: Fields<'_>) -> Option<Alarms> {
    let errors = fields.or("errors", 10, whole(1, 1_000_000));
    let latency = fields.or("latencyP99Seconds", 2.0, positive);
    let cpu_percent = fields.or("cpuPercent", 70, whole(1, 100));
    let memory_percent = fields.or("memoryPercent", 80, whole(1, 100));
    fields.end();
    Some(Alarms {
        errors: errors?,
        latency_p99_seconds: latency?,
        cpu_percent: cpu_percent?,
        memory_percent: memory_percent?,
    })
}
