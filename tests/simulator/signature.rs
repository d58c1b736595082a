//! Signatures: who may call, and what everybody else is told in each protocol.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use contracts::simulator::{Simulator, wire};
use http::{HeaderValue, Request};

use crate::sign::Signer;
use crate::{code, in_process, simulator};

/// A request in each protocol: service, path, target, body.
const REQUESTS: [(&str, &str, &str, &[u8]); 3] = [
    ("ssm", "/", "AmazonSSM.DescribeParameters", b"{}"),
    (
        "monitoring",
        "/service/GraniteServiceVersion20100801/operation/DescribeAlarms",
        "",
        b"\xa0",
    ),
    (
        "sts",
        "/",
        "",
        b"Action=GetCallerIdentity&Version=2011-06-15",
    ),
];

fn unsigned((_, path, target, body): (&str, &str, &str, &'static [u8])) -> Request<Bytes> {
    let mut request = Request::post(path);
    if !target.is_empty() {
        request = request.header("x-amz-target", target);
    }
    request.body(Bytes::from_static(body)).unwrap()
}

/// Status and text of a reply in whatever protocol.
fn answer(simulator: &Simulator, request: &Request<Bytes>) -> (u16, String) {
    let reply = wire::reply(simulator, request).unwrap();
    (
        reply.status().as_u16(),
        String::from_utf8_lossy(reply.body()).into_owned(),
    )
}

/// How a case spoils a request.
type Spoil = fn(&mut Signer<'_>, Request<Bytes>) -> Request<Bytes>;

fn header(request: &mut Request<Bytes>, name: &'static str, change: impl Fn(&str) -> String) {
    let old = request.headers()[name].to_str().unwrap().to_owned();
    request
        .headers_mut()
        .insert(name, HeaderValue::from_str(&change(&old)).unwrap());
}

/// What is wrong; the code in Query and its status; the code in JSON and CBOR, always 400; words of the message.
type Case = (
    &'static str,
    Spoil,
    (u16, &'static str),
    &'static str,
    &'static str,
);

#[test]
fn a_request_that_is_not_rightly_signed_is_refused_in_its_own_protocol() {
    let cases: [Case; 14] = [
        (
            "nothing",
            |signer, request| signer.sign(request),
            (200, ""),
            "",
            "",
        ),
        (
            "no signature",
            |_, request| request,
            (403, "MissingAuthenticationToken"),
            "MissingAuthenticationTokenException",
            "Request is missing Authentication Token",
        ),
        (
            "an unknown key",
            |signer, request| {
                signer.key = ("AKIANOBODY", "demo");
                signer.sign(request)
            },
            (403, "InvalidClientTokenId"),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
        (
            "a wrong secret",
            |signer, request| {
                signer.key = ("demo", "dem0");
                signer.sign(request)
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "The request signature we calculated does not match the signature you provided.",
        ),
        (
            "another region",
            |signer, request| {
                signer.region = "eu-west-1";
                signer.sign(request)
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'eu-west-1'.",
        ),
        (
            "six minutes late",
            |signer, request| {
                signer.at -= Duration::from_secs(360);
                signer.sign(request)
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "Signature expired: 20260731T235400Z is now earlier than 20260731T235500Z (20260801T000000Z - 5 min.)",
        ),
        (
            "six minutes early",
            |signer, request| {
                signer.at += Duration::from_secs(360);
                signer.sign(request)
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "Signature not yet current: 20260801T000600Z is still later than 20260801T000500Z (20260801T000000Z + 5 min.)",
        ),
        (
            "another body",
            |signer, request| {
                let mut request = signer.sign(request);
                *request.body_mut() = Bytes::from([request.body(), &b" "[..]].concat());
                request
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        ),
        (
            "a payload said to be unsigned",
            |signer, mut request| {
                request.headers_mut().insert(
                    "x-amz-content-sha256",
                    HeaderValue::from_static("UNSIGNED-PAYLOAD"),
                );
                let mut request = signer.sign(request);
                *request.body_mut() = Bytes::from([request.body(), &b" "[..]].concat());
                request
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        ),
        (
            "another host",
            |signer, request| {
                let mut request = signer.sign(request);
                header(&mut request, "host", |_| "elsewhere.example".to_owned());
                request
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "The request signature we calculated does not match",
        ),
        (
            "the host not signed",
            |signer, request| {
                let mut request = signer.sign(request);
                header(&mut request, "authorization", |old| {
                    old.replace("host;", "")
                });
                request
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
        ),
        (
            "the scope's day changed",
            |signer, request| {
                let mut request = signer.sign(request);
                header(&mut request, "authorization", |old| {
                    old.replace("/20260801/", "/20260802/")
                });
                request
            },
            (403, "SignatureDoesNotMatch"),
            "InvalidSignatureException",
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20260802' != '20260801'",
        ),
        (
            "no date",
            |signer, request| {
                let mut request = signer.sign(request);
                request.headers_mut().remove("x-amz-date");
                request
            },
            (400, "IncompleteSignature"),
            "IncompleteSignatureException",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
        ),
        (
            "a session token nobody gave out",
            |signer, request| {
                let mut request = signer.sign(request);
                request
                    .headers_mut()
                    .insert("x-amz-security-token", HeaderValue::from_static("x"));
                request
            },
            (403, "InvalidClientTokenId"),
            "UnrecognizedClientException",
            "The security token included in the request is invalid.",
        ),
    ];
    for (name, spoil, (query_status, query_code), code, words) in cases {
        for wanted in REQUESTS {
            let simulator = simulator();
            let mut signer = Signer::of(&simulator, wanted.0);
            let request = spoil(&mut signer, unsigned(wanted));
            let query = wanted.0 == "sts";
            // Without a signature nothing says that a Query request is for STS; its host would on AWS.
            let lost = query && name == "no signature";
            let request = if lost {
                with_host(request, "sts.amazonaws.com")
            } else {
                request
            };
            let (status, text) = answer(&simulator, &request);
            let expected = if query || name == "nothing" {
                (query_status, query_code)
            } else {
                (400, code)
            };
            assert_eq!(status, expected.0, "{name}, {}: {text}", wanted.0);
            assert!(text.contains(expected.1), "{name}, {}: {text}", wanted.0);
            let plain = text.replace("&apos;", "'");
            assert!(plain.contains(words), "{name}, {}: {text}", wanted.0);
            let journal = simulator.journal();
            let last = journal.last().unwrap();
            let known = (status == 200).then_some("arn:aws:iam::932100697590:user/demo");
            assert_eq!(last.principal.as_deref(), known, "{name}");
        }
    }
}

fn with_host(mut request: Request<Bytes>, host: &'static str) -> Request<Bytes> {
    request
        .headers_mut()
        .insert("host", HeaderValue::from_static(host));
    request
}

#[test]
fn a_target_of_one_service_signed_for_another_is_refused() {
    let simulator = simulator();
    let request = Signer::of(&simulator, "ecs").sign(unsigned(REQUESTS[0]));
    let (status, text) = answer(&simulator, &request);
    assert_eq!(status, 400);
    assert!(
        text.contains("Credential should be scoped to correct service: 'ssm'."),
        "{text}"
    );
}

#[tokio::test]
async fn a_principal_is_that_of_the_key() {
    let simulator = simulator();
    let sts = aws_sdk_sts::Client::new(&in_process(&simulator));
    let identity = sts.get_caller_identity().send().await.unwrap();
    assert_eq!(identity.arn(), Some("arn:aws:iam::932100697590:user/demo"));
    assert_eq!(identity.user_id(), Some("AIDADEMO0000000000000"));
    let other = aws_sdk_ecs::config::Credentials::new(
        "AKIASOMEBODYELSE0000",
        "somebody-else",
        None,
        None,
        "test",
    );
    let config = aws_sdk_sts::config::Builder::from(&in_process(&simulator))
        .credentials_provider(other)
        .build();
    let identity = aws_sdk_sts::Client::from_conf(config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    assert_eq!(
        identity.arn(),
        Some("arn:aws:iam::932100697590:user/somebody-else")
    );
}

#[tokio::test]
async fn a_client_on_another_clock_is_refused() {
    let simulator = simulator();
    let config = aws_sdk_sts::config::Builder::from(&in_process(&simulator))
        .time_source(Epoch)
        .build();
    let refused = aws_sdk_sts::Client::from_conf(config)
        .get_caller_identity()
        .send()
        .await;
    assert_eq!(code(refused), "SignatureDoesNotMatch");
}

#[derive(Debug)]
struct Epoch;

impl aws_smithy_async::time::TimeSource for Epoch {
    fn now(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
}

#[tokio::test(start_paused = true)]
async fn a_fast_simulation_believes_clients_on_a_usual_clock() {
    let simulator = crate::at_speed(60);
    let sts = aws_sdk_sts::Client::new(&in_process(&simulator));
    tokio::time::advance(Duration::from_secs(3600)).await;
    sts.get_caller_identity().send().await.unwrap();
}
