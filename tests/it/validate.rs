//! `validate` says what a cluster would say (bar 7): the fields that the API server refuses, and the list
//! that the operator reports for what the schema lets through.

mod samples;
mod schedules;

use std::collections::BTreeSet;
use std::process::Command;

use jumpcloud_operator::api::condition::MAX_MESSAGE;
use jumpcloud_sim::{Route, Settings};
use serde_json::{Value, json};

use crate::harness::manifests::{batch, connection, plain_users, users};
use crate::harness::operator::QUICK;
use crate::harness::plane::{kubectl, plane};
use crate::harness::world::World;

/// What `validate` prints about one manifest, without file and object, one problem each.
fn validate(manifest: &Value) -> Vec<String> {
    let kind = manifest["kind"].as_str().expect("a kind");
    let name = manifest["metadata"]["name"].as_str().expect("a name");
    let namespace = manifest["metadata"]["namespace"].as_str().expect("a namespace");
    let file = plane().scratch().path().join(format!("{namespace}-{name}.json"));
    std::fs::write(&file, manifest.to_string()).expect("a file");
    let output = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"))
        .arg("validate")
        .arg(&file)
        .output()
        .expect("validate starts");
    let text = String::from_utf8(output.stdout).expect("text");
    let prefix = format!("{}: {kind} {namespace}/{name}: ", file.display());
    let problems: Vec<String> = text
        .lines()
        .map(|line| line.strip_prefix(&prefix).unwrap_or_else(|| panic!("{line}")).to_owned())
        .collect();
    assert_eq!(output.status.code(), Some(i32::from(!problems.is_empty())), "{text}");
    problems
}

/// The field of a line of `validate`, as the API server spells it: `users[3] 'ada': unixUID is ..` is about
/// `spec.users[3].unixUID`, `spec.retry.limit is ..` and `jobTimeout: ..` say it themselves, and a rule about
/// several fields of a row is about the row.
fn field(problem: &str) -> String {
    const OF_ROWS: [&str; 3] =
        ["state and suspended contradict each other", "mfa takes exclusionDays", "takes exactly one of"];
    let word = |text: &str| text.split([' ', ':']).next().unwrap_or_default().to_owned();
    let Some((place, message)) = problem.split_once(": ").filter(|_| !problem.starts_with("spec.")) else {
        return word(problem);
    };
    let place = format!("spec.{}", word(place));
    let inside = place.starts_with("spec.users[") || place == "spec.template";
    if inside && !OF_ROWS.iter().any(|rule| message.starts_with(rule)) {
        format!("{place}.{}", word(message))
    } else {
        place
    }
}

/// The fields that kubectl names when the API server refuses an object: `* spec.a: Invalid value: ..` for
/// each mistake, or the same after `is invalid:` for one, or a list of unknown fields.
fn refused(manifest: &Value) -> BTreeSet<String> {
    // Server-side apply stops at the first value of a wrong type.
    let arguments = ["create", "--validate=strict", "-f", "-"];
    let printed = kubectl(&arguments, &manifest.to_string());
    assert!(!printed.success, "{}", printed.text);
    if printed.text.contains("strict decoding error") {
        let unknown = printed.text.split("unknown field \"").skip(1);
        return unknown.filter_map(|rest| rest.split('"').next()).map(str::to_owned).collect();
    }
    let (_, listed) = printed.text.split_once(" is invalid: ").unwrap_or_else(|| panic!("{}", printed.text));
    listed
        .lines()
        .map(|line| line.trim().trim_start_matches("* "))
        .filter(|line| line.starts_with("spec"))
        .filter_map(|line| line.split(": ").next())
        .map(str::to_owned)
        .collect()
}

