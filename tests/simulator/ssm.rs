//! Parameter Store through its SDK.

use aws_sdk_ssm::Client;
use aws_sdk_ssm::types::{
    ParameterStringFilter, ParameterTier, ParameterType, ResourceTypeForTagging, Tag,
};
use contracts::simulator::ssm;

use crate::{code, in_process, simulator};

const PREFIX: &str = "/hokusai/development/contracts";

fn client() -> Client {
    Client::new(&in_process(&simulator()))
}

#[tokio::test]
async fn a_secret_is_text_but_not_its_value_until_decrypted() {
    let simulator = simulator();
    let client = Client::new(&in_process(&simulator));
    let name = format!("{PREFIX}/deployer_key");
    let put = client
        .put_parameter()
        .name(&name)
        .value("0xsecret")
        .r#type(ParameterType::SecureString)
        .send()
        .await
        .unwrap();
    assert_eq!(
        (put.version(), put.tier()),
        (1, Some(&ParameterTier::Standard))
    );
    let sealed = client
        .get_parameter()
        .name(&name)
        .send()
        .await
        .unwrap()
        .parameter
        .unwrap();
    let open = client
        .get_parameter()
        .name(&name)
        .with_decryption(true)
        .send()
        .await
        .unwrap()
        .parameter
        .unwrap();
    assert!(!sealed.value().unwrap().contains("0xsecret"));
    assert_eq!(open.value(), Some("0xsecret"));
    let arn =
        "arn:aws:ssm:us-east-1:932100697590:parameter/hokusai/development/contracts/deployer_key";
    assert_eq!((open.arn(), open.data_type()), (Some(arn), Some("text")));
    let by_arn = client
        .get_parameter()
        .name(arn)
        .with_decryption(true)
        .send()
        .await
        .unwrap()
        .parameter
        .unwrap();
    assert_eq!(by_arn.name(), Some(name.as_str()));
    simulator.with(|world, _| {
        assert_eq!(ssm::value(world, arn).as_deref(), Some("0xsecret"));
        assert_eq!(ssm::value(world, &name).as_deref(), Some("0xsecret"));
        assert_eq!(ssm::value(world, "/absent"), None);
    });
}

#[tokio::test]
async fn parameters_are_refused_as_aws_refuses_them() {
    let client = client();
    let put = |name: &str, value: &str| {
        client
            .put_parameter()
            .name(name)
            .value(value)
            .r#type(ParameterType::String)
    };
    put("/a/b", "1").send().await.unwrap();
    assert_eq!(
        code(put("/a/b", "2").send().await),
        "ParameterAlreadyExists"
    );
    let second = put("/a/b", "2").overwrite(true).send().await.unwrap();
    assert_eq!(second.version(), 2);
    let tag = Tag::builder().key("k").value("v").build().unwrap();
    assert_eq!(
        code(put("/a/b", "3").overwrite(true).tags(tag).send().await),
        "ValidationException"
    );
    let other_type = client
        .put_parameter()
        .name("/a/b")
        .value("3")
        .r#type(ParameterType::SecureString)
        .overwrite(true);
    assert_eq!(
        code(other_type.send().await),
        "HierarchyTypeMismatchException"
    );
    assert_eq!(
        code(client.put_parameter().name("/a/c").value("1").send().await),
        "ValidationException"
    );
    assert_eq!(
        code(put("/a/d", &"x".repeat(4097)).send().await),
        "ValidationException"
    );
    put("/a/e", &"x".repeat(4096)).send().await.unwrap();
    let advanced = put("/a/d", &"x".repeat(4097))
        .tier(ParameterTier::Advanced)
        .send()
        .await
        .unwrap();
    assert_eq!(advanced.tier(), Some(&ParameterTier::Advanced));
    for (name, expected) in [
        ("a/b", "ValidationException"),
        ("/a b", "ValidationException"),
        ("/ssm/x", "ValidationException"),
        ("/aws/x", "AccessDeniedException"),
        (
            "/1/2/3/4/5/6/7/8/9/10/11/12/13/14/15/16",
            "HierarchyLevelLimitExceededException",
        ),
    ] {
        assert_eq!(code(put(name, "1").send().await), expected, "{name}");
    }
    assert_eq!(
        code(client.get_parameter().name("/absent").send().await),
        "ParameterNotFound"
    );
    assert_eq!(
        code(client.get_parameter().name("/a/b:9").send().await),
        "ParameterVersionNotFound"
    );
    let first = client
        .get_parameter()
        .name("/a/b:1")
        .send()
        .await
        .unwrap()
        .parameter
        .unwrap();
    assert_eq!((first.value(), first.selector()), (Some("1"), Some(":1")));
    assert_eq!(
        code(client.delete_parameter().name("/absent").send().await),
        "ParameterNotFound"
    );
    let eleven = (0..11).map(|number| format!("/{number}")).collect();
    assert_eq!(
        code(client.get_parameters().set_names(Some(eleven)).send().await),
        "ValidationException"
    );
    let tags = client
        .list_tags_for_resource()
        .resource_type(ResourceTypeForTagging::Parameter)
        .resource_id("/absent");
    assert_eq!(code(tags.send().await), "InvalidResourceId");
}

