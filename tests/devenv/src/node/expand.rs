//! `$(NAME)` in arguments and variables, by the rules of Kubernetes.

use std::collections::BTreeMap;

/// The text with the value of each variable in the place of `$(NAME)`. `$$` stands for `$`; a name that is not known is left as it is.
pub(super) fn expand(text: &str, variables: &BTreeMap<String, String>) -> String {
    let mut result = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        result.push_str(before);
        rest = if let Some(after) = after.strip_prefix('$') {
            result.push('$');
            after
        } else if let Some((name, after)) = after.strip_prefix('(').and_then(|inner| inner.split_once(')')) {
            match variables.get(name) {
                Some(value) => result.push_str(value),
                None => result.push_str(&format!("$({name})")),
            }
            after
        } else {
            result.push('$');
            after
        };
    }
    result + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_a_kubelet_does_it() {
        let known = [("A", "one"), ("B", "$(A)"), ("EMPTY", "")];
        let known = known.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        for (text, wanted) in [
            ("--x=$(A)", "--x=one"),
            ("$(A)$(A)-$(EMPTY)-", "oneone--"),
            // What a value holds is not looked at again.
            ("$(B)", "$(A)"),
            ("$(UNKNOWN)", "$(UNKNOWN)"),
            ("$$(A)", "$(A)"),
            ("$$$(A)", "$one"),
            ("cost: 5$", "cost: 5$"),
            ("$A ${A} $(A", "$A ${A} $(A"),
        ] {
            assert_eq!(expand(text, &known), wanted, "{text}");
        }
    }
}
