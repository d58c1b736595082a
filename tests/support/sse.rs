//! Clients of the event streams: one that understands what it reads, and ones that are only there, by the thousand.

use super::api::KEY;
use reqwest::{Response, StatusCode};
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// One block of a stream.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Message {
    pub id: Option<u32>,
    pub event: Option<String>,
    pub data: Option<Value>,
    pub comment: Option<String>,
    pub retry_ms: Option<u64>,
}

/// A stream that is read.
pub struct Events {
    response: Response,
    buffer: String,
}

fn path(id: &str) -> String {
    format!("/api/deployments/{id}/events")
}

impl Events {
    /// Opens a stream that must be given.
    pub async fn open(url: &str, id: &str, last: Option<u32>) -> Self {
        let response = ask(url, id, KEY, last.map(|last| last.to_string()).as_deref()).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let buffer = String::new();
        Self { response, buffer }
    }

    /// The next block; `None` at the orderly end.
    pub async fn next(&mut self) -> Option<Message> {
        let read = async {
            loop {
                if let Some((block, rest)) = self.buffer.split_once("\n\n") {
                    let message = parse(block);
                    self.buffer = rest.to_string();
                    return Some(message);
                }
                let chunk = self.response.chunk().await.expect("an orderly end")?;
                self.buffer += std::str::from_utf8(&chunk).unwrap();
            }
        };
        let read = tokio::time::timeout(Duration::from_secs(60), read).await;
        read.expect("a stream says something within a minute")
    }

    /// Everything until the end.
    pub async fn rest(&mut self) -> Vec<Message> {
        let mut messages = Vec::new();
        while let Some(message) = self.next().await {
            messages.push(message);
        }
        messages
    }
}

/// Asks for a stream; whatever the answer.
pub async fn ask(url: &str, id: &str, key: &str, last: Option<&str>) -> Response {
    let mut request = super::client()
        .get(format!("{url}{}", path(id)))
        .header("x-api-key", key)
        .timeout(Duration::from_secs(300));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    request.send().await.unwrap()
}

/// Number, status and progress of each change.
pub fn changes(messages: &[Message]) -> Vec<(u32, String, u64)> {
    let told = messages.iter().filter_map(|message| {
        let data = message.data.as_ref()?;
        assert_eq!(message.event.as_deref(), Some("status"));
        let (status, progress) = (data["status"].as_str()?, data["progress"].as_u64()?);
        Some((message.id?, status.to_string(), progress))
    });
    told.collect()
}

fn parse(block: &str) -> Message {
    let mut message = Message::default();
    for line in block.lines() {
        let (field, value) = line.split_once(':').unwrap();
        let value = value.trim_start();
        match field {
            "" => message.comment = Some(value.to_string()),
            "id" => message.id = Some(value.parse().unwrap()),
            "event" => message.event = Some(value.to_string()),
            "data" => message.data = Some(serde_json::from_str(value).unwrap()),
            "retry" => message.retry_ms = Some(value.parse().unwrap()),
            _ => panic!("{block}"),
        }
    }
    message
}

/// Opens a stream and reads until its first change has come; nothing more unless asked to.
pub async fn stuck(url: &str, id: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET {} HTTP/1.1\r\nhost: x\r\nx-api-key: {KEY}\r\n\r\n",
        path(id)
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut read = Vec::new();
    let mut part = [0; 2048];
    while !read.windows(5).any(|window| window == b"id:1\n") {
        let count = tokio::time::timeout(Duration::from_secs(60), stream.read(&mut part)).await;
        let count = count.expect("a stream begins within a minute").unwrap();
        read.extend(&part[..count]);
        let begins = read.starts_with(b"HTTP/1.1 200");
        assert!(count > 0 && begins, "{}", String::from_utf8_lossy(&read));
    }
    stream
}

/// Opens this many, some at a time.
pub async fn stuck_many(url: &str, ids: &[String], count: usize) -> Vec<TcpStream> {
    let mut open = Vec::with_capacity(count);
    let numbers: Vec<usize> = (0..count).collect();
    for some in numbers.chunks(200) {
        let begun = some
            .iter()
            .map(|number| stuck(url, &ids[number % ids.len()]));
        open.extend(futures_util::future::join_all(begun).await);
    }
    open
}

/// What is left in a stream that was stuck; the server has to end it.
pub async fn last_words(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(60), stream.read_to_end(&mut read)).await;
    let _ = ended.expect("a stream ends with its process");
    String::from_utf8_lossy(&read).into_owned()
}
