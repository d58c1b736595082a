//! One signed request to an AWS service that speaks JSON 1.1, for services whose SDK crate would cost more to build than the two calls
//! asked of it.
//!
//! Takes a call, credentials and the time, gives the request; takes a reply's body, gives AWS's error code. The signature is the SDK's own signer's.
//! It never sends anything itself; [`account`] does.

pub mod account;

use aws_sdk_ssm::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningError, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::Request;
use http::header::{CONTENT_TYPE, HOST};
use std::time::SystemTime;

/// A call of one operation.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Where: `https://kms.us-east-1.amazonaws.com/`, or a stand-in's address.
    pub url: &'a str,
    /// The region signed for.
    pub region: &'a str,
    /// The service signed for, such as `kms`.
    pub service: &'a str,
    /// The operation with its prefix, such as `TrentService.Sign`.
    pub target: &'a str,
    /// The arguments.
    pub body: &'a str,
}

/// The call cannot be made a request: a URL or credentials with characters no header takes, or a signer without an access key.
#[derive(Debug, thiserror::Error)]
#[error("an AWS request could not be signed")]
pub struct Unsignable;

impl From<SigningError> for Unsignable {
    /// The cause is left out: it may print the request.
    fn from(_: SigningError) -> Self {
        Self
    }
}

impl From<http::Error> for Unsignable {
    fn from(_: http::Error) -> Self {
        Self
    }
}

/// The request for a call.
///
/// # Errors
/// [`Unsignable`].
pub fn signed(
    call: Call<'_>,
    credentials: &Credentials,
    now: SystemTime,
) -> Result<Request<String>, Unsignable> {
    let Call {
        url,
        region,
        service,
        target,
        body,
    } = call;
    let uri: http::Uri = url.parse().map_err(|_| Unsignable)?;
    let host = uri.authority().ok_or(Unsignable)?.as_str();
    let mut request = Request::post(url)
        .header(HOST, host)
        .header(CONTENT_TYPE, "application/x-amz-json-1.1")
        .header("x-amz-target", target)
        .body(body.to_string())?;
    let identity = credentials.clone().into();
    let parameters = v4::SigningParams::builder()
        .identity(&identity)
        .region(region)
        .name(service)
        .time(now)
        .settings(SigningSettings::default())
        .build()
        .map_err(|_| Unsignable)?
        .into();
    let headers = request
        .headers()
        .iter()
        .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
    let signable =
        SignableRequest::new("POST", url, headers, SignableBody::Bytes(body.as_bytes()))?;
    let (instructions, _) = sign(signable, &parameters)?.into_parts();
    instructions.apply_to_request_http1x(&mut request);
    Ok(request)
}

/// AWS's code in an error's body, without its namespace: `AccessDeniedException`.
pub fn error_code(body: &[u8]) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Body {
        #[serde(rename = "__type")]
        code: String,
    }
    let Body { code } = serde_json::from_slice(body).ok()?;
    let code = code.rsplit('#').next().unwrap_or_default();
    let plain =
        !code.is_empty() && code.len() <= 64 && code.bytes().all(|b| b.is_ascii_alphanumeric());
    plain.then(|| code.to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_call_is_signed_as_botocore_signs_it() {
        // Made with botocore 1.44.5's SigV4Auth for the same call, keys and time.
        let call = Call {
            url: "https://kms.us-east-1.amazonaws.com/",
            region: "us-east-1",
            service: "kms",
            target: "TrentService.Sign",
            body: "{}",
        };
        let credentials = Credentials::new("AKIDEXAMPLE", "secret", None, None, "test");
        let at = SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000);
        let request = signed(call, &credentials, at).unwrap();
        let header = |name: &str| request.headers()[name].to_str().unwrap();
        assert_eq!(header("x-amz-date"), "20231114T221320Z");
        assert_eq!(
            header("authorization"),
            "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20231114/us-east-1/kms/aws4_request, \
             SignedHeaders=content-type;host;x-amz-date;x-amz-target, \
             Signature=6158077e5d392487098dc889acd43e7a570ca89b76d5b3262bebff51b292455d"
        );
        let session = Credentials::new("A", "b", Some("token".into()), None, "test");
        assert_eq!(
            signed(call, &session, at).unwrap().headers()["x-amz-security-token"],
            "token"
        );
    }

    #[test]
    fn an_errors_code_is_read_with_and_without_its_namespace_and_nothing_else_is() {
        let code = |body: &str| error_code(body.as_bytes());
        assert_eq!(
            code(r#"{"__type":"com.amazonaws.kms#DisabledException","message":"x"}"#).as_deref(),
            Some("DisabledException")
        );
        assert_eq!(
            code(r#"{"__type":"AccessDeniedException"}"#).as_deref(),
            Some("AccessDeniedException")
        );
        assert_eq!(code("<html>"), None);
        assert_eq!(code(r#"{"__type":"line\nbreak"}"#), None);
    }
}
