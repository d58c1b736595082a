//! Defaults of ELBv2: application load balancers and what they route to.

use super::{EMPTY, Filled, Row, rows};

const ATTRIBUTE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupAttribute.html";
const BALANCER_ATTRIBUTE: &str = "https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_LoadBalancerAttribute.html";

const fn attribute(
    resource: &'static str,
    source: &'static str,
    key: &'static str,
    value: &'static str,
) -> Row {
    Row {
        service: "elbv2",
        resource,
        path: key,
        value: Filled::Text(value),
        source,
    }
}

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

    /// Of an HTTP group with targets of type `ip` or `instance`; a recorded read: turbot/steampipe-plugin-aws#2664.
    pub(in crate::simulator) const ATTRIBUTES: &[Row] = &[
        row("deregistration_delay.timeout_seconds", "300"),
        row("load_balancing.algorithm.anomaly_mitigation", "off"),
        row("load_balancing.algorithm.type", "round_robin"),
        row(
            "load_balancing.cross_zone.enabled",
            "use_load_balancer_configuration",
        ),
        row("slow_start.duration_seconds", "0"),
        row("stickiness.app_cookie.cookie_name", ""),
        row("stickiness.app_cookie.duration_seconds", "86400"),
        row("stickiness.enabled", "false"),
        row("stickiness.lb_cookie.duration_seconds", "86400"),
        row("stickiness.type", "lb_cookie"),
        row(
            "target_group_health.dns_failover.minimum_healthy_targets.count",
            "1",
        ),
        row(
            "target_group_health.dns_failover.minimum_healthy_targets.percentage",
            "off",
        ),
        row(
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.count",
            "1",
        ),
        row(
            "target_group_health.unhealthy_state_routing.minimum_healthy_targets.percentage",
            "off",
        ),
    ];

    const fn row(key: &'static str, value: &'static str) -> Row {
        attribute("target group attributes", ATTRIBUTE, key, value)
    }
}

pub(in crate::simulator) mod load_balancer {
    use super::*;

    pub(in crate::simulator) const ATTRIBUTES: &[Row] = &[
        row("access_logs.s3.enabled", "false"),
        row("access_logs.s3.bucket", ""),
        row("access_logs.s3.prefix", ""),
        row("idle_timeout.timeout_seconds", "60"),
        row("deletion_protection.enabled", "false"),
        row("routing.http2.enabled", "true"),
        row("routing.http.drop_invalid_header_fields.enabled", "false"),
        row("routing.http.xff_client_port.enabled", "false"),
        row("routing.http.preserve_host_header.enabled", "false"),
        row("routing.http.xff_header_processing.mode", "append"),
        row("load_balancing.cross_zone.enabled", "true"),
        row("routing.http.desync_mitigation_mode", "defensive"),
        row("client_keep_alive.seconds", "3600"),
        row("waf.fail_open.enabled", "false"),
        row(
            "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
            "false",
        ),
        row("zonal_shift.config.enabled", "false"),
        row("connection_logs.s3.enabled", "false"),
        row("connection_logs.s3.bucket", ""),
        row("connection_logs.s3.prefix", ""),
        row("ipv6.deny_all_igw_traffic", "false"),
    ];

    const fn row(key: &'static str, value: &'static str) -> Row {
        attribute("load balancer attributes", BALANCER_ATTRIBUTE, key, value)
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
