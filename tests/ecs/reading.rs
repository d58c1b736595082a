//! What is read back: AWS's defaults, order and pages.

use serde_json::json;

use crate::account::{self, CLUSTER, ecs};

#[test]
fn a_service_reads_back_with_the_defaults_of_aws() {
    let mut world = account::bare();
    let around = account::furnish(&mut world);
    ecs(
        &mut world,
        "RegisterTaskDefinition",
        account::task_definition(json!({})),
    )
    .unwrap();
    let request = account::service(&around, json!({ "deploymentConfiguration": null }));
    let first = ecs(&mut world, "CreateService", request.clone()).unwrap();
    assert_eq!(
        ecs(&mut world, "CreateService", request).unwrap(),
        first,
        "the same request again is the same service"
    );
    let service = account::described(&mut world, 0);
    for (member, want) in [
        ("platformVersion", json!("LATEST")),
        ("healthCheckGracePeriodSeconds", json!(0)),
        ("enableECSManagedTags", json!(false)),
        ("enableExecuteCommand", json!(false)),
        ("propagateTags", json!("NONE")),
        ("schedulingStrategy", json!("REPLICA")),
        ("deploymentController", json!({ "type": "ECS" })),
        ("availabilityZoneRebalancing", json!("ENABLED")),
        (
            "deploymentConfiguration",
            json!({
                "strategy": "ROLLING", "bakeTimeInMinutes": 0, "maximumPercent": 200, "minimumHealthyPercent": 100,
                "deploymentCircuitBreaker": {
                    "enable": false, "rollback": false, "resetOnHealthyTask": true,
                    "thresholdConfiguration": { "type": "BOUNDED_PERCENT", "value": 50 },
                },
                "alarms": { "alarmNames": [], "enable": false, "rollback": false },
            }),
        ),
    ] {
        assert_eq!(service[member], want, "{member}");
    }
    assert_eq!(
        service["networkConfiguration"]["awsvpcConfiguration"]["assignPublicIp"],
        "DISABLED"
    );
}

#[test]
fn an_empty_role_is_none() {
    let mut world = account::bare();
    let mut input = account::task_definition(json!({ "secrets": [], "logConfiguration": null }));
    account::merge(
        &mut input,
        json!({ "taskRoleArn": "", "executionRoleArn": "", "requiresCompatibilities": [] }),
    );
    let made = ecs(&mut world, "RegisterTaskDefinition", input).unwrap();
    let made = &made["taskDefinition"];
    assert_eq!(
        (made.get("taskRoleArn"), made.get("executionRoleArn")),
        (None, None)
    );
}

#[test]
fn missing_services_are_failures_and_not_errors() {
    let mut world = account::bare();
    let input = json!({ "cluster": CLUSTER, "services": ["nobody"] });
    let output = ecs(&mut world, "DescribeServices", input).unwrap();
    assert_eq!(output["services"], json!([]));
    assert_eq!(output["failures"][0]["reason"], "MISSING");
}

#[test]
fn revisions_count_up_per_family_keep_their_tags_and_are_paged() {
    let mut world = account::bare();
    account::furnish(&mut world);
    for revision in 1..=3 {
        let mut definition = account::task_definition(json!({}));
        account::merge(
            &mut definition,
            json!({ "tags": [{ "key": "digest", "value": revision.to_string() }] }),
        );
        let output = ecs(&mut world, "RegisterTaskDefinition", definition).unwrap();
        assert_eq!(output["taskDefinition"]["revision"], revision);
    }
    let described = json!({ "taskDefinition": "contracts:2", "include": ["TAGS"] });
    let described = ecs(&mut world, "DescribeTaskDefinition", described).unwrap();
    assert_eq!(
        described["tags"],
        json!([{ "key": "digest", "value": "2" }])
    );
    let container = &described["taskDefinition"]["containerDefinitions"][0];
    assert_eq!(
        container["portMappings"],
        json!([{ "containerPort": 3001, "hostPort": 3001, "protocol": "tcp" }])
    );
    assert_eq!(
        (
            &container["cpu"],
            &container["essential"],
            &container["mountPoints"]
        ),
        (&json!(0), &json!(true), &json!([]))
    );

    let list = |token: serde_json::Value| json!({ "familyPrefix": "contracts", "sort": "DESC", "maxResults": 2, "nextToken": token });
    let first = ecs(&mut world, "ListTaskDefinitions", list(json!(null))).unwrap();
    let second = ecs(
        &mut world,
        "ListTaskDefinitions",
        list(first["nextToken"].clone()),
    )
    .unwrap();
    assert_eq!(first["taskDefinitionArns"].as_array().unwrap().len(), 2);
    assert!(
        second["taskDefinitionArns"][0]
            .as_str()
            .unwrap()
            .ends_with("contracts:1")
    );
    assert!(second.get("nextToken").is_none());
}
