//! The simulated AWS on a loopback port.
//!
//! Takes a listener, answers AWS requests by `wire` and a few paths of its own under `/_simulator/`, which no AWS
//! service uses. Bounded: connections, header time, body, and how long a client is left without
//! the reply it is not to get. Never decides anything about AWS.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};

use super::fault::{self, Loss};
use super::{Simulator, ecs, elbv2, image, load, page, sns, wire};
use crate::telemetry::chain;

/// An SDK client keeps about ten connections; a full demo has fewer than ten clients.
const CONNECTIONS_MAX: usize = 256;
const HEADER_READ_SECONDS: u64 = 10;
/// A body is at most 1 MiB and comes over loopback.
const BODY_READ_SECONDS: u64 = 10;
/// Every reply is computed in memory: what has not left by then is held up by its reader.
const DRAIN_SECONDS: u64 = 2;
/// The SDKs' own patience with a reply is 60 s (botocore) or none at all (Rust).
const HANG_SECONDS: u64 = 90;
/// A script of faults is some lines.
const SCRIPT_BYTES_MAX: usize = 64 * 1024;

/// Serves until `shutdown` completes, then answers what has begun and returns.
pub async fn serve(
    listener: TcpListener,
    simulator: Simulator,
    shutdown: impl Future<Output = ()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let graceful = GracefulShutdown::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let place = tokio::select! {
            biased;
            () = &mut shutdown => break,
            place = Arc::clone(&places).acquire_owned() => place,
        };
        // The semaphore is never closed.
        let Ok(place) = place else { break };
        let accepted = tokio::select! {
            biased;
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of descriptors, or the peer left already: both pass.
                tracing::warn!(%error, "failed to accept a connection");
                sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let simulator = simulator.clone();
        let service = service_fn(move |request| {
            let simulator = simulator.clone();
            async move { Ok::<_, io::Error>(answer(&simulator, request).await?.map(Full::new)) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(Duration::from_secs(HEADER_READ_SECONDS))
            .serve_connection(TokioIo::new(stream), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended early");
            }
            drop(place);
        });
    }
    if timeout(Duration::from_secs(DRAIN_SECONDS), graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("connections were still open after {DRAIN_SECONDS} s and are dropped");
    }
}

/// An error closes the connection without a reply.
async fn answer(simulator: &Simulator, request: Request<Incoming>) -> io::Result<Response<Bytes>> {
    let (head, body) = request.into_parts();
    let own = head.uri.path().strip_prefix("/_simulator/");
    let bytes_max = if own.is_some() {
        SCRIPT_BYTES_MAX
    } else {
        wire::BODY_BYTES_MAX
    };
    let read = timeout(
        Duration::from_secs(BODY_READ_SECONDS),
        Limited::new(body, bytes_max).collect(),
    );
    let body = match read.await {
        Ok(Ok(body)) => body.to_bytes(),
        Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => {
            return Ok(wire::too_large(simulator, &head));
        }
        Ok(Err(_)) => return Ok(refuse(StatusCode::BAD_REQUEST, "the body ended early")),
        Err(_) => {
            return Ok(refuse(
                StatusCode::REQUEST_TIMEOUT,
                "the body did not come in time",
            ));
        }
    };
    if let Some(path) = own {
        if let Some(id) = path.strip_prefix("credentials/") {
            return Ok(credentials(simulator, &head.headers, id));
        }
        if let Some(shown) = page::answer(simulator, &head.method, path) {
            return Ok(shown);
        }
        return Ok(administer(simulator, &head.method, path, &body));
    }
    let loss = match wire::reply(simulator, &Request::from_parts(head, body)) {
        Ok(response) => return Ok(response),
        Err(loss) => loss,
    };
    if loss == Loss::Hung {
        sleep(Duration::from_secs(HANG_SECONDS)).await;
    }
    Err(io::Error::other("the reply is lost, as it was asked to be"))
}

/// What a person or a test asks about the simulation itself.
fn administer(simulator: &Simulator, method: &Method, path: &str, body: &[u8]) -> Response<Bytes> {
    let body = match (method.as_str(), path) {
        ("GET", "ready") => json!({ "ready": true }),
        ("GET", "calls") => json!(simulator.calls()),
        ("GET", "journal") => json!(simulator.journal()),
        ("GET", "tasks") => simulator.with(|world, _| ecs::tasks_report(world)),
        ("GET", "balancer") => simulator.with(|world, _| elbv2::balancer_report(world)),
        ("GET", "messages") => simulator.with(|world, _| sns::messages_report(world)),
        ("DELETE", "calls") => {
            simulator.clear_calls();
            json!({})
        }
        ("DELETE", "journal") => {
            simulator.clear_journal();
            json!({})
        }
        ("PUT", "load") => match simulator.with(|world, _| load::set_by_script(world, body)) {
            Ok(()) => json!({}),
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &error),
        },
        ("PUT", "faults") => match fault::parse(&String::from_utf8_lossy(body)) {
            Ok(faults) => {
                simulator.set_faults(faults);
                json!({})
            }
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &chain(&error)),
        },
        ("PUT", "images") => match image::parse(&String::from_utf8_lossy(body)) {
            Ok(images) => {
                simulator.with(|world, _| world.images = images);
                json!({})
            }
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &chain(&error)),
        },
        ("PUT", "hooks") => match simulator.with(|world, _| ecs::script_hooks(world, body)) {
            Ok(()) => json!({}),
            Err(error) => return refuse(StatusCode::BAD_REQUEST, &chain(&error)),
        },
        _ => {
            let error = format!(
                "no {method} /_simulator/{path}; there are GET (a page), state, defaults, ready, calls, journal, tasks, balancer, \
                 messages, DELETE calls, journal and PUT faults, hooks, images, load"
            );
            return refuse(StatusCode::NOT_FOUND, &error);
        }
    };
    plain(StatusCode::OK, &body)
}

/// What the agent says beside a task: <https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html>. In an error
/// SDKs look for a code and a message.
fn credentials(simulator: &Simulator, headers: &HeaderMap, id: &str) -> Response<Bytes> {
    let token = headers.get(AUTHORIZATION);
    let token = token
        .and_then(|token| token.to_str().ok())
        .unwrap_or_default();
    match simulator.with(|world, now| ecs::credentials(world, id, token, now)) {
        Some(credentials) => plain(StatusCode::OK, &credentials),
        None => {
            let message = "no living task has this id and token, or its role does not trust ecs-tasks.amazonaws.com";
            let error = json!({ "code": "InvalidIdInRequest", "message": message });
            plain(StatusCode::BAD_REQUEST, &error)
        }
    }
}

fn refuse(status: StatusCode, error: &str) -> Response<Bytes> {
    plain(status, &json!({ "error": error }))
}

fn plain(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}
