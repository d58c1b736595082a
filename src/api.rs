//! The HTTP side of `contracts-api`, and the process around it.
//!
//! Takes [`settings::Settings`] and a listener, runs the server and the deployment worker until shutdown. Each route is one function that shows its
//! whole flow; which there are is in `route`, what holds for all of them is in `edge`.
//!
//! ```text
//! wire ─ server ─ edge ─ route ─┬─ deployments ─ auth → rate_limit → body → request → store       (202, status, cancel)
//!                               ├─ events ─ auth → rate_limit → store → changes as they happen
//!                               ├─ listing, tokens, dry_run ─ auth → rate_limit → store, chain
//!                               └─ health
//! queue ─ take → believe → store                                                                (the old way in)
//! webhook ─ lease → due → sign → POST → tell                                                    (changes, posted to their caller)
//! worker ─ lease → recover → confirm → send                                                     (see crate::deployment)
//! ```

mod admit;
pub mod auth;
mod body;
mod day;
mod deployments;
mod docs;
mod dry_run;
mod edge;
mod error;
pub mod events;
mod health;
pub mod jobs;
mod listing;
mod metrics;
mod openapi;
pub mod rate_limit;
mod reply;
mod route;
pub mod settings;
mod tokens;
mod view;
pub mod webhook;

use crate::deployment::chain::rpc::Rpc;
use crate::deployment::chain::{Address, Chain, U256};
use crate::deployment::economics::Economics;
use crate::deployment::listener::Listener;
use crate::deployment::signer::Signer;
use crate::deployment::store::Store;
use crate::deployment::store::connection::{Connection, Unavailable};
use crate::deployment::worker::Worker;
use crate::server;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Metrics;
use auth::ring::KeyRing;
use bytes::Buf;
use error::ApiError;
use events::Streams;
use health::Health;
use http::{HeaderMap, Method};
use hyper::service::Service as _;
use hyper_util::service::TowerToHyperService;
use rate_limit::RateLimit;
use reply::Response;
use route::{Found, Operation};
use settings::Settings;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use warp::path::FullPath;
use warp::{Filter, Stream};
use webhook::Sender;

/// Besides those of event streams. A load balancer keeps a few connections per node.
const CONNECTIONS_MAX: usize = 1024;
/// For the worker's step in hand, once the server has drained: one request to a node and one to Redis.
const WORKER_TIMEOUT: Duration = Duration::from_secs(6);

/// What the routes share.
pub struct App {
    api_keys: KeyRing,
    rate_limit: RateLimit,
    economics: Economics,
    fee_cap_wei: U256,
    delta_verifier: Option<Address>,
    network: String,
    chain_id: u64,
    chain: Arc<Chain>,
    signer: Signer,
    connection: Connection,
    store: Store,
    wake: Arc<Notify>,
    health: Health,
    cors_origins: Vec<String>,
    metrics: Arc<Metrics>,
    service_name: Option<String>,
    streams: Streams,
}

/// The process cannot even begin. Redis or the chain being away is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client for the nodes could not be made.
    #[error("the RPC client cannot be set up")]
    Rpc(#[source] reqwest::Error),
    /// The HTTP client for webhooks could not be made.
    #[error("the webhooks' client cannot be set up")]
    Webhooks(#[source] reqwest::Error),
    /// The Redis client could not be made.
    #[error("the Redis client cannot be set up")]
    Redis(#[source] Unavailable),
}

/// Runs the server and the worker until shutdown, drains and returns. What is counted is told on `metrics_listener`, if there is one.
///
/// # Errors
/// [`StartError`], before anything is served.
pub async fn run(
    mut settings: Settings,
    listener: TcpListener,
    metrics_listener: Option<TcpListener>,
    git_sha: String,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let keys_source = settings.api_keys_source.take();
    let (app, worker, queue, senders) = assemble(settings, git_sha, &shutdown)?;
    let app = Arc::new(app);
    let mut telling = JoinSet::new();
    for sender in senders {
        telling.spawn(sender.run(shutdown.clone()));
    }
    let working = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move {
            // Nothing is signed before the chain and the contracts have been seen to be the configured ones.
            health::prove(&app, shutdown.clone()).await;
            match queue {
                Some(queue) => {
                    tokio::join!(worker.run(shutdown.clone()), queue.run(shutdown));
                }
                None => worker.run(shutdown).await,
            }
        }
    });
    let draining = tokio::spawn({
        let (app, mut shutdown) = (app.clone(), shutdown.clone());
        async move {
            shutdown.wait().await;
            app.health.drain();
        }
    });
    let measuring = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move { metrics::run(&app, shutdown).await }
    });
    let scraped = metrics_listener
        .map(|listener| tokio::spawn(metrics::serve(app.clone(), listener, shutdown.clone())));
    let following = tokio::spawn({
        let app = app.clone();
        async move { events::run(&app.streams, &app.store).await }
    });
    let reading_keys = tokio::spawn({
        let (app, shutdown) = (app.clone(), shutdown.clone());
        async move { auth::ring::run(&app.api_keys, keys_source, &app.metrics, shutdown).await }
    });
    let service = TowerToHyperService::new(warp::service(routes(app.clone())));
    let answer = {
        let app = app.clone();
        move |request| {
            let (app, service) = (app.clone(), service.clone());
            async move { edge::answer(&app, request, |request| service.call(request)).await }
        }
    };
    let connections_max = CONNECTIONS_MAX + app.streams.max();
    server::serve(listener, connections_max, answer, shutdown).await;
    let told = async { while telling.join_next().await.is_some() {} };
    let ended = async { tokio::join!(working, told) };
    if tokio::time::timeout(WORKER_TIMEOUT, ended).await.is_err() {
        tracing::warn!("the worker did not finish in time; its lease expires by itself");
    }
    draining.abort();
    measuring.abort();
    if let Some(scraped) = scraped {
        scraped.abort();
    }
    following.abort();
    reading_keys.abort();
    app.metrics.stands(None);
    metrics::write(&app);
    Ok(())
}

