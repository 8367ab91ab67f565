//! Wrong operators of schedules: what they take for true.

use jumpcloud_operator::plan::schedule::facts::Call;

use super::Schedules;
use super::reads::Found;
use crate::explore::object::{Object, Stored};
use crate::explore::wrong::{Wrong, one_look};

/// The object as a wrong operator takes it to be.
pub fn sees(wrong: Wrong, object: &Object<Schedules>) -> Option<Object<Schedules>> {
    let mut seen = object.clone();
    match wrong {
        Wrong::NoFinalizer => seen.finalizer |= !seen.deleted,
        Wrong::OneLook => {
            let mut status = object.status.status.clone();
            one_look(&mut status.submissions, |_| true);
            seen.status = Stored::of(status);
        }
        _ => return None,
    }
    Some(seen)
}

/// An answer as a wrong operator takes it to be.
pub fn finds(wrong: Wrong, object: &Object<Schedules>, found: &mut Found) {
    let Found::Events(rows) = found else { return };
    let events = &object.status.status.events;
    match wrong {
        Wrong::Blind => rows.clear(),
        // Every event of an id that is recorded is taken for what is recorded.
        Wrong::CancelUnverified => {
            for row in rows {
                if let Some(entry) = events.iter().find(|entry| entry.scheduled_job_id == row.job_id) {
                    row.user_id.clone_from(&entry.id);
                }
            }
        }
        _ => {}
    }
}

/// What a wrong operator calls as soon as it has written this object.
pub fn hastens(object: &Object<Schedules>) -> Option<Call> {
    let event = object.status.status.events.iter().find(|event| event.superseded.is_some())?;
    Some(Call::Cancel { job_id: event.scheduled_job_id.clone() })
}
