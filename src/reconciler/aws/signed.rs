//! Requests written by hand, for services of which one or two reads are wanted: `aws-sdk-ec2` alone compiles for minutes.
//!
//! Only the request and the reply are written here. Signature, credentials, retries, deadlines, the HTTP client and the
//! clock are the SDK's, through its generic `Operation`, which is what every generated client is built on. Reads only.

use aws_config::SdkConfig;
use aws_runtime::auth::sigv4::{SCHEME_ID, SigV4AuthScheme};
use aws_runtime::auth::{SigV4OperationSigningConfig, SigningOptions};
use aws_runtime::retries::classifiers::AwsErrorCodeClassifier;
use aws_sdk_ecs::config::retry::RetryPartition;
use aws_smithy_runtime::client::identity::IdentityCache;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{
    HttpStatusCodeClassifier, TransientErrorClassifier,
};
use aws_smithy_runtime_api::box_error::BoxError;
use aws_smithy_runtime_api::client::auth::static_resolver::StaticAuthSchemeOptionResolver;
use aws_smithy_runtime_api::client::auth::{
    AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponentsBuilder;
use aws_smithy_runtime_api::client::runtime_plugin::{SharedRuntimePlugin, StaticRuntimePlugin};
use aws_smithy_runtime_api::shared::IntoShared;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::config_bag::Layer;
use aws_smithy_types::error::ErrorMetadata;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_types::SigningName;
use aws_types::region::SigningRegion;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use super::{AwsError, failed};

mod xml;

pub use xml::Element;

/// What RFC 3986 leaves as it is.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A service that speaks to hand-written requests.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// What requests are signed for.
    pub signing_name: &'static str,
    /// The host, with `{region}` for the region.
    pub host: &'static str,
    /// The one region of a service that is the same everywhere.
    pub region: Option<&'static str>,
}

/// How such requests are sent.
#[derive(Clone)]
pub struct Signed {
    region: String,
    url: Option<String>,
    common: SharedRuntimePlugin,
}

/// A request before it has a host and a signature.
#[derive(Debug, Clone)]
struct Request {
    method: &'static str,
    path: String,
    content_type: Option<&'static str>,
    target: Option<String>,
    body: String,
}

/// AWS's no.
#[derive(Debug)]
struct Refusal(ErrorMetadata);

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Refusal {}

