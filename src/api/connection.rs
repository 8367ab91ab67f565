//! `JumpCloudConnection`: which organisation, with which credential, how fast.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::SecretKeyReference;

/// What is said of a connection with no credential, or with two.
pub const ONE_CREDENTIAL: &str = "auth takes exactly one of apiKey and serviceAccount";

/// Which JumpCloud organisation is reached, with which credential and how fast. Other objects of the
/// namespace name it in `connectionRef`; `default` when they name none.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "jumpcloud-operator.dev",
    version = "v1alpha1",
    kind = "JumpCloudConnection",
    namespaced,
    status = "JumpCloudConnectionStatus",
    shortname = "jcconn",
    category = "jumpcloud",
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].status", name = "Ready", type_ = "string"),
    printcolumn(json_path = ".status.conditions[?(@.type=='Ready')].reason", name = "Status", type_ = "string"),
    printcolumn(json_path = ".status.organization.name", name = "Organization", type_ = "string"),
    printcolumn(json_path = ".metadata.creationTimestamp", name = "Age", type_ = "date"),
    validation = Rule::new("!has(self.spec.region) || !has(self.spec.apiURL)")
        .message("region and apiURL exclude each other; leave one out")
        .field_path(".spec.apiURL"),
    validation = Rule::new("!has(self.spec.apiURL) || self.spec.apiURL.startsWith('https://') \
        || self.spec.apiURL.matches('^http://(localhost|127[.][0-9]+[.][0-9]+[.][0-9]+|\\\\[::1\\\\])(:[0-9]+)?$')")
        .message("apiURL is https; plain http is taken for loopback addresses only")
        .field_path(".spec.apiURL"),
    validation = Rule::new("has(self.spec.auth.apiKey) != has(self.spec.auth.serviceAccount)")
        .message(ONE_CREDENTIAL)
        .field_path(".spec.auth")
)]
#[serde(rename_all = "camelCase")]
pub struct JumpCloudConnectionSpec {
    /// JumpCloud's region: US (console.jumpcloud.com), EU or IN. Neither region nor apiURL means US.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Origin of the API instead of a region: scheme, host and port, no path. Must be allowed by the
    /// operator's --allowed-api-url, so that a namespace cannot send a key elsewhere. A service account
    /// gets its tokens from /oauth2/token of this origin; with a region, and with the origin of one, from
    /// the region's admin-oauth.id.jumpcloud.com, admin-oauth.id.eu.jumpcloud.com or
    /// admin-oauth.id.in.jumpcloud.com.
    #[serde(default, rename = "apiURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://[^/?#@\s]+$"))]
    pub api_url: Option<String>,
    /// The organisation to work in, sent as x-org-id. Needed by administrators of several
    /// organisations; others leave it out. When given, another organisation behind the key is an error.
    #[serde(default, rename = "organizationID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9-]+$"))]
    pub organization_id: Option<String>,
    /// The credential: exactly one of apiKey and serviceAccount.
    pub auth: Auth,
    /// How fast and how much at once.
    #[serde(default)]
    pub limits: ConnectionLimits,
    /// Globs (`*`, `?`) on usernames, without regard to case: users that nobody updates, suspends,
    /// schedules or deletes through this connection. Such a change ends as UserProtected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 100), inner(length(min = 1, max = 256), regex(pattern = r"^[!-~]+$")))]
    pub protected_users: Vec<String>,
    /// Emergency stop: nothing is written through this connection, whoever asks. Running jobs are
    /// still followed.
    #[serde(default)]
    pub paused: bool,
}

/// JumpCloud's region: US (console.jumpcloud.com), EU or IN. Neither region nor apiURL means US.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Region {
    /// console.jumpcloud.com
    US,
    /// console.eu.jumpcloud.com
    EU,
    /// console.in.jumpcloud.com
    IN,
}

