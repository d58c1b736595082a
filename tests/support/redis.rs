//! A Redis server with a password, so that a leaked URL can be noticed.

use super::{Killed, eventually, free_port};
use std::process::{Command, Stdio};

/// The password in every [`Redis::url`].
pub const PASSWORD: &str = "redis-password-never-shown";

/// One server with one empty database.
pub struct Redis {
    port: u16,
    process: Option<Killed>,
}

impl Redis {
    pub async fn start() -> Self {
        let mut redis = Self {
            port: free_port(),
            process: None,
        };
        redis.resume().await;
        redis
    }

    /// A server that is not running yet.
    pub fn stopped() -> Self {
        Self {
            port: free_port(),
            process: None,
        }
    }

    /// Starts it again, empty.
    pub async fn resume(&mut self) {
        let port = self.port.to_string();
        let command = [
            "--port",
            &port,
            "--bind",
            "127.0.0.1",
            "--requirepass",
            PASSWORD,
        ];
        let process = Command::new("redis-server")
            .args(command)
            .args(["--save", "", "--appendonly", "no"])
            .stdout(Stdio::null())
            .spawn();
        self.process = Some(Killed(
            process.expect("redis-server is installed (apt install redis-server)"),
        ));
        let client = ::redis::Client::open(self.url()).unwrap();
        eventually("Redis answers", 10, async || {
            let mut connection = client.get_multiplexed_async_connection().await.ok()?;
            ::redis::cmd("PING")
                .query_async::<String>(&mut connection)
                .await
                .ok()
        })
        .await;
    }

    pub fn stop(&mut self) {
        self.process = None;
    }

    pub fn url(&self) -> String {
        format!("redis://:{PASSWORD}@127.0.0.1:{}/0", self.port)
    }

    pub async fn connection(&self) -> ::redis::aio::MultiplexedConnection {
        ::redis::Client::open(self.url())
            .unwrap()
            .get_multiplexed_async_connection()
            .await
            .unwrap()
    }
}
