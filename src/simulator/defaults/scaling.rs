//! Defaults of Application Auto Scaling, for ECS services.

use super::{ABSENT, Filled, Row, rows};

pub(in crate::simulator) mod target {
    use super::*;

    const SUSPENDED: &str =
        "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_SuspendedState.html";
    // Whatever role a caller names.
    const ROLE: &str = "https://github.com/pulumi/pulumi-aws/issues/718";

    rows! { "application-autoscaling", "scalable target";
        DYNAMIC_IN_SUSPENDED: Boolean = false, "SuspendedState.DynamicScalingInSuspended", SUSPENDED;
        DYNAMIC_OUT_SUSPENDED: Boolean = false, "SuspendedState.DynamicScalingOutSuspended", SUSPENDED;
        SCHEDULED_SUSPENDED: Boolean = false, "SuspendedState.ScheduledScalingSuspended", SUSPENDED;
        @"RoleARN" = Filled::Derived("arn:aws:iam::{account}:role/aws-service-role/ecs.application-autoscaling.amazonaws.com/\
            AWSServiceRoleForApplicationAutoScaling_ECSService"), ROLE;
    }
}

pub(in crate::simulator) mod tracking_policy {
    use super::*;

    const TRACKING: &str = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TargetTrackingScalingPolicyConfiguration.html";

    rows! { "application-autoscaling", "target tracking policy";
        SCALE_IN_DISABLED: Boolean = false, "TargetTrackingScalingPolicyConfiguration.DisableScaleIn", TRACKING;
        @"TargetTrackingScalingPolicyConfiguration.ScaleOutCooldown" = ABSENT, TRACKING;
        @"TargetTrackingScalingPolicyConfiguration.ScaleInCooldown" = ABSENT, TRACKING;
    }
}

pub(in crate::simulator) mod step_policy {
    use super::*;

    const STEP: &str = "https://docs.aws.amazon.com/autoscaling/application/APIReference/API_StepScalingPolicyConfiguration.html";

    rows! { "application-autoscaling", "step policy";
        AGGREGATION: Text = "Average", "StepScalingPolicyConfiguration.MetricAggregationType", STEP;
        @"StepScalingPolicyConfiguration.Cooldown" = ABSENT, STEP;
    }
}
