//! How much of its row a user has, after a request that carried it.

use super::facts::Live;
use super::submission::Context;
use crate::api::submission::{Operation, Submission};
use crate::users::compare::{Purpose, Wanted, difference};
use crate::users::row::fold;

/// How much of its row a user has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// How much.
    pub how: How,
    /// The declared state that is applied now.
    pub state: Option<String>,
}

/// How much of a row is applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum How {
    /// Everything.
    Whole,
    /// The request did not carry all of it, or carried a row that is declared otherwise by now: what is
    /// missing is found out by a look.
    #[default]
    Part,
    /// All that jobs take; the rest is still to be set by requests of its own.
    AllButSingle,
    /// JumpCloud kept other values of these fields.
    NotTaken(Vec<String>),
}

impl Submission {
    /// Compares a user with the row that this request carried for the member at `index`.
    pub(super) fn applied(&self, index: usize, user: &Live, context: &Context<'_>) -> Applied {
        let name = self.usernames().get(index).map(|name| fold(name)).unwrap_or_default();
        let Some(declared) = context.declared.get(&name) else { return Applied::default() };
        // Whoever was created just now has no state from before: that was another user of the name.
        let applied_state = declared.applied_state.filter(|_| self.operation == Operation::Update);
        let before = applied_state.map(str::to_owned);
        if self.row_hashes.get(index) != Some(&declared.row.hash) {
            return Applied { how: How::Part, state: before };
        }
        let wanted = Wanted {
            row: declared.row,
            manager: declared.manager.as_deref(),
            applied_state,
            purpose: Purpose::Verify,
        };
        let left = difference(&wanted, &user.fields);
        let state = if left.has_state() { before } else { declared.row.declared_state() };
        let incomplete = self.incomplete.iter().any(|other| fold(other) == name);
        // Whose manager is not known is not compared in full.
        let incomplete = incomplete || (declared.row.manager().is_some() && declared.manager.is_none());
        let how = if left.is_empty() && !incomplete {
            How::Whole
        } else if incomplete {
            How::Part
        } else if left.bulk.is_empty() {
            How::AllButSingle
        } else {
            How::NotTaken(left.fields)
        };
        Applied { how, state }
    }
}
