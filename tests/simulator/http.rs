//! The server: the same answers over a socket, its own paths, its bounds, its end.

use std::collections::BTreeMap;
use std::time::Duration;

use aws_smithy_http_client::Builder;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use contracts::simulator::{Simulator, serve};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::simulator_now;

/// A server on a free port; it ends with this.
pub struct Server {
    pub endpoint: String,
    pub simulator: Simulator,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Server {
    pub async fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let simulator = simulator_now();
        let (stop, stopped) = oneshot::channel::<()>();
        let shutdown = async {
            // A dropped sender stops it too.
            let _ = stopped.await;
        };
        let running = tokio::spawn(serve::serve(listener, simulator.clone(), shutdown));
        Server {
            endpoint,
            simulator,
            stop: Some(stop),
            running,
        }
    }

    pub fn address(&self) -> &str {
        self.endpoint.trim_start_matches("http://")
    }

    pub async fn stop(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(Duration::from_secs(5), &mut self.running)
            .await
            .expect("the server should stop")
            .unwrap();
    }

    /// One request in plain HTTP/1.1, the reply whole.
    async fn raw(&self, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.address()).await.unwrap();
        stream.write_all(request).await.unwrap();
        let mut reply = Vec::new();
        // A reset after a refusal of an unread body is no failure of the reply.
        let _ = timeout(Duration::from_secs(20), stream.read_to_end(&mut reply))
            .await
            .expect("a reply");
        String::from_utf8_lossy(&reply).into_owned()
    }

    pub async fn admin(&self, method: &str, path: &str) -> (String, Value) {
        self.own(method, path, "").await
    }

    pub async fn put(&self, path: &str, body: &str) -> (String, Value) {
        self.own("PUT", path, body).await
    }

    async fn own(&self, method: &str, path: &str, body: &str) -> (String, Value) {
        let length = body.len();
        let request = format!(
            "{method} /_simulator/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n{body}"
        );
        let reply = self.raw(request.as_bytes()).await;
        let status = reply.lines().next().unwrap().to_owned();
        let body = reply.split_once("\r\n\r\n").unwrap().1;
        (
            status,
            serde_json::from_str(body).unwrap_or_else(|_| panic!("no JSON: {reply}")),
        )
    }
}

#[tokio::test]
async fn all_four_protocols_answer_over_http_and_calls_are_counted() {
    let server = Server::start().await;
    let http = Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = crate::config(http, Some(server.endpoint.clone()));
    let ssm = aws_sdk_ssm::Client::new(&config);
    let put = ssm
        .put_parameter()
        .name("/a")
        .value("1")
        .r#type(aws_sdk_ssm::types::ParameterType::String);
    put.send().await.unwrap();
    for _ in 0..3 {
        ssm.get_parameter().name("/a").send().await.unwrap();
    }
    aws_sdk_sts::Client::new(&config)
        .get_caller_identity()
        .send()
        .await
        .unwrap();
    aws_sdk_cloudwatch::Client::new(&config)
        .describe_alarms()
        .send()
        .await
        .unwrap();
    aws_sdk_servicediscovery::Client::new(&config)
        .list_namespaces()
        .send()
        .await
        .unwrap();
    assert_eq!(
        crate::code(ssm.get_parameter().name("/b").send().await),
        "ParameterNotFound"
    );

    let (status, calls) = server.admin("GET", "calls").await;
    assert_eq!(status, "HTTP/1.1 200 OK");
    let expected = json!({
        "ssm.PutParameter": { "calls": 1, "mutating": true }, "ssm.GetParameter": { "calls": 4, "mutating": false },
        "sts.GetCallerIdentity": { "calls": 1, "mutating": false },
        "monitoring.DescribeAlarms": { "calls": 1, "mutating": false },
        "servicediscovery.ListNamespaces": { "calls": 1, "mutating": false },
    });
    assert_eq!(calls, expected);
    server.admin("DELETE", "calls").await;
    assert_eq!(server.admin("GET", "calls").await.1, json!({}));
    assert_eq!(server.simulator.calls(), BTreeMap::new());
    server.stop().await;
}

#[tokio::test]
async fn the_servers_own_paths_say_what_there_is() {
    let server = Server::start().await;
    assert_eq!(
        server.admin("GET", "ready").await.1,
        json!({ "ready": true })
    );
    let (status, body) = server.admin("GET", "coffee").await;
    assert_eq!(status, "HTTP/1.1 404 Not Found");
    assert!(
        body["error"]
            .as_str()
            .unwrap()
            .starts_with("no GET /_simulator/coffee; there are"),
        "{body}"
    );
    server.stop().await;
}

#[tokio::test]
async fn a_body_over_the_bound_is_refused_whole_or_in_chunks() {
    let server = Server::start().await;
    let head = "POST / HTTP/1.1\r\nhost: x\r\nx-amz-target: AmazonSSM.GetParameter\r\n\
                content-type: application/x-amz-json-1.1\r\nconnection: close\r\n";
    let body = vec![b' '; 2 * 1024 * 1024];
    let whole = [
        format!("{head}content-length: {}\r\n\r\n", body.len()).into_bytes(),
        body.clone(),
    ]
    .concat();
    let chunked = [
        format!(
            "{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n",
            body.len()
        )
        .into_bytes(),
        body,
        b"\r\n0\r\n\r\n".to_vec(),
    ];
    for request in [whole, chunked.concat()] {
        let reply = server.raw(&request).await;
        assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
        assert!(reply.contains("RequestEntityTooLargeException"), "{reply}");
    }
    assert_eq!(
        server.admin("GET", "ready").await.1,
        json!({ "ready": true })
    );
    server.stop().await;
}

#[tokio::test]
async fn a_half_sent_request_does_not_hold_up_the_end() {
    let server = Server::start().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream
        .write_all(b"POST / HTTP/1.1\r\ncontent-length: 100\r\n\r\nhalf")
        .await
        .unwrap();
    assert_eq!(
        server.admin("GET", "ready").await.1,
        json!({ "ready": true })
    );
    server.stop().await;
}
