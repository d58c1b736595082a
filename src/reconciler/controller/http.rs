//! What may be watched of the loop, over HTTP: `/health`, `/status`, `/metrics` and a page.
//!
//! Takes a listener and the board, serves until shutdown by the accept loop both programs share. Reads only; asks AWS nothing, so that
//! watching costs no call. Asks nobody who they are: it belongs on a private address.

use std::time::Duration;

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use serde_json::json;
use tokio::net::TcpListener;

use super::board::Board;
use super::metrics;
use super::regions::Regions;
use crate::server;
use crate::shutdown::Shutdown;
use crate::telemetry::exposition;

const PAGE: &str = include_str!("page.html");
/// The page has its script and its style within, loads nothing, and asks only its own server.
const POLICY: &str = "default-src 'none'; img-src data:; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
/// A load balancer's probes, Prometheus and a few people.
const CONNECTIONS_MAX: usize = 64;
/// The loop turns every 30 s at least, unless it hangs; then ECS had better start another.
const TURN_AGE_MAX: Duration = Duration::from_secs(180);

/// What is told, and of which program.
#[derive(Clone)]
pub struct Watch {
    /// Of the loop.
    pub board: Board,
    /// For the calls made.
    pub regions: Regions,
    /// Of this program.
    pub git_sha: String,
    /// What it calls itself: its unit, where it is one.
    pub service: String,
}

/// Serves until shutdown. `now_ms` is the time whenever it is asked.
pub async fn serve(listener: TcpListener, watch: Watch, now_ms: fn() -> u64, shutdown: Shutdown) {
    let answer = move |request: Request<hyper::body::Incoming>| {
        let response = answer(&watch, request.method(), request.uri().path(), now_ms());
        async move { response.map(Full::new) }
    };
    server::serve::<_, _, Full<Bytes>>(listener, CONNECTIONS_MAX, answer, shutdown).await;
}

/// The answer to one request. Pure but for what is on the board.
fn answer(watch: &Watch, method: &Method, path: &str, now_ms: u64) -> Response<Bytes> {
    let Watch {
        board,
        regions,
        git_sha,
        service,
    } = watch;
    let version = env!("CARGO_PKG_VERSION");
    let read = method == Method::GET || method == Method::HEAD;
    let (status, kind, body): (StatusCode, &str, Bytes) = match path {
        "/" | "/health" | "/status" | "/metrics" if !read => (
            StatusCode::METHOD_NOT_ALLOWED,
            "text/plain; charset=utf-8",
            "this is for reading: GET or HEAD\n".into(),
        ),
        "/" => (StatusCode::OK, "text/html; charset=utf-8", PAGE.into()),
        "/health" => {
            let turned = board.read().turned_at;
            let age = Duration::from_millis(now_ms.saturating_sub(turned));
            let (status, word) = match age <= TURN_AGE_MAX {
                true => (StatusCode::OK, "ok"),
                false => (StatusCode::SERVICE_UNAVAILABLE, "the loop hangs"),
            };
            let body = json!({
                "status": word, "service": service, "version": version, "gitSha": git_sha,
            });
            (status, "application/json", body.to_string().into())
        }
        "/status" => {
            let mut body = json!(board.read());
            if let Some(members) = body.as_object_mut() {
                members.insert("version".to_owned(), json!(version));
                members.insert("gitSha".to_owned(), json!(git_sha));
            }
            (StatusCode::OK, "application/json", body.to_string().into())
        }
        "/metrics" => {
            let text = metrics::render(&board.read(), &regions.calls(), (version, git_sha));
            (StatusCode::OK, exposition::MEDIA_TYPE, text.into())
        }
        _ => (
            StatusCode::NOT_FOUND,
            "text/plain; charset=utf-8",
            "there are /, /health, /status and /metrics\n".into(),
        ),
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers: [(HeaderName, &str); 5] = [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
    ];
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    }
    if status == StatusCode::METHOD_NOT_ALLOWED {
        let allowed = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(ALLOW, allowed);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_path_answers_as_what_it_is_and_a_hanging_loop_is_unhealthy() {
        let watch = Watch {
            board: Board::default(),
            regions: Regions::default(),
            git_sha: "abc".to_owned(),
            service: "reconciler".to_owned(),
        };
        watch.board.turned(1_000_000);
        let ask = |method: Method, path: &str, now| {
            let response = answer(&watch, &method, path, now);
            let kind = response.headers()[CONTENT_TYPE]
                .to_str()
                .unwrap()
                .to_owned();
            (
                response.status().as_u16(),
                kind,
                String::from_utf8(response.into_body().to_vec()).unwrap(),
            )
        };
        let now = 1_000_000;
        let (status, kind, body) = ask(Method::GET, "/health", now);
        assert_eq!((status, kind.as_str()), (200, "application/json"));
        assert!(
            body.contains("\"gitSha\":\"abc\"") && body.contains(env!("CARGO_PKG_VERSION")),
            "{body}"
        );
        assert_eq!(ask(Method::GET, "/health", now + 180_000).0, 200);
        assert_eq!(ask(Method::GET, "/health", now + 180_001).0, 503);
        assert!(ask(Method::GET, "/status", now).2.starts_with('{'));
        assert!(
            ask(Method::GET, "/metrics", now)
                .1
                .starts_with("text/plain; version=0.0.4")
        );
        assert!(ask(Method::HEAD, "/", now).1.starts_with("text/html"));
        assert_eq!(ask(Method::POST, "/status", now).0, 405);
        assert_eq!(ask(Method::GET, "/etc/passwd", now).0, 404);
    }
}
