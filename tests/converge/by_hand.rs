//! The service as existing-service.md §6 describes it, made by hand: port 8002, in no target group, a key in the plain
//! environment, one task, nothing that scales or wakes anybody.

use serde_json::{Value, json};

use crate::account::Account;

pub const HOST: &str = "contracts.hokus.ai";
/// What stands in the environment in plain text; it must not turn up anywhere.
pub const PLAIN_KEY: &str = "hk_live_0123456789abcdef";
const CLUSTER: &str = "hokusai-development";
const SERVICE: &str = "hokusai-contracts-development";
const ACCOUNT: &str = "932100697590";
const OLD_GROUP: &str = "hokusai-contracts-tg-dev";

/// ARN of the HTTPS listener.
pub fn listener(account: &Account) -> Value {
    let balancers = account.call("elasticloadbalancing", "DescribeLoadBalancers", json!({}));
    let arn = &balancers["LoadBalancers"][0]["LoadBalancerArn"];
    let listeners = account.call(
        "elasticloadbalancing",
        "DescribeListeners",
        json!({ "LoadBalancerArn": arn }),
    );
    listeners["Listeners"][0]["ListenerArn"].clone()
}

/// A target group as somebody makes it; gives its ARN.
pub fn target_group(account: &Account, name: &str, port: u16, tags: Value) -> Value {
    let group = account.call(
        "elasticloadbalancing",
        "CreateTargetGroup",
        json!({
            "Name": name, "Protocol": "HTTP", "Port": port, "VpcId": "vpc-0d4e5f60718293a4b", "TargetType": "ip",
            "HealthCheckPath": "/health", "Tags": tags,
        }),
    );
    group["TargetGroups"][0]["TargetGroupArn"].clone()
}

/// A rule as somebody makes it.
pub fn rule(account: &Account, host: &str, priority: u32, target_group: &Value) {
    account.call(
        "elasticloadbalancing",
        "CreateRule",
        json!({
            "ListenerArn": listener(account), "Priority": priority,
            "Conditions": [{ "Field": "host-header", "Values": [host] }],
            "Actions": [{ "Type": "forward", "TargetGroupArn": target_group }],
        }),
    );
}

fn role(account: &Account, name: &str, policy: &str, actions: Value, resource: &str) {
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs-tasks.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let input = json!({ "RoleName": name, "AssumeRolePolicyDocument": trust.to_string() });
    account.call("iam", "CreateRole", input);
    let document = json!({ "Version": "2012-10-17", "Statement": [{ "Effect": "Allow", "Action": actions, "Resource": resource }] });
    let input =
        json!({ "RoleName": name, "PolicyName": policy, "PolicyDocument": document.to_string() });
    account.call("iam", "PutRolePolicy", input);
}

/// Makes it; `joined` puts it into its target group, as it never was.
pub fn make(account: &Account, joined: bool) {
    let group = "/ecs/hokusai-contracts";
    account.call("logs", "CreateLogGroup", json!({ "logGroupName": group }));
    let parameters =
        format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/hokusai/development/contracts/*");
    let execution = "hokusai-contracts-execution-role";
    let start = json!(["ssm:GetParameters", "ecr:*", "logs:*"]);
    role(account, execution, "SSMParameterAccess", start, "*");
    let task = "hokusai-contracts-task-role";
    role(
        account,
        task,
        "SSMParameterAccess",
        json!(["ssm:GetParameter"]),
        &parameters,
    );
    let group_arn = target_group(account, OLD_GROUP, 8002, json!([]));
    rule(account, HOST, 100, &group_arn);
    let secret = |name: &str| {
        format!("arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/hokusai/development/contracts/{name}")
    };
    account.call(
        "ecs",
        "RegisterTaskDefinition",
        json!({
            "family": "hokusai-contracts-task",
            "requiresCompatibilities": ["FARGATE"],
            "networkMode": "awsvpc",
            "cpu": "256",
            "memory": "512",
            "executionRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{execution}"),
            "taskRoleArn": format!("arn:aws:iam::{ACCOUNT}:role/{task}"),
            "containerDefinitions": [{
                "name": "contract-deployer",
                "image": format!("{ACCOUNT}.dkr.ecr.us-east-1.amazonaws.com/hokusai/contracts:0.1.0"),
                "portMappings": [{ "containerPort": 8002 }, { "containerPort": 9091 }],
                "environment": [
                    { "name": "NODE_ENV", "value": "production" },
                    { "name": "PORT", "value": "8002" },
                    { "name": "HOKUSAI_API_KEY", "value": PLAIN_KEY },
                ],
                "secrets": [
                    { "name": "DEPLOYER_PRIVATE_KEY", "valueFrom": secret("deployer_key") },
                    { "name": "REDIS_URL", "valueFrom": secret("redis_url") },
                ],
                "logConfiguration": { "logDriver": "awslogs", "options": {
                    "awslogs-group": group, "awslogs-region": "us-east-1", "awslogs-stream-prefix": "contract-deployer-api",
                }},
                "healthCheck": {
                    "command": ["CMD-SHELL", "curl -f http://localhost:8002/health || exit 1"],
                    "interval": 30, "timeout": 10, "retries": 3, "startPeriod": 90,
                },
                "stopTimeout": 30,
            }],
        }),
    );
    let balancers = if joined {
        json!([{ "targetGroupArn": group_arn, "containerName": "contract-deployer", "containerPort": 8002 }])
    } else {
        json!([])
    };
    account.call(
        "ecs",
        "CreateService",
        json!({
            "cluster": CLUSTER,
            "serviceName": SERVICE,
            "taskDefinition": "hokusai-contracts-task",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "loadBalancers": balancers,
            "networkConfiguration": { "awsvpcConfiguration": {
                "subnets": ["subnet-0a1b2c3d4e5f60718", "subnet-0b2c3d4e5f6071829"],
                "securityGroups": ["sg-0c3d4e5f607182930"],
                "assignPublicIp": "ENABLED",
            }},
        }),
    );
}
