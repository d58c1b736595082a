//! Calls of one AWS service as this process: where it is, who asks, and one deadline for each call.
//!
//! Takes an operation and its arguments, gives the answer or why there is none. Region and credentials are found as the AWS SDK finds them,
//! when first needed: finding them may ask the task's metadata. It never retries and logs nothing; no error holds more of AWS's answer than its
//! code.

use super::{Call, Unsignable, error_code, signed};
use aws_config::BehaviorVersion;
use aws_sdk_ssm::config::{Credentials, ProvideCredentials as _, SharedCredentialsProvider};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use serde_json::Value;
use std::time::{Duration, SystemTime};
use tokio::sync::{Mutex, OnceCell};

/// One call. AWS answers in tens of milliseconds; the engine's lease outlives this.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Getting credentials from the task's role, on the first call and when they are about to expire.
const CREDENTIALS_TIMEOUT: Duration = Duration::from_secs(3);
/// Credentials are renewed this long before they expire.
const CREDENTIALS_LEFT_MIN: Duration = Duration::from_secs(300);
/// The largest answer there is here, a secret of 64 KiB, escaped.
const REPLY_BYTES_MAX: usize = 256 << 10;

/// A service that speaks JSON 1.1.
#[derive(Debug)]
pub struct Service {
    /// For people.
    pub name: &'static str,
    /// In its host name and in signatures.
    pub id: &'static str,
    /// Before an operation's name.
    pub prefix: &'static str,
}

/// Key Management Service.
pub const KMS: Service = Service {
    name: "KMS",
    id: "kms",
    prefix: "TrentService",
};
/// Parameter Store.
pub const SSM: Service = Service {
    name: "SSM",
    id: "ssm",
    prefix: "AmazonSSM",
};
/// Secrets Manager.
pub const SECRETS_MANAGER: Service = Service {
    name: "Secrets Manager",
    id: "secretsmanager",
    prefix: "secretsmanager",
};

/// One service in the process' own account.
pub struct Account {
    service: &'static Service,
    place: OnceCell<Place>,
}

struct Place {
    client: reqwest::Client,
    url: String,
    region: String,
    provider: SharedCredentialsProvider,
    credentials: Mutex<Option<Credentials>>,
}

/// Why there is no answer to use.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// No region, no credentials, or no HTTP client.
    #[error("AWS cannot be reached: {0}")]
    Unconfigured(&'static str),
    /// The request could not be made.
    #[error(transparent)]
    Unsignable(#[from] Unsignable),
    /// No answer within the deadline.
    #[error("{0} did not answer {1}")]
    Unanswered(&'static str, &'static str),
    /// AWS said no.
    #[error("{service} refused {operation}: {code}")]
    Refused {
        /// Who.
        service: &'static str,
        /// What was asked.
        operation: &'static str,
        /// AWS's code, such as `AccessDeniedException`; or the HTTP status.
        code: String,
    },
    /// An answer that is too long or not JSON.
    #[error("the answer of {0} to {1} is not understood")]
    Malformed(&'static str, &'static str),
}

impl Account {
    /// Asks nothing yet.
    pub fn of(service: &'static Service) -> Self {
        Self {
            service,
            place: OnceCell::new(),
        }
    }

    /// One call of an operation.
    ///
    /// # Errors
    /// [`CallError`].
    pub async fn call(
        &self,
        operation: &'static str,
        arguments: &Value,
    ) -> Result<Value, CallError> {
        let place = self
            .place
            .get_or_try_init(|| Place::find(self.service))
            .await?;
        let credentials = place.credentials().await?;
        let Service { name, id, prefix } = *self.service;
        let call = Call {
            url: &place.url,
            region: &place.region,
            service: id,
            target: &format!("{prefix}.{operation}"),
            body: &arguments.to_string(),
        };
        let request = signed(call, &credentials, SystemTime::now())?;
        let unanswered = |_| CallError::Unanswered(name, operation);
        let request = reqwest::Request::try_from(request).map_err(unanswered)?;
        let mut response = place.client.execute(request).await.map_err(unanswered)?;
        let status = response.status();
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(unanswered)? {
            if bytes.len() + chunk.len() > REPLY_BYTES_MAX {
                return Err(CallError::Malformed(name, operation));
            }
            bytes.extend_from_slice(&chunk);
        }
        if !status.is_success() {
            let code = error_code(&bytes).unwrap_or_else(|| format!("HTTP {}", status.as_u16()));
            return Err(CallError::Refused {
                service: name,
                operation,
                code,
            });
        }
        serde_json::from_slice(&bytes).map_err(|_| CallError::Malformed(name, operation))
    }
}

impl Place {
    async fn find(service: &Service) -> Result<Self, CallError> {
        // For what credentials come from: a task's are behind HTTP.
        let http = aws_smithy_http_client::Builder::new()
            .tls_provider(Provider::Rustls(CryptoMode::Ring))
            .build_https();
        let config = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .load();
        let config = tokio::time::timeout(CREDENTIALS_TIMEOUT, config)
            .await
            .map_err(|_| CallError::Unconfigured("its configuration was not found in time"))?;
        let region = config
            .region()
            .ok_or(CallError::Unconfigured("AWS_REGION is not set"))?
            .to_string();
        let provider = config
            .credentials_provider()
            .ok_or(CallError::Unconfigured("there is no source of credentials"))?;
        let client = reqwest::Client::builder()
            .timeout(CALL_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|_| CallError::Unconfigured("no HTTP client could be set up"))?;
        let url = config.endpoint_url().map_or_else(
            || format!("https://{}.{region}.amazonaws.com/", service.id),
            |url| format!("{}/", url.trim_end_matches('/')),
        );
        Ok(Self {
            client,
            url,
            region,
            provider,
            credentials: Mutex::new(None),
        })
    }

    /// The ones at hand while they last. A concurrent caller waits instead of asking too.
    async fn credentials(&self) -> Result<Credentials, CallError> {
        let mut held = self.credentials.lock().await;
        let fresh = |credentials: &&Credentials| {
            credentials
                .expiry()
                .is_none_or(|expiry| expiry > SystemTime::now() + CREDENTIALS_LEFT_MIN)
        };
        if let Some(credentials) = held.as_ref().filter(fresh) {
            return Ok(credentials.clone());
        }
        let provided =
            tokio::time::timeout(CREDENTIALS_TIMEOUT, self.provider.provide_credentials());
        let credentials = provided
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or(CallError::Unconfigured("no credentials were given"))?;
        Ok(held.insert(credentials).clone())
    }
}
