//! What must be so of schedules: at each write and call, and when nothing moves any more.

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::schedule_status::{ScheduledUserStateStatus, reason, result};
use jumpcloud_operator::api::submission::{Operation, Recorded};
use jumpcloud_operator::plan::schedule::facts::{Call, Facts, Notes};

use super::Schedules;
use super::cloud::{Cloud, Event};
use crate::clock::stamp;
use crate::explore::canon;
use crate::explore::kind::{Called, Kind, Step};
use crate::explore::object::Object;
use crate::explore::setting::Setting;
use crate::explore::state::State;
use crate::invariants::Violation;
use crate::schedules::manifest::{Change, id};

/// A status was written.
pub fn written(
    cloud: &mut Cloud,
    before: &ScheduledUserStateStatus,
    after: &Object<Schedules>,
    found: &mut Vec<Violation>,
) {
    let status = &after.status.status;
    // A request that was refused leaves no trace.
    for record in before.submissions.iter().filter_map(Recorded::known) {
        let open = status.submissions.iter().any(|other| other.nonce() == Some(&record.nonce));
        let traced = record.members.iter().any(|id| {
            status.events.iter().any(|entry| entry.id == *id)
                || status
                    .users
                    .iter()
                    .any(|line| line.id.as_ref() == Some(id) && line.unknown_sends.is_some())
        });
        if !open && !traced && record.accept_time.is_none() {
            cloud.unknown.settle(&record.members);
        }
    }
    let earlier = |nonce: &str| {
        let mut records = before.submissions.iter().filter_map(Recorded::known);
        records.find(|record| record.nonce == nonce)
    };
    for record in after.status.status.submissions.iter().filter_map(Recorded::known) {
        let known = earlier(&record.nonce);
        if known.is_none() {
            record.members.iter().for_each(|id| cloud.unknown.add(id));
            if record.operation == Operation::Schedule && !after.finalizer {
                let text = format!("{} is intended without the finalizer", record.nonce);
                found.push(Violation { rule: "S3", text });
            }
        }
        if record.accept_time.is_some() && known.is_some_and(|known| known.accept_time.is_none()) {
            cloud.unknown.settle(&record.members);
        }
        for event in &record.events {
            let made = cloud
                .events
                .iter()
                .any(|made| made.job_id == event.scheduled_job_id && record.members.contains(&id(made.user)));
            if !made {
                let text = format!("{} is recorded as made by {}", event.scheduled_job_id, record.nonce);
                found.push(Violation { rule: "I3", text });
            }
        }
    }
}

/// A call arrives. S7: what is cancelled is the object's own. S2: who is declared keeps an event.
pub fn call(cloud: &mut Cloud, call: &Call, basis: &Object<Schedules>, found: &mut Vec<Violation>) -> Called {
    let done = match call {
        Call::Cancel { job_id } => {
            let removed = cloud.cancel(job_id);
            for event in &removed {
                let status = &basis.status.status;
                let accepted = status.submissions.iter().filter_map(Recorded::known);
                let mut accepted = accepted.flat_map(|record| &record.events);
                let known = status.events.iter().any(|entry| is_of(entry, event))
                    || accepted.any(|e| e.id == id(event.user) && e.scheduled_job_id == event.job_id);
                if event.uid != Some(basis.uid) || !known {
                    let text = format!("{job_id} of u{} was cancelled and is not ours", event.user);
                    found.push(Violation { rule: "S7", text });
                }
                if bereaved(cloud, basis, event) {
                    let text = format!("u{} has no event after {job_id} was cancelled", event.user);
                    found.push(Violation { rule: "S2", text });
                }
            }
            !removed.is_empty()
        }
        Call::SetState { id, state } => cloud.set(id, *state),
        Call::Activate { id } => {
            cloud.set(id, jumpcloud_operator::api::scheduled_user_state::ScheduledState::Activated)
        }
    };
    if done { Called::Done } else { Called::Missing }
}

fn is_of(entry: &jumpcloud_operator::api::schedule_status::EventEntry, event: &Event) -> bool {
    entry.id == id(event.user) && entry.scheduled_job_id == event.job_id
}

/// What a manifest declares of a user, by number.
fn declares(object: &Object<Schedules>, number: usize) -> Option<Change> {
    object.spec.manifest.names(number).then_some(object.spec.manifest.change)
}

/// Whether a user that is declared is left without an event.
fn bereaved(cloud: &Cloud, basis: &Object<Schedules>, event: &Event) -> bool {
    let left = cloud.events.iter().any(|other| other.user == event.user && !other.gone);
    let line = basis.status.status.users.iter().find(|line| line.id == Some(id(event.user)));
    let failed = line.is_some_and(|line| line.result == result::FAILED);
    !left && !failed && !basis.deleted && declares(basis, event.user).is_some()
}

