//! What a write makes of a user: defaults, normalisation, replacement of parts.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::store::User;
use super::{Fields, text};
use crate::clock::iso;
use crate::fingerprint::sha256_hex;
use crate::settings::UserSettings;

/// What a write needs to know beside its fields.
pub(crate) struct Writing<'a> {
    pub(crate) settings: &'a UserSettings,
    pub(crate) now: Timestamp,
    /// Gives the ids of list items.
    pub(crate) new_id: &'a mut dyn FnMut() -> String,
}

/// Where a new user comes from.
pub(crate) struct Origin<'a> {
    pub(crate) organisation: &'a str,
    pub(crate) creation_source: &'a str,
    /// The state when the row names none.
    pub(crate) default_state: &'a str,
}

/// Fields that no write sets.
const NOT_WRITABLE: [&str; 20] = [
    "_id",
    "id",
    "organization",
    "created",
    "creationSource",
    "password",
    "badLoginAttempts",
    "account_locked_date",
    "admin",
    "mfaEnrollment",
    "memberof",
    "password_date",
    "password_expiration_date",
    "password_expired",
    "totp_enabled",
    "systemUsername",
    "state",
    "suspended",
    "activated",
    "passwordSha256",
];

/// A new user with the fields of `row`.
pub(crate) fn create(id: String, row: &Fields, origin: &Origin<'_>, writing: &mut Writing<'_>) -> User {
    let defaults = json!({
        "account_locked": false, "account_locked_date": null, "addresses": [], "admin": null,
        "allow_public_key": true, "attributes": [], "badLoginAttempts": 0,
        "created": iso(writing.now), "creationSource": origin.creation_source,
        "disableDeviceMaxLoginAttempts": false, "enable_managed_uid": false,
        "enable_user_portal_multifactor": false, "externally_managed": false,
        "ldap_binding_user": false, "mfa": {"configured": false, "exclusion": false},
        "mfaEnrollment": {"overallStatus": "NOT_ENROLLED"}, "organization": origin.organisation,
        "password_date": null, "password_expiration_date": null, "password_expired": false,
        "password_never_expires": false, "passwordless_sudo": false, "phoneNumbers": [],
        "relationships": [], "restrictedFields": [], "samba_service_user": false, "ssh_keys": [],
        "state": origin.default_state, "sudo": false, "totp_enabled": false, "memberof": [],
    });
    let fields = match defaults {
        Value::Object(fields) => fields,
        _ => Fields::new(),
    };
    let mut user = User { id, fields, created: writing.now, password_sha256: None };
    let state = named_state(row).unwrap_or(origin.default_state);
    apply(&mut user, row, writing);
    set_state(&mut user, state);
    if let Some(username) = text(&user.fields, "username").map(str::to_owned) {
        user.fields.insert("systemUsername".to_owned(), json!(username));
    }
    user
}

/// Applies the fields of `changes`; what they do not name stays.
pub(crate) fn apply(user: &mut User, changes: &Fields, writing: &mut Writing<'_>) {
    if let Some(password) = text(changes, "password") {
        user.password_sha256 = Some(sha256_hex(password.as_bytes()));
        user.fields.insert("password_date".to_owned(), json!(iso(writing.now)));
    }
    let lifts_suspension = changes.get("suspended") == Some(&Value::Bool(false));
    if let Some(state) = named_state(changes) {
        set_state(user, state);
    } else if lifts_suspension && text(&user.fields, "state") == Some("SUSPENDED") {
        set_state(user, "ACTIVATED");
    }
    for (name, value) in changes.iter().filter(|(name, _)| !NOT_WRITABLE.contains(&name.as_str())) {
        let value = normalised(name, value, user.fields.get(name), writing);
        user.fields.insert(name.clone(), value);
    }
}

/// The state that a row names, directly or by the older flags.
fn named_state(row: &Fields) -> Option<&str> {
    let flag = |name: &str| row.get(name).and_then(Value::as_bool);
    text(row, "state").or_else(|| match (flag("suspended"), flag("activated")) {
        (Some(true), _) => Some("SUSPENDED"),
        (_, Some(true)) => Some("ACTIVATED"),
        _ => None,
    })
}

fn set_state(user: &mut User, state: &str) {
    user.fields.insert("state".to_owned(), json!(state));
    user.fields.insert("suspended".to_owned(), json!(state == "SUSPENDED"));
    user.fields.insert("activated".to_owned(), json!(state == "ACTIVATED"));
}

