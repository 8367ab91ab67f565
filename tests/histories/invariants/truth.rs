//! I5: no user is reported failed whom our job created, nor the reverse.

use jumpcloud_operator::api::user_status::{UserStatus, reason, result};

use jumpcloud_operator::users::protected::is_protected;

use super::failure;
use crate::api_server::Object;
use crate::clock::{Ms, SECOND};
use crate::history::History;
use crate::jumpcloud::{JobRow, User};
use crate::manifest::Flaw;

/// All lines of the final status that are not so.
pub fn check(history: &History) -> Vec<String> {
    let Some(object) = history.object() else { return Vec::new() };
    object
        .status
        .users
        .iter()
        .filter_map(|line| match line.result.as_str() {
            result::CREATED | result::UPDATED | result::UNCHANGED => wrongly_created(history, &object, line),
            result::ADOPTED => {
                let asked = history.world.environment.resolved.iter().any(|(_, how)| *how == "adopt");
                (!asked).then(|| format!("{} is Adopted and nobody said so", line.username))
            }
            result::FAILED | result::CONFLICT => wrongly_failed(history, &object, line),
            _ => None,
        })
        .collect()
}

/// Created means: our job made it, or it was taken over after an unknown outcome.
fn wrongly_created(history: &History, object: &Object, line: &UserStatus) -> Option<String> {
    let entry = object.status.inventory.iter().find(|entry| entry.username == line.username);
    let Some(entry) = entry.filter(|entry| line.id.as_ref() == Some(&entry.id)) else {
        return Some(format!("{} is Created and not in the inventory", line.username));
    };
    let Some(user) = history.world.jumpcloud.users.iter().find(|user| user.id == entry.id) else {
        return Some(format!("{} is Created with an id that does not exist", line.username));
    };
    if user.username != line.username {
        return Some(format!("{} has the id of {}", line.username, user.username));
    }
    let ours = user.job.is_some_and(|job| history.world.jumpcloud.jobs[job].uid == object.uid);
    let taken_over = history
        .versions(object.uid)
        .flat_map(|(_, object)| &object.status.users)
        .any(|l| l.id == line.id && l.reason.as_deref() == Some(reason::ADOPTED_AFTER_UNKNOWN));
    // A user whose row was off the list when it was taken over has no line that would say so.
    let lineless = history
        .versions(object.uid)
        .find(|(_, object)| object.status.inventory.iter().any(|entry| line.id.as_ref() == Some(&entry.id)))
        .is_some_and(|(_, object)| !object.status.users.iter().any(|l| l.username == line.username));
    // JumpCloud itself said that it had made a user of that name, whoever this one is by now; or it
    // named nobody, and the rule of elimination holds.
    let jobs = history.world.jumpcloud.jobs.iter().filter(|job| job.uid == object.uid);
    let said = jobs.flat_map(|job| &job.rows).any(|row| {
        row.id.is_none() && row.username == line.username && (row.succeeded() || row.is_nameless())
    });
    // Nor has one of whom something else is to be said first.
    let unlike = history
        .versions(object.uid)
        .find(|(_, object)| object.status.inventory.iter().any(|entry| line.id.as_ref() == Some(&entry.id)))
        .is_some_and(|(_, object)| failure(&object.status, &line.username).is_some());
    (!ours && !taken_over && !lineless && !unlike && !said)
        .then(|| format!("{} is Created and was made by somebody else", line.username))
}

fn wrongly_failed(history: &History, object: &Object, line: &UserStatus) -> Option<String> {
    let word = format!("{} is {} ({})", line.username, line.result, line.reason.as_deref().unwrap_or("-"));
    let row = object.spec.manifest.rows.iter().find(|row| row.username == line.username)?;
    let users = &history.world.jumpcloud.users;
    let email = row.email.to_lowercase();
    let known = object.status.inventory.iter().find(|entry| line.id.as_ref() == Some(&entry.id));
    if known.is_some() && line.result == result::FAILED {
        return wrongly_refused(history, object, line).map(|text| format!("{word} and {text}"));
    }
    // An e-mail address that was edited while its user was being created makes that user another one.
    let ours = users
        .iter()
        .filter(|user| user.deleted.is_none() && user.username == row.username && user.email == email)
        .find(|user| user.job.is_some_and(|job| made_for(history, object, job)));
    if let Some(user) = ours
        && let Some(why) = no_excuse(history, object, line, user)
    {
        return Some(format!("{word} and our job created it {why}"));
    }
    if line.result == result::CONFLICT {
        // Or had it when it was said: conflicts wait for a person.
        let had = |user: &User| user.changes_of("email").any(|change| change.before["email"] == email);
        let other =
            users.iter().any(|user| user.username == row.username || user.email == email || had(user));
        return (!other).then(|| format!("{word} and nobody else has it"));
    }
    if line.reason.as_deref() == Some(reason::REJECTED) {
        let rows = history.world.jumpcloud.jobs.iter().flat_map(|job| &job.rows);
        let failed = rows.filter(|other| other.username == row.username).any(|other| other.failed.is_some());
        let poison = history.world.environment.rows.iter().any(|row| row.flaw == Flaw::Poison);
        return (!failed && !poison).then(|| format!("{word} and JumpCloud never said so"));
    }
    None
}

