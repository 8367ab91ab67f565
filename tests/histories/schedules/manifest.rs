//! The manifest of a schedule, as its author writes it, and what the operator makes of it.

use std::sync::Arc;

use jumpcloud_operator::api::scheduled_user_state::{
    DeletionPolicy, MissedPolicy, ScheduledState, ScheduledUserStateSpec,
};
use jumpcloud_operator::plan::schedule::desired::{Desired, desired};
use serde_json::{Value, json};

use crate::clock::{Ms, SECOND, stamp};

/// What a user is named by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// JumpCloud's id.
    Id,
    /// The username, in another case than JumpCloud has it.
    Username,
    /// The e-mail address.
    Email,
}

/// JumpCloud's id of a user, by its number.
pub fn id(number: usize) -> String {
    format!("u{number}")
}

/// The username of a user.
pub fn username(number: usize) -> String {
    format!("user{number}")
}

/// What is scheduled: the state and the instant.
pub type Change = (ScheduledState, Ms);

/// A manifest.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// Numbers of users, and how each is named.
    pub users: Vec<(usize, By)>,
    /// Whether the users of the batch are scheduled as well.
    pub batch: bool,
    /// The state and the instant, which is a whole second.
    pub change: Change,
    /// What happens to missed users.
    pub missed: MissedPolicy,
    /// How long ApplyNow acts.
    pub deadline: Ms,
    /// What is undone with the object.
    pub deletion: DeletionPolicy,
    /// The most users that are suspended.
    pub max_users: usize,
    /// How long users may take.
    pub grace: Ms,
    /// Events are cancelled.
    pub paused: bool,
    /// Whether mail is spoken of; only of activations.
    pub mail: bool,
    /// The manifest cannot be acted on.
    pub spoilt: bool,
}

/// A manifest, checked.
#[derive(Debug)]
pub struct Spec {
    /// As written.
    pub manifest: Manifest,
    /// As understood.
    pub desired: Desired,
}

impl Manifest {
    /// Whether it names that user itself.
    pub fn names(&self, number: usize) -> bool {
        self.users.iter().any(|(user, _)| *user == number)
    }

    /// What the operator makes of it.
    pub fn check(&self) -> Arc<Spec> {
        let users: Vec<Value> = self
            .users
            .iter()
            .map(|(number, by)| match by {
                By::Id => json!({"id": id(*number)}),
                By::Username => json!({"username": username(*number).to_uppercase()}),
                By::Email => json!({"email": format!("{}@example.com", username(*number))}),
            })
            .collect();
        let start =
            if self.spoilt { "2026-02-30T09:00:00Z".to_owned() } else { stamp(self.change.1).to_string() };
        let mut spec = json!({
            "users": users, "state": self.change.0, "startTime": start, "missedPolicy": format!("{:?}", self.missed),
            "startingDeadline": format!("{}s", self.deadline / SECOND), "deletionPolicy": format!("{:?}", self.deletion),
            "guards": {"maxUsers": self.max_users}, "verification": {"gracePeriod": format!("{}s", self.grace / SECOND)},
            "paused": self.paused,
        });
        if self.batch {
            spec["usersFromBatch"] = json!({"name": "sales"});
        }
        if self.mail && self.change.0 == ScheduledState::Activated {
            spec["activationEmails"] = json!({"send": true});
        }
        let spec: ScheduledUserStateSpec = serde_json::from_value(spec).unwrap();
        Arc::new(Spec { manifest: self.clone(), desired: desired(&spec, 1000) })
    }
}
