//! The definitions of both charts are those of `crds/`, and nothing but labels and annotations is added.

use serde_json::{Value, json};

use crate::helm::{DEFINITIONS, OPERATOR, render_with, text};

#[test]
fn definitions_are_those_of_crds() {
    for chart in [OPERATOR, DEFINITIONS] {
        let rendered = render_with(chart, &json!({}), &[]);
        let definitions = rendered.all("CustomResourceDefinition");
        assert_eq!(definitions.len(), 3, "{chart}");
        for definition in definitions {
            let (plural, group) = (&definition["spec"]["names"]["plural"], &definition["spec"]["group"]);
            let path = format!("{}/crds/{}_{}.yaml", env!("CARGO_MANIFEST_DIR"), text(group), text(plural));
            let stored: Value = serde_saphyr::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
            assert_eq!(definition["spec"], stored["spec"], "{chart}");
            assert_eq!(definition["metadata"]["name"], stored["metadata"]["name"], "{chart}");
            assert_eq!(definition["metadata"]["annotations"]["helm.sh/resource-policy"], "keep", "{chart}");
        }
    }
}

#[test]
fn the_chart_of_the_definitions_heeds_its_values() {
    let of = |values: Value| {
        let rendered = render_with(DEFINITIONS, &values, &[]);
        rendered.all("CustomResourceDefinition")[0]["metadata"].clone()
    };
    assert_eq!(of(json!({"keep": false}))["annotations"], Value::Null);
    assert_eq!(of(json!({"commonAnnotations": {"a": "b"}}))["annotations"]["a"], "b");
    assert_eq!(of(json!({"commonLabels": {"a": "b"}}))["labels"]["a"], "b");
    let rendered = render_with(DEFINITIONS, &json!({}), &[]);
    assert_eq!(rendered.0.len(), 3, "{:?}", rendered.names());
}
