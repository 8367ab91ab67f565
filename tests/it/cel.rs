//! Every rule of the definitions, on the real API server: what is accepted, what is refused, in which
//! words; and that `validate` refuses what the API server refuses.

mod case;
mod derived;
mod schedule;

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::{Command, Stdio};

use jumpcloud_operator::api::connection::ONE_CREDENTIAL;
use jumpcloud_sim::Settings;
use serde_json::{Value, json};

use self::case::{Case, Kind, service_account};
use crate::harness::declare::apply;
use crate::harness::manifests::{batch, plain_users};
use crate::harness::plane::kubectl;
use crate::harness::schedules;
use crate::harness::world::World;

const REGION_OR_URL: &str = "region and apiURL exclude each other; leave one out";
const HTTPS: &str = "apiURL is https; plain http is taken for loopback addresses only";
const MAX_USERS: &str = "users takes at most 500 users; split the list over several objects";
const IMMUTABLE: &str = "connectionRef cannot change; make a new object for another connection";
const TIMEOUT: &str = "jobTimeout is between 1s and 8760h";
const REFERENCE: &str = "takes exactly one of id, username and email";
const STATE: &str = "state and suspended contradict each other; leave suspended out";
const MFA: &str = "mfa takes exclusionDays (staged users) or exclusionUntil (activated users), not both";

/// A spec with these fields besides what it must have.
fn with(kind: Kind, extra: Value) -> Value {
    let mut spec = kind.base();
    if let (Value::Object(spec), Value::Object(extra)) = (&mut spec, extra) {
        spec.extend(extra);
    }
    spec
}

/// A batch of one user with these fields.
fn row(extra: Value) -> Value {
    let mut spec = Kind::Batch.base();
    if let (Value::Object(row), Value::Object(extra)) = (&mut spec["users"][0], extra) {
        row.extend(extra);
    }
    spec
}

