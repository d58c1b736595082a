//! `spec.task`: what one task is.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use serde_yaml::Value;

use crate::reconciler::manifest::fields::{Fields, Reading};
use crate::reconciler::manifest::value::{choice, flag, text, whole, wrong};
use crate::reconciler::spec::parse;
use crate::reconciler::spec::{Architecture, Task};

pub(super) fn task(fields: Fields<'_>, reading: &Reading<'_>) -> Option<Task> {
    let family = fields.required(
        "family",
        parse::name(255, "-_")
            .meaning("The task definition's family.")
            .example("hokusai-contracts-task"),
    );
    let container = fields.required(
        "container",
        parse::name(255, "-_")
            .meaning("The container's name.")
            .example("contract-deployer"),
    );
    let cpu = fields.or(
        "cpu",
        512,
        whole(256, 16384).meaning(
            "CPU units of one task; 1024 is one vCPU. Fargate offers 256, 512, 1024, 2048, \
4096, 8192 and 16384.",
        ),
    );
    let memory = fields.or(
        "memory",
        1024,
        whole(512, 122_880).meaning("MiB of one task; one that Fargate offers for this cpu."),
    );
    let execution_role = fields.required(
        "executionRole",
        parse::name(64, "+=,.@-_")
            .meaning("The role ECS uses to pull the image, read the secrets and write the logs.")
            .example("hokusai-contracts-execution-role"),
    );
    let task_role = fields.required(
        "taskRole",
        parse::name(64, "+=,.@-_")
            .meaning("The role of the program itself; not the execution role.")
            .example("hokusai-contracts-task-role"),
    );
    let command = fields.optional(
        "command",
        parse::command()
            .meaning("What runs, in place of the image's own command.")
            .example(json!(["reconciler", "run"])),
    );
    let environment = fields.entries(
        "environment",
        parse::variable(),
        text()
            .meaning("Plain settings: variable and value. PORT is set from spec.port, SERVICE_NAME from metadata.name and API_KEYS_SOURCE, unless it is here, from the \
parameter of API_KEYS.")
            .example("info"),
    );
    let secrets = fields.entries(
        "secrets",
        parse::variable(),
        parse::parameter()
            .meaning(
                "Secret settings: variable and SSM parameter. The values stay there and are never \
                 read.",
            )
            .example("/hokusai/development/contracts/redis_url"),
    );
    let addresses = fields.entries(
        "addresses",
        parse::variable(),
        parse::parameter()
            .meaning(
                "Addresses of contracts: variable and SSM parameter of type String. These values are read, so that one that is \
                 all zeros is noticed before a task starts with it.",
            )
            .example("/hokusai/development/contracts/token_manager_address"),
    );
    let reloads: Option<BTreeSet<String>> = fields.list(
        "reloads",
        (0, 50),
        parse::variable()
            .meaning(
                "Variables of secrets and addresses that the program reads anew by itself, as API_KEYS, which need not be here. A new \
                 version of any other parameter is a new rollout, since ECS reads it only when a task starts.",
            )
            .example("FEATURES"),
    );
    let secrets_key = fields.optional(
        "secretsKey",
        parse::key()
            .meaning(
                "The KMS key the secrets are encrypted with, where it is not AWS's own aws/ssm: ECS is allowed to decrypt with it.",
            )
            .example("arn:aws:kms:us-east-1:932100697590:key/6b9a8d5e-0f0f-4a4b-9d0e-1c2d3e4f5a6b"),
    );
    let policy = fields.optional(
        "policy",
        parse::policy().meaning(
            "What the program itself may do in AWS, as an IAM policy. What follows from other fields, such as reading its API \
             keys, it need not say.",
        ),
    );
    let architecture = fields.or(
        "architecture",
        "X86_64",
        choice(&[
            ("X86_64", Architecture::X86_64),
            ("ARM64", Architecture::Arm64),
        ])
        .meaning("The processor; the image must be for it."),
    );
    let init = fields.or(
        "init",
        true,
        flag().meaning(
            "Whether ECS puts an init process before the program, which forwards signals and reaps orphans.",
        ),
    );
    let stop_timeout = fields.or(
        "stopTimeoutSeconds",
        30,
        // Fargate's own bounds (API_ContainerDefinition, stopTimeout).
        whole(2, 120)
            .meaning("Seconds from SIGTERM to SIGKILL: the program's drain must end within."),
    );
    let read_only_root = fields.or(
        "readOnlyRoot",
        true,
        flag().meaning("Whether the root file system is read-only."),
    );
    let user = fields.or(
        "user",
        "10001:10001",
        parse::user().meaning("Who the program runs as, uid or uid:gid; not root."),
    );
    let open_files = fields.or(
        "openFiles",
        65_535,
        whole(1024, 1_048_576)
            .meaning("How many files and sockets the program may have open; the only limit Fargate lets one set."),
    );
    let execute_command = fields.or(
        "executeCommand",
        false,
        flag().meaning(
            "Whether one may open a shell in a task (ECS Exec); the task role is then allowed the channel for it.",
        ),
    );
    fields.end();
    if let (Some(cpu), Some(memory)) = (cpu, memory) {
        size(cpu, memory, reading);
    }
    variables(
        [
            ("environment", &environment),
            ("secrets", &secrets),
            ("addresses", &addresses),
        ],
        reading,
    );
    keys_source(&environment, [&secrets, &addresses], reading);
    for name in reloads.iter().flatten() {
        if !secrets.contains_key(name) && !addresses.contains_key(name) {
            reading.refuse(
                "spec.task.reloads",
                wrong(
                    format!("names {name}, which comes from no parameter"),
                    "name a variable of spec.task.secrets or spec.task.addresses, or remove it",
                ),
            );
        }
    }
    // The task role is granted exactly this key, which an alias does not name.
    let signing_key = environment.get("KMS_BACKEND_KEY_ID");
    if signing_key.is_some_and(|key| key.contains("alias/")) {
        let what = "is an alias, by which IAM grants nothing";
        reading.refuse(
            "spec.task.environment.KMS_BACKEND_KEY_ID",
            wrong(what, "write the key's id or ARN"),
        );
    }
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
        command: command?.unwrap_or_default(),
        policy: policy?,
        environment,
        secrets,
        addresses,
        reloads: reloads?,
        secrets_key: secrets_key?,
        architecture: architecture?,
        init: init?,
        stop_timeout_seconds: stop_timeout?,
        read_only_root: read_only_root?,
        user: user?,
        open_files: open_files?,
        execute_command: execute_command?,
    })
}

