//! Simulated ELBv2: the API against AWS's wording, health on a virtual clock, and the load balancer over real sockets.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr
)]

mod api;
mod balancing;
mod health;
mod sdk;

use contracts::simulator::call::{Answer, Call, Millis};
use contracts::simulator::{World, account, elbv2};
use serde_json::{Value, json};

const VPC: &str = "vpc-0d4e5f60718293a4b";
const LISTENER: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:listener/app/hokusai-development/50dc6c495c0c9188/f2f7dc8efc522ab2";
const LOAD_BALANCER: &str = "arn:aws:elasticloadbalancing:us-east-1:932100697590:loadbalancer/app/hokusai-development/50dc6c495c0c9188";

/// The account every test starts from.
fn account_world() -> World {
    account::parse(include_str!("../fixtures/account.yaml"))
        .unwrap()
        .into_world(1, 0)
}

/// One call at a time on the virtual clock.
fn ask_at(world: &mut World, now: Millis, operation: &str, input: Value) -> Answer {
    let Value::Object(input) = input else {
        panic!("an input is an object")
    };
    elbv2::answer(
        world,
        &Call {
            service: "elasticloadbalancing",
            operation: operation.into(),
            input,
            principal: None,
            now,
        },
    )
}

fn ask(world: &mut World, operation: &str, input: Value) -> Answer {
    ask_at(world, 0, operation, input)
}

/// A target group as the product makes one, with changes; gives its ARN.
fn create_target_group(world: &mut World, name: &str, changes: Value) -> String {
    let mut input = json!({
        "Name": name, "Protocol": "HTTP", "Port": 3001, "VpcId": VPC, "TargetType": "ip",
        "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    input
        .as_object_mut()
        .unwrap()
        .extend(changes.as_object().unwrap().clone());
    let output = ask(world, "CreateTargetGroup", input).unwrap();
    output["TargetGroups"][0]["TargetGroupArn"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// A rule that sends `host` to the target group; gives its ARN.
fn forward_host(world: &mut World, priority: u32, host: &str, target_group: &str) -> String {
    let input = json!({
        "ListenerArn": LISTENER, "Priority": priority,
        "Conditions": [{ "Field": "host-header", "Values": [host] }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": target_group }],
    });
    let output = ask(world, "CreateRule", input).unwrap();
    output["Rules"][0]["RuleArn"].as_str().unwrap().to_owned()
}
