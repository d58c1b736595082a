//! A Redis server with a password, so that a leaked URL can be noticed.

use super::{Killed, eventually, free_port};
use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncCommands, AsyncConnectionConfig, cmd};
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The password in every [`Redis::url`].
pub const PASSWORD: &str = "redis-password-never-shown";

/// Longer than any pause that a test makes.
const PATIENCE: Duration = Duration::from_secs(10);

/// One server with one empty database.
pub struct Redis {
    pub port: u16,
    process: Option<Killed>,
    /// Where every write is kept before it is answered.
    kept: Option<TempDir>,
}

/// Everything a server held at one moment: each key's name, life in milliseconds (0: for ever) and content.
pub type Snapshot = Vec<(Vec<u8>, i64, Vec<u8>)>;

impl Redis {
    /// One that forgets everything when it stops.
    pub async fn start() -> Self {
        let mut redis = Self::stopped();
        redis.resume().await;
        redis
    }

    /// One that loses no answered write when it is killed: an append-only file, synced before each answer.
    pub async fn durable() -> Self {
        let mut redis = Self::stopped();
        redis.kept = Some(tempfile::tempdir().unwrap());
        redis.resume().await;
        redis
    }

    /// A server that is not running yet.
    pub fn stopped() -> Self {
        Self {
            port: free_port(),
            process: None,
            kept: None,
        }
    }

    /// Starts it again, empty unless it is durable.
    pub async fn resume(&mut self) {
        let port = self.port.to_string();
        let mut command = Command::new("redis-server");
        command.args(["--port", &port, "--bind", "127.0.0.1"]);
        command.args(["--requirepass", PASSWORD, "--save", ""]);
        match &self.kept {
            None => command.args(["--appendonly", "no"]),
            Some(folder) => command
                .args(["--appendonly", "yes", "--appendfsync", "always", "--dir"])
                .arg(folder.path()),
        };
        let process = command.stdout(Stdio::null()).spawn();
        self.process = Some(Killed(
            process.expect("redis-server is installed (apt install redis-server)"),
        ));
        let client = ::redis::Client::open(self.url()).unwrap();
        eventually("Redis answers", 10, async || {
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            cmd("PING")
                .query_async::<String>(&mut connection)
                .await
                .ok()
        })
        .await;
    }

    /// SIGKILL.
    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn url(&self) -> String {
        url(self.port)
    }

    pub async fn connection(&self) -> MultiplexedConnection {
        // A server that pauses on purpose is waited for.
        let patient = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let client = ::redis::Client::open(self.url()).unwrap();
        client
            .get_multiplexed_async_connection_with_config(&patient)
            .await
            .unwrap()
    }

    /// One command that succeeds and whose reply is of no interest.
    pub async fn command(&self, words: &[&str]) {
        let mut command = cmd(words[0]);
        command.arg(&words[1..]);
        let mut connection = self.connection().await;
        let _: ::redis::Value = command.query_async(&mut connection).await.unwrap();
    }

    /// Everything it holds now.
    pub async fn snapshot(&self) -> Snapshot {
        let mut connection = self.connection().await;
        let keys: Vec<Vec<u8>> = connection.keys("*").await.unwrap();
        let mut snapshot = Vec::new();
        for key in keys {
            let life: i64 = connection.pttl(&key).await.unwrap();
            let content: Option<Vec<u8>> = cmd("DUMP")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .unwrap();
            if let Some(content) = content {
                snapshot.push((key, life.max(0), content));
            }
        }
        snapshot
    }

    /// What a replica that was behind does when it takes over: everything since `snapshot` is lost at once, and the connections with it.
    pub async fn fall_back_to(&self, snapshot: &Snapshot) {
        let mut restore = ::redis::pipe();
        restore.atomic().cmd("FLUSHALL").ignore();
        for (key, life, content) in snapshot {
            restore
                .cmd("RESTORE")
                .arg(key)
                .arg(life)
                .arg(content)
                .ignore();
        }
        let mut connection = self.connection().await;
        let _: () = restore.query_async(&mut connection).await.unwrap();
        self.command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
            .await;
    }

    /// Every key with everything in it, as text: `name content…` by name.
    pub async fn dump(&self) -> Vec<(String, Vec<String>)> {
        let mut connection = self.connection().await;
        let mut keys: Vec<String> = connection.keys("*").await.unwrap();
        keys.sort();
        let mut dump = Vec::new();
        for key in keys {
            let kind: String = cmd("TYPE")
                .arg(&key)
                .query_async(&mut connection)
                .await
                .unwrap();
            let read = match kind.as_str() {
                "string" => cmd("MGET").arg(&key).take(),
                "hash" => cmd("HGETALL").arg(&key).take(),
                "list" => cmd("LRANGE").arg(&key).arg(0).arg(-1).take(),
                "set" => cmd("SMEMBERS").arg(&key).take(),
                "zset" => cmd("ZRANGE")
                    .arg(&key)
                    .arg(0)
                    .arg(-1)
                    .arg("WITHSCORES")
                    .take(),
                "stream" => cmd("XRANGE").arg(&key).arg("-").arg("+").take(),
                // It has expired since.
                _ => continue,
            };
            let content: ::redis::Value = read.query_async(&mut connection).await.unwrap();
            let mut texts = Vec::new();
            flatten(&content, &mut texts);
            dump.push((key, texts));
        }
        dump
    }
}

/// The URL of a server, or of a [`super::link::Link`] before it.
pub fn url(port: u16) -> String {
    format!("redis://:{PASSWORD}@127.0.0.1:{port}/0")
}

fn flatten(value: &::redis::Value, texts: &mut Vec<String>) {
    match value {
        ::redis::Value::BulkString(bytes) => {
            texts.push(String::from_utf8_lossy(bytes).into_owned())
        }
        ::redis::Value::SimpleString(text) => texts.push(text.clone()),
        ::redis::Value::Int(number) => texts.push(number.to_string()),
        ::redis::Value::Array(values) => values.iter().for_each(|value| flatten(value, texts)),
        _ => {}
    }
}
