//! Fault rules: which requests go wrong, and how.
//!
//! A rule says which requests it is about, how often, whether the request is carried out, and what
//! becomes of the reply. For each request the rules are asked in order; the first that fires
//! counts.

mod book;
mod reply;
mod weather;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub(crate) use book::FaultBook;
pub use reply::{Act, Reply};
pub(crate) use weather::Falling;
pub use weather::Weather;

use crate::route::Route;
use crate::settings::{Pattern, RetryAfter};

/// Makes requests go wrong.
///
/// ```
/// use jumpcloud_sim::{FaultRule, Route};
/// // The second POST is carried out and its reply is lost.
/// let rule = FaultRule::drop_reply().on(Route::BulkCreate).skip(1).times(1);
/// assert_eq!(serde_json::to_value(rule).unwrap()["reply"], "dropped");
/// ```
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// Requests of this route; every route when absent.
    #[serde(default)]
    pub route: Option<Route>,
    /// Requests whose path and query match.
    #[serde(default)]
    pub path: Option<Pattern>,
    /// Requests whose body matches.
    #[serde(default)]
    pub body: Option<Pattern>,
    /// Lets this many matching requests through first.
    #[serde(default)]
    pub skip: u32,
    /// Fires this often at most; without limit when absent.
    #[serde(default)]
    pub times: Option<u32>,
    /// Fires with this probability, 0 to 1, by the seeded generator.
    #[serde(default = "always")]
    pub probability: f64,
    /// After this many matching requests in a row the next is let through.
    #[serde(default)]
    pub max_in_a_row: Option<u32>,
    /// Whether the request is carried out.
    #[serde(default)]
    pub act: Act,
    /// Waits this long before the request is carried out, real milliseconds. The request is
    /// carried out even when the client has left meanwhile.
    #[serde(default)]
    pub before_ms: u64,
    /// Waits this long before the reply is sent, real milliseconds.
    #[serde(default)]
    pub after_ms: u64,
    /// What becomes of the reply.
    #[serde(default)]
    pub reply: Reply,
    /// Once the reply is sent nobody listens for this long, real milliseconds, and connections that are open are
    /// closed: the request that comes next is refused before its first byte.
    #[serde(default)]
    pub then_refuse_ms: u64,
}

fn always() -> f64 {
    1.0
}

impl FaultRule {
    /// A rule that fires for every request; narrow it with the other methods.
    #[must_use]
    pub fn new(act: Act, reply: Reply) -> Self {
        Self {
            route: None,
            path: None,
            body: None,
            skip: 0,
            times: None,
            probability: 1.0,
            max_in_a_row: None,
            act,
            before_ms: 0,
            after_ms: 0,
            reply,
            then_refuse_ms: 0,
        }
    }

    /// Lets the request through, and refuses connections for a while once it is answered.
    #[must_use]
    pub fn then_refuse(time: Duration) -> Self {
        Self { then_refuse_ms: millis(time), ..Self::new(Act::Acts, Reply::AsIs) }
    }

    /// Resets the connection before the request is carried out.
    #[must_use]
    pub fn refuse() -> Self {
        Self::new(Act::Refuses, Reply::Reset)
    }

    /// Carries the request out and sends nothing back.
    #[must_use]
    pub fn drop_reply() -> Self {
        Self::new(Act::Acts, Reply::Dropped)
    }

    /// Carries the request out and resets the connection instead of a reply.
    #[must_use]
    pub fn reset_reply() -> Self {
        Self::new(Act::Acts, Reply::Reset)
    }

    /// Answers `status` without carrying the request out.
    #[must_use]
    pub fn status(status: u16) -> Self {
        let reply = Reply::Status { status, headers: BTreeMap::new(), retry_after: None, body: None };
        Self::new(Act::Refuses, reply)
    }

    /// The request is carried out, whatever the reply is.
    #[must_use]
    pub fn acting(self) -> Self {
        Self { act: Act::Acts, ..self }
    }

    /// Only requests of `route`.
    #[must_use]
    pub fn on(self, route: Route) -> Self {
        Self { route: Some(route), ..self }
    }

    /// Only requests whose path and query match.
    #[must_use]
    pub fn path(self, path: Pattern) -> Self {
        Self { path: Some(path), ..self }
    }

    /// Only requests whose body matches.
    #[must_use]
    pub fn body(self, body: Pattern) -> Self {
        Self { body: Some(body), ..self }
    }

    /// Lets the first `skip` matching requests through.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }

    /// Fires at most `times` times.
    #[must_use]
    pub fn times(self, times: u32) -> Self {
        Self { times: Some(times), ..self }
    }

    /// Fires by chance, at most `max_in_a_row` times in a row.
    #[must_use]
    pub fn by_chance(self, probability: f64, max_in_a_row: u32) -> Self {
        Self { probability, max_in_a_row: Some(max_in_a_row), ..self }
    }

    /// Waits before the request is carried out.
    #[must_use]
    pub fn before(self, wait: Duration) -> Self {
        Self { before_ms: millis(wait), ..self }
    }

    /// Waits before the reply is sent.
    #[must_use]
    pub fn after(self, wait: Duration) -> Self {
        Self { after_ms: millis(wait), ..self }
    }

    /// Adds `Retry-After` to a reply of [`FaultRule::status`].
    #[must_use]
    pub fn retry_after(mut self, value: RetryAfter) -> Self {
        if let Reply::Status { retry_after, .. } = &mut self.reply {
            *retry_after = Some(value);
        }
        self
    }

    pub(super) fn is_about(&self, route: Route, path: &str, body: &str) -> bool {
        self.route.is_none_or(|wanted| wanted == route)
            && self.path.as_ref().is_none_or(|pattern| pattern.matches(path))
            && self.body.as_ref().is_none_or(|pattern| pattern.matches(body))
    }

    /// Adds a header to a reply of [`FaultRule::status`].
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Reply::Status { headers, .. } = &mut self.reply {
            headers.insert(name.to_owned(), value.to_owned());
        }
        self
    }

    /// A short name for the ledger.
    #[must_use]
    pub fn label(&self) -> String {
        let act = match self.act {
            Act::Acts => "acts",
            Act::Refuses => "refuses",
        };
        format!("{act}, {}", self.reply.label())
    }
}

fn millis(wait: Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}
