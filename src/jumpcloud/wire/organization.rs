//! An organisation, and the state that its new users get.

use serde_json::Value;

use crate::jumpcloud::wire::{object, text};

/// An organisation that the credential can see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// The id: `_id`, or `id` where only that is there.
    pub id: String,
    /// The display name.
    pub name: Option<String>,
    /// `settings.newSystemUserStateDefaults`; absent in listings.
    pub new_user_states: Option<NewUserStates>,
}

/// The state of a new user that declares none, by the way in which the user is made.
/// `ACTIVATED` or `STAGED`, or whatever else the answer says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewUserStates {
    /// `csvImport`: bulk jobs with the creation source `jumpcloud:bulk`.
    pub csv_import: Option<String>,
    /// `applicationImport`: bulk jobs with any other creation source.
    pub application_import: Option<String>,
    /// `manualEntry`: a single user.
    pub manual_entry: Option<String>,
}

impl Organization {
    /// Reads one organisation; `None` when it is no object or has no id.
    pub(crate) fn read(organization: &Value) -> Option<Self> {
        let organization = organization.as_object()?;
        let defaults = object(organization, "settings")
            .and_then(|settings| object(settings, "newSystemUserStateDefaults"));
        Some(Self {
            id: text(organization, &["_id", "id"])?,
            name: text(organization, &["displayName", "name"]),
            new_user_states: defaults.map(|defaults| NewUserStates {
                csv_import: text(defaults, &["csvImport"]),
                application_import: text(defaults, &["applicationImport"]),
                manual_entry: text(defaults, &["manualEntry"]),
            }),
        })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_defaults_of_new_users_are_optional() {
        let full = Organization::read(&json!({
            "_id": "o1", "displayName": "Example",
            "settings": {"newSystemUserStateDefaults": {"csvImport": "STAGED", "manualEntry": "ACTIVATED"}},
        }))
        .unwrap();
        assert_eq!((full.id.as_str(), full.name.as_deref()), ("o1", Some("Example")));
        let states = full.new_user_states.unwrap();
        assert_eq!((states.csv_import.as_deref(), states.application_import), (Some("STAGED"), None));
        let bare = Organization::read(&json!({"id": "o2"})).unwrap();
        assert_eq!((bare.name, bare.new_user_states), (None, None));
        assert!(Organization::read(&json!({"displayName": "x"})).is_none());
    }
}
