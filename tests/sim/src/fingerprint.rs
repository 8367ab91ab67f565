//! Hashes that stand for keys, bodies and passwords in records.

use sha2::{Digest, Sha256};

/// SHA-256 in hexadecimal.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What the ledger calls a key: the first 12 hexadecimal digits of its hash.
#[must_use]
pub fn key_fingerprint(key: &str) -> String {
    sha256_hex(key.as_bytes()).chars().take(12).collect()
}
