//! Types that several kinds share.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What names of objects are like (a DNS subdomain). A name becomes a part of a path at the API server, where anything
/// else could lead elsewhere.
const OBJECT_NAME: &str = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$";

/// Whether an object can have this name. The definitions refuse others; an object may be older than they are.
#[must_use]
pub fn is_object_name(name: &str) -> bool {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '.');
    let outer = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.starts_with(outer) && name.ends_with(outer) && name.chars().all(inner) && !name.contains("..")
}

/// A reference to an object of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LocalReference {
    /// Name of the object.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
}

impl LocalReference {
    /// The connection that is meant when an object names none.
    #[must_use]
    pub fn default_connection() -> Self {
        Self { name: "default".to_owned() }
    }
}

/// A key of a Secret of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretKeyReference {
    /// Name of the Secret.
    #[schemars(length(min = 1, max = 253), regex(pattern = OBJECT_NAME))]
    pub name: String,
    /// Key in the Secret's data.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A duration as Kubernetes writes it: `90s`, `1h30m`. At least one second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Period(#[schemars(length(min = 2, max = 32), regex(pattern = r"^([0-9]+(h|m|s))+$"))] pub String);

/// Why a text is no [`Period`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeriodError {
    /// Not of the form `1h30m5s`.
    #[error("is not a duration such as 90s or 1h30m")]
    Form,
    /// Outside the range.
    #[error("is not between 1s and {0}h")]
    Range(u64),
}

impl Period {
    /// Longest duration that is accepted, in hours.
    pub const MAX_HOURS: u64 = 24 * 365;

    /// The duration, of whole seconds.
    ///
    /// # Errors
    /// When the text is no duration or out of range.
    pub fn get(&self) -> Result<Duration, PeriodError> {
        let mut seconds: u64 = 0;
        let mut digits = String::new();
        for c in self.0.chars() {
            if c.is_ascii_digit() {
                digits.push(c);
                continue;
            }
            let unit = match c {
                'h' => 3600,
                'm' => 60,
                's' => 1,
                _ => return Err(PeriodError::Form),
            };
            let number: u64 = digits.parse().map_err(|_| PeriodError::Form)?;
            digits.clear();
            seconds = number
                .checked_mul(unit)
                .and_then(|n| seconds.checked_add(n))
                .ok_or(PeriodError::Range(Self::MAX_HOURS))?;
        }
        if !digits.is_empty() || self.0.is_empty() {
            return Err(PeriodError::Form);
        }
        if !(1..=Self::MAX_HOURS * 3600).contains(&seconds) {
            return Err(PeriodError::Range(Self::MAX_HOURS));
        }
        Ok(Duration::from_secs(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a", "jumpcloud", "a-1.b", "0"] {
            assert!(is_object_name(name), "{name}");
        }
        for name in
            ["", "a/b", "..", "../a", "a..b", "a?b", "a#b", "a%2fb", "A", "-a", "a.", "a b", "\u{430}"]
        {
            assert!(!is_object_name(name), "{name}");
        }
    }

    #[test]
    fn durations_are_read_as_kubernetes_writes_them() {
        let get = |text: &str| Period(text.to_owned()).get();
        assert_eq!(get("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(get("1h30m"), Ok(Duration::from_secs(5400)));
        for form in ["", "1", "h", "1d", "1h 30m", "-1s", "1.5h", "99999999999999999999s"] {
            assert_eq!(get(form), Err(PeriodError::Form), "{form}");
        }
        for range in ["0s", "9000h", "9999999999999999h"] {
            assert_eq!(get(range), Err(PeriodError::Range(8760)), "{range}");
        }
    }
}
