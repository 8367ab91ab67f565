//! What the API answers, before any fault touches it.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::route::Version;
use crate::settings::ErrorShape;

/// An answer.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Bytes,
}

/// An error in the form that the route's version uses.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ErrorStyle {
    pub(crate) version: Version,
    pub(crate) shape: ErrorShape,
}

pub(crate) const JSON: &str = "application/json; charset=utf-8";
pub(crate) const HTML: &str = "text/html; charset=utf-8";

impl Answer {
    fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, content_type: Some(content_type.to_owned()), headers: Vec::new(), body: body.into() }
    }

    pub(crate) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, JSON, body.to_string())
    }

    pub(crate) fn html(status: u16) -> Self {
        let reason = reason(status);
        let page = format!(
            "<!DOCTYPE html>\n<html><head><title>{status} {reason}</title></head>\
             <body><h1>{status} {reason}</h1></body></html>\n"
        );
        Self::new(status, HTML, page)
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::html(status).header("location", location)
    }

    /// Text is sent as text, anything else as JSON.
    pub(crate) fn of_value(status: u16, body: &Value) -> Self {
        match body {
            Value::String(text) if text.trim_start().starts_with('<') => {
                Self::new(status, HTML, text.clone())
            }
            Value::String(text) => Self::new(status, "text/plain; charset=utf-8", text.clone()),
            body => Self::json(status, body),
        }
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_owned(), value.into()));
        self
    }
}

impl ErrorStyle {
    pub(crate) fn error(self, status: u16, message: &str) -> Answer {
        let shape = match (self.shape, self.version) {
            (ErrorShape::ByVersion, Version::V1) => ErrorShape::Message,
            (ErrorShape::ByVersion, Version::V2) => ErrorShape::Status,
            (shape, _) => shape,
        };
        match shape {
            ErrorShape::ByVersion | ErrorShape::Message => Answer::json(status, &json!({"message": message})),
            ErrorShape::ErrorAndMessage => {
                Answer::json(status, &json!({"error": reason(status), "message": message}))
            }
            ErrorShape::Status => Answer::json(
                status,
                &json!({"code": status, "message": message, "status": status_word(status)}),
            ),
            ErrorShape::Nested => Answer::json(status, &json!({"error": {"message": message}})),
            ErrorShape::Html => Answer::html(status),
            ErrorShape::Plain => Answer::of_value(status, &json!(message)),
            ErrorShape::Empty => {
                Answer { status, content_type: None, headers: Vec::new(), body: Bytes::new() }
            }
        }
    }
}

pub(crate) fn reason(status: u16) -> &'static str {
    hyper::StatusCode::from_u16(status).ok().and_then(|status| status.canonical_reason()).unwrap_or("Unknown")
}

fn status_word(status: u16) -> &'static str {
    match status {
        400 => "INVALID_ARGUMENT",
        401 => "UNAUTHENTICATED",
        403 => "PERMISSION_DENIED",
        404 => "NOT_FOUND",
        409 => "ALREADY_EXISTS",
        429 => "RESOURCE_EXHAUSTED",
        501 => "UNIMPLEMENTED",
        503 => "UNAVAILABLE",
        504 => "DEADLINE_EXCEEDED",
        _ => "INTERNAL",
    }
}
