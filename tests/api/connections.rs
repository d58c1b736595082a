//! Clients that hold a connection without using it, by raw sockets: every one is ended by a deadline, and one too many is told so.

use crate::World;
use crate::support::api::{Api, KEY};
use crate::support::eventually;
use reqwest::StatusCode;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What the server gives at most, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(100);
/// A head and a new request on a connection; above a load balancer's 60 s, so that it is never the server that ends a connection in use.
const HEAD: std::ops::Range<Duration> = Duration::from_secs(61)..Duration::from_secs(90);

async fn connected(api: &Api) -> TcpStream {
    let address = api.url.trim_start_matches("http://");
    TcpStream::connect(address).await.unwrap()
}

/// Everything until the server closes; a reset is a close too.
async fn rest(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = stream.read(&mut chunk).await {
            bytes.extend_from_slice(&chunk[..read]);
        }
    };
    tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Answer and time until the server closes, while `drop` is sent every second or nothing is.
async fn held(api: &Api, first: &str, drop: Option<&str>) -> (String, Duration) {
    let mut stream = connected(api).await;
    let begun = Instant::now();
    stream.write_all(first.as_bytes()).await.unwrap();
    let (mut from, mut to) = stream.split();
    let dripping = async {
        let mut second = tokio::time::interval(Duration::from_secs(1));
        while let Some(drop) = drop {
            second.tick().await;
            if to.write_all(drop.as_bytes()).await.is_err() {
                break;
            }
        }
        std::future::pending::<()>().await;
    };
    let mut bytes = Vec::new();
    let mut chunk = [0; 4096];
    let reading = async {
        while let Ok(read @ 1..) = from.read(&mut chunk).await {
            bytes.extend_from_slice(&chunk[..read]);
        }
    };
    tokio::select! {
        () = reading => {}
        () = dripping => {}
        () = tokio::time::sleep(PATIENCE) => panic!("never closed: {first}"),
    }
    (
        String::from_utf8_lossy(&bytes).into_owned(),
        begun.elapsed(),
    )
}

/// Asks for more than the buffers hold, reads nothing, and waits until the connection is gone.
async fn unread(api: &Api) -> Duration {
    let mut stream = connected(api).await;
    let begun = Instant::now();
    for _ in 0..2_000 {
        let asked = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n";
        // The server stops reading, and then this side is full as well.
        let writing = stream.write_all(asked.as_bytes());
        if tokio::time::timeout(Duration::from_secs(2), writing)
            .await
            .is_err()
        {
            break;
        }
    }
    // The kernel drops such a connection without a word; whoever sends on it is told.
    let mut second = tokio::time::interval(Duration::from_secs(1));
    while begun.elapsed() < PATIENCE {
        second.tick().await;
        match stream.try_write(b"\r\n") {
            Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => break,
            Ok(_) | Err(_) => {}
        }
    }
    begun.elapsed()
}

#[tokio::test]
async fn connections_that_are_held_up_are_ended_each_by_its_deadline() {
    let world = World::start().await;
    let api = world.api().await;
    let head = "POST /api/deployments HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n";
    let body = format!("{head}x-api-key: {KEY}\r\ntransfer-encoding: chunked\r\n\r\n");
    let one = "GET /health HTTP/1.1\r\nhost: x\r\n\r\n";
    let ((nothing, quiet), (dripped, slow), (answered, idle), (refused, endless), unread) = tokio::join!(
        held(&api, "", None),
        held(&api, head, Some("a: b\r\n")),
        held(&api, one, None),
        held(&api, &body, Some("1\r\n \r\n")),
        unread(&api),
    );
    println!(
        "silent {quiet:?}, head dripping {slow:?}, idle {idle:?}, body dripping {endless:?}, unread {unread:?}"
    );
    assert_eq!(nothing, "");
    assert!(HEAD.contains(&quiet), "{quiet:?}");
    assert!(
        dripped.is_empty() || dripped.starts_with("HTTP/1.1 408 "),
        "{dripped}"
    );
    assert!(HEAD.contains(&slow), "{slow:?}");
    assert!(answered.starts_with("HTTP/1.1 200 "), "{answered}");
    assert!(HEAD.contains(&idle), "{idle:?}");
    assert!(refused.starts_with("HTTP/1.1 408 "), "{refused}");
    assert!(endless < Duration::from_secs(30), "{endless:?}");
    assert!(unread < PATIENCE, "{unread:?}");
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn a_head_that_is_too_large_or_none_is_refused_and_costs_nobody_else_anything() {
    let world = World::start().await;
    let api = world.api().await;
    let large = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\na: {}\r\n\r\n",
        "b".repeat(100 << 10)
    );
    let many = format!(
        "GET /health HTTP/1.1\r\nhost: x\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "p".repeat(100 << 10));
    for (sent, expected) in [
        (large, "431"),
        (many, "431"),
        (long, "431"),
        ("nonsense\r\n\r\n".into(), "400"),
    ] {
        let mut stream = connected(&api).await;
        // The answer may come before all is sent.
        let _ = stream.write_all(sent.as_bytes()).await;
        let answer = rest(&mut stream).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{expected}: {answer}"
        );
    }
    assert_eq!(api.get("/health").await.0, StatusCode::OK);
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_at_once_and_a_free_place_is_taken() {
    // As src/api.rs has them, and one for each event stream.
    const CONNECTIONS_MAX: usize = 1024 + 1;
    let world = World::start().await;
    let mut environment = world.with("EVENT_STREAMS_MAX", "1");
    environment.insert("EVENT_STREAMS_PER_KEY_MAX".into(), "1".into());
    let mut api = Api::start(&environment).await;
    // What `start` has asked may still hold a place.
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        held.push(connected(&api).await);
    }
    let ask = async || {
        let mut stream = connected(&api).await;
        stream
            .write_all(b"GET /health HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
            .await
            .unwrap();
        rest(&mut stream).await
    };
    let begun = Instant::now();
    let refused = ask().await;
    assert!(
        refused.starts_with("HTTP/1.1 503 ") && refused.contains("retry-after: 5"),
        "{refused}"
    );
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    held.truncate(CONNECTIONS_MAX / 2);
    eventually("a free place is taken", 10, async || {
        ask().await.starts_with("HTTP/1.1 200 ").then_some(())
    })
    .await;

    // Connections that do nothing, one whose body never ends and one that reads nothing do not hold up the end.
    let mut endless = connected(&api).await;
    let head = format!(
        "POST /api/deployments HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{"
    );
    endless.write_all(head.as_bytes()).await.unwrap();
    let mut unread = connected(&api).await;
    let asked = "GET /openapi.json HTTP/1.1\r\nhost: x\r\n\r\n".repeat(500);
    unread.write_all(asked.as_bytes()).await.unwrap();
    // The server has seen them once it answers a later one.
    assert!(ask().await.starts_with("HTTP/1.1 200 "));
    api.terminate();
    let begun = Instant::now();
    assert_eq!(api.ended(30).await.code(), Some(0));
    println!("drained in {:?}", begun.elapsed());
    assert!(
        begun.elapsed() < Duration::from_secs(28),
        "ECS kills after 30 s"
    );
}
