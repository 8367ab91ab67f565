//! A running proxy.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::Certificate;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{broadcast, watch};

use crate::book::Book;
use crate::certificate;
use crate::error::{Error, Result};
use crate::kubeconfig::Upstream;
use crate::log::{Entry, Log};
use crate::rule::FaultRule;
use crate::serve::{Common, Shared, listen, lock};
use crate::target::Which;
use crate::watch::Order;
use crate::weather::{Falling, Weather};

/// Orders that an open watch may be late with; one that is later misses some.
const ORDERS: usize = 64;

/// A running proxy. It ends when this is dropped.
#[derive(Debug)]
pub struct Proxy {
    shared: Shared,
    kubeconfig: PathBuf,
    runtime: Option<Runtime>,
}

impl Proxy {
    /// Starts one in front of the API server of that kubeconfig, on a free port of 127.0.0.1. What [`Proxy::kubeconfig`]
    /// names is written beside it, with the same credential.
    ///
    /// # Errors
    /// When the kubeconfig is not as `devenv` writes it, or the operating system gives no port or thread.
    pub fn start(upstream: &Path, rules: Vec<FaultRule>) -> Result<Self> {
        Self::seeded(upstream, rules, 0)
    }

    /// The same with a seed for rules that fire by chance.
    ///
    /// # Errors
    /// As [`Proxy::start`].
    pub fn seeded(upstream: &Path, rules: Vec<FaultRule>, seed: u64) -> Result<Self> {
        let upstream = Upstream::read(upstream)?;
        let client = reqwest::Client::builder()
            .tls_certs_only([Certificate::from_pem(&upstream.ca)?])
            .http1_only()
            .no_gzip()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .connect_timeout(Duration::from_secs(10))
            .build()?;
        let (tls, ca) = certificate::acceptor()?;
        let failed = || Error::io("listen on 127.0.0.1");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(failed())?;
        listener.set_nonblocking(true).map_err(failed())?;
        let port = listener.local_addr().map_err(failed())?.port();
        let shared = Arc::new(Common {
            upstream: client,
            server: upstream.server.trim_end_matches('/').to_owned(),
            book: Mutex::new(Book::new(rules, seed)),
            log: Mutex::new(Log::default()),
            lists: Mutex::default(),
            down: AtomicBool::new(false),
            orders: broadcast::channel(ORDERS).0,
            releases: watch::Sender::new(()),
        });
        let kubeconfig = upstream.behind(port, &ca)?;
        // Threads of its own: a test that waits for kubectl on its only thread must not stop what kubectl waits for.
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("fault-proxy")
            .enable_all()
            .build()
            .map_err(Error::io("start a thread"))?;
        let listener = {
            let _inside = runtime.enter();
            tokio::net::TcpListener::from_std(listener).map_err(failed())?
        };
        runtime.spawn(listen(listener, tls, Arc::clone(&shared)));
        Ok(Self { shared, kubeconfig, runtime: Some(runtime) })
    }

    /// A kubeconfig that leads here. It goes with the proxy.
    #[must_use]
    pub fn kubeconfig(&self) -> &Path {
        &self.kubeconfig
    }

    /// Puts these rules in place of those in force.
    pub fn set_rules(&self, rules: Vec<FaultRule>) {
        lock(&self.shared.book).replace(rules);
    }

    /// Adds a rule behind those in force.
    pub fn add_rule(&self, rule: FaultRule) {
        lock(&self.shared.book).push(rule);
    }

    /// Lets random faults fall where no rule fires, from now on; ends them with `None`.
    pub fn set_weather(&self, weather: Option<Weather>) {
        lock(&self.shared.book).weather = weather.map(Falling::new);
    }

    /// Lets everything go on that is held now.
    pub fn release(&self) {
        self.shared.releases.send_replace(());
    }

    /// Closes the watches that are open now.
    pub fn cut_watches(&self, which: &Which) {
        self.order(Order::Cut(which.clone()));
    }

    /// Lets nothing come through the watches that are open now, and keeps them open.
    pub fn freeze_watches(&self, which: &Which) {
        self.order(Order::Freeze(which.clone()));
    }

    /// Refuses every connection and request, and cuts every watch, until it is told otherwise.
    pub fn set_down(&self, down: bool) {
        self.shared.down.store(down, Ordering::Release);
        if down {
            self.cut_watches(&Which::all());
        }
    }

    /// Everything that came.
    #[must_use]
    pub fn log(&self) -> Vec<Entry> {
        self.log_since(0)
    }

    /// Everything that came after that entry.
    #[must_use]
    pub fn log_since(&self, seq: u64) -> Vec<Entry> {
        lock(&self.shared.log).since(seq)
    }

    fn order(&self, order: Order) {
        // An error means that no watch is open.
        drop(self.shared.orders.send(order));
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // Waiting would be refused on a thread of another runtime.
            runtime.shutdown_background();
        }
        // Whatever is left goes with the folder.
        drop(std::fs::remove_file(&self.kubeconfig));
    }
}
