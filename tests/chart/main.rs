//! `charts/`, rendered by Helm without a cluster: every value does something, contradictions are refused, permissions are
//! those of `deploy/rbac`. What an API server says to it is in `tests/it/packaging.rs`.

#[cfg(test)]
mod definitions;
#[cfg(test)]
mod helm;
#[cfg(test)]
mod notes;
#[cfg(test)]
mod openapi;
#[cfg(test)]
mod options;
#[cfg(test)]
mod permissions;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod whole;
