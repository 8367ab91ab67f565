//! Fingerprints: of what a pass over a user batch knows and reads.

use jumpcloud_operator::plan::facts::{By, Facts, Live, Read, UserKey};

use super::Batches;
use crate::explore::canon::Canon;
use crate::explore::facts::{failed_into, sent_into};

/// The fingerprint of what a pass knows.
pub fn facts_into(facts: &Facts, canon: &mut Canon) {
    canon.word(u64::from(facts.connection.is_some()) * 2 + u64::from(facts.slot.is_some()));
    canon.count(facts.users.len());
    for (name, look) in &facts.users {
        canon.text(name);
        canon.stamp(Some(look.at));
        let later = facts.jobs.values().filter(|answer| answer.order < look.order).count();
        canon.word(later as u64 * 2 + u64::from(look.by_id));
        look.found.iter().for_each(|user| live_into(user, canon));
    }
    canon.count(facts.jobs.len());
    for (job, answer) in &facts.jobs {
        canon.text(job);
        canon.stamp(Some(answer.at));
        for row in answer.rows.iter().flatten() {
            canon.word(row.word as u64);
            row.usernames.iter().chain(&row.ids).chain(&row.message).for_each(|text| canon.text(text));
        }
        canon.word(u64::from(answer.rows.is_some()));
    }
    failed_into::<Batches>(&facts.failed, canon);
    sent_into(facts.armed.as_deref(), &facts.deliveries, canon);
    canon.nonce(&facts.fresh_nonce);
}

/// The fingerprint of a read.
pub fn read_into(read: &Read, canon: &mut Canon) {
    match read {
        Read::Connection => canon.word(1),
        Read::Slot => canon.word(2),
        Read::Users(keys) => {
            canon.word(3);
            keys.iter().for_each(|key| key_into(key, canon));
        }
        Read::Managers(_) => canon.word(4),
        Read::Job { job_id, .. } => canon.text(job_id),
    }
}

fn key_into(key: &UserKey, canon: &mut Canon) {
    canon.text(&key.username);
    match &key.by {
        By::Id(id) => canon.text(id),
        By::Names { email, .. } => canon.text(email.as_deref().unwrap_or_default()),
    }
}

fn live_into(user: &Live, canon: &mut Canon) {
    canon.text(&user.id);
    canon.text(&user.username);
    canon.stamp(user.created);
    canon.text(user.fields.get("department").and_then(|value| value.as_str()).unwrap_or_default());
}
