//! Each resource of the unit made as the manifest says, and put back after somebody else's edit of it.

use std::time::Duration;

use contracts::reconciler::converge::Outcome;
use serde_json::{Value, json};

use crate::account::Account;

const EVERYTHING: &str = include_str!("../fixtures/everything.yaml");
const RESOURCE: &str = "service/hokusai-development/everything";
const GROUP: &str = "/ecs/everything";

/// A manifest that leaves no field to its default, converged.
async fn stable() -> Account {
    let account = Account::of(EVERYTHING).await;
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    account.simulator.clear_calls();
    account
}

/// What names a scalable target, with `more`.
fn scaling(more: Value) -> Value {
    let mut input = json!({
        "ServiceNamespace": "ecs", "ResourceId": RESOURCE, "ScalableDimension": "ecs:service:DesiredCount",
    });
    let members = input.as_object_mut().unwrap();
    members.extend(more.as_object().unwrap().clone());
    input
}

impl Account {
    fn policy(&self, name: &str) -> Value {
        let reply = self.call(
            "application-autoscaling",
            "DescribeScalingPolicies",
            scaling(json!({})),
        );
        let policies = reply["ScalingPolicies"].as_array().unwrap().iter();
        let named = |policy: &&Value| policy["PolicyName"] == name;
        policies
            .clone()
            .find(named)
            .unwrap_or_else(|| panic!("{reply}"))
            .clone()
    }

    /// A revision of this family as ECS has it.
    fn revision(&self, name: &str) -> Value {
        let input = json!({ "taskDefinition": name });
        self.call("ecs", "DescribeTaskDefinition", input)["taskDefinition"].clone()
    }

