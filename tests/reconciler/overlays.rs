//! Bases, overlays and `--set`: what they make together, and that everything still knows where it was said.

use contracts::reconciler::manifest::{Manifest, Problem};
use contracts::reconciler::spec::Spec;

use crate::world::DEVELOPMENT;

fn base() -> Manifest {
    Manifest::parse("base.yaml", DEVELOPMENT).unwrap()
}

fn overlaid(overlay: &str) -> Result<Manifest, Vec<Problem>> {
    base().patched(Manifest::parse("over.yaml", overlay).unwrap())
}

fn set(assignment: &str) -> Result<Manifest, Vec<Problem>> {
    base().set(assignment, &Spec::fields())
}

fn spec(manifest: Result<Manifest, Vec<Problem>>) -> Result<Spec, String> {
    let text = |problems: Vec<Problem>| {
        problems
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect()
    };
    manifest
        .and_then(|manifest| Spec::believe(&manifest))
        .map_err(text)
}

#[test]
fn mappings_merge_lists_are_replaced_and_nulls_remove() {
    let overlay = "
spec:
  network: {subnets: [subnet-11111111, subnet-22222222, subnet-33333333]}
  scaling: {max: 20, min: null}
  task: {environment: {LOG_LEVEL: debug, CORS_ORIGINS: null}}
";
    let (before, after) = (spec(Ok(base())).unwrap(), spec(overlaid(overlay)).unwrap());
    let mut expected = before.clone();
    expected.network.subnets = ["subnet-11111111", "subnet-22222222", "subnet-33333333"]
        .map(str::to_owned)
        .into();
    expected.scaling.max = 20;
    expected
        .task
        .environment
        .insert("LOG_LEVEL".into(), "debug".into());
    expected.task.environment.remove("CORS_ORIGINS").unwrap();
    // What is removed is its default again, which here is what the base says.
    assert_eq!(before.scaling.min, 2);
    assert_eq!(after, expected);
}

#[test]
fn a_problem_is_where_the_layer_that_said_it_says_it() {
    let rows = [
        (
            overlaid("spec:\n  scaling:\n    max: 1\n"),
            "over.yaml:3:10: spec.scaling.max: is 1, below min, which is 2",
        ),
        (
            overlaid("spec:\n  scaling: {min: 30}\n"),
            "base.yaml:43:10: spec.scaling.max: is 10, below min, which is 30",
        ),
        (
            overlaid("spec:\n  cluster: null\n"),
            "over.yaml:2:3: spec.cluster: is missing",
        ),
        (
            overlaid("spec:\n  scaling: {maks: 3}\n"),
            "over.yaml:2:13: spec.scaling.maks: is not a field this reconciler keeps",
        ),
        (
            overlaid("spec:\n  scaling: {maks: null}\n"),
            "over.yaml:2:13: spec.scaling.maks: is removed here, and the base does not have it",
        ),
        (
            overlaid(
                "spec:\n  network:\n    subnets:\n      - subnet-1\n      - subnet-22222222\n",
            ),
            "over.yaml:4:9: spec.network.subnets[0]: is \"subnet-1\"",
        ),
        (
            set("scaling.max=70000"),
            "--set scaling.max: spec.scaling.max: is 70000",
        ),
        (
            set("scaling.maks=3"),
            "--set scaling.maks: spec.scaling.maks: is not a field of a manifest\n    fix: write `spec.scaling.max`",
        ),
        (set("scaling.max"), "--set scaling.max: assigns nothing"),
        (
            set("image.tag=latest"),
            "--set image.tag: spec.image: is \"932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:latest\"",
        ),
    ];
    for (manifest, expected) in rows {
        let found = spec(manifest).unwrap_err();
        assert!(found.starts_with(expected), "{found}\n{expected}");
    }
}

#[test]
fn the_command_line_sets_texts_as_they_stand_and_the_rest_as_yaml() {
    let digest = format!("sha256:{}", "a".repeat(64));
    let rows = [
        ("image.tag=0.2.0".to_owned(), "hokusai/contracts:0.2.0"),
        (
            format!("image.digest={digest}"),
            &format!("hokusai/contracts@{digest}"),
        ),
    ];
    for (assignment, end) in rows {
        let uri = spec(set(&assignment)).unwrap().image.uri;
        assert!(uri.ends_with(end), "{uri}");
    }
    // All digits, and still a text.
    assert_eq!(
        spec(set("task.environment.CHAIN_ID=1"))
            .unwrap()
            .task
            .environment["CHAIN_ID"],
        "1"
    );
    let subnets = spec(set("network.subnets=[subnet-11111111, subnet-22222222]"));
    assert_eq!(subnets.unwrap().network.subnets.len(), 2);
    assert_eq!(spec(set("metadata.name=other")).unwrap().name, "other");
}

#[test]
fn a_rendered_manifest_is_the_same_manifest() {
    let overlay = "spec: {scaling: {max: 20}}";
    let rendered = overlaid(overlay).unwrap().render().unwrap();
    assert_eq!(
        spec(Ok(Manifest::parse("rendered.yaml", &rendered).unwrap())),
        spec(overlaid(overlay))
    );
}

#[test]
fn files_that_are_laid_over_each_other_come_to_an_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("loop.yaml");
    std::fs::write(&path, "base: loop.yaml\nspec: {}\n").unwrap();
    let Err(problems) = Manifest::load(&path) else {
        panic!("a base without end was found");
    };
    assert!(
        problems[0].what.contains("laid over another"),
        "{problems:?}"
    );
}
