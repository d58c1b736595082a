//! Golden timelines of target health on a virtual clock.

use std::net::Ipv4Addr;

use contracts::simulator::World;
use contracts::simulator::call::Millis;
use contracts::simulator::elbv2::route::{self, Route};
use contracts::simulator::elbv2::{self, Outcome, Probe};
use serde_json::json;

use crate::{account_world, ask_at, create_target_group, forward_host};

const TARGET: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 10);
const PORT: u16 = 3001;

/// Steps the world every 100 ms and writes down each probe and each change of health. `answer` is what the target does
/// when probed; `act` is what else happens, asked at every step.
fn timeline(
    world: &mut World,
    group: &str,
    seconds: u64,
    answer: impl Fn(Millis) -> Outcome,
    act: impl Fn(&mut World, Millis),
) -> String {
    let mut lines = String::new();
    let mut under_way: Vec<(Millis, Probe, Outcome)> = Vec::new();
    let mut last = String::new();
    for now in (0..=seconds * 1_000).step_by(100) {
        act(world, now);
        let (ended, rest) = under_way.into_iter().partition(|(end, _, _)| *end <= now);
        under_way = rest;
        let ended: Vec<(Millis, Probe, Outcome)> = ended;
        for (_, probe, outcome) in ended {
            elbv2::probed(world, &probe, outcome, now);
        }
        for probe in elbv2::step(world, now) {
            let outcome = answer(now);
            let word = match outcome {
                Outcome::Status(status) => status.to_string(),
                Outcome::TimedOut => format!("timeout after {} ms", probe.timeout_millis),
                Outcome::Unreachable => "unreachable".into(),
            };
            lines += &format!(
                "{} probe {}:{}{} {word}\n",
                clock(now),
                probe.address,
                probe.port,
                probe.path
            );
            match outcome {
                Outcome::TimedOut => under_way.push((now + probe.timeout_millis, probe, outcome)),
                Outcome::Status(_) | Outcome::Unreachable => {
                    elbv2::probed(world, &probe, outcome, now)
                }
            }
        }
        let health = match elbv2::target_health(world, group, TARGET, PORT) {
            None => "gone".into(),
            Some(health) => {
                let text = [health.reason().map(str::to_owned), health.description()]
                    .into_iter()
                    .flatten();
                std::iter::once(health.state().to_owned())
                    .chain(text)
                    .collect::<Vec<_>>()
                    .join(" | ")
            }
        };
        if health != last {
            lines += &format!("{} {health}\n", clock(now));
            last = health;
        }
    }
    lines
}

fn clock(now: Millis) -> String {
    format!("{:>5}", format!("{}.{}", now / 1_000, now % 1_000 / 100))
}

fn at(when: Millis, act: impl Fn(&mut World)) -> impl Fn(&mut World, Millis) {
    move |world, now| {
        if now == when {
            act(world);
        }
    }
}

/// A world with one attached target group and one target registered at 0.
fn attached(changes: serde_json::Value) -> (World, String) {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", changes);
    forward_host(&mut world, 10, "contracts.hokus.ai", &group);
    elbv2::register_target(&mut world, &group, TARGET, PORT, 0).unwrap();
    (world, group)
}

#[track_caller]
fn assert_timeline(found: &str, expected: &str) {
    let expected: String = expected
        .trim_matches('\n')
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect();
    assert_eq!(found, expected, "\nfound:\n{found}");
}

#[test]
fn a_new_target_is_healthy_after_one_pass_and_needs_the_threshold_to_change() {
    let (mut world, group) = attached(json!({}));
    let answer = |now| match now {
        0..=11_999 => Outcome::Status(200),
        12_000..=24_999 => Outcome::Status(503),
        _ => Outcome::Status(200),
    };
    let found = timeline(&mut world, &group, 40, answer, |_, _| {});
    assert_timeline(
        &found,
        "
  0.0 initial | Elb.RegistrationInProgress | Target registration is in progress
  1.0 probe 10.0.2.10:3001/health 200
  1.0 healthy
  6.0 probe 10.0.2.10:3001/health 200
 11.0 probe 10.0.2.10:3001/health 200
 16.0 probe 10.0.2.10:3001/health 503
 21.0 probe 10.0.2.10:3001/health 503
 21.0 unhealthy | Target.ResponseCodeMismatch | Health checks failed with these codes: [503]
 26.0 probe 10.0.2.10:3001/health 200
 31.0 probe 10.0.2.10:3001/health 200
 31.0 healthy
 36.0 probe 10.0.2.10:3001/health 200",
    );
}

