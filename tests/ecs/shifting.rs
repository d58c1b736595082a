//! Rollouts that move traffic, and alarms that end one, on a virtual clock against golden timelines.

use contracts::simulator::ecs;
use serde_json::{Value, json};

use crate::account::{self, LISTENER, VPC, ask};
use crate::machine::{Machine, Shift};
use crate::timeline::{check, steady};

const FUNCTION: &str = "arn:aws:lambda:us-east-1:932100697590:function:gate";
const BALANCER_ROLE: &str = "arn:aws:iam::932100697590:role/balancer";

/// A machine whose load balancer has a second target group, a rule for production and one for tests, and a role.
pub fn two_groups() -> Machine {
    let mut machine = Machine::new();
    let elb = |machine: &mut Machine, operation: &str, input: Value| {
        ask(
            &mut machine.world,
            0,
            "elasticloadbalancing",
            operation,
            input,
        )
        .unwrap()
    };
    let group = json!({
        "Name": "contracts-2", "Protocol": "HTTP", "Port": 3001, "VpcId": VPC, "TargetType": "ip",
        "HealthCheckPath": "/health", "HealthCheckIntervalSeconds": 5, "HealthCheckTimeoutSeconds": 2,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2,
    });
    let group = elb(&mut machine, "CreateTargetGroup", group);
    let alternate = group["TargetGroups"][0]["TargetGroupArn"]
        .as_str()
        .unwrap()
        .to_owned();
    let delay = json!({
        "TargetGroupArn": alternate,
        "Attributes": [{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }],
    });
    elb(&mut machine, "ModifyTargetGroupAttributes", delay);
    let rules = elb(
        &mut machine,
        "DescribeRules",
        json!({ "ListenerArn": LISTENER }),
    );
    let rules = rules["Rules"].as_array().unwrap();
    let production = rules
        .iter()
        .find(|rule| rule["IsDefault"] == false)
        .unwrap();
    let production = production["RuleArn"].as_str().unwrap().to_owned();
    let test = json!({
        "ListenerArn": LISTENER, "Priority": 20,
        "Conditions": [{ "Field": "host-header", "Values": ["test.hokus.ai"] }],
        "Actions": [{ "Type": "forward", "TargetGroupArn": alternate }],
    });
    let test = elb(&mut machine, "CreateRule", test);
    let test = test["Rules"][0]["RuleArn"].as_str().unwrap().to_owned();
    let trust = json!({ "Version": "2012-10-17", "Statement": [{
        "Effect": "Allow", "Principal": { "Service": "ecs.amazonaws.com" }, "Action": "sts:AssumeRole",
    }]});
    let role = json!({ "RoleName": "balancer", "AssumeRolePolicyDocument": trust.to_string() });
    ask(&mut machine.world, 0, "iam", "CreateRole", role).unwrap();
    machine.shift = Some(Shift {
        alternate,
        production,
        test,
    });
    machine
}

/// Its `loadBalancers`.
pub fn load_balancers(machine: &Machine) -> Value {
    let Shift {
        alternate,
        production,
        test,
    } = machine.shift.as_ref().unwrap();
    json!([{
        "targetGroupArn": machine.surroundings.target_group, "containerName": "contracts-api", "containerPort": 3001,
        "advancedConfiguration": {
            "alternateTargetGroupArn": alternate, "productionListenerRule": production,
            "testListenerRule": test, "roleArn": BALANCER_ROLE,
        },
    }])
}

/// A service of two tasks under this configuration, through its first rollout.
pub fn shifting(configuration: Value) -> Machine {
    let mut machine = two_groups();
    machine.register(json!({}));
    let load_balancers = load_balancers(&machine);
    machine.create(
        json!({ "loadBalancers": load_balancers, "deploymentConfiguration": configuration }),
    );
    machine.run_until_steady();
    machine
}

