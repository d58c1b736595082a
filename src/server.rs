//! The listener: connections in, connections out, and an orderly end.
//!
//! Takes a listener and what answers a request, serves until shutdown and then drains. Of both programs. `warp::serve` has no limit on
//! connections, no timeout for a request's head and waits for ever for a half-sent request while draining, hence a loop of our own.

use crate::shutdown::Shutdown;
use http::{Request, Response};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use rustix::net::sockopt::set_tcp_user_timeout;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

/// What a process has open besides connections of clients.
const OTHER_FILES: usize = 128;
/// From the end of one request to the end of the next one's head. hyper counts idle time too, and AWS asks targets to keep idle
/// connections longer than the load balancer does (60 s), since it may just be sending when they close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// For everything that is under way at shutdown. ECS kills 30 s after SIGTERM.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// What one connection may hold of a request's head, or of an answer that its client does not read. hyper's own bound is 400 KiB, which times all connections
/// is more than a task has.
const BUFFER_BYTES_MAX: usize = 32 << 10;
/// After this long without a client taking what was sent to it, the kernel ends the connection; nothing else here waits for a reader.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(75);
/// Connections beyond the bound that are being told so; further ones are closed unheard.
const REFUSALS_MAX: usize = 64;
/// For one of them.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(1);
const REFUSAL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 5\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// For connections that are in the middle of a request's head when no request is under way any more.
const HALF_SENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until shutdown is requested; goes on accepting while requests are under way, so that a load balancer which has not noticed
/// yet still gets answers; then closes idle connections and returns. Who comes beyond `connections_max` is answered 503 at once: a place in a queue behind
/// connections that do nothing would be worth less.
pub async fn serve<A, F, B>(
    listener: TcpListener,
    connections_max: usize,
    answer: A,
    mut shutdown: Shutdown,
) where
    A: Fn(Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<B>> + Send + 'static,
    B: Body<Error: std::error::Error + Send + Sync + 'static> + Send + Unpin + 'static,
    B::Data: Send,
{
    let graceful = GracefulShutdown::new();
    allow_files(connections_max + OTHER_FILES);
    let slots = Arc::new(Semaphore::new(connections_max));
    let refusals = Arc::new(Semaphore::new(REFUSALS_MAX));
    let (under_way, mut count) = watch::channel(0_usize);
    let under_way = Arc::new(under_way);
    let mut drained = std::pin::pin!(async move {
        shutdown.wait().await;
        // The sender lives in this function: an error cannot happen and would mean that nothing is under way.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, count.wait_for(|count| *count == 0)).await;
    });
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener) => accepted,
            () = &mut drained => break,
        };
        let Some(stream) = accepted else {
            continue;
        };
        let Ok(slot) = slots.clone().try_acquire_owned() else {
            refuse(stream, &refusals);
            continue;
        };
        let (answer, under_way) = (answer.clone(), under_way.clone());
        let service = service_fn(move |request| {
            let guard = UnderWay::new(under_way.clone());
            let answer = answer(request);
            async move {
                // Under way until the last of its body is taken, which a stream of events has a long time to go.
                let response = answer.await.map(|body| Counted {
                    body,
                    _under_way: guard,
                });
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(BUFFER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // A client that breaks off is its own affair.
            let _ = connection.await;
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(HALF_SENT_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections with half-sent requests are closed");
    }
}

/// Asks for as many open files as there may be connections; a shell or a container gives fewer by default than it allows.
fn allow_files(wanted: usize) {
    let wanted = u64::try_from(wanted).unwrap_or(u64::MAX);
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current.is_none_or(|current| current >= wanted) {
        return;
    }
    let current = Some(maximum.map_or(wanted, |maximum| maximum.min(wanted)));
    let raised = setrlimit(Resource::Nofile, Rlimit { current, maximum });
    if raised.is_err() || current < Some(wanted) {
        tracing::warn!(
            wanted,
            allowed = current,
            "fewer files may be open than connections are allowed (nofile)"
        );
    }
}

async fn accept(listener: &TcpListener) -> Option<TcpStream> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Replies are small and written at once; waiting for more to send only delays them. Failing costs only that.
            let _ = stream.set_nodelay(true);
            let unread = u32::try_from(UNREAD_TIMEOUT.as_millis()).unwrap_or(u32::MAX);
            if let Err(error) = set_tcp_user_timeout(&stream, unread) {
                tracing::warn!(%error, "a client that does not read is not ended");
            }
            Some(stream)
        }
        Err(error) => {
            // Usually out of file descriptors: without a pause this would spin.
            tracing::warn!(error = %error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
}

/// Answers 503 once something is asked, whatever it is.
fn refuse(mut stream: TcpStream, refusals: &Arc<Semaphore>) {
    let Ok(place) = refusals.clone().try_acquire_owned() else {
        return;
    };
    tokio::spawn(async move {
        let answered = async {
            let mut asked = [0; 4096];
            if stream.read(&mut asked).await? == 0 {
                return Ok(());
            }
            stream.write_all(REFUSAL).await?;
            stream.shutdown().await?;
            // Closing over what is still being sent would reset the connection before the answer is read.
            while stream.read(&mut asked).await? > 0 {}
            Ok::<_, std::io::Error>(())
        };
        // A client that breaks off, or asks nothing, is its own affair.
        let _ = tokio::time::timeout(REFUSAL_TIMEOUT, answered).await;
        drop(place);
    });
}

/// Counts a request as long as it lives, also when its connection breaks.
struct UnderWay(Arc<watch::Sender<usize>>);

impl UnderWay {
    fn new(count: Arc<watch::Sender<usize>>) -> Self {
        count.send_modify(|count| *count += 1);
        Self(count)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count -= 1);
    }
}

/// A body that counts as under way until it is gone. Its length stays known, so that answers have a Content-Length, which `BodyExt::map_frame` loses.
struct Counted<B> {
    body: B,
    _under_way: UnderWay,
}

impl<B: Body + Unpin> Body for Counted<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::shutdown;
    use bytes::Bytes;
    use http_body_util::Empty;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::time::{Instant, sleep};

    /// A server of one connection at a time, on this test's clock, which jumps whenever all wait.
    async fn started() -> (shutdown::Trigger, TcpStream, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = shutdown::channel();
        let answer = |_| async { Response::new(Empty::<Bytes>::new()) };
        let server = tokio::spawn(serve(listener, 1, answer, shutdown));
        let stream = TcpStream::connect(address).await.unwrap();
        (trigger, stream, server)
    }

    /// Sends what never becomes a head, a byte each second; when the server had enough.
    async fn drip(mut stream: TcpStream) -> Duration {
        let begun = Instant::now();
        stream.write_all(b"GET / HTTP/1.1\r\nx: ").await.unwrap();
        let (mut read, mut write) = stream.split();
        let dripping = async {
            while write.write_all(b"y").await.is_ok() {
                sleep(Duration::from_secs(1)).await;
            }
        };
        let mut answer = Vec::new();
        tokio::select! {
            _ = read.read_to_end(&mut answer) => {},
            () = dripping => {},
        }
        begun.elapsed()
    }

    #[tokio::test(start_paused = true)]
    async fn a_client_that_is_slow_with_its_head_loses_its_place() {
        let (_trigger, stream, _server) = started().await;
        let address = stream.peer_addr().unwrap();
        let took = drip(stream).await;
        let slack = Duration::from_secs(2);
        assert!(
            (HEAD_TIMEOUT..HEAD_TIMEOUT + slack).contains(&took),
            "{took:?}"
        );
        // In the slow one's place, the only one.
        let mut next = TcpStream::connect(address).await.unwrap();
        next.write_all(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
            .await
            .unwrap();
        let mut start = [0; 12];
        next.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200");
    }

    #[tokio::test(start_paused = true)]
    async fn at_shutdown_half_a_head_is_waited_for_a_little_only() {
        let (trigger, stream, server) = started().await;
        let dripping = tokio::spawn(drip(stream));
        sleep(Duration::from_secs(5)).await;
        let begun = Instant::now();
        trigger.shut_down();
        server.await.unwrap();
        assert!(
            begun.elapsed() <= HALF_SENT_TIMEOUT,
            "{:?}",
            begun.elapsed()
        );
        dripping.abort();
    }
}
