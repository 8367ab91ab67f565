//! Requests of the node to the API server.

use std::time::Duration;

use reqwest::{Certificate, Client, Method, StatusCode};
use serde_json::Value;
use tokio::runtime::{Builder, Runtime};

use crate::control_plane::ControlPlane;
use crate::error::{Error, Result};

/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(15);

/// How the API server is reached with all rights.
#[derive(Debug)]
pub(super) struct Access {
    pub(super) server: String,
    pub(super) ca_pem: String,
    pub(super) token: String,
}

impl Access {
    pub(super) fn of(control_plane: &ControlPlane) -> Self {
        Self {
            server: control_plane.server_url().to_owned(),
            ca_pem: control_plane.ca_pem().to_owned(),
            token: control_plane.own_token().to_owned(),
        }
    }
}

/// A client with all rights, whose requests no reader of the audit log counts.
#[derive(Debug)]
pub(super) struct Api {
    server: String,
    token: String,
    client: Client,
    runtime: Runtime,
}

impl Api {
    /// To be called, used and dropped in a thread that drives no asynchronous tasks.
    pub(super) fn of(access: Access) -> Result<Self> {
        let Access { server, ca_pem, token } = access;
        let refused = |why: reqwest::Error| Error::Refused {
            method: "connect to".to_owned(),
            path: server.clone(),
            why: why.to_string(),
        };
        let authority = Certificate::from_pem(ca_pem.as_bytes()).map_err(refused)?;
        // A proxy of the environment is not for loopback.
        let client = Client::builder().no_proxy().timeout(LIMIT).tls_certs_only([authority]).build();
        let client = client.map_err(refused)?;
        let runtime = Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|source| Error::Io { action: "start a runtime".to_owned(), source })?;
        Ok(Self { server, token, client, runtime })
    }

    pub(super) fn get(&self, path: &str) -> Result<Value> {
        self.ask(&Method::GET, path, None)
    }

    pub(super) fn post(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(&Method::POST, path, Some(body))
    }

    pub(super) fn put(&self, path: &str, body: &Value) -> Result<Value> {
        self.ask(&Method::PUT, path, Some(body))
    }

    pub(super) fn delete(&self, path: &str, options: &Value) -> Result<Value> {
        self.ask(&Method::DELETE, path, Some(options))
    }

    /// Whether a server on this machine answers well.
    pub(super) fn answers(&self, url: &str) -> bool {
        let asked = async { self.client.get(url).send().await };
        self.runtime.block_on(asked).is_ok_and(|answer| answer.status() == StatusCode::OK)
    }

    fn ask(&self, method: &Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let mut request =
            self.client.request(method.clone(), format!("{}{path}", self.server)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let refused = |why| Error::Refused { method: method.to_string(), path: path.to_owned(), why };
        self.runtime.block_on(async {
            let answer = request.send().await.map_err(|error| refused(error.to_string()))?;
            let status = answer.status();
            let body: Value = answer.json().await.map_err(|error| refused(error.to_string()))?;
            if status.is_success() {
                return Ok(body);
            }
            let message = body.get("message").and_then(Value::as_str).unwrap_or_default();
            Err(refused(format!("{status}: {message}")))
        })
    }
}
