//! What must be so when nothing moves any more.

use jumpcloud_operator::api::user_status::{UserStatus, reason, result};
use jumpcloud_operator::plan::facts::{Facts, Notes};

use super::Batches;
use crate::explore::canon;
use crate::explore::kind::{Kind, Step};
use crate::explore::object::Object;
use crate::explore::setting::Setting;
use crate::explore::state::State;
use crate::invariants::Violation;

/// Everything that is wrong.
pub fn at_rest(setting: &Setting<Batches>, state: &State<Batches>) -> Vec<Violation> {
    let Some(live) = state.api.live() else { return Vec::new() };
    let mut found = Vec::new();
    let mut broken = |rule, text: String| found.push(Violation { rule, text });
    let status = &live.status.status;
    if !status.submissions.is_empty() {
        broken("I4", format!("{} requests are still under way", status.submissions.len()));
    }
    let ready = status.conditions.first().map(|ready| (ready.status.as_str(), ready.reason.as_str()));
    if let None | Some(("Unknown", _) | (_, "Retrying" | "Progressing")) = ready {
        broken("I4", format!("at rest with {ready:?}"));
    }
    if status.observed_generation != Some(live.generation) {
        broken("I4", format!("generation {:?} of {}", status.observed_generation, live.generation));
    }
    if let Some(text) = restless(setting, state, live) {
        broken("I4", text);
    }
    for job in state.cloud.jobs.iter().filter(|job| job.uid == live.uid && !job.recorded) {
        let by_name = |name: &str| {
            let user = state.cloud.users.iter().find(|user| user.id == name || user.username == name);
            user.map_or_else(|| name.to_owned(), |user| user.username.clone())
        };
        for name in job.members.iter().map(|member| by_name(&member.name)) {
            let reported = status.failures.iter().any(|failure| {
                failure.username == name
                    && (failure.unknown_time.is_some() || failure.reason == reason::ALREADY_EXISTS)
            });
            let ours = status.inventory.iter().any(|entry| entry.username == name);
            let declared = live.spec.desired.rows.iter().any(|row| row.username == name);
            if declared && !reported && !ours {
                broken("I3", format!("{} is neither recorded nor adopted nor reported for {name}", job.id));
            }
        }
    }
    for row in &live.spec.desired.rows {
        match status.users.iter().find(|line| line.username == row.username) {
            None => broken("I5", format!("nothing is said of {}", row.username)),
            Some(line) => {
                if let Some(text) = untrue(state, live, line) {
                    broken("I5", format!("{} is {} ({:?}), {text}", line.username, line.result, line.reason));
                }
            }
        }
    }
    found
}

/// What an operator would do that has just begun: it should be nothing.
fn restless(setting: &Setting<Batches>, state: &State<Batches>, live: &Object<Batches>) -> Option<String> {
    let facts = Facts::begin(Notes::default(), canon::nonce(999_999));
    match Batches::plan(live, &facts, &setting.policy(), crate::clock::stamp(state.now)) {
        Step::Idle(None) => None,
        Step::Idle(Some(at)) => Some(format!("at rest it waits for {at}")),
        _ => Some("at rest there is something to do".to_owned()),
    }
}

/// What is not so of a line.
fn untrue(state: &State<Batches>, live: &Object<Batches>, line: &UserStatus) -> Option<String> {
    let cloud = &state.cloud;
    let made = |user: &&super::cloud::User| user.job.is_some_and(|job| cloud.jobs[job].uid == live.uid);
    let ours = cloud.users.iter().filter(made).find(|user| user.username == line.username);
    let unknown = cloud.unknown.of(&line.username);
    match line.result.as_str() {
        result::CREATED | result::UPDATED | result::UNCHANGED => {
            let user = cloud.users.iter().find(|user| line.id.as_ref() == Some(&user.id));
            let Some(user) = user else { return Some("and there is no such id".to_owned()) };
            if user.username != line.username {
                return Some(format!("and its id is that of {}", user.username));
            }
            let declared = live.spec.manifest.rows.iter().find(|row| row.username == line.username)?;
            if user.department != format!("fine-{}", declared.revision) {
                return Some(format!("and its department is {}", user.department));
            }
            // Somebody else made it after a request of ours had got no answer: nobody can tell.
            let before = user.job.is_none() && user.created < 0;
            (ours.is_none() && !before && unknown == 0).then(|| "and somebody else made it".to_owned())
        }
        result::FAILED | result::CONFLICT if ours.is_some() => {
            let failed = cloud.jobs.iter().flat_map(|job| &job.members);
            let update = failed
                .filter(|member| member.failed.is_some())
                .any(|member| ours.is_some_and(|ours| ours.id == member.name));
            // The outcome of an update may stay unknown.
            let known = live.status.status.inventory.iter().any(|entry| entry.username == line.username);
            let unknown = known && line.reason.as_deref() == Some(reason::SUBMISSION_UNKNOWN);
            (!update && !unknown).then(|| "and we made it".to_owned())
        }
        result::CONFLICT => (!cloud.users.iter().any(|user| user.username == line.username))
            .then(|| "and nobody has it".to_owned()),
        result::FAILED => match line.reason.as_deref() {
            Some(reason::SUBMISSION_UNKNOWN) => {
                let update = cloud.users.iter().any(|user| user.username == line.username);
                (unknown < 2 && !update).then(|| format!("after {unknown} unknown outcomes"))
            }
            _ => {
                let is_of = |name: &String| *name == line.username || line.id.as_ref() == Some(name);
                let mut members = cloud.jobs.iter().flat_map(|job| &job.members);
                let failed = members.any(|member| is_of(&member.name) && member.failed.is_some());
                (!failed).then(|| "and JumpCloud never said so".to_owned())
            }
        },
        other => Some(format!("{other} is nothing to end with")),
    }
}

/// What people see of users in the end, and which there are.
pub fn outcome(state: &State<Batches>) -> String {
    let mut lines: Vec<String> =
        state.cloud.users.iter().map(|user| format!("{} {}", user.username, user.department)).collect();
    for line in state.api.live().into_iter().flat_map(|live| &live.status.status.users) {
        let unknown = line.reason.as_deref().filter(|why| *why == reason::SUBMISSION_UNKNOWN);
        lines.push(format!("{} {} {}", line.username, line.result, unknown.unwrap_or_default()));
    }
    lines.sort();
    lines.join(", ")
}
