//! Bar 3: whatever JumpCloud's job results look like, the status equals what is there in the end.
//!
//! Each case has users that are created and users that are updated under it, in an organisation of its
//! own. `jobTimeout` is a minute; three minutes later everything must be told.

use std::time::Duration;

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchStatus;
use jumpcloud_sim::settings::{JobSettings, MetaShape, PersistedShape, RowFailure, RowsAppear, UnknownJob};
use jumpcloud_sim::{Pattern, Settings, Sim};
use serde_json::json;

use crate::harness::manifests::users;
use crate::harness::operator::QUICK;
use crate::harness::truth::assert_single_create;
use crate::harness::wait::eventually;
use crate::harness::world::World;

/// Users of each of the two lists.
const USERS: usize = 10;

/// Within which everything must be told.
const LIMIT: Duration = Duration::from_secs(180);

/// One way, or several, in which results are strange.
type Strange = fn(&mut Settings);

const CASES: [(&str, Strange); 11] = [
    ("words", words),
    ("no-meta", |settings| {
        settings.jobs.meta = MetaShape::Absent;
        settings.jobs.persisted_fields = PersistedShape::Absent;
    }),
    ("shuffled", |settings| {
        settings.jobs.shuffle_pages = true;
        settings.jobs.repeated_rows = 3;
    }),
    ("late-rows", |settings| {
        settings.jobs.empty_at_first_ms = 3000;
        settings.jobs.rows_appear = RowsAppear::AtEnd;
    }),
    ("hidden-rows", |settings| settings.jobs.hidden_rows = some(&["0001", "0002"])),
    ("foreign-rows", |settings| settings.jobs.foreign_rows = 4),
    ("late-users", |settings| settings.search.lag_ms = 4000),
    ("gone", |settings| {
        settings.jobs.unknown_after_ms = Some(1);
        settings.jobs.unknown_job = UnknownJob::NotFound;
    }),
    ("endless", |settings| settings.jobs.stuck_rows = some(&["0003"])),
    ("long-messages", long_messages),
    ("all", |settings| {
        for (name, strange) in CASES {
            // A job that is unknown has no results to be strange.
            if !["all", "gone"].contains(&name) {
                strange(settings);
            }
        }
    }),
];

fn some(numbers: &[&str]) -> Vec<Pattern> {
    numbers.iter().map(|number| Pattern::new(&format!("{number}$")).expect("a pattern")).collect()
}

fn fails(jobs: &mut JobSettings, number: &str, word: &str, message: &str) {
    let username = Pattern::new(&format!("{number}$")).expect("a pattern");
    jobs.row_failures.push(RowFailure { word: Some(word.to_owned()), ..RowFailure::new(username, message) });
}

fn words(settings: &mut Settings) {
    settings.jobs.pending_word = "PENDING".to_owned();
    settings.jobs.finished_word = "Finished".to_owned();
    fails(&mut settings.jobs, "0004", "FAILED", "department is invalid");
    fails(&mut settings.jobs, "0005", "erreur!", "value must be shorter");
    fails(&mut settings.jobs, "0006", "", "not allowed here");
}

/// 4 KiB with the user's own address, terminal codes and markup.
fn long_messages(settings: &mut Settings) {
    for number in ["0007", "0008"] {
        let text = format!(
            "\u{1b}[31m<b>invalid</b>: n{number}@canary.example.com &lt;script&gt; u{number}@canary.example.com {}",
            "x".repeat(4000)
        );
        fails(&mut settings.jobs, number, "failed", &text);
    }
}

fn list(prefix: &str, department: &str) -> Vec<serde_json::Value> {
    users(prefix, USERS, |_| json!({"department": department}))
}

/// Waits until the object says something final for its current generation.
async fn told(world: &World, name: &str) -> JumpCloudUserBatchStatus {
    eventually(&format!("{}: the end of {name}", world.namespace), LIMIT, async || {
        let batch = world.batches().get(name).await.map_err(|error| error.to_string())?;
        let status = batch.status.unwrap_or_default();
        let ready = status.conditions.iter().find(|c| c.type_ == "Ready");
        let ended =
            ready.is_some_and(|c| ["Succeeded", "PartiallyFailed", "Failed"].contains(&c.reason.as_str()));
        if !world.rescue(name, &status) && ended && status.observed_generation == batch.metadata.generation {
            Ok(status)
        } else {
            Err(format!("{ready:?} {:?}", status.progress))
        }
    })
    .await
}

/// What is not told as it is.
fn untrue(sim: &Sim, status: &JumpCloudUserBatchStatus, department: &str) -> Vec<String> {
    let mut untrue = Vec::new();
    for line in &status.users {
        let live = sim.user(&line.username);
        let is_there = live.as_ref().is_some_and(|user| user["department"] == department);
        let says_so = ["Created", "Updated", "Unchanged"].contains(&line.result.as_str());
        if is_there != says_so || live.map(|user| user["_id"].clone()) != line.id.as_ref().map(|id| json!(id))
        {
            untrue.push(format!("{line:?}"));
        }
    }
    untrue
}

async fn case(name: &str, strange: Strange) {
    let world = World::new(&format!("strange-{name}"), Settings::default()).await;
    let _operator = world.operator(QUICK);
    let spec = |prefix: &str, department: &str| json!({"users": list(prefix, department), "batchSize": 5, "jobTimeout": "1m", "retry": {"limit": 1}});
    world.apply_batch("old", &spec("u", "before"));
    world.reason("old", "Succeeded").await;
    world.sim.update_settings(|settings| {
        settings.jobs.service_time_ms = 500;
        strange(settings);
    });
    world.apply_batch("old", &spec("u", "after"));
    world.apply_batch("new", &spec("n", "after"));
    let (old, new) = futures::future::join(told(&world, "old"), told(&world, "new")).await;
    for status in [&old, &new] {
        assert_eq!(status.users.len(), USERS);
        assert_eq!(untrue(&world.sim, status, "after"), Vec::<String>::new(), "{name}: {:#?}", status.users);
        let text = serde_json::to_string(status).expect("JSON");
        assert!(!text.contains("canary.example.com"), "{name}: an address is in status");
        assert!(!text.contains("\\u001b"), "{name}: a terminal code is in status");
    }
    assert_single_create(&world.sim, |double| double.username.ends_with("0003"));
}

#[tokio::test(flavor = "multi_thread")]
async fn strange_results_alone_and_together_end_in_the_truth() {
    futures::future::join_all(CASES.map(|(name, strange)| case(name, strange))).await;
}