fn blue_green(changes: Value) -> Value {
    let mut configuration = json!({ "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 1 });
    account::merge(&mut configuration, changes);
    configuration
}

pub fn update(machine: &mut Machine) {
    machine.register(json!({}));
    machine.update(json!({ "taskDefinition": "contracts" }));
}

pub fn put_alarm(machine: &mut Machine) {
    let alarm = json!({
        "AlarmName": "errors", "Namespace": "AWS/ApplicationELB", "MetricName": "HTTPCode_Target_5XX_Count",
        "Statistic": "Sum", "Period": 10, "EvaluationPeriods": 3, "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    });
    ask(&mut machine.world, 0, "monitoring", "PutMetricAlarm", alarm).unwrap();
}

pub fn set_alarm(machine: &mut Machine, state: &str) {
    let input =
        json!({ "AlarmName": "errors", "StateValue": state, "StateReason": "a test says so" });
    machine.other("monitoring", "SetAlarmState", input);
}

/// Runs until the newest service deployment is in that stage, or panics.
fn run_until_stage(machine: &mut Machine, stage: &str) {
    for _ in 0..6_000 {
        if machine.deployment()["lifecycleStage"] == stage {
            return;
        }
        machine.run_seconds(1);
    }
    panic!("never in {stage}:\n{}", machine.timeline());
}

#[test]
fn an_alarm_turns_a_rolling_update_back_while_it_bakes() {
    let mut machine = steady();
    put_alarm(&mut machine);
    let alarms = json!({ "alarmNames": ["errors"], "enable": true, "rollback": true });
    machine.register(json!({}));
    machine.update(
        json!({ "taskDefinition": "contracts:2", "deploymentConfiguration": { "alarms": alarms } }),
    );
    // Three periods of ten seconds: both old tasks are gone and the rollout is not through.
    machine.run_seconds(30);
    assert_eq!(machine.deployment()["status"], "IN_PROGRESS");
    assert_eq!(machine.deployment()["alarms"]["status"], "MONITORING");
    set_alarm(&mut machine, "ALARM");
    machine.run_until_steady();
    check("alarm-rolls-back", &machine);
    let service = account::described(&mut machine.world, machine.now);
    assert!(
        service["taskDefinition"]
            .as_str()
            .unwrap()
            .ends_with("contracts:1")
    );
}

#[test]
fn an_alarm_that_was_in_alarm_already_does_not_hold_up_the_repair() {
    let mut machine = steady();
    put_alarm(&mut machine);
    set_alarm(&mut machine, "ALARM");
    let alarms = json!({ "alarmNames": ["errors"], "enable": true, "rollback": true });
    machine.register(json!({}));
    machine.update(
        json!({ "taskDefinition": "contracts:2", "deploymentConfiguration": { "alarms": alarms } }),
    );
    machine.run_until_steady();
    let deployment = machine.deployment();
    assert_eq!(deployment["status"], "SUCCESSFUL");
    assert_eq!(deployment["alarms"]["status"], "DISABLED");
}

#[test]
fn an_alarm_without_rollback_leaves_the_rollout_failed() {
    let mut machine = steady();
    put_alarm(&mut machine);
    let alarms = json!({ "alarmNames": ["errors"], "enable": true, "rollback": false });
    machine.register(json!({}));
    machine.update(
        json!({ "taskDefinition": "contracts:2", "deploymentConfiguration": { "alarms": alarms } }),
    );
    machine.run_seconds(5);
    set_alarm(&mut machine, "ALARM");
    machine.run_seconds(1);
    let deployment = machine.deployment();
    assert_eq!(
        (&deployment["status"], &deployment["alarms"]["status"]),
        (&json!("STOPPED"), &json!("TRIGGERED"))
    );
    assert_eq!(
        deployment["alarms"]["triggeredAlarmNames"],
        json!(["errors"])
    );
    let service = account::described(&mut machine.world, machine.now);
    let failed = service["deployments"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["status"] == "PRIMARY");
    assert_eq!(failed.unwrap()["rolloutState"], "FAILED");
}

#[test]
fn blue_green_moves_all_traffic_bakes_and_ends_the_old_revision() {
    let mut machine = shifting(blue_green(json!({})));
    update(&mut machine);
    machine.run_until_steady();
    check("blue-green", &machine);
    // The next one goes back to the first target group.
    update(&mut machine);
    machine.run_until_steady();
    let weights = contracts::simulator::elbv2::rule_weights(
        &machine.world,
        &machine.shift.as_ref().unwrap().production,
    )
    .unwrap();
    let tg = machine.surroundings.target_group.clone();
    assert_eq!(weights[0], (tg, 100));
    assert_eq!(weights[1].1, 0);
}

#[test]
fn blue_green_is_turned_back_while_it_bakes() {
    let mut machine = shifting(blue_green(json!({})));
    update(&mut machine);
    run_until_stage(&mut machine, "BAKE_TIME");
    machine.run_seconds(10);
    let arn = machine.deployment()["serviceDeploymentArn"].clone();
    machine.ecs(
        "StopServiceDeployment",
        json!({ "serviceDeploymentArn": arn }),
    );
    machine.run_until_steady();
    check("blue-green-turned-back", &machine);
}

#[test]
fn blue_green_can_be_stopped_at_every_stage() {
    for stage in [
        "PRE_SCALE_UP",
        "SCALE_UP",
        "POST_SCALE_UP",
        "TEST_TRAFFIC_SHIFT",
        "POST_TEST_TRAFFIC_SHIFT",
        "PRE_PRODUCTION_TRAFFIC_SHIFT",
        "PRODUCTION_TRAFFIC_SHIFT",
        "POST_PRODUCTION_TRAFFIC_SHIFT",
        "BAKE_TIME",
        "CLEAN_UP",
    ] {
        let mut machine = shifting(blue_green(json!({ "bakeTimeInMinutes": 0 })));
        update(&mut machine);
        while machine.deployment()["lifecycleStage"] != stage {
            machine.now += 100;
            machine.tick();
            assert!(machine.now < 600_000, "{stage}:\n{}", machine.timeline());
        }
        let arn = machine.deployment()["serviceDeploymentArn"].clone();
        machine.ecs(
            "StopServiceDeployment",
            json!({ "serviceDeploymentArn": arn }),
        );
        machine.run_until_steady();
        let deployment = machine.deployment();
        assert_eq!(
            deployment["status"],
            "ROLLBACK_SUCCESSFUL",
            "{stage}:\n{}",
            machine.timeline()
        );
        assert_eq!(
            deployment["targetServiceRevision"]["requestedProductionTrafficWeight"], 0.0,
            "{stage}"
        );
        let service = account::described(&mut machine.world, machine.now);
        assert!(
            service["taskDefinition"]
                .as_str()
                .unwrap()
                .ends_with("contracts:1"),
            "{stage}"
        );
        assert_eq!(service["runningCount"], 2, "{stage}");
    }
}

#[test]
fn a_canary_takes_a_share_first() {
    let canary = json!({ "canaryPercent": 12.5, "canaryBakeTimeInMinutes": 1 });
    let mut machine = shifting(
        json!({ "strategy": "CANARY", "canaryConfiguration": canary, "bakeTimeInMinutes": 1 }),
    );
    update(&mut machine);
    machine.run_until_steady();
    check("canary", &machine);
}

#[test]
fn linear_shifts_in_equal_steps() {
    let linear = json!({ "stepPercent": 40.0, "stepBakeTimeInMinutes": 1 });
    let mut machine = shifting(json!({ "strategy": "LINEAR", "linearConfiguration": linear }));
    update(&mut machine);
    machine.run_until_steady();
    check("linear", &machine);
}

#[test]
fn a_paused_rollout_goes_on_when_told_to() {
    let pause = json!({ "targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"] });
    let mut machine = shifting(blue_green(json!({ "bakeTimeInMinutes": 0 })));
    machine.register(json!({}));
    machine.update(json!({
        "taskDefinition": "contracts:2", "deploymentConfiguration": { "lifecycleHooks": [pause] },
    }));
    machine.run_seconds(60);
    let deployment = machine.deployment();
    let hook = &deployment["lifecycleHookDetails"][0];
    assert_eq!(
        (&hook["status"], &hook["timeoutAction"]),
        (&json!("AWAITING_ACTION"), &json!("ROLLBACK"))
    );
    let go_on = json!({ "serviceDeploymentArn": deployment["serviceDeploymentArn"], "hookId": hook["hookId"] });
    ask(
        &mut machine.world,
        machine.now,
        "ecs",
        "ContinueServiceDeployment",
        go_on.clone(),
    )
    .unwrap();
    let again = ask(
        &mut machine.world,
        machine.now,
        "ecs",
        "ContinueServiceDeployment",
        go_on,
    );
    assert_eq!(
        again.unwrap_err().code,
        "InvalidParameterException",
        "it no longer waits"
    );
    machine.run_until_steady();
    check("pause-and-continue", &machine);
}

#[test]
fn a_pause_nobody_ends_is_turned_back_when_its_time_is_over() {
    let pause = json!({
        "targetType": "PAUSE", "lifecycleStages": ["PRE_SCALE_UP"],
        "timeoutConfiguration": { "timeoutInMinutes": 1, "action": "ROLLBACK" },
    });
    let mut machine = shifting(blue_green(json!({ "bakeTimeInMinutes": 0 })));
    machine.register(json!({}));
    machine.update(json!({
        "taskDefinition": "contracts:2", "deploymentConfiguration": { "lifecycleHooks": [pause] },
    }));
    machine.run_seconds(70);
    machine.run_until_steady();
    let deployment = machine.deployment();
    assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL");
    assert!(
        deployment["statusReason"]
            .as_str()
            .unwrap()
            .contains("PRE_SCALE_UP lifecycle hook(s) failed.")
    );
}

#[test]
fn a_function_is_called_again_until_it_answers() {
    let hook = json!({
        "hookTargetArn": FUNCTION, "roleArn": BALANCER_ROLE, "lifecycleStages": ["POST_SCALE_UP"],
    });
    let mut machine = shifting(blue_green(json!({ "bakeTimeInMinutes": 0 })));
    let script = json!({ FUNCTION: ["IN_PROGRESS", "IN_PROGRESS", "FAILED"] }).to_string();
    ecs::script_hooks(&mut machine.world, script.as_bytes()).unwrap();
    machine.register(json!({}));
    machine.update(json!({
        "taskDefinition": "contracts:2", "deploymentConfiguration": { "lifecycleHooks": [hook] },
    }));
    machine.run_seconds(50);
    assert_eq!(
        machine.deployment()["lifecycleHookDetails"][0]["status"],
        "IN_PROGRESS"
    );
    machine.run_seconds(30);
    machine.run_until_steady();
    let deployment = machine.deployment();
    assert_eq!(deployment["status"], "ROLLBACK_SUCCESSFUL");
    assert_eq!(
        deployment["statusReason"],
        format!(
            "Service deployment rolled back because POST_SCALE_UP lifecycle hook(s) failed. Lifecycle hook target \
             {FUNCTION} returned FAILED status."
        )
    );
}

#[test]
fn rules_that_ecs_cannot_work_with_turn_the_rollout_back() {
    let mut machine = shifting(blue_green(json!({ "bakeTimeInMinutes": 0 })));
    let Shift {
        alternate,
        production,
        ..
    } = machine.shift.as_ref().unwrap();
    let both = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
        { "TargetGroupArn": machine.surroundings.target_group, "Weight": 50 },
        { "TargetGroupArn": alternate, "Weight": 50 },
    ]}}]);
    let input = json!({ "RuleArn": production, "Actions": both });
    machine.other("elasticloadbalancing", "ModifyRule", input);
    update(&mut machine);
    machine.run_until_steady();
    let reason = machine.deployment()["statusReason"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(
        reason.contains("should have exactly one target group serving traffic but found 2"),
        "{reason}"
    );
}

#[test]
fn a_rolling_update_succeeds_early_when_enough_tasks_are_healthy() {
    for cleanup in ["DEFERRED", "BLOCKING"] {
        let mut machine = steady();
        let early = json!({ "enable": true, "healthyPercent": 50, "sourceServiceRevisionCleanup": cleanup });
        let configuration = json!({ "minimumHealthyPercent": 50, "maximumPercent": 150, "earlySuccessCriteria": early });
        machine.register(json!({}));
        machine.update(
            json!({ "taskDefinition": "contracts:2", "deploymentConfiguration": configuration }),
        );
        let mut tasks = 0;
        while machine.deployment()["status"] != "SUCCESSFUL" {
            machine.now += 100;
            machine.tick();
            let deployment = machine.deployment();
            tasks = deployment["sourceServiceRevisions"][0]["runningTaskCount"]
                .as_u64()
                .unwrap();
            assert!(machine.now < 120_000, "{cleanup}:\n{}", machine.timeline());
        }
        assert_eq!(
            tasks > 0,
            cleanup == "DEFERRED",
            "{cleanup}:\n{}",
            machine.timeline()
        );
        machine.run_until_steady();
    }
}
