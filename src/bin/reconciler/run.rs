//! `reconciler run`: every unit of a directory or of the store kept as it is wanted, until a signal.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use contracts::reconciler::controller::board::Board;
use contracts::reconciler::controller::http::{Watch, serve};
use contracts::reconciler::controller::regions::Regions;
use contracts::reconciler::controller::source::Source;
use contracts::reconciler::controller::{Settings, run as keep};
use contracts::{shutdown, telemetry};
use tokio::net::TcpListener;

use crate::reconcile::duration;
use crate::{FAILED, USAGE, now};

#[derive(clap::Args)]
pub struct Args {
    /// Keep every unit whose manifest (*.yaml) is in this directory; without it, every unit that is published in the region
    directory: Option<PathBuf>,
    /// The region whose published units are kept
    #[arg(long, env = "AWS_REGION", value_name = "REGION")]
    region: Option<String>,
    /// Keep only this unit of what is published; may be given again
    #[arg(long = "unit", value_name = "UNIT", conflicts_with = "directory")]
    units: Vec<String>,
    /// Between two looks at a unit that is as wanted
    #[arg(long, default_value = "5m", value_parser = duration, value_name = "TIME")]
    interval: Duration,
    /// Where /health, /status, /metrics and the page are served; anyone who reaches it may read them [default: 127.0.0.1:3002; where
    /// PORT is set, as in a task of its own, that port of BIND_ADDRESS or of every address]
    #[arg(long, env = "RECONCILER_LISTEN", value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    #[arg(long, env = "PORT", hide = true)]
    port: Option<u16>,
    #[arg(long, env = "BIND_ADDRESS", hide = true)]
    bind_address: Option<IpAddr>,
    /// Its own unit, as every task is told
    #[arg(long, env = "SERVICE_NAME", hide = true, default_value = "reconciler")]
    service: String,
}

const PORT: u16 = 3002;

/// Only this machine, unless something else is said: what is served there is for whoever keeps the units.
fn listen_address(said: Option<SocketAddr>, port: Option<u16>, bind: Option<IpAddr>) -> SocketAddr {
    said.unwrap_or_else(|| match port {
        Some(port) => SocketAddr::new(bind.unwrap_or(Ipv4Addr::UNSPECIFIED.into()), port),
        None => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), PORT),
    })
}

pub async fn run(args: Args, endpoint_url: Option<&str>) -> Result<ExitCode, ExitCode> {
    let Args {
        directory,
        region,
        units,
        interval,
        listen,
        port,
        bind_address,
        service,
    } = args;
    let listen = listen_address(listen, port, bind_address);
    let source = match (directory, region) {
        (Some(directory), _) => Source::Directory(directory),
        (None, Some(region)) => Source::Published {
            region,
            units: units.into_iter().collect::<BTreeSet<_>>(),
        },
        (None, None) => {
            eprintln!(
                "error: neither a directory of manifests nor a region is named\n    fix: reconciler run manifests/, or set AWS_REGION to keep what is published there"
            );
            return Err(ExitCode::from(USAGE));
        }
    };
    telemetry::start(tracing::level_filters::LevelFilter::INFO);
    let listener = TcpListener::bind(listen).await.map_err(|error| {
        tracing::error!(address = %listen, error = %error, "cannot listen");
        ExitCode::from(FAILED)
    })?;
    let git_sha = telemetry::git_sha();
    tracing::info!(
        address = %listener.local_addr().unwrap_or(listen),
        source = %source,
        version = env!("CARGO_PKG_VERSION"),
        git_sha,
        "running"
    );
    let (trigger, asked) = shutdown::channel();
    tokio::spawn(async move {
        match shutdown::signal().await {
            Ok(signal) => tracing::info!(signal, "finishing the calls under way"),
            Err(error) => tracing::error!(error = %error, "signals cannot be received"),
        }
        trigger.shut_down();
    });
    let (board, regions) = (Board::default(), Regions::at(endpoint_url));
    let settings = Settings {
        interval,
        started_ms: now(),
    };
    let watch = Watch {
        board: board.clone(),
        regions: regions.clone(),
        git_sha,
        service,
    };
    let watching = tokio::spawn(serve(listener, watch, now, asked.clone()));
    keep(source, regions, settings, board, asked).await;
    // Its connections have their own deadlines.
    let _ = watching.await;
    tracing::info!("ended");
    Ok(ExitCode::SUCCESS)
}
