//! Users of JumpCloud.

use jumpcloud_operator::plan::facts::{By, Live, UserKey};
use serde_json::json;

use crate::clock::{Ms, stamp};
use crate::explore::canon::Canon;

/// A user.
#[derive(Debug, Clone)]
pub struct User {
    /// JumpCloud's id.
    pub id: String,
    /// Username.
    pub username: String,
    /// E-mail address, in lower case.
    pub email: String,
    /// The one field that differs.
    pub department: String,
    /// The job that made it.
    pub job: Option<usize>,
    /// When it was created.
    pub created: Ms,
    /// Whether searches show it.
    pub visible: bool,
}

impl User {
    /// Whether it is one that is looked for.
    pub fn is(&self, key: &UserKey) -> bool {
        match &key.by {
            By::Id(id) => *id == self.id,
            By::Names { email, .. } => {
                key.username.eq_ignore_ascii_case(&self.username)
                    || email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&self.email))
            }
        }
    }

    /// As a search shows it.
    pub fn live(&self) -> Live {
        let fields = json!({
            "username": self.username, "email": self.email, "department": self.department, "state": "STAGED",
        });
        Live {
            id: self.id.clone(),
            username: self.username.clone(),
            email: self.email.clone(),
            state: Some("STAGED".to_owned()),
            created: Some(stamp(self.created)),
            fields: fields.as_object().unwrap().clone(),
        }
    }

    /// Its fingerprint.
    pub fn put_into(&self, canon: &mut Canon) {
        canon.text(&self.username);
        canon.text(&self.department);
        canon.count(self.job.map_or(0, |job| job + 1));
        canon.time(self.created);
        canon.word(u64::from(self.visible));
    }
}
