//! One HTTPS request to a host, as its users make it.
//!
//! The certificate is always verified, for the host's name; there is no way to switch that off. Redirects are not followed, and
//! no proxy is used: whatever stands in between would be asked instead of the load balancer.

use std::net::SocketAddr;
use std::time::Duration;

use super::{Answer, Unreachable};
use crate::telemetry::chain;

/// For the whole exchange.
const TIMEOUT: Duration = Duration::from_secs(10);
/// What is read of an answer; a health page is some hundred bytes.
const BODY_MAX: usize = 64 << 10;

/// How the load balancer is reached.
#[derive(Debug, Clone, Default)]
pub struct Probe {
    /// Where to connect, whatever the host's name resolves to.
    pub connect_to: Option<SocketAddr>,
    /// PEM of a certificate authority that is trusted beside the system's.
    pub authority: Option<Vec<u8>>,
}

impl Probe {
    /// One request on a connection of its own, so that targets take turns.
    pub async fn ask(&self, host: &str, path: &str) -> Result<Answer, Unreachable> {
        let failed = |error: reqwest::Error| Unreachable(chain(&error.without_url()));
        let client = self.client(host).map_err(failed)?;
        let url = format!("https://{host}{path}");
        let mut response = client.get(url).send().await.map_err(failed)?;
        let status = response.status().as_u16();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_MAX {
                body.truncate(BODY_MAX);
                break;
            }
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(Answer { status, body })
    }

    fn client(&self, host: &str) -> Result<reqwest::Client, reqwest::Error> {
        // Whoever came first has installed the same.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut client = reqwest::Client::builder()
            .https_only(true)
            .no_proxy()
            .timeout(TIMEOUT)
            .redirect(reqwest::redirect::Policy::none());
        if let Some(address) = self.connect_to {
            client = client.resolve(host, address);
        }
        if let Some(authority) = &self.authority {
            let authorities = reqwest::Certificate::from_pem_bundle(authority)?;
            client = client.tls_certs_merge(authorities);
        }
        client.build()
    }
}
