//! What stands between the wire and the services: limits, faults, lag, and the record of it all.
//!
//! Takes a call that has been read, gives its answer or the way its reply was lost. It answers nothing by itself and knows no
//! service's operations. Everything in it is off until it is set.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::authorize::{self, Asked};
use super::call::{self, Answer, Call, Millis};
use super::fault::{Fault, Faults, Loss};
use super::journal::{self, Journal};
use super::lag::Lag;
use super::throttle::Throttle;
use super::world::World;

/// How often an operation was called since the log was last cleared; refused calls count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// Number of calls.
    pub calls: u64,
    /// Whether the operation changes anything in AWS.
    pub mutating: bool,
}

#[derive(Debug, Default)]
pub(super) struct Front {
    pub(super) limits: Option<Throttle>,
    pub(super) faults: Faults,
    pub(super) lag: Lag,
    pub(super) journal: Journal,
    pub(super) calls: BTreeMap<String, Calls>,
    pub(super) asked: BTreeSet<Asked>,
}

/// More than all services together have operations here.
const COUNTED_MAX: usize = 1_000;

/// Answers a call by the service it is for.
type Route = fn(&mut World, &Call) -> Answer;

impl Front {
    /// The whole way of a client's call.
    pub(super) fn pass(
        &mut self,
        world: &mut World,
        call: &Call,
        request_id: String,
        route: Route,
    ) -> Result<Answer, Loss> {
        let fault = self.faults.strike(call);
        if let Some(Fault::Lost {
            effect: false,
            loss,
        }) = fault
        {
            self.note(call, "lost before its effect".to_owned(), request_id);
            return Err(loss);
        }
        if let Some(Fault::Foreign {
            before: true,
            call: foreign,
        }) = &fault
        {
            self.foreign(world, foreign, call.now, route);
        }
        let refused = fault.as_ref().and_then(|fault| fault.refusal(call));
        let refused = refused.or_else(|| self.limits.as_mut()?.take(call).err());
        let refused = refused.or_else(|| authorize::denied(world, call, &mut self.asked));
        let answer = match refused {
            Some(refusal) => Err(refusal),
            None => self.answer(world, call, fault.as_ref(), route),
        };
        if let Some(Fault::Lost { loss, .. }) = fault {
            self.note(
                call,
                format!("{}, reply lost", outcome(&answer)),
                request_id,
            );
            return Err(loss);
        }
        self.note(call, outcome(&answer), request_id);
        if let Some(Fault::Foreign {
            before: false,
            call: foreign,
        }) = &fault
        {
            self.foreign(world, foreign, call.now, route);
        }
        Ok(answer)
    }

    /// A call that meets neither limits nor faults nor lag, as AWS's own or the test's.
    pub(super) fn direct(
        &mut self,
        world: &mut World,
        call: &Call,
        request_id: String,
        route: Route,
    ) -> Answer {
        self.lag.remember(world, call, self.past());
        let answer = route(world, call);
        self.note(call, outcome(&answer), request_id);
        answer
    }

    /// A read sees what was. A change meets what is, but for what ECS knows of roles.
    fn answer(
        &mut self,
        world: &mut World,
        call: &Call,
        fault: Option<&Fault>,
        route: Route,
    ) -> Answer {
        let age = match fault {
            Some(Fault::Stale(age)) => *age,
            _ => self.lag.age,
        };
        let mutating = mutates(&call.operation);
        if mutating {
            self.lag.remember(world, call, self.past());
        }
        let late = match (mutating, call.service) {
            (true, "ecs") => "iam",
            (true, _) => "",
            (false, service) => service,
        };
        self.lag
            .with_past(world, (late, call.now, age), |world| route(world, call))
    }

    /// How much of the past may be asked for.
    fn past(&self) -> Millis {
        self.lag.age.max(self.faults.oldest())
    }

    fn foreign(&mut self, world: &mut World, call: &Call, now: Millis, route: Route) {
        let mut call = Call {
            now,
            ..call.clone()
        };
        // Written without the account's number, which a script need not know.
        call.principal = call.principal.map(|name| match name.starts_with("arn:") {
            true => name,
            false => format!("arn:aws:iam::{}:{name}", world.account),
        });
        // Refused or not is in the journal, and nobody else's business.
        let _ = self.direct(world, &call, String::new(), route);
    }

    /// What no module knows is not counted. A fault or limit strikes before that shows, so names are bounded in number too.
    fn note(&mut self, call: &Call, outcome: String, request_id: String) {
        let name = format!("{}.{}", call.service, call.operation);
        let room = self.calls.len() < COUNTED_MAX || self.calls.contains_key(&name);
        if outcome != call::UNKNOWN_OPERATION && room {
            let mutating = mutates(&call.operation);
            let counted = self
                .calls
                .entry(name)
                .or_insert(Calls { calls: 0, mutating });
            counted.calls += 1;
        }
        self.journal.note(journal::entry(call, outcome, request_id));
    }
}

fn outcome(answer: &Answer) -> String {
    answer
        .as_ref()
        .map_or_else(|refusal| refusal.code.to_owned(), |_| "ok".to_owned())
}

/// AWS names every read of these services with one of these verbs.
pub(super) fn mutates(operation: &str) -> bool {
    const READS: [&str; 9] = [
        "Describe",
        "List",
        "Get",
        "BatchGet",
        "BatchCheck",
        "Discover",
        "Filter",
        "Simulate",
        "Test",
    ];
    !READS.iter().any(|verb| operation.starts_with(verb))
}
