//! Defaults of ELBv2: application load balancers and what they route to.

use super::super::elbv2::attribute_defaults;
use super::{EMPTY, Filled, Row, rows};

pub(in crate::simulator) mod target_group {
    use super::*;

    const CREATE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateTargetGroup.html";
    // API_CreateTargetGroup speaks of 6 seconds; what is read back of an HTTP group is 5, as it says for the others.
    const RECORDED_TIMEOUT: &str = "https://github.com/hashicorp/terraform-provider-aws/blob/main/website/docs/r/lb_target_group.html.markdown";

    rows! { "elbv2", "target group";
        TARGET_TYPE: Text = "instance", "TargetType", CREATE;
        PROTOCOL_VERSION: Text = "HTTP1", "ProtocolVersion", CREATE;
        ADDRESS_TYPE: Text = "ipv4", "IpAddressType", CREATE;
        CHECK_ENABLED: Boolean = true, "HealthCheckEnabled", CREATE;
        CHECK_PROTOCOL: Text = "HTTP", "HealthCheckProtocol", CREATE;
        CHECK_PORT: Text = "traffic-port", "HealthCheckPort", CREATE;
        CHECK_PATH: Text = "/", "HealthCheckPath", CREATE;
        CHECK_INTERVAL: Count = 30, "HealthCheckIntervalSeconds", CREATE;
        CHECK_TIMEOUT: Count = 5, "HealthCheckTimeoutSeconds", RECORDED_TIMEOUT;
        HEALTHY: Count = 5, "HealthyThresholdCount", CREATE;
        UNHEALTHY: Count = 2, "UnhealthyThresholdCount", CREATE;
        MATCHER: Text = "200", "Matcher.HttpCode", CREATE;
        @"LoadBalancerArns" = EMPTY, CREATE;
    }
}

pub(in crate::simulator) mod load_balancer {
    use super::*;

    const CREATE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html";

    rows! { "elbv2", "load balancer";
        SCHEME: Text = "internet-facing", "Scheme", CREATE;
        TYPE: Text = "application", "Type", CREATE;
        ADDRESS_TYPE: Text = "ipv4", "IpAddressType", CREATE;
    }
}

pub(in crate::simulator) mod listener {
    use super::*;

    // An API call's default; the console's choice is another.
    const CREATE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html";
    const MUTUAL_DOC: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_MutualAuthenticationAttributes.html";

    rows! { "elbv2", "HTTPS listener";
        SSL_POLICY: Text = "ELBSecurityPolicy-2016-08", "SslPolicy", CREATE;
        MUTUAL: Text = "off", "MutualAuthentication.Mode", MUTUAL_DOC;
    }
}

pub(in crate::simulator) mod rule {
    use super::*;

    const FORWARD: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ForwardActionConfig.html";
    const RULE: &str =
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_Rule.html";

    rows! { "elbv2", "listener rule";
        IS_DEFAULT: Boolean = false, "IsDefault", RULE;
        STICKINESS: Boolean = false, "Actions.0.ForwardConfig.TargetGroupStickinessConfig.Enabled", FORWARD;
        WEIGHT: Count = 1, "Actions.0.ForwardConfig.TargetGroups.0.Weight", FORWARD;
        @"Actions.0.ForwardConfig.TargetGroups.0.TargetGroupArn" = Filled::Derived("{Actions.0.TargetGroupArn}"), FORWARD;
    }
}

/// The attributes, whose defaults stand beside what may be set. Those of a target group are of an HTTP group whose targets are
/// addresses or instances (a recorded read: turbot/steampipe-plugin-aws#2664), those of a listener of one for HTTPS.
pub(super) fn attributes() -> impl Iterator<Item = Row> {
    const OF: [(&str, &str); 3] = [
        (
            "target group attributes",
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html",
        ),
        (
            "load balancer attributes",
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html",
        ),
        (
            "listener attributes",
            "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_ListenerAttribute.html",
        ),
    ];
    let tables = attribute_defaults();
    OF.into_iter()
        .zip(tables)
        .flat_map(|((resource, source), table)| {
            let row = move |(path, value)| Row {
                service: "elbv2",
                resource,
                path,
                value: Filled::Text(value),
                source,
            };
            table.into_iter().map(row)
        })
}
