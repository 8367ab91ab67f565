//! Wrong operators of user batches: what they take for true.

use jumpcloud_operator::api::submission::Operation;
use jumpcloud_operator::api::user_status::Failure;
use jumpcloud_operator::plan::facts::{By, Live, Read};

use super::Batches;
use super::reads::Found;
use crate::clock::{MINUTE, stamp};
use crate::explore::object::{Object, Stored};
use crate::explore::wrong::{Wrong, one_look};

/// The object as a wrong operator takes it to be.
pub fn sees(wrong: Wrong, object: &Object<Batches>) -> Option<Object<Batches>> {
    let mut status = object.status.status.clone();
    match wrong {
        Wrong::AdoptWithoutEvidence => {
            for row in &object.spec.desired.rows {
                if !status.failures.iter().any(|failure| failure.username == row.username) {
                    status.failures.push(Failure {
                        username: row.username.clone(),
                        unknown_time: Some(stamp(-60 * MINUTE).to_string()),
                        ..Failure::default()
                    });
                }
            }
        }
        Wrong::OneLook => {
            one_look(&mut status.submissions, |record| record.operation == Operation::Create);
        }
        _ => return None,
    }
    Some(Object { status: Stored::of(status), ..object.clone() })
}

/// An answer as a wrong operator takes it to be.
pub fn finds(wrong: Wrong, object: &Object<Batches>, read: &Read, found: &mut Found) {
    let open = !object.status.status.submissions.is_empty();
    if let (Wrong::SettleByFirst, true, Read::Users(keys), Found::Users(users)) = (wrong, open, read, found) {
        let Some(first) = users.iter().find(|user| keys[0].username == user.username).cloned() else {
            return users.clear();
        };
        for key in keys.iter().skip(1) {
            let email = match &key.by {
                By::Names { email: Some(email), .. } => email.clone(),
                _ => first.email.clone(),
            };
            if !users.iter().any(|user| user.username == key.username) {
                let mut fields = first.fields.clone();
                fields.insert("username".to_owned(), key.username.clone().into());
                fields.insert("email".to_owned(), email.to_lowercase().into());
                users.push(Live { username: key.username.clone(), email, fields, ..first.clone() });
            }
        }
    }
}
