//! What alarms' triggers do to a service's count: the largest capacity asked for wins, in only when all agree, cooldowns.
//!
//! Takes the triggers of one moment; sets desired counts and notes activities. Reads no metric itself.
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/target-tracking-scaling-policy-overview.html>,
//! <https://docs.aws.amazon.com/autoscaling/application/userguide/step-scaling-policy-overview.html>

use super::super::call::Millis;
use super::super::world::World;
use super::super::{cloudwatch, ecs};
use super::activity::{self, NotScaled};
use super::target::Target;
use super::{Trigger, in_place};

/// The last activity that began a cooldown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cooling {
    out: bool,
    until: Millis,
    /// The count before it: what scaling out further is reckoned from until then.
    base: u32,
}

/// A count that a policy asks for.
struct Proposal {
    count: u32,
    cooldown_millis: Millis,
    cause: String,
}

/// Acts on the triggers that came since the last step.
pub(super) fn step(world: &mut World, now: Millis) {
    let triggers = std::mem::take(&mut world.autoscaling.triggers);
    if triggers.is_empty() {
        return;
    }
    let resources: Vec<String> = world.autoscaling.targets.keys().cloned().collect();
    for resource in resources {
        scale(world, &resource, &triggers, now);
    }
}

fn scale(world: &mut World, resource: &str, triggers: &[Trigger], now: Millis) {
    let Some(current) = ecs::desired_count(world, resource) else {
        return;
    };
    let Some(target) = world.autoscaling.targets.get(resource) else {
        return;
    };
    let cooling = target.cooling.filter(|cooling| now < cooling.until);
    // "Capacity added by the initiating scale-out activity is calculated as part of the desired capacity for the next": within
    // a cooldown counts are reckoned from the count before it, and only a larger one than has been set changes anything.
    let base = match cooling {
        Some(Cooling {
            out: true, base, ..
        }) => base,
        _ => current,
    };
    let (mut out, mut inward, mut same) = (None::<Proposal>, None::<Proposal>, None::<Proposal>);
    let mut wants_out = false;
    for (name, policy) in &target.policies {
        for trigger in triggers
            .iter()
            .filter(|trigger| trigger.policy == policy.arn)
        {
            let Some(wanted) = policy.wanted(base, trigger) else {
                continue;
            };
            let proposal = Proposal {
                count: wanted.count.clamp(target.minimum, target.maximum),
                cooldown_millis: wanted.cooldown_millis,
                cause: format!(
                    "monitor alarm {} in state {} triggered policy {name}",
                    trigger.alarm, trigger.state
                ),
            };
            wants_out |= wanted.out;
            let place = match proposal.count {
                count if wanted.out && count > current => &mut out,
                count if !wanted.out && count < current => &mut inward,
                _ => &mut same,
            };
            if place
                .as_ref()
                .is_none_or(|best| best.count < proposal.count)
            {
                *place = Some(proposal);
            }
        }
    }
    if let Some(proposal) = out {
        if !target.suspended.dynamic_out {
            apply(world, resource, proposal, (true, base), now);
        }
        return;
    }
    // Of several capacities the largest: a policy that can do with the count there is keeps it.
    if let Some(proposal) = inward
        && same.is_none()
        && !wants_out
    {
        if cooling.is_none() && !target.suspended.dynamic_in && all_ready(world, target) {
            apply(world, resource, proposal, (false, current), now);
        }
        return;
    }
    // A policy that waits for its cooldown has not decided anything.
    if let Some(proposal) = same.filter(|_| cooling.is_none()) {
        let reason = match current {
            _ if wants_out && current >= target.maximum => NotScaled::Maximum(target.maximum),
            _ if !wants_out && current <= target.minimum => NotScaled::Minimum(target.minimum),
            _ => NotScaled::Desired(current),
        };
        activity::note_not_scaled(world, resource, reason, proposal.cause, now);
    }
}

fn apply(
    world: &mut World,
    resource: &str,
    proposal: Proposal,
    (out, base): (bool, u32),
    now: Millis,
) {
    let Proposal {
        count,
        cooldown_millis,
        cause,
    } = proposal;
    set_count(world, resource, count, cause, now);
    if let Some(target) = world.autoscaling.targets.get_mut(resource) {
        target.cooling = Some(Cooling {
            out,
            until: now + cooldown_millis,
            base,
        });
    }
}

/// "It will scale in only if all of the target tracking policies (with the scale-in portion enabled) are ready to scale in."
fn all_ready(world: &World, target: &Target) -> bool {
    let mut alarms = target
        .policies
        .values()
        .filter_map(|policy| policy.low_alarm());
    alarms.all(|alarm| cloudwatch::state_of_alarm(world, alarm) == Some("ALARM"))
}

/// Sets a service's count and notes it.
pub(super) fn set_count(world: &mut World, resource: &str, count: u32, cause: String, now: Millis) {
    if let Some((cluster, service)) = in_place(resource) {
        ecs::set_desired_count(world, cluster, service, count);
        activity::note(world, resource, count, cause, now);
    }
}

/// Brings a service's count within its target's bounds: "it changes the resource's current capacity to a value that is
/// inside of this range" (API_RegisterScalableTarget).
pub(super) fn clamp(world: &mut World, resource: &str, now: Millis) {
    let Some(target) = world.autoscaling.targets.get(resource) else {
        return;
    };
    let Some(desired) = ecs::desired_count(world, resource) else {
        return;
    };
    let within = desired.clamp(target.minimum, target.maximum);
    if within != desired {
        let bound = if desired < target.minimum {
            "minimum"
        } else {
            "maximum"
        };
        let cause = format!("{bound} capacity was set to {within}");
        set_count(world, resource, within, cause, now);
    }
}
