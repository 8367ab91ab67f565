//! Service accounts and their tokens.
//!
//! Ids, secrets and tokens are kept as hashes only.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use rand::RngExt;

use super::{Refused, World};
use crate::clock::after;
use crate::fingerprint::sha256_hex;

/// What is known of service accounts.
#[derive(Debug, Default)]
pub(crate) struct Accounts {
    /// By the hash of the client id.
    accounts: HashMap<String, Account>,
    /// By the hash of the token.
    tokens: HashMap<String, Grant>,
}

#[derive(Debug)]
struct Account {
    organisation: String,
    secrets: HashSet<String>,
}

#[derive(Debug)]
struct Grant {
    organisation: String,
    end: Timestamp,
}

impl World {
    /// Adds a client secret, and the account when there is none of this id.
    pub(crate) fn add_client_secret(
        &mut self,
        organisation: &str,
        client_id: &str,
        secret: &str,
    ) -> Result<(), Refused> {
        self.organisation(organisation)?;
        let account = self.accounts.accounts.entry(hash(client_id));
        let account = account
            .or_insert_with(|| Account { organisation: organisation.to_owned(), secrets: HashSet::new() });
        if account.organisation != organisation {
            return Err(Refused("the client id is in use elsewhere: choose another".to_owned()));
        }
        account.secrets.insert(hash(secret));
        Ok(())
    }

    /// Whether there was such a secret. Tokens that it got stay good.
    pub(crate) fn revoke_client_secret(&mut self, client_id: &str, secret: &str) -> bool {
        let account = self.accounts.accounts.get_mut(&hash(client_id));
        account.is_some_and(|account| account.secrets.remove(&hash(secret)))
    }

    /// How many tokens there were.
    pub(crate) fn revoke_tokens(&mut self) -> usize {
        std::mem::take(&mut self.accounts.tokens).len()
    }

    /// The organisation of an account that shows a right secret.
    pub(crate) fn account_organisation(&self, client_id: &str, secret: &str) -> Option<String> {
        let account = self.accounts.accounts.get(&hash(client_id))?;
        account.secrets.contains(&hash(secret)).then(|| account.organisation.clone())
    }

    /// A new token.
    pub(crate) fn grant(&mut self, organisation: String, now: Timestamp, lifetime: Duration) -> String {
        let token = format!("simulated-token-{:032x}", self.rng.random::<u128>());
        self.accounts.tokens.insert(hash(&token), Grant { organisation, end: after(now, lifetime) });
        token
    }

    /// The organisation that a token is good for.
    pub(super) fn token_organisation(&self, token: &str, now: Timestamp) -> Option<String> {
        let grant = self.accounts.tokens.get(&hash(token))?;
        (now < grant.end).then(|| grant.organisation.clone())
    }
}

fn hash(text: &str) -> String {
    sha256_hex(text.as_bytes())
}
