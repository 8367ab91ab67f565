//! Single users, by the V1 API: search, listing, and one user at a time.
//!
//! Guarantees: a search costs one request for 50 users looked for by username and e-mail; reads are
//! repeated as the module `retry` says, writes only when nothing was sent, so a write that fails
//! with [`Error::is_not_sent`] `false` may have acted.
//!
//! Assumption: the connection was checked. JumpCloud also answers 404 to an `x-org-id` that it does not
//! know, which here looks like a user who does not exist.

use std::collections::HashSet;
use std::fmt;

use futures::{Stream, TryStreamExt, stream};
use reqwest::Method;
use serde_json::{Map, Value, json};

use crate::jumpcloud::client::{JumpCloud, unexpected};
use crate::jumpcloud::endpoint::Version;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::paginate::{PAGE, Paging};
use crate::jumpcloud::retry::Effect;
use crate::jumpcloud::transport::{Call, Expect};
use crate::jumpcloud::wire::{LiveUser, Page, read_each};

/// Conditions in one search: as many users as a page has, since a condition matches one user at most.
/// The largest `or` that JumpCloud takes is not known.
pub const MAX_CONDITIONS: usize = PAGE;

/// The most pages of one search, where one is expected.
const MAX_SEARCH_PAGES: usize = 10;

/// The most pages of a listing: a million users.
const MAX_LIST_PAGES: usize = 10_000;

/// Fields that a [`LiveUser`] is made of, whatever else is asked for.
const IDENTITY: [&str; 5] = ["_id", "username", "email", "state", "created"];

/// What a user is looked for by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum UserKey {
    /// The username, in the case given.
    Username(String),
    /// The e-mail address; compared in lower case, as JumpCloud stores it.
    Email(String),
    /// The user's id. One that can be no id finds nobody.
    Id(String),
    /// The employee identifier, in the case given.
    EmployeeIdentifier(String),
}

/// A search for users that match any of some keys.
///
/// Whether JumpCloud compares case is not known, so the answer may hold users that match but for case:
/// compare before relying on a match.
#[derive(Clone, PartialEq, Eq)]
pub struct UserSearch {
    /// What to look for. More than [`MAX_CONDITIONS`] keys cost more than one request.
    pub keys: Vec<UserKey>,
    /// The fields wanted, under JumpCloud's names; empty for all. The identity (id, username, e-mail,
    /// state, time of creation) always comes along.
    pub fields: Vec<&'static str>,
}

/// What became of a deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// It was there and is gone.
    Deleted,
    /// There was no such thing.
    AlreadyGone,
}

impl UserSearch {
    /// A search that asks for every field.
    #[must_use]
    pub fn new(keys: Vec<UserKey>) -> Self {
        Self { keys, fields: Vec::new() }
    }
}

