//! How users and conditions of a status stand.

use jumpcloud_operator::api::schedule_status::{ScheduledUser, ScheduledUserStateStatus};

use crate::harness::schedules::Calendar;
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

/// The line of a user, by the username.
pub fn line<'s>(status: &'s ScheduledUserStateStatus, username: &str) -> &'s ScheduledUser {
    let mut lines = status.users.iter();
    lines.find(|user| user.username.as_deref() == Some(username)).expect("a line")
}

/// Result and reason of a user.
pub fn result<'s>(status: &'s ScheduledUserStateStatus, username: &str) -> (&'s str, Option<&'s str>) {
    let line = line(status, username);
    (&line.result, line.reason.as_deref())
}

/// Whether the user has a line by now, with one of these results.
pub fn is_one_of(status: &ScheduledUserStateStatus, username: &str, results: &[&str]) -> bool {
    let line = status.users.iter().find(|user| user.username.as_deref() == Some(username));
    line.is_some_and(|line| results.contains(&line.result.as_str()))
}

/// Reason and message of a condition that is True.
pub fn told<'s>(status: &'s ScheduledUserStateStatus, condition: &str) -> Option<(&'s str, &'s str)> {
    let found = status.conditions.iter().find(|c| c.type_ == condition && c.status == "True")?;
    Some((&found.reason, &found.message))
}

/// The message of Ready.
pub fn message(status: &ScheduledUserStateStatus) -> &str {
    &status.conditions.iter().find(|c| c.type_ == "Ready").expect("Ready is always there").message
}

/// Waits until the user has this result; returns the status.
pub async fn until(
    calendar: &Calendar,
    name: &str,
    username: &str,
    result: &str,
) -> ScheduledUserStateStatus {
    eventually(&format!("{username} of {name} to be {result}"), PATIENCE, async || {
        let status = calendar.schedule_status(name).await;
        if is_one_of(&status, username, &[result]) { Ok(status) } else { Err(status) }
    })
    .await
}

/// Asks for a look and waits until it was made; returns the status.
pub async fn look(calendar: &Calendar, name: &str, value: &str) -> ScheduledUserStateStatus {
    calendar.annotate(name, "requested-at", value);
    eventually(&format!("the look {value} at {name}"), PATIENCE, async || {
        let status = calendar.schedule_status(name).await;
        let handled = status.last_handled.as_ref().and_then(|handled| handled.requested_at.as_deref());
        if handled == Some(value) { Ok(status) } else { Err(status) }
    })
    .await
}
