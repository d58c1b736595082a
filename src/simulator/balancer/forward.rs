//! One request through the load balancer.
//!
//! Takes a client's request, sends it to the target `elbv2::route` chose and streams the answer back, or answers the way
//! an application load balancer does when it cannot. Nothing that may have reached a target is sent a second time.
//! A target has the idle timeout from the start of a request to its response, so an upload that takes longer is cut off
//! here although on AWS only a pause would be.

use std::future::Future;
use std::net::{SocketAddr, SocketAddrV4};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep, timeout};

use super::IDLE_SECONDS;
use crate::simulator::Simulator;
use crate::simulator::elbv2::{
    self,
    route::{self, Route, Ticket},
};
use crate::simulator::{ecs, image};

/// AWS waits ten seconds for a connection to a target (load-balancer-troubleshooting.html, HTTP 504).
const CONNECT_SECONDS: u64 = 10;

type BoxError = Box<dyn std::error::Error + Send + Sync>;
/// What goes to the client: a target's streamed body, or text of our own.
pub(super) type Reply = http_body_util::combinators::BoxBody<Bytes, BoxError>;

/// Counts one request as under way; dropping it ends that, wherever the request ended.
struct UnderWay {
    simulator: Simulator,
    ticket: Ticket,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.simulator
            .with(|world, _| route::finished(world, &self.ticket));
    }
}

/// Answers one request that arrived on the listener of `port`.
pub(super) async fn answer(
    simulator: &Simulator,
    port: u16,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Reply> {
    let Some(host) = host(&request) else {
        return own(StatusCode::BAD_REQUEST);
    };
    match simulator.with(|world, _| route::choose(world, port, &host, request.uri().path())) {
        Route::Target(ticket) => {
            let under_way = UnderWay {
                simulator: simulator.clone(),
                ticket,
            };
            match said(&under_way) {
                Some(response) => response,
                None => forward(under_way, port, peer, request).await,
            }
        }
        Route::Fixed {
            status,
            content_type,
            body,
        } => {
            let mut response = Response::new(text(body));
            *response.status_mut() =
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let headers = response.headers_mut();
            headers.insert(header::SERVER, HeaderValue::from_static("awselb/2.0"));
            let content_type = content_type.and_then(|kind| HeaderValue::from_str(&kind).ok());
            headers.insert(
                header::CONTENT_TYPE,
                content_type.unwrap_or(HeaderValue::from_static("text/plain")),
            );
            response
        }
        Route::NoTarget | Route::NoListener => own(StatusCode::SERVICE_UNAVAILABLE),
    }
}

/// What the target's image answers by its script, in place of a virtual task.
fn said(UnderWay { simulator, ticket }: &UnderWay) -> Option<Response<Reply>> {
    let address = *ticket.target.ip();
    let (status, body) = simulator.with(|world, _| {
        let script = image::script(world, ecs::image_at(world, address)?)?;
        Some((script.answers.unwrap_or(200), script.says.clone()?))
    })?;
    let mut response = Response::new(text(body));
    *response.status_mut() = StatusCode::from_u16(status).ok()?;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    Some(response)
}

async fn forward(
    under_way: UnderWay,
    port: u16,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Response<Reply> {
    let target = under_way.ticket.target;
    let Some(request) = for_target(request, port, peer) else {
        return own(StatusCode::BAD_REQUEST);
    };
    let stream = match timeout(
        Duration::from_secs(CONNECT_SECONDS),
        TcpStream::connect(target),
    )
    .await
    {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return failed(target, &error, StatusCode::BAD_GATEWAY),
        Err(elapsed) => return failed(target, &elapsed, StatusCode::GATEWAY_TIMEOUT),
    };
    let (mut sender, connection) = match http1::handshake(TokioIo::new(stream)).await {
        Ok(connected) => connected,
        Err(error) => return failed(target, &error, StatusCode::BAD_GATEWAY),
    };
    // Ends with the exchange: when the response has been read, or when `sender` and the body have been dropped.
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%target, %error, "a connection to a target ended early");
        }
    });
    let begun = Instant::now();
    let answered = timeout(
        Duration::from_secs(IDLE_SECONDS),
        sender.send_request(request),
    )
    .await;
    match answered {
        Ok(Ok(response)) => {
            let (mut head, body) = response.into_parts();
            let (status, seconds) = (head.status.as_u16(), begun.elapsed().as_secs_f64());
            let UnderWay { simulator, ticket } = &under_way;
            simulator.with(|world, _| elbv2::answered(world, ticket, status, seconds));
            remove_hop_by_hop(&mut head.headers);
            Response::from_parts(head, Streamed::new(body, Some(under_way)).boxed())
        }
        // Our side of the exchange failed, which is the request's body: the client stalled or left.
        Ok(Err(error)) if error.is_user() => own(StatusCode::REQUEST_TIMEOUT),
        Ok(Err(error)) => failed(target, &error, StatusCode::BAD_GATEWAY),
        Err(elapsed) => failed(target, &elapsed, StatusCode::GATEWAY_TIMEOUT),
    }
}

