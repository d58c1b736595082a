//! What HTTP costs here: `/health` beside a bare warp that says hello, and accepting a contract deployment beside a bare warp that
//! makes one EVALSHA on the same Redis, at 100 and 1,000 connections at once; and what the process weighs at its heaviest.
//!
//! A real Redis, a real node, the real program; the bare servers are this program started again, so that all are processes of their
//! own, one after the other, under the same load: each connection sends its next request when it has read the answer. Prints and
//! asserts nothing about speed; load and server share the machine's cores, so only the ratios say something. `make bench` runs it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    missing_docs
)]

#[path = "../tests/support/support.rs"]
mod support;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde_json::json;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use support::Killed;
use support::anvil::{Anvil, DEPLOYER};
use support::api::{Api, KEY, environment, minimal};
use support::redis::Redis;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use warp::Filter;

const CONNECTIONS: [usize; 2] = [100, 1000];
const WARM_UP: Duration = Duration::from_secs(1);
const MEASURED_SECONDS: u64 = 4;
/// Seconds that each load is measured for, in the place of those.
const SECONDS: &str = "BENCH_SECONDS";
/// A load that is accepted ends here at the latest: with 10,000 waiting the program accepts no more.
const ACCEPTED_MAX: usize = 9000;
/// What this program serves instead of measuring: `hello`, or a Redis URL.
const SERVE: &str = "BENCH_HTTP_SERVE";
/// As small a script as accepting could be at all: one write under a name of its own, one answer.
const SCRIPT: &str = "return redis.call('SET', KEYS[1], ARGV[1], 'NX', 'EX', 600)";

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    if let Ok(what) = std::env::var(SERVE) {
        return serve(&what).await;
    }
    let seconds = std::env::var(SECONDS).map_or(MEASURED_SECONDS, |text| text.parse().unwrap());
    let measured = Duration::from_secs(seconds);
    let chain = Anvil::start().await;
    // Nothing can be paid, so that what is accepted waits, and the load is that of accepting alone.
    chain
        .result("anvil_setBalance", json!([DEPLOYER, "0x1"]))
        .await;
    for connections in CONNECTIONS {
        compare(&chain, connections, measured).await;
    }
}

/// Both pairs at so many connections at once, on a Redis and a process of their own, for what is accepted stays.
async fn compare(chain: &Anvil, connections: usize, measured: Duration) {
    let redis = Redis::start().await;
    let mut settings = environment(&redis, chain, &chain.url);
    for name in [
        "RATE_LIMIT_DEPLOY_BURST",
        "RATE_LIMIT_DEPLOY_PER_SECOND",
        "RATE_LIMIT_READ_BURST",
        "RATE_LIMIT_READ_PER_SECOND",
    ] {
        settings.insert(name.into(), "1000000".into());
    }
    let api = Api::start(&settings).await;
    let api_address = api.url.strip_prefix("http://").unwrap();
    let (_hello, hello_address) = started("hello");
    let (_evalsha, evalsha_address) = started(&redis.url());
    let load = async |address: &str, request: Made, requests_max| {
        load(address, connections, request, measured, requests_max).await
    };
    let bare = load(&hello_address, get, usize::MAX).await;
    let health = load(api_address, get, usize::MAX).await;
    pair("GET /health", &health, "bare warp", &bare);
    let bare = load(&evalsha_address, post, usize::MAX).await;
    let accepting = load(api_address, post, ACCEPTED_MAX).await;
    pair("POST /api/deployments", &accepting, "one EVALSHA", &bare);
    let status = std::fs::read_to_string(format!("/proc/{}/status", api.pid())).unwrap();
    let peak = status.lines().find(|line| line.starts_with("VmHWM:"));
    println!(
        "peak memory of the program at {connections} connections: {}",
        peak.unwrap()["VmHWM:".len()..].trim()
    );
}

/// One kind of request under one load.
struct Measured {
    connections: usize,
    /// Answered 503, which the program does when Redis has not answered it in time; in no other figure.
    refused: usize,
    per_second: f64,
    p50: Duration,
    p99: Duration,
}

