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
