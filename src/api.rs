//! The HTTP side of `contracts-api`, and the process around it.
//!
//! Takes [`settings::Settings`] and a listener, runs the server and the deployment worker until shutdown. Each route is one function that shows its
//! whole flow; what holds for all of them is in `edge`.
//!
//! ```text
//! wire ─ server ─ edge ─ routes ─┬─ deployments ─ auth → rate_limit → body → request → store      (202, status)
//!                                └─ health
//! queue ─ take → believe → store                                                                (the old way in)
//! worker ─ lease → recover → confirm → send                                                     (see crate::deployment)
//! ```

pub mod auth;
mod body;
mod deployments;
mod edge;
mod error;
mod health;
pub mod jobs;
mod metrics;
pub mod rate_limit;
mod reply;
mod server;
pub mod settings;

use crate::deployment::chain::Chain;
use crate::deployment::chain::rpc::Rpc;
use crate::deployment::economics::Economics;
use crate::deployment::listener::Listener;
use crate::deployment::signer::Signer;
use crate::deployment::store::Store;
use crate::deployment::store::connection::{Connection, Unavailable};
use crate::deployment::worker::Worker;
use crate::shutdown::Shutdown;
use crate::telemetry::metrics::Metrics;
use auth::ApiKeys;
use deployments::RequestId;
use error::ApiError;
use health::Health;
use http::{HeaderMap, Method};
use hyper_util::service::TowerToHyperService;
use rate_limit::RateLimit;
use reply::Response;
use settings::Settings;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::Notify;
use warp::Filter;

/// For the worker's step in hand, once the server has drained: one request to a node and one to Redis.
const WORKER_TIMEOUT: Duration = Duration::from_secs(6);

/// What the routes share.
pub struct App {
    api_keys: ApiKeys,
    rate_limit: RateLimit,
    economics: Economics,
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
}

/// The process cannot even begin. Redis or the chain being away is not among the reasons.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The HTTP client for the nodes could not be made.
    #[error("the RPC client cannot be set up")]
    Rpc(#[source] reqwest::Error),
    /// The Redis client could not be made.
    #[error("the Redis client cannot be set up")]
    Redis(#[source] Unavailable),
}

/// Runs the server and the worker until shutdown, drains and returns.
///
/// # Errors
/// [`StartError`], before anything is served.
pub async fn run(
    settings: Settings,
    listener: TcpListener,
    git_sha: String,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let (app, worker, queue) = assemble(settings, git_sha)?;
    let app = Arc::new(app);
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
    let service = TowerToHyperService::new(warp::service(routes(app.clone())));
    server::serve(listener, app.clone(), service, shutdown).await;
    if tokio::time::timeout(WORKER_TIMEOUT, working).await.is_err() {
        tracing::warn!("the worker did not finish in time; its lease expires by itself");
    }
    draining.abort();
    measuring.abort();
    metrics::write(&app, None);
    Ok(())
}

type Parts = (App, Worker, Option<Listener>);

fn assemble(settings: Settings, git_sha: String) -> Result<Parts, StartError> {
    let Settings {
        listen: _,
        log_level: _,
        service_name,
        network,
        policy,
        limits,
        cors_origins,
        deployer,
        token_manager,
        model_registry,
        rpc_urls,
        redis_url,
        seal,
        lease_ttl,
        listener,
        api_keys,
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
    );
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
        api_keys,
        rate_limit: RateLimit::new(connection.clone(), limits),
        economics: policy.economics.clone(),
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
    ))
}

/// Every route. What none of them takes is answered with 404 or 405, so no rejection ever leaves.
fn routes(
    app: Arc<App>,
) -> impl Filter<Extract = (Response,), Error = Infallible> + Clone + Send + Sync + 'static {
    let app = warp::any().map(move || app.clone());
    let request_id = warp::ext::optional::<RequestId>()
        .map(|id: Option<RequestId>| id.unwrap_or(RequestId("req_unknown".into())));
    let read = warp::get().or(warp::head()).unify();

    let submit = warp::path!("api" / "deployments")
        .and(warp::post())
        .and(app.clone())
        .and(warp::header::headers_cloned())
        .and(request_id)
        .and(warp::body::stream())
        .then(|app: Arc<App>, headers: HeaderMap, id: RequestId, body| {
            deployments::submit(app, headers, id, body)
        });
    let status = warp::path!("api" / "deployments" / String)
        .or(warp::path!("api" / "deployments" / String / "status"))
        .unify()
        .and(read)
        .and(app.clone())
        .and(warp::header::headers_cloned())
        .and(request_id)
        .then(deployments::status);
    let cancel = warp::path!("api" / "deployments" / String / "cancel")
        .and(warp::post())
        .and(app.clone())
        .and(warp::header::headers_cloned())
        .and(request_id)
        .then(deployments::cancel);
    let live = warp::path!("health")
        .and(read)
        .and(app.clone())
        .then(health::live);
    let ready = warp::path!("health" / "ready")
        .and(read)
        .and(app.clone())
        .then(health::ready);
    let detailed = warp::path!("health" / "detailed")
        .and(read)
        .and(app.clone())
        .then(health::detailed);
    let identity = warp::path::end().and(read).and(app).then(health::identity);
    let rest =
        warp::method()
            .and(warp::path::full())
            .map(|method: Method, path: warp::path::FullPath| {
                let error = match edge::methods(path.as_str()) {
                    Some(allow) => ApiError::wrong_method(&method, path.as_str(), allow),
                    None => ApiError::no_route(&method, path.as_str()),
                };
                error.into_response(None)
            });
    submit
        .or(status)
        .unify()
        .or(cancel)
        .unify()
        .or(live)
        .unify()
        .or(ready)
        .unify()
        .or(detailed)
        .unify()
        .or(identity)
        .unify()
        .or(rest)
        .unify()
}
