//! What a connection's status says, from what was found out about it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::policy::after;
use crate::api::common::SecretKeyReference;
use crate::api::condition::{self, Reason, Standing, Verdict};
use crate::api::connection::{
    Chosen, JumpCloudConnectionSpec, NewUserState, ONE_CREDENTIAL, OrganizationStatus,
};
use crate::users::clean;

/// How long a refused key or a missing Secret may be on its way before a person is asked for.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The operator may not talk to that origin, it is none, or the spec names not one credential.
    Invalid(String),
    /// There is no Secret of this name.
    SecretMissing(String),
    /// The operator may not read the Secret of this name.
    SecretForbidden(String),
    /// A Secret has no such key, or nothing usable under it.
    KeyMissing {
        /// Which Secret and key.
        reference: SecretKeyReference,
        /// What should be there: `API key`, `client id` or `client secret`.
        wanted: &'static str,
        /// What is wrong.
        why: String,
    },
    /// What is in the Secrets can be no credential.
    CredentialUnusable(String),
    /// JumpCloud refused the credential.
    CredentialRefused(String),
    /// JumpCloud could not be asked.
    Unreachable(String),
    /// The organisations behind the credential.
    Organizations(Vec<OrganizationStatus>),
}

/// What a check that failed says of the credential that worked before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LastCredential {
    /// It is not there any more, and nothing has taken its place.
    Gone,
    /// Nothing: nobody could be asked.
    Open,
    /// It does not work any more, or another one has taken its place.
    Void,
}

impl Finding {
    /// What it says of the credential that worked before. A Secret that may not be read counts as gone: the
    /// permission can be of the namespace, and goes with it.
    #[must_use]
    pub fn last_credential(&self) -> LastCredential {
        match self {
            Self::SecretMissing(_) | Self::SecretForbidden(_) | Self::KeyMissing { .. } => {
                LastCredential::Gone
            }
            Self::Unreachable(_) => LastCredential::Open,
            Self::Invalid(_)
            | Self::CredentialUnusable(_)
            | Self::CredentialRefused(_)
            | Self::Organizations(_) => LastCredential::Void,
        }
    }
}

/// What it comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assessment {
    /// For the conditions.
    pub verdict: Verdict,
    /// The organisation, when the connection can be used.
    pub organization: Option<OrganizationStatus>,
}

/// Judges a finding. `old` are the conditions so far: they tell how long a trouble has lasted.
#[must_use]
pub fn assess(
    spec: &JumpCloudConnectionSpec,
    finding: &Finding,
    old: &[Condition],
    now: Timestamp,
) -> Assessment {
    let bad = |verdict| Assessment { verdict, organization: None };
    let Some(credential) = spec.auth.chosen() else {
        return bad(Verdict::new(Standing::Stalled, Reason::InvalidSpec, ONE_CREDENTIAL));
    };
    let absent = |message| bad(lasting(Reason::SourceNotFound, Reason::SourceNotFound, message, old, now));
    match finding {
        Finding::Invalid(why) => bad(Verdict::new(Standing::Stalled, Reason::InvalidSpec, why)),
        Finding::SecretMissing(name) => {
            absent(format!("Secret {name} not found; create it in the connection's namespace"))
        }
        Finding::SecretForbidden(name) => absent(format!(
            "the operator may not read Secret {name}; allow its ServiceAccount to get Secrets of this namespace"
        )),
        Finding::KeyMissing { reference, wanted, why } => {
            absent(format!("Secret {} key {} {why}; put the {wanted} there", reference.name, reference.key))
        }
        Finding::CredentialUnusable(why) => absent(format!(
            "{} cannot be used: {why}; put {} there",
            place(credential),
            what(credential, "a usable")
        )),
        Finding::CredentialRefused(why) => bad(lasting(
            Reason::Retrying,
            Reason::CredentialsRejected,
            format!(
                "JumpCloud refuses {} ({}); put {} there, and check the region",
                held(credential),
                clean::message(why, None),
                what(credential, "a valid")
            ),
            old,
            now,
        )),
        Finding::Unreachable(why) => bad(Verdict::new(
            Standing::Waiting,
            Reason::Retrying,
            format!(
                "JumpCloud cannot be reached ({}); check apiURL, region and the network",
                clean::message(why, None)
            ),
        )),
        Finding::Organizations(found) => choose(spec, noun(credential), found),
    }
}

