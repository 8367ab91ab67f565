//! The one table of user fields.
//!
//! Per field: the name in our manifests, JumpCloud's own spelling, its shape and limits, which bulk
//! requests take it, and where it may be declared. Schema, checking, merging and request bodies are
//! loops over it. The facts (names, types, limits) are those of `tests/sim/facts`, against which a
//! test holds this table.

/// One field of a JumpCloud user, or of an object inside one.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Name in manifests (`firstName`).
    pub name: &'static str,
    /// JumpCloud's name in bulk requests and V1 answers (`firstname`).
    pub api: &'static str,
    /// Type and limits.
    pub shape: Shape,
    /// Which bulk requests take the field.
    pub sent: Sent,
    /// Where a manifest may declare it.
    pub place: Place,
    /// One sentence for `kubectl explain`.
    pub doc: &'static str,
}

/// Type and limits of a value. Where JumpCloud states no limit for a text, 1024 is used: the limit
/// it states for its siblings; the API server's cost estimate needs one.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Text of 1 to `max` characters.
    Text {
        /// Most characters.
        max: u32,
        /// Which texts.
        form: Form,
    },
    /// True or false.
    Flag,
    /// A whole number of at least 1, at most 2,147,483,647.
    Number,
    /// A point in time, RFC 3339.
    Moment,
    /// One of a few words: ours and JumpCloud's.
    Choice(&'static [(&'static str, &'static str)]),
    /// Custom attributes: a map here, a list of name and value there.
    Attributes,
    /// A list of objects.
    List {
        /// Most items.
        max: u32,
        /// Fields of an item.
        item: &'static [Field],
    },
    /// An object.
    Object(&'static [Field]),
    /// A list here of at most one object, the object itself in a bulk request: the vendor describes
    /// it so for bulk requests, as a list for V1; a list can grow once the vendor is clear.
    OneObject(&'static [Field]),
    /// Another user: an object here that names it by exactly one of these, the user's id in a bulk request.
    Reference(&'static [Field]),
}

/// Which texts a text field takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Any,
    /// Printable ASCII without blanks: look-alikes and stray blanks are refused.
    Username,
    /// An e-mail address: one `@` between texts without blanks, a dot in the domain.
    Email,
}

/// Which bulk requests take a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sent {
    /// Bulk create and bulk update.
    Both,
    /// Bulk create alone.
    Create,
    /// Bulk update alone.
    Update,
}

/// Where a manifest may declare a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In rows alone, because it identifies one user.
    Row,
    /// In rows and in the template.
    RowOrTemplate,
    /// Nowhere yet: needs a reference to a Secret or another user, or an update job.
    NotYet,
    /// Nowhere: the operator itself fills it in.
    Operator,
}

const STATES: &[(&str, &str)] =
    &[("Staged", "STAGED"), ("Activated", "ACTIVATED"), ("Suspended", "SUSPENDED")];

const fn text(name: &'static str, api: &'static str, doc: &'static str) -> Field {
    sized(name, api, 1024, doc)
}

const fn sized(name: &'static str, api: &'static str, max: u32, doc: &'static str) -> Field {
    Field {
        name,
        api,
        shape: Shape::Text { max, form: Form::Any },
        sent: Sent::Both,
        place: Place::RowOrTemplate,
        doc,
    }
}

const fn shaped(name: &'static str, api: &'static str, shape: Shape, doc: &'static str) -> Field {
    Field { name, api, shape, sent: Sent::Both, place: Place::RowOrTemplate, doc }
}

const fn flag(name: &'static str, api: &'static str, doc: &'static str) -> Field {
    shaped(name, api, Shape::Flag, doc)
}

impl Field {
    const fn row_only(mut self) -> Self {
        self.place = Place::Row;
        self
    }

    const fn not_yet(mut self) -> Self {
        self.place = Place::NotYet;
        self
    }

    const fn operator(mut self) -> Self {
        self.place = Place::Operator;
        self
    }

    const fn only(mut self, sent: Sent) -> Self {
        self.sent = sent;
        self
    }

    const fn form(mut self, form: Form) -> Self {
        if let Shape::Text { max, .. } = self.shape {
            self.shape = Shape::Text { max, form };
        }
        self
    }

    /// Whether a row of a `JumpCloudUserBatch` may declare it.
    #[must_use]
    pub fn in_row(&self) -> bool {
        matches!(self.place, Place::Row | Place::RowOrTemplate)
    }

    /// Whether the template of a `JumpCloudUserBatch` may declare it.
    #[must_use]
    pub fn in_template(&self) -> bool {
        self.place == Place::RowOrTemplate
    }

