//! Reading credentials, and where they may be sent.
//!
//! Secrets are read one by one (verb `get`), never listed or watched. Credentials stay in memory.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::Api;
use reqwest::{Certificate, Url};
use secrecy::SecretString;

use super::error::{Error, KUBE_TIMEOUT, within};
use crate::api::common::{SecretKeyReference, is_object_name};
use crate::api::connection::{Chosen, JumpCloudConnectionSpec, ONE_CREDENTIAL, Region as Declared};
use crate::jumpcloud::auth::{Credential, ServiceAccount};
use crate::jumpcloud::endpoint::{Endpoint, Region};
use crate::jumpcloud::observe::Observer;
use crate::plan::connection::Finding;

/// What the Secrets of a connection hold.
pub enum KeyMaterial {
    /// No credential: why.
    Lacking(Finding),
    /// The credential and the version of the Secrets.
    Found {
        /// The credential.
        credential: Credential,
        /// `uid/resourceVersion` of each Secret.
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
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let get = async |name: &str| {
        if !is_object_name(name) {
            return Ok(Ok(None));
        }
        answered(name, within(KUBE_TIMEOUT, api.get_opt(name)).await?)
    };
    Ok(match spec.auth.chosen() {
        None => KeyMaterial::Lacking(Finding::Invalid(ONE_CREDENTIAL.to_owned())),
        Some(Chosen::ApiKey(reference)) => match get(&reference.name).await? {
            Ok(secret) => api_key(reference, secret.as_ref()),
            Err(finding) => KeyMaterial::Lacking(finding),
        },
        Some(Chosen::ServiceAccount(account)) => {
            let (id, secret) = (&account.client_id_secret_key_ref, &account.client_secret_secret_key_ref);
            let first = match get(&id.name).await? {
                Ok(first) => first,
                Err(finding) => return Ok(KeyMaterial::Lacking(finding)),
            };
            let second = if id.name == secret.name { Ok(None) } else { get(&secret.name).await?.map(Some) };
            match second {
                Ok(second) => {
                    service_account((id, first.as_ref()), (secret, second.as_ref().map(Option::as_ref)))
                }
                Err(finding) => KeyMaterial::Lacking(finding),
            }
        }
    })
}

/// A Secret that the operator may not read is the connection's trouble, to be told there, and not a pass
/// that failed.
fn answered(
    name: &str,
    answer: Result<Option<Secret>, kube::Error>,
) -> Result<Result<Option<Secret>, Finding>, Error> {
    match answer {
        Ok(secret) => Ok(Ok(secret)),
        Err(kube::Error::Api(status)) if status.code == 403 => {
            Ok(Err(Finding::SecretForbidden(name.to_owned())))
        }
        Err(error) => Err(error.into()),
    }
}

fn api_key(reference: &SecretKeyReference, secret: Option<&Secret>) -> KeyMaterial {
    let found = present(reference, secret).and_then(|secret| {
        let key = text(reference, secret, "API key")?;
        Ok((Credential::ApiKey(key), version(secret)))
    });
    material(found)
}

/// The second Secret is `None` when it is the first one.
fn service_account(
    (id, first): (&SecretKeyReference, Option<&Secret>),
    (secret, second): (&SecretKeyReference, Option<Option<&Secret>>),
) -> KeyMaterial {
    let found = present(id, first).and_then(|first| {
        let other = second.map(|second| present(secret, second)).transpose()?;
        let client_id = text(id, first, "client id")?;
        let client_secret = text(secret, other.unwrap_or(first), "client secret")?;
        let versions = [Some(first), other].into_iter().flatten().map(version).collect::<Vec<_>>();
        let account = ServiceAccount { client_id, client_secret };
        Ok((Credential::ServiceAccount(account), versions.join(",")))
    });
    material(found)
}

fn material(found: Result<(Credential, String), Finding>) -> KeyMaterial {
    match found {
        Ok((credential, version)) => KeyMaterial::Found { credential, version },
        Err(finding) => KeyMaterial::Lacking(finding),
    }
}

fn present<'a>(reference: &SecretKeyReference, secret: Option<&'a Secret>) -> Result<&'a Secret, Finding> {
    secret.ok_or_else(|| Finding::SecretMissing(reference.name.clone()))
}

