//! What moves a blue/green, canary or linear rollout from stage to stage.
//!
//! Takes how many tasks each revision has, the alarms' and hooks' verdicts and the time; moves the weights of listener
//! rules through the load balancer's own functions. Starts and stops no task: the scheduler follows the stage.
//!
//! Traffic is moved only to a revision with enough healthy tasks; until it has them the stage waits.

use super::super::service::{Advanced, LoadBalancer, Service};
use super::counts::Counts;
use super::hooks::{self, Answers, Outcome};
use super::traffic::{ALL, Stage, Traffic};
use super::{Status, deployment_id};
use crate::simulator::call::Millis;
use crate::simulator::world::World;
use crate::simulator::{elbv2, iam};

/// Makes one stage's progress.
pub(in super::super) fn advance(
    world: &mut World,
    service: &mut Service,
    counts: &Counts,
    answers: &mut Answers,
    now: Millis,
) {
    let Some(last) = service
        .history
        .last_mut()
        .filter(|last| matches!(last.status, Status::InProgress | Status::RollbackInProgress))
    else {
        return;
    };
    let (target, bake) = (last.target.clone(), last.bake);
    let Some(mut traffic) = last.traffic.take() else {
        return;
    };
    let failure = pass(
        world,
        service,
        &mut traffic,
        (&target, bake),
        counts,
        answers,
        now,
    )
    .err();
    if let Some(last) = service.history.last_mut() {
        last.traffic = Some(traffic);
    }
    if let Some(reason) = failure {
        let failed = deployment_id(&target);
        service.say(
            now,
            &format!("(deployment {failed}) deployment failed: {reason}"),
        );
        service.fail_primary(&reason, now);
        service.roll_back(&reason, "ECS deployment rolling back to deploymentId", now);
    }
}

fn pass(
    world: &mut World,
    service: &mut Service,
    traffic: &mut Traffic,
    (target, bake): (&str, Millis),
    counts: &Counts,
    answers: &mut Answers,
    now: Millis,
) -> Result<(), String> {
    let stage = traffic.stage;
    let Some(done) = traffic.done else {
        if work(world, service, traffic, target, counts)? {
            traffic.done = Some(now);
            let hooks = &service.configuration.hooks;
            traffic.hooks = Some(hooks::start(world, hooks, stage.as_str(), now));
            touch(service, now);
        }
        return Ok(());
    };
    let runs = traffic.hooks.get_or_insert_default();
    match hooks::advance(world, answers, runs, stage.as_str(), now) {
        Outcome::Waiting => return Ok(()),
        Outcome::Failed(reason) if !traffic.back => return Err(reason),
        // There is nowhere further back to go.
        Outcome::Failed(_) | Outcome::Done => {}
    }
    let wait = match stage {
        Stage::BakeTime => bake,
        Stage::ProductionTrafficShift if !traffic.back => traffic.present_step().bake,
        // The scheduler ends the rollout when the tasks are as they shall be.
        Stage::CleanUp => return Ok(()),
        _ => 0,
    };
    if now >= done + wait {
        traffic.go_on();
        if traffic.stage == Stage::CleanUp && !traffic.back {
            // From here on this is what a newer rollout returns to.
            service.completed = Some(target.to_owned());
        }
    }
    Ok(())
}

fn touch(service: &mut Service, now: Millis) {
    if let Some(last) = service.history.last_mut() {
        last.updated_at = now;
    }
}

/// The stage's own work; false while it cannot be done yet.
fn work(
    world: &mut World,
    service: &mut Service,
    traffic: &mut Traffic,
    target: &str,
    counts: &Counts,
) -> Result<bool, String> {
    let source = traffic.source.clone();
    let receiver = if traffic.back {
        source.clone().unwrap_or_default()
    } else {
        target.to_owned()
    };
    let healthy = counts.get(&receiver).healthy;
    Ok(match traffic.stage {
        Stage::ReconcileService => counts.revisions().all(|revision| {
            revision == target
                || source.as_deref() == Some(revision)
                || counts.get(revision).present == 0
        }),
        Stage::PreScaleUp => {
            check_networking(world, service, target)?;
            true
        }
        Stage::ScaleUp if !traffic.back => healthy >= service.desired,
        Stage::ScaleUp => serves(service, healthy),
        Stage::TestTrafficShift if !serves(service, healthy) => false,
        Stage::TestTrafficShift => {
            set_test(world, service, &receiver)?;
            traffic.test = !traffic.back;
            true
        }
        Stage::ProductionTrafficShift if !serves(service, healthy) => false,
        Stage::ProductionTrafficShift => {
            let share = if traffic.back {
                ALL
            } else {
                traffic.present_step().permille
            };
            set_production(world, service, &receiver, share)?;
            traffic.production = if traffic.back { 0 } else { share };
            if traffic.back {
                service.completed = source;
            }
            true
        }
        Stage::PostScaleUp
        | Stage::PostTestTrafficShift
        | Stage::PreProductionTrafficShift
        | Stage::PostProductionTrafficShift
        | Stage::BakeTime
        | Stage::CleanUp => true,
    })
}

