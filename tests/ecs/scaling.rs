//! Desired counts that move by themselves: target tracking, step and scheduled scaling, and what they never do.

use contracts::simulator::load::Load;
use serde_json::json;

use crate::stage::Stage;
use crate::timeline::check_text;

/// So many requests a second cost a quarter of a vCPU, which is a whole task, for every 20 of them.
fn requests(per_second: f64) -> Load {
    Load {
        requests_per_second: per_second,
        seconds_per_request: 0.1,
        cpu_seconds_per_request: 0.0125,
        memory_mib_per_task: 128.0,
        error_share: 0.0,
    }
}

fn between(minimum: u32, maximum: u32) -> Stage {
    let mut stage = Stage::new();
    let bounds = json!({ "MinCapacity": minimum, "MaxCapacity": maximum });
    stage.scaling("RegisterScalableTarget", bounds);
    stage
}

#[test]
fn load_drives_two_tasks_to_ten_and_back() {
    let mut stage = between(2, 10);
    stage.track("cpu", "ECSServiceAverageCPUUtilization", 50.0, json!({}));
    stage.load(requests(10.0));
    stage.run_minutes(6);
    stage.load(requests(100.0));
    stage.run_minutes(20);
    assert_eq!(stage.desired(), 10);
    stage.load(requests(10.0));
    stage.run_minutes(40);
    assert_eq!(stage.desired(), 2);
    check_text("load-out-and-in", &stage.timeline());
}

#[test]
fn schedules_move_the_bounds_and_the_count_with_them() {
    let mut stage = between(1, 4);
    // Kyiv is three hours ahead of UTC in August.
    for (name, schedule, bounds) in [
        (
            "morning",
            "cron(10 3 * * ? *)",
            json!({ "MinCapacity": 6, "MaxCapacity": 8 }),
        ),
        (
            "once",
            "at(2026-08-01T03:20:00)",
            json!({ "MinCapacity": 1, "MaxCapacity": 3 }),
        ),
        (
            "wrong",
            "at(2026-08-01T03:25:00)",
            json!({ "MinCapacity": 9 }),
        ),
    ] {
        let action = json!({
            "ScheduledActionName": name, "Schedule": schedule, "Timezone": "Europe/Kyiv", "ScalableTargetAction": bounds,
        });
        stage.scaling("PutScheduledAction", action);
    }
    stage.run_minutes(30);
    check_text("schedule", &stage.timeline());
}

#[test]
fn suspended_scaling_and_past_ends_move_nothing() {
    let mut stage = between(2, 10);
    let suspended = json!({ "SuspendedState": {
        "DynamicScalingInSuspended": true, "DynamicScalingOutSuspended": true, "ScheduledScalingSuspended": true,
    }});
    stage.track("cpu", "ECSServiceAverageCPUUtilization", 50.0, json!({}));
    let action = json!({
        "ScheduledActionName": "more", "Schedule": "rate(1 minute)", "ScalableTargetAction": { "MinCapacity": 5 },
    });
    stage.scaling("RegisterScalableTarget", suspended);
    stage.scaling("PutScheduledAction", action);
    stage.load(requests(100.0));
    stage.run_minutes(10);
    assert_eq!((stage.desired(), stage.activities().len()), (2, 0));
    stage.scaling(
        "RegisterScalableTarget",
        json!({ "SuspendedState": { "DynamicScalingOutSuspended": false } }),
    );
    stage.run_minutes(1);
    assert_eq!(stage.desired(), 4);
}

#[test]
fn one_policy_scales_out_and_all_must_agree_to_scale_in() {
    let mut stage = between(2, 10);
    stage.track("cpu", "ECSServiceAverageCPUUtilization", 50.0, json!({}));
    stage.track(
        "memory",
        "ECSServiceAverageMemoryUtilization",
        20.0,
        json!({}),
    );
    // The processor is idle. Memory is at a quarter: 2 * 25 / 20 are 3.
    stage.load(requests(0.0));
    stage.run_minutes(3);
    assert_eq!(stage.desired(), 3);
    // The same memory in each task again: 3 * 25 / 20 are 4, and so on, though the processor could do with two.
    stage.run_minutes(30);
    assert_eq!(stage.desired(), 10);
    let idle = Load::default();
    stage.load(idle);
    stage.run_minutes(20);
    assert_eq!(stage.desired(), 2);
}

