//! What really went over the wire, for the invariants.

use std::sync::Arc;

use jumpcloud_operator::plan::facts::{By, Live, UserKey};
use jumpcloud_operator::users::row::long_hash;
use serde_json::{Map, Value};

use crate::api_server::NAME;
use crate::clock::Ms;
use crate::network::{Fix, Order};

/// One `POST` or `PATCH /bulk/users`, from its first byte on.
#[derive(Debug, Clone)]
pub struct Post {
    /// When its first byte was sent.
    pub at: Ms,
    /// Nonce of its submission.
    pub nonce: String,
    /// The object.
    pub uid: u32,
    /// SHA-256 over the object's name and the body, as the intent should say.
    pub hash: String,
    /// The request.
    pub order: Arc<Order>,
    /// The body.
    pub rows: Vec<Map<String, Value>>,
    /// Whether JumpCloud refused it for a malformed row.
    pub rejected: bool,
    /// By how much it was earlier than its submitBy, on the sender's clock.
    pub spare: Ms,
}

/// One answered search.
#[derive(Debug, Clone)]
pub struct Look {
    /// When it was answered.
    pub at: Ms,
    /// Usernames searched for.
    pub asked: Vec<String>,
    /// Usernames searched for and not found, nor their e-mail address.
    pub missed: Vec<String>,
    /// Ids searched for.
    pub ids: Vec<String>,
}

/// A request that sets fields of one user, from its first byte on.
#[derive(Debug, Clone)]
pub struct Put {
    /// When its first byte was sent.
    pub at: Ms,
    /// The request.
    pub fix: Arc<Fix>,
}

/// An acceptance that a process has seen.
#[derive(Debug, Clone)]
pub struct Receipt {
    /// When.
    pub at: Ms,
    /// The job.
    pub job_id: String,
    /// The process that saw it.
    pub process: usize,
    /// In which of its lives.
    pub life: u64,
}

/// Everything that went over the wire.
#[derive(Debug, Default)]
pub struct Ledger {
    /// Bulk requests.
    pub posts: Vec<Post>,
    /// Requests that set fields of one user.
    pub puts: Vec<Put>,
    /// Searches.
    pub looks: Vec<Look>,
    /// Acceptances seen.
    pub receipts: Vec<Receipt>,
    /// Calls of JumpCloud of any kind.
    pub calls: u64,
    /// Ends of lives: process, life, when.
    pub deaths: Vec<(usize, u64, Ms)>,
    /// Oddities of the process itself: a pass without end, waking up in the past.
    pub spins: Vec<String>,
}

impl Ledger {
    /// Notes the first byte of a bulk request.
    pub fn sent(&mut self, order: &Arc<Order>, spare: Ms, at: Ms) {
        let hash = long_hash(&[NAME.as_bytes(), b"\n", &order.payload].concat());
        self.posts.push(Post {
            at,
            nonce: order.nonce.clone(),
            uid: order.uid,
            hash,
            rows: serde_json::from_slice(&order.payload).unwrap(),
            order: order.clone(),
            rejected: false,
            spare,
        });
    }

    /// Notes that JumpCloud refused a bulk request for a malformed row.
    pub fn rejected(&mut self, nonce: &str) {
        for post in self.posts.iter_mut().filter(|post| post.nonce == nonce) {
            post.rejected = true;
        }
    }

    /// The place of a request that sets fields of one user.
    pub fn place(&self, fix: &Arc<Fix>) -> usize {
        self.puts.iter().position(|put| Arc::ptr_eq(&put.fix, fix)).unwrap()
    }

    /// Notes a search.
    pub fn looked(&mut self, keys: &[UserKey], found: &[Live], at: Ms) {
        let hit = |key: &UserKey| {
            found.iter().any(|user| match &key.by {
                By::Id(id) => *id == user.id,
                By::Names { email, .. } => {
                    user.username.eq_ignore_ascii_case(&key.username)
                        || email.as_ref().is_some_and(|email| email.eq_ignore_ascii_case(&user.email))
                }
            })
        };
        let missed = keys.iter().filter(|key| !hit(key)).map(|key| key.username.clone()).collect();
        let asked = keys.iter().map(|key| key.username.clone()).collect();
        let ids = keys
            .iter()
            .filter_map(|key| if let By::Id(id) = &key.by { Some(id.clone()) } else { None })
            .collect();
        self.looks.push(Look { at, asked, missed, ids });
    }
}
