//! Personal data and keys stay where their owner put them (bar 7): with every way to go wrong in which
//! JumpCloud repeats what it was sent, and every crate at its loudest, none of it is in the log, in
//! events, in metrics or in a status.

use std::collections::BTreeMap;

use jumpcloud_sim::settings::{Key, RowFailure};
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Pattern, Reply, Route, Settings};
use serde_json::{Value, json};

use crate::harness::declare::apply;
use crate::harness::manifests::{connection, secret};
use crate::harness::operator::QUICK;
use crate::harness::wait::eventually;
use crate::harness::world::{PATIENCE, World};

const KEY: &str = "zqkey-5d41402abc4b2a76b9719d911017c592";
const WRONG_KEY: &str = "zqwrongkey-7d793037a0760186574b0282f2f435e7";
const CLIENT_ID: &str = "zqclient-8277e0910d750195b448797616e091ad";
const CLIENT_SECRET: &str = "zqsecret-e1671797c52e15f763380b45e841ec32";
/// How the simulator's tokens begin.
const TOKEN: &str = "simulated-token-";

/// All crates that handle requests, answers or objects, as loud as they can be.
const LOUD: &str = "trace,kube=trace,kube_client=trace,kube_runtime=trace,kube_core=trace,hyper=trace,\
    hyper_util=trace,reqwest=trace,rustls=trace,tower=trace,h2=trace,tokio_util=trace,want=trace";

/// Starts every e-mail address and every other value that must not be seen. No username has it.
const MARK: &str = "zqperson";

fn email(username: &str) -> String {
    format!("{MARK}.{username}@zqdomain.example.com")
}

/// Users whose values other than the username carry the mark.
fn users(prefix: &str, count: usize) -> Vec<Value> {
    let users = (0..count).map(|i| {
        let username = format!("{prefix}{i}");
        json!({
            "username": username, "email": email(&username), "alternateEmail": format!("alt.{}", email(&username)),
            "firstName": format!("{MARK}first"), "lastName": format!("{MARK}last"),
            "attributes": {"pin": format!("{MARK}pin{i}")},
            "phoneNumbers": [{"type": "mobile", "number": format!("{MARK}-0123456789")}],
        })
    });
    users.collect()
}

/// What a vendor may answer that repeats what it was sent: the key, addresses in several spellings.
fn repeats(key: &str, username: &str) -> String {
    let address = email(username);
    format!("<{address}> ({}), key {key}, /users/{}", address.to_uppercase(), address.replace('@', "%40"))
}

/// The same with everything else that a row holds.
fn repeats_all(username: &str) -> String {
    format!("{MARK}first {} {MARK}LAST, pin {MARK}pin0", repeats(KEY, username))
}

fn answers(status: u16, text: &str) -> FaultRule {
    let body = Some(json!({"error": text, "message": text}));
    FaultRule::new(Act::Refuses, Reply::Status { status, headers: BTreeMap::new(), retry_after: None, body })
}

fn pattern(text: &str) -> Pattern {
    Pattern::new(text).expect("a pattern")
}

