//! The attributes of an application load balancer, with AWS's defaults (API_LoadBalancerAttribute).
//!
//! All are kept and read back; those that would change what the balancer on loopback does to a request change nothing.

use super::{Allowed, Attributes, BOOLEAN, Row, invalid};
use crate::simulator::call::Refusal;

pub(in super::super) const DELETION_PROTECTION: &str = "deletion_protection.enabled";

pub(in super::super) const ROWS: &[Row] = &[
    ("access_logs.s3.bucket", "", Allowed::Text),
    ("access_logs.s3.enabled", "false", BOOLEAN),
    ("access_logs.s3.prefix", "", Allowed::Text),
    (
        "client_keep_alive.seconds",
        "3600",
        Allowed::Seconds(60..=604_800),
    ),
    ("connection_logs.s3.bucket", "", Allowed::Text),
    ("connection_logs.s3.enabled", "false", BOOLEAN),
    ("connection_logs.s3.prefix", "", Allowed::Text),
    (DELETION_PROTECTION, "false", BOOLEAN),
    ("health_check_logs.s3.bucket", "", Allowed::Text),
    ("health_check_logs.s3.enabled", "false", BOOLEAN),
    ("health_check_logs.s3.prefix", "", Allowed::Text),
    (
        "idle_timeout.timeout_seconds",
        "60",
        Allowed::Seconds(1..=4_000),
    ),
    ("ipv6.deny_all_igw_traffic", "false", BOOLEAN),
    // "The default for Application Load Balancers is true, and can't be changed."
    (
        "load_balancing.cross_zone.enabled",
        "true",
        Allowed::Words(&["true"]),
    ),
    (
        "routing.http.desync_mitigation_mode",
        "defensive",
        Allowed::Words(&["monitor", "defensive", "strictest"]),
    ),
    (
        "routing.http.drop_invalid_header_fields.enabled",
        "false",
        BOOLEAN,
    ),
    (
        "routing.http.preserve_host_header.enabled",
        "false",
        BOOLEAN,
    ),
    (
        "routing.http.x_amzn_tls_version_and_cipher_suite.enabled",
        "false",
        BOOLEAN,
    ),
    ("routing.http.xff_client_port.enabled", "false", BOOLEAN),
    (
        "routing.http.xff_header_processing.mode",
        "append",
        Allowed::Words(&["append", "preserve", "remove"]),
    ),
    ("routing.http2.enabled", "true", BOOLEAN),
    ("waf.fail_open.enabled", "false", BOOLEAN),
    ("zonal_shift.config.enabled", "false", BOOLEAN),
];

/// A kind of log that is on needs a bucket.
pub(in super::super) fn check_logs(attributes: &Attributes) -> Result<(), Refusal> {
    let value = |key: String| attributes.get(key.as_str()).map(String::as_str);
    for log in ["access_logs", "connection_logs", "health_check_logs"] {
        let on = value(format!("{log}.s3.enabled")) == Some("true");
        if on && value(format!("{log}.s3.bucket")) == Some("") {
            return Err(invalid(format!(
                "'{log}.s3.bucket' must be specified when '{log}.s3.enabled' is 'true'"
            )));
        }
    }
    Ok(())
}
