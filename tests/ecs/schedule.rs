//! Whatever happens to a service, ECS's own moves keep its bounds: random schedules of updates, failures and requests.
//!
//! A seed that fails is printed; `SEED=n` runs only that one.

use std::collections::{BTreeMap, BTreeSet};

use contracts::simulator::{ecs, elbv2};
use serde_json::{Value, json};

use crate::account::{self, CLUSTER, ask};
use crate::machine::Machine;
use crate::shifting::{load_balancers, put_alarm, set_alarm, two_groups};

const SEEDS: u64 = 5;
const TICKS: usize = 1_500;
const MAXIMUM: u64 = 150;
const MINIMUM: u64 = 50;

/// What a tick may change.
struct Seen {
    /// Wanted tasks, with whether each is healthy.
    wanted: BTreeMap<String, bool>,
    desired: u64,
    weights: BTreeMap<String, u32>,
    healthy_groups: BTreeSet<String>,
}

fn look(machine: &mut Machine) -> Seen {
    let now = machine.now;
    let mut healthy = BTreeSet::new();
    let mut healthy_groups = BTreeSet::new();
    let mut groups = vec![machine.surroundings.target_group.clone()];
    groups.extend(machine.shift.as_ref().map(|shift| shift.alternate.clone()));
    for group in &groups {
        let input = json!({ "TargetGroupArn": group });
        let health = ask(
            &mut machine.world,
            now,
            "elasticloadbalancing",
            "DescribeTargetHealth",
            input,
        )
        .unwrap();
        for target in health["TargetHealthDescriptions"].as_array().unwrap() {
            if target["TargetHealth"]["State"] == "healthy" {
                healthy.insert(target["Target"]["Id"].as_str().unwrap().to_owned());
                healthy_groups.insert(group.clone());
            }
        }
    }
    let report = ecs::tasks_report(&machine.world);
    let tasks = report["tasks"].as_array().unwrap().iter();
    let wanted = tasks
        .filter(|task| task["desiredStatus"] == "RUNNING")
        .map(|task| {
            let well =
                task["status"] == "RUNNING" && healthy.contains(task["address"].as_str().unwrap());
            (task["id"].as_str().unwrap().to_owned(), well)
        });
    let wanted = wanted.collect();
    let desired = account::described(&mut machine.world, now)["desiredCount"]
        .as_u64()
        .unwrap();
    let rule = machine.shift.as_ref().map(|shift| shift.production.clone());
    let weights = rule
        .and_then(|rule| elbv2::rule_weights(&machine.world, &rule))
        .unwrap_or_default();
    Seen {
        wanted,
        desired,
        weights: weights.into_iter().collect(),
        healthy_groups,
    }
}

fn hold(
    before: &Seen,
    after: &Seen,
    rolling: bool,
    stopped: &BTreeMap<String, String>,
) -> Result<(), String> {
    let desired = after.desired;
    let started = after
        .wanted
        .keys()
        .any(|id| !before.wanted.contains_key(id));
    if rolling && started && after.wanted.len() as u64 > desired * MAXIMUM / 100 {
        return Err(format!("{} tasks of {desired}", after.wanted.len()));
    }
    // ECS's own move: a healthy task is told to stop to make way for another.
    let made_way = before.wanted.iter().any(|(id, well)| {
        *well
            && stopped
                .get(id)
                .is_some_and(|reason| reason.starts_with("Scaling activity"))
    });
    let least = (desired * MINIMUM).div_ceil(100);
    // Probes come before the scheduler's step, so that what is seen after it is what it knew.
    let healthy = after.wanted.values().filter(|well| **well).count() as u64;
    if rolling && made_way && healthy < least {
        return Err(format!("{healthy} healthy tasks of {desired}"));
    }
    let total: u32 = after.weights.values().sum();
    if !after.weights.is_empty() && total != 100 && total != 1_000 {
        return Err(format!("weights {:?}", after.weights));
    }
    let share = |seen: &Seen, group: &String| {
        let total: u32 = seen.weights.values().sum();
        f64::from(seen.weights.get(group).copied().unwrap_or(0)) / f64::from(total.max(1))
    };
    for group in after.weights.keys() {
        let grows = share(after, group) > share(before, group);
        if grows && desired > 0 && !after.healthy_groups.contains(group) {
            return Err(format!("traffic goes to {group}, where nothing is healthy"));
        }
    }
    Ok(())
}

fn stop_reasons(machine: &Machine) -> BTreeMap<String, String> {
    let report = ecs::tasks_report(&machine.world);
    let tasks = report["tasks"].as_array().unwrap().iter();
    let stopped = tasks.filter_map(|task| {
        Some((
            task["id"].as_str()?.to_owned(),
            task["stoppedReason"].as_str()?.to_owned(),
        ))
    });
    stopped.collect()
}

