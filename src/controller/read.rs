//! Reads of JumpCloud, into the facts of a pass.

use jiff::Timestamp;

use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::users::{UserKey as Wanted, UserSearch};
use crate::jumpcloud::wire::{LiveUser, RowStatus, WorkResult};
use crate::plan::facts::{By, Facts, Live, Repair, Repaired, Row, UserKey, Word};
use crate::users::clean;
use crate::users::row::{ManagerRef, fold};

/// Most characters of `liveState` in the definition.
pub(super) const MAX_STATE: usize = 32;

/// Looks users up. A user that is ours and that the search does not show is asked for by itself: what
/// follows from its absence is a new creation, and a search may be behind.
///
/// # Errors
/// The client's.
pub async fn users(
    client: &JumpCloud,
    keys: &[UserKey],
    facts: &mut Facts,
    now: fn() -> Timestamp,
) -> Result<(), Error> {
    let mut wanted = Vec::with_capacity(keys.len() * 2);
    for key in keys {
        match &key.by {
            By::Id(id) => wanted.push(Wanted::Id(id.clone())),
            By::Names { email, employee_identifier } => {
                wanted.extend(in_any_case(&key.username));
                wanted.extend(email.clone().map(Wanted::Email));
                wanted.extend(employee_identifier.clone().map(Wanted::EmployeeIdentifier));
            }
        }
    }
    // All fields: what a request did is seen by comparing.
    let found = client.search_users(&UserSearch::new(wanted)).await?;
    let mut live: Vec<Live> = found.into_iter().map(live).collect();
    for key in keys {
        if let By::Id(id) = &key.by
            && !live.iter().any(|user| user.id == *id)
        {
            live.extend(client.get_user(id).await?.map(self::live));
        }
    }
    facts.looked_up(keys, &live, now());
    Ok(())
}

/// Reads the results of a job; a job that JumpCloud does not know has none.
///
/// # Errors
/// The client's, but for 404.
pub async fn job(client: &JumpCloud, job_id: &str, rows: usize) -> Result<Option<Vec<Row>>, Error> {
    match client.job_results(job_id, rows).await {
        Ok(results) => Ok(Some(results.into_iter().map(row).collect())),
        Err(error) if error.status() == Some(404) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Looks managers up.
///
/// # Errors
/// The client's.
pub async fn managers(client: &JumpCloud, wanted: &[ManagerRef], facts: &mut Facts) -> Result<(), Error> {
    let keys = wanted.iter().flat_map(|manager| match manager {
        ManagerRef::Id(id) => vec![Wanted::Id(id.clone())],
        ManagerRef::Username(username) => in_any_case(username),
        ManagerRef::Email(email) => vec![Wanted::Email(email.clone())],
    });
    let found = client.search_users(&UserSearch { keys: keys.collect(), fields: vec!["username"] }).await?;
    for manager in wanted {
        let user = found.iter().find(|user| match manager {
            ManagerRef::Id(id) => user.id == *id,
            ManagerRef::Username(username) => fold(&user.username) == fold(username),
            ManagerRef::Email(email) => user.email.to_lowercase() == email.to_lowercase(),
        });
        facts.managers.insert(manager.clone(), user.map(|user| user.id.clone()));
    }
    Ok(())
}

/// Sets fields of one user.
pub async fn repair(client: &JumpCloud, repair: &Repair) -> (Repaired, Option<Error>) {
    outcome(client.update_user(&repair.id, &repair.set).await.map(|_| ()))
}

/// What came of a request that may be repeated. Whatever went wrong may be tried again, unless JumpCloud
/// refused the request itself; the error tells how soon.
pub fn outcome(answer: Result<(), Error>) -> (Repaired, Option<Error>) {
    let Err(error) = answer else { return (Repaired::Done, None) };
    let outcome = match &error {
        Error::Status { status: 400 | 409 | 413 | 422, .. } => {
            return (Repaired::Refused { message: error.to_string() }, None);
        }
        Error::Throttled { .. }
        | Error::Connect { .. }
        | Error::Expired
        | Error::InvalidId
        | Error::Token { .. }
        | Error::Status { status: 300..=499, .. } => Repaired::NotNow,
        Error::Timeout
        | Error::Interrupted { .. }
        | Error::Status { .. }
        | Error::TooLarge { .. }
        | Error::Decode { .. } => Repaired::Unknown,
    };
    tracing::warn!(%error, "a request for one user or event did not work; it is tried again");
    (outcome, Some(error))
}

/// The search compares letter by letter; JumpCloud's usernames are the same in any case.
pub(super) fn in_any_case(username: &str) -> Vec<Wanted> {
    let folded = fold(username);
    let mut keys = vec![Wanted::Username(username.to_owned())];
    if folded != username {
        keys.push(Wanted::Username(folded));
    }
    keys
}

fn live(user: LiveUser) -> Live {
    let LiveUser { id, username, email, state, created, fields } = user;
    // Shown in status, which takes no longer word: the whole write would be refused.
    let state = state.map(|state| clean::cut(&state, MAX_STATE));
    Live { id, username, email, state, created, fields }
}

fn row(result: WorkResult) -> Row {
    let WorkResult { id: _, status, message, user, persisted } = result;
    Row {
        word: match status {
            RowStatus::Pending => Word::Pending,
            RowStatus::Finished => Word::Finished,
            RowStatus::Other(_) | RowStatus::Missing => Word::Other,
        },
        message,
        usernames: [user.username, persisted.username].into_iter().flatten().collect(),
        emails: [user.email, persisted.email].into_iter().flatten().collect(),
        // The id below persistedFields may be anybody's.
        ids: user.id.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_state_of_any_length_fits_into_status() {
        let user = |state: &str| LiveUser::read(json!({"_id": "1", "state": state})).map(live).unwrap();
        assert_eq!(user("SUSPENDED").state.as_deref(), Some("SUSPENDED"));
        assert_eq!(user(&"LOCKED_".repeat(20)).state.map(|state| state.chars().count()), Some(MAX_STATE));
    }
}