fn pair(name: &str, ours: &Measured, bare_name: &str, bare: &Measured) {
    for (
        name,
        Measured {
            connections,
            refused,
            per_second,
            p50,
            p99,
        },
    ) in [(name, ours), (bare_name, bare)]
    {
        println!(
            "{name:<22} {connections:>5} at once: {per_second:>8.0} a second, p50 {p50:>9.2?}, p99 {p99:>9.2?}, {refused} refused"
        );
    }
    println!(
        "{:<22} {:>5} at once: {:.2} of it, p50 {:.1} times, p99 {:.1} times",
        "ratio",
        ours.connections,
        ours.per_second / bare.per_second,
        ours.p50.as_secs_f64() / bare.p50.as_secs_f64(),
        ours.p99.as_secs_f64() / bare.p99.as_secs_f64(),
    );
}

fn get(address: &str) -> Request<Full<Bytes>> {
    let request = Request::get("/health").header("host", address);
    request.body(Full::default()).unwrap()
}

/// Each for a model of its own.
fn post(address: &str) -> Request<Full<Bytes>> {
    static MODEL: AtomicUsize = AtomicUsize::new(0);
    let number = MODEL.fetch_add(1, Ordering::Relaxed);
    let request = Request::post("/api/deployments").header("host", address);
    let request = request.header("content-type", "application/json");
    let body = minimal(&format!("bench-{number}")).to_string();
    request
        .header("x-api-key", KEY)
        .body(Full::from(body))
        .unwrap()
}

/// What makes a request to an address.
type Made = fn(&str) -> Request<Full<Bytes>>;

/// So many connections, each with a request under way, for the measured time or until so many were sent.
async fn load(
    address: &str,
    connections: usize,
    request: Made,
    measured: Duration,
    requests_max: usize,
) -> Measured {
    let begins = Instant::now() + WARM_UP;
    let ends = begins + measured;
    let sent_in_all = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..connections {
        let (address, sent_in_all) = (address.to_owned(), sent_in_all.clone());
        tasks.spawn(async move {
            let stream = TcpStream::connect(&address).await.unwrap();
            stream.set_nodelay(true).unwrap();
            let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            let (mut took, mut refused) = (Vec::new(), 0);
            while Instant::now() < ends
                && sent_in_all.fetch_add(1, Ordering::Relaxed) < requests_max
            {
                let sent = Instant::now();
                let response = sender.send_request(request(&address)).await.unwrap();
                let status = response.status();
                let body = response.into_body().collect().await.unwrap().to_bytes();
                match status {
                    _ if sent < begins => {}
                    StatusCode::OK | StatusCode::ACCEPTED => took.push(sent.elapsed()),
                    StatusCode::SERVICE_UNAVAILABLE => refused += 1,
                    other => panic!("{other} {body:?}"),
                }
            }
            (took, refused)
        });
    }
    let (took, refused): (Vec<_>, Vec<usize>) = tasks.join_all().await.into_iter().unzip();
    let mut took = took.concat();
    took.sort_unstable();
    assert!(
        !took.is_empty(),
        "nothing was answered while it was measured"
    );
    Measured {
        connections,
        refused: refused.iter().sum(),
        per_second: took.len() as f64 / begins.elapsed().as_secs_f64(),
        p50: took[took.len() / 2],
        p99: took[took.len() * 99 / 100],
    }
}

/// This program as a bare server, and its address.
fn started(what: &str) -> (Killed, String) {
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program)
        .env(SERVE, what)
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let address = lines.next().unwrap().unwrap();
    (Killed(child), address)
}

async fn serve(what: &str) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    println!("{}", listener.local_addr().unwrap());
    if what == "hello" {
        let hello = warp::any().map(|| "hello");
        return warp::serve(hello).incoming(listener).run().await;
    }
    let client = redis::Client::open(what).unwrap();
    let redis = redis::aio::ConnectionManager::new(client).await.unwrap();
    let script = Arc::new(redis::Script::new(SCRIPT));
    let accept = warp::body::bytes().then(move |body: Bytes| {
        let (mut redis, script) = (redis.clone(), script.clone());
        async move {
            let key = format!("bench:{}", uuid::Uuid::new_v4());
            let asked: Option<String> = script
                .key(key)
                .arg(&body[..])
                .invoke_async(&mut redis)
                .await
                .unwrap();
            asked.unwrap()
        }
    });
    warp::serve(accept).incoming(listener).run().await;
}
