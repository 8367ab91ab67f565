//! `POST /oauth2/token`: client credentials for a token.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::settings::ExpiresIn;
use crate::world::World;

/// Answers, and says of which organisation the account is.
pub(super) fn grant(world: &mut World, call: &Call, now: jiff::Timestamp) -> (Answer, Option<String>) {
    match account(world, call) {
        Err((status, error, description)) => {
            let body = json!({"error": error, "error_description": description});
            (Answer::json(status, &body), None)
        }
        Ok(organisation) => {
            let lifetime = world.settings.tokens.lifetime_s;
            let token = world.grant(organisation.clone(), now, Duration::from_secs(lifetime));
            let mut body = json!({"access_token": token, "token_type": "bearer", "scope": "api"});
            let told = match &world.settings.tokens.expires_in {
                ExpiresIn::Lifetime => Some(json!(lifetime)),
                ExpiresIn::Absent => None,
                ExpiresIn::Value(value) => Some(value.clone()),
            };
            if let (Value::Object(body), Some(told)) = (&mut body, told) {
                body.insert("expires_in".to_owned(), told);
            }
            (Answer::json(200, &body).header("cache-control", "no-store"), Some(organisation))
        }
    }
}

/// The account's organisation, or status, error and description of the refusal (RFC 6749, 5.2).
fn account(world: &World, call: &Call) -> Result<String, (u16, &'static str, &'static str)> {
    if let Some(status) = world.settings.tokens.refuse {
        return Err((status, "invalid_client", "the client is refused by a setting"));
    }
    let Some((id, secret)) = basic(call) else {
        return Err((401, "invalid_client", "the client must authenticate by HTTP Basic"));
    };
    let form = call.header("content-type").unwrap_or_default();
    if !form.starts_with("application/x-www-form-urlencoded") {
        return Err((400, "invalid_request", "the body must be a form"));
    }
    let fields: Vec<_> = form_urlencoded::parse(&call.body).into_owned().collect();
    let field = |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    if field("grant_type") != Some("client_credentials") {
        return Err((400, "unsupported_grant_type", "the grant type must be client_credentials"));
    }
    if field("scope") != Some("api") {
        return Err((400, "invalid_scope", "the scope must be api"));
    }
    world.account_organisation(&id, &secret).ok_or((401, "invalid_client", "client id or secret is wrong"))
}

/// Client id and secret of the `authorization` header.
pub(super) fn basic(call: &Call) -> Option<(String, String)> {
    let encoded = call.header("authorization")?.strip_prefix("Basic ")?;
    let pair = String::from_utf8(STANDARD.decode(encoded).ok()?).ok()?;
    pair.split_once(':').map(|(id, secret)| (id.to_owned(), secret.to_owned()))
}
