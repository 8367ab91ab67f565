//! What can go wrong, by the phase in which it does.
//!
//! The phase decides what a caller may do next: before the first byte nothing happened at JumpCloud,
//! after it a write may have acted. [`crate::jumpcloud::delivery`] draws that conclusion for bulk
//! requests.
//!
//! Guarantees: the server's own words are cleaned, cut to 512 characters and never hold the credential.
//! They may name users, so `Display` and `Debug` leave them out and an error can be logged as it is; who
//! asks for [`Error::message`] removes personal data before publishing it.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use crate::jumpcloud::endpoint::BadSegment;
use crate::jumpcloud::throttle::Throttled;

/// Why a client could not be built.
#[derive(Debug, Error)]
pub enum ConfigError {
    /// The credential is the empty text.
    #[error("the credential is empty; put it into the Secret")]
    EmptyCredential,
    /// The credential holds characters that no HTTP header can carry.
    #[error("the credential holds characters that no HTTP header can carry, often a line break within")]
    InvalidCredential,
    /// HTTP Basic cannot carry such a client id.
    #[error("the client id holds a colon; copy it again")]
    InvalidClientId,
    /// The organisation's identifier holds characters that no HTTP header can carry, or nothing.
    #[error("the organisation id is empty or holds characters that no HTTP header can carry")]
    InvalidOrganization,
    /// The user agent holds characters that no HTTP header can carry.
    #[error("the user agent holds characters that no HTTP header can carry")]
    InvalidUserAgent,
    /// TLS roots or proxy were refused by the HTTP library.
    #[error("the HTTP client could not be built: {0}; check the certificates and the proxy")]
    Http(String),
}

/// Why a request gave no usable answer.
#[derive(Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// Our own limits hold the request back; nothing was sent.
    #[error("request limit reached; next request possible in {retry_in:?}")]
    Throttled {
        /// When a request will be possible, counted from now.
        retry_in: Duration,
    },
    /// No connection: name not resolved, connection refused or TLS handshake failed. Nothing was sent.
    #[error(
        "cannot connect to JumpCloud: {detail}; check the network, the proxy and the trusted certificates"
    )]
    Connect {
        /// What the network said.
        detail: String,
    },
    /// The deadline passed before the request was begun. Nothing was sent.
    #[error("no time was left to send the request")]
    Expired,
    /// The identifier cannot be part of an address. Nothing was sent.
    #[error("identifier is empty, too long or not a plain word")]
    InvalidId,
    /// The service account got no token, so the request itself was not sent.
    #[error("no token for the service account: {cause}")]
    Token {
        /// What became of the request for the token.
        cause: Box<Self>,
    },
    /// No answer within the deadline. A write may have acted.
    #[error("no answer from JumpCloud in time")]
    Timeout,
    /// The connection broke after the request was begun. A write may have acted.
    #[error("connection to JumpCloud broke: {detail}")]
    Interrupted {
        /// What the network said.
        detail: String,
    },
    /// An answer with a status other than 2xx.
    #[error("JumpCloud answered with status {status}{}", hint(*status))]
    Status {
        /// The HTTP status.
        status: u16,
        /// The server's explanation, cleaned and at most 512 characters long.
        message: String,
        /// How long the server wants to be left alone. Always there for 429.
        retry_after: Option<Duration>,
    },
    /// A 2xx answer larger than the limit. A write has probably acted.
    #[error("answer of JumpCloud is larger than {limit} bytes")]
    TooLarge {
        /// The limit, in bytes after decompression.
        limit: usize,
    },
    /// A 2xx answer that is not what the route answers. A write has probably acted.
    #[error("answer of JumpCloud (status {status}) is unreadable: {detail}")]
    Decode {
        /// The HTTP status.
        status: u16,
        /// What was expected; never the answer's content.
        detail: String,
    },
}

