//! Reads for a pass over a schedule that are not shared with batches.

use kube::api::Api;

use crate::api::common::is_object_name;
use crate::api::user_batch::JumpCloudUserBatch;
use crate::controller::error::Error;
use crate::controller::object::fetch;
use crate::controller::read::{MAX_STATE, in_any_case};
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error as ClientError;
use crate::jumpcloud::users::{UserKey, UserSearch};
use crate::jumpcloud::wire::LiveUser;
use crate::plan::schedule::facts::{BatchFact, Key, Person};
use crate::plan::schedule::roster::members;
use crate::users::clean;
use crate::users::row::fold;

/// Looks users up.
///
/// # Errors
/// The client's.
pub(super) async fn users(
    client: &JumpCloud,
    keys: &[Key],
) -> Result<Vec<(Key, Option<Person>)>, ClientError> {
    let wanted = keys.iter().flat_map(|key| match key {
        Key::Id(id) => vec![UserKey::Id(id.clone())],
        Key::Username(username) => in_any_case(username),
        Key::Email(email) => vec![UserKey::Email(email.clone())],
    });
    // Who the user is and its state come along with whatever is asked for.
    let search = UserSearch { keys: wanted.collect(), fields: vec!["username"] };
    let found = client.search_users(&search).await?;
    Ok(keys.iter().map(|key| (key.clone(), the_one(&found, key))).collect())
}

/// The user that a key means. The search may not tell cases apart as it should, so the answer is compared.
fn the_one(found: &[LiveUser], key: &Key) -> Option<Person> {
    let is_meant = |user: &&LiveUser| match key {
        Key::Id(id) => user.id == *id,
        Key::Username(username) => fold(&user.username) == fold(username),
        Key::Email(email) => user.email.to_lowercase() == email.to_lowercase(),
    };
    found.iter().find(is_meant).map(|user| Person {
        id: user.id.clone(),
        username: user.username.clone(),
        state: user.state.as_deref().map(|state| clean::cut(state, MAX_STATE)),
    })
}

/// Reads the batch that users come from. The error of the inner result says that it cannot be read.
///
/// # Errors
/// When the API server cannot be asked.
pub(super) async fn batch(
    client: &kube::Client,
    namespace: &str,
    name: &str,
) -> Result<Result<BatchFact, String>, Error> {
    if !is_object_name(name) {
        return Ok(Ok(BatchFact::Missing));
    }
    let api: Api<JumpCloudUserBatch> = Api::namespaced(client.clone(), namespace);
    match fetch(&api, name).await {
        Ok(None) => Ok(Ok(BatchFact::Missing)),
        Ok(Some(batch)) => Ok(Ok(BatchFact::Found(members(&batch.whole.spec, &batch.status())))),
        // The batch's own conditions tell why.
        Err(Error::Unreadable(_)) => Ok(Err(format!("JumpCloudUserBatch {name} cannot be read"))),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn users_are_found_whatever_the_case_and_nobody_else_is() {
        let user = |id: &str, name: &str| {
            let email = format!("{name}@example.com").to_lowercase();
            LiveUser::read(json!({"_id": id, "username": name, "email": email, "state": "ACTIVATED"}))
                .unwrap()
        };
        let found = [user("1", "ada"), user("2", "Grace")];
        let id = |key: &Key| the_one(&found, key).map(|person| person.id);
        assert_eq!(id(&Key::Username("ADA".to_owned())).as_deref(), Some("1"));
        assert_eq!(id(&Key::Email("Grace@Example.com".to_owned())).as_deref(), Some("2"));
        assert_eq!(id(&Key::Id("2".to_owned())).as_deref(), Some("2"));
        for nobody in [Key::Id("3".to_owned()), Key::Username("ad".to_owned()), Key::Email("ada".to_owned())]
        {
            assert_eq!(id(&nobody), None, "{nobody:?}");
        }
    }
}
