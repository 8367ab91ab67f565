//! Fault rules: which requests go wrong, and how.
//!
//! A rule says which requests it is about, how often, whether the request is carried out, and what
//! becomes of the reply. For each request the rules are asked in order; the first that fires
//! counts.

use std::collections::BTreeMap;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};
use serde_json::Value;

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
}

fn always() -> f64 {
    1.0
}

/// Whether a request is carried out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Act {
    /// As without a fault.
    #[default]
    Acts,
    /// Nothing happens, not even authentication.
    Refuses,
}

/// What becomes of the reply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Sent as it is. A request that is not carried out has none: its connection is closed.
    #[default]
    AsIs,
    /// No byte is sent and the connection is closed in order.
    Dropped,
    /// No byte is sent and the connection is reset.
    Reset,
    /// Replaced by another code.
    Status {
        /// The code.
        status: u16,
        /// Further headers.
        #[serde(default)]
        headers: BTreeMap<String, String>,
        /// A `Retry-After` header.
        #[serde(default)]
        retry_after: Option<RetryAfter>,
        /// The body: text is sent as text, anything else as JSON; an error body when absent.
        #[serde(default)]
        body: Option<Value>,
    },
    /// The body ends after so many bytes and the connection is closed.
    Truncated {
        /// Bytes of the body that are sent; at most all but one.
        bytes: usize,
    },
    /// The code stays, the body is a web page.
    Html,
    /// The code and body stay, the content type is another.
    ContentType {
        /// Its value.
        value: String,
    },
    /// The body is sent little by little.
    Drip {
        /// Bytes at a time.
        bytes: usize,
        /// Real milliseconds between them.
        every_ms: u64,
    },
    /// A redirect.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location` header.
        location: String,
    },
    /// The code stays, the body is a JSON string of this many bytes.
    Large {
        /// The size.
        bytes: usize,
    },
    /// The code and content type stay, the body is this text.
    Body {
        /// The text.
        text: String,
    },
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
        }
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
    pub fn before(self, wait: std::time::Duration) -> Self {
        Self { before_ms: millis(wait), ..self }
    }

    /// Waits before the reply is sent.
    #[must_use]
    pub fn after(self, wait: std::time::Duration) -> Self {
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

    fn is_about(&self, route: Route, path: &str, body: &str) -> bool {
        self.route.is_none_or(|wanted| wanted == route)
            && self.path.as_ref().is_none_or(|pattern| pattern.matches(path))
            && self.body.as_ref().is_none_or(|pattern| pattern.matches(body))
    }

    /// A short name for the ledger.
    #[must_use]
    pub fn label(&self) -> String {
        let act = match self.act {
            Act::Acts => "acts",
            Act::Refuses => "refuses",
        };
        let reply = match &self.reply {
            Reply::AsIs => "as_is",
            Reply::Dropped => "dropped",
            Reply::Reset => "reset",
            Reply::Status { status, .. } => return format!("{act}, status {status}"),
            Reply::Truncated { .. } => "truncated",
            Reply::Html => "html",
            Reply::ContentType { .. } => "content_type",
            Reply::Drip { .. } => "drip",
            Reply::Redirect { .. } => "redirect",
            Reply::Large { .. } => "large",
            Reply::Body { .. } => "body",
        };
        format!("{act}, {reply}")
    }
}

fn millis(wait: std::time::Duration) -> u64 {
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// The rules in force, with their counts.
#[derive(Debug, Default)]
pub(crate) struct FaultBook {
    rules: Vec<Counted>,
}

#[derive(Debug)]
struct Counted {
    rule: FaultRule,
    seen: u32,
    fired: u32,
    in_a_row: u32,
}

impl FaultBook {
    pub(crate) fn new(rules: Vec<FaultRule>) -> Self {
        let rules = rules.into_iter().map(|rule| Counted { rule, seen: 0, fired: 0, in_a_row: 0 }).collect();
        Self { rules }
    }

    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(Counted { rule, seen: 0, fired: 0, in_a_row: 0 });
    }

    pub(crate) fn choose(
        &mut self,
        route: Route,
        path: &str,
        body: &str,
        rng: &mut impl Rng,
    ) -> Option<FaultRule> {
        self.rules
            .iter_mut()
            .filter(|counted| counted.rule.is_about(route, path, body))
            .find_map(|counted| counted.fires(rng).then(|| counted.rule.clone()))
    }
}

impl Counted {
    fn fires(&mut self, rng: &mut impl Rng) -> bool {
        self.seen = self.seen.saturating_add(1);
        let due = self.seen > self.rule.skip
            && self.rule.times.is_none_or(|times| self.fired < times)
            && self.rule.max_in_a_row.is_none_or(|most| self.in_a_row < most)
            && (self.rule.probability >= 1.0 || rng.random::<f64>() < self.rule.probability);
        if due {
            self.fired = self.fired.saturating_add(1);
            self.in_a_row = self.in_a_row.saturating_add(1);
        } else {
            self.in_a_row = 0;
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand::rngs::StdRng;

    use super::*;

    fn fired(rule: FaultRule, requests: usize) -> Vec<bool> {
        let mut rng = StdRng::seed_from_u64(7);
        let mut book = FaultBook::new(vec![rule]);
        (0..requests).map(|_| book.choose(Route::BulkCreate, "/", "", &mut rng).is_some()).collect()
    }

    #[test]
    fn skip_and_times_count_matching_requests() {
        assert_eq!(fired(FaultRule::refuse().skip(1).times(2), 5), [false, true, true, false, false]);
        assert_eq!(fired(FaultRule::refuse().on(Route::UserGet), 2), [false, false]);
    }

    #[test]
    fn chance_is_bounded_in_a_row() {
        let fired = fired(FaultRule::refuse().by_chance(0.9, 3), 400);
        assert!(fired.windows(4).all(|four| !four.iter().all(|one| *one)));
        assert!(fired.iter().filter(|one| **one).count() > 200);
    }
}