/// Everything that is wrong when nothing moves any more.
pub fn at_rest(setting: &Setting<Schedules>, state: &State<Schedules>) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut broken = |rule, text: String| found.push(Violation { rule, text });
    let Some(live) = state.api.live() else {
        for event in state.cloud.events.iter().filter(|event| event.uid.is_some() && !event.gone) {
            broken("S5", format!("{} of u{} is left", event.job_id, event.user));
        }
        return found;
    };
    if live.deleted {
        broken("I4", "the object waits for its finalizer".to_owned());
    }
    let status = &live.status.status;
    if !status.submissions.is_empty() {
        broken("I4", format!("{} requests are still under way", status.submissions.len()));
    }
    if find(&status.conditions, "Reconciling").is_some() || status.conditions.is_empty() {
        broken("I4", format!("it is still {:?}", status.conditions.first().map(|c| &c.reason)));
    }
    if status.observed_generation != Some(live.generation) {
        broken("I4", format!("generation {:?} of {}", status.observed_generation, live.generation));
    }
    if let Some(text) = restless(setting, state, live) {
        broken("I4", text);
    }
    let change = live.spec.manifest.change;
    for number in 1..=state.cloud.states.len() {
        let events = state.cloud.events.iter().filter(|event| event.user == number && !event.gone);
        let mine: Vec<&Event> = events.filter(|event| event.uid == Some(live.uid)).collect();
        let Some(_) = declares(live, number) else {
            if let Some(event) = mine.first() {
                broken("S1", format!("{} of u{number} is left", event.job_id));
            }
            continue;
        };
        let line = status.users.iter().find(|line| line.id == Some(id(number)));
        let said = line.map(|line| (line.result.as_str(), line.reason.as_deref()));
        let unknown = state.cloud.unknown.of(&id(number));
        let given_up = said == Some((result::FAILED, Some(reason::SUBMISSION_UNKNOWN)));
        if given_up && unknown < 2 {
            broken("I5", format!("u{number} is {said:?} after {unknown} unknown outcomes"));
        }
        if change.1 <= state.now {
            let made = state.cloud.states[number - 1] == change.0.word();
            if made != (said.map(|said| said.0) == Some(result::EXECUTED)) && !given_up {
                broken(
                    "I5",
                    format!("u{number} is {said:?}, and its state is {}", state.cloud.states[number - 1]),
                );
            }
            continue;
        }
        let good = mine.iter().filter(|event| event.change == change).count();
        if good != mine.len() {
            broken("S1", format!("u{number} has events of another change"));
        }
        if good > 1 {
            broken("S1", format!("u{number} has {good} events"));
        }
        // Who is given up keeps an older event that does the same.
        if (good == 1) != (said.map(|said| said.0) == Some(result::SCHEDULED)) && !given_up {
            broken("I5", format!("u{number} is {said:?}, and has {good} events"));
        }
        if good == 0 && !given_up {
            broken("S1", format!("u{number} has no event"));
        }
        let recorded = status.events.iter().any(|entry| mine.iter().any(|event| is_of(entry, event)));
        if good == 1 && !recorded && !given_up {
            broken("I3", format!("the event of u{number} is not recorded"));
        }
    }
    found
}

/// What an operator would do that has just begun: it should be nothing.
fn restless(
    setting: &Setting<Schedules>,
    state: &State<Schedules>,
    live: &Object<Schedules>,
) -> Option<String> {
    let clock = stamp(state.now);
    let notes = Notes { since: clock, ..Notes::default() };
    let facts = Facts::begin(notes, canon::nonce(999_999));
    match Schedules::plan(live, &facts, &setting.policy(), clock) {
        Step::Idle(None) => None,
        Step::Idle(Some(at)) if at > stamp(setting.horizon) => None,
        Step::Idle(Some(at)) => Some(format!("at rest it waits for {at}")),
        Step::Read(_) if live.spec.manifest.change.1 <= state.now => None,
        _ => Some("at rest there is something to do".to_owned()),
    }
}

/// What people see of users in the end, and which events there are.
pub fn outcome(state: &State<Schedules>) -> String {
    let events = state.cloud.events.iter().filter(|event| !event.gone);
    let mut lines: Vec<String> =
        events.map(|event| format!("u{} {:?} {}", event.user, event.change.0, event.change.1)).collect();
    lines.extend(state.cloud.states.iter().map(|state| (*state).to_owned()));
    for line in state.api.live().into_iter().flat_map(|live| &live.status.status.users) {
        let unknown = line.reason.as_deref().filter(|why| *why == reason::SUBMISSION_UNKNOWN);
        lines.push(format!("{:?} {} {}", line.id, line.result, unknown.unwrap_or_default()));
    }
    lines.sort();
    lines.join(", ")
}
