//! The routes, by method and path.

use hyper::Method;
use serde::{Deserialize, Serialize};

/// A route of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Route {
    /// `POST /api/v2/bulk/users`
    BulkCreate,
    /// `PATCH /api/v2/bulk/users`
    BulkUpdate,
    /// `GET /api/v2/bulk/users/{job_id}/results`
    BulkResults,
    /// `POST /api/v2/bulk/userstates`
    ScheduleCreate,
    /// `GET /api/v2/bulk/userstates`
    ScheduleList,
    /// `DELETE /api/v2/bulk/userstates/{id}`
    ScheduleDelete,
    /// `GET /api/v2/bulk/userstates/eventlist/next`
    ScheduleNext,
    /// `POST /api/search/systemusers`
    UserSearch,
    /// `GET /api/systemusers`
    UserList,
    /// `POST /api/systemusers`
    UserCreate,
    /// `GET /api/systemusers/{id}`
    UserGet,
    /// `PUT /api/systemusers/{id}`
    UserUpdate,
    /// `DELETE /api/systemusers/{id}`
    UserDelete,
    /// `POST /api/systemusers/{id}/state/activate`
    UserActivate,
    /// `GET /api/organizations`
    OrganizationList,
    /// `GET /api/organizations/{id}`
    OrganizationGet,
    /// `POST /oauth2/token`, of another host at JumpCloud.
    Token,
    /// Anything else: 404.
    Unknown,
}

/// The version of the API that a route belongs to; they differ in their error bodies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

impl Route {
    /// The route of a request and the id in its path.
    pub(crate) fn of(method: &Method, path: &str) -> (Self, Option<String>) {
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (route, id) = match (method.as_str(), parts.as_slice()) {
            ("POST", ["api", "v2", "bulk", "users"]) => (Self::BulkCreate, None),
            ("PATCH", ["api", "v2", "bulk", "users"]) => (Self::BulkUpdate, None),
            ("GET", ["api", "v2", "bulk", "users", id, "results"]) => (Self::BulkResults, Some(*id)),
            ("POST", ["api", "v2", "bulk", "userstates"]) => (Self::ScheduleCreate, None),
            ("GET", ["api", "v2", "bulk", "userstates"]) => (Self::ScheduleList, None),
            ("DELETE", ["api", "v2", "bulk", "userstates", id]) => (Self::ScheduleDelete, Some(*id)),
            ("GET", ["api", "v2", "bulk", "userstates", "eventlist", "next"]) => (Self::ScheduleNext, None),
            ("POST", ["api", "search", "systemusers"]) => (Self::UserSearch, None),
            ("GET", ["api", "systemusers"]) => (Self::UserList, None),
            ("POST", ["api", "systemusers"]) => (Self::UserCreate, None),
            ("GET", ["api", "systemusers", id]) => (Self::UserGet, Some(*id)),
            ("PUT", ["api", "systemusers", id]) => (Self::UserUpdate, Some(*id)),
            ("DELETE", ["api", "systemusers", id]) => (Self::UserDelete, Some(*id)),
            ("POST", ["api", "systemusers", id, "state", "activate"]) => (Self::UserActivate, Some(*id)),
            ("GET", ["api", "organizations"]) => (Self::OrganizationList, None),
            ("GET", ["api", "organizations", id]) => (Self::OrganizationGet, Some(*id)),
            ("POST", ["oauth2", "token"]) => (Self::Token, None),
            _ => (Self::Unknown, None),
        };
        (route, id.map(str::to_owned))
    }

    pub(crate) fn version(self) -> Version {
        match self {
            Self::BulkCreate
            | Self::BulkUpdate
            | Self::BulkResults
            | Self::ScheduleCreate
            | Self::ScheduleList
            | Self::ScheduleDelete
            | Self::ScheduleNext => Version::V2,
            _ => Version::V1,
        }
    }

    /// Whether the route can change anything.
    #[must_use]
    pub fn is_mutating(self) -> bool {
        matches!(
            self,
            Self::BulkCreate
                | Self::BulkUpdate
                | Self::ScheduleCreate
                | Self::ScheduleDelete
                | Self::UserCreate
                | Self::UserUpdate
                | Self::UserDelete
                | Self::UserActivate
        )
    }
}
