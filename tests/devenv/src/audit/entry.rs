//! One request of the audit log (`audit.k8s.io/v1`, level Metadata).

use jiff::Timestamp;
use serde::Deserialize;

use crate::error::{Error, Result};

/// One request. What a request does not have (a namespace, a name) is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When it was answered, by the API server's clock.
    pub time: Timestamp,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// Who made it; a ServiceAccount is `system:serviceaccount:NAMESPACE:NAME`.
    pub user: String,
    /// The program that made it, as it calls itself.
    pub user_agent: String,
    /// The group of the resource; empty for the core group.
    pub api_group: String,
    /// The resource in the plural, such as `jumpclouduserbatches`; empty for other addresses, such as `/readyz`.
    pub resource: String,
    /// Such as `status`.
    pub subresource: String,
    /// The object's namespace.
    pub namespace: String,
    /// The object's name; empty also for a create whose name the server chose.
    pub name: String,
    /// The path and query.
    pub request_uri: String,
    /// The HTTP status; 0 where the log has none (the API server panicked).
    pub code: u16,
}

impl Entry {
    pub(super) fn parse(line: &str) -> Result<Self> {
        let Line { stage_timestamp, verb, user, user_agent, object_ref, request_uri, response_status } =
            serde_json::from_str(line).map_err(Error::AuditLine)?;
        let ObjectRef { api_group, resource, subresource, namespace, name } = object_ref;
        Ok(Self {
            time: stage_timestamp,
            verb,
            user: user.username,
            user_agent,
            api_group,
            resource,
            subresource,
            namespace,
            name,
            request_uri,
            code: response_status.code,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    stage_timestamp: Timestamp,
    verb: String,
    #[serde(default)]
    user: User,
    #[serde(default)]
    user_agent: String,
    #[serde(default)]
    object_ref: ObjectRef,
    #[serde(rename = "requestURI")]
    request_uri: String,
    #[serde(default)]
    response_status: ResponseStatus,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct User {
    username: String,
}

#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct ObjectRef {
    api_group: String,
    resource: String,
    subresource: String,
    namespace: String,
    name: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ResponseStatus {
    code: u16,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_and_an_address_without_one() {
        let entry = Entry::parse(
            r#"{"kind":"Event","level":"Metadata","stage":"ResponseComplete","requestURI":"/api/v1/namespaces/a/secrets/b",
                "verb":"get","user":{"username":"ada","groups":["g"]},"userAgent":"test","objectRef":{"resource":"secrets",
                "namespace":"a","name":"b","apiVersion":"v1"},"responseStatus":{"metadata":{},"code":404},
                "stageTimestamp":"2026-01-02T03:04:05.678901Z"}"#,
        )
        .unwrap();
        assert_eq!((entry.resource.as_str(), entry.name.as_str(), entry.code), ("secrets", "b", 404));
        assert_eq!((entry.user.as_str(), entry.api_group.as_str()), ("ada", ""));
        assert_eq!(entry.time.to_string(), "2026-01-02T03:04:05.678901Z");

        let entry = Entry::parse(
            r#"{"requestURI":"/readyz","verb":"get","user":{},"stageTimestamp":"2026-01-02T03:04:05Z"}"#,
        )
        .unwrap();
        assert_eq!((entry.resource.as_str(), entry.code), ("", 0));
    }
}
