//! Recovery without a person, and what retry-failed promises: users with nothing against them are as
//! declared in the end, whatever was against others of their requests.

use jumpcloud_operator::api::user_status::{UserStatus, reason};
use jumpcloud_operator::users::protected::is_protected;

use super::fields::is_success;
use crate::api_server::Object;
use crate::history::History;
use crate::manifest::{Flaw, Row};

/// All users that should be as declared and are not.
pub fn check(history: &History) -> Vec<String> {
    let rates = history.world.profile.per_mille;
    let crashed = history.world.ledger.deaths.len() > history.world.processes.len();
    let quiet = rates.posts == 0 && rates.oddity == 0 && !crashed;
    let Some(object) = history.object().filter(|_| history.retried || quiet) else { return Vec::new() };
    object
        .spec
        .manifest
        .rows
        .iter()
        .filter(|row| row.flaw == Flaw::None && !is_taken(history, &object, row))
        .filter_map(|row| {
            let line = object.status.users.iter().find(|line| line.username == row.username);
            let fine = line.is_some_and(|line| is_success(line) || excused(history, &object, row, line));
            (!fine).then(|| {
                let result = line.map_or("nothing", |line| line.result.as_str());
                let why = line.and_then(|line| line.reason.as_deref()).unwrap_or("-");
                format!("{} is {result} ({why}), and nothing is against it", row.username)
            })
        })
        .collect()
}

/// Whether somebody else has, or had, username or e-mail address.
fn is_taken(history: &History, object: &Object, row: &Row) -> bool {
    let email = row.email.to_lowercase();
    let ours = |id: &String| {
        let entries = &object.status.inventory;
        entries.iter().any(|entry| entry.id == *id && entry.username == row.username)
    };
    history.world.jumpcloud.users.iter().any(|user| {
        let had = user.changes_of("email").any(|change| change.before["email"] == email);
        let same = user.username == row.username || user.email == email || had;
        let made =
            user.username == row.username && user.job.is_some() && (user.email == email || ours(&user.id));
        let forgotten = user.job.is_some_and(|job| {
            let job = &history.world.jumpcloud.jobs[job];
            job.uid != object.uid || history.lost_since(object.uid, 0)
        });
        // A deletion that nobody waited for is a person's business.
        let deleted = user.deleted.is_some() && !history.retried;
        same && (!made || forgotten || deleted)
    })
}

/// Whether what is said of a user is true, and no failure of ours.
fn excused(history: &History, object: &Object, row: &Row, line: &UserStatus) -> bool {
    match line.reason.as_deref() {
        // Somebody said that nothing unknown is ours.
        Some(reason::ALREADY_EXISTS) => history.abandoned(),
        Some(reason::MANAGER_NOT_FOUND) => row.more.get("manager").is_some_and(|manager| {
            let is =
                |name: &str, text: &str| manager[name].as_str().is_some_and(|m| m.eq_ignore_ascii_case(text));
            let users = &history.world.jumpcloud.users;
            let there = |user: &crate::jumpcloud::User| user.deleted.is_none();
            !users
                .iter()
                .any(|user| there(user) && (is("username", &user.username) || is("email", &user.email)))
                || object
                    .spec
                    .manifest
                    .rows
                    .iter()
                    .any(|row| is("username", &row.username) || is("email", &row.email))
        }),
        Some(reason::USER_PROTECTED) => is_protected(&history.world.environment.protected, &row.username),
        // Whether it is true is another rule.
        Some(reason::FIELD_NOT_TAKEN) => {
            history.world.jumpcloud.stubborn.is_some()
                || history.world.jumpcloud.jobs.iter().any(|job| job.ignores.is_some())
                || has_silent_rows(history)
        }
        _ => false,
    }
}

fn has_silent_rows(history: &History) -> bool {
    let rows = history.world.jumpcloud.jobs.iter().flat_map(|job| &job.rows);
    rows.into_iter().any(|row| row.course != crate::jumpcloud::Course::Normal)
}
