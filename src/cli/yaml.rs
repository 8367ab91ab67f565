//! Manifests as YAML, read as kubectl reads them, and what is wrong with a file that is none.

use serde_json::Value;
use serde_saphyr::{Error, Options};

/// The documents of a file.
///
/// # Errors
/// Where reading stopped and, when that can be said without repeating what is written there, why.
pub fn documents(text: &str) -> Result<Vec<Value>, String> {
    serde_saphyr::from_multiple_with_options(text, options()).map_err(|error| unreadable(&error))
}

/// Files come from whoever checks them: the limits are against endless ones, not against large ones.
fn options() -> Options {
    serde_saphyr::options! {
        // kubectl reads numbers by YAML 1.1.
        legacy_octal_numbers: true,
        budget: serde_saphyr::budget! {
            max_events: 50_000_000,
            max_nodes: 20_000_000,
            max_documents: 100_000,
        },
    }
}

fn unreadable(error: &Error) -> String {
    let error = error.without_snippet();
    let place = error
        .location()
        .map(|place| format!(": line {}, column {}", place.line(), place.column()))
        .unwrap_or_default();
    // Most messages of the parser quote the file, and files hold users.
    let why = match error {
        Error::Eof { .. } => ": it ends too early",
        Error::DuplicateMappingKey { .. } => ": the same key stands there twice",
        Error::ContainerEndMismatch { .. } => ": a bracket does not match",
        Error::UnknownAnchor { .. } => ": the anchor is not known",
        Error::IndentationError { .. } => ": the indentation is wrong",
        Error::Budget { .. } => ": it is too large",
        _ => "",
    };
    format!("is not YAML{place}{why}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mistakes_have_a_place_and_quote_nothing() {
        for (text, expected) in [
            ("a: 1\nb: [lovelace, {x: lovelace\n", "is not YAML: line 2, column "),
            ("a: 1\na: lovelace\n", "is not YAML: line 2, column 1: the same key stands there twice"),
            ("a: 1\n b: lovelace: lovelace\n", "is not YAML: line 2, column "),
            ("a: *lovelace\n", "is not YAML: line 1, column 4"),
            ("a: 'lovelace\n", "is not YAML: line "),
        ] {
            let found = documents(text).unwrap_err();
            assert!(found.starts_with(expected), "{found}");
            assert!(!found.contains("lovelace"), "{found}");
        }
    }

    #[test]
    fn words_are_read_as_kubectl_reads_them() {
        let read = &documents("[no, yes, on, ~, 0123, '1']").unwrap()[0];
        assert_eq!(*read, serde_json::json!([false, true, true, null, 83, "1"]));
    }
}
