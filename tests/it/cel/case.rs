//! One object and what the API server must say to it.

use kube::Client;
use serde_json::{Value, json};

/// Which definition an object is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `JumpCloudConnection`
    Connection,
    /// `JumpCloudUserBatch`
    Batch,
    /// `ScheduledUserState`
    Schedule,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Connection, Self::Batch, Self::Schedule];

    /// The kind whose definition is so called.
    pub fn named(name: &str) -> Self {
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == name)
            .unwrap_or_else(|| panic!("{name} is a new kind: give it a base and cases here"))
    }

    /// As in `kind:`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Connection => "JumpCloudConnection",
            Self::Batch => "JumpCloudUserBatch",
            Self::Schedule => "ScheduledUserState",
        }
    }

    fn plural(self) -> &'static str {
        match self {
            Self::Connection => "jumpcloudconnections",
            Self::Batch => "jumpclouduserbatches",
            Self::Schedule => "scheduleduserstates",
        }
    }

    /// A spec that is accepted and declares nothing that it need not.
    pub fn base(self) -> Value {
        match self {
            Self::Connection => {
                json!({"auth": {"apiKey": {"secretKeyRef": {"name": "jumpcloud", "key": "api-key"}}}})
            }
            Self::Batch => json!({"users": [{"username": "ada", "email": "ada@example.com"}]}),
            Self::Schedule => json!({
                "users": [{"username": "ada"}],
                "state": "Activated",
                "startTime": "2027-01-04T09:00:00Z",
            }),
        }
    }
}

/// A service account, with one Secret for both of its parts.
pub fn service_account() -> Value {
    json!({
        "clientIDSecretKeyRef": {"name": "account", "key": "client-id"},
        "clientSecretSecretKeyRef": {"name": "account", "key": "client-secret"},
    })
}

/// An object, and whether it is refused.
#[derive(Debug, Clone)]
pub struct Case {
    /// What is tried, for people.
    pub what: String,
    /// Which definition.
    pub kind: Kind,
    /// The spec; without one the object has none.
    pub spec: Option<Value>,
    /// Texts that the refusal has, all of them; empty when the object is accepted.
    pub refusal: Vec<String>,
}

impl Case {
    /// An object that is accepted.
    pub fn accepted(what: impl Into<String>, kind: Kind, spec: Value) -> Self {
        Self { what: what.into(), kind, spec: Some(spec), refusal: Vec::new() }
    }

    /// An object that is refused with these words.
    pub fn refused(what: impl Into<String>, kind: Kind, spec: Value, words: &[&str]) -> Self {
        let refusal = words.iter().map(|word| (*word).to_owned()).collect();
        Self { refusal, ..Self::accepted(what, kind, spec) }
    }

    /// The object, of this name.
    pub fn object(&self, name: &str) -> Value {
        let mut object = json!({
            "apiVersion": "jumpcloud-operator.dev/v1alpha1",
            "kind": self.kind.name(),
            "metadata": {"name": name},
        });
        if let Some(spec) = &self.spec {
            object["spec"] = spec.clone();
        }
        object
    }

    /// Asks the API server, which keeps nothing; says what was wrong with its answer.
    pub async fn ask(&self, client: &Client, namespace: &str) -> Result<(), String> {
        let path = format!(
            "/apis/jumpcloud-operator.dev/v1alpha1/namespaces/{namespace}/{}?dryRun=All&fieldValidation=Strict",
            self.kind.plural()
        );
        let body = self.object("tried").to_string().into_bytes();
        let request = http::Request::post(path)
            .header("content-type", "application/json")
            .body(body)
            .expect("a request");
        let answer = match client.request_text(request).await {
            Ok(_) => None,
            Err(kube::Error::Api(status)) => Some(status.message),
            Err(other) => return Err(format!("{}: the API server did not answer: {other}", self.what)),
        };
        match (&answer, self.refusal.is_empty()) {
            (None, true) => Ok(()),
            (None, false) => Err(format!("{}: accepted", self.what)),
            (Some(message), true) => Err(format!("{}: refused: {message}", self.what)),
            (Some(message), false) => match self.refusal.iter().find(|word| !message.contains(*word)) {
                Some(word) => Err(format!("{}: the refusal does not say '{word}': {message}", self.what)),
                None => Ok(()),
            },
        }
    }
}
