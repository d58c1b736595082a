//! Faults on demand: what goes wrong between a client and AWS, by script or by chance.
//!
//! Takes calls, says which fault, if any, strikes each. Rules are asked in order and the first that strikes wins; chance comes from
//! the rules' own seed, so the same calls meet the same faults. It only decides: `front` makes it happen.

mod parse;

use super::call::{Call, Millis, Refusal};
use super::throttle;

pub use parse::{Error, parse};

/// What goes wrong.
#[derive(Debug, Clone)]
pub enum Fault {
    /// The service's throttling refusal.
    Throttle,
    /// The service's own internal error, HTTP 500.
    Internal,
    /// HTTP 503 before the service is reached.
    Unavailable,
    /// The reply does not come.
    Lost {
        /// Whether the call had its effect all the same.
        effect: bool,
        /// What the client sees.
        loss: Loss,
    },
    /// A read answers with what was, this long ago.
    Stale(Millis),
    /// Somebody else makes a call of their own just before or after.
    Foreign {
        /// Before the call it strikes, or after.
        before: bool,
        /// Their call; its time is that of the call it strikes.
        call: Box<Call>,
    },
}

/// How a reply is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The connection closes.
    Closed,
    /// Nothing comes: the client waits until it has had enough.
    Hung,
}

/// Faults to come, in the order their rules were written.
#[derive(Debug, Default)]
pub struct Faults {
    rules: Vec<Rule>,
    random: fastrand::Rng,
}

#[derive(Debug)]
struct Rule {
    /// Service and operation; absent matches any.
    service: Option<String>,
    operation: Option<String>,
    when: When,
    /// How often it may still strike.
    left: u64,
    fault: Fault,
}

#[derive(Debug)]
enum When {
    /// From this matching call on; calls that match count it down to 1.
    Nth(u64),
    /// Each matching call, with this probability.
    Chance(f64),
}

impl Faults {
    /// What strikes `call`.
    pub(super) fn strike(&mut self, call: &Call) -> Option<Fault> {
        let random = &mut self.random;
        self.rules
            .iter_mut()
            .find_map(|rule| rule.strike(call, random))
    }

    /// How old the stalest answer may have to be: as much of the past must be kept.
    pub(super) fn oldest(&self) -> Millis {
        let ages = self.rules.iter().map(|rule| match rule.fault {
            Fault::Stale(age) => age,
            _ => 0,
        });
        ages.max().unwrap_or(0)
    }
}

impl Rule {
    fn strike(&mut self, call: &Call, random: &mut fastrand::Rng) -> Option<Fault> {
        let is = |wanted: &Option<String>, name: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == name)
        };
        if self.left == 0
            || !is(&self.service, call.service)
            || !is(&self.operation, &call.operation)
        {
            return None;
        }
        let strikes = match &mut self.when {
            When::Nth(1) => true,
            When::Nth(ahead) => {
                *ahead -= 1;
                false
            }
            When::Chance(chance) => random.f64() < *chance,
        };
        if !strikes {
            return None;
        }
        self.left -= 1;
        Some(self.fault.clone())
    }
}

impl Fault {
    /// The refusal it is seen as, when it is one.
    pub(super) fn refusal(&self, call: &Call) -> Option<Refusal> {
        match self {
            Fault::Throttle => Some(throttle::refusal(call)),
            Fault::Internal => Some(internal(call.service)),
            Fault::Unavailable => Some(Refusal {
                code: "ServiceUnavailable",
                message: "Service is unavailable.".to_owned(),
                status: 503,
            }),
            Fault::Lost { .. } | Fault::Stale(_) | Fault::Foreign { .. } => None,
        }
    }
}

/// The error each service's model has for itself; where it has none, the one all of AWS has (`CommonErrors`).
fn internal(service: &str) -> Refusal {
    let code = match service {
        "ecs" | "ecr" => "ServerException",
        "application-autoscaling" => "InternalServiceException",
        "ssm" => "InternalServerError",
        "logs" | "acm" => "InternalServerException",
        "secretsmanager" => "InternalServiceError",
        "monitoring" => "InternalServiceError",
        "iam" => "ServiceFailure",
        "sns" => "InternalError",
        _ => "InternalFailure",
    };
    Refusal {
        code,
        message: "Internal server error.".to_owned(),
        status: 500,
    }
}
