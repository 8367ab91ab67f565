//! The admin server: is the process alive, is it ready, what does it measure.
//!
//! It has no authentication, as is usual for probes and scrapes, so its answers are fixed texts and
//! numbers: nothing of users, objects or credentials.

use std::collections::BTreeSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::info;

/// Where to listen when nothing is said: every address, of both families.
pub const DEFAULT_ADDRESS: SocketAddr = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), 8080);

/// How long open connections may hold up the end of the server.
const LINGER: Duration = Duration::from_secs(1);

/// The content type of the OpenMetrics text format.
const OPENMETRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What the process still waits for before it is ready. Clones share the list.
///
/// The entries are fixed texts that complete "waiting for": the endpoint shows them to everybody.
#[derive(Debug, Clone, Default)]
pub struct Readiness {
    waiting_for: Arc<Mutex<BTreeSet<&'static str>>>,
}

impl Readiness {
    /// Not ready until each of these was [reached](Self::reached); ready at once when there is none.
    #[must_use]
    pub fn waiting_for(what: impl IntoIterator<Item = &'static str>) -> Self {
        Self { waiting_for: Arc::new(Mutex::new(what.into_iter().collect())) }
    }

    /// `what` is no longer waited for.
    pub fn reached(&self, what: &'static str) {
        self.list().remove(what);
    }

    /// `what` is waited for again, or for the first time.
    pub fn missing(&self, what: &'static str) {
        self.list().insert(what);
    }

    /// Whether nothing is waited for.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.list().is_empty()
    }

    fn list(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        // A panic elsewhere cannot leave a set of texts half changed.
        self.waiting_for.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why the admin server could not start.
#[derive(Debug, Error)]
pub enum AdminError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address} ({source}); choose another --admin-address")]
    Bind {
        /// The address that was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// A bound admin server that does not answer yet.
#[derive(Debug)]
pub struct Admin {
    listener: TcpListener,
    address: SocketAddr,
}

impl Admin {
    /// Binds `address`; port 0 takes a free one. Where the machine has no IPv6, `[::]` means
    /// `0.0.0.0`.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(address: SocketAddr) -> Result<Self, AdminError> {
        let failed = |source| AdminError::Bind { address, source };
        let listener = match TcpListener::bind(address).await {
            Err(error) if address.ip() == Ipv6Addr::UNSPECIFIED && lacks_family(&error) => {
                TcpListener::bind((Ipv4Addr::UNSPECIFIED, address.port())).await
            }
            other => other,
        }
        .map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        info!(%address, "admin server listens");
        Ok(Self { listener, address })
    }

    /// The address that was bound, with the real port.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers `/livez`, `/readyz` and `/metrics` until `shutdown` is cancelled. Cancel it when the
    /// submissions are drained rather than at the first signal: metrics matter until then.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn serve(
        self,
        readiness: Readiness,
        registry: Arc<Registry>,
        shutdown: CancellationToken,
    ) -> io::Result<()> {
        let server = axum::serve(self.listener, routes(readiness, registry))
            .with_graceful_shutdown(shutdown.clone().cancelled_owned());
        let cut_off = async {
            shutdown.cancelled().await;
            sleep(LINGER).await;
        };
        tokio::select! {
            ended = server => ended,
            () = cut_off => Ok(()),
        }
    }
}

/// Whether binding failed because the machine has no IPv6, rather than because the port is taken.
fn lacks_family(error: &io::Error) -> bool {
    !matches!(error.kind(), io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied)
}

fn routes(readiness: Readiness, registry: Arc<Registry>) -> Router {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready).with_state(readiness))
        .route("/metrics", get(metrics).with_state(registry))
}

async fn ready(State(readiness): State<Readiness>) -> Response {
    let waiting: Vec<_> = readiness.list().iter().map(|what| format!("waiting for {what}\n")).collect();
    if waiting.is_empty() {
        "ok\n".into_response()
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, waiting.concat()).into_response()
    }
}

