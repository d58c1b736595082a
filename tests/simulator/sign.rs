//! Signs a request as an SDK would, by the SDK's own signer: what the simulator verifies was not signed by its own code.

use std::time::{Duration, SystemTime};

use aws_sdk_ecs::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign as signed};
use aws_sigv4::sign::v4;
use bytes::Bytes;
use contracts::simulator::Simulator;
use http::Request;

/// Who signs, for what, when.
pub struct Signer<'a> {
    pub key: (&'a str, &'a str),
    pub region: &'a str,
    pub service: &'a str,
    pub at: SystemTime,
}

impl<'a> Signer<'a> {
    /// One whom the simulator believes.
    pub fn of(simulator: &Simulator, service: &'a str) -> Signer<'a> {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(simulator.now());
        Signer {
            key: ("demo", "demo"),
            region: "us-east-1",
            service,
            at,
        }
    }

    /// Adds the `host`, `x-amz-date` and `authorization` headers.
    pub fn sign(&self, mut request: Request<Bytes>) -> Request<Bytes> {
        let host = format!("{}.us-east-1.amazonaws.com", self.service);
        request.headers_mut().insert("host", host.parse().unwrap());
        let identity = Credentials::new(self.key.0, self.key.1, None, None, "test").into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(self.region)
            .name(self.service)
            .time(self.at)
            .settings(SigningSettings::default())
            .build()
            .unwrap();
        let uri = format!("https://{host}{}", request.uri());
        let headers = request
            .headers()
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default()));
        let signable = SignableRequest::new(
            request.method().as_str(),
            uri,
            headers,
            SignableBody::Bytes(request.body()),
        );
        let (instructions, _) = signed(signable.unwrap(), &parameters.into())
            .unwrap()
            .into_parts();
        instructions.apply_to_request_http1x(&mut request);
        request
    }
}
