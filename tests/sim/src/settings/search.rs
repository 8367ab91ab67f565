//! Settings of V1 lists and searches.

use serde::{Deserialize, Serialize};

/// How users are found.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SearchSettings {
    /// A new user is in lists and searches only after this many simulated milliseconds. Its own
    /// page (`GET /systemusers/{id}`) and the uniqueness check know it at once.
    pub lag_ms: u64,
    /// Whether an exact condition in object form, `{"username": "x"}`, regards letter case.
    pub object_form: Letters,
    /// Whether `?sort=` has an effect on searches.
    pub sort_is_honoured: bool,
    /// Answers without a sort come in a new random order each time.
    pub shuffle_unsorted: bool,
    /// The largest `limit` of a search; 400 above it.
    pub max_limit: usize,
    /// The largest `limit` of a list; 400 above it.
    pub max_list_limit: usize,
    /// The `limit` of a request that has none.
    pub default_limit: usize,
    /// The most conditions in one search; 400 above it. Unlimited when absent.
    pub max_conditions: Option<usize>,
}

impl Default for SearchSettings {
    fn default() -> Self {
        Self {
            lag_ms: 0,
            object_form: Letters::Sensitive,
            sort_is_honoured: true,
            shuffle_unsorted: false,
            max_limit: 1000,
            max_list_limit: 100,
            default_limit: 10,
            max_conditions: None,
        }
    }
}

/// Whether letter case counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Letters {
    /// `A` and `a` differ.
    Sensitive,
    /// `A` and `a` are the same.
    Insensitive,
}
