//! The account's quotas, as DescribeAccountLimits tells them; those that are kept to are the constants beside each kind.

use serde_json::json;

use super::listener::LISTENERS_MAX;
use super::load_balancer::LOAD_BALANCERS_MAX;
use super::page;
use super::rule::{ACTION_TARGET_GROUPS_MAX, CONDITION_VALUES_MAX, RULES_MAX};
use super::target::TARGETS_MAX;
use super::target_group::TARGET_GROUPS_MAX;
use crate::simulator::World;
use crate::simulator::call::{Answer, Call};

/// AWS's defaults for application load balancers, by name
/// (elasticloadbalancing/latest/application/load-balancer-limits.html).
const LIMITS: [(&str, usize); 9] = [
    ("application-load-balancers", LOAD_BALANCERS_MAX),
    ("condition-values-per-alb-rule", CONDITION_VALUES_MAX),
    ("condition-wildcards-per-alb-rule", 6),
    ("listeners-per-application-load-balancer", LISTENERS_MAX),
    ("rules-per-application-load-balancer", RULES_MAX),
    ("target-groups", TARGET_GROUPS_MAX),
    (
        "target-groups-per-action-on-application-load-balancer",
        ACTION_TARGET_GROUPS_MAX,
    ),
    ("target-groups-per-application-load-balancer", 100),
    ("targets-per-application-load-balancer", TARGETS_MAX),
];

pub(super) fn describe(_world: &mut World, call: &Call) -> Answer {
    let limits = LIMITS.iter();
    let limits = limits.map(|(name, max)| json!({ "Name": name, "Max": max.to_string() }));
    page(call, "Limits", limits.collect())
}
