//! Answers that are meant to break who reads them. Every route and arbitrary bytes, invalid UTF-8 among them:
//! `tests/fuzz/answers.rs` and `large.rs`, below the API server.

use std::collections::BTreeMap;

use jumpcloud_sim::{Act, FaultRule, Pattern, Reply, Route, Settings};
use serde_json::{Value, json};

use crate::harness::manifests::plain_users;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, rows};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

use super::load::peak_memory;

const MEGABYTES: usize = 10 << 20;

/// What the operator may take with answers of 10 MB under way on several routes.
const MEMORY: u64 = 256 << 20;

/// ANSI codes that clear a screen, a title, markup, a script, overlong lines.
const NASTY: &str =
    "\u{1b}[2J\u{1b}]0;owned\u{7}\u{9b}31m<script>alert(1)</script>\r\nline\u{202e}two \u{200b}<b>bold</b>";

fn bodies() -> Vec<Reply> {
    let text = |text: String| Reply::Body { text };
    vec![
        Reply::Large { bytes: MEGABYTES },
        text("[".repeat(100_000)),
        text("{\"results\":[".repeat(20_000)),
        text(format!("\"{NASTY}\"")),
        Reply::Html,
        text(String::new()),
        text("\u{0}".repeat(4096)),
    ]
}

/// Each route gives each of these once; what was asked for by POST is done all the same. Objects come to their end, and
/// what people read is one clean line.
#[tokio::test(flavor = "multi_thread")]
async fn case_10_hostile_answers_of_every_route_are_bounded_and_cleaned() {
    let (calendar, operator) = Calendar::running("abuse-answers", Settings::default(), QUICK).await;
    let reads = [Route::UserSearch, Route::BulkResults, Route::ScheduleList];
    let mut faults: Vec<FaultRule> = reads
        .iter()
        .flat_map(|route| {
            bodies().into_iter().map(|reply| FaultRule::new(Act::Acts, reply).on(*route).times(1))
        })
        .collect();
    // One request of unknown outcome for each of these lists and dates.
    for (name, reply) in ["large", "deep", "nasty", "html"].into_iter().zip([
        Reply::Large { bytes: MEGABYTES },
        Reply::Body { text: "[".repeat(100_000) },
        Reply::Body { text: NASTY.to_owned() },
        Reply::Html,
    ]) {
        let of = Pattern::new(name).expect("a pattern");
        faults.push(FaultRule::new(Act::Acts, reply.clone()).on(Route::BulkCreate).body(of).times(1));
        if name == "nasty" || name == "html" {
            faults.push(FaultRule::new(Act::Acts, reply).on(Route::ScheduleCreate).times(1));
        }
    }
    let refused = Reply::Status {
        status: 422,
        headers: BTreeMap::new(),
        retry_after: None,
        body: Some(json!({"message": format!("{NASTY} no refused0000@canary.example.com")})),
    };
    let of = Pattern::new("refused").expect("a pattern");
    faults.push(FaultRule::new(Act::Refuses, refused).on(Route::BulkCreate).body(of));
    calendar.sim.set_faults(faults);
    calendar.add_users("leaver", 2, "ACTIVATED");
    for name in ["large", "deep", "nasty", "html", "refused"] {
        calendar.apply_batch(name, &json!({"users": plain_users(name, 2)}));
    }
    for name in ["one", "two"] {
        let spec =
            json!({"users": rows("leaver", 2), "state": "Suspended", "startTime": ahead(7200).to_string()});
        calendar.apply_schedule(name, &spec);
    }
    for name in ["large", "deep", "nasty", "html"] {
        eventually(&format!("{name} to succeed"), PATIENCE, async || calendar.succeeded(name).await).await;
    }
    let status = calendar.reason("refused", "Failed").await;
    let told = status.users[0].message.clone().expect("a message");
    assert!(told.contains("bold") && told.contains("[email]"), "{told}");

    let list = |kinds: &str| calendar.kubectl(&["get", kinds, "-o", "json"]);
    for text in
        [list("jumpclouduserbatches,jumpcloudconnections,scheduleduserstates"), list("events.events.k8s.io")]
    {
        let all: Value = serde_json::from_str(&text).expect("JSON");
        clean(&all);
    }
    let log = operator.log();
    for unfit in ["\u{1b}[2J", "\u{9b}", "\u{202e}", "\u{7}", "<script>", "\\u001b"] {
        assert!(!log.contains(unfit), "{unfit:?} is in the log");
    }
    assert!(log.lines().all(|line| line.len() < 16 * 1024), "a line of the log is without bound");
    let peak = peak_memory(&calendar.namespace);
    assert!(peak < MEMORY, "the operator had {peak} bytes");
}

/// No text of a status or event has a control character, or is without bound.
fn clean(value: &Value) {
    match value {
        Value::String(text) => {
            // What kubectl applies is kept as it is, and was written by us.
            assert!(!text.chars().any(char::is_control) || text.contains("apiVersion"), "{text:?}");
            assert!(!text.contains("<script") && text.len() < 32 * 1024, "{text:?}");
        }
        Value::Array(items) => items.iter().for_each(clean),
        Value::Object(map) => map.values().for_each(clean),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
