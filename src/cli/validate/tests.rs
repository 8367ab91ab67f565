//! Whole files, and what is told about them.

mod schedules;

use super::*;

fn check_all(text: &str) -> Vec<String> {
    check_files(&[("f.yaml", text)])
}

fn check_files(files: &[(&str, &str)]) -> Vec<String> {
    let mut checked = Checked::default();
    for (file, text) in files {
        checked.file(file, text);
    }
    checked.end().1.iter().map(ToString::to_string).collect()
}

#[test]
fn every_problem_of_every_document_is_told_at_once() {
    let found = check_all(
        r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales}
spec:
  batchSize: 900
  jobTimeout: 9000h
  userz: []
  users:
    - {username: ada, email: ada@example.com}
    - {username: Ada, email: nonsense}
---
apiVersion: v1
kind: Secret
metadata: {name: other}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec:
  region: EU
  apiURL: http://example.com
  auth: {apiKey: {secretKeyRef: {name: jumpcloud, key: a key}}}
",
    );
    let text = found.join("\n");
    for expected in [
        "f.yaml: JumpCloudUserBatch sales: spec.batchSize is 900, at most 800",
        "f.yaml: JumpCloudUserBatch sales: spec.userz is not a field; did you mean users",
        "f.yaml: JumpCloudUserBatch sales: users[1] 'Ada': username is used twice (also users[0])",
        "f.yaml: JumpCloudUserBatch sales: users[1] 'Ada': email is not an e-mail address",
        "f.yaml: JumpCloudUserBatch sales: jobTimeout: is not between 1s and 8760h",
        "f.yaml: JumpCloudConnection default: spec.apiURL: region and apiURL exclude each other; leave one out",
        "f.yaml: JumpCloudConnection default: spec.auth.apiKey.secretKeyRef.key is not of the form",
        "apiURL is https; plain http is taken for loopback addresses only",
    ] {
        assert!(text.contains(expected), "{expected}\n--\n{text}");
    }
    assert!(!text.contains("Secret other"), "{text}");
}

#[test]
fn a_sound_manifest_has_no_problem() {
    let sound = r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales}
spec:
  template: {state: Staged}
  users: [{username: ada, email: ada@example.com}]
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec: {auth: {apiKey: {secretKeyRef: {name: jumpcloud, key: api-key}}}}
";
    assert_eq!(check_all(sound), Vec::<String>::new());
}

/// A mistake in one field hides no other, and is not told twice.
#[test]
fn what_cannot_be_read_hides_nothing_else() {
    let found = check_all(
        r"
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: sales, namespace: people}
spec:
  batchSize: many
  jobTimeout: soon
  existingUsers: Steal
  retry: {limit: -1, pause: 3}
  connectionRef: {}
  users:
    - ada
    - {username: grace, email: nonsense, addresses: [{town: x}], state: Staged, suspended: true}
    - {username: alan, email: null}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudUserBatch
metadata: {name: none}
---
apiVersion: jumpcloud-operator.dev/v1
kind: JumpCloudUserBatch
metadata: {name: newer}
---
apiVersion: jumpcloud-operator.dev/v1alpha1
kind: JumpCloudConnection
metadata: {name: default}
spec: {region: XX}
",
    );
    assert_eq!(
        found,
        [
            "f.yaml: JumpCloudUserBatch people/sales: spec.batchSize is not a whole number",
            "f.yaml: JumpCloudUserBatch people/sales: spec.connectionRef.name is missing",
            "f.yaml: JumpCloudUserBatch people/sales: spec.existingUsers is not one of Fail",
            "f.yaml: JumpCloudUserBatch people/sales: spec.jobTimeout is not of the form ^([0-9]+(h|m|s))+$",
            "f.yaml: JumpCloudUserBatch people/sales: spec.retry.limit is -1, at least 0",
            "f.yaml: JumpCloudUserBatch people/sales: spec.retry.pause is not a field",
            "f.yaml: JumpCloudUserBatch people/sales: spec.users[0] is not an object",
            "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': addresses[0].town is not a field; it takes type, poBox, extendedAddress, streetAddress, \
                 locality, region, postalCode, country",
            "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': email is not an e-mail address",
            "f.yaml: JumpCloudUserBatch people/sales: users[1] 'grace': state and suspended contradict each other; leave suspended out",
            "f.yaml: JumpCloudUserBatch people/sales: users[2] 'alan': email is missing; every user needs one",
            "f.yaml: JumpCloudUserBatch none: spec is missing",
            "f.yaml: JumpCloudUserBatch newer: apiVersion jumpcloud-operator.dev/v1 is not of this release, which has v1alpha1",
            "f.yaml: JumpCloudConnection default: spec.auth is missing",
            "f.yaml: JumpCloudConnection default: spec.region is not one of US, EU, IN",
        ]
    );
}

