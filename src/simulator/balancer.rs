//! The load balancer as a process sees it: a TLS listener on loopback that forwards to the tasks, and health probes.
//!
//! Takes connections from clients; asks `elbv2` where each request goes and obeys. Streams bodies both ways in bounded
//! memory. Never retries a request, never decides about health. Speaks HTTP/1.1 to both sides; each request to a target
//! has a connection of its own, so a target that closes idle connections early is not caught here as it would be on AWS.
//! Upgrades (WebSocket) are not forwarded.

mod forward;
mod probe;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::{Simulator, acm, certificate, elbv2};

/// The port of the listener this balancer is, as the API names it; what it is bound to may differ.
const LISTENER_PORT: u16 = 443;
/// `idle_timeout.timeout_seconds`, AWS's default: for the next request, for a part of a body, for a target's answer.
const IDLE_SECONDS: u64 = 60;
const HANDSHAKE_SECONDS: u64 = 10;
/// More than the hundred concurrent requests the product promises; each takes two descriptors.
const CONNECTIONS_MAX: usize = 1_024;
/// How long requests under way get when the simulation ends.
const DRAIN_SECONDS: u64 = 5;

/// Why the load balancer does not stand.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The account has no listener to stand for.
    #[error("the account has no load balancer with a listener on port {LISTENER_PORT}")]
    NoListener,
    /// No certificate.
    #[error(transparent)]
    Certificate(#[from] certificate::Error),
    /// The authority's certificate could not be left for clients.
    #[error("failed to write {}", path.display())]
    AuthorityFile {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Neither port 443 nor a free one.
    #[error("failed to listen on {address}")]
    Bind {
        /// The loopback address.
        address: Ipv4Addr,
        /// What the system said.
        source: io::Error,
    },
}

/// A load balancer that listens; nothing is answered until [`Balancer::run`].
pub struct Balancer {
    simulator: Simulator,
    listener: TcpListener,
    address: SocketAddr,
    tls: TlsAcceptor,
    authority_file: PathBuf,
}

impl Balancer {
    /// Listens on `address`, port 443 or (where that is not allowed or taken) any free one, and writes the certificate
    /// clients must trust to `ca.pem` in `directory`.
    pub async fn bind(
        simulator: Simulator,
        address: Ipv4Addr,
        directory: &Path,
    ) -> Result<Balancer, Error> {
        let wanted = simulator.with(|world, _| elbv2::certificate(world, LISTENER_PORT));
        let wanted = wanted.ok_or(Error::NoListener)?;
        let issued = certificate::issue(&wanted.domains)?;
        simulator.with(|world, _| acm::set_issued(world, &wanted.arn, issued.public));
        let authority_file = directory.join("ca.pem");
        tokio::fs::write(&authority_file, issued.authority)
            .await
            .map_err(|source| Error::AuthorityFile {
                path: authority_file.clone(),
                source,
            })?;
        let bound = match TcpListener::bind((address, LISTENER_PORT)).await {
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::PermissionDenied | io::ErrorKind::AddrInUse
                ) =>
            {
                TcpListener::bind((address, 0)).await
            }
            bound => bound,
        };
        let bound = bound.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (bound_address, listener) = bound.map_err(|source| Error::Bind { address, source })?;
        let tls = TlsAcceptor::from(issued.server);
        Ok(Balancer {
            simulator,
            listener,
            address: bound_address,
            tls,
            authority_file,
        })
    }

    /// Where clients connect.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The certificate clients must trust.
    pub fn authority_file(&self) -> &Path {
        &self.authority_file
    }

    /// Serves and probes until `shutdown` completes; requests under way then get a few seconds.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        let (stop, stopped) = watch::channel(false);
        let simulator = self.simulator.clone();
        let until_stopped = |mut stopped: watch::Receiver<bool>| async move {
            // An error means the sender is gone, which is also the end.
            let _ = stopped.wait_for(|stopped| *stopped).await;
        };
        let signal = async {
            shutdown.await;
            stop.send_replace(true);
        };
        tokio::join!(
            self.serve(until_stopped(stopped.clone())),
            probe::run(simulator, until_stopped(stopped.clone())),
            signal,
        );
    }

    /// The same without probes, where `play` answers them.
    pub async fn serve(self, shutdown: impl Future<Output = ()>) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let graceful = GracefulShutdown::new();
        let mut connections = JoinSet::new();
        tokio::pin!(shutdown);
        loop {
            let accept = async {
                // The semaphore is never closed.
                let place = Arc::clone(&places).acquire_owned().await.ok();
                (place, self.listener.accept().await)
            };
            let (place, accepted) = tokio::select! {
                biased;
                () = &mut shutdown => break,
                accepted = accept => accepted,
            };
            match accepted {
                Ok((stream, peer)) => {
                    let connection = connection(
                        self.simulator.clone(),
                        self.tls.clone(),
                        stream,
                        peer,
                        graceful.watcher(),
                    );
                    connections.spawn(async move {
                        connection.await;
                        drop(place);
                    });
                }
                Err(error) => {
                    // Out of descriptors, or the peer left already: both pass.
                    tracing::warn!(%error, "the load balancer failed to accept a connection");
                    sleep(Duration::from_millis(50)).await;
                }
            }
            while connections.try_join_next().is_some() {}
        }
        if timeout(Duration::from_secs(DRAIN_SECONDS), graceful.shutdown())
            .await
            .is_err()
        {
            tracing::warn!("requests were still under way after {DRAIN_SECONDS} s and are cut off");
        }
        connections.shutdown().await;
    }
}

/// One client connection from handshake to close.
async fn connection(
    simulator: Simulator,
    tls: TlsAcceptor,
    stream: TcpStream,
    peer: SocketAddr,
    watcher: hyper_util::server::graceful::Watcher,
) {
    let stream = match timeout(Duration::from_secs(HANDSHAKE_SECONDS), tls.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "a TLS handshake failed"),
        Err(_) => return tracing::debug!(%peer, "a TLS handshake took too long"),
    };
    let service = service_fn(move |request| {
        let simulator = simulator.clone();
        async move {
            Ok::<_, std::convert::Infallible>(
                forward::answer(&simulator, LISTENER_PORT, peer, request).await,
            )
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(Duration::from_secs(IDLE_SECONDS))
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%peer, %error, "a client connection ended early");
    }
}
