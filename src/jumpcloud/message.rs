//! The server's explanations, made safe to show.
//!
//! Guarantees: what comes out has at most [`MAX_CHARS`] characters, one line, no control or invisible
//! formatting characters (so no ANSI sequences), no HTML tags, and neither the credential nor a token got
//! with it, even when the server repeats it. It may name users; who publishes it removes personal data first.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Map, Value};

/// The longest message that is kept.
pub(crate) const MAX_CHARS: usize = 512;

/// The part of a text that is looked at: what is beyond would be cut anyway, unless nearly all of this is markup,
/// and cleaning takes longer than reading.
const MAX_LOOKED_AT: usize = 16 * MAX_CHARS;

/// Stands where the credential stood.
const REDACTED: &str = "[redacted]";

/// Tokens that are remembered: the one in use, and those whose requests may still be under way.
const MAX_PASSING: usize = 4;

/// Every text that no message may hold. Clones are the same.
#[derive(Clone, Default)]
pub(crate) struct Secrets {
    known: Arc<Mutex<Known>>,
}

#[derive(Default)]
struct Known {
    lasting: Vec<SecretString>,
    /// Tokens, newest last.
    passing: Vec<SecretString>,
}

impl Secrets {
    /// This one, for good.
    pub(crate) fn new(secret: SecretString) -> Self {
        let known = Known { lasting: vec![secret], passing: Vec::new() };
        Self { known: Arc::new(Mutex::new(known)) }
    }

    /// Another form of the same, for good.
    pub(crate) fn keep(&self, form: &str) {
        let mut known = self.known();
        if known.lasting.iter().all(|secret| secret.expose_secret() != form) {
            known.lasting.push(SecretString::from(form));
        }
    }

    /// A token, until some others have followed.
    pub(crate) fn pass(&self, token: &str) {
        let mut known = self.known();
        known.passing.retain(|secret| secret.expose_secret() != token);
        if known.passing.len() >= MAX_PASSING {
            known.passing.remove(0);
        }
        known.passing.push(SecretString::from(token));
    }

    /// `text` with all of them taken out.
    pub(crate) fn redact(&self, text: &str) -> String {
        let known = self.known();
        let all = known.lasting.iter().chain(&known.passing).map(SecretString::expose_secret);
        all.filter(|secret| !secret.is_empty())
            .fold(text.to_owned(), |text, secret| text.replace(secret, REDACTED))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The explanation in the body of an error answer, or the status' own words when there is none.
///
/// Known shapes: V2 `{code, message, status, details}`, V1 `{message}` and `{error, message}`, and HTML
/// pages of gateways and of the login.
pub(crate) fn explain(status: StatusCode, body: &[u8], secrets: &Secrets) -> String {
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(Value::Object(object)) => from_json(&object),
        Ok(Value::String(text)) => Some(text),
        Ok(_) => None,
        Err(_) => from_text(&String::from_utf8_lossy(body)),
    };
    let said = said.map(|text| clean(&secrets.redact(&text))).filter(|text| !text.is_empty());
    said.unwrap_or_else(|| status.canonical_reason().unwrap_or("no explanation").to_owned())
}

/// `text` on one line, without markup and invisible characters, at most [`MAX_CHARS`] long.
pub(crate) fn clean(text: &str) -> String {
    let text: String = text.chars().take(MAX_LOOKED_AT).collect();
    // Tags go last: what hides inside an escape sequence or a removed character is a tag only then.
    let visible: String = without_escapes(&text).chars().filter(|c| !is_invisible(*c)).collect();
    let plain = without_tags(&visible);
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    cut(&line)
}

fn from_json(object: &Map<String, Value>) -> Option<String> {
    let word = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
    let error = object.get("error");
    let nested = error.and_then(Value::as_object);
    let main = word(object.get("message"))
        .or_else(|| nested.and_then(|inner| word(inner.get("message"))))
        .or_else(|| word(error));
    let violations =
        violations(nested.and_then(|inner| inner.get("details")).or_else(|| object.get("details")));
    match (main, violations.is_empty()) {
        (main, true) => main,
        (Some(main), false) => Some(format!("{main} ({violations})")),
        (None, false) => Some(violations),
    }
}

/// Which fields were refused and why, from `details[].fieldViolationsList[]` (also `fieldViolations`).
fn violations(details: Option<&Value>) -> String {
    let details = details.and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let lists = details.iter().filter_map(|detail| {
        detail.get("fieldViolationsList").or_else(|| detail.get("fieldViolations"))?.as_array()
    });
    let each = lists.flatten().filter_map(|violation| {
        let field = violation.get("field")?.as_str()?;
        let reason = violation.get("description").and_then(Value::as_str).unwrap_or("refused");
        Some(format!("{field}: {reason}"))
    });
    each.collect::<Vec<_>>().join(", ")
}

/// The title of an HTML page; the text itself when it is none.
fn from_text(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.starts_with('<') {
        return Some(text.to_owned());
    }
    let lower = text.to_ascii_lowercase();
    let begin = lower.find("<title>")? + "<title>".len();
    let length = lower.get(begin..)?.find("</title>")?;
    text.get(begin..begin + length).map(str::to_owned)
}

/// Takes out ANSI escape sequences whole: ESC, `[`, parameters, and the letter that ends them.
fn without_escapes(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' && chars.next_if_eq(&'[').is_some() {
            while chars.next_if(|c| matches!(c, '0'..='?' | ' '..='/')).is_some() {}
            chars.next_if(|c| matches!(c, '@'..='~'));
        } else {
            out.push(c);
        }
    }
    out
}