/// Whether that many healthy tasks may get the service's traffic.
fn serves(service: &Service, healthy: u32) -> bool {
    let least = service.configuration.tasks_min(service.desired).max(1);
    healthy >= least.min(service.desired)
}

/// One target group of a revision with what shifts its traffic: its own, the other one, the rules.
type Side = (String, String, Advanced);

fn sides(service: &Service, revision: &str) -> Vec<Side> {
    let Some(revision) = service.revision(revision) else {
        return Vec::new();
    };
    let entries = revision
        .settings
        .load_balancers
        .iter()
        .zip(&revision.groups);
    entries
        .filter_map(|(entry, own)| {
            let advanced = entry.advanced_configuration.clone()?;
            let other = other_group(entry, own)?;
            Some((own.clone(), other, advanced))
        })
        .collect()
}

/// The one of an entry's two target groups that is not this one.
pub(super) fn other_group(entry: &LoadBalancer, group: &str) -> Option<String> {
    let alternate = &entry
        .advanced_configuration
        .as_ref()?
        .alternate_target_group_arn;
    let other = if group == alternate {
        &entry.target_group_arn
    } else {
        alternate
    };
    Some(other.clone())
}

/// Gives a revision this share of the production traffic and the other target group the rest.
pub(super) fn set_production(
    world: &mut World,
    service: &Service,
    revision: &str,
    share: u32,
) -> Result<(), String> {
    for (own, other, advanced) in sides(service, revision) {
        let weights = weights(share, (&advanced, own, other));
        set(world, &advanced.production_listener_rule, weights)?;
    }
    Ok(())
}

fn set_test(world: &mut World, service: &Service, revision: &str) -> Result<(), String> {
    for (own, other, advanced) in sides(service, revision) {
        if let Some(rule) = &advanced.test_listener_rule {
            let weights = weights(ALL, (&advanced, own, other));
            set(world, rule, weights)?;
        }
    }
    Ok(())
}

/// Weights that add up to 100, or to 1,000 where a share is no whole percent; in the order the service names the groups.
fn weights(share: u32, (advanced, own, other): (&Advanced, String, String)) -> Vec<(String, u32)> {
    let unit = if share.is_multiple_of(10) { 10 } else { 1 };
    let alternate_last = own != advanced.alternate_target_group_arn;
    let mut weights = vec![(own, share / unit), (other, (ALL - share) / unit)];
    if !alternate_last {
        weights.reverse();
    }
    weights
}

fn set(world: &mut World, rule: &str, weights: Vec<(String, u32)>) -> Result<(), String> {
    elbv2::set_rule_weights(world, rule, weights).map_err(|refusal| networking(&refusal.message))
}

/// The sentence: troubleshooting-blue-green.html.
fn networking(why: &str) -> String {
    format!("Service deployment rolled back because of invalid networking configuration. {why}")
}

/// What AWS looks at before it starts: that it may change the rules, and that they are as it will leave them.
fn check_networking(world: &World, service: &Service, target: &str) -> Result<(), String> {
    for (own, other, advanced) in sides(service, target) {
        let Advanced {
            production_listener_rule: rule,
            test_listener_rule,
            role_arn,
            ..
        } = &advanced;
        if !iam::trusts(world, role_arn, "ecs.amazonaws.com") {
            return Err(networking(&format!(
                "ECS was unable to manage the ELB resources due to missing permissions on ECS Infrastructure Role \
                 '{role_arn}'."
            )));
        }
        let missing = || networking("One or more rules not found");
        let production = elbv2::rule_weights(world, rule).ok_or_else(missing)?;
        let test = match test_listener_rule {
            Some(rule) => elbv2::rule_weights(world, rule).ok_or_else(missing)?,
            None => Vec::new(),
        };
        let known = |group: &String| {
            production
                .iter()
                .chain(&test)
                .any(|(named, _)| named == group)
        };
        if !known(&own) || !known(&other) {
            return Err(networking(
                "Both targetGroup and alternateTargetGroup must be associated with the productionListenerRule or \
                 testListenerRule.",
            ));
        }
        let serving: Vec<&String> = production
            .iter()
            .filter(|(_, weight)| *weight > 0)
            .map(|(group, _)| group)
            .collect();
        match serving.as_slice() {
            [only] if **only == own || **only == other => {}
            [only] => {
                return Err(networking(&format!(
                    "Production listener rule is forwarding traffic to unexpected target group {only}. Expected traffic \
                     to be forwarded to either targetGroupArn: {own} or alternateTargetGroupArn: {other}"
                )));
            }
            several => {
                return Err(networking(&format!(
                    "productionListenerRule {rule} should have exactly one target group serving traffic but found {} \
                     target groups which are serving traffic",
                    several.len()
                )));
            }
        }
    }
    Ok(())
}
