//! Images that no task could run: nothing of the workload is written for one, and everything else of the unit heals.

use contracts::reconciler::converge::Outcome;
use serde_json::json;

use crate::account::Account;

/// Reconciles, which must end blocked with this reason and without a call to ECS.
async fn held_back(account: &Account, reason: &str) {
    account.simulator.clear_calls();
    let (outcome, steps) = account.reconcile().await;
    let Outcome::Blocked { plan } = outcome else {
        panic!("{outcome:?} after {steps:#?}")
    };
    let text = plan.to_string();
    assert!(text.contains(reason), "{text}");
    let of_ecs: Vec<&String> = steps
        .iter()
        .filter(|step| step.starts_with("ecs:"))
        .collect();
    assert!(of_ecs.is_empty(), "{of_ecs:?}");
}

#[tokio::test(start_paused = true)]
async fn an_image_that_is_not_there_holds_back_the_workload_alone() {
    let mut account = Account::new().await;
    account.image("9.9.9");
    held_back(&account, "is not in ECR: The image with imageId {imageDigest:'null', imageTag:'9.9.9'} does not exist").await;
    let mutating = account.mutating();
    for made in [
        "logs.CreateLogGroup",
        "iam.CreateRole",
        "elasticloadbalancing.CreateRule",
        "servicediscovery.CreateService",
    ] {
        assert!(mutating.contains_key(made), "{made}: {mutating:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_for_another_processor_holds_back_the_workload_alone() {
    let mut account = Account::new().await;
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{
            "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1048,
            "digest": "sha256:ffd76d489ddd548f52a4c1e568ea9aa6f87a473f2ad418eeaa01cf2877f5897f",
            "platform": { "architecture": "arm64", "os": "linux" },
        }],
    });
    let input = json!({ "repositoryName": "hokusai/contracts", "imageTag": "arm", "imageManifest": manifest.to_string() });
    account.call("ecr", "PutImage", input);
    account.image("arm");
    held_back(
        &account,
        "is for linux/arm64, not for linux/amd64: build it with --platform linux/amd64",
    )
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_running_service_whose_next_image_is_not_there_keeps_running_and_the_rest_heals() {
    let mut account = Account::new().await;
    assert_eq!(account.reconcile().await.0, Outcome::Settled);
    account.image("9.9.9");
    let group = json!({ "logGroupName": "/ecs/hokusai-contracts", "retentionInDays": 1 });
    account.call("logs", "PutRetentionPolicy", group);
    held_back(&account, "is not in ECR").await;
    assert_eq!(
        account.mutating().into_keys().collect::<Vec<_>>(),
        ["logs.PutRetentionPolicy"]
    );
}