fn normalised(name: &str, value: &Value, before: Option<&Value>, writing: &mut Writing<'_>) -> Value {
    match (name, value) {
        ("email", Value::String(email)) if writing.settings.lower_case_email => {
            json!(email.trim().to_lowercase())
        }
        ("addresses", Value::Array(items)) => with_ids(items, "id", writing),
        ("phoneNumbers", Value::Array(items)) => {
            let clean = writing.settings.clean_phone_numbers;
            let items: Vec<_> =
                items.iter().map(|item| if clean { cleaned(item) } else { item.clone() }).collect();
            with_ids(&items, "id", writing)
        }
        ("ssh_keys", Value::Array(items)) => {
            let created = iso(writing.now);
            let mut items = with_ids(items, "_id", writing);
            for item in items.as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
                item.insert("create_date".to_owned(), json!(created));
            }
            items
        }
        ("recoveryEmail", Value::Object(fields)) => {
            let mut fields = fields.clone();
            fields.entry("verified").or_insert(Value::Bool(false));
            Value::Object(fields)
        }
        ("restrictedFields", Value::Object(one)) => json!([one]),
        ("mfa", Value::Object(changes)) => {
            let mut whole = before.cloned().unwrap_or_else(|| json!({}));
            crate::settings::merge(&mut whole, &Value::Object(changes.clone()));
            whole
        }
        _ => value.clone(),
    }
}

fn with_ids(items: &[Value], id: &str, writing: &mut Writing<'_>) -> Value {
    let items = items.iter().map(|item| {
        let mut item = item.clone();
        if let Some(fields) = item.as_object_mut() {
            fields.remove("_id");
            fields.insert(id.to_owned(), json!((writing.new_id)()));
        }
        item
    });
    Value::Array(items.collect())
}

fn cleaned(item: &Value) -> Value {
    let mut item = item.clone();
    if let Some(number) = item.get_mut("number")
        && let Some(text) = number.as_str()
    {
        let kept = text.chars().enumerate().filter(|(at, c)| c.is_ascii_digit() || (*at == 0 && *c == '+'));
        *number = json!(kept.map(|(_, c)| c).collect::<String>());
    }
    item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(row: &Value) -> User {
        let settings = UserSettings::default();
        let mut writing =
            Writing { settings: &settings, now: Timestamp::UNIX_EPOCH, new_id: &mut || "i".to_owned() };
        let origin = Origin { organisation: "o", creation_source: "jumpcloud:bulk", default_state: "STAGED" };
        create("u".to_owned(), row.as_object().unwrap(), &origin, &mut writing)
    }

    fn changed(user: &mut User, changes: &Value) {
        let settings = UserSettings::default();
        let mut writing =
            Writing { settings: &settings, now: Timestamp::UNIX_EPOCH, new_id: &mut || "j".to_owned() };
        apply(user, changes.as_object().unwrap(), &mut writing);
    }

    #[test]
    fn the_password_is_not_kept() {
        let user = made(&json!({"username": "ada", "password": "s3cret"}));
        assert!(!serde_json::to_string(&user.fields).unwrap().contains("s3cret"));
        assert_eq!(user.password_sha256.unwrap(), sha256_hex(b"s3cret"));
        assert!(user.fields["password_date"].is_string());
    }

    #[test]
    fn the_server_normalises() {
        let user = made(&json!({
            "email": "Ada@X.Test", "phoneNumbers": [{"type": "work", "number": "+44 (20) 79-46"}],
            "addresses": [{"locality": "London"}], "restrictedFields": {"field": "email"}
        }));
        assert_eq!(user.fields["email"], "ada@x.test");
        assert_eq!(user.fields["phoneNumbers"], json!([{"type": "work", "number": "+44207946", "id": "i"}]));
        assert_eq!(user.fields["addresses"], json!([{"locality": "London", "id": "i"}]));
        assert_eq!(user.fields["restrictedFields"], json!([{"field": "email"}]));
    }

    #[test]
    fn states_and_flags_agree() {
        assert_eq!(made(&json!({})).fields["state"], "STAGED");
        assert_eq!(made(&json!({"suspended": true})).fields["state"], "SUSPENDED");
        let mut user = made(&json!({"activated": true}));
        assert_eq!(user.fields["state"], "ACTIVATED");
        changed(&mut user, &json!({"state": "SUSPENDED"}));
        assert_eq!((&user.fields["suspended"], &user.fields["activated"]), (&json!(true), &json!(false)));
        changed(&mut user, &json!({"suspended": false}));
        assert_eq!(user.fields["state"], "ACTIVATED");
        let mut user = made(&json!({}));
        changed(&mut user, &json!({"suspended": false}));
        assert_eq!(user.fields["state"], "STAGED");
    }

    #[test]
    fn attributes_are_replaced_and_other_fields_stay() {
        let mut user = made(
            &json!({"company": "A", "attributes": [{"name": "a", "value": "1"}], "mfa": {"exclusion": true}}),
        );
        changed(
            &mut user,
            &json!({"attributes": [{"name": "b", "value": "2"}], "mfa": {"configured": true}}),
        );
        assert_eq!(user.fields["company"], "A");
        assert_eq!(user.fields["attributes"], json!([{"name": "b", "value": "2"}]));
        assert_eq!(user.fields["mfa"], json!({"configured": true, "exclusion": true}));
    }
}