/// The task role is granted exactly what it names, so it must be known here.
fn keys_source(
    environment: &BTreeMap<String, String>,
    parameters: [&BTreeMap<String, String>; 2],
    reading: &Reading<'_>,
) {
    const NAME: &str = "API_KEYS_SOURCE";
    if let Some(source) = environment.get(NAME)
        && let Err(found) = parse::keys_source().read(&Value::from(source.as_str()))
    {
        reading.refuse(&format!("spec.task.environment.{NAME}"), found);
    }
    for (section, parameters) in ["secrets", "addresses"].iter().zip(parameters) {
        if parameters.contains_key(NAME) {
            let what = "is the place of a secret, and none itself";
            reading.refuse(
                &format!("spec.task.{section}.{NAME}"),
                wrong(what, "write it under spec.task.environment"),
            );
        }
    }
}

/// Variables the reconciler sets from other fields, and the field that is the place to say it.
const DERIVED_VARIABLES: [(&str, &str); 2] =
    [("PORT", "spec.port"), ("SERVICE_NAME", "metadata.name")];

/// A variable has one source.
fn variables(sections: [(&str, &BTreeMap<String, String>); 3], reading: &Reading<'_>) {
    for (name, field) in DERIVED_VARIABLES {
        for (section, _) in sections.iter().filter(|(_, all)| all.contains_key(name)) {
            let what = format!("is set from {field}");
            reading.refuse(
                &format!("spec.task.{section}.{name}"),
                wrong(what, format!("remove it and write {field}")),
            );
        }
    }
    for (index, (section, variables)) in sections.iter().enumerate() {
        for name in variables.keys() {
            let mut earlier = sections.iter().take(index);
            if let Some((other, _)) = earlier.find(|(_, all)| all.contains_key(name)) {
                let what = format!("is set under spec.task.{other} as well");
                reading.refuse(
                    &format!("spec.task.{section}.{name}"),
                    wrong(what, "keep one of the two"),
                );
            }
        }
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
