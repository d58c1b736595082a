//! The account the tests start from, and what a service of ours needs around it.

use contracts::simulator::call::{Answer, Call, Millis};
use contracts::simulator::{
    World, account, autoscaling, cloudwatch, ec2, ecr, ecs, elbv2, iam, logs, secretsmanager,
    servicediscovery, ssm,
};
use serde_json::{Value, json};

pub const CLUSTER: &str = "hokusai-development";
pub const IMAGE: &str = "932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0";
pub const EXECUTION_ROLE: &str = "arn:aws:iam::932100697590:role/contracts-execution";
pub const SECRET: &str = "/hokusai/development/contracts/deployer_key";
pub const VPC: &str = "vpc-0d4e5f60718293a4b";
pub const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:listener/app/hokusai-development/50dc6c495c0c9188/f2f7dc8efc522ab2";

/// The bare account.
pub fn bare() -> World {
    of_seed(1)
}

/// The same with ids from another seed.
pub fn of_seed(seed: u64) -> World {
    account::parse(include_str!("../fixtures/account.yaml"))
        .unwrap()
        .into_world(seed, 0)
}

/// An image of the product by its tag.
pub fn image(tag: &str) -> String {
    format!("932100697590.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:{tag}")
}

/// Puts an image of that tag into the registry.
pub fn push(world: &mut World, tag: &str) {
    let digest = |content: &str| json!({ "mediaType": content, "digest": format!("sha256:{}", "0".repeat(64)), "size": 1 });
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": digest("application/vnd.oci.image.config.v1+json"), "layers": [],
        "annotations": { "org.opencontainers.image.version": tag },
    });
    let input = json!({
        "repositoryName": "hokusai/contracts", "imageTag": tag, "imageManifest": manifest.to_string(),
    });
    ask(world, 0, "ecr", "PutImage", input).unwrap();
}

/// Any service's answer to one call.
pub fn ask(
    world: &mut World,
    now: Millis,
    service: &'static str,
    operation: &str,
    input: Value,
) -> Answer {
    let Value::Object(input) = input else {
        panic!("an input is an object")
    };
    let call = Call {
        service,
        operation: operation.into(),
        input,
        principal: None,
        now,
    };
    match service {
        "ecs" => ecs::answer(world, &call),
        "elasticloadbalancing" => elbv2::answer(world, &call),
        "iam" => iam::answer(world, &call),
        "ssm" => ssm::answer(world, &call),
        "secretsmanager" => secretsmanager::answer(world, &call),
        "ec2" => ec2::answer(world, &call),
        "logs" => logs::answer(world, &call),
        "servicediscovery" => servicediscovery::answer(world, &call),
        "application-autoscaling" => autoscaling::answer(world, &call),
        "monitoring" => cloudwatch::answer(world, &call),
        "ecr" => ecr::answer(world, &call),
        other => panic!("no service {other}"),
    }
}

pub fn ecs(world: &mut World, operation: &str, input: Value) -> Answer {
    ask(world, 0, "ecs", operation, input)
}

/// What stands before a service of ours is created; the values depend on nothing but the account.
pub struct Surroundings {
    pub target_group: String,
    pub registry: String,
}