fn disturb(machine: &mut Machine, random: &mut fastrand::Rng) {
    let names = machine.task_names();
    let victim = || names.last().cloned();
    match random.u32(0..9) {
        0 | 1 => {
            let tag = *random.choice(&["0.1.0", "0.1.0", "crash", "sick"]).unwrap();
            machine.register(json!({ "image": account::image(tag) }));
            machine.update(json!({ "taskDefinition": "contracts" }));
        }
        2 => machine.update(json!({ "forceNewDeployment": true })),
        3 => machine.update(json!({ "desiredCount": random.u32(1..6) })),
        4 => {
            if let Some(task) = random.choice(&names).cloned() {
                machine.kill(&task);
            }
        }
        5 => {
            if let Some(task) = victim() {
                machine.sicken(&task);
            }
        }
        6 => set_alarm(machine, random.choice(&["ALARM", "OK", "OK"]).unwrap()),
        7 => {
            let deployment = machine.deployment();
            let input = json!({ "serviceDeploymentArn": deployment["serviceDeploymentArn"] });
            // It may be over already.
            let _ = ask(
                &mut machine.world,
                machine.now,
                "ecs",
                "StopServiceDeployment",
                input,
            );
        }
        _ => {
            let deployment = machine.deployment();
            let hook = &deployment["lifecycleHookDetails"][0]["hookId"];
            let action = *random
                .choice(&["CONTINUE", "CONTINUE", "ROLLBACK"])
                .unwrap();
            let input = json!({
                "serviceDeploymentArn": deployment["serviceDeploymentArn"], "hookId": hook.as_str().unwrap_or("none"), "action": action,
            });
            // Most of the time nothing waits.
            let _ = ask(
                &mut machine.world,
                machine.now,
                "ecs",
                "ContinueServiceDeployment",
                input,
            );
        }
    }
}

fn configuration(random: &mut fastrand::Rng) -> (bool, Value) {
    let strategy = *random
        .choice(&["ROLLING", "ROLLING", "BLUE_GREEN", "CANARY", "LINEAR"])
        .unwrap();
    let mut value = json!({
        "strategy": strategy, "bakeTimeInMinutes": 0, "maximumPercent": MAXIMUM, "minimumHealthyPercent": MINIMUM,
        "deploymentCircuitBreaker": { "enable": true, "rollback": true },
        "alarms": { "alarmNames": ["errors"], "enable": true, "rollback": random.bool() },
        "lifecycleHooks": [{
            "targetType": "PAUSE", "lifecycleStages": ["PRE_PRODUCTION_TRAFFIC_SHIFT"],
            "timeoutConfiguration": { "timeoutInMinutes": 1, "action": random.choice(&["CONTINUE", "ROLLBACK"]).unwrap() },
        }],
    });
    match strategy {
        "CANARY" => {
            value["canaryConfiguration"] =
                json!({ "canaryPercent": 7.5, "canaryBakeTimeInMinutes": 0 })
        }
        "LINEAR" => {
            value["linearConfiguration"] =
                json!({ "stepPercent": 33.3, "stepBakeTimeInMinutes": 0 })
        }
        _ => {}
    }
    (strategy == "ROLLING", value)
}

fn play(seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let (rolling, configuration) = configuration(&mut random);
    let mut machine = two_groups();
    machine.brief = true;
    // Equal ways to say the same; ECS's are these.
    let shift = machine.shift.as_ref().unwrap();
    let forward = json!([{ "Type": "forward", "ForwardConfig": { "TargetGroups": [
        { "TargetGroupArn": machine.surroundings.target_group, "Weight": 100 },
        { "TargetGroupArn": shift.alternate, "Weight": 0 },
    ]}}]);
    let input = json!({ "RuleArn": shift.production, "Actions": forward });
    ask(
        &mut machine.world,
        0,
        "elasticloadbalancing",
        "ModifyRule",
        input,
    )
    .unwrap();
    put_alarm(&mut machine);
    machine.register(json!({}));
    let load_balancers = load_balancers(&machine);
    machine.create(json!({
        "desiredCount": 3, "loadBalancers": load_balancers, "deploymentConfiguration": configuration,
    }));
    let mut next = 100;
    let mut before = look(&mut machine);
    for tick in 0..TICKS {
        if tick == next {
            disturb(&mut machine, &mut random);
            next += random.usize(5..300);
        }
        machine.now += 100;
        machine.tick();
        let after = look(&mut machine);
        let stopped = stop_reasons(&machine);
        if let Err(broken) = hold(&before, &after, rolling, &stopped) {
            panic!(
                "seed {seed}: {broken} at {}:\n{}",
                machine.now,
                machine.timeline()
            );
        }
        before = after;
    }
    // Left in peace with a good image, it becomes steady, and every target is a task's.
    set_alarm(&mut machine, "OK");
    machine.register(json!({}));
    let quiet = json!({ "lifecycleHooks": [], "alarms": { "enable": false, "rollback": false } });
    machine.update(json!({ "taskDefinition": "contracts", "deploymentConfiguration": quiet }));
    machine.run_until_steady();
    machine.run_seconds(10);
    assert!(
        !orphans(&mut machine),
        "seed {seed}: orphan targets:\n{}",
        machine.timeline()
    );
}

fn orphans(machine: &mut Machine) -> bool {
    let report = ecs::tasks_report(&machine.world);
    let tasks = report["tasks"].as_array().unwrap();
    let own: BTreeSet<&str> = tasks
        .iter()
        .filter(|task| task["status"] != "STOPPED")
        .filter_map(|task| task["address"].as_str())
        .collect();
    let report = elbv2::balancer_report(&machine.world);
    let groups = report["targetGroups"].as_array().unwrap().iter();
    let mut targets = groups.flat_map(|group| group["targets"].as_array().unwrap());
    targets.any(|target| {
        let address = target["address"].as_str().unwrap();
        !own.contains(address.split(':').next().unwrap())
    })
}

#[test]
fn ecs_keeps_the_bounds_of_a_service_whatever_happens_to_it() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().unwrap());
    let seeds = only.map_or(0..SEEDS, |seed: u64| seed..seed + 1);
    let mut failed = Vec::new();
    for seed in seeds {
        println!("seed {seed}");
        let played = std::panic::catch_unwind(|| play(seed));
        if played.is_err() {
            failed.push(seed);
        }
    }
    assert!(
        failed.is_empty(),
        "seeds {failed:?} failed; cluster {CLUSTER}"
    );
}
