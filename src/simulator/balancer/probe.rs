//! Health probes over real connections.
//!
//! Asks `elbv2::step` which are due, makes them, and reports how they ended. Decides nothing: whether an outcome passes is
//! `elbv2`'s to say. At most one probe per target is under way, because `step` starts no second one.

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, HOST, USER_AGENT};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, timeout};

use crate::simulator::Simulator;
use crate::simulator::elbv2::{self, Outcome, Probe};

/// A tenth of the shortest time the model knows (a second).
const TICK_MILLIS: u64 = 100;
/// Enough of a health body to let the target finish writing it.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// Probes what is due until `shutdown` completes.
pub(super) async fn run(simulator: Simulator, shutdown: impl Future<Output = ()>) {
    let mut probes = JoinSet::new();
    let mut tick = interval(Duration::from_millis(TICK_MILLIS));
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    tokio::pin!(shutdown);
    loop {
        tokio::select! {
            biased;
            () = &mut shutdown => return,
            _ = tick.tick() => {}
        }
        while probes.try_join_next().is_some() {}
        for probe in simulator.with(elbv2::step) {
            let simulator = simulator.clone();
            probes.spawn(async move {
                let outcome = make(&probe).await;
                simulator.with(|world, now| elbv2::probed(world, &probe, outcome, now));
            });
        }
    }
}

async fn make(probe: &Probe) -> Outcome {
    let Probe {
        id: _,
        target_group: _,
        address,
        port,
        path,
        timeout_millis,
    } = probe;
    match timeout(
        Duration::from_millis(*timeout_millis),
        get(*address, *port, path),
    )
    .await
    {
        Ok(Some(status)) => Outcome::Status(status),
        Ok(None) => Outcome::Unreachable,
        Err(_) => Outcome::TimedOut,
    }
}

async fn get(address: Ipv4Addr, port: u16, path: &str) -> Option<u16> {
    let request = http::Request::get(path)
        .header(HOST, format!("{address}:{port}"))
        .header(USER_AGENT, "ELB-HealthChecker/2.0")
        .header(CONNECTION, "close")
        .body(Empty::<Bytes>::new())
        .ok()?;
    let stream = TcpStream::connect((address, port)).await.ok()?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.ok()?;
    let exchange = async {
        let response = sender.send_request(request).await.ok()?;
        let status = response.status().as_u16();
        // The status alone is judged; the rest is read so that the target does not see a broken connection.
        let _ = http_body_util::Limited::new(response.into_body(), BODY_BYTES_MAX)
            .collect()
            .await;
        Some(status)
    };
    tokio::pin!(exchange, connection);
    tokio::select! {
        status = &mut exchange => status,
        // The connection future ends first when the target closes early; what it delivered is still readable.
        _ = &mut connection => exchange.await,
    }
}
