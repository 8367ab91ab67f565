//! Settings of authentication, error bodies and the caps of requests.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What holds for every route.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ApiSettings {
    /// The answer to a request without `x-api-key`.
    pub missing_key: MissingKey,
    /// What `x-org-id` means with a key of a single organisation. A key of several always needs it.
    pub org_header: OrgHeader,
    /// The code of an accepted `POST` or `PATCH /bulk/users`: 200 seen, 201 in the raw description.
    pub accepted_status: u16,
    /// The form of error bodies.
    pub error_shape: ErrorShape,
    /// Which spellings of the user id answers have.
    pub id_form: IdForm,
    /// The most users in one bulk request; 400 above it.
    pub max_rows: usize,
    /// The largest body in bytes; 413 above it.
    pub max_body_bytes: usize,
    /// Whole bulk requests that are refused because of one row's value.
    pub poison: Vec<Poison>,
    /// 429 above a rate, per key; none when absent.
    pub rate_limit: Option<RateLimit>,
    /// Resets every connection before its first byte is read, as a host that is down does.
    pub down: bool,
}

impl Default for ApiSettings {
    fn default() -> Self {
        Self {
            missing_key: MissingKey::RedirectToLogin,
            org_header: OrgHeader::Optional,
            accepted_status: 200,
            error_shape: ErrorShape::ByVersion,
            id_form: IdForm::Both,
            max_rows: 800,
            max_body_bytes: 5 * 1024 * 1024,
            poison: Vec::new(),
            rate_limit: None,
            down: false,
        }
    }
}

/// The answer to a request without a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MissingKey {
    /// 302 to `/login`, with a page: as measured on the live host.
    RedirectToLogin,
    /// 401 with JSON.
    Unauthorized,
}

/// What `x-org-id` means with a key of one organisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrgHeader {
    /// May be left out; when sent it must be well formed (400) and this organisation's id (404).
    Optional,
    /// 401 when left out.
    Required,
    /// Not looked at.
    Ignored,
    /// 403 when sent.
    Refused,
}

/// The form of error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorShape {
    /// V1 routes answer as [`Self::Message`], V2 routes as [`Self::Status`].
    ByVersion,
    /// `{"message": ..}`
    Message,
    /// `{"error": .., "message": ..}`
    ErrorAndMessage,
    /// `{"code": .., "message": .., "status": ..}`
    Status,
    /// `{"error": {"message": ..}}`
    Nested,
    /// A web page.
    Html,
    /// Text without markup.
    Plain,
    /// No body.
    Empty,
}

/// Which spellings of the user id answers have. Live answers were seen with both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IdForm {
    /// `_id` and `id`
    Both,
    /// `_id`
    Underscore,
    /// `id`
    Plain,
}

/// Refuses a whole bulk request when any row has this value.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Poison {
    /// A field at the top level of a row.
    pub field: String,
    /// The value that poisons.
    pub equals: Value,
    /// The code of the answer.
    #[serde(default = "bad_request")]
    pub status: u16,
    /// The body: a string is sent as text, anything else as JSON; an error body when absent.
    #[serde(default)]
    pub body: Option<Value>,
}

fn bad_request() -> u16 {
    400
}

/// Answers 429 above a rate.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Requests of one key that are let through in a window.
    pub requests: usize,
    /// The length of the window, simulated milliseconds.
    pub window_ms: u64,
    /// The `Retry-After` of the answer.
    #[serde(default)]
    pub retry_after: Option<RetryAfter>,
}

/// The two forms of `Retry-After`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryAfter {
    /// A number of seconds.
    Seconds(u64),
    /// A date this many seconds from now, by real time.
    DateIn(u64),
}

impl RetryAfter {
    /// The header's value.
    #[must_use]
    pub fn header(self) -> String {
        match self {
            Self::Seconds(seconds) => seconds.to_string(),
            Self::DateIn(seconds) => {
                let at = crate::clock::after(crate::clock::wall(), std::time::Duration::from_secs(seconds));
                httpdate::fmt_http_date(at.into())
            }
        }
    }
}
