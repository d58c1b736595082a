//! The attributes of target groups: which there are, what they start as, what may be set.
//!
//! Takes keys and values as text, gives AWS's refusal or nothing. Pure. The keys and defaults are those AWS lists for an
//! HTTP target group of type `ip` (API_TargetGroupAttribute; a recorded read: turbot/steampipe-plugin-aws#2664).

use std::collections::BTreeMap;

use crate::simulator::call::Refusal;

/// How the load balancer picks among eligible targets.
pub(super) const ALGORITHM: &str = "load_balancing.algorithm.type";
/// The value of [`ALGORITHM`] that picks the target with the fewest requests under way.
pub(super) const LEAST_OUTSTANDING: &str = "least_outstanding_requests";

/// Attribute values by key.
pub(super) type Attributes = BTreeMap<&'static str, String>;

/// How long a deregistered target drains.
pub(super) const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

enum Allowed {
    Seconds(std::ops::RangeInclusive<u32>),
    /// Off is 0.
    SecondsOrOff(std::ops::RangeInclusive<u32>),
    Words(&'static [&'static str]),
    CountOrOff,
    Count,
    PercentOrOff,
    Text,
}

const BOOLEAN: Allowed = Allowed::Words(&["true", "false"]);

/// Key, default, what may be set.
const TABLE: [(&str, &str, Allowed); 14] = [
    (DEREGISTRATION_DELAY, "300", Allowed::Seconds(0..=3600)),
    (
        "load_balancing.algorithm.anomaly_mitigation",
        "off",
        Allowed::Words(&["on", "off"]),
    ),
    (
        ALGORITHM,
        "round_robin",
        Allowed::Words(&["round_robin", LEAST_OUTSTANDING, "weighted_random"]),
    ),
    (
        "load_balancing.cross_zone.enabled",
        "use_load_balancer_configuration",
        Allowed::Words(&["true", "false", "use_load_balancer_configuration"]),
    ),
    (
        "slow_start.duration_seconds",
        "0",
        Allowed::SecondsOrOff(30..=900),
    ),
    ("stickiness.app_cookie.cookie_name", "", Allowed::Text),
    (
        "stickiness.app_cookie.duration_seconds",
        "86400",
        Allowed::Seconds(1..=604_800),
    ),
    ("stickiness.enabled", "false", BOOLEAN),
    (
        "stickiness.lb_cookie.duration_seconds",
        "86400",
        Allowed::Seconds(1..=604_800),
    ),
    (
        "stickiness.type",
        "lb_cookie",
        Allowed::Words(&["lb_cookie", "app_cookie"]),
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.count",
        "1",
        Allowed::CountOrOff,
    ),
    (
        "target_group_health.dns_failover.minimum_healthy_targets.percentage",
        "off",
        Allowed::PercentOrOff,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
        "1",
        Allowed::Count,
    ),
    (
        "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
        "off",
        Allowed::PercentOrOff,
    ),
];

/// What a new target group has.
pub(super) fn defaults() -> Attributes {
    TABLE
        .iter()
        .map(|(key, default, _)| (*key, (*default).to_owned()))
        .collect()
}

/// Checks one setting; gives the key as the table spells it.
///
/// Refused with `ValidationError`: an unknown key, a value out of its range. What the simulated load balancer does not do
/// (stickiness, random choice, slow start, routing minimums) is refused too when switched on, because a setting that
/// reads back and does nothing would be a lie.
pub(super) fn check(key: &str, value: &str) -> Result<&'static str, Refusal> {
    let Some((known, default, allowed)) = TABLE.iter().find(|(known, _, _)| *known == key) else {
        return Err(invalid(format!(
            "Target group attribute key '{key}' is not recognized"
        )));
    };
    let count = value.parse::<u32>();
    let valid = match allowed {
        Allowed::Seconds(range) => count.is_ok_and(|seconds| range.contains(&seconds)),
        Allowed::SecondsOrOff(range) => {
            count.is_ok_and(|seconds| seconds == 0 || range.contains(&seconds))
        }
        Allowed::Words(words) => words.contains(&value),
        Allowed::CountOrOff => value == "off" || count.is_ok_and(|count| count >= 1),
        Allowed::Count => count.is_ok_and(|count| count >= 1),
        Allowed::PercentOrOff => {
            value == "off" || count.is_ok_and(|percent| (1..=100).contains(&percent))
        }
        Allowed::Text => true,
    };
    if !valid {
        return Err(invalid(match allowed {
            Allowed::Seconds(range) | Allowed::SecondsOrOff(range) => {
                format!(
                    "'{key}' value '{value}' must be between '{}-{}' inclusive",
                    range.start(),
                    range.end()
                )
            }
            Allowed::Words(words) => format!(
                "'{key}' value '{value}' must be one of [{}]",
                words.join(", ")
            ),
            Allowed::CountOrOff | Allowed::Count | Allowed::PercentOrOff | Allowed::Text => {
                format!("'{key}' value '{value}' is not valid")
            }
        }));
    }
    let modelled = *known == DEREGISTRATION_DELAY || value == LEAST_OUTSTANDING;
    if modelled || value == *default {
        Ok(known)
    } else {
        Err(invalid(format!(
            "The simulator does not model '{key}' other than '{default}'"
        )))
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new("ValidationError", message)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_default_may_be_set() {
        for (key, value) in defaults() {
            assert_eq!(check(key, &value), Ok(key));
        }
    }
}
