//! S4, at every moment: nothing is called done while a user is pending.

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::schedule_status::result;

use super::World;

/// Checks the rule.
pub fn check(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    for kept in &world.api.versions {
        let Some(object) = kept.object.as_deref() else { continue };
        let done = find(&object.status.conditions, "Ready").is_some_and(|ready| ready.status == "True");
        let pending = object.status.users.iter().find(|user| user.result == result::PENDING);
        if let Some(user) = pending.filter(|_| done) {
            found.push(format!("{} at {}: {:?} is pending, and Ready is True", kept.place, kept.at, user.id));
        }
    }
    found
}