fn settings() -> Settings {
    let mut settings = Settings::default();
    settings.organisations[0].keys = vec![Key::new(KEY)];
    settings.jobs.row_failures = vec![
        RowFailure::new(pattern("^rows0$"), &format!("invalid: {}", repeats_all("rows0"))),
        RowFailure::new(pattern("^rows1$"), &format!("try again: {}", repeats_all("rows1"))).times(1),
    ];
    settings.faults = vec![
        // Once: by the second time it could be the right key that is asked with.
        answers(401, &repeats(WRONG_KEY, "rows0")).on(Route::OrganizationList).times(1),
        answers(503, &repeats(KEY, "rows0")).on(Route::UserSearch).times(4),
        answers(429, &repeats_all("rows0")).on(Route::BulkCreate).body(pattern("rows0")).times(1),
        answers(400, &repeats_all("refused0")).on(Route::BulkCreate).body(pattern("refused0")),
        FaultRule::drop_reply().on(Route::BulkCreate).body(pattern("lost0")).times(1),
        answers(502, &repeats(KEY, "rows0")).on(Route::BulkResults).times(4),
        answers(401, &repeats(CLIENT_SECRET, CLIENT_ID)).on(Route::Token).times(1),
        answers(503, &repeats(CLIENT_SECRET, CLIENT_ID)).on(Route::Token).times(1),
    ];
    settings
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_keys_nor_addresses_leave_their_place() {
    let world = World::bare("canary", settings()).await;
    let theirs = json!({"username": "existing", "email": email("taken0")});
    world.sim.add_user(DEFAULT_ORGANISATION, &theirs).expect("a user");
    apply(&secret(&world.namespace, WRONG_KEY).to_string());
    apply(&connection(&world.namespace, "default", world.sim.url()).to_string());
    let flags = [QUICK, &[("--log-level", LOUD)]].concat();
    let operator = world.operator(&flags);
    world.apply_batch("rows", &json!({"users": users("rows", 3)}));
    world.connection_reason("default", "Retrying").await;
    world.reason("rows", "ConnectionNotReady").await;
    // Events of this phase, before another reason follows.
    let mut seen = published(&world);
    apply(&secret(&world.namespace, KEY).to_string());

    connect_account(&world);
    let own = json!({"connectionRef": {"name": "account"}, "users": users("own", 2)});
    world.apply_batch("own", &own);
    world.apply_batch("refused", &json!({"users": users("refused", 2)}));
    world.apply_batch("lost", &json!({"users": users("lost", 2)}));
    world.apply_batch("taken", &json!({"users": users("taken", 2)}));
    let mut doubled = users("doubled", 2);
    doubled[1]["email"] = doubled[0]["email"].clone();
    world.apply_batch("doubled", &json!({"users": doubled}));
    world.reason("rows", "PartiallyFailed").await;
    world.reason("refused", "PartiallyFailed").await;
    world.reason("lost", "Succeeded").await;
    world.reason("own", "Succeeded").await;
    world.reason("taken", "UserConflict").await;
    world.reason("doubled", "InvalidSpec").await;
    eventually("the events", PATIENCE, async || {
        let events = world.kubectl(&["get", "events", "-o", "json"]);
        let missing: Vec<_> = ["PartiallyFailed", "UserConflict", "InvalidSpec"]
            .into_iter()
            .filter(|r| !events.contains(r))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(missing) }
    })
    .await;
    seen.extend(published(&world));
    seen.push(("metrics", operator.metrics().await));
    seen.push(("log", operator.log()));

    let encoded = world.kubectl(&["get", "secret", "jumpcloud", "-o", "jsonpath={.data.api-key}"]);
    assert!(encoded.len() > KEY.len(), "{encoded}");
    for (place, text) in &seen {
        let lower = text.to_lowercase();
        for canary in
            [KEY, WRONG_KEY, MARK, "zqdomain", "zqkey", "zqwrongkey", CLIENT_SECRET, CLIENT_ID, TOKEN]
        {
            if let Some(at) = lower.find(canary) {
                panic!("{canary} is in the {place}: ..{}..", around(&lower, at));
            }
        }
        assert!(!text.contains(&encoded), "the encoded key is in the {place}");
    }
    proves_something(&seen, &world.namespace);
}

/// A connection by a service account beside the one by a key.
fn connect_account(world: &World) {
    let organisation = DEFAULT_ORGANISATION;
    world.sim.add_client_secret(organisation, CLIENT_ID, CLIENT_SECRET).expect("an account");
    let mut account = secret(&world.namespace, KEY);
    account["metadata"]["name"] = json!("account");
    account["stringData"] = json!({"id": CLIENT_ID, "secret": CLIENT_SECRET});
    apply(&account.to_string());
    let mut object = connection(&world.namespace, "account", world.sim.url());
    object["spec"]["auth"] = json!({"serviceAccount": {
        "clientIDSecretKeyRef": {"name": "account", "key": "id"},
        "clientSecretSecretKeyRef": {"name": "account", "key": "secret"},
    }});
    apply(&object.to_string());
}

/// What everybody who may look sees: events of both APIs, and the whole status of all objects.
fn published(world: &World) -> Vec<(&'static str, String)> {
    let list = |kinds: &str| -> Value {
        serde_json::from_str(&world.kubectl(&["get", kinds, "-o", "json"])).expect("kubectl prints JSON")
    };
    let objects = list("jumpclouduserbatches,jumpcloudconnections");
    let statuses =
        objects["items"].as_array().expect("a list").iter().map(|item| item["status"].clone()).collect();
    vec![
        ("events", list("events").to_string()),
        ("events of events.k8s.io", list("events.events.k8s.io").to_string()),
        ("statuses", Value::Array(statuses).to_string()),
    ]
}

/// Each place was looked at, and what must be there is there.
fn proves_something(seen: &[(&str, String)], namespace: &str) {
    let all = |place: &str| {
        seen.iter().filter(|(p, _)| *p == place).map(|(_, text)| text.as_str()).collect::<String>()
    };
    let log = all("log");
    for word in [
        &format!("{namespace}/rows"),
        "TRACE",
        "hyper",
        "request refused",
        "outcome of the request is unknown",
    ] {
        assert!(log.contains(word), "'{word}' is not in the log of {} bytes", log.len());
    }
    assert!(log.len() > 50_000, "the log has {} bytes", log.len());
    for place in ["events", "events of events.k8s.io"] {
        for word in ["UserConflict", "InvalidSpec", "doubled1"] {
            assert!(all(place).contains(word), "'{word}' is not in the {place}");
        }
    }
    // The vendor's words are there, and only the words that must not be seen are gone.
    for word in
        ["rows0", "invalid:", "[firstName]", "[lastName]", "refuses the API key", "AdoptedAfterUnknown"]
    {
        assert!(all("statuses").contains(word), "'{word}' is not in the statuses");
    }
    assert!(all("metrics").contains("jumpcloud_operator_api_requests_total"), "{}", all("metrics"));
}

fn around(text: &str, at: usize) -> String {
    let start: String = text.get(..at).unwrap_or_default().chars().rev().take(300).collect();
    start.chars().rev().chain(text.get(at..).unwrap_or_default().chars().take(200)).collect()
}
