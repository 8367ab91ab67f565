//! What objects say about each other, as every process sees it: as the index of claims reads statuses.

use std::collections::{BTreeMap, BTreeSet};

use jumpcloud_operator::api::condition::find;
use jumpcloud_operator::api::schedule_status::{ScheduledUserStateStatus, result};
use jumpcloud_operator::api::scheduled_user_state::ScheduledState;
use jumpcloud_operator::api::submission::{Operation, Phase, Recorded};
use jumpcloud_operator::plan::claims::Holder;
use jumpcloud_operator::plan::schedule::facts::{Claims, EventsLook, Rival};

use super::manifest::Change;
use super::objects::Object;
use crate::clock::{MINUTE, moment, stamp};

/// What the other object says about users and events of this one, as far as these were looked at.
pub fn about<'a>(
    object: &Object,
    other: Option<&Object>,
    looks: impl Iterator<Item = &'a EventsLook>,
) -> Claims {
    let Some(other) = other else { return Claims::default() };
    let status = &other.status;
    let stopped = find(&status.conditions, "Stalled")
        .is_some_and(|stalled| ["InvalidSpec", "GuardTripped"].contains(&stalled.reason.as_str()));
    let claims = other.deleted.is_none() && !other.spec.manifest.paused && !stopped;
    let same = claims && scheduled(status) == Some(object.spec.manifest.change);
    let claimed = [result::PENDING, result::SCHEDULED, result::CONFLICT];
    let rivals: BTreeMap<String, Rival> = status
        .users
        .iter()
        .filter(|user| same && claimed.contains(&user.result.as_str()))
        .filter_map(|user| user.id.clone())
        .map(|id| {
            let holds = status.events.iter().any(|event| event.id == id && event.superseded.is_none());
            (id, Rival { holder: Holder::Stranger, older: other.is_older(object), holds })
        })
        .collect();
    let events = status.events.iter().map(|event| (event.scheduled_job_id.clone(), event.id.clone()));
    let requests = || {
        status.submissions.iter().filter_map(Recorded::known).filter(|r| r.operation == Operation::Schedule)
    };
    let accepted = requests().flat_map(|record| &record.events);
    let accepted = accepted.map(|event| (event.scheduled_job_id.clone(), event.id.clone()));
    let recorded: BTreeSet<(String, String)> = events.chain(accepted).collect();
    let mut sending = BTreeMap::new();
    for row in looks.flat_map(|look| &look.rows) {
        let under_way = requests().filter(|r| matches!(r.phase, Phase::Intended | Phase::Unknown)).any(|r| {
            let minute = |time| stamp(moment(time) - moment(time).rem_euclid(MINUTE));
            r.members.contains(&row.user_id)
                && r.state == row.state
                && r.time.map(minute) == row.time.map(minute)
        });
        if under_way {
            sending.insert((row.job_id.clone(), row.user_id.clone()), other.is_older(object));
        }
    }
    Claims { rivals, recorded, sending }
}

fn scheduled(status: &ScheduledUserStateStatus) -> Option<Change> {
    let state = ScheduledState::of(status.scheduled_state.as_deref()?)?;
    Some((state, moment(status.scheduled_time.as_deref()?.parse().ok()?)))
}
