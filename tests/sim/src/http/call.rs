//! A request that was read.

use bytes::Bytes;
use hyper::http::request::Parts;
use serde_json::Value;

use crate::fingerprint::sha256_hex;
use crate::ledger::Request;
use crate::route::Route;

/// A request with its route.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) parts: Parts,
    pub(crate) body: Bytes,
    pub(crate) route: Route,
    /// The id in the path.
    pub(crate) id: Option<String>,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) arrived: jiff::Timestamp,
}

impl Call {
    pub(crate) fn new(parts: Parts, body: Bytes) -> Self {
        let (route, id) = Route::of(&parts.method, parts.uri.path());
        let query =
            form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        Self { parts, body, route, id, query, arrived: crate::clock::wall() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.parts.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The API key.
    pub(crate) fn api_key(&self) -> Option<&str> {
        self.header("x-api-key").filter(|key| !key.is_empty())
    }

    /// The token of a service account.
    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header("authorization")?.strip_prefix("Bearer ")
    }

    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn path_and_query(&self) -> String {
        self.parts.uri.path_and_query().map_or_else(|| "/".to_owned(), ToString::to_string)
    }

    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|_| "the body is not valid JSON".to_owned())
    }

    /// The ledger's entry as far as it is known before the request is carried out.
    pub(crate) fn entry(&self, key: Option<String>) -> Box<Request> {
        let rows = match self.route {
            Route::BulkCreate | Route::BulkUpdate => self.json().ok(),
            _ => None,
        };
        let rows = rows.as_ref().and_then(Value::as_array);
        let texts = |field: &str| {
            let values = rows.into_iter().flatten().filter_map(|row| row.get(field)?.as_str());
            values.map(str::to_owned).collect::<Vec<_>>()
        };
        let scheduled = self.scheduled_users();
        let owned = |name: &str| self.header(name).map(str::to_owned);
        Box::new(Request {
            arrived: self.arrived,
            method: self.parts.method.to_string(),
            path: self.path_and_query(),
            route: self.route,
            organisation: None,
            key,
            creation_source: owned("creation-source"),
            org_id: owned("x-org-id"),
            user_agent: owned("user-agent"),
            content_length: self.header("content-length").and_then(|length| length.parse().ok()),
            body_hash: sha256_hex(&self.body),
            rows: rows.map_or(scheduled.len(), Vec::len),
            usernames: if self.route == Route::BulkCreate { texts("username") } else { Vec::new() },
            ids: match self.route {
                Route::BulkUpdate => texts("id"),
                Route::ScheduleCreate => scheduled,
                Route::ScheduleNext => {
                    self.parameter("users").unwrap_or_default().split(',').map(str::to_owned).collect()
                }
                _ => self.id.iter().cloned().collect(),
            },
            fields: if self.route == Route::BulkUpdate {
                let rows = rows.into_iter().flatten().filter_map(Value::as_object);
                rows.map(|row| row.keys().filter(|name| *name != "id").cloned().collect()).collect()
            } else {
                Vec::new()
            },
            asked: Vec::new(),
            found: Vec::new(),
            fault: None,
            acted: false,
            own_status: None,
            status: None,
            reply_dropped: false,
            reply_intact: false,
            job_id: None,
        })
    }

    /// The users of a `POST /bulk/userstates`.
    fn scheduled_users(&self) -> Vec<String> {
        let body = (self.route == Route::ScheduleCreate).then(|| self.json().ok()).flatten();
        let ids = body.as_ref().and_then(|body| body.get("user_ids")?.as_array());
        ids.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    }
}
