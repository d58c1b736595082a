//! ECR: which images can be pulled. Its API is tested through boto3, as no part of the product calls it.

use contracts::simulator::ecr;

use crate::simulator;

#[test]
fn an_image_exists_by_a_tag_or_digest_of_this_registry_only() {
    let digest = "sha256:e3b2f48cedcca91bff24a873b4150e5fe486cf72581f8830d727d3333ea4a282";
    let registry = "932100697590.dkr.ecr.us-east-1.amazonaws.com";
    let simulator = simulator();
    for (image, expected) in [
        (format!("{registry}/hokusai/contracts:0.1.0"), true),
        (format!("{registry}/hokusai/contracts@{digest}"), true),
        (format!("{registry}/hokusai/contracts:0.1.0@{digest}"), true),
        (format!("{registry}/hokusai/contracts:9.9.9"), false),
        (format!("{registry}/hokusai/contracts"), false),
        (format!("{registry}/hokusai/contracts@sha256:0"), false),
        (format!("{registry}/other:0.1.0"), false),
        ("docker.io/hokusai/contracts:0.1.0".to_owned(), false),
    ] {
        assert_eq!(
            simulator.with(|world, _| ecr::image_digest(world, &image).is_some()),
            expected,
            "{image}"
        );
    }
}