#[test]
fn a_user_of_two_objects_is_told_with_both() {
    let manifest = |name: &str, place: &str, users: &str| {
        format!(
            "apiVersion: jumpcloud-operator.dev/v1alpha1\nkind: JumpCloudUserBatch\n\
                 metadata: {{name: {name}, namespace: people}}\nspec: {{{place} users: [{users}]}}\n---\n"
        )
    };
    let sales = manifest("sales", "", "{username: ada, email: ada@example.com}");
    let other =
        manifest("hr", "", "{username: x, email: x@example.com}, {username: Ada, email: y@example.com}");
    let address = manifest("it", "", "{username: lovelace, email: ADA@example.com}");
    let elsewhere = manifest("eu", "connectionRef: {name: eu},", "{username: ada, email: ada@example.com}");
    let found = check_files(&[("a.yaml", &(sales.clone() + &elsewhere)), ("b.yaml", &(other + &address))]);
    let why = "(users[0] in a.yaml); a user has one owner: take the row off one of the two";
    assert_eq!(
        found,
        [
            format!(
                "b.yaml: JumpCloudUserBatch people/hr: users[1] 'Ada': username is declared by \
                     JumpCloudUserBatch people/sales as well {why}"
            ),
            format!(
                "b.yaml: JumpCloudUserBatch people/it: users[0] 'lovelace': email is declared by \
                     JumpCloudUserBatch people/sales as well {why}"
            ),
        ]
    );
    assert_eq!(check_files(&[("a.yaml", &sales), ("b.yaml", &sales)]), Vec::<String>::new());
}

#[test]
fn a_rule_that_a_check_has_told_is_not_told_again() {
    let of_row = |message: &str| Problem::of_row(3, "ada", message);
    for (problem, place, message, same) in [
        (of_row("x and y differ"), "users[3]", "x and y differ", true),
        (of_row("x and y differ"), "users[33]", "x and y differ", false),
        (of_row("x takes one"), "users[3].x", "takes one", true),
        (of_row("y takes one"), "users[3].x", "takes one", false),
        (of_row("x is not an object"), "users[3].x", "takes one", true),
        (of_row("xx is not an object"), "users[3].x", "takes one", false),
        (Problem::of("template", "x takes one"), "template.x", "takes one", true),
        (Problem::of("jobTimeout", "is too long"), "jobTimeout", "is at most an hour", true),
        (Problem::of("users", "are too many"), "users", "takes at most 500", true),
    ] {
        assert_eq!(is_about(&problem, place, message), same, "{problem}, {place} {message}");
    }
}

#[test]
fn lists_are_looked_into() {
    let found = check_all(
        r#"{"apiVersion": "v1", "kind": "List", "items": [
                {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x"}, "items": 7},
                {"apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatchList", "items": [
                    {"apiVersion": "jumpcloud-operator.dev/v1alpha1", "kind": "JumpCloudUserBatch",
                     "metadata": {"name": "sales"}, "spec": {"batchSize": 0}}]}]}"#,
    );
    assert_eq!(found, ["f.yaml: JumpCloudUserBatch sales: spec.batchSize is 0, at least 1"]);
}

#[test]
fn broken_yaml_is_a_problem_of_the_file() {
    assert!(check_all("a: [").first().unwrap().starts_with("f.yaml: file: is not YAML"));
}

#[test]
fn the_samples_have_no_problem() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/samples");
    let mut checked = Checked::default();
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    // What is not for one namespace is in folders of its own.
    for path in paths.filter(|path| path.is_file()) {
        checked.file(&path.display().to_string(), &std::fs::read_to_string(path).unwrap());
    }
    let (objects, lines) = checked.end();
    assert_eq!(lines, []);
    assert_eq!(objects, 5, "a connection, two batches, two schedules");
}