    /// Whether answers do not show it: a search leaves it out.
    #[must_use]
    pub fn is_unseen(&self) -> bool {
        self.name == "delegatedAuthority"
    }

    /// Whether a row may empty it. Flags, states and what identifies a user have no empty value.
    #[must_use]
    pub fn is_clearable(&self) -> bool {
        self.in_row()
            && !matches!(self.name, "username" | "email")
            && !matches!(self.shape, Shape::Flag | Shape::Choice(_))
    }

    /// Whether it names another user, who must be known before it can be sent.
    #[must_use]
    pub fn is_reference(&self) -> bool {
        matches!(self.shape, Shape::Reference(_))
    }

    /// Whether bulk create takes it.
    #[must_use]
    pub fn created(&self) -> bool {
        self.sent != Sent::Update
    }

    /// Whether bulk update takes it.
    #[must_use]
    pub fn updated(&self) -> bool {
        self.sent != Sent::Create
    }
}

const ADDRESS: &[Field] = &[
    text("type", "type", "What the address is for, such as work or home."),
    text("poBox", "poBox", "Post office box."),
    text("extendedAddress", "extendedAddress", "Second line of the address."),
    text("streetAddress", "streetAddress", "Street and number."),
    text("locality", "locality", "City or town."),
    text("region", "region", "State or province."),
    text("postalCode", "postalCode", "Postal code."),
    text("country", "country", "Country."),
];

const PHONE_NUMBER: &[Field] = &[
    text("type", "type", "What the number is for, such as mobile or work."),
    text("number", "number", "The number. JumpCloud keeps digits and a few signs of it."),
];

const RELATIONSHIP: &[Field] = &[
    text("type", "type", "Kind of relationship, such as manager."),
    text("value", "value", "The other side of the relationship."),
];

const MFA: &[Field] = &[
    flag("configured", "configured", "Whether multi-factor authentication is set up."),
    flag("exclusion", "exclusion", "Whether the user is excused from multi-factor authentication."),
    shaped(
        "exclusionDays",
        "exclusionDays",
        Shape::Number,
        "How many days the excuse holds; for staged users.",
    ),
    shaped("exclusionUntil", "exclusionUntil", Shape::Moment, "When the excuse ends; for activated users."),
];

const RECOVERY_EMAIL: &[Field] = &[text("address", "address", "The address.").form(Form::Email)];

const DELEGATED_AUTHORITY: &[Field] = &[
    text("id", "id", "Identifier of the authority."),
    shaped(
        "name",
        "name",
        Shape::Choice(&[("ActiveDirectory", "ActiveDirectory")]),
        "Which kind of authority.",
    ),
];

const RESTRICTED_FIELD: &[Field] = &[
    shaped(
        "field",
        "field",
        Shape::Choice(&[
            ("addresses", "addresses"),
            ("company", "company"),
            ("costCenter", "costCenter"),
            ("department", "department"),
            ("description", "description"),
            ("displayName", "displayname"),
            ("email", "email"),
            ("employeeIdentifier", "employeeIdentifier"),
            ("employeeType", "employeeType"),
            ("firstName", "firstname"),
            ("jobTitle", "jobTitle"),
            ("lastName", "lastname"),
            ("location", "location"),
            ("middleName", "middlename"),
            ("password", "password"),
            ("phoneNumbers", "phoneNumbers"),
            ("sudo", "sudo"),
            ("username", "username"),
        ]),
        "The field that another system owns.",
    ),
    sized("id", "id", 24, "Identifier of the owning system."),
    shaped(
        "type",
        "type",
        Shape::Choice(&[
            ("ActiveDirectory", "active_directory"),
            ("FederatedIdentityProvider", "federated_identity_provider"),
            ("SCIM", "scim"),
        ]),
        "Kind of the owning system.",
    ),
];

