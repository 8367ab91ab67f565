//! The spec as its author edits it, and what the operator makes of it.

use std::sync::Arc;

use jumpcloud_operator::api::user_batch::JumpCloudUserBatchSpec;
use jumpcloud_operator::plan::desired::{Desired, desired};
use serde_json::json;

/// What JumpCloud has against a row. It stands in the row, so that another content may be free of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Nothing.
    None,
    /// Its result row fails, whatever is tried.
    Invalid,
    /// The whole request is answered with 400.
    Poison,
}

/// One row. Another revision has another hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Username.
    pub username: String,
    /// E-mail address.
    pub email: String,
    /// What tells contents of the same user apart.
    pub revision: u32,
    /// What JumpCloud has against it.
    pub flaw: Flaw,
}

/// Everything in the spec that histories vary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// The users.
    pub rows: Vec<Row>,
    /// `spec.paused`
    pub paused: bool,
    /// `spec.batchSize`
    pub batch_size: u32,
    /// `spec.retry.limit`
    pub retry_limit: u32,
    /// `spec.jobTimeout` in seconds.
    pub job_timeout: u32,
}

/// A manifest with what the operator makes of it, worked out once.
#[derive(Debug)]
pub struct Spec {
    /// As written.
    pub manifest: Manifest,
    /// As checked.
    pub desired: Desired,
}

impl Row {
    /// A row of the user with this number.
    pub fn new(number: usize, flaw: Flaw) -> Self {
        Self {
            username: format!("user{number}"),
            email: format!("User{number}@example.com"),
            revision: 0,
            flaw,
        }
    }

    fn department(&self) -> String {
        let flaw = match self.flaw {
            Flaw::None => "fine",
            Flaw::Invalid => "invalid",
            Flaw::Poison => "poison",
        };
        format!("{flaw}-{}", self.revision)
    }
}

impl Flaw {
    /// The flaw that a sent `department` stands for.
    pub fn of_department(text: &str) -> Self {
        match text.split('-').next() {
            Some("invalid") => Self::Invalid,
            Some("poison") => Self::Poison,
            _ => Self::None,
        }
    }
}

impl Manifest {
    /// The spec, checked by the operator's own code.
    pub fn check(&self) -> Arc<Spec> {
        let users: Vec<_> = self
            .rows
            .iter()
            .map(|row| json!({"username": row.username, "email": row.email, "department": row.department()}))
            .collect();
        let spec: JumpCloudUserBatchSpec = serde_json::from_value(json!({
            "users": users,
            "paused": self.paused,
            "batchSize": self.batch_size,
            "retry": {"limit": self.retry_limit},
            "jobTimeout": format!("{}s", self.job_timeout),
        }))
        .unwrap();
        Arc::new(Spec { manifest: self.clone(), desired: desired(&spec, 1000) })
    }
}
