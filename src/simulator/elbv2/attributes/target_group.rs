//! The attributes of a target group: those AWS lists for an HTTP target group of type `ip` (API_TargetGroupAttribute; a
//! recorded read: turbot/steampipe-plugin-aws#2664).

use super::{Allowed, BOOLEAN, Row};

/// How the load balancer picks among eligible targets.
pub(in super::super) const ALGORITHM: &str = "load_balancing.algorithm.type";
/// The value of [`ALGORITHM`] that picks the target with the fewest requests under way.
pub(in super::super) const LEAST_OUTSTANDING: &str = "least_outstanding_requests";

/// How long a deregistered target drains.
pub(in super::super) const DEREGISTRATION_DELAY: &str = "deregistration_delay.timeout_seconds";

/// Key, default, what may be set.
pub(in super::super) const ROWS: &[Row] = &[
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

/// Whether the simulated load balancer does what an attribute asks. What it does not do (stickiness, random choice, slow
/// start, routing minimums) is refused when switched on: it is behaviour a rollout depends on, and a setting that reads
/// back and does nothing would be a lie.
pub(in super::super) fn is_modelled(key: &str, value: &str) -> bool {
    let is_default = |(known, default, _): &Row| *known == key && *default == value;
    key == DEREGISTRATION_DELAY || value == LEAST_OUTSTANDING || ROWS.iter().any(is_default)
}