/// What is under a key of a Secret.
fn text(
    reference: &SecretKeyReference,
    secret: &Secret,
    wanted: &'static str,
) -> Result<SecretString, Finding> {
    let missing =
        |why: &str| Finding::KeyMissing { reference: reference.clone(), wanted, why: why.to_owned() };
    let bytes = secret.data.as_ref().and_then(|data| data.get(&reference.key));
    let bytes = bytes.ok_or_else(|| missing("not found"))?;
    // Keys come from files, and files end with a line break.
    let text = std::str::from_utf8(&bytes.0).ok().map(str::trim).filter(|text| !text.is_empty());
    Ok(SecretString::from(text.ok_or_else(|| missing("is empty or not a text"))?))
}

fn version(secret: &Secret) -> String {
    format!(
        "{}/{}",
        secret.metadata.uid.as_deref().unwrap_or_default(),
        secret.metadata.resource_version.as_deref().unwrap_or_default()
    )
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

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn secret(uid: &str, data: &[(&str, &str)]) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.uid = Some(uid.to_owned());
        secret.metadata.resource_version = Some("7".to_owned());
        let bytes = |text: &str| k8s_openapi::ByteString(text.as_bytes().to_vec());
        secret.data = Some(data.iter().map(|(key, value)| ((*key).to_owned(), bytes(value))).collect());
        secret
    }

    fn reference(name: &str, key: &str) -> SecretKeyReference {
        SecretKeyReference { name: name.to_owned(), key: key.to_owned() }
    }

    fn lacking(material: KeyMaterial) -> Finding {
        match material {
            KeyMaterial::Lacking(finding) => finding,
            KeyMaterial::Found { .. } => panic!("a credential was found"),
        }
    }

    #[test]
    fn a_service_account_comes_from_one_secret_or_two() {
        let both = secret("a", &[("id", " client\n"), ("secret", "canary\n")]);
        let (id, key) = (reference("sa", "id"), reference("sa", "secret"));
        let KeyMaterial::Found { credential: Credential::ServiceAccount(account), version } =
            service_account((&id, Some(&both)), (&key, None))
        else {
            panic!("no service account");
        };
        assert_eq!((account.client_id.expose_secret(), version.as_str()), ("client", "a/7"));
        assert_eq!(account.client_secret.expose_secret(), "canary");

        let (one, two) = (secret("a", &[("id", "client")]), secret("b", &[("secret", "canary")]));
        let other = reference("other", "secret");
        let KeyMaterial::Found { version, .. } =
            service_account((&id, Some(&one)), (&other, Some(Some(&two))))
        else {
            panic!("no service account");
        };
        assert_eq!(version, "a/7,b/7");
    }

    #[test]
    fn what_is_missing_is_named() {
        let (id, key) = (reference("sa", "id"), reference("other", "secret"));
        let one = secret("a", &[("id", "client")]);
        let empty = secret("b", &[("secret", " ")]);
        assert_eq!(
            lacking(service_account((&id, None), (&key, Some(Some(&empty))))),
            Finding::SecretMissing("sa".to_owned())
        );
        assert_eq!(
            lacking(service_account((&id, Some(&one)), (&key, Some(None)))),
            Finding::SecretMissing("other".to_owned())
        );
        let missing = |material| match lacking(material) {
            Finding::KeyMissing { reference, wanted, why } => (reference.name, wanted, why),
            other => panic!("{other:?}"),
        };
        assert_eq!(
            missing(service_account((&id, Some(&one)), (&key, Some(Some(&empty))))),
            ("other".to_owned(), "client secret", "is empty or not a text".to_owned())
        );
        assert_eq!(
            missing(api_key(&reference("sa", "key"), Some(&one))),
            ("sa".to_owned(), "API key", "not found".to_owned())
        );
    }

    #[test]
    fn a_secret_that_may_not_be_read_is_told() {
        let api = |code| {
            let status = kube::core::Status::failure("no", "Forbidden").with_code(code);
            Err(kube::Error::Api(Box::new(status)))
        };
        let told = answered("jumpcloud", api(403)).unwrap().unwrap_err();
        assert_eq!(told, Finding::SecretForbidden("jumpcloud".to_owned()));
        assert!(answered("jumpcloud", api(500)).is_err(), "asked again");
        assert_eq!(answered("jumpcloud", Ok(None)).unwrap(), Ok(None));
    }
}
