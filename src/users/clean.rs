//! Texts from elsewhere made fit for `status`: bounded, without control characters, without personal
//! data. JumpCloud's messages may repeat what was sent, or hold ANSI codes and HTML.

use serde_json::Value;

use super::row::Fields;

/// Most characters of a user's message.
pub const MAX_MESSAGE: usize = 256;

/// Most characters that are looked at, of those that can be seen.
const MAX_LOOKED_AT: usize = 16 * MAX_MESSAGE;

/// How much of a value's beginning gives it away.
const TELLING: usize = 4;

/// The message about a user, or about several whose rows are `sent`: cleaned of control characters,
/// e-mail addresses, and of the values that were sent (four characters and more); usernames may stay,
/// status names them anyway.
///
/// Values go before anything is cut. Where the text was cut on its way here, which an ellipsis shows, the beginning of
/// a value may be its end: that goes, too, and with it the last word.
#[must_use]
pub fn message<'a>(text: &str, sent: impl IntoIterator<Item = &'a Fields>) -> String {
    let mut values = Vec::new();
    for (name, value) in sent.into_iter().flatten().filter(|(name, _)| *name != "username") {
        collect(name, value, &mut values);
    }
    // Rows of one list have many values in common.
    values.sort_by(|(_, a), (_, b)| b.len().cmp(&a.len()).then_with(|| a.cmp(b)));
    values.dedup_by(|(_, a), (_, b)| a == b);
    let (line, is_whole) = single_line(text, MAX_LOOKED_AT);
    let is_cut = !is_whole || line.ends_with('…');
    let mut text = Folded::of(line.trim_end_matches('…').to_owned());
    for (name, value) in &values {
        text = text.without(value, &format!("[{name}]"));
    }
    if is_cut {
        let mut line = text.without_beginning_of(values.iter().map(|(_, value)| value.as_str()));
        let word = line.rfind(char::is_whitespace).unwrap_or_default();
        // No address is that long.
        if line.len() - word <= MAX_MESSAGE {
            line.truncate(word);
        }
        line.push('…');
        text.plain = line;
    }
    cut(&without_addresses(&text.plain), MAX_MESSAGE)
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

/// One line of at most `most` characters: ANSI sequences and control characters gone, runs of blanks folded. With
/// it, whether that is all of the text.
fn single_line(text: &str, most: usize) -> (String, bool) {
    let mut plain = String::with_capacity(text.len().min(most.saturating_mul(4)));
    let (mut length, mut blank) = (0, false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                while chars.next_if(|c| !c.is_ascii_alphabetic()).is_some() {}
                chars.next();
            }
        } else if c.is_control() || c.is_whitespace() {
            blank = true;
        } else if !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
        {
            let space = std::mem::take(&mut blank) && !plain.is_empty();
            length += 1 + usize::from(space);
            if length > most {
                return (plain, false);
            }
            plain.extend(space.then_some(' ').into_iter().chain([c]));
        }
    }
    (plain, true)
}

