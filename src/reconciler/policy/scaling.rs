//! What changes the number of tasks: Application Auto Scaling.

use super::On::{Anything, ScalableTargets};
use super::{Right, right};

pub(super) const RIGHTS: &[Right] = &[
    right(
        "application-autoscaling:DeleteScalingPolicy",
        ScalableTargets,
        "a policy nobody wants any more",
    ),
    right(
        "application-autoscaling:DeleteScheduledAction",
        ScalableTargets,
        "a schedule nobody wants any more",
    ),
    right(
        "application-autoscaling:DeregisterScalableTarget",
        ScalableTargets,
        "scaling ended before the service is destroyed",
    ),
    right(
        "application-autoscaling:DescribeScalableTargets",
        Anything,
        "the bounds, and whether scaling is suspended",
    ),
    right(
        "application-autoscaling:DescribeScalingPolicies",
        Anything,
        "what the service scales on",
    ),
    right(
        "application-autoscaling:DescribeScheduledActions",
        Anything,
        "what the bounds change to, and when",
    ),
    right(
        "application-autoscaling:PutScalingPolicy",
        ScalableTargets,
        "what the service scales on",
    ),
    right(
        "application-autoscaling:PutScheduledAction",
        ScalableTargets,
        "what the bounds change to, and when",
    ),
    right(
        "application-autoscaling:RegisterScalableTarget",
        ScalableTargets,
        "the bounds",
    ),
];
