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

/// What the client proves its identity with. OAuth client credentials will be another variant.
#[derive(Clone)]
#[non_exhaustive]
pub enum Credential {
    /// An administrator's or a service account's API key, sent as `x-api-key`. The format is not
    /// checked: old keys have 40 characters, new ones begin with `jca_`.
    ApiKey(SecretString),
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
        }
        Fingerprint(hash.finalize().into())
    }

    /// The text that must never appear in a message, even when the server repeats it.
    pub(crate) fn secret(&self) -> &SecretString {
        match self {
            Self::ApiKey(key) => key,
        }
    }

    /// The headers of each request. `organization` becomes `x-org-id`.
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
        }
        if let Some(id) = organization {
            let value = HeaderValue::from_str(id).ok().filter(|value| !value.is_empty());
            headers.insert(ORGANIZATION, value.ok_or(ConfigError::InvalidOrganization)?);
        }
        Ok(headers)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ApiKey(_) => f.write_str("ApiKey([redacted])"),
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
        assert!(!format!("{:?}", key("canary")).contains("canary"));
    }
}
