//! A regular expression as a setting.

use regex::Regex;
use serde::{Deserialize, Serialize};

/// A regular expression; matches anywhere unless anchored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads an expression.
    ///
    /// # Errors
    /// It is not a regular expression.
    pub fn new(text: &str) -> Result<Self, regex::Error> {
        Regex::new(text).map(Self)
    }

    /// A pattern that matches exactly `text`.
    ///
    /// # Errors
    /// The escaped text is too large for an expression.
    pub fn exactly(text: &str) -> Result<Self, regex::Error> {
        Self::new(&format!("^{}$", regex::escape(text)))
    }

    /// Whether `text` matches.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.0.is_match(text)
    }
}

impl TryFrom<String> for Pattern {
    type Error = regex::Error;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::new(&text)
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0.as_str().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_escapes() {
        let pattern = Pattern::exactly("a.b").unwrap();
        assert!(pattern.matches("a.b") && !pattern.matches("axb") && !pattern.matches("xa.b"));
    }
}