#[test]
fn a_target_that_never_answers_goes_from_initial_to_unhealthy_with_the_last_reason() {
    let (mut world, group) = attached(json!({ "UnhealthyThresholdCount": 3 }));
    let answer = |now| {
        if now < 3_000 {
            Outcome::Unreachable
        } else {
            Outcome::TimedOut
        }
    };
    let found = timeline(&mut world, &group, 20, answer, |_, _| {});
    assert_timeline(
        &found,
        "
  0.0 initial | Elb.RegistrationInProgress | Target registration is in progress
  1.0 probe 10.0.2.10:3001/health unreachable
  1.0 initial | Elb.InitialHealthChecking | Initial health checks in progress
  6.0 probe 10.0.2.10:3001/health timeout after 2000 ms
 11.0 probe 10.0.2.10:3001/health timeout after 2000 ms
 13.0 unhealthy | Target.Timeout | Request timed out
 16.0 probe 10.0.2.10:3001/health timeout after 2000 ms",
    );
}

#[test]
fn a_deregistered_target_drains_for_the_delay_unprobed_and_is_gone() {
    let (mut world, group) = attached(json!({}));
    let attributes = json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "7" }]);
    let input = json!({ "TargetGroupArn": group, "Attributes": attributes });
    ask_at(&mut world, 0, "ModifyTargetGroupAttributes", input).unwrap();
    let arn = group.clone();
    let act = at(8_000, move |world| {
        elbv2::deregister_target(world, &arn, TARGET, PORT, 8_000)
    });
    let found = timeline(&mut world, &group, 20, |_| Outcome::Status(200), act);
    assert_timeline(
        &found,
        "
  0.0 initial | Elb.RegistrationInProgress | Target registration is in progress
  1.0 probe 10.0.2.10:3001/health 200
  1.0 healthy
  6.0 probe 10.0.2.10:3001/health 200
  8.0 draining | Target.DeregistrationInProgress | Target deregistration is in progress
 15.0 gone",
    );
}

#[test]
fn a_target_registered_again_while_draining_starts_anew_and_an_old_outcome_does_not_count() {
    let (mut world, group) = attached(json!({}));
    assert_eq!(elbv2::step(&mut world, 0), []);
    let [old] = elbv2::step(&mut world, 1_000).try_into().unwrap();
    elbv2::deregister_target(&mut world, &group, TARGET, PORT, 1_100);
    elbv2::register_target(&mut world, &group, TARGET, PORT, 1_200).unwrap();
    elbv2::probed(&mut world, &old, Outcome::Status(200), 1_300);
    let health = elbv2::target_health(&world, &group, TARGET, PORT);
    assert_eq!(health, Some(elbv2::Health::Registering));
    let [new] = elbv2::step(&mut world, 2_200).try_into().unwrap();
    elbv2::probed(&mut world, &new, Outcome::Status(200), 2_200);
    assert_eq!(
        elbv2::target_health(&world, &group, TARGET, PORT),
        Some(elbv2::Health::Healthy)
    );
}

