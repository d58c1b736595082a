//! Requests no SDK sends: malformed, unsigned, misdirected. Each has AWS's refusal in the protocol it came in.

use std::io::Write;

use bytes::Bytes;
use contracts::simulator::{Call, Simulator, wire};
use http::{Request, Response};
use serde_json::{Value, json};

use crate::sign::Signer;
use crate::{NOW, simulator};

/// Stands for the header that `send` makes, for `service`.
fn signed(service: &str) -> String {
    format!("{SIGN}{service}")
}

const SIGN: &str = "sign for ";

fn send(
    simulator: &Simulator,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Response<Bytes> {
    let mut request = Request::post(path);
    let mut service = None;
    for (name, value) in headers {
        match value.strip_prefix(SIGN) {
            Some(name) => service = Some(name),
            None => request = request.header(*name, *value),
        }
    }
    let mut request = request.body(Bytes::copy_from_slice(body)).unwrap();
    if let Some(service) = service {
        request = Signer::of(simulator, service).sign(request);
    }
    wire::reply(simulator, &request).unwrap()
}

fn json_call(target: &str, body: &str) -> (u16, String) {
    let authorization = signed(if target.starts_with("AmazonSSM") {
        "ssm"
    } else {
        "monitoring"
    });
    let headers = [
        ("authorization", authorization.as_str()),
        ("x-amz-target", target),
        ("content-type", "application/x-amz-json-1.1"),
    ];
    shown(&send(&simulator(), "/", &headers, body.as_bytes()))
}

fn query(service: &str, body: &str) -> (u16, String) {
    let authorization = signed(service);
    let headers = [
        ("authorization", authorization.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    shown(&send(&simulator(), "/", &headers, body.as_bytes()))
}

fn shown(response: &Response<Bytes>) -> (u16, String) {
    (
        response.status().as_u16(),
        String::from_utf8_lossy(response.body()).into_owned(),
    )
}

/// What stands between `<tag>` and `</tag>`.
fn inside(xml: &str, tag: &str) -> String {
    let (_, rest) = xml
        .split_once(&format!("<{tag}>"))
        .unwrap_or_else(|| panic!("no {tag} in {xml}"));
    rest.split_once(&format!("</{tag}>")).unwrap().0.to_owned()
}

fn json_code(body: &str) -> String {
    let body: Value = serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {body}"));
    assert!(body["message"].is_string(), "no message in {body}");
    body["__type"]
        .as_str()
        .unwrap_or_else(|| panic!("no __type in {body}"))
        .to_owned()
}

#[test]
fn malformed_json_is_a_serialization_exception() {
    for body in [
        "",
        "{",
        "[]",
        "null",
        "\"x\"",
        "{\"Name\":\"x\"",
        "{\"Name\":1}",
        "{\"Name\":[\"x\"]}",
        "\u{0}",
        "{\"Name\": \"\\ud800\"}",
    ] {
        let (status, reply) = json_call("AmazonSSM.GetParameter", body);
        assert_eq!(
            (status, json_code(&reply).as_str()),
            (400, "SerializationException"),
            "{body:?}"
        );
    }
    let wrong = json_call(
        "AmazonSSM.PutParameter",
        r#"{"Name":"/a","Value":"1","Type":"String","Overwrite":"perhaps"}"#,
    );
    assert_eq!(json_code(&wrong.1), "SerializationException");
    let deep = format!("{{\"Name\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
    assert_eq!(
        json_code(&json_call("AmazonSSM.GetParameter", &deep).1),
        "SerializationException"
    );
}

#[test]
fn malformed_json_refusals_are_byte_for_byte_stable() {
    let (status, body) = json_call("AmazonSSM.GetParameter", r#"{"Name":1}"#);
    let expected = r#"{"__type":"SerializationException","message":"Name: NUMBER_VALUE can not be converted to a String"}"#;
    assert_eq!((status, body.as_str()), (400, expected));
    let (status, body) = json_call("AmazonSSM.GetParameter", "{}");
    let expected = r#"{"__type":"ValidationException","message":"1 validation error detected: Value null at 'name' failed to satisfy constraint: Member must not be null"}"#;
    assert_eq!((status, body.as_str()), (400, expected));
}

#[test]
fn unknown_operations_are_refused_in_each_protocol() {
    for target in [
        "AmazonSSM.MakeCoffee",
        "AmazonSSM.",
        "AmazonSSM",
        "AmazonSSM.Get Parameter",
    ] {
        assert_eq!(
            json_code(&json_call(target, "{}").1),
            "UnknownOperationException",
            "{target}"
        );
    }
    let (status, body) = query("iam", "Action=MakeCoffee&Version=2010-05-08");
    assert_eq!(
        (status, inside(&body, "Code").as_str()),
        (400, "InvalidAction")
    );
    let (_, body) = query("iam", "Action=GetRole&Version=2009-01-01&RoleName=x");
    assert_eq!(
        inside(&body, "Message"),
        "Could not find operation GetRole for version 2009-01-01"
    );
    let (_, body) = query("iam", "Action=GetRole&RoleName=x");
    assert_eq!(
        inside(&body, "Message"),
        "Could not find operation GetRole for version NO_VERSION_SPECIFIED"
    );
    let (_, body) = query("iam", "RoleName=x");
    assert_eq!(inside(&body, "Code"), "MissingAction");
    let (_, body) = query("ecs", "Action=ListClusters&Version=2014-11-13");
    assert_eq!(inside(&body, "Code"), "InvalidAction");
}

#[test]
fn malformed_query_strings_are_refused() {
    let version = "Version=2010-05-08&Action=GetRole";
    for body in [
        "RoleName=%",
        "RoleName=%4",
        "RoleName=%zz",
        "RoleName=%ff",
        "RoleName",
        "RoleName=a&RoleName=b",
        "RoleName=a&RoleName.x=b",
        "RoleName.x=b&RoleName=a",
        &format!("{}=1", "a.".repeat(100)),
    ] {
        let (status, reply) = query("iam", &format!("{version}&{body}"));
        assert_eq!(
            (status, inside(&reply, "Code").as_str()),
            (404, "MalformedQueryString"),
            "{body}"
        );
    }
    let (status, reply) = query("iam", &format!("{version}&RoleName.x=a"));
    assert_eq!(
        (status, inside(&reply, "Code").as_str()),
        (400, "MalformedInput")
    );
    let (status, reply) = query("iam", version);
    assert_eq!(
        (status, inside(&reply, "Code").as_str()),
        (400, "ValidationError")
    );
    let (_, reply) = query(
        "monitoring",
        "Action=DescribeAlarms&Version=2010-08-01&MaxRecords=many",
    );
    assert_eq!(inside(&reply, "Code"), "MalformedInput");
}

#[test]
fn malformed_cbor_is_a_serialization_exception() {
    let authorization = signed("monitoring");
    let headers = [
        ("authorization", authorization.as_str()),
        ("smithy-protocol", "rpc-v2-cbor"),
        ("content-type", "application/cbor"),
    ];
    let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
    let deep = [0x81; 5_000];
    let cases: [&[u8]; 8] = [
        b"\xff",
        b"\xa1",
        b"\x80",
        b"\xa1\x01\x02",
        b"\xa0\xa0",
        b"{}",
        b"\xbf\x61\x61",
        &deep,
    ];
    for body in cases {
        let reply = send(&simulator(), path, &headers, body);
        assert_eq!(reply.status(), 400, "{body:x?}");
        assert_eq!(reply.headers()["smithy-protocol"], "rpc-v2-cbor");
        let value: ciborium::Value = ciborium::from_reader(reply.body().as_ref()).unwrap();
        let shown = format!("{value:?}");
        assert!(
            shown.contains("SerializationException"),
            "{body:x?}: {shown}"
        );
    }
    // An operation without input may have an empty body.
    assert_eq!(send(&simulator(), path, &headers, b"").status(), 200);
}

#[test]
fn a_call_must_be_for_a_service_by_post_and_uncompressed() {
    let target = ("x-amz-target", "AmazonSSM.GetParameter");
    let ssm = signed("ssm");
    let s3 = signed("s3");
    let gzip = ("content-encoding", "gzip");
    type Case<'a> = (&'a [(&'a str, &'a str)], u16, &'a str);
    let cases: [Case<'_>; 3] = [
        (
            &[target, ("authorization", &ssm), gzip],
            400,
            "SerializationException",
        ),
        (&[], 403, "MissingAuthenticationToken"),
        (&[("authorization", &s3)], 404, "UnknownServiceException"),
    ];
    for (headers, status, code) in cases {
        let reply = shown(&send(&simulator(), "/", headers, b"{}"));
        assert_eq!(
            (reply.0, json_code(&reply.1).as_str()),
            (status, code),
            "{headers:?}"
        );
    }
    let simulator = simulator();
    let request = Request::get("/")
        .header(target.0, target.1)
        .body(Bytes::new())
        .unwrap();
    let request = Signer::of(&simulator, "ssm").sign(request);
    assert_eq!(wire::reply(&simulator, &request).unwrap().status(), 405);
    let large = vec![b' '; wire::BODY_BYTES_MAX + 1];
    let headers = [target, ("authorization", ssm.as_str())];
    assert_eq!(send(&simulator, "/", &headers, &large).status(), 413);
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&large).unwrap();
    let headers = [target, ("authorization", ssm.as_str()), gzip];
    assert_eq!(
        send(&simulator, "/", &headers, &packed.finish().unwrap()).status(),
        413
    );
}

#[test]
fn cloudwatch_repeats_its_query_error_code_in_other_protocols() {
    let authorization = signed("monitoring");
    let headers = [
        ("authorization", authorization.as_str()),
        (
            "x-amz-target",
            "GraniteServiceVersion20100801.PutMetricData",
        ),
        ("content-type", "application/x-amz-json-1.0"),
    ];
    let reply = send(
        &simulator(),
        "/",
        &headers,
        br#"{"Namespace":"x","MetricData":[{"MetricName":"m"}]}"#,
    );
    assert_eq!(
        reply.headers()["x-amzn-query-error"],
        "MissingParameter;Sender"
    );
    assert_eq!(
        reply.headers()["x-amzn-errortype"],
        "MissingRequiredParameterException"
    );
    assert_eq!(
        reply.headers()["content-type"],
        "application/x-amz-json-1.0"
    );
    assert_eq!(
        json_code(&shown(&reply).1),
        "MissingRequiredParameterException"
    );
}

#[test]
fn three_protocols_put_the_same_alarm() {
    let simulator = simulator();
    let authorization = signed("monitoring");
    let form = "Action=PutMetricAlarm&Version=2010-08-01&AlarmName=a&Namespace=N&MetricName=M&Statistic=Sum&Period=60\
                &EvaluationPeriods=1&Threshold=1.5&ComparisonOperator=GreaterThanThreshold&Dimensions.member.1.Name=d\
                &Dimensions.member.1.Value=v&ActionsEnabled=false";
    let put = send(
        &simulator,
        "/",
        &[("authorization", &authorization)],
        form.as_bytes(),
    );
    assert_eq!(put.status(), 200, "{put:?}");
    let describe = |protocol: &str| {
        let target = (
            "x-amz-target",
            "GraniteServiceVersion20100801.DescribeAlarms",
        );
        let reply = match protocol {
            "json" => send(
                &simulator,
                "/",
                &[
                    ("authorization", &authorization),
                    target,
                    ("content-type", "application/x-amz-json-1.0"),
                ],
                b"{}",
            ),
            "cbor" => {
                let path = "/service/GraniteServiceVersion20100801/operation/DescribeAlarms";
                send(
                    &simulator,
                    path,
                    &[("authorization", &authorization)],
                    b"\xa0",
                )
            }
            _ => send(
                &simulator,
                "/",
                &[("authorization", &authorization)],
                b"Action=DescribeAlarms&Version=2010-08-01",
            ),
        };
        assert_eq!(reply.status(), 200);
        reply.into_body()
    };
    let json: Value = serde_json::from_slice(&describe("json")).unwrap();
    let alarm = &json["MetricAlarms"][0];
    assert_eq!(alarm["Threshold"], json!(1.5));
    assert_eq!(alarm["Period"], json!(60));
    assert_eq!(
        alarm["StateUpdatedTimestamp"].as_f64().map(|at| at as u64),
        Some(1_785_542_400)
    );
    let xml = String::from_utf8(describe("query").to_vec()).unwrap();
    assert_eq!(
        (
            inside(&xml, "Threshold").as_str(),
            inside(&xml, "Period").as_str()
        ),
        ("1.5", "60")
    );
    assert!(
        inside(&xml, "StateUpdatedTimestamp").starts_with("2026-08-01T00:00:0"),
        "{xml}"
    );
    assert_eq!(inside(&xml, "ActionsEnabled"), "false");
    let cbor = format!(
        "{:?}",
        ciborium::from_reader::<ciborium::Value, _>(describe("cbor").as_ref()).unwrap()
    );
    assert!(cbor.contains("(Text(\"Threshold\"), Float(1.5))"), "{cbor}");
    assert!(
        cbor.contains("(Text(\"StateUpdatedTimestamp\"), Tag(1, Float("),
        "{cbor}"
    );
}

#[test]
fn the_same_calls_at_the_same_times_give_the_same_bytes() {
    let run = || {
        let simulator = simulator();
        let call = |service, operation: &str, input: Value| {
            let Value::Object(input) = input else {
                panic!("an object")
            };
            let call = Call {
                service,
                operation: operation.to_owned(),
                input,
                principal: None,
                now: NOW,
            };
            simulator.answer(&call).unwrap().to_string()
        };
        let trust = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}}"#;
        [
            call(
                "iam",
                "CreateRole",
                json!({ "RoleName": "r", "AssumeRolePolicyDocument": trust }),
            ),
            call(
                "servicediscovery",
                "CreateService",
                json!({ "Name": "contracts", "NamespaceId": "ns-u5f60718293a4b5c" }),
            ),
            call("iam", "GetRole", json!({ "RoleName": "r" })),
        ]
    };
    assert_eq!(run(), run());
}

#[test]
fn ec2_and_route_53_refuse_in_xml_of_their_own() {
    let (status, body) = query(
        "ec2",
        "Action=CreateVpc&Version=2016-11-15&CidrBlock=10.0.0.0/16",
    );
    let expected =
        "<Response><Errors><Error><Code>InvalidAction</Code><Message>CreateVpc is not an operation";
    assert_eq!(status, 400);
    assert!(body.starts_with(expected), "{body}");
    assert!(
        body.ends_with("</RequestID></Response>") && !body.contains("xmlns"),
        "{body}"
    );
    let (status, body) = query("ec2", "Action=DescribeVpcs&Version=2016-11-15&DryRun=maybe");
    assert_eq!(
        (status, inside(&body, "Code").as_str()),
        (400, "MalformedInput")
    );

    let signed = signed("route53");
    let headers = [("authorization", signed.as_str())];
    for path in [
        "/",
        "/2013-04-01/hostedzone",
        "/2013-04-01/hostedzone/Z1/rrset/",
    ] {
        let (status, body) = shown(&send(&simulator(), path, &headers, b"<x"));
        let namespace = "<ErrorResponse xmlns=\"https://route53.amazonaws.com/doc/2013-04-01/\">";
        assert!(body.starts_with(namespace), "{body}");
        assert_eq!(
            (status, inside(&body, "Code").as_str()),
            (400, "InvalidAction"),
            "{path}"
        );
    }
}
