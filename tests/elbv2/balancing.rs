//! The load balancer over real sockets: TLS, routing, failing targets, draining, streaming.

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use contracts::simulator::address::{FIRST_TASK_HOST, LOAD_BALANCER_HOST, Subnet};
use contracts::simulator::balancer::Balancer;
use contracts::simulator::elbv2::{self, Health};
use contracts::simulator::{Call, Simulator};
use http::{Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep, timeout};

use crate::{account_world, ask, create_target_group, forward_host};

type Body = BoxBody<Bytes, std::io::Error>;
const PORT: u16 = 3001;
const HOST: &str = "contracts.hokus.ai";

/// A simulation with a running load balancer whose rule sends [`HOST`] to one target group.
struct Bench {
    simulator: Simulator,
    group: String,
    address: SocketAddr,
    tls: Arc<rustls::ClientConfig>,
    subnet: Subnet,
    _directory: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
    running: JoinHandle<()>,
}

impl Bench {
    async fn start(attributes: Value) -> Bench {
        let mut world = account_world();
        let group = create_target_group(&mut world, "contracts", json!({}));
        forward_host(&mut world, 10, HOST, &group);
        let input = json!({ "TargetGroupArn": group, "Attributes": attributes });
        ask(&mut world, "ModifyTargetGroupAttributes", input).unwrap();
        let simulator = Simulator::new(world, 1_000_000);
        let subnet = Subnet::claim().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let balancer = Balancer::bind(
            simulator.clone(),
            subnet.host(LOAD_BALANCER_HOST),
            directory.path(),
        )
        .await
        .unwrap();
        let address = balancer.address();
        let tls = trusting(balancer.authority_file());
        let (stop, stopped) = oneshot::channel::<()>();
        let running = tokio::spawn(balancer.run(async move {
            let _ = stopped.await;
        }));
        Bench {
            simulator,
            group,
            address,
            tls,
            subnet,
            _directory: directory,
            stop: Some(stop),
            running,
        }
    }

    fn host(&self, number: u8) -> Ipv4Addr {
        self.subnet.host(FIRST_TASK_HOST + number)
    }

    fn register(&self, number: u8) {
        let address = self.host(number);
        self.simulator
            .with(|world, now| elbv2::register_target(world, &self.group, address, PORT, now))
            .unwrap();
    }

    fn deregister(&self, number: u8) {
        let address = self.host(number);
        self.simulator
            .with(|world, now| elbv2::deregister_target(world, &self.group, address, PORT, now));
    }

    fn health(&self, number: u8) -> Option<Health> {
        let address = self.host(number);
        self.simulator
            .with(|world, _| elbv2::target_health(world, &self.group, address, PORT))
    }

    async fn until(&self, number: u8, wanted: impl Fn(Option<Health>) -> bool) {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !wanted(self.health(number)) {
            assert!(
                Instant::now() < deadline,
                "target {number} is still {:?}",
                self.health(number)
            );
            sleep(Duration::from_millis(20)).await;
        }
    }

    async fn start_target(&self, number: u8) -> Target {
        let target = Target::start(self.host(number), number).await;
        self.register(number);
        self.until(number, |health| health == Some(Health::Healthy))
            .await;
        target
    }

    async fn send(&self, request: Request<Body>) -> Response<Incoming> {
        self.try_send(request).await.unwrap()
    }

