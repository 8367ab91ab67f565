//! Settings of service accounts and of the tokens that they get.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Key;

/// A service account of an organisation: what `POST /oauth2/token` takes.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceAccount {
    /// The client id.
    pub client_id: Key,
    /// The client secrets: two at a time, so that one can be replaced.
    pub secrets: Vec<Key>,
}

/// How tokens are given, and where they are taken.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TokenSettings {
    /// How long a token is good for, by the simulator's clock. An hour was seen.
    pub lifetime_s: u64,
    /// What the answer says about that.
    pub expires_in: ExpiresIn,
    /// Refuses every request for a token with this code.
    pub refuse: Option<u16>,
    /// Whether the routes of bulk jobs answer 401 to tokens. The vendor's description of the API names
    /// API keys only; tools in use send tokens.
    pub bulk_refuses: bool,
}

impl Default for TokenSettings {
    fn default() -> Self {
        Self { lifetime_s: 3600, expires_in: ExpiresIn::Lifetime, refuse: None, bulk_refuses: false }
    }
}

/// What the answer says about a token's lifetime.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ExpiresIn {
    /// The lifetime, in seconds.
    Lifetime,
    /// Nothing.
    Absent,
    /// This, whatever the lifetime is.
    Value(Value),
}