/// A user that is ours, and whose row is said not to be applied: the reason must be true.
fn wrongly_refused(history: &History, object: &Object, line: &UserStatus) -> Option<String> {
    let row = object.spec.manifest.rows.iter().find(|row| row.username == line.username)?;
    let world = &history.world;
    let rows = world.jumpcloud.jobs.iter().flat_map(|job| &job.rows);
    let mut rows = rows.filter(|other| other.username == row.username);
    let true_reason = match line.reason.as_deref() {
        Some(reason::REJECTED) => {
            rows.any(|other| other.failed.is_some())
                || row.flaw != Flaw::None
                || world.ledger.puts.iter().any(|put| put.fix.repair.username == row.username)
        }
        Some(reason::USER_PROTECTED) => is_protected(&world.environment.protected, &row.username),
        // One that others deleted is created anew.
        Some(reason::NOT_CREATED) => world
            .jumpcloud
            .users
            .iter()
            .any(|user| line.id.as_ref() == Some(&user.id) && user.deleted.is_some()),
        Some(
            reason::FIELD_NOT_TAKEN
            | reason::MANAGER_NOT_FOUND
            | reason::ROW_NOT_ATTRIBUTED
            | reason::JOB_TIMED_OUT
            | reason::SUBMISSION_UNKNOWN,
        ) => true,
        _ => false,
    };
    (!true_reason).then(|| "nothing says so".to_owned())
}

/// Whether a job is this object's, of a time that its status can remember.
fn made_for(history: &History, object: &Object, job: usize) -> bool {
    let job = &history.world.jumpcloud.jobs[job];
    job.uid == object.uid && !history.lost_since(object.uid, history.intended(job))
}

/// A report cannot know what happens after it. It may be early only after what the rules ask to be
/// waited for: the job's time, or both looks at users of an unknown outcome.
fn no_excuse(history: &History, object: &Object, line: &UserStatus, user: &User) -> Option<String> {
    let reported = reported(history, object, line);
    let last_look = history
        .world
        .ledger
        .looks
        .iter()
        .filter(|look| look.at <= reported && look.missed.contains(&line.username))
        .map(|look| look.at)
        .max();
    if last_look.is_none_or(|look| user.visible <= look) {
        return Some("before anybody looked".to_owned());
    }
    let job = user.job.map(|job| &history.world.jumpcloud.jobs[job])?;
    let timeout = Ms::from(object.spec.manifest.job_timeout) * SECOND;
    // JumpCloud may say that a row failed and create its user all the same; when no send is left that
    // would look for it, only retry-failed finds it.
    let row = job.rows.iter().find(|row| row.username == line.username);
    // Of several rows that name nobody any may be the one that failed.
    let denied = row.is_some_and(|row| {
        let fails = |other: &JobRow| other.is_nameless() && other.failed.is_some();
        row.failed.is_some() || (row.is_nameless() && job.rows.iter().any(fails))
    });
    let patient = denied
        || history.abandoned()
        || reported >= job.accepted + timeout
        || line.reason.as_deref() == Some(reason::SUBMISSION_UNKNOWN)
        || failure(&object.status, &line.username).is_some_and(|f| f.unknown_sends.is_some());
    (!patient)
        .then(|| format!("{} ms after the last look, in {}", user.visible - last_look.unwrap_or(0), job.id))
}

/// When the final result was written first, without another one since.
fn reported(history: &History, object: &Object, line: &UserStatus) -> Ms {
    let mut since = None;
    for (kept, object) in history.versions(object.uid) {
        let same = object
            .status
            .users
            .iter()
            .any(|l| l.username == line.username && l.result == line.result && l.reason == line.reason);
        since = if same { since.or(Some(kept.at)) } else { None };
    }
    since.unwrap_or(history.world.now)
}
