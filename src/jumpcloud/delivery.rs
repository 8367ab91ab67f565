//! What became of a bulk request, or of one that schedules.
//!
//! Such a request has no idempotency key, a job cannot be found again without its id, and an equal event is
//! scheduled a second time without a word. So the outcome is one of four, and the class of a status follows
//! from one question: can JumpCloud have acted?
//!
//! | answer | class | why |
//! |---|---|---|
//! | 2xx with a job id, or with an event for each user | Accepted | |
//! | no connection, no token, no time, our own limits | Refused | nothing was sent |
//! | 3xx | Refused | the login page or another address answered, not the API |
//! | 401 403 404 429 | Refused | documented refusals before acting |
//! | 402 405 406 410 411 412 415 417 421 426 428 431 451 | Refused | about the account, the route or the headers: halving the rows would not help |
//! | 400 409 413 414 422 | Rejected | about the rows: sending fewer finds the one at fault |
//! | 408, other 4xx, 5xx | Unknown | a gateway may have given up on a request that went through |
//! | timeout, broken connection | Unknown | |
//! | any other 2xx | Unknown | the job, or the events, probably exist |

use std::fmt;
use std::time::Duration;

use serde_json::Value;

use crate::jumpcloud::error::Error;
use crate::jumpcloud::wire;

/// The outcome of a request, whose acceptance tells `T`: the id of the job that JumpCloud runs, which its
/// results are asked for with, unless another is named.
#[derive(Clone, PartialEq, Eq)]
#[must_use]
pub enum Delivery<T = String> {
    /// JumpCloud took it.
    Accepted(T),
    /// Nothing happened at JumpCloud, and the rows are not at fault: they may be sent again when the
    /// cause is gone.
    Refused(Refusal),
    /// Nothing happened at JumpCloud, and the rows are at fault: they are never sent again as they were.
    Rejected {
        /// 400, 409, 413, 414 or 422.
        status: u16,
        /// The server's explanation, cleaned and cut. May name users.
        message: String,
    },
    /// The job, or the events, may or may not exist.
    Unknown(UnknownOutcome),
}

/// Why nothing happened.
#[derive(Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Not one byte of the request was sent.
    NotSent(NotSent),
    /// The credential was refused.
    Credentials {
        /// 401 or 403.
        status: u16,
        /// The server's explanation.
        message: String,
    },
    /// The route does not exist: wrong address, or an organisation that is not there.
    NotFound {
        /// The server's explanation.
        message: String,
    },
    /// A redirect: the key is missing or the address is wrong.
    Redirected {
        /// 300 to 399.
        status: u16,
    },
    /// Too many requests, by the server's count or by ours.
    Throttled {
        /// How long to wait, counted from now.
        retry_in: Duration,
        /// The server's explanation; empty when our own limits hold the request back.
        message: String,
    },
    /// The server refuses the route, the headers or the account (402: payment), not the rows.
    Unsupported {
        /// The HTTP status.
        status: u16,
        /// The server's explanation.
        message: String,
    },
}

/// Why no byte was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotSent {
    /// Name not resolved, connection refused, or TLS handshake failed.
    Connect {
        /// What the network said.
        detail: String,
    },
    /// The deadline passed first, for instance while other requests held every slot.
    Expired,
}

/// What is known of a request that may have acted. The `Debug` output can be logged.
#[derive(Clone, PartialEq, Eq)]
pub enum UnknownOutcome {
    /// No complete answer before the deadline.
    Timeout,
    /// The connection broke.
    Interrupted {
        /// What the network said.
        detail: String,
    },
    /// 408, 5xx or a status with an unknown meaning.
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's explanation. May name users.
        message: String,
    },
    /// A 2xx answer without a job id, or one that cannot be read.
    Unreadable {
        /// What was expected; never the answer's content.
        detail: String,
    },
}

impl Delivery {
    /// Classes the answer to a bulk request.
    pub(crate) fn of(answer: Result<Value, Error>) -> Self {
        Self::read(answer, |body| wire::job_id(&body).ok_or("no job id in the answer"))
    }
}

