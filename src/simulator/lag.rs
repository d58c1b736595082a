//! Read-after-write lag: what a service says for a while after it was told something else.
//!
//! Takes snapshots of a service's state before each change while somebody may ask for the past, and gives a read that past. Writes
//! always meet the present, and the present moves on under a stale read. Bounded in number: beyond it the oldest is forgotten, and
//! a read then sees more than it should.

use std::collections::VecDeque;

use super::call::{Call, Millis};
use super::world::World;
use super::{ecs, elbv2, iam};

/// So many changes in one lag are more than any unit makes.
const SNAPSHOTS_MAX: usize = 256;

/// A service as it was.
#[derive(Debug)]
enum Past {
    /// "The Amazon ECS API follows an eventual consistency model": RunTask, CreateService in its API reference.
    Ecs(ecs::State),
    /// The Terraform provider waits minutes for a new target group, rule or tag to be readable (`elbv2PropagationTimeout`).
    Elbv2(elbv2::State),
    /// "Changes made in IAM … are eventually consistent": IAM User Guide, troubleshooting.
    Iam(iam::State),
}

/// How late reads are, and what they need for it.
#[derive(Debug, Default)]
pub(super) struct Lag {
    /// How late every read of a lagging service is.
    pub age: Millis,
    /// Until when each held, oldest first.
    snapshots: VecDeque<(Millis, &'static str, Past)>,
}

impl Lag {
    /// Keeps what a change is about to replace, for `age` from now.
    pub(super) fn remember(&mut self, world: &World, call: &Call, age: Millis) {
        let horizon = call.now.saturating_sub(age);
        while self
            .snapshots
            .front()
            .is_some_and(|(until, ..)| *until <= horizon)
        {
            self.snapshots.pop_front();
        }
        if age == 0 {
            return;
        }
        let past = match call.service {
            "ecs" => Past::Ecs(world.ecs.clone()),
            "elasticloadbalancing" => Past::Elbv2(world.elbv2.clone()),
            "iam" => Past::Iam(world.iam.clone()),
            _ => return,
        };
        if self.snapshots.len() == SNAPSHOTS_MAX {
            self.snapshots.pop_front();
        }
        self.snapshots.push_back((call.now, call.service, past));
    }

    /// Does something to a world in which `service` is as it was `age` before `now`.
    pub(super) fn with_past<T>(
        &mut self,
        world: &mut World,
        (service, now, age): (&str, Millis, Millis),
        act: impl FnOnce(&mut World) -> T,
    ) -> T {
        let horizon = now.saturating_sub(age);
        let past = self
            .snapshots
            .iter_mut()
            .find(|(until, of, _)| *until > horizon && *of == service);
        let Some((_, _, past)) = past else {
            return act(world);
        };
        past.swap(world);
        let answer = act(world);
        past.swap(world);
        answer
    }
}

impl Past {
    fn swap(&mut self, world: &mut World) {
        match self {
            Past::Ecs(past) => std::mem::swap(past, &mut world.ecs),
            Past::Elbv2(past) => std::mem::swap(past, &mut world.elbv2),
            Past::Iam(past) => std::mem::swap(past, &mut world.iam),
        }
    }
}
