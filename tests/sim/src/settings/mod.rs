//! The settings: one for every point that the vendor's documents leave open.
//!
//! Defaults are the documented or seen behaviour, else the likely one. A profile is the same
//! structure as JSON; what it leaves out keeps its default, and an unknown name is an error.

mod api;
mod jobs;
mod pattern;
mod schedules;
mod search;
mod tokens;
mod users;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use api::{ApiSettings, ErrorShape, IdForm, MissingKey, OrgHeader, Poison, RateLimit, RetryAfter};
pub use jobs::{
    Doubles, JobSettings, MetaShape, Operation, Pace, PersistedShape, RowFailure, RowsAppear, UnknownJob,
};
pub use pattern::Pattern;
pub use schedules::{
    DateForm, DeletedUsers, EqualTimes, FilterEffect, Granularity, JobIds, NextOrgHeader, PastDates,
    ScheduleSettings, UnknownUsers,
};
pub use search::{Letters, SearchSettings};
pub use tokens::{ExpiresIn, ServiceAccount, TokenSettings};
pub use users::{ActivateFrom, BadInput, EmptyForm, UserSettings, UsernameChange, ValidationSettings};

use crate::fault::FaultRule;

/// The id of the organisation that [`Settings::default`] has.
pub const DEFAULT_ORGANISATION: &str = "5f0c1d2e3a4b5c6d7e8f9a01";

/// The API key of the organisation that [`Settings::default`] has.
pub const DEFAULT_KEY: &str = "simulator-key";

/// Everything that can be chosen about a simulator.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Seeds every random choice: ids, shuffled pages, fault probabilities. Read at the start.
    pub seed: u64,
    /// The organisations. A later change adds new ones and changes names and state defaults; keys
    /// are read at the start only, see [`crate::Sim::add_key`].
    pub organisations: Vec<OrganisationSettings>,
    /// Keys of administrators of several organisations, who must send `x-org-id`. Read at the start.
    pub multi_tenant_keys: Vec<MultiTenantKey>,
    /// Authentication, error bodies, caps of requests.
    pub api: ApiSettings,
    /// Service accounts' tokens.
    pub tokens: TokenSettings,
    /// Bulk jobs and their results.
    pub jobs: JobSettings,
    /// Scheduled state changes.
    pub schedules: ScheduleSettings,
    /// How users are stored and shown.
    pub users: UserSettings,
    /// Which bad input is refused, and how.
    pub validation: ValidationSettings,
    /// V1 lists and searches.
    pub search: SearchSettings,
    /// The fault rules at the start; see [`crate::Sim::set_faults`] for later ones.
    pub faults: Vec<FaultRule>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            seed: 1,
            organisations: vec![OrganisationSettings::default()],
            multi_tenant_keys: Vec::new(),
            api: ApiSettings::default(),
            tokens: TokenSettings::default(),
            jobs: JobSettings::default(),
            schedules: ScheduleSettings::default(),
            users: UserSettings::default(),
            validation: ValidationSettings::default(),
            search: SearchSettings::default(),
            faults: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads a profile.
    ///
    /// # Errors
    /// The JSON is not readable, or names a setting that does not exist.
    pub fn from_json(text: &str) -> Result<Self, SettingsError> {
        Ok(serde_json::from_str(text)?)
    }

    /// These settings with `change` merged in, as by JSON merge patch: objects are merged, lists
    /// are replaced, null restores nothing and is refused where a value is needed.
    ///
    /// # Errors
    /// The result has a value of the wrong type or a setting that does not exist.
    pub fn merged(&self, change: &Value) -> Result<Self, SettingsError> {
        let mut whole = serde_json::to_value(self)?;
        merge(&mut whole, change);
        Ok(serde_json::from_value(whole)?)
    }
}

/// A profile or a change of settings cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the settings cannot be read, correct the profile: {0}")]
pub struct SettingsError(#[from] serde_json::Error);

/// One organisation at the start.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OrganisationSettings {
    /// 24 hexadecimal digits.
    pub id: String,
    /// The name shown in the console.
    pub display_name: String,
    /// API keys of administrators of this organisation alone.
    pub keys: Vec<Key>,
    /// Service accounts of this organisation. Read at the start; see
    /// [`crate::Sim::add_client_secret`].
    pub service_accounts: Vec<ServiceAccount>,
    /// The state of new users whose row has none.
    pub new_user_state: NewUserState,
    /// Users that exist at the start, in the form of `POST /systemusers`.
    pub users: Vec<Value>,
}

impl Default for OrganisationSettings {
    fn default() -> Self {
        Self {
            id: DEFAULT_ORGANISATION.to_owned(),
            display_name: "Example".to_owned(),
            keys: vec![Key::new(DEFAULT_KEY)],
            service_accounts: Vec::new(),
            new_user_state: NewUserState::default(),
            users: Vec::new(),
        }
    }
}

/// The state of new users by the way they come in, each `ACTIVATED` or `STAGED`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NewUserState {
    /// Bulk creation with any creation source but `jumpcloud:bulk`.
    pub application_import: String,
    /// Bulk creation with `jumpcloud:bulk`, the default source.
    pub csv_import: String,
    /// `POST /systemusers`.
    pub manual_entry: String,
}

impl Default for NewUserState {
    fn default() -> Self {
        let activated = || "ACTIVATED".to_owned();
        Self { application_import: activated(), csv_import: "STAGED".to_owned(), manual_entry: activated() }
    }
}

/// A key that works in several organisations.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MultiTenantKey {
    /// The key.
    pub key: Key,
    /// The ids of the organisations it works in.
    pub organisations: Vec<String>,
}

/// An API key, client id or client secret. Its debug form does not show it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Key(String);

impl Key {
    /// A key of any form: the vendor's have changed over time.
    #[must_use]
    pub fn new(key: impl Into<String>) -> Self {
        Self(key.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Key(..)")
    }
}

/// Merges `change` into `whole` as by JSON merge patch, but keeps null as a value.
pub(crate) fn merge(whole: &mut Value, change: &Value) {
    match (whole, change) {
        (Value::Object(whole), Value::Object(change)) => {
            for (name, value) in change {
                merge(whole.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        (whole, change) => *whole = change.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn an_empty_profile_is_the_default() {
        let settings = Settings::from_json("{}").unwrap();
        assert_eq!(
            serde_json::to_value(&settings).unwrap(),
            serde_json::to_value(Settings::default()).unwrap()
        );
    }

    #[test]
    fn the_readmes_profile_is_read() {
        let readme = include_str!("../../README.md");
        let (_, profile) = readme.split_once("```json\n").unwrap();
        let settings = Settings::from_json(profile.split_once("```").unwrap().0).unwrap();
        assert_eq!((settings.jobs.service_time_ms, settings.faults.len()), (4000, 1));
    }

    #[test]
    fn unknown_settings_are_refused() {
        assert!(Settings::from_json(r#"{"jobs":{"servicetime":1}}"#).is_err());
        assert!(Settings::default().merged(&json!({"job": {}})).is_err());
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name() {
        let settings = Settings::default().merged(&json!({"jobs": {"failed_word": "error"}})).unwrap();
        assert_eq!(settings.jobs.failed_word, "error");
        assert_eq!(settings.organisations.len(), 1);
    }

    #[test]
    fn keys_are_not_shown() {
        assert!(!format!("{:?}", Settings::default()).contains(DEFAULT_KEY));
    }
}