impl<T> Delivery<T> {
    /// Classes an answer. `accepted` reads the body of a 2xx, or says what it expected.
    pub(crate) fn read(
        answer: Result<Value, Error>,
        accepted: impl FnOnce(Value) -> Result<T, &'static str>,
    ) -> Self {
        match answer {
            Ok(body) => accepted(body).map_or_else(Self::unreadable, Self::Accepted),
            Err(Error::Throttled { retry_in }) => {
                Self::Refused(Refusal::Throttled { retry_in, message: String::new() })
            }
            Err(Error::Connect { detail }) => Self::Refused(Refusal::NotSent(NotSent::Connect { detail })),
            // A bulk route has no identifier in it; were there one, nothing would have been sent.
            Err(Error::Expired | Error::InvalidId) => Self::Refused(Refusal::NotSent(NotSent::Expired)),
            Err(Error::Token { cause }) => Self::Refused(Refusal::without_token(*cause)),
            Err(Error::Timeout) => Self::Unknown(UnknownOutcome::Timeout),
            Err(Error::Interrupted { detail }) => Self::Unknown(UnknownOutcome::Interrupted { detail }),
            Err(Error::TooLarge { .. }) => Self::unreadable("the answer is too large"),
            Err(Error::Decode { detail, .. }) => Self::Unknown(UnknownOutcome::Unreadable { detail }),
            Err(Error::Status { status, message, retry_after }) => Self::status(status, message, retry_after),
        }
    }

    /// The same outcome, with what acceptance tells seen differently.
    pub fn map<U>(self, see: impl FnOnce(T) -> U) -> Delivery<U> {
        match self {
            Self::Accepted(told) => Delivery::Accepted(see(told)),
            Self::Refused(refusal) => Delivery::Refused(refusal),
            Self::Rejected { status, message } => Delivery::Rejected { status, message },
            Self::Unknown(outcome) => Delivery::Unknown(outcome),
        }
    }

    /// A word from a small closed set, for metric labels and log fields.
    #[must_use]
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Accepted(_) => "accepted",
            Self::Refused(_) => "refused",
            Self::Rejected { .. } => "rejected",
            Self::Unknown(_) => "unknown",
        }
    }

    fn unreadable(detail: &str) -> Self {
        Self::Unknown(UnknownOutcome::Unreadable { detail: detail.to_owned() })
    }

    /// The table of the module's documentation.
    fn status(status: u16, message: String, retry_after: Option<Duration>) -> Self {
        match status {
            300..=399 => Self::Refused(Refusal::Redirected { status }),
            401 | 403 => Self::Refused(Refusal::Credentials { status, message }),
            404 => Self::Refused(Refusal::NotFound { message }),
            429 => Self::Refused(Refusal::Throttled { retry_in: retry_after.unwrap_or_default(), message }),
            400 | 409 | 413 | 414 | 422 => Self::Rejected { status, message },
            402 | 405 | 406 | 410 | 411 | 412 | 415 | 417 | 421 | 426 | 428 | 431 | 451 => {
                Self::Refused(Refusal::Unsupported { status, message })
            }
            _ => Self::Unknown(UnknownOutcome::Status { status, message }),
        }
    }
}

impl Refusal {
    /// The service account got no token, so nothing was sent.
    fn without_token(cause: Error) -> Self {
        match cause {
            Error::Status { status: status @ (400 | 401 | 403), message, .. } => {
                Self::Credentials { status, message }
            }
            Error::Status { status: 429, message, retry_after } => {
                Self::Throttled { retry_in: retry_after.unwrap_or_default(), message }
            }
            Error::Expired => Self::NotSent(NotSent::Expired),
            cause => Self::NotSent(NotSent::Connect {
                detail: format!("no token for the service account: {cause}"),
            }),
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Delivery<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Accepted(told) => f.debug_tuple("Accepted").field(told).finish(),
            Self::Refused(refusal) => f.debug_tuple("Refused").field(refusal).finish(),
            Self::Rejected { status, .. } => with_status(f, "Rejected", *status),
            Self::Unknown(outcome) => f.debug_tuple("Unknown").field(outcome).finish(),
        }
    }
}

