//! Manifests → problems: where they are, what they say, and that they come all at once.

use std::path::{Path, PathBuf};

use contracts::api::settings::{Absent, Setting, Settings, TABLE};
use contracts::reconciler::desired::desired;
use contracts::reconciler::document;
use contracts::reconciler::manifest::{Manifest, Problem};
use contracts::reconciler::policy::policy;
use contracts::reconciler::spec::Spec;

use crate::golden;
use crate::world::DEVELOPMENT;

/// The problems of a text, as the `validate` verb prints them.
fn problems(text: &str) -> Vec<Problem> {
    match Manifest::parse("m.yaml", text) {
        Err(problem) => vec![problem],
        Ok(manifest) => Spec::believe(&manifest).err().unwrap_or_default(),
    }
}

fn printed(text: &str) -> String {
    problems(text)
        .iter()
        .map(|problem| format!("{problem}\n"))
        .collect()
}

/// The development manifest with one line replaced.
fn with(line: &str, replacement: &str) -> String {
    assert_eq!(
        DEVELOPMENT.matches(line).count(),
        1,
        "{line:?} stands once in the manifest"
    );
    DEVELOPMENT.replace(line, replacement)
}

/// Every manifest the product is deployed from, with its base where it has one.
pub fn committed() -> Vec<(String, Spec)> {
    let paths = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/manifests"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        });
    let believed = |path: PathBuf| {
        let manifest = Manifest::load(&path)?;
        Ok((path.display().to_string(), Spec::believe(&manifest)?))
    };
    let specs: Result<Vec<_>, Vec<Problem>> = paths.map(believed).collect();
    let specs = specs.unwrap_or_else(|problems| panic!("{problems:?}"));
    assert!(specs.len() > 1);
    specs
}

#[test]
fn five_mistakes_are_five_located_errors_in_one_run() {
    let text = include_str!("manifests/five-mistakes.yaml");
    assert_eq!(problems(text).len(), 5);
    golden::check("manifests/five-mistakes.txt", &printed(text));
}

