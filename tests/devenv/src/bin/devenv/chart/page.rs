//! The table of values in a chart's README.

use anyhow::Context as _;

use super::values::Key;

const BEGIN: &str = "<!-- The table is made by `make generate` from values.yaml. -->\n";
const END: &str = "<!-- The end of the table. -->\n";

/// The page with its table made anew.
///
/// # Errors
/// When the page lacks the lines between which the table stands.
pub(super) fn with_table(page: &str, keys: &[Key]) -> anyhow::Result<String> {
    let (before, rest) = page.split_once(BEGIN).with_context(|| format!("the page has no line {BEGIN}"))?;
    let (_, after) = rest.split_once(END).with_context(|| format!("the page has no line {END}"))?;
    let mut table = "| value | default | meaning |\n|---|---|---|\n".to_owned();
    rows(keys, &mut table);
    Ok(format!("{before}{BEGIN}{table}{END}{after}"))
}

fn rows(keys: &[Key], table: &mut String) {
    for key in keys {
        let default =
            if key.keys.is_empty() { format!("`{}`", cell(&key.default.to_string())) } else { String::new() };
        table.push_str(&format!("| `{}` | {default} | {} |\n", key.dotted(), cell(&meaning(key))));
        rows(&key.keys, table);
    }
}

/// The comment, and the words that are allowed where there are few.
fn meaning(key: &Key) -> String {
    let words = key.schema.get("enum").and_then(serde_json::Value::as_array);
    match words {
        None => key.meaning.clone(),
        Some(words) => {
            let words: Vec<String> = words.iter().map(|word| format!("`{word}`")).collect();
            format!("{} One of {}.", key.meaning, words.join(", "))
        }
    }
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::super::values::parse;
    use super::*;

    #[test]
    fn the_table_replaces_what_is_between_its_lines() {
        let keys = parse("# A.\na:\n  # One|two.\n  # @schema {\"enum\": [\"x\", \"y\"]}\n  b: x\n").unwrap();
        let page = with_table(&format!("Top\n\n{BEGIN}old\n{END}\nBottom\n"), &keys).unwrap();
        assert_eq!(
            page,
            format!(
                "Top\n\n{BEGIN}| value | default | meaning |\n|---|---|---|\n| `a` |  | A. |\n\
                 | `a.b` | `\"x\"` | One\\|two. One of `\"x\"`, `\"y\"`. |\n{END}\nBottom\n"
            )
        );
        assert!(with_table("Top\n", &keys).is_err());
    }
}