impl fmt::Debug for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSent(why) => f.debug_tuple("NotSent").field(why).finish(),
            Self::Credentials { status, .. } => with_status(f, "Credentials", *status),
            Self::NotFound { .. } => with_status(f, "NotFound", 404),
            Self::Redirected { status } => with_status(f, "Redirected", *status),
            Self::Throttled { retry_in, .. } => {
                f.debug_struct("Throttled").field("retry_in", retry_in).finish_non_exhaustive()
            }
            Self::Unsupported { status, .. } => with_status(f, "Unsupported", *status),
        }
    }
}

impl fmt::Debug for UnknownOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Timeout => f.write_str("Timeout"),
            Self::Interrupted { detail } => f.debug_struct("Interrupted").field("detail", detail).finish(),
            Self::Status { status, .. } => with_status(f, "Status", *status),
            Self::Unreadable { detail } => f.debug_struct("Unreadable").field("detail", detail).finish(),
        }
    }
}

/// Leaves the server's explanation out: it may name users.
fn with_status(f: &mut fmt::Formatter<'_>, name: &str, status: u16) -> fmt::Result {
    f.debug_struct(name).field("status", &status).finish_non_exhaustive()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn of_status(status: u16) -> Delivery {
        let retry_after = (status == 429).then_some(Duration::from_secs(9));
        Delivery::of(Err(Error::Status { status, message: "ada@x".into(), retry_after }))
    }

    #[test]
    fn every_status_has_its_class() {
        for (statuses, category) in [
            (vec![301, 302, 303, 307, 308], "refused"),
            (
                vec![401, 402, 403, 404, 405, 406, 410, 411, 412, 415, 417, 421, 426, 428, 429, 431, 451],
                "refused",
            ),
            (vec![400, 409, 413, 414, 422], "rejected"),
            (vec![408, 418, 425, 499, 460, 500, 501, 502, 503, 504, 520, 529, 599, 700], "unknown"),
        ] {
            for status in statuses {
                assert_eq!(of_status(status).category(), category, "{status}");
            }
        }
        let wait = Duration::from_secs(9);
        assert!(
            matches!(of_status(429), Delivery::Refused(Refusal::Throttled { retry_in, .. }) if retry_in == wait)
        );
    }

    #[test]
    fn only_a_job_id_is_acceptance() {
        let accepted = Delivery::Accepted("j1".to_owned());
        assert_eq!(Delivery::of(Ok(json!({"jobId": "j1"}))), accepted);
        for body in [json!({}), json!([]), json!(null), json!({"jobId": ""})] {
            assert_eq!(Delivery::of(Ok(body)).category(), "unknown");
        }
    }

    #[test]
    fn what_was_not_sent_is_refused_and_what_may_have_been_is_unknown() {
        let detail = || String::from("x");
        for (error, category) in [
            (Error::Connect { detail: detail() }, "refused"),
            (Error::Expired, "refused"),
            (Error::InvalidId, "refused"),
            (Error::Throttled { retry_in: Duration::ZERO }, "refused"),
            (Error::Token { cause: Box::new(Error::Timeout) }, "refused"),
            (Error::Timeout, "unknown"),
            (Error::Interrupted { detail: detail() }, "unknown"),
            (Error::TooLarge { limit: 1 }, "unknown"),
            (Error::Decode { status: 200, detail: detail() }, "unknown"),
        ] {
            assert_eq!(error.is_not_sent(), category == "refused", "{error}");
            assert_eq!(Delivery::of(Err(error)).category(), category);
        }
    }

    #[test]
    fn without_a_token_nothing_was_sent() {
        let of = |status| {
            let cause = Error::Status { status, message: String::new(), retry_after: None };
            Delivery::of(Err(Error::Token { cause: Box::new(cause) }))
        };
        for status in [400, 401, 403] {
            assert!(matches!(of(status), Delivery::Refused(Refusal::Credentials { .. })), "{status}");
        }
        assert!(matches!(of(429), Delivery::Refused(Refusal::Throttled { .. })));
        for status in [302, 404, 500, 503] {
            let refused = of(status);
            assert!(
                matches!(refused, Delivery::Refused(Refusal::NotSent(NotSent::Connect { .. }))),
                "{refused:?}"
            );
        }
    }

    #[test]
    fn debug_output_names_nobody() {
        for status in [302, 400, 402, 403, 404, 429, 500] {
            assert!(!format!("{:?}", of_status(status)).contains("ada"), "{status}");
        }
    }
}