impl ProvideErrorMetadata for Refusal {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

/// What came instead of an answer.
#[derive(Debug)]
pub struct Failure {
    /// AWS's code, when it was AWS that said no.
    pub code: Option<String>,
    /// AWS's message, then.
    pub message: String,
    /// The same for those who only pass it on.
    pub error: AwsError,
}

impl From<Failure> for AwsError {
    fn from(failure: Failure) -> AwsError {
        failure.error
    }
}

impl Signed {
    /// Over a configuration, of which region, credentials, HTTP client, clock, deadlines and retries are taken.
    pub fn over(config: &SdkConfig, budget: &RetryPartition) -> Signed {
        let mut layer = Layer::new("signed");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(budget.clone());
        if let Some(retries) = config.retry_config() {
            layer.store_put(retries.clone());
        }
        if let Some(timeouts) = config.timeout_config() {
            layer.store_put(timeouts.clone());
        }
        let options = StaticAuthSchemeOptionResolver::new(vec![SCHEME_ID]);
        let mut components = RuntimeComponentsBuilder::new("signed");
        components
            .set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(options)))
            .push_auth_scheme(SharedAuthScheme::new(SigV4AuthScheme::new()))
            .set_identity_cache(Some(
                config
                    .identity_cache()
                    .unwrap_or_else(|| IdentityCache::lazy().build()),
            ))
            .set_http_client(config.http_client())
            .set_sleep_impl(config.sleep_impl())
            .set_time_source(config.time_source())
            .push_retry_classifier(AwsErrorCodeClassifier::<Refusal>::default())
            .push_retry_classifier(TransientErrorClassifier::<Refusal>::new())
            .push_retry_classifier(HttpStatusCodeClassifier::default());
        if let Some(credentials) = config.credentials_provider() {
            components.set_identity_resolver(SCHEME_ID, credentials);
        }
        let plugin = StaticRuntimePlugin::new()
            .with_config(layer.freeze())
            .with_runtime_components(components);
        Signed {
            region: config.region().map(ToString::to_string).unwrap_or_default(),
            url: config.endpoint_url().map(str::to_owned),
            common: plugin.into_shared(),
        }
    }

    /// One call in JSON 1.1; `target` is the prefix of its `X-Amz-Target`.
    pub async fn json(
        &self,
        service: Service,
        operation: &'static str,
        target: &str,
        input: &Value,
    ) -> Result<Value, Failure> {
        let request = Request {
            method: "POST",
            path: "/".to_owned(),
            content_type: Some("application/x-amz-json-1.1"),
            target: Some(format!("{target}.{}", name(operation))),
            body: input.to_string(),
        };
        let reply = self.send(service, operation, request, json_refusal).await?;
        serde_json::from_str(&reply).map_err(|_| unreadable(operation))
    }

    /// One call in the Query protocol: form fields in, XML out.
    pub async fn query(
        &self,
        service: Service,
        operation: &'static str,
        version: &str,
        fields: &[(String, String)],
    ) -> Result<Element, Failure> {
        let mut body = format!("Action={}&Version={version}", name(operation));
        for (field, value) in fields {
            let (field, value) = (encoded(field), encoded(value));
            body.push_str(&format!("&{field}={value}"));
        }
        let request = Request {
            method: "POST",
            path: "/".to_owned(),
            content_type: Some("application/x-www-form-urlencoded; charset=utf-8"),
            target: None,
            body,
        };
        let reply = self.send(service, operation, request, xml_refusal).await?;
        Element::parse(&reply).ok_or_else(|| unreadable(operation))
    }

    /// One GET of a REST service that answers in XML.
    pub async fn get(
        &self,
        service: Service,
        operation: &'static str,
        path: &str,
        query: &[(&str, &str)],
    ) -> Result<Element, Failure> {
        let query: Vec<String> = query
            .iter()
            .map(|(name, value)| format!("{name}={}", encoded(value)))
            .collect();
        let request = Request {
            method: "GET",
            path: format!("{path}?{}", query.join("&")),
            content_type: None,
            target: None,
            body: String::new(),
        };
        let reply = self.send(service, operation, request, xml_refusal).await?;
        Element::parse(&reply).ok_or_else(|| unreadable(operation))
    }

    async fn send(
        &self,
        service: Service,
        operation: &'static str,
        request: Request,
        refusal: fn(&str) -> ErrorMetadata,
    ) -> Result<String, Failure> {
        let region = service.region.unwrap_or(&self.region).to_owned();
        let url = self
            .url
            .clone()
            .unwrap_or_else(|| format!("https://{}", service.host.replace("{region}", &region)));
        let signing = SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(aws_config::Region::new(region))),
            name: Some(SigningName::from(service.signing_name)),
            signing_options: SigningOptions::default(),
            ..SigV4OperationSigningConfig::default()
        };
        let mut layer = Layer::new("signed request");
        layer.store_put(signing);
        let operation_ = Operation::builder()
            .service_name(service.signing_name)
            .operation_name(name(operation))
            .endpoint_url(&url)
            .runtime_plugin(self.common.clone())
            .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()))
            .serializer(Request::http)
            .deserializer(move |reply: &HttpResponse| {
                let text = reply.body().bytes().unwrap_or_default();
                let text = String::from_utf8_lossy(text).into_owned();
                if reply.status().is_success() {
                    Ok(text)
                } else {
                    Err(OrchestratorError::operation(Refusal(refusal(&text))))
                }
            })
            .build();
        // On the heap: callers hold several of these at once.
        let reply = Box::pin(operation_.invoke(request)).await;
        reply.map_err(|error| Failure {
            code: match &error {
                SdkError::ServiceError(refused) => refused.err().code().map(str::to_owned),
                _ => None,
            },
            message: match &error {
                SdkError::ServiceError(refused) => {
                    refused.err().message().unwrap_or_default().to_owned()
                }
                _ => String::new(),
            },
            error: failed(operation)(error),
        })
    }
}

impl Request {
    fn http(self) -> Result<HttpRequest, BoxError> {
        let mut request = http::Request::builder().method(self.method).uri(self.path);
        if let Some(content_type) = self.content_type {
            request = request.header("content-type", content_type);
        }
        if let Some(target) = self.target {
            request = request.header("x-amz-target", target);
        }
        Ok(request.body(SdkBody::from(self.body))?.try_into()?)
    }
}

/// `DescribeSubnets` of `ec2:DescribeSubnets`.
fn name(operation: &'static str) -> &'static str {
    operation
        .split_once(':')
        .map_or(operation, |(_, name)| name)
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, UNRESERVED).to_string()
}

/// `{"__type":"com.amazonaws.ecr#ImageNotFoundException","message":"…"}`
/// <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>
fn json_refusal(body: &str) -> ErrorMetadata {
    let body: Value = serde_json::from_str(body).unwrap_or_default();
    let text = |member: &str| body.get(member).and_then(Value::as_str).unwrap_or_default();
    let code = text("__type").rsplit('#').next().unwrap_or_default();
    let message = [text("message"), text("Message")].concat();
    ErrorMetadata::builder().code(code).message(message).build()
}

/// The first `Code` and `Message`, however deep: EC2 has them in `Response/Errors/Error`, Route 53 in `ErrorResponse/Error`.
fn xml_refusal(body: &str) -> ErrorMetadata {
    let body = Element::parse(body);
    let text = |name: &str| {
        let found = body.as_ref().and_then(|body| body.find(name));
        found
            .map(|element| element.text.clone())
            .unwrap_or_default()
    };
    ErrorMetadata::builder()
        .code(text("Code"))
        .message(text("Message"))
        .build()
}

fn unreadable(operation: &'static str) -> Failure {
    let error = AwsError {
        operation,
        reason: "an answer that is not AWS's".to_owned(),
        retryable: true,
    };
    Failure {
        code: None,
        message: String::new(),
        error,
    }
}
