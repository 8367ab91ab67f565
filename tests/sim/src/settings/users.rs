//! Settings of users and of what is refused.

use serde::{Deserialize, Serialize};

/// How users are stored and shown.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UserSettings {
    /// E-mail addresses are lower-cased.
    pub lower_case_email: bool,
    /// Phone numbers keep their digits and a leading plus only.
    pub clean_phone_numbers: bool,
    /// How answers show a text field that is unset or was set to "".
    pub empty_text: EmptyForm,
    /// What happens to an update with another username.
    pub username_change: UsernameChange,
    /// A `manager` must be the id of a user of the organisation.
    pub manager_must_exist: bool,
    /// Whom `state/activate` activates.
    pub activate_from: ActivateFrom,
}

impl Default for UserSettings {
    fn default() -> Self {
        Self {
            lower_case_email: true,
            clean_phone_numbers: true,
            empty_text: EmptyForm::EmptyString,
            username_change: UsernameChange::Refuse,
            manager_must_exist: true,
            activate_from: ActivateFrom::StagedOnly,
        }
    }
}

/// How answers show an empty text field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EmptyForm {
    /// `""`
    EmptyString,
    /// `null`
    Null,
    /// Not at all.
    Absent,
}

/// What happens to an update with another username.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UsernameChange {
    /// The row fails; V1 answers 400.
    Refuse,
    /// The username is left as it is, the rest is applied.
    Ignore,
    /// The username changes.
    Allow,
}

/// Whom `state/activate` activates. Its text speaks of staged users only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ActivateFrom {
    /// Staged users; 400 for others.
    StagedOnly,
    /// Everybody.
    AnyState,
}

/// What becomes of bad input. V1 writes answer 400 for all that is not ignored.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ValidationSettings {
    /// A value of the wrong JSON type.
    pub wrong_type: BadInput,
    /// A value that is not in the field's list.
    pub wrong_value: BadInput,
    /// A text that is too long, a number that is too small.
    pub over_limit: BadInput,
    /// A creation without username or e-mail.
    pub missing_field: BadInput,
    /// A text that is no e-mail address or date; an attribute's name with other characters.
    pub malformed: BadInput,
    /// An update without `id`.
    pub missing_id: BadInput,
    /// A field that the route does not have. Known read-only fields are always ignored.
    pub unknown_field: BadInput,
    /// `relationships` on creation: declared, but older staff notes say that it is refused.
    pub relationships: BadInput,
    /// A request without rows.
    pub no_rows: BadInput,
}

impl Default for ValidationSettings {
    fn default() -> Self {
        Self {
            wrong_type: BadInput::RefuseRequest,
            wrong_value: BadInput::RefuseRequest,
            over_limit: BadInput::FailRow,
            missing_field: BadInput::FailRow,
            malformed: BadInput::FailRow,
            missing_id: BadInput::RefuseRequest,
            unknown_field: BadInput::Ignore,
            relationships: BadInput::Ignore,
            no_rows: BadInput::RefuseRequest,
        }
    }
}

/// What becomes of bad input.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BadInput {
    /// 400 for the whole request.
    RefuseRequest,
    /// The row is accepted and fails when it is executed.
    FailRow,
    /// It is let pass.
    Ignore,
}
