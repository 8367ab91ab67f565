//! What others do to a user batch, and to its users.

use super::Batches;
use super::begin::empty;
use crate::explore::canon::tag;
use crate::explore::object::Stored;
use crate::explore::state::State;
use crate::manifest::{Flaw, Row};

/// What others do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Edit {
    /// Metadata changes that concern nobody.
    Touch,
    /// Somebody else creates the first user of the list.
    Others,
    /// The author gives the first user another department.
    Change,
    /// The author takes the last user off the list.
    Drop,
    /// The author puts another user on the list.
    Add,
    /// The object is deleted and created again.
    Recreate,
}

/// One of these is done: whether it changes anything.
pub fn edit(state: &mut State<Batches>, edit: Edit) -> bool {
    let Some(live) = state.api.live().cloned() else { return false };
    let mut manifest = live.spec.manifest.clone();
    match edit {
        Edit::Touch => {
            state.by_author(|_| {});
            return true;
        }
        Edit::Others => {
            let now = state.now;
            state.cloud.by_others(&manifest.rows[0], now);
            state.notify();
            return true;
        }
        Edit::Recreate => {
            state.by_author(|object| {
                object.uid += 1;
                object.generation = 1;
                object.status = Stored::of(empty());
            });
            return true;
        }
        Edit::Change => manifest.rows[0].revision += 1,
        Edit::Drop if manifest.rows.len() > 1 => drop(manifest.rows.pop()),
        Edit::Drop => return false,
        Edit::Add => manifest.rows.push(Row::new(manifest.rows.len() + 1, Flaw::None)),
    }
    let spec = manifest.check();
    let tag = tag(&spec.manifest);
    state.declare(spec, tag);
    true
}
