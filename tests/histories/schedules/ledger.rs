//! What really went over the wire, for the invariants.

use std::sync::Arc;

use jumpcloud_operator::plan::schedule::facts;

use super::network::Order;
use super::objects::Object;
use crate::clock::Ms;

/// How a request that must not be repeated went, as far as its sender can know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// No answer that says what became of it.
    Unknown,
    /// It was answered: accepted or not.
    Answered,
}

/// One request that must not be repeated, from its first byte on.
#[derive(Debug, Clone)]
pub struct Post {
    /// When its first byte was sent.
    pub at: Ms,
    /// The request.
    pub order: Arc<Order>,
    /// By how much it was earlier than its submitBy, on the sender's clock.
    pub spare: Ms,
    /// The object as it was then.
    pub object: Option<Arc<Object>>,
    /// How it went.
    pub fate: Fate,
    /// Whether JumpCloud took it.
    pub taken: bool,
}

/// A request that may be repeated, from its first byte on.
#[derive(Debug, Clone)]
pub struct Call {
    /// When its first byte was sent.
    pub at: Ms,
    /// The sender's clock, in virtual time.
    pub clock: Ms,
    /// Organisation of the credential.
    pub organization: String,
    /// The object that it was planned from.
    pub basis: Arc<Object>,
    /// The request.
    pub call: facts::Call,
    /// Events that it removed, by index.
    pub removed: Vec<usize>,
    /// When it arrived.
    pub arrived: Option<Ms>,
}

/// A read of JumpCloud.
#[derive(Debug, Clone, Copy)]
pub struct Look {
    /// When it was answered.
    pub at: Ms,
    /// For which object.
    pub place: usize,
    /// By which process.
    pub process: usize,
}

/// Everything that went over the wire.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Requests that must not be repeated.
    pub posts: Vec<Post>,
    /// Requests that may be repeated.
    pub calls: Vec<Call>,
    /// Reads.
    pub looks: Vec<Look>,
    /// Finalizers given up, with the object's uid and the number of events left.
    pub abandoned: Vec<(u32, usize)>,
    /// Users that a DELETE left without an event, though it should not have: see the rule.
    pub gaps: Vec<String>,
    /// Ends of lives.
    pub deaths: Vec<Ms>,
    /// Oddities of the process itself: a pass without end, waking up in the past.
    pub spins: Vec<String>,
}
