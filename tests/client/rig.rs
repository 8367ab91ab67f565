//! A simulator, and clients of it.

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jumpcloud_operator::jumpcloud::auth::Credential;
use jumpcloud_operator::jumpcloud::bucket::Limits;
use jumpcloud_operator::jumpcloud::client::{BulkRequest, ClientConfig, JumpCloud};
use jumpcloud_operator::jumpcloud::delivery::Delivery;
use jumpcloud_operator::jumpcloud::endpoint::Endpoint;
use jumpcloud_operator::jumpcloud::error::Error;
use jumpcloud_operator::jumpcloud::observe::Observer;
use jumpcloud_operator::jumpcloud::throttle::Throttle;
use jumpcloud_operator::jumpcloud::wire::{RowStatus, WorkResult};
use jumpcloud_operator::runtime::clock;
use jumpcloud_sim::{DEFAULT_KEY, Route, Settings, Sim};
use serde_json::{Value, json};
use tokio::time::Instant;

/// Far more than anything here takes on a busy machine.
pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) struct Rig {
    pub(crate) sim: Sim,
    pub(crate) client: JumpCloud,
    pub(crate) seen: Arc<Seen>,
}

/// What the observer was told.
#[derive(Default)]
pub(crate) struct Seen(Mutex<Vec<(&'static str, &'static str)>>);

impl Observer for Seen {
    fn request(&self, route: &'static str, outcome: &'static str, seconds: f64) {
        assert!(seconds >= 0.0);
        self.0.lock().unwrap().push((route, outcome));
    }
}

impl Seen {
    /// The outcomes of the requests so far, oldest first.
    pub(crate) fn outcomes(&self) -> Vec<&'static str> {
        self.0.lock().unwrap().iter().map(|(_, outcome)| *outcome).collect()
    }
}

impl Rig {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let sim = Sim::start(settings).await.unwrap();
        let seen = Arc::new(Seen::default());
        let mut config = config(sim.url());
        config.observer = Arc::clone(&seen) as Arc<dyn Observer>;
        Self { client: JumpCloud::new(config).unwrap(), sim, seen }
    }

    /// `POST /bulk/users` of `rows`.
    pub(crate) async fn create(&self, rows: &[Value]) -> Delivery {
        let permit = self.client.reserve().await.unwrap();
        self.client.bulk_create(permit, &request(rows), after(LONG)).await
    }

    /// `PATCH /bulk/users` of `rows`.
    pub(crate) async fn update(&self, rows: &[Value]) -> Delivery {
        let permit = self.client.reserve().await.unwrap();
        self.client.bulk_update(permit, &request(rows), after(LONG)).await
    }

    /// Requests of a route that reached the simulator.
    pub(crate) fn count(&self, route: Route) -> usize {
        self.sim.requests(route).len()
    }

    /// The rows of a job when all `expected` are there and none is pending.
    pub(crate) async fn settled(&self, job: &str, expected: usize) -> Vec<WorkResult> {
        until(async || {
            let rows = self.client.job_results(job, expected).await.unwrap();
            let done = rows.iter().all(|row| row.status != RowStatus::Pending);
            (done && rows.len() == expected).then_some(rows)
        })
        .await
    }
}

/// Without limits that matter, so that tests measure what they mean to.
pub(crate) fn config(url: &str) -> ClientConfig {
    let credential = Credential::ApiKey(DEFAULT_KEY.into());
    let throttle = Throttle::new(Limits::new(10_000, 10_000));
    ClientConfig::new(Endpoint::origin(url).unwrap(), credential, throttle)
}

pub(crate) fn request(rows: &[Value]) -> BulkRequest {
    let body = serde_json::to_vec(rows).unwrap().into();
    BulkRequest { body, suppress_email: true, creation_source: None }
}

/// `count` users that can be created.
pub(crate) fn people(count: usize) -> Vec<Value> {
    (0..count)
        .map(|n| json!({"username": format!("user-{n}"), "email": format!("user-{n}@example.com")}))
        .collect()
}

pub(crate) fn after(wait: Duration) -> Instant {
    clock::monotonic() + wait
}

pub(crate) fn job_id(delivery: Delivery) -> String {
    match delivery {
        Delivery::Accepted(job_id) => job_id,
        other => panic!("not accepted: {other:?}"),
    }
}

pub(crate) fn status_of<T>(answer: &Result<T, Error>) -> Option<u16> {
    answer.as_ref().err().and_then(Error::status)
}

/// Asks until there is an answer.
pub(crate) async fn until<T, F: Future<Output = Option<T>>>(mut ask: impl FnMut() -> F) -> T {
    let end = after(LONG);
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(clock::monotonic() < end, "did not come true in {LONG:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