async fn metrics(State(registry): State<Arc<Registry>>) -> Response {
    let mut text = String::new();
    match encode(&mut text, &registry) {
        Ok(()) => ([(header::CONTENT_TYPE, OPENMETRICS)], text).into_response(),
        Err(_) => (StatusCode::INTERNAL_SERVER_ERROR, "the metrics cannot be written\n").into_response(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::JoinHandle;
    use tokio::time::timeout;

    use super::*;
    use crate::runtime::metrics::Metrics;

    const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

    struct Running {
        base: String,
        readiness: Readiness,
        shutdown: CancellationToken,
        task: JoinHandle<io::Result<()>>,
    }

    async fn start() -> Running {
        let admin = Admin::bind(ANYWHERE).await.unwrap();
        let base = format!("http://{}", admin.address());
        let readiness = Readiness::waiting_for(["the caches", "the custom resources"]);
        let mut registry = Registry::default();
        Metrics::register(&mut registry).leader.set(1);
        let shutdown = CancellationToken::new();
        let task = tokio::spawn(admin.serve(readiness.clone(), Arc::new(registry), shutdown.clone()));
        Running { base, readiness, shutdown, task }
    }

    async fn read(url: &str) -> (u16, String, String) {
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer = client.get(url).send().await.unwrap();
        let kind = answer.headers().get("content-type").map(|kind| kind.to_str().unwrap().to_owned());
        (answer.status().as_u16(), kind.unwrap_or_default(), answer.text().await.unwrap())
    }

    #[tokio::test]
    async fn readiness_says_what_is_missing() {
        let running = start().await;
        let ready = format!("{}/readyz", running.base);
        let (status, kind, text) = read(&ready).await;
        assert_eq!(
            (status, text.as_str()),
            (503, "waiting for the caches\nwaiting for the custom resources\n")
        );
        assert!(kind.starts_with("text/plain"), "{kind}");
        assert_eq!(read(&format!("{}/livez", running.base)).await.0, 200);

        running.readiness.reached("the caches");
        running.readiness.reached("the custom resources");
        assert!(running.readiness.is_ready());
        assert_eq!(read(&ready).await.0, 200);

        running.readiness.missing("the caches");
        assert_eq!(read(&ready).await.0, 503);
    }

    #[tokio::test]
    async fn metrics_are_openmetrics_text() {
        let running = start().await;
        let (status, kind, text) = read(&format!("{}/metrics", running.base)).await;
        assert_eq!((status, kind.as_str()), (200, OPENMETRICS));
        assert!(text.contains("jumpcloud_operator_leader 1\n"), "{text}");
        assert!(text.ends_with("# EOF\n"), "{text}");
        assert_eq!(read(&format!("{}/", running.base)).await.0, 404);
    }

    #[tokio::test]
    async fn an_open_connection_does_not_hold_up_the_end() {
        let running = start().await;
        let address = running.base.trim_start_matches("http://").to_owned();
        let idle = tokio::net::TcpStream::connect(address).await.unwrap();
        assert_eq!(read(&format!("{}/livez", running.base)).await.0, 200);
        running.shutdown.cancel();
        timeout(Duration::from_secs(10), running.task).await.expect("ends").unwrap().unwrap();
        drop(idle);
    }

    #[tokio::test]
    async fn a_taken_port_is_an_error_that_names_the_flag() {
        let first = Admin::bind(ANYWHERE).await.unwrap();
        let error = Admin::bind(first.address()).await.unwrap_err().to_string();
        assert!(error.contains("--admin-address"), "{error}");
    }

    #[tokio::test]
    async fn every_address_is_bound_whether_or_not_there_is_ipv6() {
        let admin = Admin::bind(SocketAddr::new(DEFAULT_ADDRESS.ip(), 0)).await.unwrap();
        assert!(admin.address().ip().is_unspecified());
        assert_ne!(admin.address().port(), 0);
    }
}
