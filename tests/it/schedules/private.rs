//! Personal data and keys (abuse case 9): whatever JumpCloud repeats of what it was sent, and with every crate at its
//! loudest, no address and no key is in the log, in events, in metrics or in a status.

use std::collections::BTreeMap;

use jumpcloud_sim::settings::{Key, RowFailure};
use jumpcloud_sim::{Act, DEFAULT_ORGANISATION, FaultRule, Pattern, Reply, Route, Settings};
use serde_json::{Value, json};

use super::standing::{line, result};
use crate::harness::declare::apply;
use crate::harness::manifests::{connection, secret};
use crate::harness::operator::{Operator, QUICK};
use crate::harness::schedules::{Calendar, ahead, by_username};
use crate::harness::wait::eventually;
use crate::harness::weather;
use crate::harness::world::{PATIENCE, World};

const KEY: &str = "zqkey-0a3f1c5be2d94c7d8f60512b7c9e4d11";

/// Starts every e-mail address that must not be seen. No username has it.
const MARK: &str = "zqperson";

/// All crates that handle requests, answers or objects, as loud as they can be.
const LOUD: &str = "trace,kube=trace,kube_client=trace,kube_runtime=trace,hyper=trace,hyper_util=trace,\
    reqwest=trace,rustls=trace,tower=trace,h2=trace,want=trace";

fn email(username: &str) -> String {
    format!("{MARK}.{username}@zqdomain.example.com")
}

/// What a vendor may answer that repeats what it was sent, in several spellings.
fn repeats(username: &str) -> String {
    let address = email(username);
    format!("<{address}> ({}), key {KEY}, /users/{}", address.to_uppercase(), address.replace('@', "%40"))
}

fn answers(status: u16, username: &str) -> FaultRule {
    let text = format!("not possible for {}", repeats(username));
    let body = Some(json!({"error": text, "message": text}));
    FaultRule::new(Act::Refuses, Reply::Status { status, headers: BTreeMap::new(), retry_after: None, body })
}

fn spec(users: &Value, state: &str, seconds: i64, more: &Value) -> Value {
    let mut spec = json!({"users": users, "state": state, "startTime": ahead(seconds).to_string()});
    spec.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    spec
}

/// What everybody who may look sees.
async fn published(calendar: &Calendar, operator: &Operator) -> Vec<(&'static str, String)> {
    let list = |kind: &str| calendar.kubectl(&["get", kind, "--output", "json"]);
    let objects: Value = serde_json::from_str(&list("jcsus,jcconn")).expect("kubectl prints JSON");
    let statuses = objects["items"].as_array().expect("a list").iter().map(|item| item["status"].clone());
    vec![
        ("statuses", Value::Array(statuses.collect()).to_string()),
        ("events", list("events.events.k8s.io")),
        ("metrics", operator.metrics().await),
        ("log", operator.log()),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn no_address_leaves_its_place() {
    let mut settings = Settings::default();
    settings.organisations[0].keys = vec![Key::new(KEY)];
    let row = Pattern::exactly("now").expect("a pattern");
    settings.jobs.row_failures = vec![RowFailure::new(row, &format!("not allowed: {}", repeats("now")))];
    settings.faults = vec![
        answers(503, "found").on(Route::UserSearch).times(4),
        answers(502, "found").on(Route::ScheduleList).times(1),
        answers(429, "found").on(Route::ScheduleCreate).times(1),
        answers(400, "hr").on(Route::ScheduleCreate).body(Pattern::new(MARK).expect("a pattern")),
        answers(400, "mail").on(Route::UserActivate),
        answers(503, "found").on(Route::ScheduleDelete).times(1),
    ];
    let calendar = Calendar::of(World::bare("sus-private", settings).await);
    apply(&secret(&calendar.namespace, KEY).to_string());
    apply(&connection(&calendar.namespace, "default", calendar.sim.url()).to_string());
    for name in ["found", "other", "refused", "now", "mail"] {
        let user = json!({"username": name, "email": email(name), "state": "STAGED"});
        calendar.sim.add_user(DEFAULT_ORGANISATION, &user).expect("a user");
    }
    let operator = calendar.operator(&[QUICK, &[("--log-level", LOUD)]].concat());

    let by_email = |names: &[&str]| -> Value {
        names.iter().map(|name| json!({"email": email(name)})).collect::<Vec<_>>().into()
    };
    let mail = json!({"activationEmails": {"send": true, "overrideAddress": email("hr")}, "missedPolicy": "ApplyNow"});
    let objects = [
        ("named", spec(&by_email(&["found", "other", "nobody"]), "Suspended", 7200, &json!({}))),
        ("override", spec(&by_username(["refused"]).into(), "Activated", 7200, &mail)),
        ("late", spec(&by_email(&["now"]), "Suspended", -30, &json!({"missedPolicy": "ApplyNow"}))),
        ("mailed", spec(&by_email(&["mail"]), "Activated", -30, &mail)),
        ("doubled", spec(&by_email(&["found", "found"]), "Suspended", 7200, &json!({}))),
    ];
    for (name, spec) in &objects {
        calendar.apply_schedule(name, spec);
    }
    let named = calendar.comes_to("named", "PartiallyFailed").await;
    assert_eq!(result(&named, "found"), ("Scheduled", None));
    for (name, username) in [("override", "refused"), ("late", "now"), ("mailed", "mail")] {
        let status = calendar.comes_to(name, "Failed").await;
        assert_eq!(result(&status, username), ("Failed", Some("Rejected")), "{name}");
        let words = line(&status, username).message.clone().unwrap_or_default();
        let kept = ["not possible for", "not allowed:"].iter().any(|kept| words.contains(kept));
        assert!(kept, "the vendor's words are gone from {name}: {words}");
    }
    calendar.comes_to("doubled", "InvalidSpec").await;
    // Under weather not all of them, since events are not published again.
    let published_all = async || {
        let events = calendar.kubectl(&["get", "events.events.k8s.io", "--output", "json"]);
        let missing: Vec<_> = ["PartiallyFailed", "Failed", "InvalidSpec"]
            .into_iter()
            .filter(|r| !events.contains(r))
            .collect();
        if missing.is_empty() || weather::is_on() { Ok(()) } else { Err(missing) }
    };
    eventually("the events", PATIENCE, published_all).await;
    let mut seen = published(&calendar, &operator).await;
    calendar.delete("named");
    calendar.gone("named").await;
    seen.extend(published(&calendar, &operator).await);

    for (place, text) in &seen {
        let lower = text.to_lowercase();
        for canary in [MARK, "zqdomain", "zqkey", "%40"] {
            let at = lower.find(canary);
            let around = at.map(|at| lower.get(at.saturating_sub(300)..(at + 200).min(lower.len())));
            assert!(at.is_none(), "{canary} is in the {place}: ..{around:?}..");
        }
    }
    let log = operator.log();
    assert!(log.len() > 50_000 && log.contains("TRACE"), "the log has {} bytes", log.len());
    assert!(calendar.sim.requests(Route::ScheduleDelete).len() >= 2, "the fault of the deletion was met");
}
