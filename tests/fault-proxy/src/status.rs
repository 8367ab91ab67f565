//! Answers in the API server's own form.

use serde_json::{Value, json};

/// A `Status` object for that code.
pub(crate) fn body(code: u16, retry_after: Option<u32>) -> Value {
    json!({
        "kind": "Status",
        "apiVersion": "v1",
        "metadata": {},
        "status": "Failure",
        "message": format!("a fault rule of the test answers {code}"),
        "reason": reason(code),
        "details": {"retryAfterSeconds": retry_after.unwrap_or_default()},
        "code": code,
    })
}

/// What kube-apiserver calls it; clients decide by it.
fn reason(code: u16) -> &'static str {
    match code {
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "NotFound",
        409 => "Conflict",
        410 => "Expired",
        422 => "Invalid",
        429 => "TooManyRequests",
        500 => "InternalError",
        503 => "ServiceUnavailable",
        504 => "Timeout",
        _ => "",
    }
}
