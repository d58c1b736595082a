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
    /// How a service that answers in XML does it.
    pub xml: Option<Xml>,
    /// Whether other protocols repeat the Query error code in a header.
    pub query_compatible: bool,
}

/// What a service's XML says of itself, and which of AWS's three XML protocols it is.
pub(super) struct Xml {
    /// The API version a request names.
    pub version: &'static str,
    /// The namespace of every reply.
    pub namespace: &'static str,
    /// The protocol.
    pub style: Style,
}

/// AWS's XML protocols: they differ in how lists are written and what a reply is wrapped in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Form fields in, `<OpResult>` out, lists of `<member>`.
    Query,
    /// Form fields in, lists of `<item>` and errors of their own out.
    Ec2,
    /// Method and path in, lists of named elements out.
    Rest,
}

const fn json(name: &'static str, shape: &'static str) -> Service {
    Service {
        name,
        shape,
        xml: None,
        query_compatible: false,
    }
}

const fn xml(
    name: &'static str,
    shape: &'static str,
    version: &'static str,
    namespace: &'static str,
    style: Style,
) -> Service {
    Service {
        name,
        shape,
        xml: Some(Xml {
            version,
            namespace,
            style,
        }),
        query_compatible: false,
    }
}

static SERVICES: [Service; 15] = [
    json("ecs", "AmazonEC2ContainerServiceV20141113"),
    json("ecr", "AmazonEC2ContainerRegistry_V20150921"),
    json("application-autoscaling", "AnyScaleFrontendService"),
    json("ssm", "AmazonSSM"),
    json("logs", "Logs_20140328"),
    json("servicediscovery", "Route53AutoNaming_v20170314"),
    json("secretsmanager", "secretsmanager"),
    json("acm", "CertificateManager"),
    xml(
        "elasticloadbalancing",
        "ElasticLoadBalancing_v10",
        "2015-12-01",
        "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/",
        Style::Query,
    ),
    xml(
        "iam",
        "AWSIdentityManagementV20100508",
        "2010-05-08",
        "https://iam.amazonaws.com/doc/2010-05-08/",
        Style::Query,
    ),
    xml(
        "sts",
        "AWSSecurityTokenServiceV20110615",
        "2011-06-15",
        "https://sts.amazonaws.com/doc/2011-06-15/",
        Style::Query,
    ),
    xml(
        "sns",
        "AmazonSimpleNotificationService",
        "2010-03-31",
        "http://sns.amazonaws.com/doc/2010-03-31/",
        Style::Query,
    ),
    xml(
        "ec2",
        "AmazonEC2",
        "2016-11-15",
        "http://ec2.amazonaws.com/doc/2016-11-15/",
        Style::Ec2,
    ),
    xml(
        "route53",
        "AWSDnsV20130401",
        "2013-04-01",
        "https://route53.amazonaws.com/doc/2013-04-01/",
        Style::Rest,
    ),
    Service {
        name: "monitoring",
        shape: "GraniteServiceVersion20100801",
        xml: Some(Xml {
            version: "2010-08-01",
            namespace: "http://monitoring.amazonaws.com/doc/2010-08-01/",
            style: Style::Query,
        }),
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
const MONITORING_SHAPES: [(&str, &str); 8] = [
    ("InvalidFormat", "InvalidFormatFault"),
    (
        "InvalidParameterCombination",
        "InvalidParameterCombinationException",
    ),
    ("InvalidParameterInput", "DashboardInvalidInputError"),
    ("InvalidParameterValue", "InvalidParameterValueException"),
    ("LimitExceeded", "LimitExceededFault"),
    ("MissingParameter", "MissingRequiredParameterException"),
    ("InternalServiceError", "InternalServiceFault"),
    ("ResourceNotFoundException", "ResourceNotFoundException"),
];

/// What the front of AWS refuses with, before any service sees the call: the Query code, the name in JSON and CBOR, and the HTTP
/// status there; a Query refusal has its own. As recorded from DynamoDB in github.com/mhart/dynalite, `index.js`.
const FRONT_SHAPES: [(&str, &str, u16); 8] = [
    (
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        400,
    ),
    ("IncompleteSignature", "IncompleteSignatureException", 400),
    ("SignatureDoesNotMatch", "InvalidSignatureException", 400),
    ("InvalidClientTokenId", "UnrecognizedClientException", 400),
    ("ExpiredToken", "ExpiredTokenException", 400),
    ("MethodNotAllowed", "MethodNotAllowedException", 405),
    ("Throttling", "ThrottlingException", 400),
    ("ServiceUnavailable", "ServiceUnavailableException", 503),
];

impl Service {
    /// The region a global service is always signed for (botocore's `endpoints.json`, `credentialScope`).
    pub(super) fn region(&self) -> Option<&'static str> {
        matches!(self.name, "iam" | "route53").then_some("us-east-1")
    }

    /// The XML protocol, if it has one.
    pub(super) fn style(&self) -> Option<Style> {
        self.xml.as_ref().map(|xml| xml.style)
    }

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

    /// The code and HTTP status that XML clients know a refusal by. EC2's front has words of its own
    /// (docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html).
    pub(super) fn xml_refusal(&self, refusal: &Refusal) -> (&'static str, u16) {
        let ec2 = self.style() == Some(Style::Ec2);
        match refusal.code {
            "SignatureDoesNotMatch" | "InvalidClientTokenId" if ec2 => ("AuthFailure", 401),
            "Throttling" if ec2 => ("RequestLimitExceeded", 503),
            UNKNOWN_OPERATION => ("InvalidAction", refusal.status),
            SERIALIZATION => ("MalformedInput", refusal.status),
            "RequestEntityTooLargeException" => ("RequestEntityTooLarge", refusal.status),
            code => (code, refusal.status),
        }
    }
}
