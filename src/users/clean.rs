//! Texts from elsewhere made fit for `status`: bounded, without control characters, without personal
//! data. JumpCloud's messages may repeat what was sent, or hold ANSI codes and HTML.

use serde_json::Value;

use super::row::Fields;

/// Most characters of a user's message.
pub const MAX_MESSAGE: usize = 256;

/// The message about a user, or about several whose rows are `sent`: cleaned of control characters,
/// e-mail addresses, and of the values that were sent (four characters and more); usernames may stay,
/// status names them anyway.
#[must_use]
pub fn message<'a>(text: &str, sent: impl IntoIterator<Item = &'a Fields>) -> String {
    // What is beyond some KiB would be cut anyway; cleaning it first would only cost time.
    let mut text = single_line(&text.chars().take(16 * MAX_MESSAGE).collect::<String>());
    let mut values = Vec::new();
    for (name, value) in sent.into_iter().flatten().filter(|(name, _)| *name != "username") {
        collect(name, value, &mut values);
    }
    // Rows of one list have many values in common.
    values.sort_by(|(_, a), (_, b)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    values.dedup_by(|(_, a), (_, b)| a == b);
    for (name, value) in values {
        text = replaced(&text, &value, &format!("[{name}]"));
    }
    cut(&without_addresses(&text), MAX_MESSAGE)
}

/// At most `max` characters; what was cut shows as an ellipsis.
#[must_use]
pub fn cut(text: &str, max: usize) -> String {
    if text.chars().count() <= max {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(max.saturating_sub(1)).collect();
    short.push('…');
    short
}

/// Every word that holds an `@` between other characters gives way to `[address]`.
#[must_use]
pub fn without_addresses(text: &str) -> String {
    let stops = |c: char| {
        c.is_whitespace()
            || matches!(c, '"' | '\'' | '<' | '>' | '(' | ')' | '[' | ']' | '{' | '}' | ',' | ';' | '`')
    };
    let mut out = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain([' ']) {
        if stops(c) {
            // A percent sign before 40 is an @ in a URL.
            if word.contains('@') || word.to_ascii_lowercase().contains("%40") {
                out.push_str("[address]");
            } else {
                out.push_str(&word);
            }
            word.clear();
            out.push(c);
        } else {
            word.push(c);
        }
    }
    out.pop();
    out
}

/// One line: ANSI sequences and control characters gone, runs of blanks folded.
fn single_line(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                while chars.next_if(|c| !c.is_ascii_alphabetic()).is_some() {}
                chars.next();
            }
        } else if c.is_control() || c.is_whitespace() {
            plain.push(' ');
        } else if !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            plain.push(c);
        }
    }
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn collect(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if text.chars().count() >= 4 => out.push((name.to_owned(), single_line(text))),
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, out)),
        Value::Object(map) => map.iter().for_each(|(_, item)| collect(name, item, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Replaces without regard to ASCII case: JumpCloud lower-cases what it repeats.
fn replaced(text: &str, value: &str, by: &str) -> String {
    let (haystack, needle) = (text.to_ascii_lowercase(), value.to_ascii_lowercase());
    if needle.is_empty() || !haystack.contains(&needle) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut from = 0;
    for (at, found) in haystack.match_indices(&needle) {
        // Lower-casing ASCII keeps every byte position.
        out.push_str(text.get(from..at).unwrap_or_default());
        out.push_str(by);
        from = at + found.len();
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> Fields {
        serde_json::from_str(r#"{"username":"ada","email":"ada@example.com","lastName":"Lovelace","attributes":{"pin":"9876"},"sudo":true}"#).unwrap()
    }

    #[test]
    fn sent_values_and_addresses_go_and_the_rest_stays() {
        assert_eq!(
            message("User ada: LOVELACE with 9876 and ADA@example.com must differ from x@y.z", Some(&sent())),
            "User ada: [lastName] with [attributes] and [email] must differ from [address]"
        );
    }

    #[test]
    fn values_of_all_rows_that_were_sent_go() {
        let other: Fields = serde_json::from_str(r#"{"username":"bob","lastName":"Babbage"}"#).unwrap();
        let rows = [&sent(), &other];
        assert_eq!(message("ada Lovelace, bob Babbage", rows), "ada [lastName], bob [lastName]");
    }

    #[test]
    fn control_characters_and_ansi_codes_go() {
        assert_eq!(message("\u{1b}[31mred\u{1b}[0m\r\n\tand\u{0}plain\u{202e}", None), "red and plain");
    }

    #[test]
    fn long_messages_are_cut_on_a_character() {
        let long = message(&"ü".repeat(5000), None);
        assert_eq!(long.chars().count(), MAX_MESSAGE);
        assert!(long.ends_with('…'));
    }

    #[test]
    fn an_address_in_markup_or_a_link_goes() {
        assert_eq!(
            message("<b>a@b.c</b> 'd@e.f' /users/g%40h.i", None),
            "<b>[address]</b> '[address]' [address]"
        );
    }
}
