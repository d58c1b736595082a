//! The attributes of an application load balancer's listener, with AWS's defaults (API_ListenerAttribute;
//! elasticloadbalancing/latest/application/header-modification.html).
//!
//! Kept and read back; the balancer on loopback renames and adds no headers.

use super::{Allowed, Attributes, BOOLEAN, Row};

/// What a request's TLS headers are called, then what is put into every response.
pub(in super::super) const ROWS: &[Row] = &[
    (
        "routing.http.request.x_amzn_mtls_clientcert.header_name",
        "X-Amzn-Mtls-Clientcert",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_issuer.header_name",
        "X-Amzn-Mtls-Clientcert-Issuer",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_leaf.header_name",
        "X-Amzn-Mtls-Clientcert-Leaf",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_serial_number.header_name",
        "X-Amzn-Mtls-Clientcert-Serial-Number",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_subject.header_name",
        "X-Amzn-Mtls-Clientcert-Subject",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_mtls_clientcert_validity.header_name",
        "X-Amzn-Mtls-Clientcert-Validity",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_tls_cipher_suite.header_name",
        "X-Amzn-Tls-Cipher-Suite",
        Allowed::Text,
    ),
    (
        "routing.http.request.x_amzn_tls_version.header_name",
        "X-Amzn-Tls-Version",
        Allowed::Text,
    ),
    (
        "routing.http.response.access_control_allow_credentials.header_value",
        "",
        Allowed::Words(&["", "true"]),
    ),
    (
        "routing.http.response.access_control_allow_headers.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.access_control_allow_methods.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.access_control_allow_origin.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.access_control_expose_headers.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.access_control_max_age.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.content_security_policy.header_value",
        "",
        Allowed::Text,
    ),
    ("routing.http.response.server.enabled", "true", BOOLEAN),
    (
        "routing.http.response.strict_transport_security.header_value",
        "",
        Allowed::Text,
    ),
    (
        "routing.http.response.x_content_type_options.header_value",
        "",
        Allowed::Words(&["", "nosniff"]),
    ),
    (
        "routing.http.response.x_frame_options.header_value",
        "",
        Allowed::Text,
    ),
];

/// What a new listener has: only an HTTPS one has names for TLS headers.
pub(in super::super) fn defaults(https: bool) -> Attributes {
    let mut all = super::defaults(ROWS);
    all.retain(|key, _| https || !key.starts_with("routing.http.request."));
    all
}
