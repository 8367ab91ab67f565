//! The end of a log, for error messages.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

/// Lines shown of a log.
const LINES: usize = 20;

/// Bytes read from the end of a log; enough for [`LINES`] long lines.
const BYTES: u64 = 16 * 1024;

/// The last lines of the file, or a sentence saying why there are none.
#[must_use]
pub fn log_tail(path: &Path) -> String {
    match last_bytes(path) {
        Ok(bytes) if bytes.is_empty() => "(it wrote nothing)".to_owned(),
        Ok(bytes) => {
            let text = String::from_utf8_lossy(&bytes);
            let lines: Vec<&str> = text.lines().collect();
            lines.get(lines.len().saturating_sub(LINES)..).unwrap_or_default().join("\n")
        }
        Err(error) => format!("(its log {} cannot be read: {error})", path.display()),
    }
}

fn last_bytes(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(BYTES)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(bytes)
}