/// Execution role, log group, secret, target group behind a rule, service registry.
pub fn furnish(world: &mut World) -> Surroundings {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let role =
        json!({ "RoleName": "contracts-execution", "AssumeRolePolicyDocument": trust.to_string() });
    ask(world, 0, "iam", "CreateRole", role).unwrap();
    let managed = json!({
        "RoleName": "contracts-execution",
        "PolicyArn": "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy",
    });
    ask(world, 0, "iam", "AttachRolePolicy", managed).unwrap();
    let policy = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Action": "ssm:GetParameters",
        "Resource": "arn:aws:ssm:us-east-1:932100697590:parameter/hokusai/development/contracts/*",
    }]});
    let inline = json!({
        "RoleName": "contracts-execution", "PolicyName": "parameters", "PolicyDocument": policy.to_string(),
    });
    ask(world, 0, "iam", "PutRolePolicy", inline).unwrap();
    ask(
        world,
        0,
        "logs",
        "CreateLogGroup",
        json!({ "logGroupName": "/ecs/contracts" }),
    )
    .unwrap();
    put_secret(world, "k3y");

    let group = json!({
        "Name": "contracts", "Protocol": "HTTP", "Port": 3001, "VpcId": VPC, "TargetType": "ip",
        "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    let group = ask(world, 0, "elasticloadbalancing", "CreateTargetGroup", group).unwrap();
    let target_group = group["TargetGroups"][0]["TargetGroupArn"]
        .as_str()
        .unwrap()
        .to_owned();
    let delay = json!({
        "TargetGroupArn": target_group,
        "Attributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }],
    });
    ask(
        world,
        0,
        "elasticloadbalancing",
        "ModifyTargetGroupAttributes",
        delay,
    )
    .unwrap();
    let rule = json!({
        "ListenerArn": LISTENER, "Priority": 10,
        "Conditions": [{ "Field": "host-header", "Values": ["contracts.hokus.ai"] }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": target_group }],
    });
    ask(world, 0, "elasticloadbalancing", "CreateRule", rule).unwrap();

    let registry = json!({
        "Name": "contracts", "NamespaceId": "ns-u5f60718293a4b5c",
        "DnsConfig": { "DnsRecords": [{ "Type": "A", "TTL": 10 }], "RoutingPolicy": "MULTIVALUE" },
    });
    let registry = ask(world, 0, "servicediscovery", "CreateService", registry).unwrap();
    let registry = registry["Service"]["Arn"].as_str().unwrap().to_owned();
    Surroundings {
        target_group,
        registry,
    }
}

pub fn put_secret(world: &mut World, value: &str) {
    let parameter =
        json!({ "Name": SECRET, "Type": "SecureString", "Value": value, "Overwrite": true });
    ask(world, 0, "ssm", "PutParameter", parameter).unwrap();
}

/// The product's task definition in small, with changes to its only container.
pub fn task_definition(container: Value) -> Value {
    let mut only = json!({
        "name": "contracts-api",
        "image": IMAGE,
        "portMappings": [{ "containerPort": 3001 }],
        "environment": [{ "name": "PORT", "value": "3001" }],
        "secrets": [{ "name": "DEPLOYER_PRIVATE_KEY", "valueFrom": SECRET }],
        "logConfiguration": { "logDriver": "awslogs", "options": {
            "awslogs-group": "/ecs/contracts", "awslogs-region": "us-east-1", "awslogs-stream-prefix": "api",
        }},
    });
    merge(&mut only, container);
    json!({
        "family": "contracts",
        "requiresCompatibilities": ["FARGATE"],
        "networkMode": "awsvpc",
        "cpu": "256",
        "memory": "512",
        "executionRoleArn": EXECUTION_ROLE,
        "containerDefinitions": [only],
    })
}

/// The product's service in small, with changes.
pub fn service(surroundings: &Surroundings, changes: Value) -> Value {
    let Surroundings {
        target_group,
        registry,
    } = surroundings;
    let mut service = json!({
        "cluster": CLUSTER,
        "serviceName": "contracts",
        "taskDefinition": "contracts",
        "desiredCount": 2,
        "launchType": "FARGATE",
        "loadBalancers": [{ "targetGroupArn": target_group, "containerName": "contracts-api", "containerPort": 3001 }],
        "serviceRegistries": [{ "registryArn": registry }],
        "networkConfiguration": { "awsvpcConfiguration": {
            "subnets": ["subnet-0a1b2c3d4e5f60718", "subnet-0b2c3d4e5f6071829"],
            "securityGroups": ["sg-0c3d4e5f607182930"],
        }},
        "deploymentConfiguration": { "deploymentCircuitBreaker": { "enable": true, "rollback": true } },
    });
    merge(&mut service, changes);
    service
}

/// Members of `changes` replace those of `value`; `null` takes one away.
pub fn merge(value: &mut Value, changes: Value) {
    let Value::Object(changes) = changes else {
        panic!("changes are an object")
    };
    let object = value.as_object_mut().unwrap();
    for (name, change) in changes {
        if change.is_null() {
            object.remove(&name);
        } else {
            object.insert(name, change);
        }
    }
}

/// What is described of the one service.
pub fn described(world: &mut World, now: Millis) -> Value {
    let input = json!({ "cluster": CLUSTER, "services": ["contracts"] });
    ask(world, now, "ecs", "DescribeServices", input).unwrap()["services"][0].clone()
}
