//! Observed worlds → plans, one golden text a case.

use contracts::reconciler::desired::desired;
use contracts::reconciler::observed::{Found, Observed, Rollout};
use contracts::reconciler::plan::{Plan, plan};
use contracts::reconciler::resource::{Dimension, Join, ListenerRule};
use contracts::reconciler::spec::Spec;

use crate::golden;
use crate::world::{REVISION, converged, empty, spec};

fn planned(spec: &Spec, observed: &Observed) -> Plan {
    plan(spec, &desired(spec), observed)
}

/// A converged world after one edit, planned and compared with `plans/<name>.txt`.
fn check(name: &str, edit: impl FnOnce(&mut Spec, &mut Observed)) -> Plan {
    let mut wanted = spec();
    let mut observed = converged(&wanted);
    edit(&mut wanted, &mut observed);
    let plan = planned(&wanted, &observed);
    golden::check(&format!("plans/{name}.txt"), &plan.to_string());
    plan
}

fn running(observed: &mut Observed) -> &mut contracts::reconciler::observed::Running {
    observed.service.as_mut().unwrap()
}

fn foreign_rule(host: &str, priority: i32) -> Found<ListenerRule> {
    let value = ListenerRule {
        hosts: [host.to_owned()].into(),
        priority,
        forward: Join::Other("arn:other".to_owned()),
        other: Default::default(),
    };
    Found {
        arn: "arn:rule/theirs".to_owned(),
        owner: None,
        value,
    }
}

#[test]
fn a_converged_world_needs_nothing() {
    assert!(check("converged", |_, _| {}).is_settled());
}

#[test]
fn an_empty_account_gets_everything_that_depends_on_nothing() {
    check("empty-account", |spec, observed| *observed = empty(spec));
}

#[test]
fn a_new_image_is_registered_first_and_rolled_out_by_one_call_after() {
    let registered = check("image-changed", |spec, observed| {
        spec.image.uri = spec.image.uri.replace("0.1.0", "0.2.0");
        observed.wanted = None;
    });
    assert_eq!(registered.steps.len(), 1);
    let rolled = check("image-registered", |spec, observed| {
        spec.image.uri = spec.image.uri.replace("0.1.0", "0.2.0");
        observed.wanted = Some(REVISION.replace(":7", ":8"));
    });
    assert_eq!(rolled.steps.len(), 1);
}

#[test]
fn an_alarm_deleted_by_hand_is_put_back() {
    check("alarm-deleted", |_, observed| {
        drop(
            observed
                .alarms
                .remove("hokusai-contracts-development-errors"),
        )
    });
}

#[test]
fn an_alarm_on_a_target_group_of_the_past_is_pointed_at_todays() {
    check("alarm-dimension-stale", |_, observed| {
        let alarm = observed
            .alarms
            .get_mut("hokusai-contracts-development-latency")
            .unwrap();
        alarm.value.dimensions.insert(
            "TargetGroup".to_owned(),
            Dimension::Text("targetgroup/old/1".to_owned()),
        );
    });
}

#[test]
fn an_alarm_nobody_wants_any_more_is_deleted_only_if_it_is_ours() {
    check("alarm-obsolete", |_, observed| {
        let ours = observed.alarms["hokusai-contracts-development-cpu"].clone();
        let foreign = Found {
            owner: None,
            ..ours.clone()
        };
        observed
            .alarms
            .insert("hokusai-contracts-development-old".to_owned(), ours);
        observed
            .alarms
            .insert("hokusai-contracts-development-theirs".to_owned(), foreign);
    });
}

#[test]
fn an_edited_health_path_is_modified_in_place() {
    check("health-path-edited", |_, observed| {
        observed
            .target_group
            .as_mut()
            .unwrap()
            .value
            .health_check
            .path = "/".to_owned();
    });
}

#[test]
fn a_target_group_on_another_port_blocks_since_aws_cannot_change_it() {
    check("target-group-port", |_, observed| {
        observed.target_group.as_mut().unwrap().value.port = 8002
    });
}

#[test]
fn a_rule_that_takes_the_hosts_requests_first_is_foreign() {
    check("rule-shadowed", |_, observed| {
        observed.rules.insert(0, foreign_rule("*.hokus.ai", 10))
    });
}

#[test]
fn a_taken_priority_is_foreign_and_no_rule_is_made() {
    check("rule-priority-taken", |_, observed| {
        observed.rules = vec![foreign_rule("other.hokus.ai", 100)]
    });
}