    /// One request on a connection of its own.
    async fn try_send(
        &self,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, Box<dyn std::error::Error>> {
        let stream = TcpStream::connect(self.address).await?;
        let name = ServerName::try_from(HOST)?;
        let stream = tokio_rustls::TlsConnector::from(self.tls.clone())
            .connect(name, stream)
            .await?;
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(timeout(Duration::from_secs(20), sender.send_request(request)).await??)
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.send(get(HOST, path)).await;
        (response.status(), text(response).await)
    }

    fn under_way(&self) -> u64 {
        let report = self
            .simulator
            .with(|world, _| elbv2::balancer_report(world));
        let targets = report["targetGroups"][0]["targets"].as_array().unwrap();
        targets
            .iter()
            .map(|target| target["inFlight"].as_u64().unwrap())
            .sum()
    }

    async fn finish(mut self) {
        self.stop.take().unwrap().send(()).unwrap();
        timeout(Duration::from_secs(10), &mut self.running)
            .await
            .expect("the balancer did not stop")
            .unwrap();
        assert!(
            TcpStream::connect(self.address).await.is_err(),
            "the balancer still listens"
        );
    }
}

fn trusting(authority: &Path) -> Arc<rustls::ClientConfig> {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority).unwrap())
        .unwrap();
    client_config(roots)
}

fn client_config(roots: rustls::RootCertStore) -> Arc<rustls::ClientConfig> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap();
    Arc::new(config.with_root_certificates(roots).with_no_client_auth())
}

fn get(host: &str, path: &str) -> Request<Body> {
    let empty = Empty::new()
        .map_err(|never: Infallible| match never {})
        .boxed();
    Request::get(path).header("host", host).body(empty).unwrap()
}

fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never| match never {})
        .boxed()
}

async fn text(response: Response<Incoming>) -> String {
    String::from_utf8(
        response
            .into_body()
            .collect()
            .await
            .unwrap()
            .to_bytes()
            .to_vec(),
    )
    .unwrap()
}

/// A task's stand-in: a real HTTP server on an address of its own.
struct Target {
    /// Lets `/slow` requests go on.
    release: Arc<Notify>,
    server: JoinHandle<()>,
}

impl Target {
    async fn start(address: Ipv4Addr, number: u8) -> Target {
        let listener = TcpListener::bind((address, PORT)).await.unwrap();
        let release = Arc::new(Notify::new());
        let shared = release.clone();
        let server = tokio::spawn(async move {
            // Connections die with the server, as a killed process's would.
            let mut connections = tokio::task::JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let release = shared.clone();
                let service = service_fn(move |request| respond(number, release.clone(), request));
                connections.spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(TokioIo::new(stream), service),
                );
            }
        });
        Target { release, server }
    }

    async fn kill(self) {
        self.server.abort();
        let _ = self.server.await;
    }
}

async fn respond(
    number: u8,
    release: Arc<Notify>,
    request: Request<Incoming>,
) -> Result<Response<Body>, std::io::Error> {
    let broken = || std::io::Error::other("as asked");
    Ok(match request.uri().path() {
        "/health" => {
            assert_eq!(request.headers()["user-agent"], "ELB-HealthChecker/2.0");
            Response::new(full("ok"))
        }
        "/who" => Response::new(full(number.to_string())),
        "/slow" => {
            release.notified().await;
            Response::new(full(format!("slow {number}")))
        }
        "/headers" => {
            let headers: serde_json::Map<String, Value> = request
                .headers()
                .iter()
                .map(|(name, value)| (name.to_string(), json!(value.to_str().unwrap())))
                .collect();
            let seen = json!({ "uri": request.uri().to_string(), "headers": headers });
            Response::builder()
                .header("connection", "x-private")
                .header("x-private", "1")
                .header("x-public", "2")
                .body(full(seen.to_string()))
                .unwrap()
        }
        "/echo" => Response::new(request.into_body().map_err(std::io::Error::other).boxed()),
        "/reject" => {
            // Answers at once and reads on, so that no reset overtakes the answer.
            tokio::spawn(async move { request.into_body().collect().await });
            Response::builder()
                .status(413)
                .body(full("too large"))
                .unwrap()
        }
        "/die" => return Err(broken()),
        "/die-in-body" => {
            let (sender, receiver) = mpsc::channel(2);
            tokio::spawn(async move {
                sender
                    .send(Ok(Frame::data(Bytes::from_static(b"half"))))
                    .await
                    .unwrap();
                sleep(Duration::from_millis(50)).await;
                sender.send(Err(broken())).await.unwrap();
            });
            Response::new(stream_body(receiver))
        }
        _ => Response::builder()
            .status(404)
            .body(full("no such path"))
            .unwrap(),
    })
}

