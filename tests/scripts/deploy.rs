//! deploy.sh and build-and-push.sh, held to what the scripts before them got wrong.

use crate::{MANIFEST, UNIT, WELL, World, commit};

const CLUSTER: &str = "hokusai-development";
/// The tag 0.2.0 of the account's repository.
pub const NEXT: &str = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts@sha256:8e0abe8c2987b0d35375919e5b1f09deae8599e30bd74ac1c1653b5d4ed68d92";

impl World {
    fn service(&self) -> serde_json::Value {
        let arguments = [
            "describe-services",
            "--cluster",
            CLUSTER,
            "--services",
            UNIT,
        ];
        self.aws("ecs", &arguments)["services"][0].clone()
    }

    fn head(&self) -> String {
        crate::git(&self.work(), &["rev-parse", "HEAD"])
    }

    /// The image that the service's present revision names.
    fn image(&self) -> String {
        let revision = self.service()["taskDefinition"]
            .as_str()
            .unwrap()
            .to_owned();
        let arguments = ["describe-task-definition", "--task-definition", &revision];
        let containers = &self.aws("ecs", &arguments)["taskDefinition"]["containerDefinitions"];
        containers[0]["image"].as_str().unwrap().to_owned()
    }
}

/// a: the old script lost its own log lines into the argument of a call, and never deployed anything. b: its default was
/// `latest`. f: a missing cluster passed its check. g: it set neither circuit breaker nor grace period.
#[test]
fn a_deploy_deploys_and_ends_when_ecs_is_done() {
    let world = World::start(WELL);
    let dry = world.run("deploy.sh", &["--dry-run", MANIFEST]);
    assert_eq!(dry.code, 0);
    assert!(
        dry.stdout
            .contains("+ service hokusai-contracts-development")
    );
    assert_eq!(
        world.service(),
        serde_json::Value::Null,
        "--dry-run made it"
    );

    let first = world.run("deploy.sh", &[MANIFEST]);
    assert_eq!(first.code, 0);
    let service = world.service();
    assert_eq!(service["runningCount"], 2);
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    let configuration = &service["deploymentConfiguration"];
    let breaker = &configuration["deploymentCircuitBreaker"];
    assert_eq!(
        (&breaker["enable"], &breaker["rollback"]),
        (&true.into(), &true.into())
    );
    assert!(service["healthCheckGracePeriodSeconds"].as_i64() > Some(0));
    assert!(world.image().ends_with(":0.1.0"));

    let next = world.run("deploy.sh", &["--image", NEXT, MANIFEST, "--timeout", "5m"]);
    assert_eq!(next.code, 0);
    assert_eq!(world.image(), NEXT);
    let summary = std::fs::read_to_string(world.summary()).unwrap();
    assert!(
        summary.contains("### Plan for `hokusai-contracts-development`"),
        "{summary}"
    );
    assert_eq!(summary.matches("### ✅ stable").count(), 2, "{summary}");

    let latest = world.run("deploy.sh", &[MANIFEST, "--set", "image.tag=latest"]);
    assert_eq!(latest.code, 64);
    let elsewhere = ["--dry-run", "manifests/elsewhere.yaml"];
    let overlay = "base: development.yaml\nspec: {cluster: no-such-cluster}\n";
    std::fs::write(world.work().join("manifests/elsewhere.yaml"), overlay).unwrap();
    let refused = world.run("deploy.sh", &elsewhere);
    assert_eq!(refused.code, 64, "a tree that no commit holds");
    assert!(
        refused.stderr.contains("manifests/elsewhere.yaml"),
        "{}",
        refused.stderr
    );
    commit(&world.work(), "manifests: another cluster");
    let missing = world.run(
        "deploy.sh",
        &["manifests/elsewhere.yaml", "--timeout", "20s"],
    );
    assert_eq!(missing.code, 1);
    assert!(
        missing.stderr.contains("cluster no-such-cluster"),
        "{}",
        missing.stderr
    );
}