#[test]
fn a_target_group_no_listener_uses_is_not_probed_and_lets_targets_go_at_once() {
    let mut world = account_world();
    let group = create_target_group(&mut world, "contracts", json!({}));
    elbv2::register_target(&mut world, &group, TARGET, PORT, 0).unwrap();
    let arn = group.clone();
    let act = move |world: &mut World, now| match now {
        3_000 => drop(forward_host(world, 10, "contracts.hokus.ai", &arn)),
        6_000 => {
            let rules = ask_at(
                world,
                now,
                "DescribeRules",
                json!({ "ListenerArn": crate::LISTENER }),
            )
            .unwrap();
            ask_at(
                world,
                now,
                "DeleteRule",
                json!({ "RuleArn": rules["Rules"][0]["RuleArn"] }),
            )
            .unwrap();
        }
        7_000 => elbv2::deregister_target(world, &arn, TARGET, PORT, now),
        _ => {}
    };
    let found = timeline(&mut world, &group, 8, |_| Outcome::Status(200), act);
    let unused = "unused | Target.NotInUse | Target group is not configured to receive traffic from the load balancer";
    assert_timeline(
        &found,
        &format!(
            "
  0.0 {unused}
  3.0 initial | Elb.RegistrationInProgress | Target registration is in progress
  3.9 probe 10.0.2.10:3001/health 200
  3.9 healthy
  6.0 {unused}
  7.0 gone"
        ),
    );
}

#[test]
fn a_changed_health_path_counts_from_the_next_probe() {
    let (mut world, group) = attached(json!({}));
    let arn = group.clone();
    let act = at(3_000, move |world| {
        let input = json!({ "TargetGroupArn": arn, "HealthCheckPath": "/other", "HealthCheckPort": "9000",
            "Matcher": { "HttpCode": "200,404-405" } });
        ask_at(world, 3_000, "ModifyTargetGroup", input).unwrap();
    });
    let answer = |now| {
        if now < 10_000 {
            Outcome::Status(404)
        } else {
            Outcome::Status(200)
        }
    };
    let found = timeline(&mut world, &group, 12, answer, act);
    assert_timeline(
        &found,
        "
  0.0 initial | Elb.RegistrationInProgress | Target registration is in progress
  1.0 probe 10.0.2.10:3001/health 404
  1.0 initial | Elb.InitialHealthChecking | Initial health checks in progress
  6.0 probe 10.0.2.10:9000/other 404
  6.0 healthy
 11.0 probe 10.0.2.10:9000/other 200",
    );
}

#[test]
fn healthy_targets_take_turns_and_with_none_healthy_all_do() {
    let (mut world, group) = attached(json!({}));
    let second = Ipv4Addr::new(10, 0, 3, 10);
    elbv2::register_target(&mut world, &group, second, PORT, 0).unwrap();
    let probe_all = |world: &mut World, now: Millis, first: u16, second: u16| {
        for probe in elbv2::step(world, now) {
            let status = if probe.address == TARGET {
                first
            } else {
                second
            };
            elbv2::probed(world, &probe, Outcome::Status(status), now);
        }
    };
    let chosen = |world: &mut World| -> Vec<String> {
        let one = |_| match route::choose(world, 443, "contracts.hokus.ai", "/") {
            Route::Target(ticket) => {
                route::finished(world, &ticket);
                ticket.target.ip().to_string()
            }
            other => format!("{other:?}"),
        };
        (0..4).map(one).collect()
    };
    let (a, b) = ("10.0.2.10", "10.0.3.10");
    probe_all(&mut world, 1_000, 200, 503);
    assert_eq!(
        chosen(&mut world),
        [a, a, a, a],
        "the second has not passed yet"
    );
    probe_all(&mut world, 6_000, 200, 200);
    assert_eq!(chosen(&mut world), [a, b, a, b]);
    probe_all(&mut world, 11_000, 503, 200);
    assert_eq!(
        chosen(&mut world),
        [a, b, a, b],
        "one failure is below the threshold"
    );
    probe_all(&mut world, 16_000, 503, 200);
    assert_eq!(chosen(&mut world), [b, b, b, b]);
    probe_all(&mut world, 21_000, 503, 503);
    probe_all(&mut world, 26_000, 503, 503);
    assert_eq!(chosen(&mut world), [a, b, a, b], "fail-open");
    elbv2::deregister_target(&mut world, &group, TARGET, PORT, 27_000);
    assert_eq!(chosen(&mut world), [b, b, b, b]);
    elbv2::deregister_target(&mut world, &group, second, PORT, 27_000);
    assert_eq!(chosen(&mut world), ["NoTarget"; 4]);
}