fn stream_body(receiver: mpsc::Receiver<Result<Frame<Bytes>, std::io::Error>>) -> Body {
    struct Receiver(mpsc::Receiver<Result<Frame<Bytes>, std::io::Error>>);
    impl hyper::body::Body for Receiver {
        type Data = Bytes;
        type Error = std::io::Error;
        fn poll_frame(
            mut self: std::pin::Pin<&mut Self>,
            context: &mut std::task::Context<'_>,
        ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
            self.0.poll_recv(context)
        }
    }
    Receiver(receiver).boxed()
}

#[tokio::test]
async fn https_requests_are_routed_by_host_and_path_and_carry_the_clients_address() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }]))
            .await;
    let first = bench.start_target(0).await;
    bench.simulator.with(|world, _| {
        let input = json!({
            "ListenerArn": crate::LISTENER, "Priority": 5,
            "Conditions": [{ "Field": "host-header", "Values": ["*.hokus.ai"] },
                { "Field": "path-pattern", "PathPatternConfig": { "Values": ["/maintenance*"] } }],
            "Actions": [{ "Type": "fixed-response", "FixedResponseConfig":
                { "StatusCode": "503", "ContentType": "application/json", "MessageBody": "{}" } }],
        });
        ask(world, "CreateRule", input).unwrap();
    });

    assert_eq!(bench.get("/who").await, (StatusCode::OK, "0".into()));
    // The name is compared without case and without the port.
    let response = bench.send(get("Contracts.HOKUS.ai:8443", "/who")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let response = bench.send(get(HOST, "/maintenance/x?y")).await;
    assert_eq!(
        (
            response.status().as_u16(),
            &response.headers()["content-type"]
        ),
        (503, &"application/json".parse().unwrap())
    );
    assert_eq!(text(response).await, "{}");
    let response = bench.send(get("other.hokus.ai", "/who")).await;
    assert_eq!(
        (response.status().as_u16(), &response.headers()["server"]),
        (404, &"awselb/2.0".parse().unwrap())
    );
    assert_eq!(text(response).await, "");

    let mut request = get(HOST, "/headers?a=%20b");
    let headers = request.headers_mut();
    headers.insert("x-forwarded-for", "203.0.113.9".parse().unwrap());
    headers.insert("x-forwarded-proto", "http".parse().unwrap());
    headers.insert("connection", "x-hop".parse().unwrap());
    headers.insert("x-hop", "1".parse().unwrap());
    headers.insert("x-end", "2".parse().unwrap());
    let response = bench.send(request).await;
    assert!(!response.headers().contains_key("x-private") && response.headers()["x-public"] == "2");
    let seen: Value = serde_json::from_str(&text(response).await).unwrap();
    let expected = json!({ "uri": "/headers?a=%20b", "headers": {
        "host": HOST, "x-end": "2", "x-forwarded-for": "203.0.113.9, 127.0.0.1",
        "x-forwarded-proto": "https", "x-forwarded-port": "443" } });
    assert_eq!(seen, expected);

    drop(first);
    bench.finish().await;
}