/// Every field of bulk create (46) and bulk update (47), `username` and `email` first.
pub const FIELDS: &[Field] = &[
    text("username", "username", "Login name; unique without regard to case; cannot change later.")
        .row_only()
        .form(Form::Username),
    text("email", "email", "Primary e-mail address; unique; JumpCloud keeps it in lower case.")
        .row_only()
        .form(Form::Email),
    shaped(
        "state",
        "state",
        Shape::Choice(STATES),
        "State the user is created with; written again only when another one is declared, so that nobody who was \
         activated or suspended since is changed back. Staged is satisfied by every later state. Undeclared: the \
         organisation's default for the creationSource.",
    ),
    text("firstName", "firstname", "Given name."),
    text("middleName", "middlename", "Middle name."),
    text("lastName", "lastname", "Family name."),
    text("displayName", "displayname", "Name shown to others."),
    sized("description", "description", 1024, "Free text."),
    text("jobTitle", "jobTitle", "Job title."),
    text("department", "department", "Department."),
    text("company", "company", "Company."),
    text("costCenter", "costCenter", "Cost centre."),
    text("location", "location", "Location."),
    text("employeeType", "employeeType", "Kind of employment."),
    sized("employeeIdentifier", "employeeIdentifier", 256, "Employee number; unique in the organisation.")
        .row_only(),
    text("alternateEmail", "alternateEmail", "Second e-mail address.").row_only().form(Form::Email),
    sized("managedAppleID", "managedAppleId", 1024, "Managed Apple ID.").row_only(),
    shaped("recoveryEmail", "recoveryEmail", Shape::Object(RECOVERY_EMAIL), "Address for account recovery.")
        .row_only()
        .only(Sent::Create),
    shaped("addresses", "addresses", Shape::List { max: 10, item: ADDRESS }, "Postal addresses."),
    shaped("phoneNumbers", "phoneNumbers", Shape::List { max: 10, item: PHONE_NUMBER }, "Phone numbers."),
    shaped(
        "relationships",
        "relationships",
        Shape::List { max: 10, item: RELATIONSHIP },
        "Relationships to others. Early versions of the API refused it.",
    ),
    shaped(
        "attributes",
        "attributes",
        Shape::Attributes,
        "Custom attributes by name; names of letters and digits.",
    ),
    shaped("mfa", "mfa", Shape::Object(MFA), "Multi-factor authentication."),
    flag("activated", "activated", "Whether the account is active; prefer state, whose rule holds for it.")
        .only(Sent::Create),
    flag(
        "suspended",
        "suspended",
        "Whether the account is suspended; prefer state, whose rule holds for it and which it must not contradict.",
    ),
    flag("accountLocked", "account_locked", "Whether the account is locked."),
    flag("allowPublicKey", "allow_public_key", "Whether the user may log in with an SSH key."),
    text("publicKey", "public_key", "An SSH public key.").row_only(),
    flag(
        "disableDeviceMaxLoginAttempts",
        "disableDeviceMaxLoginAttempts",
        "Whether devices do not lock the user after failed logins.",
    ),
    flag("enableManagedUID", "enable_managed_uid", "Whether unixUID and unixGID are enforced on devices."),
    flag(
        "enableUserPortalMultifactor",
        "enable_user_portal_multifactor",
        "Whether the user portal asks for a second factor.",
    ),
    shaped("unixUID", "unix_uid", Shape::Number, "Numeric user id on devices; at least 1.").row_only(),
    shaped(
        "unixGID",
        "unix_guid",
        Shape::Number,
        "Numeric group id on devices (JumpCloud spells it unix_guid); at least 1.",
    ),
    text("externalDN", "external_dn", "Distinguished name in an external directory.").row_only(),
    text("externalSourceType", "external_source_type", "Kind of the external directory."),
    flag("externallyManaged", "externally_managed", "Deprecated by JumpCloud; sets restrictedFields."),
    shaped(
        "externalPasswordExpirationDate",
        "external_password_expiration_date",
        Shape::Moment,
        "When the password of the external directory expires.",
    ),
    flag("ldapBindingUser", "ldap_binding_user", "Whether the user may bind to LDAP."),
    flag("passwordNeverExpires", "password_never_expires", "Whether the password never expires."),
    flag("passwordlessSudo", "passwordless_sudo", "Whether sudo on devices asks for no password."),
    flag("sambaServiceUser", "samba_service_user", "Whether the user is a Samba service user."),
    flag("sudo", "sudo", "Whether the user may use sudo on devices."),
    shaped(
        "delegatedAuthority",
        "delegatedAuthority",
        Shape::Object(DELEGATED_AUTHORITY),
        "Which other directory checks the password.",
    ),
    shaped(
        "restrictedFields",
        "restrictedFields",
        Shape::OneObject(RESTRICTED_FIELD),
        "A field that another system owns; at most one, as bulk requests describe it.",
    ),
    shaped(
        "manager",
        "manager",
        Shape::Reference(REFERENCE),
        "The user's manager, by exactly one of id, username and email; a user of the same list is created first.",
    ),
    text("password", "password", "The password.").not_yet(),
    shaped("sshKeys", "ssh_keys", Shape::List { max: 10, item: SSH_KEY }, "SSH keys.")
        .only(Sent::Update)
        .row_only(),
    text("id", "id", "JumpCloud's id of the user.").only(Sent::Update).operator(),
    text("organization", "organization", "JumpCloud's id of the organisation.").only(Sent::Update).operator(),
];

