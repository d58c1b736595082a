//! The table of simulated services: how each is named by signatures, targets, and XML.
//!
//! Facts of AWS's published models (botocore `data/*/service-2.json`, `metadata`); no behaviour.

use super::super::call::{Refusal, SERIALIZATION, UNKNOWN_OPERATION};

/// One service's names.
pub(super) struct Service {
    /// The signing name.
    pub name: &'static str,
    /// The prefix of `X-Amz-Target`, which is also the service's name in an RPC v2 path.
    pub shape: &'static str,
    /// API version and XML namespace of a service that speaks Query.
    pub query: Option<(&'static str, &'static str)>,
    /// Whether other protocols repeat the Query error code in a header.
    pub query_compatible: bool,
}

const fn json(name: &'static str, shape: &'static str) -> Service {
    Service {
        name,
        shape,
        query: None,
        query_compatible: false,
    }
}

const fn query(
    name: &'static str,
    shape: &'static str,
    version: &'static str,
    namespace: &'static str,
) -> Service {
    Service {
        name,
        shape,
        query: Some((version, namespace)),
        query_compatible: false,
    }
}

static SERVICES: [Service; 10] = [
    json("ecs", "AmazonEC2ContainerServiceV20141113"),
    json("ecr", "AmazonEC2ContainerRegistry_V20150921"),
    json("application-autoscaling", "AnyScaleFrontendService"),
    json("ssm", "AmazonSSM"),
    json("logs", "Logs_20140328"),
    json("servicediscovery", "Route53AutoNaming_v20170314"),
    query(
        "elasticloadbalancing",
        "ElasticLoadBalancing_v10",
        "2015-12-01",
        "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
    ),
    query(
        "iam",
        "AWSIdentityManagementV20100508",
        "2010-05-08",
        "https://iam.amazonaws.com/doc/2010-05-08/",
    ),
    query(
        "sts",
        "AWSSecurityTokenServiceV20110615",
        "2011-06-15",
        "https://sts.amazonaws.com/doc/2011-06-15/",
    ),
    Service {
        name: "monitoring",
        shape: "GraniteServiceVersion20100801",
        query: Some((
            "2010-08-01",
            "http://monitoring.amazonaws.com/doc/2010-08-01/",
        )),
        query_compatible: true,
    },
];

/// The service of a signing name.
pub(super) fn named(name: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.name == name)
}

/// The service of a target prefix.
pub(super) fn with_shape(shape: &str) -> Option<&'static Service> {
    SERVICES.iter().find(|service| service.shape == shape)
}

/// All signing names, for the message to a client of another service.
pub(super) fn names() -> String {
    SERVICES
        .iter()
        .map(|service| service.name)
        .collect::<Vec<_>>()
        .join(", ")
}

/// CloudWatch's error shapes whose Query code differs (`error.code` in its model).
const MONITORING_SHAPES: [(&str, &str); 7] = [
    ("InvalidFormat", "InvalidFormatFault"),
    (
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
    ),
    ("InvalidParameterValue", "InvalidParameterValueException"),
    ("LimitExceeded", "LimitExceededFault"),
    ("MissingParameter", "MissingRequiredParameterException"),
    ("InternalServiceError", "InternalServiceFault"),
    ("ResourceNotFoundException", "ResourceNotFoundException"),
];

/// What the front of AWS refuses with, before any service sees the call: the Query code, the name in JSON and CBOR, and the HTTP
/// status there; a Query refusal has its own. As recorded from DynamoDB in github.com/mhart/dynalite, `index.js`.
const FRONT_SHAPES: [(&str, &str, u16); 7] = [
    (
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        400,
    ),
    ("IncompleteSignature", "IncompleteSignatureException", 400),
    ("SignatureDoesNotMatch", "InvalidSignatureException", 400),
    ("InvalidClientTokenId", "UnrecognizedClientException", 400),
    ("MethodNotAllowed", "MethodNotAllowedException", 405),
    ("Throttling", "ThrottlingException", 400),
    ("ServiceUnavailable", "ServiceUnavailableException", 503),
];

impl Service {
    /// The refusal under the name that JSON and CBOR clients know.
    pub(super) fn shape_of(&self, refusal: &Refusal) -> Refusal {
        let own = if self.query_compatible {
            MONITORING_SHAPES.as_slice()
        } else {
            &[]
        };
        let own = own
            .iter()
            .map(|(code, shape)| (*code, *shape, refusal.status));
        let renamed = own
            .chain(FRONT_SHAPES)
            .find(|(code, ..)| *code == refusal.code);
        let (_, code, status) = renamed.unwrap_or(("", refusal.code, refusal.status));
        Refusal {
            code,
            message: refusal.message.clone(),
            status,
        }
    }

    /// The refusal under the name that Query clients know.
    pub(super) fn query_code_of(&self, refusal: &Refusal) -> &'static str {
        match refusal.code {
            UNKNOWN_OPERATION => "InvalidAction",
            SERIALIZATION => "MalformedInput",
            "RequestEntityTooLargeException" => "RequestEntityTooLarge",
            code => code,
        }
    }
}
