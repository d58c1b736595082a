//! IAM and STS through their SDKs: Query in, XML out.

use aws_sdk_iam::Client;
use aws_sdk_iam::types::Tag;
use contracts::simulator::{Simulator, iam};

use crate::{code, in_process, refusal, simulator};

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"ecs-tasks.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#;
const SECRETS: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":["ssm:GetParameters"],"Resource":"arn:aws:ssm:us-east-1:932100697590:parameter/hokusai/*"}]}"#;
const EXECUTION: &str = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy";
const ROLE: &str = "hokusai-contracts-execution-role";

async fn with_role() -> (Simulator, Client) {
    let simulator = simulator();
    let client = Client::new(&in_process(&simulator));
    let tag = Tag::builder().key("unit").value("a&b <c>").build().unwrap();
    client
        .create_role()
        .role_name(ROLE)
        .assume_role_policy_document(TRUST)
        .tags(tag)
        .send()
        .await
        .unwrap();
    (simulator, client)
}

/// What `%XX` stands for.
fn decoded(text: &str) -> String {
    let mut parts = text.split('%');
    let mut out = parts.next().unwrap().as_bytes().to_vec();
    for part in parts {
        out.push(u8::from_str_radix(&part[..2], 16).unwrap());
        out.extend(part[2..].bytes());
    }
    String::from_utf8(out).unwrap()
}

#[tokio::test]
async fn a_role_reads_back_with_its_documents_url_encoded() {
    let (_, client) = with_role().await;
    let role = client
        .get_role()
        .role_name(ROLE)
        .send()
        .await
        .unwrap()
        .role
        .unwrap();
    assert_eq!(role.arn(), format!("arn:aws:iam::932100697590:role/{ROLE}"));
    assert_eq!(
        (role.path(), role.max_session_duration()),
        ("/", Some(3600))
    );
    assert!(role.role_id().starts_with("AROA"));
    assert_eq!(role.create_date().secs(), 1_785_542_400);
    assert_eq!(role.tags()[0].value(), "a&b <c>");
    let trust = role.assume_role_policy_document().unwrap();
    assert!(trust.starts_with("%7B%22Version%22"), "{trust}");
    assert_eq!(decoded(trust), TRUST);

    client
        .put_role_policy()
        .role_name(ROLE)
        .policy_name("secrets")
        .policy_document(SECRETS)
        .send()
        .await
        .unwrap();
    let policy = client
        .get_role_policy()
        .role_name(ROLE)
        .policy_name("secrets")
        .send()
        .await
        .unwrap();
    assert_eq!(decoded(policy.policy_document()), SECRETS);
    client
        .attach_role_policy()
        .role_name(ROLE)
        .policy_arn(EXECUTION)
        .send()
        .await
        .unwrap();
    let attached = client
        .list_attached_role_policies()
        .role_name(ROLE)
        .send()
        .await
        .unwrap();
    assert_eq!(
        attached.attached_policies()[0].policy_name(),
        Some("AmazonECSTaskExecutionRolePolicy")
    );
    assert!(!attached.is_truncated());
}

#[tokio::test]
async fn roles_are_refused_as_aws_refuses_them() {
    let (_, client) = with_role().await;
    let create = |name: &str, trust: &str| {
        client
            .create_role()
            .role_name(name)
            .assume_role_policy_document(trust)
            .send()
    };
    assert_eq!(code(create(ROLE, TRUST).await), "EntityAlreadyExists");
    assert_eq!(code(create("bad name", TRUST).await), "ValidationError");
    for document in ["{", "[]", "{}", r#"{"Statement":[]}"#, SECRETS] {
        assert_eq!(
            code(create("other", document).await),
            "MalformedPolicyDocument",
            "{document}"
        );
    }
    let put = |document: &str| {
        client
            .put_role_policy()
            .role_name(ROLE)
            .policy_name("p")
            .policy_document(document)
            .send()
    };
    assert_eq!(code(put(TRUST).await), "MalformedPolicyDocument");
    let actions: Vec<String> = (0..900)
        .map(|number| format!("\"ssm:Get{number}\""))
        .collect();
    let large = format!(
        r#"{{"Statement":{{"Effect":"Allow","Action":[{}],"Resource":"*"}}}}"#,
        actions.join(",")
    );
    assert_eq!(code(put(&large).await), "LimitExceeded");
    put(SECRETS).await.unwrap();
    let (refused, message) = refusal(client.delete_role().role_name(ROLE).send().await);
    assert_eq!(
        (refused.as_str(), message.as_str()),
        (
            "DeleteConflict",
            "Cannot delete entity, must delete policies first."
        )
    );
    client
        .delete_role_policy()
        .role_name(ROLE)
        .policy_name("p")
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(
            client
                .delete_role_policy()
                .role_name(ROLE)
                .policy_name("p")
                .send()
                .await
        ),
        "NoSuchEntity"
    );
    client
        .attach_role_policy()
        .role_name(ROLE)
        .policy_arn(EXECUTION)
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(client.delete_role().role_name(ROLE).send().await),
        "DeleteConflict"
    );
    client
        .detach_role_policy()
        .role_name(ROLE)
        .policy_arn(EXECUTION)
        .send()
        .await
        .unwrap();
    assert_eq!(
        code(
            client
                .detach_role_policy()
                .role_name(ROLE)
                .policy_arn(EXECUTION)
                .send()
                .await
        ),
        "NoSuchEntity"
    );
    assert_eq!(
        code(
            client
                .attach_role_policy()
                .role_name(ROLE)
                .policy_arn("arn:aws:iam::aws:policy/None")
                .send()
                .await
        ),
        "NoSuchEntity"
    );
    client.delete_role().role_name(ROLE).send().await.unwrap();
    let error = client
        .get_role()
        .role_name(ROLE)
        .send()
        .await
        .unwrap_err()
        .into_service_error();
    assert!(error.is_no_such_entity_exception(), "{error:?}");
    assert_eq!(
        code(
            client
                .delete_role()
                .role_name("AWSServiceRoleForECS")
                .send()
                .await
        ),
        "UnmodifiableEntity"
    );
}

#[tokio::test]
async fn policy_names_and_tags_come_in_pages() {
    let (_, client) = with_role().await;
    for name in ["a", "b", "c"] {
        client
            .put_role_policy()
            .role_name(ROLE)
            .policy_name(name)
            .policy_document(SECRETS)
            .send()
            .await
            .unwrap();
    }
    let first = client
        .list_role_policies()
        .role_name(ROLE)
        .max_items(2)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (first.policy_names(), first.is_truncated()),
        (&["a".to_owned(), "b".to_owned()][..], true)
    );
    let rest = client
        .list_role_policies()
        .role_name(ROLE)
        .marker(first.marker().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (rest.policy_names(), rest.is_truncated()),
        (&["c".to_owned()][..], false)
    );
    let tag = Tag::builder().key("z").value("1").build().unwrap();
    client
        .tag_role()
        .role_name(ROLE)
        .tags(tag)
        .send()
        .await
        .unwrap();
    client
        .untag_role()
        .role_name(ROLE)
        .tag_keys("unit")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_role_tags()
        .role_name(ROLE)
        .send()
        .await
        .unwrap();
    assert_eq!(
        tags.tags().iter().map(|tag| tag.key()).collect::<Vec<_>>(),
        ["z"]
    );
}

#[tokio::test]
async fn what_a_role_may_do_follows_from_its_policies_and_its_trust() {
    let (simulator, client) = with_role().await;
    let arn = format!("arn:aws:iam::932100697590:role/{ROLE}");
    let may = |action: &str, resource: &str| {
        simulator.with(|world, _| iam::allows(world, &arn, action, resource))
    };
    let secret = "arn:aws:ssm:us-east-1:932100697590:parameter/hokusai/key";
    assert!(!may("ssm:GetParameters", secret));
    client
        .put_role_policy()
        .role_name(ROLE)
        .policy_name("s")
        .policy_document(SECRETS)
        .send()
        .await
        .unwrap();
    assert!(may("ssm:GetParameters", secret));
    assert!(!may(
        "ssm:GetParameters",
        "arn:aws:ssm:us-east-1:932100697590:parameter/other/key"
    ));
    assert!(!may("logs:PutLogEvents", "*"));
    client
        .attach_role_policy()
        .role_name(ROLE)
        .policy_arn(EXECUTION)
        .send()
        .await
        .unwrap();
    assert!(may(
        "logs:PutLogEvents",
        "arn:aws:logs:us-east-1:932100697590:log-group:x"
    ));
    simulator.with(|world, _| {
        assert!(iam::role_exists(world, &arn));
        assert!(!iam::role_exists(
            world,
            "arn:aws:iam::932100697590:role/absent"
        ));
        assert!(iam::role_exists(
            world,
            "arn:aws:iam::932100697590:role/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"
        ));
        assert!(iam::trusts(world, &arn, "ecs-tasks.amazonaws.com"));
        assert!(!iam::trusts(world, &arn, "lambda.amazonaws.com"));
        assert!(!iam::allows(
            world,
            "arn:aws:iam::932100697590:role/absent",
            "ssm:GetParameters",
            secret
        ));
    });
    let other = TRUST.replace("ecs-tasks", "lambda");
    client
        .update_assume_role_policy()
        .role_name(ROLE)
        .policy_document(other)
        .send()
        .await
        .unwrap();
    simulator.with(|world, _| assert!(!iam::trusts(world, &arn, "ecs-tasks.amazonaws.com")));
}

#[tokio::test]
async fn the_caller_is_the_account() {
    let identity = aws_sdk_sts::Client::new(&in_process(&simulator()))
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(identity.account(), Some("932100697590"));
    assert_eq!(identity.arn(), Some("arn:aws:iam::932100697590:user/demo"));
}