#[tokio::test]
async fn the_certificate_is_only_believed_by_who_trusts_the_test_authority() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }]))
            .await;
    let connect = |tls: Arc<rustls::ClientConfig>, name: &'static str| {
        let address = bench.address;
        async move {
            let stream = TcpStream::connect(address).await.unwrap();
            tokio_rustls::TlsConnector::from(tls)
                .connect(ServerName::try_from(name).unwrap(), stream)
                .await
                .map(|stream| stream.get_ref().1.peer_certificates().unwrap().to_vec())
        }
    };
    let shown = connect(bench.tls.clone(), "contracts.hokus.ai")
        .await
        .unwrap();
    // Certificate Manager tells of the very certificate.
    let arn = "arn:aws:acm:us-east-1:932100697590:certificate/7a1c5f0e-3b5d-4b1e-9a57-0f2d6c8e4b19";
    let call = Call {
        service: "acm",
        operation: "GetCertificate".into(),
        input: json!({ "CertificateArn": arn })
            .as_object()
            .unwrap()
            .clone(),
        principal: None,
        now: 0,
    };
    let held = bench.simulator.answer(&call).unwrap();
    let held = CertificateDer::from_pem_slice(held["Certificate"].as_str().unwrap().as_bytes());
    assert_eq!(shown, [held.unwrap()]);
    connect(bench.tls.clone(), "hokus.ai").await.unwrap();
    let stranger = connect(bench.tls.clone(), "contracts.example.com")
        .await
        .unwrap_err();
    assert!(
        stranger.to_string().contains("not valid for name"),
        "{stranger}"
    );
    let distrustful = connect(client_config(rustls::RootCertStore::empty()), HOST)
        .await
        .unwrap_err();
    assert!(
        distrustful.to_string().contains("UnknownIssuer"),
        "{distrustful}"
    );
    let pem = std::fs::read_to_string(bench._directory.path().join("ca.pem")).unwrap();
    assert!(pem.contains("BEGIN CERTIFICATE") && !pem.contains("PRIVATE"));
    bench.finish().await;
}

#[tokio::test]
async fn a_target_leaves_under_load_without_a_failed_request_and_finishes_what_it_has() {
    let bench = Arc::new(
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "3" }]))
            .await,
    );
    let (first, second) = (bench.start_target(0).await, bench.start_target(1).await);

    let stop = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let load: Vec<_> = (0..8)
        .map(|_| {
            let (bench, stop) = (bench.clone(), stop.clone());
            tokio::spawn(async move {
                let mut answers: Vec<(Instant, StatusCode, String)> = Vec::new();
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    let (status, body) = bench.get("/who").await;
                    answers.push((Instant::now(), status, body));
                }
                answers
            })
        })
        .collect();
    // One slow request on each target, so that one is under way on the target that leaves.
    let slow: Vec<_> = (0..2)
        .map(|_| {
            let bench = bench.clone();
            tokio::spawn(async move { bench.get("/slow").await })
        })
        .collect();
    sleep(Duration::from_millis(500)).await;

    bench.deregister(0);
    let left = Instant::now();
    assert_eq!(bench.health(0), Some(Health::Draining));
    sleep(Duration::from_secs(1)).await;
    first.release.notify_waiters();
    second.release.notify_waiters();
    first.release.notify_one();
    second.release.notify_one();
    for slow in slow {
        let (status, body) = slow.await.unwrap();
        assert!(
            status == StatusCode::OK && body.starts_with("slow "),
            "{status} {body}"
        );
    }
    bench.until(0, |health| health.is_none()).await;
    assert!(
        left.elapsed() >= Duration::from_secs(3),
        "{:?}",
        left.elapsed()
    );
    first.kill().await;
    sleep(Duration::from_millis(300)).await;
    stop.store(true, std::sync::atomic::Ordering::Relaxed);

    let mut total = 0;
    let mut by_first = 0;
    for load in load {
        for (when, status, body) in load.await.unwrap() {
            assert_eq!(status, StatusCode::OK, "{body}");
            // Answered by the leaving target only if it was chosen before it left.
            assert!(
                body == "1" || when < left + Duration::from_millis(500),
                "{body} {:?} after",
                when - left
            );
            total += 1;
            by_first += u32::from(body == "0");
        }
    }
    println!("{total} requests, {by_first} by the target that left");
    assert!(total > 200 && by_first > 20, "{total} {by_first}");
    drop(second);
    Arc::into_inner(bench).unwrap().finish().await;
}

