//! Manifests made from a seed: the development one with other numbers, other settings, and defaults left out.

use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::manifest::schema::{Field, Presence};
use contracts::reconciler::spec::Spec;
use serde_yaml::Value;

const DEVELOPMENT: &str = include_str!("../../manifests/development.yaml");

const SEVERAL: &str = r#"
logs:
  metricFilters:
    - { name: warnings, pattern: '{ $.level = "WARN" }', metric: Warnings, namespace: Hokusai/Contracts, defaultValue: 0 }
    - { name: calls, pattern: '{ $.call = "*" }', metric: Calls, namespace: Hokusai/Contracts, value: $.seconds, dimensions: { Chain: $.chain } }
scaling:
  requestsPerTarget: 1000
  schedules: [{ name: evening, at: cron(0 18 * * ? *), timeZone: Europe/Berlin, min: 2, max: 6 }]
  steps: [{ name: rush, metric: cpuPercent, threshold: 80, changes: [{ tasks: 1 }, { beyond: 10, tasks: 2 }] }]
"#;

/// A strategy that moves requests, with all that may be around it, in place of what it cannot be together with.
const SHIFTING: &str = r#"
strategy: canary
stepPercent: 20
test: { host: test.contracts.hokus.ai, priority: 50000 }
hooks:
  - { at: [preScaleUp], function: "arn:aws:lambda:us-east-1:932100697590:function:gate" }
"#;

/// The manifest of a seed with requests moved by ECS.
pub fn shifting(seed: u64) -> String {
    let mut root: Value = serde_yaml::from_str(&manifest(seed)).unwrap();
    let scaling = root["spec"]["scaling"].as_mapping_mut().unwrap();
    scaling.remove("requestsPerTarget");
    root["spec"]["rollout"] = serde_yaml::from_str(SHIFTING).unwrap();
    serde_yaml::to_string(&root).unwrap()
}

/// The development manifest for seed 0, a variant of it for every other.
pub fn manifest(seed: u64) -> String {
    let mut random = fastrand::Rng::with_seed(seed);
    let mut root: Value = serde_yaml::from_str(DEVELOPMENT).unwrap();
    let spec = &mut root["spec"];
    // One of everything that a unit may have several of or none.
    let several: Value = serde_yaml::from_str(SEVERAL).unwrap();
    for (section, fields) in several.as_mapping().unwrap() {
        for (name, value) in fields.as_mapping().unwrap() {
            spec[section][name] = value.clone();
        }
    }
    if seed > 0 {
        let (cpu, memory) = *random
            .choice(&[(256, 512), (512, 2048), (1024, 4096)])
            .unwrap();
        spec["port"] = random.u32(1025..60000).into();
        spec["task"]["cpu"] = cpu.into();
        spec["task"]["memory"] = memory.into();
        for number in 0..random.u32(0..4) {
            let name = format!("SETTING_{number}");
            spec["task"]["environment"][name] = format!("{}", random.u32(..)).into();
        }
        spec["loadBalancer"]["priority"] = random.u32(1..50000).into();
        let interval = random.u32(6..60);
        spec["health"] = Value::Mapping(serde_yaml::Mapping::new());
        spec["health"]["intervalSeconds"] = interval.into();
        spec["health"]["timeoutSeconds"] = random.u32(2..interval).into();
        let min = random.u32(1..4);
        spec["scaling"]["min"] = min.into();
        spec["scaling"]["max"] = random.u32(min..9).into();
        for section in ["scaling", "alarms"] {
            for field in ["cpuPercent", "memoryPercent"] {
                spec[section][field] = random.u32(10..95).into();
            }
        }
        spec["logs"]["retentionDays"] = (*random.choice(&[1, 14, 90, 365]).unwrap()).into();
    }
    leave_out(&mut random, &root)
}

/// Takes out about half of the fields that need not be written.
fn leave_out(random: &mut fastrand::Rng, whole: &Value) -> String {
    let mut root = whole.clone();
    for Field { path, presence, .. } in Spec::fields() {
        let required = matches!(presence, Presence::Required | Presence::Parts);
        // What a unit must have one of for each of its fields to have a value.
        let several = [
            "metricFilters",
            "requestsPerTarget",
            "schedules",
            "steps",
            "subscriptions",
        ];
        let several = several.iter().any(|name| path.ends_with(name));
        if required || several || path.contains("[]") || random.bool() {
            continue;
        }
        let (parents, name) = path.rsplit_once('.').unwrap_or(("", &path));
        let mut node = Some(&mut root);
        for parent in parents.split('.').filter(|parent| !parent.is_empty()) {
            node = node.and_then(|node| node.get_mut(parent));
        }
        if let Some(node) = node.and_then(Value::as_mapping_mut) {
            node.remove(name);
        }
    }
    let text = serde_yaml::to_string(&root).unwrap();
    let manifest = Manifest::parse("generated.yaml", &text).unwrap();
    // Two fields may contradict each other once one of them is its default: then all stay.
    match Spec::believe(&manifest) {
        Ok(_) => text,
        Err(_) => serde_yaml::to_string(&whole).unwrap(),
    }
}
