//! Manifests → warnings: where they are, what they say, how one is allowed, and that no secret is ever repeated.

use contracts::reconciler::lint::{CODES, lint};
use contracts::reconciler::manifest::Manifest;
use contracts::reconciler::spec::Spec;

use crate::golden;
use crate::world::DEVELOPMENT;

/// The warnings of the development manifest with something laid over it.
fn warnings(overlay: &str) -> String {
    let base = Manifest::parse("base.yaml", DEVELOPMENT).unwrap();
    let Ok(manifest) = base.patched(Manifest::parse("over.yaml", overlay).unwrap()) else {
        panic!("nothing is removed that is not there");
    };
    let spec = Spec::believe(&manifest).unwrap_or_else(|problems| panic!("{problems:?}"));
    let warnings = lint(&manifest, &spec);
    warnings
        .iter()
        .map(|warning| format!("{warning}\n"))
        .collect()
}

#[test]
fn the_development_manifest_has_no_warnings() {
    assert_eq!(warnings("{}"), "");
}

#[test]
fn each_warning_has_its_place_reason_and_fix() {
    let rows = [
        (
            "drain-cut-short",
            "spec: {loadBalancer: {deregistrationDelaySeconds: 120}}",
        ),
        ("fixed-size", "spec: {scaling: {min: 3, max: 3}}"),
        (
            "health-slower-than-rollout",
            "spec: {health: {intervalSeconds: 300}, task: {stopTimeoutSeconds: 120}, loadBalancer: {deregistrationDelaySeconds: 900}}",
        ),
        (
            "health-slower-than-rollout",
            "spec: {health: {gracePeriodSeconds: 3600}}",
        ),
        ("image-by-tag", "allow: null"),
        (
            "nobody-is-told",
            "spec: {notifications: {subscriptions: []}}",
        ),
        ("one-task", "spec: {scaling: {min: 1}}"),
        ("public-address", "spec: {network: {publicAddress: true}}"),
        (
            "readiness-as-health",
            "spec: {health: {path: /health/ready}}",
        ),
        (
            "secret-by-name",
            "spec: {task: {environment: {ADMIN_PASSWORD: hunter2}}}",
        ),
        (
            "secret-by-shape",
            "spec: {task: {environment: {NODE: 'https://mainnet.example/v3/0123456789abcdef0123456789abcdef'}}}",
        ),
        ("unused-allow", "allow: {fixed-size: it is not}"),
    ];
    let mut all = String::new();
    for (code, overlay) in rows {
        let found = warnings(overlay);
        assert!(found.contains(&format!("[{code}]")), "{code}: {found}");
        all += &format!("## {overlay}\n{found}\n");
    }
    for code in CODES {
        assert!(
            rows.iter().any(|(row, _)| *row == code),
            "{code} has its row"
        );
    }
    golden::check("manifests/warnings.txt", &all);
}

#[test]
fn a_warning_that_is_meant_is_allowed_with_a_reason() {
    let fixed = "spec: {scaling: {min: 3, max: 3}}";
    assert!(warnings(fixed).contains("[fixed-size]"));
    assert_eq!(
        warnings(&format!(
            "{fixed}\nallow: {{fixed-size: the load is known}}"
        )),
        ""
    );
}

#[test]
fn secrets_are_known_by_their_shape_and_never_repeated() {
    let secrets = [
        "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        "AKIAIOSFODNN7EXAMPLE",
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZG1pbiJ9.c2lnbmF0dXJl",
        "rediss://admin:hunter2@cache.example:6379",
        "ghp_0123456789abcdefghijABCDEFGHIJ012345",
        "-----BEGIN EC PRIVATE KEY-----",
    ];
    for secret in secrets {
        let found = warnings(&format!(
            "spec: {{task: {{environment: {{THING: '{secret}'}}}}}}"
        ));
        assert!(found.contains("[secret-by-shape]"), "{secret}: {found}");
        assert!(!found.contains(&secret[4..]), "{found}");
    }
    let harmless = [
        (
            "LICENSE_HASH",
            "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80",
        ),
        (
            "GOVERNOR_ADDRESS",
            "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
        ),
        ("TOKENS_PER_DELTA_ONE", "5000000000000000000000"),
        ("LICENSE_URI", "https://hokus.ai/licences/models"),
        ("CORS_ORIGINS", "https://hokus.ai,https://app.hokus.ai"),
    ];
    for (name, value) in harmless {
        assert_eq!(
            warnings(&format!(
                "spec: {{task: {{environment: {{{name}: '{value}'}}}}}}"
            )),
            "",
            "{name}"
        );
    }
}