impl JumpCloud {
    /// `POST /search/systemusers`: the users that match any key, each once. No keys, no request.
    ///
    /// # Errors
    /// When a page cannot be read; see [`Error`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "ada@example.com", "department": "Engines"});
    /// sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// // Who matches any key is found, once. Ask for fields by JumpCloud's names; no names mean all.
    /// let found = client
    ///     .search_users(&UserSearch {
    ///         keys: vec![
    ///             UserKey::Username("ada".to_owned()),
    ///             UserKey::Email("Ada@Example.com".to_owned()),
    ///             UserKey::Username("nobody".to_owned()),
    ///         ],
    ///         fields: vec!["department"],
    ///     })
    ///     .await?;
    /// assert_eq!(found.len(), 1);
    /// assert_eq!(found[0].fields["department"], "Engines");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn search_users(&self, query: &UserSearch) -> Result<Vec<LiveUser>, Error> {
        let url = self.at(Version::V1, &["search", "systemusers"])?;
        // A search changes nothing, though it is a POST.
        let call =
            Call::new("POST /search/systemusers", Effect::Read, Method::POST, url).query("sort", "_id");
        let conditions: Vec<Value> = query.keys.iter().filter_map(UserKey::condition).collect();
        let fields = query.field_list();
        let mut found = Found::default();
        for some in conditions.chunks(MAX_CONDITIONS) {
            let mut paging = Some(Paging::new(MAX_SEARCH_PAGES));
            while let Some(current) = paging {
                let body = search_body(some, fields.as_deref(), current);
                let answer = self.call(&call.clone().json(body)).await?;
                let page = Page::read(answer).ok_or_else(|| unexpected("a list of users"))?;
                paging = current.next(page.items.len(), page.total);
                found.absorb(read_each(call.route, page.items, LiveUser::read));
            }
        }
        Ok(found.users)
    }

    /// `GET /systemusers`: every user of the organisation, by id, read page by page as it is consumed.
    ///
    /// The stream ends after its first error.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// for name in ["ada", "grace"] {
    ///     let user = json!({"username": name, "email": format!("{name}@example.com")});
    ///     sim.add_user(DEFAULT_ORGANISATION, &user)?;
    /// }
    /// let mut users = std::pin::pin!(client.list_users());
    /// let mut names = Vec::new();
    /// while let Some(user) = users.try_next().await? {
    ///     names.push(user.username);
    /// }
    /// assert_eq!(names, ["ada", "grace"]);
    /// # Ok(())
    /// # }
    /// ```
    pub fn list_users(&self) -> impl Stream<Item = Result<LiveUser, Error>> + Send + use<> {
        let client = self.clone();
        let pages = stream::try_unfold(Some(Paging::new(MAX_LIST_PAGES)), move |paging| {
            let client = client.clone();
            async move {
                let Some(current) = paging else { return Ok::<_, Error>(None) };
                let url = client.at(Version::V1, &["systemusers"])?;
                let call = Call::new("GET /systemusers", Effect::Read, Method::GET, url).query("sort", "_id");
                let page = client.page(&call, current).await?;
                let next = current.next(page.items.len(), page.total);
                let users = read_each(call.route, page.items, LiveUser::read);
                Ok(Some((stream::iter(users.into_iter().map(Ok)), next)))
            }
        });
        pages.try_flatten()
    }

    /// `GET /systemusers/{id}`: one user, or `None` when there is none.
    ///
    /// # Errors
    /// When the answer cannot be read; see [`Error`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "Ada@example.com"});
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// let user = client.get_user(&id).await?.unwrap();
    /// assert_eq!(user.email, "ada@example.com", "JumpCloud keeps addresses in lower case");
    /// assert!(client.get_user("5f0c1d2e3a4b5c6d7e8f9aff").await?.is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn get_user(&self, id: &str) -> Result<Option<LiveUser>, Error> {
        let url = self.at(Version::V1, &["systemusers", id])?;
        match self.call(&Call::new("GET /systemusers/{id}", Effect::Read, Method::GET, url)).await {
            Ok(answer) => LiveUser::read(answer).map(Some).ok_or_else(|| unexpected("a user")),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// `POST /systemusers`: makes one user. Not idempotent: unless the error says that nothing was sent
    /// or that JumpCloud refused, the user may exist.
    ///
    /// # Errors
    /// See [`Error`]; a 2xx answer that names no user is [`Error::Decode`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "ada@example.com"});
    /// let fields = ada.as_object().unwrap();
    /// let user = client.create_user(fields).await?;
    /// assert_eq!(sim.user("ada").unwrap()["_id"], user.id);
    ///
    /// // The error names nobody; what JumpCloud said of it is kept apart.
    /// let error = client.create_user(fields).await.unwrap_err();
    /// assert!(!error.is_transient() && error.message().is_some());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn create_user(&self, fields: &Map<String, Value>) -> Result<LiveUser, Error> {
        let url = self.at(Version::V1, &["systemusers"])?;
        let call = Call::new("POST /systemusers", Effect::Once, Method::POST, url).json(document(fields));
        LiveUser::read(self.call(&call).await?).ok_or_else(|| unexpected("a user"))
    }

    /// `PUT /systemusers/{id}`: sets the fields given and leaves the others. `attributes` are replaced as
    /// a whole.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such user.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "ada@example.com", "state": "STAGED"});
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// let user = client.update_user(&id, json!({"state": "ACTIVATED"}).as_object().unwrap()).await?;
    /// assert_eq!(user.state.as_deref(), Some("ACTIVATED"));
    /// assert_eq!(sim.user("ada").unwrap()["email"], "ada@example.com");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn update_user(&self, id: &str, fields: &Map<String, Value>) -> Result<LiveUser, Error> {
        let url = self.at(Version::V1, &["systemusers", id])?;
        let call = Call::new("PUT /systemusers/{id}", Effect::Set, Method::PUT, url).json(document(fields));
        LiveUser::read(self.call(&call).await?).ok_or_else(|| unexpected("a user"))
    }

    /// `DELETE /systemusers/{id}`: removes a user for good.
    ///
    /// # Errors
    /// See [`Error`]; that there is no such user is none.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let ada = json!({"username": "ada", "email": "ada@example.com"});
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// assert_eq!(client.delete_user(&id).await?, Deletion::Deleted);
    /// assert_eq!(client.delete_user(&id).await?, Deletion::AlreadyGone);
    /// assert!(sim.users().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_user(&self, id: &str) -> Result<Deletion, Error> {
        let url = self.at(Version::V1, &["systemusers", id])?;
        let mut call = Call::new("DELETE /systemusers/{id}", Effect::Set, Method::DELETE, url);
        // The answer is the user as it was, or nothing: neither is needed.
        call.expect = Expect::NoPage;
        match self.call(&call).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(error) if error.is_not_found() => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }
}