/// Mistakes by name.
pub fn mistakes() -> Vec<(&'static str, String)> {
    vec![
        ("unknown-key", with("  port: 3001", "  prot: 3001")),
        (
            "field-not-kept-yet",
            with("  port: 3001", "  port: 3001\n  sidecars: true"),
        ),
        ("quoted-number", with("  port: 3001", "  port: \"3001\"")),
        (
            "unquoted-text",
            with("account: \"932100697590\"", "account: 932100697590"),
        ),
        ("number-out-of-range", with("  port: 3001", "  port: 70000")),
        (
            "scalar-for-list",
            with(
                "securityGroups: [sg-0c3d4e5f607182930]",
                "securityGroups: sg-0c3d4e5f607182930",
            ),
        ),
        (
            "list-item-twice",
            with(
                "securityGroups: [sg-0c3d4e5f607182930]",
                "securityGroups: [sg-0c3d4e5f607182930, sg-0c3d4e5f607182930]",
            ),
        ),
        (
            "missing-field",
            with("  cluster: hokusai-development\n", ""),
        ),
        ("min-above-max", with("    min: 2", "    min: 12")),
        ("image-latest", with("contracts:0.1.0", "contracts:latest")),
        (
            "image-of-another-account",
            with("  image: 932100697590", "  image: 111111111111"),
        ),
        (
            "fargate-has-no-such-size",
            with("    memory: 1024 ", "    memory: 700 "),
        ),
        (
            "retention-not-offered",
            with("    retentionDays: 30", "    retentionDays: 31"),
        ),
        (
            "port-set-twice",
            with(
                "      LOG_LEVEL: info",
                "      LOG_LEVEL: info\n      PORT: \"3001\"",
            ),
        ),
        (
            "setting-and-secret",
            with(
                "      LOG_LEVEL: info",
                "      LOG_LEVEL: info\n      REDIS_URL: x",
            ),
        ),
        (
            "one-role-for-both",
            with(
                "taskRole: hokusai-contracts-task-role",
                "taskRole: hokusai-contracts-execution-role",
            ),
        ),
        (
            "timeout-not-below-interval",
            with(
                "  discovery:",
                "  health: {intervalSeconds: 5, timeoutSeconds: 5}\n  discovery:",
            ),
        ),
        (
            "address-and-secret",
            with(
                "      API_KEYS: /hokusai/development/contracts/api_keys",
                "      TOKEN_MANAGER_ADDRESS: /hokusai/development/contracts/token_manager_address",
            ),
        ),
        (
            "root-as-user",
            with("    memory: 1024 ", "    user: \"0\"\n    memory: 1024 "),
        ),
        (
            "key-by-alias",
            with(
                "    memory: 1024 ",
                "    secretsKey: alias/contracts\n    memory: 1024 ",
            ),
        ),
        (
            "signing-key-by-alias",
            with(
                "      LOG_LEVEL: info",
                "      LOG_LEVEL: info\n      KMS_BACKEND_KEY_ID: alias/deployer",
            ),
        ),
        (
            "policy-without-resource",
            with(
                "    memory: 1024 ",
                "    policy: {Version: \"2012-10-17\", Statement: [{Effect: Allow, Action: \"s3:*\"}]}\n    memory: 1024 ",
            ),
        ),
        (
            "policy-by-exclusion",
            with(
                "    memory: 1024 ",
                "    policy: {Version: \"2012-10-17\", Statement: {Effect: Allow, NotAction: [\"iam:*\"], Resource: \"*\"}}\n    memory: 1024 ",
            ),
        ),
        (
            "alarm-switched-off-by-0",
            with("    queueDepth: 100", "    queueDepth: 0"),
        ),
        (
            "keys-source-is-a-value",
            with(
                "      LOG_LEVEL: info",
                "      LOG_LEVEL: info\n      API_KEYS_SOURCE: web:hk_live_abcdefghijklmnop",
            ),
        ),
        (
            "keys-source-among-secrets",
            with(
                "      API_KEYS: ",
                "      API_KEYS_SOURCE: /hokusai/development/contracts/source\n      API_KEYS: ",
            ),
        ),
        (
            "percent-switched-off-by-0",
            with("    cpuPercent: 60", "    cpuPercent: 0"),
        ),
        (
            "schedules",
            with(
                "    max: 10",
                "    max: 10\n    schedules:\n      - {name: a, at: 8 o'clock, min: 1, max: 2}\n      \
                 - {name: b, at: rate(1 day), min: 4, max: 3}\n      - {name: b, at: rate(1 day), min: 1, max: 1}",
            ),
        ),
        (
            "steps-that-do-not-rise",
            with(
                "    max: 10",
                "    max: 10\n    steps:\n      - {name: a, metric: cpuPercent, threshold: 80, changes: [{beyond: 1, tasks: 1}]}\n      \
                 - {name: b, metric: requests, threshold: 80, changes: [{tasks: 1}, {beyond: 0, tasks: 2}]}",
            ),
        ),
        (
            "metric-filters",
            with(
                "    retentionDays: 30",
                "    metricFilters:\n      - {name: a, pattern: x, metric: A, namespace: AWS/ECS, unit: Seconds/Second}\n      \
                 - {name: b, pattern: x, metric: B, namespace: N, dimensions: {D: $.d}, defaultValue: 0}",
            ),
        ),
        (
            "key-twice",
            with("  port: 3001", "  port: 3001\n  port: 3002"),
        ),
        (
            "objective-out-of-reach",
            with("    availability: 99.9%", "    availability: 100%"),
        ),
        (
            "objective-not-a-percentile",
            with("    latency: {p99: 2s}", "    latency: {mean: 2s}"),
        ),
        (
            "subscription-without-protocol",
            with("      - email: alerts@hokus.ai", "      - alerts@hokus.ai"),
        ),
        (
            "subscription-to-no-address",
            with("      - email: alerts@hokus.ai", "      - email: alerts"),
        ),
        (
            "topic-of-another-region",
            with(
                "    topic: hokusai-contracts-development-alarms",
                "    topic: arn:aws:sns:eu-west-1:932100697590:everyone",
            ),
        ),
        (
            "switch-quoted",
            with("  dashboard: true", "  dashboard: \"true\""),
        ),
        ("not-yaml", with("  port: 3001", "  port: [3001")),
        ("not-a-mapping", "- a\n- b\n".to_owned()),
        ("empty", String::new()),
        ("wrong-kind", with("kind: Service", "kind: Deployment")),
    ]
}

