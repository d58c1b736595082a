//! The signature of a webhook: Standard Webhooks' `v1`, HMAC-SHA256 over `id.timestamp.body`.
//!
//! Pure. Takes what is sent and the endpoint's secrets, gives the `webhook-signature` header: one signature for each secret, so that a receiver that
//! knows the old one and a receiver that knows the new one both find theirs.

use crate::secret::Secret;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The header's value. `id` holds no full stop, which would let one content be read as another's.
pub fn sign(id: &str, timestamp_seconds: u64, body: &str, secrets: &[Secret<Vec<u8>>]) -> String {
    let signatures = secrets.iter().map(|secret| {
        // HMAC takes keys of any length.
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose())
            .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
        mac.update(format!("{id}.{timestamp_seconds}.").as_bytes());
        mac.update(body.as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    });
    signatures.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The values of the libraries' own tests, such as
    /// <https://github.com/standard-webhooks/standard-webhooks/blob/main/libraries/python/tests/test_webhooks.py>.
    #[test]
    fn the_signature_is_the_one_that_the_libraries_expect() {
        let secret = |text| Secret::new(STANDARD.decode(text).unwrap());
        let known = secret("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, at) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let body = "{\"test\": 2432232314}";
        let expected = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        let known = [known];
        assert_eq!(sign(id, at, body, &known), expected);
        let both = [
            known[0].clone(),
            secret("c2Vjb25kIHNlY3JldCBvZiAyNCBieXRlcyE="),
        ];
        let signed = sign(id, at, body, &both);
        let (first, second) = signed.split_once(' ').unwrap();
        assert_eq!(first, expected);
        assert_ne!(second, expected);
    }
}