#[test]
fn a_foreign_alarm_stops_nothing_else() {
    check("alarm-foreign", |_, observed| {
        let alarm = observed
            .alarms
            .get_mut("hokusai-contracts-development-errors")
            .unwrap();
        alarm.owner = None;
        alarm.value.threshold = 99.0;
        observed.log_group.as_mut().unwrap().value.retention_days = None;
    });
}

#[test]
fn a_widened_role_is_narrowed_again() {
    check("role-widened", |_, observed| {
        let role = &mut observed.task_role.as_mut().unwrap().value;
        role.policies
            .insert("by-hand".to_owned(), serde_json::json!({ "Statement": [] }));
        role.attached
            .insert("arn:aws:iam::aws:policy/AdministratorAccess".to_owned());
    });
}

#[test]
fn a_missing_secret_holds_the_service_back_and_nothing_else() {
    check("secret-missing", |spec, observed| {
        *observed = empty(spec);
        observed
            .missing_secrets
            .insert("/hokusai/development/contracts/deployer_key".to_owned());
    });
}

#[test]
fn a_rollout_in_progress_is_waited_for() {
    check("rollout-in-progress", |_, observed| {
        observed.healthy_targets = 1;
        let running = running(observed);
        running.rollout = Rollout::InProgress;
        running.running_count = 3;
        running.event = Some("has started 1 tasks: (task abc).".to_owned());
    });
}

#[test]
fn a_task_that_died_is_waited_for_not_planned() {
    let plan = check("task-died", |_, observed| {
        observed.healthy_targets = 1;
        running(observed).running_count = 1;
    });
    assert!(plan.steps.is_empty());
}

#[test]
fn a_rolled_back_revision_is_not_tried_again() {
    let new = REVISION.replace(":7", ":8");
    let plan = check("rollout-rolled-back", |spec, observed| {
        spec.image.uri = spec.image.uri.replace("0.1.0", "0.2.0");
        observed.wanted = Some(new.clone());
        running(observed).rollout = Rollout::Failed {
            revision: Some(new),
            rolled_back: true,
            reason: "tasks failed to start.".to_owned(),
        };
    });
    assert!(plan.steps.is_empty());
}

#[test]
fn another_image_after_a_failed_one_is_rolled_out() {
    check("rollout-after-failure", |spec, observed| {
        spec.image.uri = spec.image.uri.replace("0.1.0", "0.3.0");
        observed.wanted = Some(REVISION.replace(":7", ":9"));
        running(observed).rollout = Rollout::Failed {
            revision: Some(REVISION.replace(":7", ":8")),
            rolled_back: true,
            reason: "tasks failed to start.".to_owned(),
        };
    });
}

#[test]
fn a_desired_count_within_the_bounds_is_autoscalings() {
    let plan = check("desired-count-scaled", |_, observed| {
        observed.healthy_targets = 7;
        let running = running(observed);
        (running.desired_count, running.running_count) = (7, 7);
    });
    assert!(plan.is_settled());
}

#[test]
fn a_desired_count_outside_the_bounds_is_brought_back() {
    check("desired-count-zero", |_, observed| {
        observed.healthy_targets = 0;
        let running = running(observed);
        (running.desired_count, running.running_count) = (0, 0);
    });
}

#[test]
fn a_service_torn_off_its_target_group_is_joined_again() {
    check("service-unjoined", |_, observed| {
        let service = &mut running(observed).found.value;
        service.target_group = Join::None;
        service.traffic = String::new();
    });
}

#[test]
fn credentials_of_another_account_plan_nothing() {
    let plan = check("wrong-account", |spec, observed| {
        *observed = empty(spec);
        observed.account = "111111111111".to_owned();
    });
    assert!(plan.steps.is_empty());
}

#[test]
fn suspended_scaling_and_a_policy_by_hand_are_undone() {
    check("scaling-by-hand", |_, observed| {
        observed.scalable_target.as_mut().unwrap().suspended = true;
        let policy = observed.scaling_policies["hokusai-contracts-development-cpu"].clone();
        observed
            .scaling_policies
            .insert("by-hand".to_owned(), policy);
    });
}

#[test]
fn a_draining_service_of_the_same_name_is_waited_for() {
    check("service-draining", |_, observed| {
        running(observed).draining = true
    });
}

#[test]
fn planning_is_deterministic_and_its_json_names_every_call() {
    let spec = spec();
    let plan = planned(&spec, &empty(&spec));
    assert_eq!(plan, planned(&spec, &empty(&spec)));
    let json = serde_json::to_value(&plan).unwrap();
    for step in json["steps"].as_array().unwrap() {
        assert!(
            step["subject"]["kind"].is_string() && step["call"].is_object(),
            "{step}"
        );
    }
}
