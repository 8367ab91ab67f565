//! Is the user found the one that was sent?

use crate::users::row::{fold, short_hash};

/// Fingerprint of a username and an e-mail address under a nonce. The nonce keeps fingerprints of
/// different requests from being compared; it is no protection against somebody who guesses.
#[must_use]
pub fn identity(nonce: &str, username: &str, email: &str) -> String {
    short_hash(format!("{nonce}\n{}\n{}", fold(username), email.to_lowercase()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_does_not_matter_and_everything_else_does() {
        assert_eq!(identity("n", "Ada", "Ada@Example.com"), identity("n", "ada", "ada@example.com"));
        assert_ne!(identity("n", "ada", "ada@example.com"), identity("m", "ada", "ada@example.com"));
        assert_ne!(identity("n", "ada", "ada@example.com"), identity("n", "ada", "eva@example.com"));
    }
}
