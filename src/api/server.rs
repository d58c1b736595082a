//! The listener: connections in, connections out, and an orderly end.
//!
//! Takes a listener and a service, serves until shutdown and then drains. `warp::serve` has no limit on connections, no timeout for a
//! request's head and waits for ever for a half-sent request while draining, hence a loop of our own over the same filters.

use super::App;
use super::edge;
use super::reply::Response;
use crate::shutdown::Shutdown;
use hyper::server::conn::http1;
use hyper::service::{Service, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};

/// A load balancer keeps a few connections per node; beyond this the kernel's backlog waits.
const CONNECTIONS_MAX: usize = 1024;
/// From the end of one request to the end of the next one's head. hyper counts idle time too, and AWS asks targets to keep idle
/// connections longer than the load balancer does (60 s), since it may just be sending when they close.
const HEAD_TIMEOUT: Duration = Duration::from_secs(75);
/// For everything that is under way at shutdown. ECS kills 30 s after SIGTERM.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);
/// For connections that are in the middle of a request's head when no request is under way any more.
const HALF_SENT_TIMEOUT: Duration = Duration::from_secs(2);

/// Serves until shutdown is requested; goes on accepting while requests are under way, so that a load balancer which has not noticed
/// yet still gets answers; then closes idle connections and returns.
pub async fn serve<S>(listener: TcpListener, app: Arc<App>, routes: S, mut shutdown: Shutdown)
where
    S: Service<http::Request<hyper::body::Incoming>, Response = Response, Error = Infallible>
        + Clone
        + Send
        + Sync
        + 'static,
    S::Future: Send + 'static,
{
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let (under_way, mut count) = watch::channel(0_usize);
    let under_way = Arc::new(under_way);
    let mut drained = std::pin::pin!(async move {
        shutdown.wait().await;
        // The sender lives in this function: an error cannot happen and would mean that nothing is under way.
        let _ = tokio::time::timeout(DRAIN_TIMEOUT, count.wait_for(|count| *count == 0)).await;
    });
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &slots) => accepted,
            () = &mut drained => break,
        };
        let Some((stream, slot)) = accepted else {
            continue;
        };
        let (app, routes, under_way) = (app.clone(), routes.clone(), under_way.clone());
        let service = service_fn(move |request| {
            let (app, routes) = (app.clone(), routes.clone());
            let guard = UnderWay::new(under_way.clone());
            async move {
                let response = edge::answer(&app, request, |request| routes.call(request)).await;
                drop(guard);
                Ok::<_, Infallible>(response)
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
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

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(tokio::net::TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let slot = slots.clone().acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, _)) => {
            // Replies are small and written at once; waiting for more to send only delays them. Failing costs only that.
            let _ = stream.set_nodelay(true);
            Some((stream, slot))
        }
        Err(error) => {
            // Usually out of file descriptors: without a pause this would spin.
            tracing::warn!(error = %error, "a connection was not accepted");
            tokio::time::sleep(Duration::from_millis(100)).await;
            None
        }
    }
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
