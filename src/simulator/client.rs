//! The simulated AWS as an SDK's HTTP client: no socket, the same wire code as the server.
//!
//! Takes a simulator, gives something `aws_config`'s `.http_client(…)` accepts, or a whole configuration. Every reply is ready at
//! once unless a fault loses it, so under tokio's paused clock a run is deterministic. It never fails to connect.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_sts::config::{Credentials, SharedCredentialsProvider};
use aws_smithy_async::rt::sleep::TokioSleep;
use aws_smithy_async::time::TimeSource;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::retry::ErrorKind;
use bytes::Bytes;

use super::fault::Loss;
use super::{Simulator, wire};

/// Longer than any client waits; bounds a test that forgot its timeouts.
const HANG: Duration = Duration::from_secs(3600);

/// An SDK HTTP client that a simulator answers, whatever the host.
#[derive(Debug, Clone)]
pub struct InProcess {
    simulator: Simulator,
}

impl InProcess {
    /// A client of `simulator`.
    pub fn new(simulator: Simulator) -> Self {
        InProcess { simulator }
    }

    fn reply(&self, request: HttpRequest) -> Result<Result<HttpResponse, Loss>, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let bytes = body.bytes().map(Bytes::copy_from_slice);
        let bytes = bytes.ok_or_else(|| {
            ConnectorError::user("a streamed body has no in-process reader".into())
        })?;
        match wire::reply(&self.simulator, &http::Request::from_parts(head, bytes)) {
            Err(loss) => Ok(Err(loss)),
            Ok(response) => response
                .map(SdkBody::from)
                .try_into()
                .map(Ok)
                .map_err(|error| ConnectorError::user(Box::new(error))),
        }
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        match self.reply(request) {
            Err(error) => HttpConnectorFuture::ready(Err(error)),
            Ok(Ok(response)) => HttpConnectorFuture::ready(Ok(response)),
            // As the SDK's own HTTP client names a connection that ends before its reply.
            Ok(Err(Loss::Closed)) => HttpConnectorFuture::ready(Err(ConnectorError::other(
                "the connection was closed before the reply".into(),
                Some(ErrorKind::TransientError),
            ))),
            Ok(Err(Loss::Hung)) => HttpConnectorFuture::new(async {
                tokio::time::sleep(HANG).await;
                Err(ConnectorError::timeout("no reply in an hour".into()))
            }),
        }
    }
}

impl HttpClient for InProcess {
    fn http_connector(
        &self,
        _: &HttpConnectorSettings,
        _: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

/// The clock a client in process signs by: on another one its signatures would be too old or too new.
impl TimeSource for Simulator {
    fn now(&self) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(self.client_now())
    }
}

/// What SDK clients of `simulator` are made from: its region, its clock, the first of its access keys.
///
/// What the SDK draws at random (backoff, idempotency tokens) comes from this thread's `fastrand`; a run that seeds that first
/// draws the same each time. Retries share one budget per service and process unless the client has a retry partition.
pub fn config(simulator: &Simulator) -> SdkConfig {
    let key = simulator.with(|world, _| world.access_keys.first().cloned());
    let credentials = key.map(|key| {
        let credentials = Credentials::new(key.id, key.secret.expose(), None, None, "simulator");
        SharedCredentialsProvider::new(credentials)
    });
    let mut builder = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(simulator.region().to_owned()))
        .http_client(InProcess::new(simulator.clone()))
        .time_source(simulator.clone())
        .sleep_impl(TokioSleep::new());
    builder.set_credentials_provider(credentials);
    builder.build()
}
