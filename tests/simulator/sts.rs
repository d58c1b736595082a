//! Sessions of roles: their credentials sign requests until they end.

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_iam::Client as Iam;
use aws_sdk_sts::Client;
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_sts::types::Credentials as Session;

use crate::{code, in_process, simulator};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole",
    "Principal":{"AWS":"932100697590"}}}"#;

fn signed_by(config: &SdkConfig, session: &Session, token: Option<&str>) -> Client {
    let (id, secret) = (session.access_key_id(), session.secret_access_key());
    let credentials = Credentials::new(id, secret, token.map(str::to_owned), None, "test");
    let provider = SharedCredentialsProvider::new(credentials);
    Client::new(&config.to_builder().credentials_provider(provider).build())
}

#[tokio::test(start_paused = true)]
async fn a_session_signs_until_it_ends_and_only_with_its_token() {
    let config = in_process(&simulator());
    let iam = Iam::new(&config);
    let role = iam
        .create_role()
        .role_name("deployer")
        .assume_role_policy_document(TRUST)
        .send()
        .await
        .unwrap();
    let role = role.role().unwrap();
    // A session may do what its role's policies allow, and is asked who it is without any.
    iam.put_role_policy()
        .role_name("deployer")
        .policy_name("again")
        .policy_document(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}}"#,
        )
        .send()
        .await
        .unwrap();
    let assumed = Client::new(&config)
        .assume_role()
        .role_arn(role.arn())
        .role_session_name("ci")
        .duration_seconds(900)
        .send()
        .await
        .unwrap();
    let session = assumed.credentials().unwrap();
    let client = signed_by(&config, session, Some(session.session_token()));
    let identity = client.get_caller_identity().send().await.unwrap();
    assert_eq!(
        (identity.arn(), identity.user_id()),
        (
            Some("arn:aws:sts::932100697590:assumed-role/deployer/ci"),
            Some(format!("{}:ci", role.role_id()).as_str())
        )
    );
    for token in [None, Some("another")] {
        let other = signed_by(&config, session, token);
        let refused = other.get_caller_identity().send().await;
        assert_eq!(code(refused), "InvalidClientTokenId", "{token:?}");
    }
    let chained = client
        .assume_role()
        .role_arn(role.arn())
        .role_session_name("again")
        .duration_seconds(7_200);
    assert_eq!(code(chained.send().await), "ValidationError");
    tokio::time::advance(Duration::from_secs(901)).await;
    assert_eq!(
        code(client.get_caller_identity().send().await),
        "ExpiredToken"
    );
}