const SSH_KEY: &[Field] =
    &[text("name", "name", "Name of the key."), text("publicKey", "public_key", "The key.")];

const REFERENCE: &[Field] = &[
    sized("id", "id", 64, "JumpCloud's id of that user."),
    text("username", "username", "That user's username, in any case.").form(Form::Username),
    text("email", "email", "That user's e-mail address, in any case.").form(Form::Email),
];

/// What a row calls the list of fields that it empties.
pub const CLEAR: &str = "clear";

/// Most fields that one row clears.
pub const MAX_CLEAR: u32 = 100;

/// Most custom attributes of a user.
pub const MAX_ATTRIBUTES: u32 = 100;

/// The field of that manifest name.
#[must_use]
pub fn by_name(name: &str) -> Option<&'static Field> {
    FIELDS.iter().find(|f| f.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_many_fields_as_the_vendor_describes() {
        assert_eq!(FIELDS.iter().filter(|f| f.created()).count(), 46);
        assert_eq!(FIELDS.iter().filter(|f| f.updated()).count(), 47);
        assert_eq!(FIELDS.iter().filter(|f| f.in_row()).count(), 46);
    }

    /// The vendor's facts, in the simulator's table, which shares nothing with this one.
    #[test]
    fn the_table_agrees_with_the_facts() {
        for (facts, takes) in [
            (jumpcloud_sim::facts::bulk_create(), Field::created as fn(&Field) -> bool),
            (jumpcloud_sim::facts::bulk_update(), Field::updated),
        ] {
            for fact in facts.iter().filter(|fact| !fact.field.starts_with('(')) {
                let mut parts = fact.field.split('.');
                let top = parts.next().unwrap().trim_end_matches("[]");
                let field = FIELDS.iter().find(|f| f.api == top && takes(f));
                let field = field.unwrap_or_else(|| panic!("{} {} is missing", fact.route, fact.field));
                let leaf = match (parts.next(), field.shape) {
                    (None, _) => field,
                    (
                        Some(name),
                        Shape::List { item: nested, .. } | Shape::Object(nested) | Shape::OneObject(nested),
                    ) => nested
                        .iter()
                        .find(|f| f.api == name)
                        .unwrap_or_else(|| panic!("{} is missing", fact.field)),
                    // Attributes are a map here: name and value are its halves.
                    (Some(_), Shape::Attributes) => continue,
                    (Some(_), shape) => panic!("{} is {shape:?} here", fact.field),
                };
                let expected: &[&str] = match leaf.shape {
                    Shape::Text { .. } | Shape::Choice(_) | Shape::Reference(_) => &["string"],
                    Shape::Moment => &["date-time", "string"],
                    Shape::Flag => &["boolean"],
                    Shape::Number => &["integer"],
                    Shape::Attributes | Shape::List { .. } => &["array<object>"],
                    Shape::Object(_) | Shape::OneObject(_) => &["object"],
                };
                assert!(
                    expected.contains(&fact.kind),
                    "{}: {} there, {:?} here",
                    fact.field,
                    fact.kind,
                    leaf.shape
                );
                let limit = fact.limit.strip_prefix("max_length=").map(|limit| limit.parse::<u32>().unwrap());
                if let (Shape::Text { max, .. }, Some(limit)) = (leaf.shape, limit) {
                    assert!(max <= limit, "{}: at most {limit} there, {max} here", fact.field);
                }
                if let Shape::Choice(words) = leaf.shape
                    && fact.route == "bulk_create"
                {
                    let ours: std::collections::BTreeSet<_> =
                        words.iter().map(|(_, theirs)| *theirs).collect();
                    let theirs: std::collections::BTreeSet<_> = fact.allowed.split('|').collect();
                    assert_eq!(ours, theirs, "{}", fact.field);
                }
            }
        }
    }

    #[test]
    fn names_are_unique_and_lower_camel_case() {
        for (i, f) in FIELDS.iter().enumerate() {
            assert!(f.name.starts_with(|c: char| c.is_ascii_lowercase()), "{}", f.name);
            assert!(f.name.chars().all(|c| c.is_ascii_alphanumeric()), "{}", f.name);
            assert!(FIELDS.iter().skip(i + 1).all(|g| g.name != f.name && g.api != f.api), "{}", f.name);
        }
    }
}
