//! Connections, and the way of a request from its first byte to its reply.

use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use faults::{ResetFlag, Wire};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use super::answer::ErrorStyle;
use super::call::Call;
use super::reply::{Body, Sent};
use crate::clock;
use crate::fault::{Act, FaultRule, Reply};
use crate::fingerprint::key_fingerprint;
use crate::ledger::What;
use crate::route::Route;
use crate::routes;
use crate::world::World;

/// No body above this is read, whatever the settings say.
const READ_LIMIT: usize = 64 * 1024 * 1024;

/// The world, shared by all connections.
pub(crate) type Shared = Arc<Mutex<World>>;

/// Locks the world. A panic of another holder is a failed request there, not here.
pub(crate) fn lock(world: &Shared) -> MutexGuard<'_, World> {
    world.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The connection is closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is closed by a fault rule")]
struct Closed;

/// Accepts connections until the task is dropped.
pub(crate) async fn listen(mut listener: TcpListener, world: Shared) {
    let refusal = lock(&world).refusal.clone();
    let mut asked = refusal.asked();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = asked.wait() => {
                let Ok(address) = listener.local_addr() else { return };
                drop(listener);
                listener = refusal.sit_out(address).await;
                continue;
            }
        };
        match accepted {
            Ok((stream, _)) if lock(&world).settings.api.down => drop(stream.set_zero_linger()),
            Ok((stream, _)) => drop(tokio::spawn(connection(stream, Arc::clone(&world)))),
            // Out of file descriptors, say: wait for connections to end.
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    }
}

async fn connection(stream: TcpStream, world: Shared) {
    drop(stream.set_nodelay(true));
    let reset = ResetFlag::default();
    let io = TokioIo::new(Wire::new(stream, reset.clone()));
    let mut asked = lock(&world).refusal.asked();
    let service = service_fn(move |request| answer(request, Arc::clone(&world), reset.clone()));
    let mut served = pin!(hyper::server::conn::http1::Builder::new().serve_connection(io, service));
    // Every error is either a fault that was asked for or a client that left.
    tokio::select! {
        ended = served.as_mut() => drop(ended),
        () = asked.wait() => {
            // What is being answered is answered.
            served.as_mut().graceful_shutdown();
            drop(served.await);
        }
    }
}

async fn answer(
    request: Request<Incoming>,
    world: Shared,
    reset: ResetFlag,
) -> Result<Response<Body>, Closed> {
    let (parts, body) = request.into_parts();
    let is_control = parts.uri.path().starts_with("/_sim");
    let is_away = |world: &World| world.settings.api.down || world.refusal.is_asked();
    // Of an open connection, which is closed a moment later than nobody listens.
    if !is_control && is_away(&lock(&world)) {
        reset.raise();
        return Err(Closed);
    }
    let body = Limited::new(body, READ_LIMIT).collect().await.map_err(|_| Closed)?.to_bytes();
    let call = Call::new(parts, body);
    if is_control {
        let answer = routes::control::answer(&mut lock(&world), &call);
        return Sent::Whole(answer).response().ok_or(Closed);
    }
    let mut waiting = Waiting::new(Arc::clone(&world));
    // On a task of its own, so that a client that leaves does not undo what it asked for.
    let seq = Arc::clone(&waiting.seq);
    let carried = tokio::spawn(carry_out(call, world, seq)).await;
    waiting.is_over = true;
    let sent = carried.map_err(|_| Closed)?;
    if let Sent::Nothing { reset: true } = sent {
        reset.raise();
    }
    sent.response().ok_or(Closed)
}

/// Writes into the ledger that the client left, when it does so before its reply is ready.
struct Waiting {
    world: Shared,
    /// The request's entry; 0 before it is written.
    seq: Arc<AtomicU64>,
    is_over: bool,
}

impl Waiting {
    fn new(world: Shared) -> Self {
        Self { world, seq: Arc::default(), is_over: false }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if !self.is_over {
            let request = self.seq.fetch_or(LEFT, Ordering::AcqRel);
            if request != 0 {
                let mut world = lock(&self.world);
                let now = world.clock.now();
                world.ledger.push(now, What::ClientLeft { request });
            }
        }
    }
}

/// The bit of [`Waiting::seq`] that says that the client left.
const LEFT: u64 = 1 << 63;

async fn carry_out(call: Call, world: Shared, seq: Arc<AtomicU64>) -> Sent {
    let fault = {
        let mut world = lock(&world);
        world.last_request = Some((clock::instant(), call.arrived));
        let body = String::from_utf8_lossy(&call.body);
        let path = call.path_and_query();
        let World { faults, weather, chance, .. } = &mut *world;
        let by_rule = faults.choose(call.route, &path, &body, chance);
        by_rule.or_else(|| weather.as_mut()?.choose(call.route, &path, &body))
    };
    if let Some(fault) = &fault
        && fault.before_ms > 0
    {
        tokio::time::sleep(Duration::from_millis(fault.before_ms)).await;
    }
    let mut stop = lock(&world).holds.choose(call.route);
    if let Some(stop) = &mut stop
        && !stop.before().await
    {
        return Sent::Nothing { reset: true };
    }
    let sent = act(&call, &mut lock(&world), fault.as_ref(), &seq);
    if let Some(stop) = &mut stop {
        stop.after().await;
    }
    if let Some(fault) = &fault
        && fault.after_ms > 0
    {
        tokio::time::sleep(Duration::from_millis(fault.after_ms)).await;
    }
    if let Some(time) = fault.map(|fault| fault.then_refuse_ms).filter(|time| *time > 0) {
        let refusal = lock(&world).refusal.clone();
        refusal.begin(Duration::from_millis(time)).await;
    }
    sent
}

/// Carries the request out, unless the fault forbids it, and records it.
fn act(call: &Call, world: &mut World, fault: Option<&FaultRule>, entry: &AtomicU64) -> Sent {
    let now = world.settle();
    let key = match call.route {
        // Which of an account's secrets it was.
        Route::Token => routes::client_secret(call).map(|secret| key_fingerprint(&secret)),
        _ => call.api_key().or_else(|| call.bearer()).map(key_fingerprint),
    };
    let mut request = call.entry(key);
    request.fault = fault.map(FaultRule::label);
    let seq = world.ledger.push(now, What::Request(request));
    let acts = fault.is_none_or(|fault| fault.act == Act::Acts);
    let done = acts.then(|| routes::carry_out(world, call));
    let errors = ErrorStyle { version: call.route.version(), shape: world.settings.api.error_shape };
    let answer = done.as_ref().map(|done| done.answer.clone());
    let sent = Sent::of(answer, fault.map_or(&Reply::AsIs, |fault| &fault.reply), errors);
    world.ledger.complete(seq, |request| {
        request.acted = acts;
        request.status = sent.status();
        request.reply_dropped = request.status.is_none();
        request.reply_intact = acts && fault.is_none_or(|fault| fault.reply.is_intact());
        if let Some(done) = done {
            request.own_status = Some(done.answer.status);
            request.organisation = done.organisation;
            request.job_id = done.job_id;
            request.asked = done.asked;
            request.found = done.found;
        }
    });
    if entry.fetch_or(seq, Ordering::AcqRel) & LEFT != 0 {
        world.ledger.push(now, What::ClientLeft { request: seq });
    }
    sent
}
