//! How a target group's targets are probed: settings, AWS's defaults and limits.
//!
//! Takes the members of a create or modify call, gives checked settings. When a probe is due is `health`'s to say.

use std::ops::RangeInclusive;

use serde_json::Value;

use super::invalid;
use crate::simulator::call::{Call, Refusal};
use crate::simulator::defaults::elbv2::target_group as default;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator::elbv2) struct HealthCheck {
    /// `None` is `traffic-port`: each target's own.
    pub(in crate::simulator::elbv2) port: Option<u16>,
    pub(in crate::simulator::elbv2) path: String,
    pub(in crate::simulator::elbv2) interval_seconds: u32,
    pub(in crate::simulator::elbv2) timeout_seconds: u32,
    pub(in crate::simulator::elbv2) healthy_threshold: u32,
    pub(in crate::simulator::elbv2) unhealthy_threshold: u32,
    pub(in crate::simulator::elbv2) matcher: Matcher,
}

/// Which statuses pass, as written: `200`, `200,202`, `200-299`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::simulator::elbv2) struct Matcher {
    pub(super) text: String,
    accepted: Vec<RangeInclusive<u16>>,
}

impl Matcher {
    fn parse(text: &str) -> Result<Matcher, Refusal> {
        let range = |part: &str| -> Option<RangeInclusive<u16>> {
            let (low, high) = part.split_once('-').unwrap_or((part, part));
            let (low, high) = (low.parse().ok()?, high.parse().ok()?);
            (200 <= low && low <= high && high <= 499).then_some(low..=high)
        };
        let accepted: Option<Vec<_>> = text.split(',').map(range).collect();
        let refuse = || {
            invalid(format!(
                "Health check matcher HTTP code '{text}' must be within '200-499' inclusive"
            ))
        };
        Ok(Matcher {
            text: text.to_owned(),
            accepted: accepted.ok_or_else(refuse)?,
        })
    }

    pub(in crate::simulator::elbv2) fn accepts(&self, status: u16) -> bool {
        self.accepted.iter().any(|range| range.contains(&status))
    }
}

impl HealthCheck {
    /// What AWS fills in for an HTTP target group.
    ///
    /// Timeout 5: recorded reads of HTTP target groups say so, although API_CreateTargetGroup speaks of 6.
    pub(super) fn aws_default() -> HealthCheck {
        HealthCheck {
            port: None,
            path: default::CHECK_PATH.into(),
            interval_seconds: default::CHECK_INTERVAL,
            timeout_seconds: default::CHECK_TIMEOUT,
            healthy_threshold: default::HEALTHY,
            unhealthy_threshold: default::UNHEALTHY,
            matcher: Matcher {
                text: default::MATCHER.into(),
                accepted: default::MATCHER
                    .parse()
                    .map_or_else(|_| Vec::new(), |code| vec![code..=code]),
            },
        }
    }

    /// What a call leaves of `self` after its own members are taken over, checked as a whole.
    pub(super) fn with(mut self, call: &Call) -> Result<HealthCheck, Refusal> {
        match call.text("HealthCheckProtocol") {
            None | Some("HTTP") => {}
            Some(other) => {
                return Err(invalid(format!(
                    "The simulator does not model health checks over '{other}'"
                )));
            }
        }
        if call.boolean("HealthCheckEnabled") == Some(false) {
            return Err(invalid(
                "Health check enabled must be true for target groups with target type 'ip' or 'instance'",
            ));
        }
        if let Some(port) = call.text("HealthCheckPort") {
            let message = || {
                invalid(format!(
                    "Health check port '{port}' must be 'traffic-port' or in the range '1-65535'"
                ))
            };
            let number = || port.parse().ok().filter(|port| *port > 0);
            self.port = if port == "traffic-port" {
                None
            } else {
                Some(number().ok_or_else(message)?)
            };
        }
        if let Some(path) = call.text("HealthCheckPath") {
            let sane = path.starts_with('/')
                && path.len() <= 1024
                && path.bytes().all(|byte| byte.is_ascii_graphic());
            if !sane {
                let message = format!(
                    "Health check path '{path}' must begin with a '/' character, and can be at most 1024 printable ASCII characters"
                );
                return Err(invalid(message));
            }
            self.path = path.to_owned();
        }
        let set = |field: &mut u32, member: &str, what: &str, range: RangeInclusive<u32>| match call
            .get(member)
        {
            None => Ok(()),
            Some(value) => {
                let number = call
                    .integer(member)
                    .and_then(|number| u32::try_from(number).ok());
                let text = value.to_string();
                let (low, high) = (range.start(), range.end());
                let message = || {
                    invalid(format!(
                        "{what} '{}' must be within '{low}-{high}' inclusive",
                        text.trim_matches('"')
                    ))
                };
                *field = number
                    .filter(|number| range.contains(number))
                    .ok_or_else(message)?;
                Ok(())
            }
        };
        set(
            &mut self.interval_seconds,
            "HealthCheckIntervalSeconds",
            "Health check interval",
            5..=300,
        )?;
        set(
            &mut self.timeout_seconds,
            "HealthCheckTimeoutSeconds",
            "Health check timeout",
            2..=120,
        )?;
        set(
            &mut self.healthy_threshold,
            "HealthyThresholdCount",
            "Healthy threshold count",
            2..=10,
        )?;
        set(
            &mut self.unhealthy_threshold,
            "UnhealthyThresholdCount",
            "Unhealthy threshold count",
            2..=10,
        )?;
        if let Some(matcher) = call.get("Matcher") {
            let codes = matcher.get("HttpCode").and_then(Value::as_str);
            self.matcher = Matcher::parse(
                codes.ok_or_else(|| invalid("The matcher must specify an HTTP code"))?,
            )?;
        }
        let HealthCheck {
            timeout_seconds,
            interval_seconds,
            ..
        } = self;
        if timeout_seconds >= interval_seconds {
            let message = format!(
                "Health check timeout '{timeout_seconds}' must be smaller than the interval '{interval_seconds}'"
            );
            return Err(invalid(message));
        }
        Ok(self)
    }
}