/// Two tasks of a quarter vCPU and 512 MiB: 20 requests a second are a quarter vCPU of a half.
#[test]
fn a_load_becomes_the_metrics_aws_documents() {
    let mut stage = Stage::new();
    stage.load(Load {
        error_share: 0.25,
        ..requests(20.0)
    });
    stage.run_minutes(1);
    let (from, to) = ((stage.now - 60_000) / 1_000, stage.now / 1_000);
    let group = stage.surroundings.target_group.clone();
    let group = ("TargetGroup", &group[group.find("targetgroup/").unwrap()..]);
    let balancer = ("LoadBalancer", "app/hokusai-development/50dc6c495c0c9188");
    let service = [
        ("ClusterName", "hokusai-development"),
        ("ServiceName", "contracts"),
    ];
    for (namespace, name, dimensions, statistic, expected) in [
        ("AWS/ECS", "CPUUtilization", &service[..], "Average", 50.0),
        ("AWS/ECS", "CPUUtilization", &service, "SampleCount", 2.0),
        ("AWS/ECS", "MemoryUtilization", &service, "Maximum", 25.0),
        (
            "AWS/ApplicationELB",
            "RequestCount",
            &[balancer],
            "Sum",
            1200.0,
        ),
        (
            "AWS/ApplicationELB",
            "RequestCount",
            &[balancer, group],
            "Sum",
            1200.0,
        ),
        (
            "AWS/ApplicationELB",
            "RequestCountPerTarget",
            &[group],
            "Sum",
            600.0,
        ),
        (
            "AWS/ApplicationELB",
            "RequestCountPerTarget",
            &[balancer, group],
            "Sum",
            600.0,
        ),
        (
            "AWS/ApplicationELB",
            "TargetResponseTime",
            &[balancer],
            "Average",
            0.1,
        ),
        (
            "AWS/ApplicationELB",
            "HTTPCode_Target_5XX_Count",
            &[balancer],
            "Sum",
            300.0,
        ),
        (
            "AWS/ApplicationELB",
            "HealthyHostCount",
            &[balancer, group],
            "Minimum",
            2.0,
        ),
        (
            "AWS/ApplicationELB",
            "UnHealthyHostCount",
            &[balancer, group],
            "Maximum",
            0.0,
        ),
    ] {
        let dimensions = dimensions
            .iter()
            .map(|(name, value)| json!({ "Name": name, "Value": value }));
        let found = stage.ask("monitoring", "GetMetricStatistics", json!({
            "Namespace": namespace, "MetricName": name, "Dimensions": dimensions.collect::<Vec<_>>(), "Period": 60,
            "Statistics": [statistic], "StartTime": from, "EndTime": to,
        }));
        let value = found["Datapoints"][0][statistic].as_f64();
        let close = value.is_some_and(|value| (value - expected).abs() < 1e-9);
        assert!(close, "{name} {statistic}: {value:?}, not {expected}");
    }
    // Idle, the load balancer counts nothing and the service is at nothing.
    stage.load(Load::default());
    stage.run_minutes(1);
    let input = json!({
        "Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Period": 60, "Statistics": ["Sum"],
        "Dimensions": [{ "Name": balancer.0, "Value": balancer.1 }], "StartTime": to, "EndTime": to + 60,
    });
    assert_eq!(
        stage.ask("monitoring", "GetMetricStatistics", input)["Datapoints"],
        json!([])
    );
}

#[test]
fn requests_per_target_are_tracked_by_the_target_groups_own_metric() {
    let mut stage = between(2, 10);
    let group = stage.surroundings.target_group.clone();
    let group = &group[group.find("targetgroup/").unwrap()..];
    let label = format!("app/hokusai-development/50dc6c495c0c9188/{group}");
    let metric =
        json!({ "PredefinedMetricType": "ALBRequestCountPerTarget", "ResourceLabel": label });
    stage.track(
        "requests",
        "",
        300.0,
        json!({ "PredefinedMetricSpecification": metric }),
    );
    // 1,200 a minute are four times 300.
    stage.load(requests(20.0));
    stage.run_minutes(10);
    assert_eq!(stage.desired(), 4);
    let reasons = stage.ask(
        "monitoring",
        "DescribeAlarms",
        json!({ "StateValue": "OK" }),
    );
    let high = reasons["MetricAlarms"][0]["StateReason"].as_str().unwrap();
    assert!(high.contains("[300.0 ("), "{high}");
}