/// What a credential is called.
const fn noun(credential: Chosen<'_>) -> &'static str {
    match credential {
        Chosen::ApiKey(_) => "API key",
        Chosen::ServiceAccount(_) => "service account",
    }
}

/// What is to be put into the Secrets.
fn what(credential: Chosen<'_>, quality: &str) -> String {
    match credential {
        Chosen::ApiKey(_) => format!("{quality} key"),
        Chosen::ServiceAccount(_) => format!("{quality} client id and secret"),
    }
}

/// Where a credential is.
fn place(credential: Chosen<'_>) -> String {
    match credential {
        Chosen::ApiKey(key) => format!("Secret {} key {}", key.name, key.key),
        Chosen::ServiceAccount(account) => {
            let (id, secret) = (&account.client_id_secret_key_ref, &account.client_secret_secret_key_ref);
            if id.name == secret.name {
                format!("Secret {} keys {} and {}", id.name, id.key, secret.key)
            } else {
                format!("Secret {} key {} with Secret {} key {}", id.name, id.key, secret.name, secret.key)
            }
        }
    }
}

/// A credential and where it is.
fn held(credential: Chosen<'_>) -> String {
    match credential {
        Chosen::ApiKey(key) => format!("the API key in Secret {}", key.name),
        Chosen::ServiceAccount(_) => format!("the service account in {}", place(credential)),
    }
}

/// Waiting at first; when it lasts, a person is needed, and that stays until something else is found.
fn lasting(first: Reason, then: Reason, message: String, old: &[Condition], now: Timestamp) -> Verdict {
    let ready = condition::find(old, "Ready");
    let stalled =
        condition::find(old, "Stalled").is_some() && ready.is_some_and(|c| c.reason == then.as_str());
    let lasted = ready.is_some_and(|c| c.reason == first.as_str())
        && condition::find(old, "Reconciling")
            .is_some_and(|c| after(c.last_transition_time.0, PATIENCE) <= now);
    if stalled || lasted {
        Verdict::new(Standing::Stalled, then, message)
    } else {
        Verdict::new(Standing::Waiting, first, message)
    }
}

fn choose(spec: &JumpCloudConnectionSpec, noun: &str, found: &[OrganizationStatus]) -> Assessment {
    let stalled = |reason, message: String| Assessment {
        verdict: Verdict::new(Standing::Stalled, reason, message),
        organization: None,
    };
    let chosen = match (&spec.organization_id, found) {
        (Some(id), _) => match found.iter().find(|o| o.id == *id) {
            Some(organization) => organization,
            None => {
                return stalled(
                    Reason::OrgMismatch,
                    format!(
                        "the {noun} does not reach organisation {id}; correct organizationID or use {} of that organisation",
                        if noun == "API key" { "a key" } else { "one" }
                    ),
                );
            }
        },
        (None, [only]) => only,
        (None, []) => {
            return stalled(
                Reason::OrgMismatch,
                format!("the {noun} reaches no organisation; use another one"),
            );
        }
        (None, _) => {
            return stalled(
                Reason::InvalidSpec,
                format!("the {noun} reaches {} organisations; name one in organizationID", found.len()),
            );
        }
    };
    let pause = if spec.paused { "; paused: nothing is written" } else { "" };
    Assessment {
        verdict: Verdict::new(
            Standing::Done,
            Reason::Succeeded,
            format!("connected to organisation {}{pause}", chosen.name.as_deref().unwrap_or(&chosen.id)),
        ),
        organization: Some(chosen.clone()),
    }
}

/// The state of new users in our words, from JumpCloud's: of bulk jobs, and of other sources. `None` when
/// it says neither.
#[must_use]
pub fn new_user_state(bulk: Option<&str>, other_sources: Option<&str>) -> Option<NewUserState> {
    let ours = |word: &str| match word {
        "ACTIVATED" => "Activated".to_owned(),
        "STAGED" => "Staged".to_owned(),
        other => clean::cut(&clean::message(other, None), 64),
    };
    let state = NewUserState { bulk: bulk.map(ours), other_sources: other_sources.map(ours) };
    (state != NewUserState::default()).then_some(state)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(organization: Option<&str>) -> JumpCloudConnectionSpec {
        serde_json::from_value(serde_json::json!({
            "auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}},
            "organizationID": organization,
        }))
        .unwrap()
    }

    fn organization(id: &str) -> OrganizationStatus {
        OrganizationStatus { id: id.to_owned(), name: Some(format!("Org {id}")) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_refused_key_asks_for_a_person_after_two_minutes_and_stays_so() {
        let finding = Finding::CredentialRefused("401 api key user not found".to_owned());
        let first = assess(&spec(None), &finding, &[], at(0)).verdict;
        assert_eq!((first.standing, first.reason), (Standing::Waiting, Reason::Retrying));
        let conditions = condition::conditions(&[], &first, 1, at(0));
        let early = assess(&spec(None), &finding, &conditions, at(119)).verdict;
        assert_eq!(early, first);
        let late = assess(&spec(None), &finding, &conditions, at(120)).verdict;
        assert_eq!((late.standing, late.reason), (Standing::Stalled, Reason::CredentialsRejected));
        let conditions = condition::conditions(&conditions, &late, 1, at(120));
        assert_eq!(assess(&spec(None), &finding, &conditions, at(121)).verdict, late);
    }

    #[test]
    fn messages_name_the_right_secret_and_key() {
        let reference =
            |name: &str, key: &str| SecretKeyReference { name: name.to_owned(), key: key.to_owned() };
        let account = |id: &str, secret: &str| -> JumpCloudConnectionSpec {
            serde_json::from_value(serde_json::json!({"auth": {"serviceAccount": {
                "clientIDSecretKeyRef": {"name": id, "key": "id"},
                "clientSecretSecretKeyRef": {"name": secret, "key": "secret"},
            }}}))
            .unwrap()
        };
        let (key, one, two) = (spec(None), account("sa", "sa"), account("ids", "secrets"));
        let missing =
            |reference, wanted| Finding::KeyMissing { reference, wanted, why: "not found".to_owned() };
        let refused = || Finding::CredentialRefused("401".to_owned());
        let unusable = || Finding::CredentialUnusable("odd".to_owned());
        for (spec, finding, want) in [
            (
                &key,
                Finding::SecretMissing("jumpcloud".to_owned()),
                "Secret jumpcloud not found; create it in the connection's namespace",
            ),
            (
                &two,
                Finding::SecretMissing("secrets".to_owned()),
                "Secret secrets not found; create it in the connection's namespace",
            ),
            (
                &key,
                missing(reference("jumpcloud", "api-key"), "API key"),
                "Secret jumpcloud key api-key not found; put the API key there",
            ),
            (
                &two,
                missing(reference("ids", "id"), "client id"),
                "Secret ids key id not found; put the client id there",
            ),
            (&key, unusable(), "Secret jumpcloud key api-key cannot be used: odd; put a usable key there"),
            (
                &one,
                unusable(),
                "Secret sa keys id and secret cannot be used: odd; put a usable client id and secret there",
            ),
            (
                &key,
                refused(),
                "JumpCloud refuses the API key in Secret jumpcloud (401); put a valid key there, and check the region",
            ),
            (
                &one,
                refused(),
                "JumpCloud refuses the service account in Secret sa keys id and secret (401); put a valid client id and secret there, and check the region",
            ),
            (
                &two,
                refused(),
                "JumpCloud refuses the service account in Secret ids key id with Secret secrets key secret (401); put a valid client id and secret there, and check the region",
            ),
            (
                &two,
                Finding::Organizations(Vec::new()),
                "the service account reaches no organisation; use another one",
            ),
        ] {
            assert_eq!(assess(spec, &finding, &[], at(0)).verdict.message, want);
        }
    }

    #[test]
    fn states_of_new_users_are_in_our_words_or_in_jumpclouds() {
        let state = new_user_state(Some("STAGED"), Some("PENDING\u{1b}[31m")).unwrap();
        assert_eq!(
            (state.bulk.as_deref(), state.other_sources.as_deref()),
            (Some("Staged"), Some("PENDING"))
        );
        assert_eq!(new_user_state(None, Some("ACTIVATED")).unwrap().bulk, None);
        assert_eq!(new_user_state(None, None), None);
        assert!(new_user_state(Some(&"x".repeat(500)), None).unwrap().bulk.unwrap().chars().count() <= 64);
    }

    #[test]
    fn no_credential_and_two_are_invalid() {
        let mut none = spec(None);
        none.auth.api_key = None;
        let verdict = assess(&none, &Finding::Organizations(Vec::new()), &[], at(0)).verdict;
        assert_eq!((verdict.reason, verdict.message.as_str()), (Reason::InvalidSpec, ONE_CREDENTIAL));
    }

    #[test]
    fn the_organisation_is_chosen_or_the_choice_is_asked_for() {
        let found = Finding::Organizations(vec![organization("a"), organization("b")]);
        let chosen = assess(&spec(Some("b")), &found, &[], at(0));
        assert_eq!(chosen.organization, Some(organization("b")));
        assert_eq!(assess(&spec(None), &found, &[], at(0)).verdict.reason, Reason::InvalidSpec);
        assert_eq!(assess(&spec(Some("c")), &found, &[], at(0)).verdict.reason, Reason::OrgMismatch);
        let one = Finding::Organizations(vec![organization("a")]);
        assert_eq!(assess(&spec(None), &one, &[], at(0)).verdict.message, "connected to organisation Org a");
    }
}
