//! Who a request comes from, and whether it is let in.

use jiff::Timestamp;

use super::{Holder, World, milliseconds};
use crate::clock::after;
use crate::fingerprint::sha256_hex;
use crate::http::answer::{Answer, ErrorStyle};
use crate::http::call::Call;
use crate::route::Version;
use crate::settings::{MissingKey, OrgHeader};

/// A request that was let in.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) organisation: String,
    /// All organisations that the key opens.
    pub(crate) reach: Vec<String>,
}

impl World {
    /// Lets a request in, or says what it is answered.
    pub(crate) fn access(
        &mut self,
        call: &Call,
        now: Timestamp,
        errors: ErrorStyle,
    ) -> Result<Access, Answer> {
        let Some(key) = call.api_key() else {
            if let Some(token) = call.bearer() {
                return self.access_by_token(token, call, now, errors);
            }
            return Err(match self.settings.api.missing_key {
                MissingKey::RedirectToLogin => Answer::redirect(302, "/login"),
                MissingKey::Unauthorized => errors.error(401, "an api key is required"),
            });
        };
        let hash = sha256_hex(key.as_bytes());
        let Some(holder) = self.keys.get(&hash).cloned() else {
            let body =
                serde_json::json!({"error": "unauthorized", "message": "the api key belongs to no user"});
            return Err(Answer::json(401, &body));
        };
        self.limit_rate(&hash, now, errors)?;
        let header = call.header("x-org-id");
        let (organisation, reach) = match holder {
            Holder::One(own) => (self.of_one(own.clone(), header, errors)?, vec![own]),
            Holder::Several(all) => (self.of_several(&all, header, errors)?, all),
        };
        Ok(Access { organisation, reach })
    }

    fn access_by_token(
        &mut self,
        token: &str,
        call: &Call,
        now: Timestamp,
        errors: ErrorStyle,
    ) -> Result<Access, Answer> {
        let taken = call.route.version() == Version::V1 || !self.settings.tokens.bulk_refuses;
        let Some(own) = self.token_organisation(token, now).filter(|_| taken) else {
            let body = serde_json::json!({"error": "unauthorized", "message": "the token is not valid"});
            return Err(Answer::json(401, &body));
        };
        self.limit_rate(&sha256_hex(token.as_bytes()), now, errors)?;
        let organisation = self.of_one(own.clone(), call.header("x-org-id"), errors)?;
        Ok(Access { organisation, reach: vec![own] })
    }

    fn of_one(&self, own: String, header: Option<&str>, errors: ErrorStyle) -> Result<String, Answer> {
        match (self.settings.api.org_header, header) {
            (OrgHeader::Ignored, _) | (OrgHeader::Optional | OrgHeader::Refused, None) => Ok(own),
            (OrgHeader::Required, None) => Err(errors.error(401, "the x-org-id header is required")),
            (OrgHeader::Refused, Some(_)) => {
                Err(errors.error(403, "the x-org-id header is not allowed here"))
            }
            (OrgHeader::Optional | OrgHeader::Required, Some(id)) => {
                well_formed(id, errors)?;
                if id == own { Ok(own) } else { Err(errors.error(404, "the organization was not found")) }
            }
        }
    }

    fn of_several(&self, all: &[String], header: Option<&str>, errors: ErrorStyle) -> Result<String, Answer> {
        let id = header.ok_or_else(|| errors.error(401, "the x-org-id header is required"))?;
        well_formed(id, errors)?;
        let known = all.iter().any(|one| one == id) && self.organisations.contains_key(id);
        if known { Ok(id.to_owned()) } else { Err(errors.error(404, "the organization was not found")) }
    }

    fn limit_rate(&mut self, key: &str, now: Timestamp, errors: ErrorStyle) -> Result<(), Answer> {
        let Some(limit) = &self.settings.api.rate_limit else { return Ok(()) };
        let window = milliseconds(limit.window_ms);
        let recent = self.recent.entry(key.to_owned()).or_default();
        while recent.front().is_some_and(|at| after(*at, window) <= now) {
            recent.pop_front();
        }
        if recent.len() < limit.requests {
            recent.push_back(now);
            return Ok(());
        }
        let answer = errors.error(429, "the rate limit is exceeded");
        Err(match limit.retry_after {
            Some(retry_after) => answer.header("retry-after", retry_after.header()),
            None => answer,
        })
    }
}

fn well_formed(id: &str, errors: ErrorStyle) -> Result<(), Answer> {
    let is_id = id.len() == 24 && id.chars().all(|digit| digit.is_ascii_hexdigit());
    if is_id { Ok(()) } else { Err(errors.error(400, "the x-org-id header is malformed")) }
}
