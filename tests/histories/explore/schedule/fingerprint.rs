//! Fingerprints: of what a pass over a schedule knows, reads and calls.

use jumpcloud_operator::plan::facts::Repaired;
use jumpcloud_operator::plan::schedule::facts::{Call, Facts, Key, Read};

use super::Schedules;
use crate::explore::canon::Canon;
use crate::explore::facts::{failed_into, sent_into};

/// The fingerprint of what a pass knows.
pub fn facts_into(facts: &Facts, canon: &mut Canon) {
    canon.word(u64::from(facts.connection.is_some()) * 2 + u64::from(facts.slot.is_some()));
    canon.count(facts.users.len());
    for (key, look) in &facts.users {
        key_into(key, canon);
        canon.stamp(Some(look.at));
        canon.count(facts.jobs.values().filter(|answer| answer.order < look.order).count());
        if let Some(person) = &look.found {
            canon.text(&person.id);
            canon.text(person.state.as_deref().unwrap_or_default());
        }
    }
    canon.count(facts.events.len());
    for (time, look) in &facts.events {
        canon.stamp(Some(*time));
        canon.stamp(Some(look.at));
        canon.word(u64::from(look.whole) * 2 + u64::from(look.thorough));
        for row in &look.rows {
            canon.text(&row.job_id);
            canon.text(&row.user_id);
            canon.stamp(row.time);
        }
    }
    canon.count(facts.jobs.len());
    for (job, answer) in &facts.jobs {
        canon.text(job);
        canon.stamp(Some(answer.at));
        canon.word(u64::from(answer.rows.is_some()));
        answer.rows.iter().flatten().for_each(|row| canon.word(row.word as u64));
    }
    failed_into::<Schedules>(&facts.failed, canon);
    sent_into(facts.armed.as_deref(), &facts.deliveries, canon);
    for (call, outcome) in &facts.called {
        call_into(call, canon);
        canon.word(match outcome {
            Repaired::Done => 1,
            Repaired::Refused { .. } => 2,
            Repaired::NotNow => 3,
            Repaired::Unknown => 4,
        });
    }
    canon.nonce(&facts.fresh_nonce);
}

/// The fingerprint of a read.
pub fn read_into(read: &Read, canon: &mut Canon) {
    match read {
        Read::Connection => canon.word(1),
        Read::Slot => canon.word(2),
        Read::Batch(name) => canon.text(name),
        Read::Users(keys) => keys.iter().for_each(|key| key_into(key, canon)),
        Read::Events(wanted) => {
            canon.stamp(Some(wanted.time));
            canon.word(u64::from(wanted.whole));
            wanted.users.iter().for_each(|id| canon.text(id));
        }
        Read::Job { job_id, .. } => canon.text(job_id),
    }
}

/// The fingerprint of a call.
pub fn call_into(call: &Call, canon: &mut Canon) {
    match call {
        Call::Cancel { job_id } => canon.text(job_id),
        Call::SetState { id, state } => {
            canon.text(id);
            canon.text(state.word());
        }
        Call::Activate { id } => canon.text(id),
    }
}

fn key_into(key: &Key, canon: &mut Canon) {
    let (word, text) = match key {
        Key::Id(id) => (1, id),
        Key::Username(name) => (2, name),
        Key::Email(email) => (3, email),
    };
    canon.word(word);
    canon.text(text);
}
