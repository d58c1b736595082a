//! The simulated AWS as an SDK's HTTP client: no socket, the same wire code as the server.
//!
//! Takes a simulator, gives something `aws_config`'s `.http_client(…)` accepts. Every reply is ready at once, so under
//! tokio's paused clock a run is deterministic. It never times out and never fails to connect.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use bytes::Bytes;

use super::{Simulator, wire};

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

    fn reply(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let request = request
            .try_into_http1x()
            .map_err(|error| ConnectorError::user(error.into()))?;
        let (head, body) = request.into_parts();
        let bytes = body.bytes().map(Bytes::copy_from_slice);
        let bytes = bytes.ok_or_else(|| {
            ConnectorError::user("a streamed body has no in-process reader".into())
        })?;
        let response = wire::reply(&self.simulator, &http::Request::from_parts(head, bytes));
        response
            .map(SdkBody::from)
            .try_into()
            .map_err(|error| ConnectorError::user(Box::new(error)))
    }
}

impl HttpConnector for InProcess {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::ready(self.reply(request))
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