/// The client's request as the target gets it; `None` when its path or peer cannot be written as HTTP.
fn for_target(
    request: Request<Incoming>,
    port: u16,
    peer: SocketAddr,
) -> Option<Request<Streamed>> {
    let (mut head, body) = request.into_parts();
    // A target gets the path alone, also from a client that wrote a whole URL.
    let path = head.uri.path_and_query()?.as_str().to_owned();
    head.uri = path.parse::<Uri>().ok()?;
    let headers = &mut head.headers;
    remove_hop_by_hop(headers);
    // The client has had its "100 Continue" from us.
    headers.remove(header::EXPECT);
    let forwarded: Vec<&str> = headers
        .get_all(X_FORWARDED_FOR)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    let client = peer.ip().to_string();
    let chain = forwarded
        .into_iter()
        .chain([client.as_str()])
        .collect::<Vec<_>>()
        .join(", ");
    headers.insert(X_FORWARDED_FOR, HeaderValue::from_str(&chain).ok()?);
    headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    headers.insert(X_FORWARDED_PORT, HeaderValue::from(port));
    Some(Request::from_parts(head, Streamed::new(body, None)))
}

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");

/// The host a request is for, without its port.
fn host(request: &Request<Incoming>) -> Option<String> {
    let named = request
        .headers()
        .get(header::HOST)
        .and_then(|value| value.to_str().ok());
    let host = request.uri().host().or_else(|| {
        // An IPv6 literal has colons of its own and stays whole.
        named.map(|host| {
            host.rsplit_once(':')
                .filter(|_| !host.ends_with(']'))
                .map_or(host, |(name, _)| name)
        })
    })?;
    (!host.is_empty()).then(|| host.to_owned())
}

/// Removes what concerns one connection only (RFC 9110 §7.6.1), also what `Connection` names.
fn remove_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in named {
        headers.remove(name);
    }
    for name in [
        header::CONNECTION,
        header::TE,
        header::TRAILER,
        header::TRANSFER_ENCODING,
        header::UPGRADE,
    ] {
        headers.remove(name);
    }
    headers.remove("keep-alive");
    headers.remove("proxy-connection");
}

fn failed(
    target: SocketAddrV4,
    error: &(dyn std::error::Error + 'static),
    status: StatusCode,
) -> Response<Reply> {
    tracing::info!(%target, error, status = status.as_u16(), "a target did not answer a request");
    own(status)
}

/// A reply of the load balancer's own, in AWS's form.
fn own(status: StatusCode) -> Response<Reply> {
    let line = match status {
        StatusCode::SERVICE_UNAVAILABLE => "503 Service Temporarily Unavailable".to_owned(),
        StatusCode::GATEWAY_TIMEOUT => "504 Gateway Time-out".to_owned(),
        StatusCode::REQUEST_TIMEOUT => "408 Request Time-out".to_owned(),
        other => other.to_string(),
    };
    let body = format!(
        "<html>\r\n<head><title>{line}</title></head>\r\n<body>\r\n<center><h1>{line}</h1></center>\r\n</body>\r\n</html>\r\n"
    );
    let mut response = Response::new(text(body));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(header::SERVER, HeaderValue::from_static("awselb/2.0"));
    response
        .headers_mut()
        .insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html"));
    response
}

fn text(body: String) -> Reply {
    Full::new(Bytes::from(body))
        .map_err(|never| match never {})
        .boxed()
}

/// A body on its way from one side to the other: a frame is read only when the other side takes it, a pause longer than
/// the idle timeout is an error, and (a response) the request counts as under way until its end.
struct Streamed {
    body: Incoming,
    idle: Pin<Box<Sleep>>,
    _under_way: Option<UnderWay>,
}

impl Streamed {
    fn new(body: Incoming, under_way: Option<UnderWay>) -> Streamed {
        Streamed {
            body,
            idle: Box::pin(sleep(Duration::from_secs(IDLE_SECONDS))),
            _under_way: under_way,
        }
    }
}

impl Body for Streamed {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        match Pin::new(&mut self.body).poll_frame(context) {
            Poll::Ready(frame) => {
                self.idle
                    .as_mut()
                    .reset(Instant::now() + Duration::from_secs(IDLE_SECONDS));
                Poll::Ready(frame.map(|frame| frame.map_err(BoxError::from)))
            }
            Poll::Pending => {
                ready!(self.idle.as_mut().poll(context));
                Poll::Ready(Some(Err("nothing came within the idle timeout".into())))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
