//! What other objects say about the users of this one: who owns them, who declares them.
//!
//! Advice: it comes from watches, which may be late. The loser of a claim writes nothing; what two
//! objects send at the same moment is told apart by JumpCloud, which takes a username once.

use std::collections::BTreeMap;

/// Claims of other objects of the same organisation, as far as this object's users are concerned.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Claims {
    /// By JumpCloud's id: the object whose inventory holds the user.
    pub owners: BTreeMap<String, Claim>,
    /// By folded username of a row of this object: an object that declares the same username or e-mail
    /// address, or has a request with it under way, and goes first.
    pub rivals: BTreeMap<String, Claim>,
}

/// Another object's claim to a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// Whose it is.
    pub holder: Holder,
    /// What the other object wants with the user.
    pub hold: Hold,
    /// Whether it is in this object's namespace and uses the same connection: only then a user is
    /// handed over.
    pub hands_over: bool,
    /// The state that the other object applied last.
    pub state: Option<String>,
    /// Whether the other object is older: by creationTimestamp, then namespace/name.
    pub older: bool,
    /// Whether the other object has a request with the user under way.
    pub under_way: bool,
}

/// Who claims a user, as far as this object may know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// An object of the same namespace: `namespace/name`.
    Neighbour(String),
    /// An object of another namespace, which is not named.
    Stranger,
}

/// What another object wants with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// Its list declares the user, or a request of its own has the user under way.
    Wanted,
    /// Its inventory holds the user, and its list does not declare it any more.
    LetGo,
}

#[cfg(test)]
mod tests;
