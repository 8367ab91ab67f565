//! Recovery without a person, and what retry-failed promises: users with nothing against them exist
//! in the end.

use jumpcloud_operator::api::user_status::result;

use crate::history::History;
use crate::manifest::Flaw;

/// All users that should be there and are not.
pub fn check(history: &History) -> Vec<String> {
    let Some(object) = history.object().filter(|_| history.retried) else { return Vec::new() };
    let invalid = object.status.conditions.iter().any(|condition| condition.reason == "InvalidSpec");
    let rows = &object.spec.manifest.rows;
    if invalid || rows.iter().any(|row| row.flaw == Flaw::Poison) {
        return Vec::new();
    }
    let users = &history.world.jumpcloud.users;
    rows.iter()
        .filter(|row| row.flaw == Flaw::None)
        .filter(|row| {
            let email = row.email.to_lowercase();
            !users.iter().any(|user| {
                let same = user.username == row.username || user.email == email;
                let ours = user.username == row.username && user.email == email && user.job.is_some();
                let forgotten = user.job.is_some_and(|job| {
                    let job = &history.world.jumpcloud.jobs[job];
                    job.uid != object.uid || history.lost_since(object.uid, 0)
                });
                same && (!ours || forgotten)
            })
        })
        .filter_map(|row| {
            let line = object.status.users.iter().find(|line| line.username == row.username);
            let result = line.map_or("nothing", |line| line.result.as_str());
            (result != result::CREATED).then(|| {
                format!("{} is {result} after retry-failed, and nothing is against it", row.username)
            })
        })
        .collect()
}
