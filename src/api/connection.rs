//! `JumpCloudConnection`: which organisation, with which credential, how fast.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::common::SecretKeyReference;

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
        .field_path(".spec.apiURL")
)]
#[serde(rename_all = "camelCase")]
pub struct JumpCloudConnectionSpec {
    /// JumpCloud's region: US (console.jumpcloud.com), EU or IN. Neither region nor apiURL means US.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<Region>,
    /// Origin of the API instead of a region: scheme, host and port, no path. Must be allowed by the
    /// operator's --allowed-api-url, so that a namespace cannot send a key elsewhere.
    #[serde(default, rename = "apiURL", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https?://[^/?#@\s]+$"))]
    pub api_url: Option<String>,
    /// The organisation to work in, sent as x-org-id. Needed by administrators of several
    /// organisations; others leave it out. When given, another organisation behind the key is an error.
    #[serde(default, rename = "organizationID", skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64), regex(pattern = r"^[A-Za-z0-9-]+$"))]
    pub organization_id: Option<String>,
    /// The credential.
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
    pub api_key: ApiKey,
}

/// Where an API key is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ApiKey {
    /// Secret and key in the connection's namespace.
    pub secret_key_ref: SecretKeyReference,
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
    /// uid and resourceVersion of the Secret that was checked last, as `uid/resourceVersion`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 256))]
    pub credential_version: Option<String>,
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
