//! A custom resource definition as a template.
//!
//! The text of `crds/` is kept as it is, but for labels and annotations, which are added: a template that reads and
//! writes YAML would turn large numbers into floating point.

use anyhow::Context as _;

/// The line after which labels and annotations are added.
const NAME: &str = "metadata:\n  name: ";

/// The template of one definition.
///
/// # Errors
/// When the text is no definition of the form that `jumpcloud-operator crds` writes.
pub(super) fn template(chart: &str, condition: Option<&str>, text: &str) -> anyhow::Result<String> {
    let text = escaped(text);
    let (first, text) = text.split_once('\n').context("the definition has one line")?;
    if !first.starts_with('#') {
        anyhow::bail!("the definition's first line does not say what it is made by");
    }
    let (before, rest) = text.split_once(NAME).context("the definition has no name")?;
    let (name, after) = rest.split_once('\n').context("the definition ends with its name")?;
    let (begin, end) = match condition {
        None => (String::new(), ""),
        Some(condition) => (format!("{{{{- if {condition} }}}}\n"), "{{- end }}\n"),
    };
    Ok(format!(
        "{{{{- /* Made by `make generate` from crds/; edit src/api instead. */ -}}}}\n\
         {begin}{before}{NAME}{name}\n  \
         labels:\n    {{{{- include \"{chart}.labels\" . | nindent 4 }}}}\n  \
         {{{{- with include \"{chart}.crdAnnotations\" . }}}}\n  \
         {{{{- . | nindent 2 }}}}\n  \
         {{{{- end }}}}\n{after}{end}"
    ))
}

/// The text with what a template would take for an expression written as one that yields it.
fn escaped(text: &str) -> String {
    text.replace("{{", "{{ \"{{\" }}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# Made.\napiVersion: v1\nkind: X\nmetadata:\n  name: x.example\nspec:\n  description: as {{x}}\n";

    #[test]
    fn metadata_is_added_and_the_rest_is_kept() {
        let rendered = template("chart", Some(".Values.on"), TEXT).unwrap();
        assert_eq!(
            rendered,
            "{{- /* Made by `make generate` from crds/; edit src/api instead. */ -}}\n{{- if .Values.on }}\n\
             apiVersion: v1\nkind: X\nmetadata:\n  name: x.example\n  labels:\n    \
             {{- include \"chart.labels\" . | nindent 4 }}\n  {{- with include \"chart.crdAnnotations\" . }}\n  \
             {{- . | nindent 2 }}\n  {{- end }}\nspec:\n  description: as {{ \"{{\" }}x}}\n{{- end }}\n"
        );
        assert!(!template("chart", None, TEXT).unwrap().contains("if "));
    }

    #[test]
    fn another_form_is_refused() {
        for text in ["", "kind: X\n", "# Made.\nkind: X\n"] {
            assert!(template("chart", None, text).is_err(), "{text}");
        }
    }
}
