//! The routes under `/_sim`, for tests and the demo. They need no key and are not recorded.
//!
//! - `GET /_sim/ledger?since=SEQ`, `GET /_sim/state`
//! - `GET /_sim/clock`; `POST /_sim/clock` with `{"advance_ms"}`, `{"set"}` or `{"rate"}`
//! - `POST /_sim/faults` with a list of rules that replaces all, or one rule that is added
//! - `POST /_sim/settings` with a part of the settings, merged in
//! - `POST /_sim/users` with `{"organisation"?, "users": [..]}` or one user; `PATCH` and `DELETE
//!   /_sim/users/ID`
//! - `POST /_sim/schedules` with `{"organisation"?}` and the fields of `POST /bulk/userstates`; `DELETE
//!   /_sim/schedules/JOB?userid=ID`, without `userid` for all of the job
//! - `POST /_sim/keys` with `{"add", "organisation"?}` or `{"revoke"}`
//! - `POST /_sim/client_secrets` with `{"client_id", "add", "organisation"?}` or `{"client_id",
//!   "revoke"}`; `DELETE /_sim/tokens`, which revokes all

use serde_json::{Value, json};

use crate::clock::iso;
use crate::fault::{FaultBook, FaultRule};
use crate::http::answer::Answer;
use crate::http::call::Call;
use crate::ledger::Cause;
use crate::settings::DEFAULT_ORGANISATION;
use crate::world::{World, milliseconds};

/// Answers a control request.
pub(crate) fn answer(world: &mut World, call: &Call) -> Answer {
    let result = route(world, call);
    match result {
        Ok(body) => Answer::json(200, &body),
        Err(message) => Answer::json(400, &json!({"message": message})),
    }
}

fn route(world: &mut World, call: &Call) -> Result<Value, String> {
    let path = call.parts.uri.path().trim_start_matches("/_sim").trim_matches('/');
    let parts: Vec<&str> = path.split('/').collect();
    match (call.parts.method.as_str(), parts.as_slice()) {
        ("GET", ["ledger"]) => {
            world.settle();
            let since =
                call.parameter("since").map_or(Ok(0), str::parse).map_err(|_| "since must be a number")?;
            serde_json::to_value(world.ledger.since(since)).map_err(|error| error.to_string())
        }
        ("GET", ["state"]) => Ok(world.state()),
        ("GET", ["clock"]) => Ok(time(world)),
        ("POST", ["clock"]) => clock(world, &call.json()?),
        ("POST", ["faults"]) => faults(world, call.json()?),
        ("POST", ["settings"]) => {
            let settings = world.settings.merged(&call.json()?).map_err(|error| error.to_string())?;
            world.set_settings(settings);
            Ok(json!({}))
        }
        ("POST", ["users"]) => users(world, &call.json()?),
        ("PATCH", ["users", id]) => {
            let at = world.settle();
            let home = world.home_of(id).ok_or("no such user")?;
            let body = call.json()?;
            let fields = body.as_object().ok_or("the body must be an object")?;
            world.change_user(&home, id, fields, at, Cause::Control).ok_or("no such user")?;
            Ok(json!({}))
        }
        ("DELETE", ["users", id]) => {
            let at = world.settle();
            let home = world.home_of(id).ok_or("no such user")?;
            world.delete_user(&home, id, at, Cause::Control).ok_or("no such user")?;
            Ok(json!({}))
        }
        ("POST", ["schedules"]) => {
            let body = call.json()?;
            let organisation = body.get("organisation").and_then(Value::as_str);
            let organisation = organisation.unwrap_or(DEFAULT_ORGANISATION);
            let ids = world.add_schedule(organisation, &body).map_err(|refused| refused.to_string())?;
            Ok(json!({"ids": ids}))
        }
        ("DELETE", ["schedules", id]) => {
            let at = world.settle();
            let user = call.parameter("userid");
            let removed = world.remove_schedules(at, &Cause::Control, |event| {
                event.job_id == *id && user.is_none_or(|user| event.user_id == user)
            });
            if removed == 0 { Err("no such schedule".to_owned()) } else { Ok(json!({"removed": removed})) }
        }
        ("POST", ["keys"]) => keys(world, &call.json()?),
        ("POST", ["client_secrets"]) => client_secrets(world, &call.json()?),
        ("DELETE", ["tokens"]) => Ok(json!({"revoked": world.revoke_tokens()})),
        _ => Err(format!("there is no control route {} {}", call.parts.method, call.parts.uri.path())),
    }
}

fn time(world: &mut World) -> Value {
    let now = world.settle();
    json!({"time": iso(now), "rate": world.clock.rate()})
}

fn clock(world: &mut World, body: &Value) -> Result<Value, String> {
    let (advance, set, rate) = (body.get("advance_ms"), body.get("set"), body.get("rate"));
    if let Some(set) = set {
        let to = set.as_str().and_then(|text| text.parse().ok()).ok_or("set must be an RFC 3339 time")?;
        world.clock.set(to);
    }
    if let Some(rate) = rate {
        world.clock.set_rate(rate.as_f64().ok_or("rate must be a number")?);
    }
    if let Some(advance) = advance {
        world.clock.advance(milliseconds(advance.as_u64().ok_or("advance_ms must be a number")?));
    }
    if advance.or(set).or(rate).is_none() {
        return Err("give advance_ms, set or rate".to_owned());
    }
    Ok(time(world))
}

fn faults(world: &mut World, body: Value) -> Result<Value, String> {
    if body.is_array() {
        let rules: Vec<FaultRule> = serde_json::from_value(body).map_err(|error| error.to_string())?;
        world.faults = FaultBook::new(rules);
    } else {
        world.faults.push(serde_json::from_value(body).map_err(|error| error.to_string())?);
    }
    Ok(json!({}))
}

fn users(world: &mut World, body: &Value) -> Result<Value, String> {
    let organisation = body.get("organisation").and_then(Value::as_str).unwrap_or(DEFAULT_ORGANISATION);
    let one = std::slice::from_ref(body);
    let users = body.get("users").and_then(Value::as_array).map_or(one, Vec::as_slice);
    let ids: Result<Vec<_>, _> = users.iter().map(|user| world.add_user(organisation, user)).collect();
    Ok(json!({"ids": ids.map_err(|refused| refused.to_string())?}))
}

fn keys(world: &mut World, body: &Value) -> Result<Value, String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    match (text("add"), text("revoke")) {
        (Some(key), None) => {
            let organisation = text("organisation").unwrap_or(DEFAULT_ORGANISATION);
            world.add_key(organisation, key).map_err(|refused| refused.to_string())?;
            Ok(json!({}))
        }
        (None, Some(key)) if world.revoke_key(key) => Ok(json!({})),
        (None, Some(_)) => Err("no such key".to_owned()),
        _ => Err("give either add or revoke".to_owned()),
    }
}

fn client_secrets(world: &mut World, body: &Value) -> Result<Value, String> {
    let text = |name: &str| body.get(name).and_then(Value::as_str);
    let id = text("client_id").ok_or("give client_id")?;
    match (text("add"), text("revoke")) {
        (Some(secret), None) => {
            let organisation = text("organisation").unwrap_or(DEFAULT_ORGANISATION);
            world.add_client_secret(organisation, id, secret).map_err(|refused| refused.to_string())?;
            Ok(json!({}))
        }
        (None, Some(secret)) if world.revoke_client_secret(id, secret) => Ok(json!({})),
        (None, Some(_)) => Err("no such client secret".to_owned()),
        _ => Err("give either add or revoke".to_owned()),
    }
}
