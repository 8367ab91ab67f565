//! The way of a request from the client to the API server and back.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use bytes::Bytes;
use faults::{ResetFlag, Wire};
use http::header::{CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, HOST, RETRY_AFTER, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::broadcast;
use tokio_rustls::TlsAcceptor;

use crate::book::{About, Book};
use crate::fault::Fault;
use crate::log::Log;
use crate::rule::{FaultRule, Held};
use crate::status;
use crate::target::{Target, Verb};
use crate::watch::{self, Order};

/// No body above this is read; kube-apiserver takes 3 MB.
const READ_LIMIT: usize = 16 * 1024 * 1024;

/// What the client is sent.
pub(crate) type Body = UnsyncBoxBody<Bytes, Closed>;

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed by a fault rule")]
pub(crate) struct Closed;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Common {
    pub(crate) upstream: reqwest::Client,
    /// The API server's address, without a slash at the end.
    pub(crate) server: String,
    pub(crate) book: Mutex<Book>,
    pub(crate) log: Mutex<Log>,
    /// The first reply to each list, by its address.
    pub(crate) lists: Mutex<HashMap<String, (http::response::Parts, Bytes)>>,
    /// Whether the API server is to look as if it were gone.
    pub(crate) down: AtomicBool,
    pub(crate) orders: broadcast::Sender<Order>,
    /// Lets what is held go on when it changes.
    pub(crate) releases: tokio::sync::watch::Sender<()>,
}

pub(crate) type Shared = Arc<Common>;

/// Locks. A panic of another holder is a failed request there, not here.
pub(crate) fn lock<T>(what: &Mutex<T>) -> MutexGuard<'_, T> {
    what.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Accepts connections until the task is dropped.
pub(crate) async fn listen(listener: TcpListener, tls: TlsAcceptor, shared: Shared) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) if shared.down.load(Ordering::Acquire) => drop(stream.set_zero_linger()),
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, tls.clone(), Arc::clone(&shared)))),
            // Out of file descriptors, say: wait for connections to end.
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, tls: TlsAcceptor, shared: Shared) {
    drop(stream.set_nodelay(true));
    let reset = ResetFlag::default();
    let Ok(stream) = tls.accept(Wire::new(stream, reset.clone())).await else { return };
    let service = service_fn(move |request| answer(request, Arc::clone(&shared), reset.clone()));
    // Every error is either a fault that was asked for or a client that left.
    drop(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    request: Request<Incoming>,
    shared: Shared,
    reset: ResetFlag,
) -> Result<Response<Body>, Closed> {
    if shared.down.load(Ordering::Acquire) {
        return Err(Closed);
    }
    let (head, body) = request.into_parts();
    let body = Limited::new(body, READ_LIMIT).collect().await.map_err(|_| Closed)?.to_bytes();
    // On a task of its own, so that a client that leaves does not undo what it asked for.
    let carried = tokio::spawn(carry_out(head, body, shared)).await;
    match carried.map_err(|_| Closed)?? {
        Sent::Response(response) => Ok(*response),
        Sent::Reset => {
            reset.raise();
            Err(Closed)
        }
        Sent::Never => std::future::pending().await,
    }
}

/// What the client gets.
enum Sent {
    Response(Box<Response<Body>>),
    Reset,
    /// Nothing, and the connection stays open.
    Never,
}

/// Does what the rules say with one request.
async fn carry_out(head: http::request::Parts, body: Bytes, shared: Shared) -> Result<Sent, Closed> {
    let target = Target::of(&head.method, &head.uri);
    let rule = lock(&shared.book).choose(About::Request, &target, &body, Instant::now());
    // From here on: what is in the log and held can be released.
    let mut release = shared.releases.subscribe();
    let label = rule.as_ref().map(FaultRule::label);
    let seq = lock(&shared.log).push(target.clone(), None, label);
    let rule = rule.unwrap_or_else(FaultRule::slow);
    tokio::time::sleep(rule.before).await;
    if rule.held == Some(Held::Before) {
        // An error means that the proxy ends.
        drop(release.changed().await);
    }
    let reply = if rule.acts { Some(forward(&head, body, &target, &shared, seq).await?) } else { None };
    tokio::time::sleep(rule.after).await;
    if rule.held == Some(Held::After) {
        drop(release.changed().await);
    }
    let reply = match reply {
        Some(reply) if target.verb == Verb::List => Some(remembered(&head, reply, &rule, &shared).await?),
        reply => reply,
    };
    let response = match rule.fault {
        Fault::Close => return Err(Closed),
        Fault::Reset => return Ok(Sent::Reset),
        Fault::Silence => match reply {
            Some(reply) if target.verb == Verb::Watch => Some(passed_on(reply, target, &shared, true).await?),
            _ => None,
        },
        Fault::Status { code, retry_after } => Some(told(code, retry_after)),
        Fault::AsIs | Fault::Stale | Fault::Event(_) => match reply {
            Some(reply) => Some(passed_on(reply, target, &shared, false).await?),
            None => return Err(Closed),
        },
    };
    let sent = response.as_ref().map(|response| response.status().as_u16());
    lock(&shared.log).complete(seq, |entry| entry.sent = sent);
    Ok(response.map_or(Sent::Never, |response| Sent::Response(Box::new(response))))
}

/// Keeps the first reply to each list; gives that one back in place of `reply` when the rule says so.
async fn remembered(
    head: &http::request::Parts,
    reply: http::Response<reqwest::Body>,
    rule: &FaultRule,
    shared: &Shared,
) -> Result<http::Response<reqwest::Body>, Closed> {
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    if parts.status != StatusCode::OK {
        return Ok(http::Response::from_parts(parts, body.into()));
    }
    let mut lists = lock(&shared.lists);
    let first = lists.entry(head.uri.to_string()).or_insert_with(|| (parts.clone(), body.clone()));
    let (parts, body) = if rule.fault == Fault::Stale { first.clone() } else { (parts, body) };
    Ok(http::Response::from_parts(parts, body.into()))
}

/// Sends the request to the API server and waits for the head of its reply.
async fn forward(
    head: &http::request::Parts,
    body: Bytes,
    target: &Target,
    shared: &Shared,
    seq: u64,
) -> Result<http::Response<reqwest::Body>, Closed> {
    let path = head.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let url = format!("{}{path}", shared.server);
    let mut headers = head.headers.clone();
    for own in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        headers.remove(own);
    }
    lock(&shared.log).complete(seq, |entry| entry.forwarded = true);
    let request = shared.upstream.request(head.method.clone(), url).headers(headers).body(body);
    let reply = request.send().await.map_err(|_| Closed)?;
    let reply: http::Response<reqwest::Body> = reply.into();
    lock(&shared.log).complete(seq, |entry| entry.upstream = Some(reply.status().as_u16()));
    if target.verb == Verb::Watch {
        return Ok(reply);
    }
    // To its end: what follows may be that nobody hears of it, not that it does not take place.
    let (parts, body) = reply.into_parts();
    let body = body.collect().await.map_err(|_| Closed)?.to_bytes();
    Ok(http::Response::from_parts(parts, body.into()))
}

/// The API server's own reply.
async fn passed_on(
    reply: http::Response<reqwest::Body>,
    target: Target,
    shared: &Shared,
    is_silent: bool,
) -> Result<Response<Body>, Closed> {
    let (mut parts, body) = reply.into_parts();
    for own in [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
        parts.headers.remove(own);
    }
    parts.version = http::Version::HTTP_11;
    parts.extensions = http::Extensions::new();
    let body = if target.verb == Verb::Watch && parts.status == StatusCode::OK && is_json(&parts.headers) {
        watch::body(target, Arc::clone(shared), body, is_silent)
    } else {
        body.map_err(|_| Closed).boxed_unsync()
    };
    Ok(Response::from_parts(parts, body))
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("application/json") && !kind.contains("protobuf"))
}

/// A reply that the rule gives.
fn told(code: u16, retry_after: Option<u32>) -> Response<Body> {
    let body = status::body(code, retry_after).to_string();
    let mut response = Response::new(Full::from(body).map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    if let Some(seconds) = retry_after {
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}