/// c: one deployment and as many tasks as wanted are there after ECS's own rollback too, which the old script called a success.
/// e: with `--no-rollback` a failed health check was one as well.
#[test]
fn a_rollout_that_ecs_rolled_back_is_no_success() {
    let world = World::start(
        "images:\n  - { image: hokusai/contracts, start_seconds: 2, says: '{\"service\":\"hokusai-contracts-development\"}' }\n  - { image: \"hokusai/contracts@sha256:8e0abe8c2987b0d35375919e5b1f09deae8599e30bd74ac1c1653b5d4ed68d92\", crash: { after_seconds: 2, code: 1 } }\n",
    );
    assert_eq!(world.run("deploy.sh", &[MANIFEST]).code, 0);
    let before = world.service()["taskDefinition"].clone();
    let bad = world.run("deploy.sh", &["--image", NEXT, MANIFEST, "--timeout", "5m"]);
    assert_eq!(bad.code, 3);
    assert!(bad.stderr.contains("rolled back"), "{}", bad.stderr);
    let service = world.service();
    assert_eq!(service["taskDefinition"], before);
    assert_eq!(service["runningCount"], 2);
    let summary = std::fs::read_to_string(world.summary()).unwrap();
    assert!(summary.contains("### ❌ rolled back"), "{summary}");
    assert_eq!(
        world.run("deploy.sh", &["--no-rollback", MANIFEST]).code,
        64
    );
}

/// b: both of the old script's revisions were `latest`, so that going back changed nothing. d: it did not wait for it either.
#[test]
fn a_rollback_is_over_when_the_image_before_runs() {
    let world = World::start(WELL);
    assert_eq!(world.run("rollback.sh", &[MANIFEST, "--yes"]).code, 1);
    assert_eq!(world.run("deploy.sh", &[MANIFEST]).code, 0);
    let next = world.run("deploy.sh", &["--image", NEXT, MANIFEST]);
    assert_eq!((next.code, world.image().as_str()), (0, NEXT));

    let listed = world.run("rollback.sh", &["--dry-run", MANIFEST, "--yes"]);
    assert_eq!((listed.code, world.image().as_str()), (0, NEXT));
    assert!(
        listed.stdout.contains(&world.head()[..7]),
        "{}",
        listed.stdout
    );
    assert_eq!(
        world.run("rollback.sh", &[MANIFEST]).code,
        64,
        "nobody is there to confirm it"
    );
    let back = world.run("rollback.sh", &[MANIFEST, "--yes"]);
    assert_eq!(back.code, 0);
    assert!(world.image().ends_with(":0.1.0"), "{}", world.image());
    let service = world.service();
    assert_eq!(service["runningCount"], 2);
    assert_eq!(service["deployments"].as_array().unwrap().len(), 1);
    let again = world.run("deploy.sh", &["--image", NEXT, MANIFEST]);
    assert_eq!(
        again.code, 1,
        "what was rolled back from comes again by force only"
    );
    assert!(world.image().ends_with(":0.1.0"));
}

/// What is wrong is said and leaves no trace, and what is asked for is told without doing anything.
#[test]
fn every_script_has_help_and_refuses_what_it_does_not_know() {
    let world = World::start(WELL);
    for script in ["build-and-push.sh", "deploy.sh", "rollback.sh"] {
        let help = world.run(script, &["--help"]);
        assert_eq!((help.code, help.stderr.as_str()), (0, ""), "{script}");
        assert!(help.stdout.starts_with(&format!("Usage: scripts/{script}")));
        let unknown = world.run(script, &["--no-such"]);
        assert_eq!(
            (unknown.code, unknown.stdout.as_str()),
            (64, ""),
            "{script}"
        );
        assert!(unknown.stderr.contains("--help"), "{}", unknown.stderr);
    }
    for image in [
        "",
        "contracts:0.2.0",
        "contracts:latest",
        "contracts@sha256:00ff",
    ] {
        let refused = world.run("deploy.sh", &["--image", image, MANIFEST]);
        assert_eq!((refused.code, refused.stdout.as_str()), (64, ""), "{image}");
    }
    let dry = world.run("build-and-push.sh", &["--dry-run"]);
    assert_eq!((dry.code, dry.stdout.as_str()), (0, ""));
    std::fs::write(world.work().join("left.txt"), "").unwrap();
    for (script, arguments) in [
        ("build-and-push.sh", &["--dry-run"][..]),
        ("deploy.sh", &["--dry-run", MANIFEST]),
    ] {
        let dirty = world.run(script, arguments);
        assert_eq!((dirty.code, dirty.stdout.as_str()), (64, ""), "{script}");
        assert!(dirty.stderr.contains("left.txt"), "{}", dirty.stderr);
    }
    assert_eq!(
        world.aws("ecs", &["list-services", "--cluster", CLUSTER])["serviceArns"],
        serde_json::json!([])
    );
}
