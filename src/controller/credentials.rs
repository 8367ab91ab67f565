//! Reading credentials, and where they may be sent.
//!
//! Secrets are read one by one (verb `get`), never listed or watched. Keys stay in memory.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use reqwest::{Certificate, Url};
use secrecy::SecretString;

use super::error::{Error, KUBE_TIMEOUT, within};
use crate::api::connection::{JumpCloudConnectionSpec, Region as Declared};
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::endpoint::{Endpoint, Region};
use crate::jumpcloud::observe::Observer;

/// A Secret's content that matters.
pub enum KeyMaterial {
    /// There is no such Secret.
    NoSecret,
    /// It lacks the key, or what is there is no key: why.
    NoKey(String),
    /// The credential and the Secret's uid and resourceVersion.
    Found {
        /// The credential.
        credential: Credential,
        /// `uid/resourceVersion`.
        version: String,
    },
}

/// Reads the credential of a connection.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn read(
    client: &kube::Client,
    namespace: &str,
    spec: &JumpCloudConnectionSpec,
) -> Result<KeyMaterial, Error> {
    let reference = &spec.auth.api_key.secret_key_ref;
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let Some(secret) = within(KUBE_TIMEOUT, api.get_opt(&reference.name)).await?? else {
        return Ok(KeyMaterial::NoSecret);
    };
    let Some(bytes) = secret.data.as_ref().and_then(|data| data.get(&reference.key)) else {
        return Ok(KeyMaterial::NoKey("not found".to_owned()));
    };
    // Keys come from files, and files end with a line break.
    let Some(text) = std::str::from_utf8(&bytes.0).ok().map(str::trim).filter(|text| !text.is_empty()) else {
        return Ok(KeyMaterial::NoKey("is empty or not a text".to_owned()));
    };
    let version = format!(
        "{}/{}",
        secret.metadata.uid.as_deref().unwrap_or_default(),
        secret.metadata.resource_version.as_deref().unwrap_or_default()
    );
    Ok(KeyMaterial::Found { credential: Credential::ApiKey(SecretString::from(text)), version })
}

/// Settings for all clients of the process.
pub struct Outbound {
    /// Origins other than JumpCloud's own that connections may name.
    pub allowed_origins: Vec<Endpoint>,
    /// Certificates trusted besides the system's.
    pub extra_roots: Vec<Certificate>,
    /// Proxy for all requests to JumpCloud.
    pub proxy: Option<Url>,
    /// Sees every request, for metrics.
    pub observer: Arc<dyn Observer>,
}

impl Outbound {
    /// The origin that a connection names.
    ///
    /// # Errors
    /// When it is no origin, or not on the operator's list.
    pub fn endpoint(&self, spec: &JumpCloudConnectionSpec) -> Result<Endpoint, String> {
        let Some(url) = &spec.api_url else {
            return Ok(Endpoint::region(match spec.region {
                None | Some(Declared::US) => Region::Us,
                Some(Declared::EU) => Region::Eu,
                Some(Declared::IN) => Region::In,
            }));
        };
        let endpoint = Endpoint::origin(url).map_err(|error| format!("apiURL: {error}"))?;
        if self.allowed_origins.contains(&endpoint) {
            Ok(endpoint)
        } else {
            Err("apiURL is not allowed; add it to the operator's --allowed-api-url, or use region".to_owned())
        }
    }
}