/// The credential of a connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Auth {
    /// An API key, sent as x-api-key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api_key: Option<ApiKey>,
    /// A service account: OAuth client credentials, for which the operator gets tokens that it sends as
    /// Bearer. JumpCloud's description of the bulk routes names API keys only; where they refuse a
    /// token, use an API key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
}

/// The credential that a connection uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Chosen<'a> {
    /// An API key.
    ApiKey(&'a SecretKeyReference),
    /// A service account.
    ServiceAccount(&'a ServiceAccount),
}

impl Auth {
    /// The one credential; `None` when there is none, or two, which the API server refuses.
    #[must_use]
    pub const fn chosen(&self) -> Option<Chosen<'_>> {
        match (&self.api_key, &self.service_account) {
            (Some(key), None) => Some(Chosen::ApiKey(&key.secret_key_ref)),
            (None, Some(account)) => Some(Chosen::ServiceAccount(account)),
            (None, None) | (Some(_), Some(_)) => None,
        }
    }
}

/// Where an API key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Secret and key in the connection's namespace.
    pub secret_key_ref: SecretKeyReference,
}

/// Where the client id and the client secret of a service account are: in one Secret or in two, in the
/// connection's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Secret and key of the client id.
    #[serde(rename = "clientIDSecretKeyRef")]
    pub client_id_secret_key_ref: SecretKeyReference,
    /// Secret and key of the client secret.
    pub client_secret_secret_key_ref: SecretKeyReference,
}

/// Limits of a connection. Connections that share a credential share the lowest of their limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectionLimits {
    /// Requests per second on average, 1 to 100. JumpCloud publishes no figure; 200 a minute is the
    /// lowest one heard of.
    #[schemars(range(min = 1, max = 100))]
    pub requests_per_second: u32,
    /// Requests that may follow each other at once, 1 to 1000.
    #[schemars(range(min = 1, max = 1000))]
    pub burst: u32,
    /// Most users of one job, 1 to 800, which is the vendor's own cap.
    #[schemars(range(min = 1, max = 800))]
    pub max_batch_size: u32,
    /// Most jobs under way at the same time, 1 to 100.
    #[schemars(range(min = 1, max = 100))]
    pub max_concurrent_jobs: u32,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self { requests_per_second: 3, burst: 10, max_batch_size: 800, max_concurrent_jobs: 4 }
    }
}

/// What the operator found out about a connection. Written only when something changed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct JumpCloudConnectionStatus {
    /// The generation the conditions speak of.
    #[serde(default = "super::user_status::never", skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling and Stalled by the rules of kstatus.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub conditions: Vec<Condition>,
    /// The organisation behind the credential.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationStatus>,
    /// The state that JumpCloud gives to new users that declare none. Read when the connection is
    /// checked after a change; absent when the credential may not read the organisation's settings.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_user_state: Option<NewUserState>,
    /// Scheduled state changes to come, of all ScheduledUserState of this connection. As of the last time
    /// that one of them changed; absent when there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scheduled_events: Option<ScheduledEvents>,
    /// uid and resourceVersion of the Secret that was checked last, as `uid/resourceVersion`. With two
    /// Secrets both, that of the client id first, with a comma between them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub credential_version: Option<String>,
}

/// Scheduled state changes to come.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ScheduledEvents {
    /// How many.
    pub count: u32,
    /// When the next one is, in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub next_time: Option<String>,
}

/// The state of new users that declare none, by the way they come in: Activated or Staged, or whatever
/// else JumpCloud says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct NewUserState {
    /// For batches with creationSource Bulk, the default (JumpCloud's setting csvImport).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub bulk: Option<String>,
    /// For batches with any other creationSource (JumpCloud's setting applicationImport).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub other_sources: Option<String>,
}

/// A JumpCloud organisation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct OrganizationStatus {
    /// JumpCloud's id.
    #[schemars(length(max = 64))]
    pub id: String,
    /// Display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub name: Option<String>,
}
