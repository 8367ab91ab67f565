//! A plain HTTP client and a simulator whose clock stands still.

use std::time::Duration;

use jumpcloud_sim::settings::JobSettings;
use jumpcloud_sim::{DEFAULT_KEY, Settings, Sim};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

pub(crate) const BULK: &str = "/api/v2/bulk/users";
pub(crate) const SEARCH: &str = "/api/search/systemusers";
pub(crate) const USERS: &str = "/api/systemusers";

pub(crate) struct Api {
    pub(crate) sim: Sim,
    pub(crate) http: Client,
}

/// An answer that was read.
#[derive(Debug)]
pub(crate) struct Got {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) text: String,
}

impl Got {
    pub(crate) async fn of(response: Response) -> Self {
        let content_type =
            response.headers().get("content-type").map(|value| value.to_str().unwrap().to_owned());
        let status = response.status().as_u16();
        Self { status, content_type: content_type.unwrap_or_default(), text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }
}

impl Api {
    pub(crate) async fn new(settings: Settings) -> Self {
        let sim = Sim::start(settings).await.unwrap();
        sim.set_rate(0.0);
        let redirect = reqwest::redirect::Policy::none();
        let http = Client::builder().redirect(redirect).timeout(Duration::from_secs(10)).build().unwrap();
        Self { sim, http }
    }

    pub(crate) async fn with(change: Value) -> Self {
        Self::new(Settings::default().merged(&change).unwrap()).await
    }

    pub(crate) async fn default() -> Self {
        Self::new(Settings::default()).await
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.sim.url())).header("x-api-key", DEFAULT_KEY)
    }

    pub(crate) async fn send(&self, method: Method, path: &str, body: &Value) -> Got {
        Got::of(self.request(method, path).json(body).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str) -> Got {
        Got::of(self.request(Method::GET, path).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Got {
        self.send(Method::POST, path, body).await
    }

    /// Sends a bulk request that must be accepted and gives its job.
    pub(crate) async fn job(&self, method: Method, rows: &Value) -> String {
        let got = self.send(method, BULK, rows).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json()["jobId"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn results(&self, job: &str) -> Vec<Value> {
        let got = self.get(&format!("{BULK}/{job}/results?limit=100")).await;
        assert_eq!(got.status, 200, "{got:?}");
        got.json().as_array().unwrap().clone()
    }

    /// Runs a bulk request to its end and gives its results.
    pub(crate) async fn run(&self, method: Method, rows: &Value) -> Vec<Value> {
        let job = self.job(method, rows).await;
        self.sim.advance(Duration::from_millis(JobSettings::default().service_time_ms));
        self.results(&job).await
    }
}

pub(crate) fn row(username: &str) -> Value {
    json!({"username": username, "email": format!("{username}@example.com")})
}

pub(crate) fn rows(count: usize) -> Value {
    (0..count).map(|index| row(&format!("user{index:04}"))).collect()
}

/// Looks until `holds`, for five seconds at most.
pub(crate) async fn until(holds: impl Fn() -> bool) {
    let start = jumpcloud_sim::clock::instant();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(5), "it did not come to pass in time");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}