fn collect(name: &str, value: &Value, out: &mut Vec<(String, String)>) {
    match value {
        Value::String(text) if text.chars().count() >= 4 => {
            out.push((name.to_owned(), single_line(text, usize::MAX).0));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(name, item, out)),
        Value::Object(map) => map.iter().for_each(|(_, item)| collect(name, item, out)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A text, and the same without regard to case: JumpCloud lower-cases what it repeats.
struct Folded {
    plain: String,
    folded: String,
    /// Of each byte of `folded`, where the character that it comes from begins in `plain`.
    origins: Vec<usize>,
}

impl Folded {
    fn of(plain: String) -> Self {
        let (mut folded, mut origins) = (String::with_capacity(plain.len()), Vec::with_capacity(plain.len()));
        for (at, c) in plain.char_indices() {
            folded.extend(fold(c));
            origins.resize(folded.len(), at);
        }
        Self { plain, folded, origins }
    }

    /// `by` in the place of a value.
    fn without(self, value: &str, by: &str) -> Self {
        let needle: String = value.chars().flat_map(fold).collect();
        if needle.is_empty() || !self.folded.contains(&needle) {
            return self;
        }
        let mut out = String::with_capacity(self.plain.len());
        let mut from = 0;
        for (at, found) in self.folded.match_indices(&needle) {
            let (Some(begin), Some(last)) = (self.origins.get(at), self.origins.get(at + found.len() - 1))
            else {
                continue;
            };
            // A match may begin in the middle of what one character folds to.
            out.push_str(self.plain.get(from..*begin).unwrap_or_default());
            out.push_str(by);
            let rest = self.plain.get(*last..).unwrap_or_default();
            from = last + rest.chars().next().map_or(0, char::len_utf8);
        }
        out.push_str(self.plain.get(from..).unwrap_or_default());
        Self::of(out)
    }

    /// The text without the beginning of a value at its end.
    fn without_beginning_of<'v>(&self, values: impl Iterator<Item = &'v str>) -> String {
        let longest = values.filter_map(|value| self.ends_with_beginning_of(value)).max().unwrap_or_default();
        let left = self.origins.len().saturating_sub(longest);
        let end = self.origins.get(left).copied().unwrap_or(self.plain.len());
        self.plain.get(..end).unwrap_or_default().to_owned()
    }

    /// Bytes, folded, that a value's beginning takes at the end of the text.
    fn ends_with_beginning_of(&self, value: &str) -> Option<usize> {
        let value: String = value.chars().flat_map(fold).collect();
        let ends = value.char_indices().map(|(at, _)| at).skip(TELLING).filter(|at| *at <= self.folded.len());
        ends.filter(|at| value.get(..*at).is_some_and(|part| self.folded.ends_with(part))).max()
    }
}

/// A character without regard to case, also where the two cases differ in length; a dot above an i is none.
fn fold(c: char) -> impl Iterator<Item = char> {
    c.to_uppercase().flat_map(char::to_lowercase).filter(|c| *c != '\u{307}')
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
    fn letters_of_every_script_are_the_same_in_either_case() {
        let sent: Fields = serde_json::from_str(
            r#"{"lastName":"ÖZGÜR","firstName":"Straße","company":"ΣΊΣΥΦΟΣ","location":"İzmir"}"#,
        )
        .unwrap();
        for (text, clean) in [
            ("no özgür here", "no [lastName] here"),
            ("STRASSE, strasse", "[firstName], [firstName]"),
            ("ü σίσυφος ü", "ü [company] ü"),
            ("in İZMİR!", "in [location]!"),
        ] {
            assert_eq!(message(text, Some(&sent)), clean);
        }
    }

    #[test]
    fn the_beginning_of_a_value_does_not_survive_a_cut() {
        let secret = format!("the plan is {}", "to conquer ".repeat(80));
        let sent: Fields =
            serde_json::from_value(serde_json::json!({ "description": secret, "pin": "98765432" })).unwrap();
        // Cut by whoever read it.
        assert_eq!(message("refused: the PLAN is to con…", Some(&sent)), "refused:…");
        assert_eq!(message("refused: pin 98765…", Some(&sent)), "refused: pin…");
        // Cut here: what shrinks or cannot be seen makes room for what comes later.
        let hidden = format!("{}refused: 98765432 {secret}", "\u{1b}[31m\u{200b}".repeat(9000));
        assert_eq!(message(&hidden, Some(&sent)), "refused: [pin] [description]");
        let long = format!("{}{secret}", "98765432".repeat(MAX_LOOKED_AT / 8 - 1));
        let told = message(&long, Some(&sent));
        assert!(!told.contains("plan") && told.starts_with("[pin][pin]"), "{told}");
        // Of an address that nobody sent, too.
        assert_eq!(message("taken by grace.hop…", None), "taken by…");
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
