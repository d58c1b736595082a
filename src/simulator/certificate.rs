//! The load balancer's certificate, signed by a test authority that lives as long as the process.
//!
//! Takes domain names, gives a TLS server configuration and the authority's certificate for clients to trust. The
//! authority's key signs once and is dropped: no file ever holds a private key, so trusting the written certificate
//! cannot be turned against whoever forgets to remove it.

use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use time::{Duration, OffsetDateTime};

use super::acm;

/// Long enough for a simulation that is left running, short enough to be of no use later.
const VALID_DAYS: i64 = 30;

/// Why no certificate could be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A domain name that is none, or no randomness.
    #[error("failed to make the load balancer's certificate")]
    Certificate(#[source] rcgen::Error),
    /// The TLS library refused what was made.
    #[error("failed to set up TLS for the load balancer")]
    Tls(#[source] rustls::Error),
}

/// What a TLS listener and its clients need.
pub struct Issued {
    /// The authority's certificate, PEM.
    pub authority: String,
    /// The certificate as anybody may see it.
    pub public: acm::Issued,
    /// TLS 1.2 and 1.3, HTTP/1.1 only.
    pub server: Arc<ServerConfig>,
}

/// A fresh authority and a certificate of it for `domains`, wildcards allowed.
pub fn issue(domains: &[String]) -> Result<Issued, Error> {
    let now = OffsetDateTime::now_utc();
    let valid = |params: &mut CertificateParams| {
        // A day back, for clients whose clock is behind.
        params.not_before = now - Duration::days(1);
        params.not_after = now + Duration::days(VALID_DAYS);
    };

    let mut params = CertificateParams::default();
    valid(&mut params);
    params
        .distinguished_name
        .push(DnType::CommonName, "contracts simulator test authority");
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().map_err(Error::Certificate)?;
    let authority = CertifiedIssuer::self_signed(params, key).map_err(Error::Certificate)?;

    let mut params = CertificateParams::new(domains).map_err(Error::Certificate)?;
    valid(&mut params);
    if let Some(first) = domains.first() {
        params
            .distinguished_name
            .push(DnType::CommonName, first.as_str());
    }
    // Positive, of sixteen bytes: what public authorities write.
    let mut serial = uuid::Uuid::new_v4().into_bytes().to_vec();
    serial
        .iter_mut()
        .take(1)
        .for_each(|byte| *byte = (*byte & 0x3f) | 0x40);
    params.serial_number = Some(serial.clone().into());
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let (not_before, not_after) = (params.not_before, params.not_after);
    let key = KeyPair::generate().map_err(Error::Certificate)?;
    let certificate = params
        .signed_by(&key, &authority)
        .map_err(Error::Certificate)?;

    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let mut server =
        ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(Error::Tls)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(Error::Tls)?;
    server.alpn_protocols = vec![b"http/1.1".to_vec()];
    let millis = |at: OffsetDateTime| u64::try_from(at.unix_timestamp()).unwrap_or_default() * 1000;
    let public = acm::Issued {
        certificate: certificate.pem(),
        chain: authority.pem(),
        serial,
        not_before: millis(not_before),
        not_after: millis(not_after),
    };
    Ok(Issued {
        authority: authority.pem(),
        public,
        server: Arc::new(server),
    })
}
