//! Manifests → problems: where they are, what they say, and that they come all at once.

use contracts::api::settings::{Absent, TABLE};
use contracts::reconciler::manifest::{Manifest, Problem};
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

#[test]
fn every_committed_manifest_is_believed() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/manifests");
    let files: Vec<_> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert!(!files.is_empty());
    for file in files {
        assert_eq!(
            printed(&std::fs::read_to_string(&file).unwrap()),
            "",
            "{}",
            file.display()
        );
    }
}

#[test]
fn five_mistakes_are_five_located_errors_in_one_run() {
    let text = include_str!("manifests/five-mistakes.yaml");
    assert_eq!(problems(text).len(), 5);
    golden::check("manifests/five-mistakes.txt", &printed(text));
}

#[test]
fn each_mistake_is_named_where_it_stands() {
    let rows = [
        ("unknown-key", with("  port: 3001", "  prot: 3001")),
        (
            "field-not-kept-yet",
            with("  port: 3001", "  port: 3001\n  dashboard: true"),
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
            "key-twice",
            with("  port: 3001", "  port: 3001\n  port: 3002"),
        ),
        ("not-yaml", with("  port: 3001", "  port: [3001")),
        ("not-a-mapping", "- a\n- b\n".to_owned()),
        ("empty", String::new()),
        ("wrong-kind", with("kind: Service", "kind: Deployment")),
    ];
    let mut all = String::new();
    for (name, text) in rows {
        let found = printed(&text);
        assert!(!found.is_empty(), "{name} was believed");
        all += &format!("## {name}\n{found}\n");
    }
    golden::check("manifests/mistakes.txt", &all);
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
fn every_variable_of_the_manifest_is_a_setting_of_the_api_and_none_it_needs_is_missing() {
    let spec = crate::world::spec();
    let setting = |name: &String| TABLE.iter().find(|setting| setting.name == name);
    for name in spec.task.environment.keys() {
        assert!(
            setting(name).is_some_and(|setting| !setting.secret),
            "{name} is a plain setting"
        );
    }
    for name in spec.task.secrets.keys() {
        assert!(setting(name).is_some(), "{name} is a setting");
    }
    for setting in TABLE {
        let (plain, secret) = (
            spec.task.environment.contains_key(setting.name),
            spec.task.secrets.contains_key(setting.name),
        );
        assert!(
            !setting.secret || secret,
            "{} is given as a secret",
            setting.name
        );
        assert!(
            setting.absent != Absent::Refused || plain || secret,
            "{} is given",
            setting.name
        );
    }
    let port = TABLE
        .iter()
        .find(|setting| setting.name == "PORT")
        .unwrap()
        .absent;
    assert_eq!(
        port,
        Absent::Default("3001"),
        "the image's own port is the manifest's"
    );
    assert_eq!((spec.port, spec.health.path.as_str()), (3001, "/health"));
}
