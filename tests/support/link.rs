//! A TCP connection that can be slow or broken, between the product and Redis.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Forwards one loopback port to another.
pub struct Link {
    pub port: u16,
    state: Arc<State>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Default)]
struct State {
    /// Requests that contain this are forwarded, and their connection is closed in place of the reply.
    needle: Mutex<Option<(String, usize)>>,
    cuts: AtomicUsize,
    /// Replies take this much longer.
    delay: Mutex<Duration>,
}

impl Link {
    pub async fn start(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let state = Arc::new(State::default());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((client, _)) = listener.accept().await {
                let state = shared.clone();
                connections.spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", to)).await {
                        let _ = carry(&state, client, server).await;
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Self { port, state, task }
    }

    /// The next `times` requests that contain `needle` are carried out and not answered: the connection is closed instead.
    pub fn cut_replies_to(&self, needle: &str, times: usize) {
        *self.state.needle.lock().unwrap() = Some((needle.to_string(), times));
    }

    /// From now on replies come this much later; nothing is lost.
    pub fn delay_replies(&self, by: Duration) {
        *self.state.delay.lock().unwrap() = by;
    }

    /// How many replies were cut so far.
    pub fn cuts(&self) -> usize {
        self.state.cuts.load(Ordering::SeqCst)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Until one side closes or a reply is cut. Each direction for itself: a late reply does not hold up the next request.
async fn carry(state: &State, mut client: TcpStream, mut server: TcpStream) -> std::io::Result<()> {
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let cut = AtomicBool::new(false);
    let asking = async {
        let mut asked = vec![0; 64 << 10];
        loop {
            let read = from_client.read(&mut asked).await?;
            let bytes = &asked[..read];
            if bytes.is_empty() {
                return Ok(());
            }
            if state.is_cut(bytes) {
                cut.store(true, Ordering::SeqCst);
            }
            to_server.write_all(bytes).await?;
        }
    };
    let replying = async {
        let mut replied = vec![0; 64 << 10];
        loop {
            let read = from_server.read(&mut replied).await?;
            let bytes = &replied[..read];
            if bytes.is_empty() || cut.load(Ordering::SeqCst) {
                return Ok(());
            }
            let delay = *state.delay.lock().unwrap();
            tokio::time::sleep(delay).await;
            to_client.write_all(bytes).await?;
        }
    };
    tokio::select! {
        ended = asking => ended,
        ended = replying => ended,
    }
}

impl State {
    fn is_cut(&self, bytes: &[u8]) -> bool {
        let mut needle = self.needle.lock().unwrap();
        let Some((text, left)) = needle.as_mut().filter(|(_, left)| *left > 0) else {
            return false;
        };
        let found = bytes
            .windows(text.len())
            .any(|window| window == text.as_bytes());
        if found {
            *left -= 1;
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        found
    }
}