/// Asserts that both refuse the same fields, and at least `count` of them.
fn both_name(manifest: &Value, count: usize) {
    let problems = validate(manifest);
    let offline: BTreeSet<String> = problems.iter().map(|problem| field(problem)).collect();
    let server = refused(manifest);
    assert_eq!(offline, server, "{problems:#?}");
    assert!(server.len() >= count, "only {} fields: {server:#?}", server.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_names_the_fields_that_the_api_server_refuses() {
    let world = World::bare("validate-schema", Settings::default()).await;
    let namespace = world.namespace.as_str();
    let long = "x".repeat(1025);
    let mut rows = 0;
    let mut row = |fields: Value| {
        rows += 1;
        let mut row = json!({"username": format!("u{rows}"), "email": format!("u{rows}@example.com")});
        row.as_object_mut().expect("an object").extend(fields.as_object().expect("an object").clone());
        row
    };
    // Wrong types, ranges, words, lengths and patterns, missing and nested fields, in one object.
    let spec = json!({
        "connectionRef": {},
        "paused": "yes",
        "template": {"department": 7, "company": long, "sudo": "no", "state": "Gone", "unixGID": 0},
        "users": [
            "ada",
            {"username": "no-address"},
            {"email": "no.name@example.com"},
            row(json!({"username": "a b", "email": "nobody"})),
            row(json!({"username": "", "email": 7, "firstName": "", "lastName": long})),
            row(json!({"unixUID": 0, "unixGID": "ten", "sudo": 1, "state": "Nonsense"})),
            row(json!({"employeeIdentifier": "9".repeat(257), "externalPasswordExpirationDate": "soon"})),
            row(json!({"addresses": [{"locality": 7}, "there"], "phoneNumbers": vec![json!({}); 11]})),
            row(json!({"attributes": {"team": "", "floor": 3, "cost": long}, "recoveryEmail": {"address": "x"}})),
            row(json!({"mfa": {"exclusionDays": 0}, "restrictedFields": [{"type": "Magic"}]})),
            row(json!({"relationships": {}, "mfa": [], "attributes": "none"})),
            row(json!({"mfa": {"exclusionUntil": "never", "configured": "perhaps"}})),
            row(json!({"firstName": null, "email": null})),
            row(json!({"manager": "grace", "clear": "location", "sshKeys": [{"name": 7}]})),
            row(json!({"manager": {"username": "a b"}, "clear": ["", 7, "location"]})),
        ],
        "batchSize": 900,
        "suppressResultsEmail": 1,
        "creationSource": "Elsewhere",
        "existingUsers": "Steal",
        "retry": {"limit": 21},
        "jobTimeout": "soon",
    });
    both_name(&batch(namespace, "types", &spec), 40);
    both_name(
        &batch(namespace, "list", &json!({"users": {}, "template": [], "retry": 3, "batchSize": "9"})),
        4,
    );
    both_name(&batch(namespace, "nothing", &Value::Null), 1);

    let spec = json!({
        "userz": [],
        "retry": {"limits": 3},
        "template": {"username": "x", "compny": "y", "mfa": {"days": 1}},
        "users": [
            row(json!({"firstname": "Ada", "password": "secret", "addresses": [{}, {"town": "London"}]})),
            row(json!({"manager": {"id": "1", "name": "x"}, "clears": []})),
            row(json!({"recoveryEmail": {"adress": "x"}})),
        ],
    });
    both_name(&batch(namespace, "unknown", &spec), 9);

    let spec = json!({
        "jobTimeout": "8761h",
        "template": {"manager": {}},
        "users": [
            row(json!({"manager": {"id": "1", "email": "grace@example.com"}})),
            row(json!({"state": "Suspended", "suspended": false})),
            row(json!({"mfa": {"exclusionDays": 3, "exclusionUntil": "2027-01-04T09:00:00Z"}})),
        ],
    });
    both_name(&batch(namespace, "rules", &spec), 3);
    both_name(&batch(namespace, "many", &json!({"users": plain_users("u", 501)})), 1);

    let mut object = connection(namespace, "types", "ftp://example.com/api");
    object["spec"]["auth"]["apiKey"]["secretKeyRef"] = json!({"key": "a key"});
    object["spec"]["limits"] = json!({"requestsPerSecond": 0, "burst": 1001, "maxBatchSize": "all"});
    object["spec"]["organizationID"] = json!("a b");
    object["spec"]["region"] = json!("XX");
    both_name(&object, 8);
    let mut object = connection(namespace, "rules", "http://example.com");
    object["spec"]["region"] = json!("EU");
    both_name(&object, 1);
}

/// 300 users with twelve different mistakes that the schema lets through.
fn wrong_users() -> Vec<Value> {
    let mut rows = users("w", 300, |i| json!({"employeeIdentifier": format!("E{i}"), "unixUID": 5000 + i}));
    for (row, field, value) in [
        (20, "username", json!("W0001")),
        (45, "email", json!("W0002@Canary.Example.Com")),
        (70, "employeeIdentifier", json!("e3")),
        (95, "unixUID", json!(5004)),
        (120, "attributes", json!({"cost centre": "12"})),
        (145, "alternateEmail", json!("blank\u{a0}blank@canary.example.com")),
        (170, "manager", json!({"username": "W0170"})),
        // The schema looks at the form of an offset alone.
        (195, "externalPasswordExpirationDate", json!("2027-01-04T09:00:00+99:00")),
        (220, "clear", json!(["unixUID"])),
        (245, "clear", json!(["attributes.team"])),
        (270, "manager", json!({"email": "W0270@Canary.Example.Com"})),
        // The template says Staged; only the merged row contradicts itself.
        (299, "suspended", json!(true)),
    ] {
        rows[row][field] = value;
    }
    rows[245]["attributes"] = json!({"team": "x"});
    rows
}

#[tokio::test(flavor = "multi_thread")]
async fn validate_and_the_operator_report_the_same_list() {
    let world = World::new("validate-list", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let spec = json!({
        "template": {"state": "Staged", "department": "Sales"},
        "users": wrong_users(),
    });
    let problems = validate(&batch(&world.namespace, "sales", &spec));
    assert_eq!(problems.len(), 12, "{problems:#?}");
    for (place, field) in [
        ("users[20] 'W0001'", "username"),
        ("users[45] 'w0045'", "email"),
        ("users[70] 'w0070'", "employeeIdentifier"),
        ("users[95] 'w0095'", "unixUID"),
        ("users[120] 'w0120'", "attributes"),
        ("users[145] 'w0145'", "alternateEmail"),
        ("users[170] 'w0170'", "manager"),
        ("users[195] 'w0195'", "externalPasswordExpirationDate"),
        ("users[220] 'w0220'", "unixUID"),
        ("users[245] 'w0245'", "attributes.team"),
        ("users[270] 'w0270'", "manager"),
        ("users[299] 'w0299'", "state"),
    ] {
        let told = problems.iter().filter(|problem| problem.starts_with(&format!("{place}: {field} ")));
        assert_eq!(told.count(), 1, "{place} {field}: {problems:#?}");
    }

    world.apply_batch("sales", &spec);
    let status = world.reason("sales", "InvalidSpec").await;
    let stalled = status.conditions.iter().find(|c| c.type_ == "Stalled").expect("it needs a person");
    assert_eq!(stalled.message, format!("12 problems: {}", problems.join("; ")));
    nothing_was_sent(&world);
    // Mended in one edit, since all was told at once.
    world.apply_batch("sales", &json!({"batchSize": 300, "users": plain_users("w", 300)}));
    let status = world.reason("sales", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("300/300"));
}

/// More problems than a condition holds: it has the first of them whole, and says how many more there are.
#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_is_too_long_is_counted() {
    let world = World::new("validate-overflow", Settings::default()).await;
    let _operator = world.operator(QUICK);
    world.connection_reason("default", "Succeeded").await;
    let spec = json!({"users": users("o", 400, |_| json!({"attributes": {"not-a-name": "x"}}))});
    let problems = validate(&batch(&world.namespace, "sales", &spec));
    assert_eq!(problems.len(), 400);

    world.apply_batch("sales", &spec);
    let status = world.reason("sales", "InvalidSpec").await;
    let message = &status.conditions.iter().find(|c| c.type_ == "Stalled").expect("Stalled").message;
    assert!((MAX_MESSAGE - 400..=MAX_MESSAGE).contains(&message.len()), "{} bytes", message.len());
    let (told, more) = message.rsplit_once("; and ").expect("more follow");
    let shown = told.matches("; users[").count() + 1;
    assert!(shown > 100, "{shown}");
    assert_eq!(told, format!("400 problems: {}", problems[..shown].join("; ")));
    assert_eq!(more, format!("{} more; run jumpcloud-operator validate for all", 400 - shown));
    nothing_was_sent(&world);
}

/// Asserts that JumpCloud was asked for its organisations and nothing else.
fn nothing_was_sent(world: &World) {
    let requests: Vec<Route> =
        world.sim.ledger().iter().filter_map(|entry| entry.request().map(|request| request.route)).collect();
    let check = |route: &Route| matches!(route, Route::OrganizationList | Route::OrganizationGet);
    assert!(!requests.is_empty() && requests.iter().all(check), "{requests:?}");
}

/// Files, standard input, what is no manifest, and wrong usage.
#[test]
fn exit_codes_say_what_kind_of_end_it_was() {
    let dir = plane().scratch().path().join("validate-files");
    std::fs::create_dir_all(&dir).expect("a folder");
    let (sound, broken) = (dir.join("sound.yaml"), dir.join("broken.yaml"));
    std::fs::write(&sound, batch("people", "sales", &json!({"users": plain_users("u", 2)})).to_string())
        .expect("a file");
    std::fs::write(&broken, "kind: JumpCloudUserBatch\nspec: [lovelace\n").expect("a file");
    let run = |arguments: &[&std::path::Path], input: Option<&std::path::Path>| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jumpcloud-operator"));
        command.arg("validate").args(arguments).stdin(std::process::Stdio::null());
        if let Some(input) = input {
            command.stdin(std::fs::File::open(input).expect("a file"));
        }
        let output = command.output().expect("validate starts");
        (output.status.code(), String::from_utf8(output.stdout).expect("text"))
    };
    let stdin = std::path::Path::new("-");
    assert_eq!(run(&[&sound], None), (Some(0), String::new()));
    assert_eq!(run(&[stdin], Some(&sound)), (Some(0), String::new()));
    assert_eq!(run(&[], None).0, Some(2));
    let (code, text) = run(&[&broken, &dir.join("none.yaml"), &sound, stdin], Some(&broken));
    assert_eq!(code, Some(1));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[0].ends_with("broken.yaml: file: is not YAML: line 2, column 7"), "{text}");
    assert!(lines[1].contains("none.yaml: file: cannot be read"), "{text}");
    assert!(lines[2].starts_with("-: file: is not YAML: line 2"), "{text}");
    assert!(!text.contains("lovelace"));
}
