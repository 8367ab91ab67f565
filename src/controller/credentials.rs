//! Reading credentials, and where they may be sent.
//!
//! Secrets are read one by one (verb `get`); what they hold is never listed or watched. Credentials stay in memory.

use std::sync::Arc;

use k8s_openapi::api::core::v1::Secret;
use kube::api::{Api, ObjectMeta};
use reqwest::{Certificate, Url};
use secrecy::SecretString;

use super::error::{Error, KUBE_TIMEOUT, within};
use crate::api::common::{SecretKeyReference, is_object_name};
use crate::api::connection::{Chosen, JumpCloudConnectionSpec, ONE_CREDENTIAL, Region as Declared};
use crate::jumpcloud::auth::{Credential, ServiceAccount};
use crate::jumpcloud::endpoint::{Endpoint, Region};
use crate::jumpcloud::observe::Observer;
use crate::plan::connection::Finding;

/// What was read, and from which Secrets.
pub struct Reading {
    /// What they hold, or why that is no credential.
    pub credential: Result<Credential, Finding>,
    /// Their versions. Equal versions hold equal credentials.
    pub versions: Versions,
}

/// The Secrets that were read, each with its `uid/resourceVersion`, or nothing when it was not there. That of a client
/// id comes first. One that may not be read is not among them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Versions(Vec<(String, Option<String>)>);

impl Versions {
    /// Those of the Secrets that were there, with a comma between them.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.iter().filter_map(|(_, version)| version.as_deref()).collect::<Vec<_>>().join(",")
    }

    /// Name and version of each.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        self.0.iter().map(|(name, version)| (name.as_str(), version.as_deref()))
    }

    /// With one more.
    #[must_use]
    pub fn with(mut self, name: &str, version: Option<String>) -> Self {
        self.0.push((name.to_owned(), version));
        self
    }

    fn note(&mut self, name: &str, secret: Option<&Secret>) {
        self.0.push((name.to_owned(), secret.map(|secret| version(&secret.metadata))));
    }
}

/// Reads the credential of a connection.
///
/// # Errors
/// When the API server cannot be asked.
pub async fn read(
    client: &kube::Client,
    namespace: &str,
    spec: &JumpCloudConnectionSpec,
) -> Result<Reading, Error> {
    let mut versions = Versions::default();
    let credential = credential_of(client, namespace, spec, &mut versions).await?;
    Ok(Reading { credential, versions })
}

/// Notes in `versions` what it has read.
async fn credential_of(
    client: &kube::Client,
    namespace: &str,
    spec: &JumpCloudConnectionSpec,
    versions: &mut Versions,
) -> Result<Result<Credential, Finding>, Error> {
    let api: Api<Secret> = Api::namespaced(client.clone(), namespace);
    let mut get = async |name: &str| {
        if !is_object_name(name) {
            return Ok(Ok(None));
        }
        let answer = answered(name, within(KUBE_TIMEOUT, api.get_opt(name)).await?)?;
        if let Ok(secret) = &answer {
            versions.note(name, secret.as_ref());
        }
        Ok::<_, Error>(answer)
    };
    Ok(match spec.auth.chosen() {
        None => Err(Finding::Invalid(ONE_CREDENTIAL.to_owned())),
        Some(Chosen::ApiKey(reference)) => {
            get(&reference.name).await?.and_then(|secret| api_key(reference, secret.as_ref()))
        }
        Some(Chosen::ServiceAccount(account)) => {
            let (id, secret) = (&account.client_id_secret_key_ref, &account.client_secret_secret_key_ref);
            let first = match get(&id.name).await? {
                Ok(first) => first,
                Err(finding) => return Ok(Err(finding)),
            };
            let second = if id.name == secret.name { Ok(None) } else { get(&secret.name).await?.map(Some) };
            second.and_then(|second| {
                service_account((id, first.as_ref()), (secret, second.as_ref().map(Option::as_ref)))
            })
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

fn api_key(reference: &SecretKeyReference, secret: Option<&Secret>) -> Result<Credential, Finding> {
    let secret = present(reference, secret)?;
    Ok(Credential::ApiKey(text(reference, secret, "API key")?))
}

/// The second Secret is `None` when it is the first one.
fn service_account(
    (id, first): (&SecretKeyReference, Option<&Secret>),
    (secret, second): (&SecretKeyReference, Option<Option<&Secret>>),
) -> Result<Credential, Finding> {
    let first = present(id, first)?;
    let other = second.map(|second| present(secret, second)).transpose()?;
    let client_id = text(id, first, "client id")?;
    let client_secret = text(secret, other.unwrap_or(first), "client secret")?;
    Ok(Credential::ServiceAccount(ServiceAccount { client_id, client_secret }))
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

/// What tells one content of a Secret from another.
#[must_use]
pub fn version(metadata: &ObjectMeta) -> String {
    format!(
        "{}/{}",
        metadata.uid.as_deref().unwrap_or_default(),
        metadata.resource_version.as_deref().unwrap_or_default()
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

    fn lacking(credential: Result<Credential, Finding>) -> Finding {
        credential.expect_err("no credential")
    }

    #[test]
    fn a_service_account_comes_from_one_secret_or_two() {
        let both = secret("a", &[("id", " client\n"), ("secret", "canary\n")]);
        let (id, key) = (reference("sa", "id"), reference("sa", "secret"));
        let account = |credential| match credential {
            Ok(Credential::ServiceAccount(account)) => (
                account.client_id.expose_secret().to_owned(),
                account.client_secret.expose_secret().to_owned(),
            ),
            _ => panic!("no service account"),
        };
        let wanted = ("client".to_owned(), "canary".to_owned());
        assert_eq!(account(service_account((&id, Some(&both)), (&key, None))), wanted);

        let (one, two) = (secret("a", &[("id", "client")]), secret("b", &[("secret", "canary")]));
        let other = reference("other", "secret");
        assert_eq!(account(service_account((&id, Some(&one)), (&other, Some(Some(&two))))), wanted);
    }

    #[test]
    fn versions_are_those_of_the_secrets_that_were_there() {
        let mut versions = Versions::default();
        versions.note("sa", Some(&secret("a", &[])));
        assert_eq!(versions.text(), "a/7");
        versions.note("other", None);
        assert_eq!((versions.text().as_str(), versions.iter().count()), ("a/7", 2));
        let whole =
            Versions::default().with("sa", Some("a/7".to_owned())).with("other", Some("b/7".to_owned()));
        assert_ne!(whole, versions);
        assert_eq!(whole.text(), "a/7,b/7");
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
