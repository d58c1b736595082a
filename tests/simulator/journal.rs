//! The journal: what it keeps, what it hides, what it forgets.

use bytes::Bytes;
use contracts::simulator::wire;
use http::Request;
use serde_json::{Value, json};

use crate::http::Server;
use crate::sign::Signer;
use crate::{NOW, in_process, simulator};

#[tokio::test(start_paused = true)]
async fn a_request_is_noted_with_its_outcome_and_without_its_secrets() {
    let simulator = simulator();
    let ssm = aws_sdk_ssm::Client::new(&in_process(&simulator));
    let kind = aws_sdk_ssm::types::ParameterType::SecureString;
    let tag = aws_sdk_ssm::types::Tag::builder()
        .key("a")
        .value("b")
        .build()
        .unwrap();
    ssm.put_parameter()
        .name("/a")
        .value("hunter2")
        .r#type(kind)
        .tags(tag)
        .send()
        .await
        .unwrap();
    ssm.get_parameter().name("/b").send().await.unwrap_err();
    let request = Request::post("/").header("x-amz-target", "AmazonSSM.GetParameter");
    let unsigned = request
        .body(Bytes::from_static(b"{\"Name\":\"hunter2\"}"))
        .unwrap();
    wire::reply(&simulator, &unsigned).unwrap();
    let journal = serde_json::to_string(&simulator.journal()).unwrap();
    assert!(!journal.contains("hunter2"), "{journal}");
    let demo = "arn:aws:iam::932100697590:user/demo";
    let expected = json!([
        {
            "at": NOW, "operation": "PutParameter", "outcome": "ok", "principal": demo, "service": "ssm",
            "input": { "Name": "/a", "Type": "SecureString", "Value": "(masked)", "Tags": [{ "Key": "a", "Value": "(masked)" }] },
            "request_id": "00000000-0000-4000-8000-000000000000",
        },
        {
            "at": NOW, "operation": "GetParameter", "outcome": "ParameterNotFound", "principal": demo, "service": "ssm",
            "input": { "Name": "/b" }, "request_id": "00000000-0000-4000-8000-000000000001",
        },
        {
            "at": NOW, "operation": "", "outcome": "MissingAuthenticationToken", "principal": null, "service": "ssm",
            "input": null, "request_id": "00000000-0000-4000-8000-000000000002",
        },
    ]);
    assert_eq!(serde_json::from_str::<Value>(&journal).unwrap(), expected);
    // Sorted, so that equal runs are equal bytes.
    assert!(
        journal.starts_with(r#"[{"at":1785542400000,"input":{"Name":"/a","Tags":[{"#),
        "{journal}"
    );
}

#[test]
fn the_oldest_requests_are_forgotten() {
    let simulator = simulator();
    // Each is a little over half a mebibyte, and sixteen mebibytes are kept.
    let pad = "x".repeat(512 * 1024);
    for number in 0..64 {
        let body = format!("{{\"Name\":\"/{number}\",\"Filler\":\"{pad}\"}}");
        let request = Request::post("/").header("x-amz-target", "AmazonSSM.GetParameter");
        let request = Signer::of(&simulator, "ssm").sign(request.body(Bytes::from(body)).unwrap());
        wire::reply(&simulator, &request).unwrap();
    }
    let journal = simulator.journal();
    assert_eq!(journal.len(), 31);
    assert_eq!(journal.last().unwrap().input["Name"], "/63");
    simulator.clear_journal();
    assert_eq!(simulator.journal(), []);
}

#[tokio::test]
async fn a_server_shows_its_journal_and_clears_it() {
    let server = Server::start().await;
    let http = aws_smithy_http_client::Builder::new().build_http();
    let config = crate::config(http, Some(server.endpoint.clone()));
    aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    let (_, journal) = server.admin("GET", "journal").await;
    assert_eq!(
        (&journal[0]["operation"], &journal[0]["outcome"]),
        (&json!("GetCallerIdentity"), &json!("ok"))
    );
    assert_eq!(server.admin("DELETE", "journal").await.1, json!({}));
    assert_eq!(server.admin("GET", "journal").await.1, json!([]));
    server.stop().await;
}