#[test]
fn each_mistake_is_named_where_it_stands() {
    let mut all = String::new();
    for (name, text) in mistakes() {
        let found = printed(&text);
        assert!(!found.is_empty(), "{name} was believed");
        all += &format!("## {name}\n{found}\n");
    }
    golden::check("manifests/mistakes.txt", &all);
}

/// Manifests with as many mistakes in `spec.rollout` as it has rules: those of one field, those of fields together, and what means
/// nothing to a rolling one.
#[test]
fn every_rule_of_a_rollout_is_an_error_where_it_stands() {
    let fields = r"
    strategy: sideways
    bakeMinutes: 1441
    stepPercent: 2
    stepBakeMinutes: -1
    alternateTargetGroup: hokusai_contracts
    pace: slow
    test: {host: 'no host', priority: 0, port: 1}
    hooks:
      - {at: []}
      - {at: [whenever], function: gate}
      - {at: [preScaleUp, preScaleUp], timeoutMinutes: 20161, onTimeout: hope, who: me}
      - {function: 'arn:aws:lambda:us-east-1:932100697590:function:gate'}";
    let together = r"
    strategy: canary
    alternateTargetGroup: hokusai-contracts-3001
    test: {host: contracts.hokus.ai, priority: 100}
    hooks:
      - {at: [postScaleUp, testTrafficShift]}
      - {at: [productionTrafficShift], timeoutMinutes: 5}";
    let rolling = r"
    strategy: rolling
    alternateTargetGroup: hokusai-contracts-3001-b
    test: {host: test.contracts.hokus.ai, priority: 101}
    hooks: [{at: [preScaleUp]}]";
    let by_requests = "    max: 10\n    requestsPerTarget: 100\n    steps: [{name: a, metric: requestsPerTarget, threshold: 80, changes: [{tasks: 1}]}]";
    let by_requests = with("    max: 10", by_requests);
    let mut all = String::new();
    for (name, base, rollout, count) in [
        ("of one field", DEVELOPMENT, fields, 17),
        ("of fields together", &by_requests, together, 7),
        ("of what is not for rolling", DEVELOPMENT, rolling, 3),
    ] {
        let text = format!("  rollout:{rollout}\n  dashboard: true");
        let text = base.replace("  dashboard: true", &text);
        all += &format!("## {name}\n{}\n", printed(&text));
        assert_eq!(problems(&text).len(), count, "{all}");
    }
    golden::check("manifests/rollout.txt", &all);
}

#[test]
fn a_secret_written_into_the_manifest_is_refused_and_never_repeated() {
    let key = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
    let text = with("/hokusai/development/contracts/deployer_key", key);
    let found = printed(&text);
    assert!(
        found.contains("DEPLOYER_PRIVATE_KEY: is not the full name of an SSM parameter"),
        "{found}"
    );
    assert!(!found.contains(&key[2..]), "{found}");
}

/// The development manifest writes the defaults of these sections; without them it is the same unit.
#[test]
fn alarms_objectives_and_dashboard_left_out_are_the_defaults_written() {
    let spec = |text: &str| Spec::believe(&Manifest::parse("m.yaml", text).unwrap()).unwrap();
    let written = spec(DEVELOPMENT);
    let mut lines: Vec<&str> = DEVELOPMENT.lines().collect();
    let from = lines.iter().position(|line| *line == "  alarms:").unwrap();
    let sections = lines.split_off(from);
    let field = |name: &str| {
        let rest: Vec<&str> = sections
            .iter()
            .copied()
            .filter(|line| !line.contains(name))
            .collect();
        let without = [lines.join("\n"), rest.join("\n")].join("\n");
        assert_ne!(without, DEVELOPMENT.trim_end(), "{name} is written");
        assert_eq!(spec(&without), written, "without {name}");
    };
    for name in [
        "errorPercent:",
        "latencyP99Seconds:",
        "cpuPercent:",
        "memoryPercent:",
        "queueDepth:",
        "queueAgeSeconds:",
        "balanceMin:",
        "rpcFailures:",
        "availability:",
        "latency:",
        "    topic:",
        "dashboard:",
    ] {
        field(name);
    }
    let mut left_out = spec(&lines.join("\n"));
    // The one thing that has no default is who is told.
    left_out.notifications = written.notifications.clone();
    // Which stands below these sections, and is about others.
    left_out.allow = written.allow.clone();
    assert_eq!(left_out, written);
}

