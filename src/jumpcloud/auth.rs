//! Who speaks: the credential, and the headers that carry it.
//!
//! Guarantees: no `Debug` output, error text or log shows a credential. Header values are marked as
//! sensitive, so that HTTP/2 does not keep them in its compression table.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::jumpcloud::error::ConfigError;

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");
/// The header that names the organisation.
pub(crate) const ORGANIZATION: HeaderName = HeaderName::from_static("x-org-id");

/// What the client proves its identity with.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// An administrator's or a service account's API key, sent as `x-api-key`. The format is not
    /// checked: old keys have 40 characters, new ones begin with `jca_`.
    ApiKey(SecretString),
    /// A service account, which speaks by tokens that it gets for its client id and secret.
    ServiceAccount(ServiceAccount),
}

/// OAuth client credentials. They are sent to [`crate::jumpcloud::endpoint::Endpoint::token_url`] alone.
#[derive(Clone)]
pub struct ServiceAccount {
    /// The client id.
    pub client_id: SecretString,
    /// The client secret.
    pub client_secret: SecretString,
}

/// Tells credentials apart without keeping them: SHA-256, for the memory of this process only.
///
/// Never write it anywhere: a hash of a key in a status or a log is a target for guessing.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl Credential {
    /// The fingerprint of this credential.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        let mut hash = Sha256::new();
        // The kind of credential is hashed as well, so that equal texts of two kinds stay apart.
        match self {
            Self::ApiKey(key) => {
                hash.update(b"api-key\0");
                hash.update(key.expose_secret().as_bytes());
            }
            Self::ServiceAccount(account) => {
                hash.update(b"service-account\0");
                // No client id holds a colon, which HTTP Basic puts here, too.
                hash.update(account.client_id.expose_secret().as_bytes());
                hash.update(b":");
                hash.update(account.client_secret.expose_secret().as_bytes());
            }
        }
        Fingerprint(hash.finalize().into())
    }

    /// The text that must never appear in a message, even when the server repeats it.
    pub(crate) fn secret(&self) -> &SecretString {
        match self {
            Self::ApiKey(key) => key,
            Self::ServiceAccount(account) => &account.client_secret,
        }
    }

    /// The headers of each request, but for a token, which changes. `organization` becomes `x-org-id`.
    pub(crate) fn headers(&self, organization: Option<&str>) -> Result<HeaderMap, ConfigError> {
        let mut headers = HeaderMap::new();
        match self {
            Self::ApiKey(key) => {
                let key = key.expose_secret();
                if key.is_empty() {
                    return Err(ConfigError::EmptyCredential);
                }
                let mut value = HeaderValue::from_str(key).map_err(|_| ConfigError::InvalidCredential)?;
                value.set_sensitive(true);
                headers.insert(API_KEY, value);
            }
            Self::ServiceAccount(account) => account.check()?,
        }
        if let Some(id) = organization {
            let value = HeaderValue::from_str(id).ok().filter(|value| !value.is_empty());
            headers.insert(ORGANIZATION, value.ok_or(ConfigError::InvalidOrganization)?);
        }
        Ok(headers)
    }
}

impl ServiceAccount {
    /// Whether HTTP Basic can carry it.
    fn check(&self) -> Result<(), ConfigError> {
        let (id, secret) = (self.client_id.expose_secret(), self.client_secret.expose_secret());
        if id.is_empty() || secret.is_empty() {
            return Err(ConfigError::EmptyCredential);
        }
        if id.contains(':') {
            return Err(ConfigError::InvalidClientId);
        }
        // As strict as for a key: what no header can carry was copied wrongly.
        match HeaderValue::from_str(id).and_then(|_| HeaderValue::from_str(secret)) {
            Ok(_) => Ok(()),
            Err(_) => Err(ConfigError::InvalidCredential),
        }
    }
}

impl fmt::Debug for ServiceAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServiceAccount([redacted])")
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(_) => f.write_str("ApiKey([redacted])"),
            Self::ServiceAccount(account) => account.fmt(f),
        }
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> Credential {
        Credential::ApiKey(SecretString::from(text))
    }

    fn account(id: &str, secret: &str) -> Credential {
        Credential::ServiceAccount(ServiceAccount { client_id: id.into(), client_secret: secret.into() })
    }

    #[test]
    fn a_service_account_puts_nothing_into_the_lasting_headers() {
        let headers = account("id", "canary").headers(Some("5f1b")).unwrap();
        assert_eq!(headers.len(), 1);
        assert_eq!(headers[ORGANIZATION], "5f1b");
        for (id, secret, want) in [
            ("", "s", ConfigError::EmptyCredential),
            ("i", "", ConfigError::EmptyCredential),
            ("canary:x", "s", ConfigError::InvalidClientId),
            ("i", "canary\n", ConfigError::InvalidCredential),
            ("canary\n", "s", ConfigError::InvalidCredential),
        ] {
            let error = account(id, secret).headers(None).unwrap_err();
            assert_eq!(error.to_string(), want.to_string());
            assert!(!format!("{error:?} {error}").contains("canary"));
        }
    }

    #[test]
    fn the_key_is_a_sensitive_header() {
        let headers = key("jca_canary").headers(Some("5f1b")).unwrap();
        assert!(headers[API_KEY].is_sensitive());
        assert_eq!(headers[API_KEY], "jca_canary");
        assert_eq!(headers[ORGANIZATION], "5f1b");
        assert!(!format!("{headers:?}").contains("canary"));
        assert!(key("k").headers(None).unwrap().get(ORGANIZATION).is_none());
    }

    #[test]
    fn bad_keys_are_refused_without_being_shown() {
        for (text, want) in [
            ("", ConfigError::EmptyCredential),
            ("canary\n", ConfigError::InvalidCredential),
            ("can\u{0}ary", ConfigError::InvalidCredential),
        ] {
            let error = key(text).headers(None).unwrap_err();
            assert_eq!(error.to_string(), want.to_string());
            assert!(!format!("{error:?} {error}").contains("canary"));
        }
        for id in ["", "a\nb"] {
            assert!(matches!(key("k").headers(Some(id)), Err(ConfigError::InvalidOrganization)), "{id:?}");
        }
    }

    #[test]
    fn fingerprints_tell_keys_apart_and_show_nothing() {
        assert_eq!(key("a").fingerprint(), key("a").fingerprint());
        assert_ne!(key("a").fingerprint(), key("b").fingerprint());
        assert!(format!("{:?} {:?}", key("canary"), key("canary").fingerprint()).contains("redacted"));
        assert!(!format!("{:?} {:?}", key("canary"), account("canary", "canary")).contains("canary"));
        assert_ne!(account("a", "b").fingerprint(), account("a", "c").fingerprint());
        assert_ne!(account("a", "b").fingerprint(), account("b", "b").fingerprint());
        assert_ne!(account("a", "b").fingerprint(), key("a:b").fingerprint());
    }
}
