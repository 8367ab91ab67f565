//! Reads of JumpCloud, into the facts of a pass.

use jiff::Timestamp;

use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::users::{UserKey as Wanted, UserSearch};
use crate::jumpcloud::wire::{LiveUser, RowStatus, WorkResult};
use crate::plan::facts::{Facts, Live, Row, UserKey, Word};
use crate::users::row::fold;

/// Looks users up by username and e-mail address.
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
        wanted.push(Wanted::Username(key.username.clone()));
        // The search compares letter by letter; JumpCloud's usernames are the same in any case.
        let folded = fold(&key.username);
        if folded != key.username {
            wanted.push(Wanted::Username(folded));
        }
        wanted.extend(key.email.clone().map(Wanted::Email));
    }
    // The identity comes along with every search; nothing else of a user is needed here.
    let search = UserSearch { keys: wanted, fields: vec!["username"] };
    let found = client.search_users(&search).await?;
    let live: Vec<Live> = found.into_iter().map(live).collect();
    facts.looked_up(keys, &live, now());
    Ok(())
}

/// Reads the results of a job; a job that JumpCloud does not know has none.
///
/// # Errors
/// The client's, but for 404.
pub async fn job(
    client: &JumpCloud,
    job_id: &str,
    rows: usize,
    facts: &mut Facts,
    now: fn() -> Timestamp,
) -> Result<(), Error> {
    let answer = match client.job_results(job_id, rows).await {
        Ok(results) => Some(results.into_iter().map(row).collect()),
        Err(error) if error.status() == Some(404) => None,
        Err(error) => return Err(error),
    };
    facts.polled(job_id, answer, rows, now());
    Ok(())
}

fn live(user: LiveUser) -> Live {
    let LiveUser { id, username, email, state, created, fields: _ } = user;
    Live { id, username, email, state, created }
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