#[tokio::test]
async fn a_dead_target_costs_502s_until_it_is_found_out_and_none_left_means_503() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "0" }]))
            .await;
    assert_eq!(bench.get("/who").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let (first, second) = (bench.start_target(0).await, bench.start_target(1).await);

    // The two take turns.
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(bench.get("/who").await.1);
    }
    answers.sort();
    assert_eq!(answers, ["0", "0", "1", "1"]);

    first.kill().await;
    let mut statuses: Vec<u16> = Vec::new();
    for _ in 0..4 {
        statuses.push(bench.get("/who").await.0.as_u16());
    }
    statuses.sort();
    assert_eq!(statuses, [200, 200, 502, 502]);
    bench
        .until(0, |health| {
            matches!(health, Some(Health::Unhealthy(elbv2::Failure::Unreachable)))
        })
        .await;
    for _ in 0..4 {
        assert_eq!(bench.get("/who").await, (StatusCode::OK, "1".into()));
    }

    bench.deregister(0);
    bench.deregister(1);
    let (status, body) = bench.get("/who").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        body.contains("<h1>503 Service Temporarily Unavailable</h1>"),
        "{body}"
    );
    drop(second);
    bench.finish().await;
}

#[tokio::test]
async fn a_target_that_dies_in_a_request_gives_502_and_in_a_body_a_broken_body() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }]))
            .await;
    let _target = bench.start_target(0).await;
    assert_eq!(bench.get("/die").await.0, StatusCode::BAD_GATEWAY);
    let response = bench.send(get(HOST, "/die-in-body")).await;
    assert_eq!(response.status(), StatusCode::OK);
    // For metrics only what a target answered counts, and it counts once.
    let counted = || {
        let traffic = bench.simulator.with(|world, _| elbv2::take_traffic(world));
        (traffic[0].requests, traffic[0].errors)
    };
    assert_eq!(counted(), (1.0, 0.0));
    assert_eq!(counted(), (0.0, 0.0));
    assert!(
        response.into_body().collect().await.is_err(),
        "half a body must not look whole"
    );
    let deadline = Instant::now() + Duration::from_secs(5);
    while bench.under_way() > 0 {
        assert!(
            Instant::now() < deadline,
            "{} requests still count as under way",
            bench.under_way()
        );
        sleep(Duration::from_millis(10)).await;
    }
    bench.finish().await;
}

#[tokio::test]
async fn bodies_stream_both_ways_while_they_are_being_sent() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }]))
            .await;
    let _target = bench.start_target(0).await;
    let (sender, receiver) = mpsc::channel(1);
    let request = Request::post("/echo")
        .header("host", HOST)
        .body(stream_body(receiver))
        .unwrap();
    sender
        .send(Ok(Frame::data(Bytes::from_static(b"first"))))
        .await
        .unwrap();
    let mut body = bench.send(request).await.into_body();
    assert_eq!(bench.under_way(), 1);
    // Each part comes back before the next is sent.
    let frame = timeout(Duration::from_secs(5), body.frame())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(frame.into_data().unwrap(), "first");
    let (chunk, chunks) = (Bytes::from(vec![7u8; 64 * 1024]), 512);
    let total = chunk.len() * chunks;
    let sending = tokio::spawn(async move {
        for _ in 0..chunks {
            sender.send(Ok(Frame::data(chunk.clone()))).await.unwrap();
        }
    });
    let mut received = 0;
    while received < total {
        received += body
            .frame()
            .await
            .unwrap()
            .unwrap()
            .into_data()
            .unwrap()
            .len();
    }
    sending.await.unwrap();
    assert!(body.frame().await.is_none());
    bench.finish().await;
}

#[tokio::test]
async fn a_target_that_refuses_a_large_body_before_it_has_come_is_heard() {
    let bench =
        Bench::start(json!([{ "Key": "deregistration_delay.timeout_seconds", "Value": "5" }]))
            .await;
    let _target = bench.start_target(0).await;
    for _ in 0..20 {
        let request = Request::post("/reject")
            .header("host", HOST)
            .body(full(vec![b'x'; 11 << 20]))
            .unwrap();
        let response = bench.send(request).await;
        assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert_eq!(text(response).await, "too large");
    }
    bench.finish().await;
}