/// Objects that break a rule in CEL, and neighbours that do not. The one rule about a change is not
/// here: it needs an object that is stored.
fn rules() -> Vec<Case> {
    let mut cases = Vec::new();
    for (extra, message) in [
        (json!({"region": "EU"}), None),
        (json!({"apiURL": "https://example.com:8443"}), None),
        (json!({"region": "EU", "apiURL": "https://example.com"}), Some(REGION_OR_URL)),
        (json!({"apiURL": "http://localhost:8080"}), None),
        (json!({"apiURL": "http://127.0.0.1:8080"}), None),
        (json!({"apiURL": "http://[::1]:8080"}), None),
        (json!({"apiURL": "http://example.com"}), Some(HTTPS)),
        (json!({"apiURL": "http://127.0.0.1.example.com"}), Some(HTTPS)),
        (json!({"apiURL": "http://localhost.example.com:80"}), Some(HTTPS)),
    ] {
        cases.push(ruled(Kind::Connection, with(Kind::Connection, extra), message));
    }
    let key = json!({"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}});
    let mut two_secrets = service_account();
    two_secrets["clientSecretSecretKeyRef"]["name"] = json!("another");
    for (auth, message) in [
        (json!({"apiKey": key}), None),
        (json!({"serviceAccount": service_account()}), None),
        (json!({"serviceAccount": two_secrets}), None),
        (json!({"apiKey": key, "serviceAccount": service_account()}), Some(ONE_CREDENTIAL)),
        (json!({}), Some(ONE_CREDENTIAL)),
    ] {
        cases.push(ruled(Kind::Connection, with(Kind::Connection, json!({"auth": auth})), message));
    }
    for (extra, message) in [
        (json!({"users": plain_users("u", 500)}), None),
        (json!({"users": []}), None),
        (json!({"users": plain_users("u", 501)}), Some(MAX_USERS)),
        (json!({"jobTimeout": "1s"}), None),
        (json!({"jobTimeout": "8760h"}), None),
        (json!({"jobTimeout": "1h30m"}), None),
        (json!({"jobTimeout": "0s"}), Some(TIMEOUT)),
        (json!({"jobTimeout": "8760h1s"}), Some(TIMEOUT)),
        (json!({"jobTimeout": "99999999999999999999s"}), Some(TIMEOUT)),
        // The contract's numbers, whatever the schema says.
        (json!({"batchSize": 800, "retry": {"limit": 20}}), None),
        (json!({"batchSize": 801}), Some("less than or equal to 800")),
        (json!({"batchSize": 0}), Some("greater than or equal to 1")),
        (json!({"existingUsers": "Adopt"}), Some("Unsupported value")),
        (json!({"userz": []}), Some("unknown field \"spec.userz\"")),
    ] {
        cases.push(ruled(Kind::Batch, with(Kind::Batch, extra), message));
    }
    for (extra, message) in [
        (json!({"state": "Suspended", "suspended": true}), None),
        (json!({"state": "Staged", "suspended": false}), None),
        (json!({"suspended": true}), None),
        (json!({"state": "Suspended", "suspended": false}), Some(STATE)),
        (json!({"state": "Activated", "suspended": true}), Some(STATE)),
        (json!({"mfa": {"exclusion": true, "exclusionDays": 3}}), None),
        (json!({"mfa": {"exclusion": true, "exclusionUntil": "2027-01-04T09:00:00Z"}}), None),
        (json!({"mfa": {"exclusionDays": 3, "exclusionUntil": "2027-01-04T09:00:00Z"}}), Some(MFA)),
        (json!({"manager": {"id": "1"}}), None),
        (json!({"manager": {"username": "grace"}}), None),
        (json!({"manager": {"email": "grace@example.com"}}), None),
        (json!({"manager": {"username": "grace", "email": "grace@example.com"}}), Some(REFERENCE)),
        (json!({"manager": {}}), Some(REFERENCE)),
        (json!({"clear": ["location", "manager", "attributes.team"]}), None),
        (json!({"clear": ["sudo"]}), Some("spec.users[0].clear[0]")),
        (json!({"password": "secret"}), Some("unknown field \"spec.users[0].password\"")),
    ] {
        cases.push(ruled(Kind::Batch, row(extra), message));
    }
    cases.extend(schedule::cases());
    for kind in Kind::ALL {
        let mut nothing =
            Case::refused(format!("{kind:?} without spec"), kind, json!({}), &["Required value"]);
        nothing.spec = None;
        cases.push(nothing);
    }
    cases
}

fn ruled(kind: Kind, spec: Value, message: Option<&str>) -> Case {
    let shown: String = spec.to_string().chars().take(160).collect();
    match message {
        None => Case::accepted(shown, kind, spec),
        Some(message) => Case::refused(shown, kind, spec, &[message]),
    }
}

/// Messages of all CEL rules of the definitions, wherever they stand.
fn declared(schema: &Value, found: &mut BTreeSet<String>) {
    for rule in schema["x-kubernetes-validations"].as_array().into_iter().flatten() {
        let message = rule["message"].as_str().unwrap_or_else(|| panic!("a rule without a message: {rule}"));
        found.insert(message.to_owned());
    }
    match schema {
        Value::Object(map) => map.values().for_each(|part| declared(part, found)),
        Value::Array(items) => items.iter().for_each(|part| declared(part, found)),
        _ => {}
    }
}

#[test]
fn every_rule_has_a_refused_object() {
    let mut rules_declared = BTreeSet::new();
    for (_, schema) in derived::schemas() {
        declared(&schema, &mut rules_declared);
    }
    let mut tried: BTreeSet<String> = rules().into_iter().flat_map(|case| case.refusal).collect();
    tried.insert(IMMUTABLE.to_owned());
    let untried: Vec<_> = rules_declared.difference(&tried).collect();
    assert!(untried.is_empty(), "add objects that break these rules: {untried:#?}");
    assert!(rules_declared.len() >= 20, "{rules_declared:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_server_accepts_and_refuses_what_the_definitions_say() {
    let world = World::bare("cel", Settings::default()).await;
    let mut wrong = Vec::new();
    let cases: Vec<Case> = rules().into_iter().chain(derived::cases()).collect();
    for case in &cases {
        wrong.extend(case.ask(&world.client, &world.namespace).await.err());
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
    let refused = cases.iter().filter(|case| !case.refusal.is_empty()).count();
    assert!(refused > 200 && cases.len() - refused > 200, "{refused} of {} refused", cases.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_connection_of_an_object_cannot_change() {
    let world = World::bare("cel-immutable", Settings::default()).await;
    let users = plain_users("u", 1);
    world.apply_batch("sales", &json!({"users": users}));
    // The default, written out, is no change.
    world
        .apply_batch("sales", &json!({"connectionRef": {"name": "default"}, "users": users, "batchSize": 5}));
    let other =
        batch(&world.namespace, "sales", &json!({"connectionRef": {"name": "other"}, "users": users}));
    for arguments in [&["apply", "-f", "-"][..], &["apply", "--server-side", "--force-conflicts", "-f", "-"]]
    {
        let printed = kubectl(arguments, &other.to_string());
        assert!(!printed.success && printed.text.contains(IMMUTABLE), "{}", printed.text);
    }
    // An object made with another connection keeps that one as well.
    apply(&batch(&world.namespace, "hr", &json!({"connectionRef": {"name": "eu"}, "users": []})).to_string());
    let back = batch(&world.namespace, "hr", &json!({"users": []}));
    let printed = kubectl(&["replace", "-f", "-"], &back.to_string());
    assert!(!printed.success && printed.text.contains(IMMUTABLE), "{}", printed.text);

    let mut spec = Kind::Schedule.base();
    apply(&schedules::schedule(&world.namespace, "monday", &spec).to_string());
    spec["connectionRef"] = json!({"name": "other"});
    let other = schedules::schedule(&world.namespace, "monday", &spec);
    let printed = kubectl(&["apply", "--server-side", "--force-conflicts", "-f", "-"], &other.to_string());
    assert!(!printed.success && printed.text.contains(IMMUTABLE), "{}", printed.text);
}

/// `validate` needs no cluster, and yet says no wherever the API server does.
#[test]
fn validate_agrees_with_the_api_server() {
    let cases: Vec<Case> = rules().into_iter().chain(derived::cases()).collect();
    let document = |(i, case): (usize, &Case)| {
        let mut object = case.object(&format!("case-{i}"));
        // They declare the same users, which is a mistake inside one namespace.
        object["metadata"]["namespace"] = json!(format!("n{i}"));
        object.to_string()
    };
    let documents: Vec<String> = cases.iter().enumerate().map(document).collect();
    let mut child = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
        .args(["validate", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("validate starts");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    let writer = std::thread::spawn(move || stdin.write_all(documents.join("\n---\n").as_bytes()));
    let output = child.wait_with_output().expect("validate ends");
    writer.join().expect("no panic").expect("validate reads everything");
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8_lossy(&output.stdout);
    let mut found: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
    for line in text.lines() {
        let (_, rest) = line.split_once("/case-").unwrap_or_else(|| panic!("not about a case: {line}"));
        let (number, problem) = rest.split_once(':').expect("a problem follows");
        found.entry(number.parse().expect("a number")).or_default().push(problem);
    }
    let mut wrong = Vec::new();
    for (i, case) in cases.iter().enumerate() {
        match (found.get(&i), case.refusal.is_empty()) {
            // What a row clears is held against the table of fields, which is beyond the schema.
            (Some(_), true) if case.what.starts_with("spec.users[0].clear") => {}
            (Some(_), true) if schedule::is_beyond_the_schema(&case.what) => {}
            (Some(problems), true) => {
                wrong.push(format!("{}: refused offline alone: {problems:?}", case.what));
            }
            (None, false) => wrong.push(format!("{}: accepted offline alone", case.what)),
            (Some(_), false) | (None, true) => {}
        }
    }
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}
