//! What a connection's status says, from what was found out about it.

use std::time::Duration;

use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

use super::policy::after;
use crate::api::condition::{self, Reason, Standing, Verdict};
use crate::api::connection::{JumpCloudConnectionSpec, OrganizationStatus};
use crate::users::clean;

/// How long a refused key or a missing Secret may be on its way before a person is asked for.
pub const PATIENCE: Duration = Duration::from_secs(120);

/// What was found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The operator may not talk to that origin, or it is none.
    OriginRefused(String),
    /// There is no such Secret.
    SecretMissing,
    /// The Secret has no such key, or nothing usable under it.
    KeyMissing(String),
    /// JumpCloud refused the credential.
    CredentialRefused(String),
    /// JumpCloud could not be asked.
    Unreachable(String),
    /// The organisations behind the credential.
    Organizations(Vec<OrganizationStatus>),
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
    let secret = &spec.auth.api_key.secret_key_ref;
    let bad = |verdict| Assessment { verdict, organization: None };
    match finding {
        Finding::OriginRefused(why) => bad(Verdict::new(Standing::Stalled, Reason::InvalidSpec, why)),
        Finding::SecretMissing => bad(lasting(
            Reason::SourceNotFound,
            Reason::SourceNotFound,
            format!("Secret {} not found; create it in the connection's namespace", secret.name),
            old,
            now,
        )),
        Finding::KeyMissing(why) => bad(lasting(
            Reason::SourceNotFound,
            Reason::SourceNotFound,
            format!("Secret {} key {} {why}; put the API key there", secret.name, secret.key),
            old,
            now,
        )),
        Finding::CredentialRefused(why) => bad(lasting(
            Reason::Retrying,
            Reason::CredentialsRejected,
            format!(
                "JumpCloud refuses the API key in Secret {} ({}); put a valid key there, and check the region",
                secret.name,
                clean::message(why, None)
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
        Finding::Organizations(found) => choose(spec, found),
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

fn choose(spec: &JumpCloudConnectionSpec, found: &[OrganizationStatus]) -> Assessment {
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
                        "the API key does not reach organisation {id}; correct organizationID or use a key of that organisation"
                    ),
                );
            }
        },
        (None, [only]) => only,
        (None, []) => {
            return stalled(
                Reason::OrgMismatch,
                "the API key reaches no organisation; use another key".to_owned(),
            );
        }
        (None, _) => {
            return stalled(
                Reason::InvalidSpec,
                format!("the API key reaches {} organisations; name one in organizationID", found.len()),
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