#[tokio::test]
async fn parameters_are_found_by_path_name_and_filter() {
    let client = client();
    for name in ["/u/a", "/u/b/c", "/ux", "/u/d"] {
        client
            .put_parameter()
            .name(name)
            .value("1")
            .r#type(ParameterType::String)
            .send()
            .await
            .unwrap();
    }
    let by_path = |recursive| {
        client
            .get_parameters_by_path()
            .path("/u")
            .recursive(recursive)
    };
    let names = |parameters: &[aws_sdk_ssm::types::Parameter]| {
        parameters
            .iter()
            .map(|parameter| parameter.name().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(by_path(false).send().await.unwrap().parameters()),
        ["/u/a", "/u/d"]
    );
    let first = by_path(true).max_results(2).send().await.unwrap();
    assert_eq!(names(first.parameters()), ["/u/a", "/u/b/c"]);
    let second = by_path(true)
        .max_results(2)
        .next_token(first.next_token().unwrap())
        .send()
        .await
        .unwrap();
    assert_eq!(
        (names(second.parameters()), second.next_token()),
        (vec!["/u/d".to_owned()], None)
    );
    assert_eq!(
        code(by_path(true).max_results(11).send().await),
        "ValidationException"
    );
    assert_eq!(
        code(by_path(true).next_token("invented").send().await),
        "InvalidNextToken"
    );

    let several = client
        .get_parameters()
        .names("/u/a")
        .names("/absent")
        .send()
        .await
        .unwrap();
    assert_eq!(names(several.parameters()), ["/u/a"]);
    assert_eq!(several.invalid_parameters(), ["/absent"]);

    let filter = |option: &str, value: &str| {
        ParameterStringFilter::builder()
            .key("Name")
            .option(option)
            .values(value)
            .build()
            .unwrap()
    };
    let described = client
        .describe_parameters()
        .parameter_filters(filter("BeginsWith", "/u/"))
        .send()
        .await
        .unwrap();
    assert_eq!(described.parameters().len(), 3);
    let described = client
        .describe_parameters()
        .parameter_filters(filter("Equals", "/ux"))
        .send()
        .await
        .unwrap();
    assert_eq!(described.parameters()[0].name(), Some("/ux"));
    let unknown = client
        .describe_parameters()
        .parameter_filters(filter("Sounds", "/ux"));
    assert_eq!(code(unknown.send().await), "InvalidFilterOption");
    let deleted = client
        .delete_parameters()
        .names("/ux")
        .names("/absent")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (deleted.deleted_parameters(), deleted.invalid_parameters()),
        (&["/ux".to_owned()][..], &["/absent".to_owned()][..])
    );
}

#[tokio::test]
async fn parameters_carry_tags() {
    let client = client();
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build().unwrap();
    let put = client
        .put_parameter()
        .name("/t")
        .value("1")
        .r#type(ParameterType::String)
        .tags(tag("a", "1"));
    put.send().await.unwrap();
    let parameter = ResourceTypeForTagging::Parameter;
    client
        .add_tags_to_resource()
        .resource_type(parameter.clone())
        .resource_id("/t")
        .tags(tag("b", "2"))
        .send()
        .await
        .unwrap();
    client
        .remove_tags_from_resource()
        .resource_type(parameter.clone())
        .resource_id("/t")
        .tag_keys("a")
        .send()
        .await
        .unwrap();
    let tags = client
        .list_tags_for_resource()
        .resource_type(parameter)
        .resource_id("/t")
        .send()
        .await
        .unwrap();
    assert_eq!(tags.tag_list(), [tag("b", "2")]);
}
