//! What others do to a schedule.

use super::Schedules;
use super::begin::DATES;
use crate::explore::canon::tag;
use crate::explore::state::State;

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Metadata changes that concern nobody.
    Touch,
    /// The author chooses another date; or the first one again.
    Date,
    /// The author takes the last user off the list.
    Drop,
    /// The object is deleted.
    Delete,
}

/// One of these is done: whether it changes anything.
pub fn edit(state: &mut State<Schedules>, edit: Edit) -> bool {
    let Some(live) = state.api.live().cloned() else { return false };
    let mut manifest = live.spec.manifest.clone();
    match edit {
        Edit::Touch => {
            state.by_author(|_| {});
            return true;
        }
        Edit::Delete if live.finalizer => {
            state.by_author(|object| {
                object.generation += i64::from(!object.deleted);
                object.deleted = true;
            });
            return true;
        }
        Edit::Delete => {
            state.api.there = false;
            state.notify();
            return true;
        }
        Edit::Date => {
            manifest.change.1 = if manifest.change.1 == DATES[0] { DATES[1] } else { DATES[0] };
        }
        Edit::Drop if manifest.users.len() > 1 => drop(manifest.users.pop()),
        Edit::Drop => return false,
    }
    let spec = manifest.check();
    let tag = tag(&spec.manifest);
    state.declare(spec, tag);
    true
}
