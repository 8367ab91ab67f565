//! Whether a request is carried out, and what becomes of its reply.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::settings::RetryAfter;

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
    /// The code stays, the body is a web page; in place of 204, which has no body, comes 200.
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

impl Reply {
    /// Whether the client gets the API's own answer, if slowly.
    pub(crate) fn is_intact(&self) -> bool {
        matches!(self, Self::AsIs | Self::Drip { .. })
    }

    pub(crate) fn label(&self) -> String {
        match self {
            Self::AsIs => "as_is".to_owned(),
            Self::Dropped => "dropped".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Status { status, .. } => format!("status {status}"),
            Self::Truncated { bytes } => format!("truncated to {bytes}"),
            Self::Html => "html".to_owned(),
            Self::ContentType { value } => format!("content type {value}"),
            Self::Drip { .. } => "drip".to_owned(),
            Self::Redirect { status, .. } => format!("redirect {status}"),
            Self::Large { bytes } => format!("large, {bytes}"),
            Self::Body { .. } => "body".to_owned(),
        }
    }
}
