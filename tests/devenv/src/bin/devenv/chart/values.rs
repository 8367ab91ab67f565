//! Reads a `values.yaml` with its comments, which YAML parsers drop.
//!
//! The grammar is that of this project's charts and not all of YAML: one key a line, two spaces a level, and directly
//! above a key its comment. A line `@schema {...}` of the comment is JSON that is laid over the schema. Keys without a
//! comment are part of the default of the key above them.

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

/// A documented key.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    /// Its names from the root.
    pub(super) path: Vec<String>,
    /// What its comment says, as one line.
    pub(super) meaning: String,
    /// What its comment adds to the schema.
    pub(super) schema: Map<String, Value>,
    /// Its default.
    pub(super) default: Value,
    /// The documented keys in it.
    pub(super) keys: Vec<Self>,
}

impl Key {
    /// The name by which `--set` reaches it.
    pub(super) fn dotted(&self) -> String {
        self.path.join(".")
    }
}

/// A comment that waits for its key.
#[derive(Debug, Default)]
struct Comment {
    lines: Vec<String>,
    schema: Map<String, Value>,
}

/// The documented keys of a file.
///
/// # Errors
/// When the file is not YAML, a comment's schema is not JSON, or a key lacks its comment.
pub(super) fn parse(text: &str) -> anyhow::Result<Vec<Key>> {
    let defaults: Value = serde_saphyr::from_str(text).map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut keys = Vec::new();
    // Indentation and name of the keys that the current line is in.
    let mut path: Vec<(usize, String)> = Vec::new();
    let mut comment: Option<Comment> = None;
    for (number, line) in text.lines().enumerate() {
        let content = line.trim_start();
        let indentation = line.len() - content.len();
        if content.is_empty() {
            comment = None;
        } else if let Some(said) = content.strip_prefix('#') {
            note(comment.get_or_insert_default(), said.trim())
                .with_context(|| format!("line {}", number + 1))?;
        } else if let Some(name) = key_of(content) {
            path.retain(|(outer, _)| *outer < indentation);
            path.push((indentation, name.to_owned()));
            if let Some(comment) = comment.take() {
                let names: Vec<String> = path.iter().map(|(_, name)| name.clone()).collect();
                place(&mut keys, &defaults, names, comment)
                    .with_context(|| format!("line {}", number + 1))?;
            }
        }
    }
    all_documented("the file", &defaults, &keys)?;
    Ok(keys)
}

fn note(comment: &mut Comment, said: &str) -> anyhow::Result<()> {
    match said.strip_prefix("@schema") {
        None => comment.lines.push(said.to_owned()),
        Some(json) => comment.schema = serde_json::from_str(json).context("@schema is not a JSON object")?,
    }
    Ok(())
}

/// The key that a line begins with, if it does.
fn key_of(content: &str) -> Option<&str> {
    let (name, rest) = content.split_once(':')?;
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
    (is_name && !name.starts_with('-') && (rest.is_empty() || rest.starts_with(' '))).then_some(name)
}

/// Puts a key where its path says.
fn place(keys: &mut Vec<Key>, defaults: &Value, path: Vec<String>, comment: Comment) -> anyhow::Result<()> {
    let mut default = defaults;
    for name in &path {
        default = default.get(name).with_context(|| format!("{} has no default", path.join(".")))?;
    }
    let key = Key {
        meaning: comment.lines.join(" "),
        schema: comment.schema,
        default: default.clone(),
        keys: Vec::new(),
        path,
    };
    if key.meaning.is_empty() {
        bail!("{} has no meaning: write a comment above it", key.dotted());
    }
    let mut siblings = keys;
    let depth = key.path.len();
    for name in key.path.iter().take(depth.saturating_sub(1)) {
        siblings = siblings
            .iter_mut()
            .find(|outer| outer.path.last() == Some(name))
            .map(|outer| &mut outer.keys)
            .with_context(|| format!("{} has a comment, but {name} around it has none", key.dotted()))?;
    }
    siblings.push(key);
    Ok(())
}

/// Either every key of a map has a comment, or none has.
fn all_documented(what: &str, default: &Value, keys: &[Key]) -> anyhow::Result<()> {
    let there = default.as_object().map(Map::len).unwrap_or_default();
    if !keys.is_empty() && keys.len() != there {
        let known: Vec<_> = keys.iter().filter_map(|key| key.path.last()).collect();
        let lacking: Vec<_> = default
            .as_object()
            .into_iter()
            .flat_map(Map::keys)
            .filter(|name| !known.contains(name))
            .map(String::as_str)
            .collect();
        bail!("in {what} these have no comment directly above them: {}", lacking.join(", "));
    }
    keys.iter().try_for_each(|key| all_documented(&key.dotted(), &key.default, &key.keys))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const TEXT: &str = "# A file.\n\n# How many.\n# And why.\n# @schema {\"minimum\": 0}\nreplicas: 1\n\n\
                        # The image.\nimage:\n  # Its tag.\n  tag: \"\"\n\n# Bounds.\nresources:\n  limits:\n    memory: 1Mi\n";

    #[test]
    fn keys_have_their_comments_and_defaults() {
        let keys = parse(TEXT).unwrap();
        let dotted: Vec<_> = keys.iter().map(Key::dotted).collect();
        assert_eq!(dotted, ["replicas", "image", "resources"]);
        assert_eq!((keys[0].meaning.as_str(), &keys[0].default), ("How many. And why.", &json!(1)));
        assert_eq!(keys[0].schema["minimum"], 0);
        assert_eq!((keys[1].keys[0].dotted().as_str(), &keys[1].keys[0].default), ("image.tag", &json!("")));
        assert_eq!((&keys[2].keys, &keys[2].default), (&vec![], &json!({"limits": {"memory": "1Mi"}})));
    }

    #[test]
    fn a_key_without_a_comment_is_named() {
        for (text, named) in [
            ("# A.\na: 1\n\nb: 2\n", "b"),
            ("# A.\na:\n  # B.\n  b: 1\n  c: 2\n", "c"),
            ("a:\n  # B.\n  b: 1\n", "a around it"),
            ("# @schema {}\na: 1\n", "a has no meaning"),
        ] {
            let error = format!("{:#}", parse(text).unwrap_err());
            assert!(error.contains(named), "{error}");
        }
    }

    #[test]
    fn a_schema_that_is_no_json_is_refused_with_its_line() {
        let error = format!("{:#}", parse("# A.\n# @schema {type}\na: 1\n").unwrap_err());
        assert!(error.contains("line 2"), "{error}");
    }
}
