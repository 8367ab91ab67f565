//! Rendering a chart with given values.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Output, Stdio};
use std::sync::OnceLock;

use devenv::packaging::Helm;
use serde_json::Value;

/// The release's name, and so that of most objects.
pub const RELEASE: &str = "jumpcloud-operator";

/// The release's namespace.
pub const NAMESPACE: &str = "operators";

/// The chart of the operator.
pub const OPERATOR: &str = "jumpcloud-operator";

/// The chart of the definitions alone.
pub const DEFINITIONS: &str = "jumpcloud-operator-crds";

fn tool() -> &'static Helm {
    static HELM: OnceLock<Helm> = OnceLock::new();
    HELM.get_or_init(|| Helm::locate_or_build().expect("helm is built"))
}

/// The folder of a chart.
pub fn folder(chart: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/charts")).join(chart)
}

/// A file of a chart.
pub fn file(chart: &str, name: &str) -> String {
    std::fs::read_to_string(folder(chart).join(name)).expect("the chart has it")
}

/// Runs helm with `values` on its standard input.
pub fn helm(arguments: &[&str], values: &Value) -> Output {
    let mut child = tool()
        .command()
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("helm starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    // A helm that fails early does not read its input.
    drop(stdin.write_all(values.to_string().as_bytes()));
    drop(stdin);
    child.wait_with_output().expect("helm ends")
}

fn template(chart: &str, values: &Value, more: &[&str]) -> Output {
    let chart = folder(chart);
    let mut arguments = vec!["template", RELEASE, chart.to_str().expect("a path"), "--namespace", NAMESPACE];
    arguments.extend(["--kube-version", "1.37.0", "--values", "-"]);
    arguments.extend(more);
    helm(&arguments, values)
}

/// What the chart of the operator comes to.
pub fn render(values: &Value) -> Rendered {
    render_with(OPERATOR, values, &[])
}

/// The same of another chart, and with more arguments.
pub fn render_with(chart: &str, values: &Value, more: &[&str]) -> Rendered {
    let output = template(chart, values, more);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{values}\n{errors}");
    let text = String::from_utf8(output.stdout).expect("text");
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    Rendered(documents.into_iter().filter(|document| !document.is_null()).collect())
}

/// Why the chart is not rendered with these values.
pub fn refusal(values: &Value, more: &[&str]) -> String {
    let output = template(OPERATOR, values, more);
    assert!(!output.status.success(), "{values} was rendered");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// The objects of a release.
pub struct Rendered(pub Vec<Value>);

impl Rendered {
    /// The object of that kind and name.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.0.iter().find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
    }

    /// The same, which must be there.
    pub fn one(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {kind} {name} among {:?}", self.names()))
    }

    /// Objects of a kind.
    pub fn all(&self, kind: &str) -> Vec<&Value> {
        self.0.iter().filter(|object| object["kind"] == kind).collect()
    }

    /// Kind and name of each.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|object| format!("{} {}", object["kind"], object["metadata"]["name"])).collect()
    }

    /// The arguments of the operator.
    pub fn arguments(&self) -> Vec<String> {
        let deployments = self.all("Deployment");
        let arguments = &deployments[0]["spec"]["template"]["spec"]["containers"][0]["args"];
        arguments.as_array().expect("arguments").iter().map(text).collect()
    }
}

/// A text.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Lays `value` into `values` at the dotted path.
pub fn set(values: &mut Value, path: &str, value: Value) {
    let mut place = values;
    for name in path.split('.') {
        place = &mut place[name];
    }
    *place = value;
}