/// Memory is at 25 of 30, which is ready to scale in and yet needs all four tasks: 4 * 25 / 30 are more than 3.
#[test]
fn the_policy_that_needs_most_decides_how_far_to_scale_in() {
    let mut stage = between(2, 10);
    stage.track("cpu", "ECSServiceAverageCPUUtilization", 50.0, json!({}));
    stage.track(
        "memory",
        "ECSServiceAverageMemoryUtilization",
        30.0,
        json!({}),
    );
    let update =
        json!({ "cluster": "hokusai-development", "service": "contracts", "desiredCount": 4 });
    stage.ask("ecs", "UpdateService", update);
    stage.load(requests(0.0));
    stage.run_minutes(25);
    assert_eq!(stage.desired(), 4);
}

#[test]
fn scale_in_can_be_disabled() {
    let mut stage = between(1, 10);
    stage.track(
        "cpu",
        "ECSServiceAverageCPUUtilization",
        50.0,
        json!({ "DisableScaleIn": true }),
    );
    stage.load(requests(100.0));
    stage.run_minutes(20);
    assert_eq!(stage.desired(), 10);
    stage.load(requests(0.0));
    stage.run_minutes(40);
    assert_eq!(stage.desired(), 10);
}

#[test]
fn steps_are_taken_by_how_far_an_alarm_is_beyond_its_threshold() {
    let mut stage = between(2, 20);
    let policy = stage.scaling("PutScalingPolicy", json!({
        "PolicyName": "steps", "PolicyType": "StepScaling", "StepScalingPolicyConfiguration": {
            "AdjustmentType": "ChangeInCapacity", "Cooldown": 300,
            "StepAdjustments": [
                { "MetricIntervalLowerBound": 0.0, "MetricIntervalUpperBound": 1000.0, "ScalingAdjustment": 2 },
                { "MetricIntervalLowerBound": 1000.0, "ScalingAdjustment": 3 },
            ],
        },
    }));
    let group = stage.surroundings.target_group.clone();
    let dimension = &group[group.find("targetgroup/").unwrap()..];
    stage.ask("monitoring", "PutMetricAlarm", json!({
        "AlarmName": "busy", "Namespace": "AWS/ApplicationELB", "MetricName": "RequestCount", "Statistic": "Sum",
        "Dimensions": [
            { "Name": "LoadBalancer", "Value": "app/hokusai-development/50dc6c495c0c9188" },
            { "Name": "TargetGroup", "Value": dimension },
        ],
        "Period": 60, "EvaluationPeriods": 1, "Threshold": 600.0, "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "AlarmActions": [policy["PolicyARN"]],
    }));
    stage.load(requests(20.0));
    stage.run_minutes(2);
    assert_eq!(stage.desired(), 4);
    // Within the cooldown the same step adds nothing, a larger one only its difference: the user guide's example.
    stage.run_minutes(1);
    assert_eq!(stage.desired(), 4);
    stage.load(requests(30.0));
    stage.run_minutes(2);
    assert_eq!(stage.desired(), 5);
    let cause = stage.activities()[0]["Cause"].clone();
    assert_eq!(
        cause,
        "monitor alarm busy in state ALARM triggered policy steps"
    );
    // Once it has passed, the alarm that is still on scales out again.
    stage.run_minutes(5);
    assert_eq!(stage.desired(), 8);
}

/// Random loads for some hours each: counts stay within bounds, and nothing scales in within a cooldown.
#[test]
fn counts_stay_in_bounds_and_do_not_flap_in_cooldowns() {
    let mut moved = 0;
    for seed in 0..4 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (minimum, maximum) = (random.u32(1..4), random.u32(6..16));
        let mut stage = between(minimum, maximum);
        stage.track("cpu", "ECSServiceAverageCPUUtilization", 50.0, json!({}));
        let mut changes: Vec<(u64, u32, u32)> = Vec::new();
        let mut before = stage.desired();
        for _ in 0..12 {
            // As often quiet as busy, for up to half an hour.
            let most = if random.bool() { 20.0 } else { 200.0 };
            stage.load(requests(random.f64() * most));
            for _ in 0..random.u64(20..600) {
                stage.run_seconds(3);
                let desired = stage.desired();
                assert!(
                    (minimum..=maximum).contains(&desired),
                    "seed {seed}: {desired}"
                );
                if desired != before {
                    changes.push((stage.now, before, desired));
                    before = desired;
                }
            }
        }
        moved += changes.len();
        for pair in changes.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            let apart = (second.0 - first.0) / 1_000;
            let (was_out, is_out) = (first.2 > first.1, second.2 > second.1);
            let cooldown = match (was_out, is_out) {
                (true, false) => 60,
                (false, false) => 300,
                (_, true) => 0,
            };
            assert!(apart >= cooldown, "seed {seed}: {first:?} then {second:?}");
        }
    }
    assert!(moved > 20, "loads that move nothing show nothing: {moved}");
}