type Parts = (App, Worker, Option<Listener>, Vec<Sender>);

fn assemble(settings: Settings, git_sha: String, shutdown: &Shutdown) -> Result<Parts, StartError> {
    let Settings {
        listen: _,
        metrics_listen: _,
        log_level: _,
        service_name,
        network,
        policy,
        limits,
        streams,
        cors_origins,
        deployer,
        token_manager,
        model_registry,
        delta_verifier,
        rpc_urls,
        redis_url,
        seal,
        lease_ttl,
        listener,
        api_keys,
        api_keys_source: _,
        webhooks,
        webhook_reach,
    } = settings;
    let rpc = Rpc::new(rpc_urls, policy.chain_id).map_err(StartError::Rpc)?;
    let chain = Arc::new(Chain::new(
        rpc,
        token_manager,
        model_registry,
        deployer.address(),
    ));
    let connection = Connection::lazy(&redis_url).map_err(StartError::Redis)?;
    let store = Store::new(
        connection.clone(),
        policy.chain_id,
        deployer.address(),
        seal,
        lease_ttl,
    )
    .telling(webhooks.iter().map(|hook| hook.caller.clone()).collect());
    let client = webhook::client(webhook_reach).map_err(StartError::Webhooks)?;
    let senders = webhooks.into_iter().map(|endpoint| Sender {
        endpoint,
        client: client.clone(),
        store: store.clone(),
        network: network.clone(),
        lease_ttl,
    });
    let senders = senders.collect();
    let wake = Arc::new(Notify::new());
    let metrics = Arc::new(Metrics::default());
    let queue = listener.map(|config| {
        Listener::new(
            config,
            connection.clone(),
            store.clone(),
            chain.clone(),
            (policy.chain_id, &network),
            wake.clone(),
        )
    });
    let app = App {
        api_keys: KeyRing::new(api_keys),
        rate_limit: RateLimit::new(connection.clone(), limits),
        economics: policy.economics.clone(),
        fee_cap_wei: policy.fee_cap_wei,
        delta_verifier,
        network,
        chain_id: policy.chain_id,
        chain: chain.clone(),
        signer: deployer.clone(),
        connection,
        store: store.clone(),
        wake: wake.clone(),
        health: Health::starting(git_sha),
        cors_origins,
        metrics: metrics.clone(),
        service_name,
        streams: Streams::new(streams, shutdown.clone()),
    };
    Ok((
        app,
        Worker {
            store,
            chain,
            signer: deployer,
            policy,
            lease_ttl,
            wake,
            metrics,
        },
        queue,
        senders,
    ))
}

/// Identifies one request in replies and logs.
#[derive(Debug, Clone)]
pub struct RequestId(pub String);

/// What every route takes of a request, but for its parameter and its body.
pub struct Asked {
    app: Arc<App>,
    headers: HeaderMap,
    query: String,
    request_id: RequestId,
}

/// Everything a request has, to [`dispatch`]. No rejection ever leaves: only a body that was taken before could cause one.
fn routes(
    app: Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let request_id = warp::ext::optional::<RequestId>()
        .map(|id: Option<RequestId>| id.unwrap_or(RequestId("req_unknown".into())));
    let query = warp::query::raw().or(warp::any().map(String::new)).unify();
    let asked = warp::method()
        .and(warp::path::full())
        .and(warp::header::headers_cloned())
        .and(query)
        .and(request_id)
        .and(warp::body::stream())
        .then(
            move |method: Method, path: FullPath, headers, query, request_id, body| {
                let asked = Asked {
                    app: app.clone(),
                    headers,
                    query,
                    request_id,
                };
                async move { dispatch(asked, &method, path.as_str(), body).await }
            },
        );
    let rest = warp::method()
        .and(warp::path::full())
        .map(|method: Method, path: FullPath| {
            ApiError::no_route(&method, path.as_str()).into_response(None)
        });
    asked.or(rest).unify()
}

/// The answer to one request.
async fn dispatch(
    asked: Asked,
    method: &Method,
    path: &str,
    body: impl Stream<Item = Result<impl Buf, warp::Error>>,
) -> Response {
    let (route, parameter) = match route::find(method, path) {
        Found::Route(route, parameter) => (route, parameter),
        Found::OtherMethod(allow) => {
            return ApiError::wrong_method(method, path, allow).into_response(None);
        }
        Found::Nothing => return ApiError::no_route(method, path).into_response(None),
    };
    match route.operation {
        Operation::Identity => health::identity(&asked.app),
        Operation::Document => openapi::served(),
        Operation::Page => docs::page(),
        Operation::Asset => docs::asset(parameter),
        Operation::Live => health::live(&asked.app),
        Operation::Ready => health::ready(&asked).await,
        Operation::Detailed => health::detailed(&asked).await,
        Operation::Submit => deployments::submit(asked, body).await,
        Operation::List => listing::list(asked).await,
        Operation::Show | Operation::Status => deployments::status(asked, parameter).await,
        Operation::Events => events::events(asked, parameter).await,
        Operation::Cancel => deployments::cancel(asked, parameter).await,
        Operation::DryRun => dry_run::dry_run(asked, body).await,
        Operation::Token => tokens::token(asked, parameter).await,
    }
}