impl UserKey {
    /// The condition of the search language; `None` when it cannot match.
    fn condition(&self) -> Option<Value> {
        match self {
            Self::Username(name) => Some(json!({ "username": name })),
            Self::Email(address) => Some(json!({ "email": address.to_lowercase() })),
            // The text form, as JumpCloud's own tools use it: ids are no texts in its database. What
            // could be read as an operator must not get into it.
            Self::Id(id) => is_id(id).then(|| json!(format!("_id:$eq:{id}"))),
            Self::EmployeeIdentifier(identifier) => Some(json!({ "employeeIdentifier": identifier })),
        }
    }
}

impl UserSearch {
    /// The value of `fields`, or `None` for all.
    fn field_list(&self) -> Option<String> {
        if self.fields.is_empty() {
            return None;
        }
        let more = self.fields.iter().filter(|field| !IDENTITY.contains(field));
        Some(IDENTITY.iter().chain(more).copied().collect::<Vec<_>>().join(" "))
    }
}

/// Users in the order found, each once.
#[derive(Default)]
struct Found {
    users: Vec<LiveUser>,
    ids: HashSet<String>,
}

impl Found {
    fn absorb(&mut self, users: Vec<LiveUser>) {
        for user in users {
            if self.ids.insert(user.id.clone()) {
                self.users.push(user);
            }
        }
    }
}

fn search_body(conditions: &[Value], fields: Option<&str>, paging: Paging) -> String {
    let mut body = json!({ "filter": { "or": conditions }, "limit": PAGE, "skip": paging.skip() });
    if let (Some(object), Some(fields)) = (body.as_object_mut(), fields) {
        object.insert("fields".to_owned(), json!(fields));
    }
    body.to_string()
}

fn document(fields: &Map<String, Value>) -> String {
    Value::Object(fields.clone()).to_string()
}

/// Whether a text can be an id of JumpCloud.
pub(crate) fn is_id(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= 64
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Username(_) => f.write_str("Username([redacted])"),
            Self::Email(_) => f.write_str("Email([redacted])"),
            Self::Id(id) => f.debug_tuple("Id").field(id).finish(),
            Self::EmployeeIdentifier(_) => f.write_str("EmployeeIdentifier([redacted])"),
        }
    }
}

impl fmt::Debug for UserSearch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserSearch").field("keys", &self.keys.len()).field("fields", &self.fields).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_those_of_jumpclouds_own_tools() {
        for (key, want) in [
            (UserKey::Username("Ada".into()), Some(json!({"username": "Ada"}))),
            (UserKey::Email("Ada@X.example".into()), Some(json!({"email": "ada@x.example"}))),
            (UserKey::Id("5f1b".into()), Some(json!("_id:$eq:5f1b"))),
            (UserKey::Id("x:$ne:y".into()), None),
            (UserKey::Id(String::new()), None),
            (UserKey::EmployeeIdentifier("1815".into()), Some(json!({"employeeIdentifier": "1815"}))),
        ] {
            assert_eq!(key.condition(), want, "{key:?}");
        }
    }

    #[test]
    fn the_identity_always_comes_along() {
        let mut search = UserSearch::new(Vec::new());
        assert_eq!(search.field_list(), None);
        search.fields = vec!["department", "email"];
        assert_eq!(search.field_list().as_deref(), Some("_id username email state created department"));
    }

    #[test]
    fn debug_output_names_nobody() {
        let keys = vec![UserKey::Username("canary".into()), UserKey::Email("canary@x".into())];
        assert!(!format!("{keys:?} {:?}", UserSearch::new(keys.clone())).contains("canary"));
    }
}