/// Takes out `<...>` where it looks like a tag; a lone `<`, as in "must be < 1024", stays.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.push_str(before);
        let is_tag = after.starts_with(|c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?'));
        match after.split_once('>') {
            Some((_, behind)) if is_tag => {
                out.push(' ');
                rest = behind;
            }
            _ => {
                out.push('<');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

/// Control characters but white space, and characters that change how others are shown.
fn is_invisible(c: char) -> bool {
    let format = matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    format || (c.is_control() && !c.is_whitespace())
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(MAX_CHARS) {
        None => text.to_owned(),
        Some(_) => text.chars().take(MAX_CHARS - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn secrets() -> Secrets {
        let secrets = Secrets::new(SecretString::from("canary-key"));
        secrets.keep("");
        secrets
    }

    fn explained(body: &str) -> String {
        explain(StatusCode::BAD_REQUEST, body.as_bytes(), &secrets())
    }

    #[test]
    fn the_newest_tokens_are_taken_out() {
        let secrets = secrets();
        secrets.keep("canary-pair");
        for number in [0, 1, 2, 3, 4, 5, 2, 2, 2] {
            secrets.clone().pass(&format!("canary-token-{number}"));
        }
        let text = secrets.redact("canary-token-5 canary-token-3 canary-token-2 canary-key canary-pair");
        assert_eq!(text, "[redacted] [redacted] [redacted] [redacted] [redacted]");
    }

    #[test]
    fn each_known_shape_is_understood() {
        for (body, want) in [
            (r#"{"message":"limit exceeds 100"}"#, "limit exceeds 100"),
            (r#"{"error":"Unauthorized","message":"api key user not found"}"#, "api key user not found"),
            (r#"{"error":"Unauthorized"}"#, "Unauthorized"),
            (r#"{"error":{"message":"inner"}}"#, "inner"),
            (r#"{"code":400,"status":"INVALID_ARGUMENT"}"#, "Bad Request"),
            (
                r#"{"message":"fail","details":[{"fieldViolationsList":[{"field":"password","description":"short"}]}]}"#,
                "fail (password: short)",
            ),
            (r#"{"details":[{"fieldViolations":[{"field":"email"}]}, 7]}"#, "email: refused"),
            ("<html><head><TITLE>502 Bad\nGateway</TITLE></head>junk", "502 Bad Gateway"),
            ("<html>no title", "Bad Request"),
            ("upstream connect error", "upstream connect error"),
            ("", "Bad Request"),
            ("[1]", "Bad Request"),
            ("\"quoted\"", "quoted"),
            (r#"{"message":""}"#, "Bad Request"),
        ] {
            assert_eq!(explained(body), want, "{body}");
        }
        assert_eq!(explain(StatusCode::OK, &[0xff, 0xfe], &secrets()), "\u{fffd}\u{fffd}");
    }

    #[test]
    fn the_key_is_taken_out_wherever_it_is() {
        for body in [r#"{"message":"key canary-key is unknown"}"#, "canary-key", "<title>canary-key</title>"]
        {
            let message = explained(body);
            assert!(!message.contains("canary"), "{message}");
            assert!(message.contains(REDACTED), "{message}");
        }
    }

    #[test]
    fn markup_and_controls_go_and_comparisons_stay() {
        for (text, want) in [
            ("<b>bold</b> text", "bold text"),
            ("must be < 1024 and > 0", "must be < 1024 and > 0"),
            ("a\u{1b}[31;1mred\u{1b}[0m b", "ared b"),
            ("tab\tline\r\nbreak\u{0}", "tab line break"),
            ("\u{202e}evil\u{200b}", "evil"),
            ("<\u{1b}[1mscript>x", "x"),
            ("<unclosed", "<unclosed"),
        ] {
            assert_eq!(clean(text), want, "{text:?}");
        }
    }

    #[test]
    fn long_texts_are_cut_at_a_character() {
        let long = clean(&"ä".repeat(5000));
        assert_eq!(long.chars().count(), MAX_CHARS);
        assert!(long.ends_with('…'));
        assert_eq!(clean(&"ä".repeat(MAX_CHARS)).chars().count(), MAX_CHARS);
    }

    #[test]
    fn megabytes_of_markup_take_no_longer_than_their_beginning() {
        // Each `<` looks for its `>`: over all of it that would take minutes.
        let text = clean(&"<".repeat(8 << 20));
        assert_eq!(text.chars().count(), MAX_CHARS);
    }

    proptest! {
        #[test]
        fn any_body_gives_a_short_clean_line(body in proptest::collection::vec(any::<u8>(), 0..2000)) {
            let message = explain(StatusCode::BAD_GATEWAY, &body, &secrets());
            prop_assert!(!message.is_empty() && message.chars().count() <= MAX_CHARS);
            prop_assert!(!message.chars().any(char::is_control));
        }
    }
}