impl Error {
    /// A word from a small closed set, for metric labels, log fields and reasons.
    #[must_use]
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Throttled { .. } => "throttled",
            Self::Connect { .. } => "connect",
            Self::Expired => "expired",
            Self::InvalidId => "invalid_id",
            Self::Token { .. } => "token",
            Self::Timeout => "timeout",
            Self::Interrupted { .. } => "interrupted",
            Self::Status { status, .. } => match *status {
                300..=399 => "redirect",
                401 | 403 => "credentials",
                404 => "not_found",
                429 => "throttled",
                500.. => "server_error",
                _ => "client_error",
            },
            Self::TooLarge { .. } | Self::Decode { .. } => "unreadable",
        }
    }

    /// The server's explanation, cleaned and cut. May name users.
    #[must_use]
    pub const fn message(&self) -> Option<&str> {
        match self {
            Self::Status { message, .. } => Some(message.as_str()),
            Self::Token { cause } => cause.message(),
            _ => None,
        }
    }

    /// The HTTP status, when there was one.
    #[must_use]
    pub const fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Decode { status, .. } => Some(*status),
            _ => None,
        }
    }

    /// How long to wait before the next try, when that is known.
    #[must_use]
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Throttled { retry_in } => Some(*retry_in),
            Self::Status { retry_after, .. } => *retry_after,
            Self::Token { cause } => cause.retry_after(),
            _ => None,
        }
    }

    /// Whether it is certain that not one byte of the request was sent.
    #[must_use]
    pub const fn is_not_sent(&self) -> bool {
        matches!(
            self,
            Self::Throttled { .. }
                | Self::Connect { .. }
                | Self::Expired
                | Self::InvalidId
                | Self::Token { .. }
        )
    }

    /// Whether the same request may succeed later without anybody's doing.
    ///
    /// 408, 429 and 5xx by JumpCloud's best practices, and every failure of the network. An unreadable
    /// answer is not: it comes again until somebody looks.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Throttled { .. }
            | Self::Connect { .. }
            | Self::Expired
            | Self::Timeout
            | Self::Interrupted { .. } => true,
            Self::Status { status, .. } => matches!(*status, 408 | 429 | 500..),
            Self::Token { cause } => cause.is_transient(),
            Self::InvalidId | Self::TooLarge { .. } | Self::Decode { .. } => false,
        }
    }

    /// Whether the credential was refused: 401 or 403, from where tokens come also 400.
    #[must_use]
    pub const fn is_credentials(&self) -> bool {
        match self {
            Self::Status { status, .. } => matches!(*status, 401 | 403),
            Self::Token { cause } => matches!(**cause, Self::Status { status: 400 | 401 | 403, .. }),
            _ => false,
        }
    }

    /// Whether the answer was a redirect. JumpCloud sends one to its login page when the key is missing;
    /// otherwise the address is wrong. It is never followed.
    #[must_use]
    pub const fn is_redirect(&self) -> bool {
        matches!(self, Self::Status { status: 300..=399, .. })
    }

    /// Whether the route or the thing it names does not exist.
    #[must_use]
    pub const fn is_not_found(&self) -> bool {
        matches!(self, Self::Status { status: 404, .. })
    }
}

/// What a person can do about a status, as the end of a sentence.
const fn hint(status: u16) -> &'static str {
    match status {
        300..=399 => "; check that the region or apiURL is right and the key is not empty",
        401 | 403 => "; check the credential, its rights and the organisation id",
        429 => "; wait, and lower the limits of the connection if this goes on",
        _ => "",
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `Display` holds everything that may be shown.
        write!(f, "Error({}: {self})", self.category())
    }
}

impl From<BadSegment> for Error {
    fn from(_: BadSegment) -> Self {
        Self::InvalidId
    }
}

impl From<Throttled> for Error {
    fn from(throttled: Throttled) -> Self {
        Self::Throttled { retry_in: throttled.retry_in }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: u16) -> Error {
        Error::Status { status, message: String::new(), retry_after: None }
    }

    #[test]
    fn statuses_fall_into_categories() {
        for (code, category, transient) in [
            (302, "redirect", false),
            (400, "client_error", false),
            (401, "credentials", false),
            (403, "credentials", false),
            (404, "not_found", false),
            (408, "client_error", true),
            (422, "client_error", false),
            (429, "throttled", true),
            (500, "server_error", true),
            (599, "server_error", true),
        ] {
            assert_eq!(status(code).category(), category, "{code}");
            assert_eq!(status(code).is_transient(), transient, "{code}");
            assert_eq!(status(code).is_redirect(), code == 302, "{code}");
            assert_eq!(status(code).is_credentials(), matches!(code, 401 | 403), "{code}");
            assert!(!status(code).is_not_sent(), "{code}");
        }
    }

    #[test]
    fn only_what_never_left_counts_as_not_sent() {
        let detail = || String::from("x");
        for (error, not_sent) in [
            (Error::Throttled { retry_in: Duration::ZERO }, true),
            (Error::Connect { detail: detail() }, true),
            (Error::Expired, true),
            (Error::InvalidId, true),
            (Error::Token { cause: Box::new(Error::Timeout) }, true),
            (Error::Timeout, false),
            (Error::Interrupted { detail: detail() }, false),
            (Error::TooLarge { limit: 1 }, false),
            (Error::Decode { status: 200, detail: detail() }, false),
        ] {
            assert_eq!(error.is_not_sent(), not_sent, "{error}");
        }
    }

    #[test]
    fn a_token_that_is_not_given_is_refused_or_may_come() {
        for (cause, refused, transient) in [
            (status(400), true, false),
            (status(401), true, false),
            (status(403), true, false),
            (status(404), false, false),
            (status(429), false, true),
            (status(503), false, true),
            (Error::Timeout, false, true),
        ] {
            let error = Error::Token { cause: Box::new(cause) };
            assert_eq!((error.is_credentials(), error.is_transient()), (refused, transient), "{error}");
            assert_eq!((error.category(), error.status(), error.is_not_found()), ("token", None, false));
        }
    }

    #[test]
    fn an_error_can_be_logged_without_naming_users() {
        let error = Error::Status { status: 400, message: "ada@x exists".into(), retry_after: None };
        assert!(!format!("{error} {error:?}").contains("ada"));
        assert_eq!(error.message(), Some("ada@x exists"));
        assert_eq!(format!("{error:?}"), "Error(client_error: JumpCloud answered with status 400)");
    }
}
