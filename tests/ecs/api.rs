//! Refusals: each bad request with AWS's code and the telling part of its message.

use serde_json::{Value, json};

use crate::account::{self, CLUSTER, EXECUTION_ROLE, ecs};

#[test]
fn a_bad_request_is_refused_with_the_code_of_aws_and_changes_nothing() {
    let mut world = account::bare();
    let around = account::furnish(&mut world);
    ecs(
        &mut world,
        "RegisterTaskDefinition",
        account::task_definition(json!({})),
    )
    .unwrap();
    ecs(
        &mut world,
        "CreateService",
        account::service(&around, json!({})),
    )
    .unwrap();
    let definition = |changes: Value| {
        let mut definition = account::task_definition(json!({}));
        account::merge(&mut definition, changes);
        definition
    };
    let container = account::task_definition;
    let service = |changes: Value| {
        let mut named = account::service(&around, json!({ "serviceName": "other" }));
        account::merge(&mut named, changes);
        named
    };
    let balanced = |group: &str, name: &str, port: u16| json!({ "loadBalancers": [{ "targetGroupArn": group, "containerName": name, "containerPort": port }] });
    let on = |service: &str| json!({ "cluster": CLUSTER, "service": service });
    let group = around.target_group.as_str();
    let eleven: Vec<String> = (0..11).map(|n| format!("s{n}")).collect();
    let twice = [
        container(json!({}))["containerDefinitions"][0].clone(),
        container(json!({}))["containerDefinitions"][0].clone(),
    ];
    for (operation, input, code, message) in [
        (
            "RegisterTaskDefinition",
            definition(json!({ "cpu": "256", "memory": "4096" })),
            "ClientException",
            "No Fargate configuration",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "executionRoleArn": null })),
            "ClientException",
            "executionRoleArn",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "networkMode": "bridge" })),
            "ClientException",
            "awsvpc",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "containerDefinitions": twice })),
            "ClientException",
            "duplicated",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "containerDefinitions": [] })),
            "ClientException",
            "cannot be empty",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "containerDefinitions": 7 })),
            "SerializationException",
            "invalid type",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "family": "a/b" })),
            "ClientException",
            "Family",
        ),
        (
            "RegisterTaskDefinition",
            definition(json!({ "proxyConfiguration": {} })),
            "UnsupportedFeatureException",
            "proxyConfiguration",
        ),
        (
            "RegisterTaskDefinition",
            container(json!({ "healthCheck": { "command": ["CMD", "x"], "interval": 1 } })),
            "ClientException",
            "interval",
        ),
        (
            "RegisterTaskDefinition",
            container(json!({ "stopTimeout": 121 })),
            "ClientException",
            "stopTimeout",
        ),
        (
            "RegisterTaskDefinition",
            container(json!({ "portMappings": [{ "containerPort": 70_000 }] })),
            "SerializationException",
            "70000",
        ),
        (
            "RegisterTaskDefinition",
            container(json!({ "dependsOn": [{}] })),
            "UnsupportedFeatureException",
            "dependsOn",
        ),
        (
            "DescribeTaskDefinition",
            json!({ "taskDefinition": "contracts:9" }),
            "ClientException",
            "Unable to describe",
        ),
        (
            "CreateService",
            service(json!({ "cluster": "nowhere" })),
            "ClusterNotFoundException",
            "Cluster not found",
        ),
        (
            "CreateService",
            service(json!({ "taskDefinition": "contracts:9" })),
            "ClientException",
            "TaskDefinition not found",
        ),
        (
            "CreateService",
            service(balanced("arn:nothing", "contracts-api", 3001)),
            "InvalidParameterException",
            "does not exist",
        ),
        (
            "CreateService",
            service(balanced(group, "nobody", 3001)),
            "InvalidParameterException",
            "The container nobody does not exist",
        ),
        (
            "CreateService",
            service(balanced(group, "contracts-api", 8002)),
            "InvalidParameterException",
            "did not have a container port 8002",
        ),
        (
            "CreateService",
            service(json!({ "networkConfiguration": null })),
            "InvalidParameterException",
            "Network Configuration",
        ),
        (
            "CreateService",
            service(json!({ "desiredCount": -1 })),
            "InvalidParameterException",
            "desiredCount",
        ),
        (
            "CreateService",
            service(json!({ "deploymentConfiguration": { "strategy": "BLUE_GREEN" } })),
            "InvalidParameterException",
            "bakeTimeInMinutes must be specified for the BLUE_GREEN strategy",
        ),
        (
            "CreateService",
            account::service(&around, json!({ "desiredCount": 3 })),
            "InvalidParameterException",
            "not idempotent",
        ),
        (
            "UpdateService",
            on("nobody"),
            "ServiceNotFoundException",
            "Service not found",
        ),
        (
            "UpdateService",
            json!({ "cluster": CLUSTER, "service": "contracts", "taskDefinition": "contracts:9" }),
            "ClientException",
            "not found",
        ),
        (
            "DeleteService",
            on("contracts"),
            "InvalidParameterException",
            "scaled above 0",
        ),
        (
            "DeleteService",
            json!({ "cluster": "nowhere", "service": "contracts" }),
            "ClusterNotFoundException",
            "",
        ),
        (
            "DescribeServices",
            json!({ "cluster": CLUSTER, "services": eleven }),
            "InvalidParameterException",
            "10",
        ),
        (
            "DescribeServices",
            json!({ "cluster": "nowhere", "services": ["a"] }),
            "ClusterNotFoundException",
            "",
        ),
        (
            "ListTasks",
            json!({ "cluster": CLUSTER, "serviceName": "nobody" }),
            "ServiceNotFoundException",
            "",
        ),
        (
            "ListServices",
            json!({ "cluster": CLUSTER, "nextToken": "?" }),
            "InvalidParameterException",
            "token",
        ),
        (
            "ListServices",
            json!({ "cluster": CLUSTER, "maxResults": 0 }),
            "InvalidParameterException",
            "maxResults",
        ),
        (
            "StopTask",
            json!({ "cluster": CLUSTER, "task": "none" }),
            "InvalidParameterException",
            "not found",
        ),
        (
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": "arn:none" }),
            "ServiceDeploymentNotFoundException",
            "",
        ),
        (
            "TagResource",
            json!({ "resourceArn": EXECUTION_ROLE, "tags": [] }),
            "InvalidParameterException",
            "ARN",
        ),
    ] {
        let before = account::described(&mut world, 0);
        let refusal =
            ecs(&mut world, operation, input.clone()).expect_err(&format!("{operation} {input}"));
        assert_eq!(
            refusal.code, code,
            "{operation} {input}: {}",
            refusal.message
        );
        assert!(
            refusal.message.contains(message),
            "{operation} {input}: {}",
            refusal.message
        );
        assert_eq!(
            account::described(&mut world, 0),
            before,
            "{operation} {input}"
        );
    }
}