#[test]
fn aliases_that_grow_without_bound_are_refused() {
    let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..12 {
        let below = format!("*a{}, ", level - 1).repeat(10);
        text += &format!("a{level}: &a{level} [{}]\n", below.trim_end_matches(", "));
    }
    assert!(
        printed(&text).contains("is not YAML: repetition limit exceeded"),
        "{}",
        printed(&text)
    );
}

#[test]
fn a_problem_in_json_has_its_file_line_and_column() {
    let problem =
        serde_json::to_value(&problems(&with("  port: 3001", "  port: nine"))[0]).unwrap();
    assert_eq!(
        (&problem["file"], &problem["line"], &problem["column"]),
        (&"m.yaml".into(), &12.into(), &9.into())
    );
}

/// The two programs share no code; what ECS injects and what the API reads must agree all the same.
#[test]
fn what_every_manifest_gives_the_container_starts_the_api_where_the_balancer_looks_for_it() {
    // What runs another program than the image's own is told something else.
    let committed = committed().into_iter();
    for (file, spec) in committed.filter(|(_, spec)| spec.task.command.is_empty()) {
        let resources = desired(&spec);
        let container = resources.task_definition.container;
        for name in container.environment.keys() {
            assert!(
                TABLE.iter().any(|s| s.name == name && !s.secret),
                "{file}: {name} is a plain setting"
            );
        }
        for name in container.secrets.keys() {
            assert!(
                TABLE.iter().any(|s| s.name == name),
                "{file}: {name} is a setting"
            );
        }
        let needed = |setting: &&Setting| setting.secret && setting.absent == Absent::Refused;
        for setting in TABLE.iter().filter(needed) {
            let name = setting.name;
            assert!(
                container.secrets.contains_key(name),
                "{file}: {name} is given as a secret"
            );
        }
        let settings = Settings::read(|name| {
            let secret = || container.secrets.get(name).map(|_| secret_value(name));
            let value = container.environment.get(name).cloned().or_else(secret);
            value.map(Ok)
        })
        .unwrap_or_else(|problems| panic!("{file}: {problems:?}"));
        let listen = settings.listen;
        assert!(listen.ip().is_unspecified(), "{file}: {listen}");
        let ports = [container.port, resources.target_group.port];
        assert_eq!(ports, [i32::from(listen.port()); 2], "{file}");
        let path = resources.target_group.health_check.path;
        assert_eq!(path, "/health", "{file}: the API's route for balancers");
        assert_eq!(
            container.health_command,
            ["contracts-api", "healthcheck"],
            "{file}"
        );
    }
}

/// A valid value for a secret whose real one only AWS has.
fn secret_value(name: &str) -> String {
    match name {
        "DEPLOYER_PRIVATE_KEY" => format!("0x{}", "1".repeat(64)),
        "TOKEN_MANAGER_ADDRESS" | "MODEL_REGISTRY_ADDRESS" => format!("0x{}", "1".repeat(40)),
        "RPC_URL" => "https://node.example/key".into(),
        "REDIS_URL" => "rediss://cache.example:6379".into(),
        "API_KEYS" => format!("web:{}", "a".repeat(64)),
        other => panic!("no example of {other}"),
    }
}

/// Whose rights are not those it needs for what it is told to keep fails there, hours after a person could have seen it.
#[test]
fn the_reconcilers_own_unit_has_the_rights_for_what_it_keeps() {
    let believed = |name: &str| {
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("manifests")
            .join(name);
        Spec::believe(&Manifest::load(&manifest).unwrap()).unwrap()
    };
    let [kept, own] = ["development.yaml", "reconciler.yaml"].map(believed);
    let rights = document::normal(policy(&[&kept, &own]));
    assert_eq!(
        own.task.policy.as_ref(),
        Some(&rights),
        "make generate rewrites it"
    );
    assert_eq!(own.image, kept.image);
    let units = own.task.command.iter().skip_while(|word| *word != "--unit");
    let units: Vec<&String> = units.filter(|word| *word != "--unit").collect();
    assert_eq!(units, [&kept.name, &own.name]);
}