    fn role_policy(&self, role: &str, name: &str) -> Value {
        let input = json!({ "RoleName": role, "PolicyName": name });
        let document = self.call("iam", "GetRolePolicy", input)["PolicyDocument"].clone();
        let document = document.as_str().unwrap();
        let plain = percent_encoding::percent_decode_str(document)
            .decode_utf8()
            .unwrap();
        serde_json::from_str(&plain).unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn every_field_reaches_aws_and_a_second_run_writes_nothing() {
    let account = stable().await;
    let definition = account.revision("everything");
    let container = &definition["containerDefinitions"][0];
    let found = json!({
        "cpu": definition["cpu"], "memory": definition["memory"], "platform": definition["runtimePlatform"],
        "init": container["linuxParameters"]["initProcessEnabled"], "stop": container["stopTimeout"],
        "readOnly": container["readonlyRootFilesystem"], "user": container["user"], "ulimits": container["ulimits"],
        "log": container["logConfiguration"]["options"]["awslogs-group"],
    });
    assert_eq!(
        found,
        json!({
            "cpu": "1024", "memory": "2048", "platform": { "cpuArchitecture": "X86_64", "operatingSystemFamily": "LINUX" },
            "init": false, "stop": 60, "readOnly": false, "user": "20002",
            "ulimits": [{ "name": "nofile", "softLimit": 4096, "hardLimit": 4096 }], "log": GROUP,
        })
    );
    let tracking = account.policy("everything-requests");
    let tracking = &tracking["TargetTrackingScalingPolicyConfiguration"];
    let label = tracking["PredefinedMetricSpecification"]["ResourceLabel"]
        .as_str()
        .unwrap();
    assert!(
        label.starts_with("app/hokusai-development/50dc6c495c0c9188/targetgroup/everything/"),
        "{label}"
    );
    assert_eq!(
        (
            &tracking["TargetValue"],
            &tracking["ScaleInCooldown"],
            &tracking["ScaleOutCooldown"]
        ),
        (&json!(1200.0), &json!(240), &json!(30))
    );
    let burst = account.policy("everything-step-burst");
    assert_eq!(
        burst["StepScalingPolicyConfiguration"]["StepAdjustments"],
        json!([
            { "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 3000.0, "ScalingAdjustment": 2 },
            { "MetricIntervalLowerBound": 3000.0, "ScalingAdjustment": 4 },
        ])
    );
    let name = json!({ "AlarmNames": ["everything-step-burst"] });
    let alarm = &account.call("monitoring", "DescribeAlarms", name)["MetricAlarms"][0];
    assert_eq!(alarm["AlarmActions"], json!([burst["PolicyARN"]]));
    assert_eq!(
        (
            &alarm["MetricName"],
            &alarm["Threshold"],
            &alarm["EvaluationPeriods"]
        ),
        (&json!("RequestCountPerTarget"), &json!(3000.0), &json!(1))
    );
    let actions = account.call(
        "application-autoscaling",
        "DescribeScheduledActions",
        scaling(json!({})),
    );
    let morning = &actions["ScheduledActions"][1];
    assert_eq!(
        (
            &morning["Schedule"],
            &morning["Timezone"],
            &morning["ScalableTargetAction"]
        ),
        (
            &json!("cron(0 8 ? * MON-FRI *)"),
            &json!("Europe/Berlin"),
            &json!({ "MinCapacity": 4, "MaxCapacity": 20 })
        )
    );
    let targets = account.call(
        "application-autoscaling",
        "DescribeScalableTargets",
        json!({ "ServiceNamespace": "ecs" }),
    );
    assert_eq!(
        targets["ScalableTargets"][0]["SuspendedState"]["DynamicScalingInSuspended"],
        true
    );
    let filters = account.call(
        "logs",
        "DescribeMetricFilters",
        json!({ "logGroupName": GROUP, "filterNamePrefix": "everything-seconds" }),
    );
    let seconds = &filters["metricFilters"][0]["metricTransformations"][0];
    assert_eq!(
        (
            &seconds["metricValue"],
            &seconds["dimensions"],
            &seconds["unit"]
        ),
        (
            &json!("$.seconds"),
            &json!({ "Chain": "$.chain" }),
            &json!("Seconds")
        )
    );

    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
    assert_eq!(account.mutating(), Default::default());
    let reads: u64 = account
        .simulator
        .calls()
        .values()
        .map(|calls| calls.calls)
        .sum();
    println!(
        "{reads} reads: {:?}",
        account.simulator.calls().keys().collect::<Vec<_>>()
    );
}

/// The only grants on everything are those AWS knows no resource for.
#[tokio::test(start_paused = true)]
async fn both_roles_may_do_what_the_manifest_needs_and_no_more() {
    let account = stable().await;
    let grants = |role| {
        let policy = account.role_policy(role, "reconciler");
        let statements = policy["Statement"].as_array().unwrap().clone();
        let line = |statement: Value| {
            let of = |member: &str| {
                let list = statement[member].as_array().unwrap().iter();
                list.map(|text| text.as_str().unwrap())
                    .collect::<Vec<_>>()
                    .join(" ")
            };
            format!("{} on {}", of("Action"), of("Resource"))
        };
        statements.into_iter().map(line).collect::<Vec<_>>()
    };
    let here = "us-east-1:932100697590";
    assert_eq!(
        grants("everything-execution"),
        [
            format!(
                "ecr:BatchCheckLayerAvailability ecr:BatchGetImage ecr:GetDownloadUrlForLayer on arn:aws:ecr:{here}:repository/hokusai/contracts"
            ),
            "ecr:GetAuthorizationToken on *".to_owned(),
            format!(
                "logs:CreateLogStream logs:PutLogEvents on arn:aws:logs:{here}:log-group:/ecs/everything:*"
            ),
            format!(
                "ssm:GetParameters on arn:aws:ssm:{here}:parameter/everything/redis_url arn:aws:ssm:{here}:parameter/everything/token_manager_address"
            ),
            format!("kms:Decrypt on arn:aws:kms:{here}:key/6b9a8d5e-0f0f-4a4b-9d0e-1c2d3e4f5a6b"),
        ]
    );
    assert_eq!(
        grants("everything-task"),
        [
            format!("kms:GetPublicKey kms:Sign on arn:aws:kms:{here}:key/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"),
            format!("ssm:GetParameter on arn:aws:ssm:{here}:parameter/everything/api_keys"),
            format!("kms:Decrypt on arn:aws:kms:{here}:key/6b9a8d5e-0f0f-4a4b-9d0e-1c2d3e4f5a6b"),
            "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel on *".to_owned(),
        ]
    );
    // What the manifest writes out stands by itself.
    assert_eq!(
        account.role_policy("everything-task", "manifest"),
        json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::everything/*"] },
        ] })
    );
}

/// One edit by hand after the other, each undone by exactly one call.
#[tokio::test(start_paused = true)]
async fn what_somebody_else_changed_is_put_back() {
    let account = stable().await;
    let filter = |name: &str, pattern: &str| {
        json!({
            "logGroupName": GROUP, "filterName": name, "filterPattern": pattern,
            "metricTransformations": [{ "metricName": "Warnings", "metricNamespace": "Everything", "metricValue": "1", "defaultValue": 0.0, "unit": "Count" }],
        })
    };
    let schedule = |name: &str, zone: &str| {
        let bounds = json!({ "MinCapacity": 4, "MaxCapacity": 20 });
        scaling(json!({
            "ScheduledActionName": name, "Schedule": "cron(0 8 ? * MON-FRI *)", "Timezone": zone, "ScalableTargetAction": bounds,
        }))
    };
    let tracking = |target: f64| {
        scaling(json!({
            "PolicyName": "everything-memory", "PolicyType": "TargetTrackingScaling",
            "TargetTrackingScalingPolicyConfiguration": {
                "TargetValue": target, "ScaleInCooldown": 240, "ScaleOutCooldown": 30,
                "PredefinedMetricSpecification": { "PredefinedMetricType": "ECSServiceAverageMemoryUtilization" },
            },
        }))
    };
    let autoscaling = "application-autoscaling";
    let rows: [(&'static str, &str, Value, &str); 11] = [
        (
            "logs",
            "PutMetricFilter",
            filter("everything-warnings", "WARN"),
            "logs:PutMetricFilter everything-warnings",
        ),
        (
            "logs",
            "DeleteMetricFilter",
            json!({ "logGroupName": GROUP, "filterName": "everything-seconds" }),
            "logs:PutMetricFilter everything-seconds",
        ),
        (
            "logs",
            "PutMetricFilter",
            filter("everything-old", "OLD"),
            "logs:DeleteMetricFilter everything-old",
        ),
        (
            autoscaling,
            "PutScalingPolicy",
            tracking(20.0),
            "application-autoscaling:PutScalingPolicy everything-memory",
        ),
        (
            autoscaling,
            "DeleteScalingPolicy",
            scaling(json!({ "PolicyName": "everything-requests" })),
            "application-autoscaling:PutScalingPolicy everything-requests",
        ),
        (
            autoscaling,
            "PutScheduledAction",
            schedule("everything-morning", "America/New_York"),
            "application-autoscaling:PutScheduledAction everything-morning",
        ),
        (
            autoscaling,
            "DeleteScheduledAction",
            scaling(json!({ "ScheduledActionName": "everything-evening" })),
            "application-autoscaling:PutScheduledAction everything-evening",
        ),
        (
            autoscaling,
            "PutScheduledAction",
            schedule("by-hand", "UTC"),
            "application-autoscaling:DeleteScheduledAction by-hand",
        ),
        (
            autoscaling,
            "RegisterScalableTarget",
            scaling(
                json!({ "SuspendedState": { "DynamicScalingInSuspended": true, "ScheduledScalingSuspended": true } }),
            ),
            "application-autoscaling:RegisterScalableTarget service/hokusai-development/everything",
        ),
        (
            autoscaling,
            "RegisterScalableTarget",
            scaling(json!({ "MinCapacity": 3, "MaxCapacity": 30 })),
            "application-autoscaling:RegisterScalableTarget service/hokusai-development/everything",
        ),
        (
            "iam",
            "DeleteRolePolicy",
            json!({ "RoleName": "everything-task", "PolicyName": "reconciler" }),
            "iam:PutRolePolicy everything-task",
        ),
    ];
    for (service, operation, input, expected) in rows {
        account.call(service, operation, input);
        let (outcome, steps) = account.reconcile().await;
        assert_eq!(outcome, Outcome::Settled, "{operation}: {steps:#?}");
        assert_eq!(steps, [expected], "{operation}");
    }
}

/// A filter of another's, by its name, is left alone.
#[tokio::test(start_paused = true)]
async fn a_metric_filter_without_the_units_name_is_not_ours() {
    let account = stable().await;
    let theirs = json!({
        "logGroupName": GROUP, "filterName": "theirs", "filterPattern": "x",
        "metricTransformations": [{ "metricName": "X", "metricNamespace": "Theirs", "metricValue": "1" }],
    });
    account.call("logs", "PutMetricFilter", theirs);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
}

/// What a scheduled action of the manifest made of the bounds is not drift.
#[tokio::test(start_paused = true)]
async fn bounds_the_clock_has_changed_are_left_alone() {
    let account = stable().await;
    let bounds = || {
        let targets = account.call(
            "application-autoscaling",
            "DescribeScalableTargets",
            json!({ "ServiceNamespace": "ecs" }),
        );
        let target = &targets["ScalableTargets"][0];
        (
            target["MinCapacity"].as_u64().unwrap(),
            target["MaxCapacity"].as_u64().unwrap(),
        )
    };
    // From Thursday 2026-01-01T00:00Z to eight in the morning in Berlin, and the time a rollout to four tasks takes.
    tokio::time::sleep(Duration::from_secs(8 * 3600)).await;
    assert_eq!(bounds(), (4, 20));
    let (outcome, steps) = account.reconcile().await;
    assert_eq!((outcome, steps), (Outcome::Settled, vec![]));
    assert_eq!(bounds(), (4, 20));
}

/// A revision that says more than the manifest, such as another command, is not the wanted one.
#[tokio::test(start_paused = true)]
async fn a_revision_with_a_command_by_hand_is_rolled_back_to_the_wanted_one() {
    let account = stable().await;
    let mut definition = account.revision("everything");
    let members = definition.as_object_mut().unwrap();
    members.retain(|name, _| {
        let given = [
            "family",
            "cpu",
            "memory",
            "networkMode",
            "requiresCompatibilities",
            "executionRoleArn",
            "taskRoleArn",
            "runtimePlatform",
            "containerDefinitions",
        ];
        given.contains(&name.as_str())
    });
    definition["containerDefinitions"][0]["command"] = json!(["sleep", "infinity"]);
    account.call("ecs", "RegisterTaskDefinition", definition);
    let input = json!({ "cluster": "hokusai-development", "service": "everything", "taskDefinition": "everything:2" });
    account.call("ecs", "UpdateService", input);
    let (outcome, steps) = account.reconcile().await;
    assert_eq!(outcome, Outcome::Settled, "{steps:#?}");
    assert_eq!(steps, ["ecs:UpdateService everything"]);
}
