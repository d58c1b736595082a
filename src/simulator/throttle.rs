//! AWS's request limits: a token bucket per documented category, for the whole account.
//!
//! Takes calls with their time, gives AWS's refusal when a bucket is empty. Operations AWS documents no rate for are never
//! refused: a made-up limit would be an opinion. It knows no clock; a bucket fills by the times of the calls it sees.

mod table;

pub use table::{LIMITS, Limit};

use super::call::{Call, Millis, Refusal};

/// Millionths of a token, so that a thousandth a second is a whole number a millisecond.
const TOKEN: u64 = 1_000_000;

/// The buckets of [`LIMITS`], full at first.
#[derive(Debug)]
pub(super) struct Throttle {
    /// What a bucket held, and when; absent is full.
    buckets: Vec<Option<(u64, Millis)>>,
}

impl Throttle {
    pub(super) fn new() -> Self {
        Throttle {
            buckets: vec![None; LIMITS.len()],
        }
    }

    /// Takes a token for `call`; an empty bucket refuses, and that costs nothing.
    pub(super) fn take(&mut self, call: &Call) -> Result<(), Refusal> {
        let drawn = LIMITS
            .iter()
            .zip(&mut self.buckets)
            .find(|(limit, _)| limit.covers(call));
        let Some((limit, bucket)) = drawn else {
            return Ok(());
        };
        let full = limit.burst * TOKEN;
        let (held, since) = bucket.unwrap_or((full, call.now));
        let gained = call
            .now
            .saturating_sub(since)
            .saturating_mul(limit.refill_thousandths);
        let held = held.saturating_add(gained).min(full);
        let left = held.checked_sub(TOKEN);
        *bucket = Some((left.unwrap_or(held), call.now.max(since)));
        left.map(|_| ()).ok_or_else(|| refusal(call))
    }
}

impl Limit {
    fn covers(&self, call: &Call) -> bool {
        self.service == call.service
            && self
                .operations
                .iter()
                .any(|name| match name.strip_suffix('*') {
                    Some(start) => call.operation.starts_with(start),
                    None => *name == call.operation,
                })
    }
}

/// What each service says to a caller who is too fast.
///
/// ELB's guide names `ThrottlingException`, but what its Query API sends, and every report of it shows, is `Throttling`.
pub(super) fn refusal(call: &Call) -> Refusal {
    let (code, status, message) = match call.service {
        "elasticloadbalancing" | "monitoring" | "iam" | "sts" | "sns" | "route53" => {
            ("Throttling", 400, "Rate exceeded")
        }
        "ec2" => ("RequestLimitExceeded", 503, "Request limit exceeded."),
        // botocore's model: RequestLimitExceeded, HTTP 429.
        "servicediscovery" if call.operation.starts_with("Discover") => {
            ("RequestLimitExceeded", 429, "Rate exceeded")
        }
        _ => ("ThrottlingException", 400, "Rate exceeded"),
    };
    Refusal {
        code,
        message: message.to_owned(),
        status,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Map;

    use super::*;

    /// Every row under calls at random times: never more than burst and refill allow, never fewer by one.
    #[test]
    fn each_category_follows_its_burst_and_refill_within_one_call() {
        for (seed, limit) in LIMITS.iter().enumerate() {
            let mut random = fastrand::Rng::with_seed(seed as u64);
            let operation = |index: usize| {
                let names = limit.operations;
                names[index % names.len()]
                    .replace('*', "DescribeAnything")
                    .replace("DescribeDescribe", "Describe")
            };
            // The last row of a service catches what is left, so a reader's name would be another row's.
            let operation = |index: usize| match (limit.service, limit.operations) {
                ("elasticloadbalancing", ["*"]) => "CreateRule".to_owned(),
                _ => operation(index),
            };
            let mut throttle = Throttle::new();
            // What the bucket holds by exact arithmetic, in millionths.
            let mut held = u128::from(limit.burst * TOKEN);
            let mut now = 1_000_000;
            let mut refused = 0;
            for index in 0..usize::try_from(limit.burst).unwrap() * 3 + 50 {
                let step = if index as u64 <= limit.burst {
                    0
                } else {
                    random.u64(0..(1_500_000 / limit.refill_thousandths).max(2))
                };
                now += step;
                held = (held + u128::from(step * limit.refill_thousandths))
                    .min(u128::from(limit.burst * TOKEN));
                let call = Call {
                    service: limit.service,
                    operation: operation(index),
                    input: Map::new(),
                    principal: None,
                    now,
                };
                let allowed = throttle.take(&call).is_ok();
                assert_eq!(
                    allowed,
                    held >= u128::from(TOKEN),
                    "call {index} of {limit:?}"
                );
                if allowed {
                    held -= u128::from(TOKEN);
                } else {
                    refused += 1;
                }
                if index as u64 == limit.burst {
                    assert!(!allowed, "the burst is larger than documented: {limit:?}");
                }
            }
            assert!(refused > 1, "{limit:?}");
        }
    }

    #[test]
    fn one_bucket_does_not_empty_another_and_a_clock_set_back_fills_none() {
        let mut throttle = Throttle::new();
        let mut take = |operation: &str, now| {
            let call = Call {
                service: "monitoring",
                operation: operation.to_owned(),
                input: Map::new(),
                principal: None,
                now,
            };
            throttle.take(&call).is_ok()
        };
        assert_eq!((0..5).filter(|_| take("PutMetricAlarm", 10_000)).count(), 3);
        assert!(take("DescribeAlarms", 10_000));
        assert!(take("PutMetricData", 10_000));
        assert!(!take("PutMetricAlarm", 9_000));
        assert!(!take("PutMetricAlarm", 10_333));
        assert!(take("PutMetricAlarm", 10_334));
    }
}
