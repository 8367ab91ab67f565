//! I7: no secret byte, and no declared e-mail address, in any status, event, log or metric.
//!
//! Secrets are the values that the namespace's Secrets ever had, as they are and encoded, and the simulator's
//! tokens. Short values are left out: they may be words of ours. Panics are in the log.

use std::collections::BTreeSet;

use serde_json::Value;

use super::evidence::Evidence;

/// A value that is shorter may be there by chance.
const LEAST: usize = 8;

/// How the simulator's tokens begin.
const TOKEN: &str = "simulated-token-";

/// Everything that is where it must not be.
pub fn check(evidence: &Evidence) -> Vec<String> {
    let needles = needles(evidence);
    let addresses = addresses(evidence);
    let mut found = BTreeSet::new();
    let mut look = |place: &str, text: &str| {
        let lower = text.to_lowercase();
        for needle in needles.iter().filter(|needle| lower.contains(needle.as_str())) {
            found.insert(format!("{place} has {needle}: ..{}..", around(&lower, needle)));
        }
        for address in in_text(&lower).filter(|word| addresses.contains(*word)) {
            found.insert(format!("{place} has {address}: ..{}..", around(&lower, address)));
        }
    };
    for version in &evidence.history.versions {
        look(&format!("the status of {}", version.title()), &version.status.to_string());
        let records = serde_json::to_string(&version.submissions).expect("JSON");
        look(&format!("a record of {}", version.title()), &records);
    }
    for event in &evidence.events {
        look("an event", &event.to_string());
    }
    for (place, text) in &*evidence.said {
        look(place, text);
    }
    found.into_iter().collect()
}

fn needles(evidence: &Evidence) -> BTreeSet<String> {
    let secrets = evidence.secrets.iter().filter(|value| value.len() >= LEAST);
    secrets.map(|value| value.to_lowercase()).chain([TOKEN.to_owned()]).collect()
}

/// Every declared address; one that is somebody's username is no secret.
fn addresses(evidence: &Evidence) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut names = BTreeSet::new();
    for version in &evidence.history.versions {
        collect(&version.spec, &mut found);
        names.extend(version.rows().iter().filter_map(|row| row["username"].as_str()).map(str::to_lowercase));
    }
    &found - &names
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(in_text(&text.to_lowercase()).map(str::to_owned)),
        Value::Array(list) => list.iter().for_each(|value| collect(value, found)),
        Value::Object(fields) => fields.values().for_each(|value| collect(value, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// What looks like an address.
fn in_text(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|c: char| !(c.is_alphanumeric() || "@._%+-".contains(c)));
    words.filter(|word| word.contains('@')).map(|word| word.trim_matches(['.', '-']))
}

fn around(text: &str, needle: &str) -> String {
    let (before, after) = text.split_once(needle).unwrap_or_default();
    let before: String = before.chars().rev().take(80).collect();
    before.chars().rev().chain(needle.chars()).chain(after.chars().take(80)).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::fixtures::Run;
    use super::*;

    fn leaking(leak: impl FnOnce(&mut Run)) -> Vec<String> {
        let mut run = Run::default();
        run.secrets.insert("a-secret-key".to_owned());
        run.batch("b", 10, Vec::new()).status["users"] = json!([{"username": "ada", "message": "fine"}]);
        leak(&mut run);
        check(&run.evidence())
    }

    #[test]
    fn nothing_is_found_where_nothing_leaks() {
        assert_eq!(leaking(|_| ()), Vec::<String>::new());
    }

    #[test]
    fn a_key_is_found_in_every_place() {
        let message = json!({"message": "key A-Secret-Key refused"});
        let text = "the key is a-secret-key".to_owned();
        assert_eq!(leaking(|run| run.batch("b", 11, Vec::new()).status = message.clone()).len(), 1);
        assert_eq!(leaking(|run| run.events.push(message.clone())).len(), 1);
        assert_eq!(leaking(|run| run.said.push(("log".to_owned(), text))).len(), 1);
    }

    #[test]
    fn a_declared_address_is_found_and_others_are_not() {
        for (text, count) in [("Ada@example.com.", 1), ("<ada@example.com>", 1), ("eve@example.com", 0)] {
            let found = leaking(|run| run.said.push(("log".to_owned(), text.to_owned())));
            assert_eq!(found.len(), count, "{text}: {found:?}");
        }
    }
}
