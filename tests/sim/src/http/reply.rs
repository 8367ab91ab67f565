//! What is sent of an answer, after the fault.

use std::convert::Infallible;
use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, stream};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE};
use hyper::{Response, StatusCode};

use super::answer::{Answer, ErrorStyle, HTML, JSON};
use crate::fault::Reply;

pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// What goes over the wire.
#[derive(Debug)]
pub(crate) enum Sent {
    /// The connection is closed without a byte.
    Nothing { reset: bool },
    /// An answer.
    Whole(Answer),
    /// So many bytes of an answer that claims to be whole.
    Part(Answer, usize),
    /// An answer in small pieces.
    Drip { answer: Answer, bytes: usize, every: Duration },
}

impl Sent {
    /// What becomes of `answer` (none when the request was not carried out).
    pub(crate) fn of(answer: Option<Answer>, reply: &Reply, errors: ErrorStyle) -> Self {
        let given = || answer.clone().unwrap_or_else(|| Answer::json(200, &serde_json::json!({})));
        match reply {
            Reply::AsIs => answer.map_or(Self::Nothing { reset: false }, Self::Whole),
            Reply::Dropped => Self::Nothing { reset: false },
            Reply::Reset => Self::Nothing { reset: true },
            Reply::Status { status, headers, retry_after, body } => {
                let answer = match body {
                    Some(body) => Answer::of_value(*status, body),
                    None => errors.error(*status, super::answer::reason(*status)),
                };
                let answer =
                    headers.iter().fold(answer, |answer, (name, value)| answer.header(name, value.clone()));
                Self::Whole(match retry_after {
                    Some(value) => answer.header("retry-after", value.header()),
                    None => answer,
                })
            }
            Reply::Truncated { bytes } => {
                let answer = given();
                let most = answer.body.len().saturating_sub(1);
                Self::Part(answer, (*bytes).min(most))
            }
            // A page has a body: it is no "no content".
            Reply::Html => {
                let Answer { status, headers, .. } = given();
                Self::Whole(Answer { headers, ..Answer::html(if status == 204 { 200 } else { status }) })
            }
            Reply::ContentType { value } => {
                Self::Whole(Answer { content_type: Some(value.clone()), ..given() })
            }
            Reply::Drip { bytes, every_ms } => Self::Drip {
                answer: given(),
                bytes: (*bytes).max(1),
                every: Duration::from_millis(*every_ms),
            },
            Reply::Redirect { status, location } => Self::Whole(Answer::redirect(*status, location)),
            Reply::Large { bytes } => {
                let body = format!("\"{}\"", "x".repeat(bytes.saturating_sub(2)));
                Self::Whole(Answer { body: body.into(), content_type: Some(JSON.to_owned()), ..given() })
            }
            Reply::Body { text } => Self::Whole(Answer { body: text.clone().into(), ..given() }),
        }
    }

    /// The code that the client sees; none when nothing is sent.
    pub(crate) fn status(&self) -> Option<u16> {
        match self {
            Self::Nothing { .. } => None,
            Self::Whole(answer) | Self::Part(answer, _) | Self::Drip { answer, .. } => Some(answer.status),
        }
    }

    /// The response, or none when nothing is to be sent.
    pub(crate) fn response(self) -> Option<Response<Body>> {
        Some(match self {
            Self::Nothing { .. } => return None,
            Self::Whole(answer) => {
                let body =
                    Full::new(answer.body.clone()).map_err(|never: Infallible| match never {}).boxed_unsync();
                response(&answer, body)
            }
            Self::Part(answer, bytes) => {
                let part = answer.body.slice(..bytes);
                let part = stream::iter([Ok(Frame::data(part))]);
                // The pause lets hyper send what it has before it learns that there is no more.
                let broken = stream::once(async {
                    tokio::task::yield_now().await;
                    Err(io::Error::from(io::ErrorKind::ConnectionAborted))
                });
                response(&answer, StreamBody::new(part.chain(broken)).boxed_unsync())
            }
            Self::Drip { answer, bytes, every } => {
                let drops = stream::unfold(answer.body.clone(), move |mut rest| async move {
                    if rest.is_empty() {
                        return None;
                    }
                    tokio::time::sleep(every).await;
                    let drop = rest.split_to(bytes.min(rest.len()));
                    Some((Ok(Frame::data(drop)), rest))
                });
                response(&answer, StreamBody::new(drops).boxed_unsync())
            }
        })
    }
}

fn response(answer: &Answer, body: Body) -> Response<Body> {
    let mut builder = Response::builder()
        .status(StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(CONTENT_LENGTH, answer.body.len());
    if let Some(content_type) = &answer.content_type {
        builder = builder.header(CONTENT_TYPE, content_type.as_str());
    }
    for (name, value) in &answer.headers {
        builder = builder.header(name.as_str(), value.as_str());
    }
    builder.body(body).unwrap_or_else(|_| {
        // A fault rule named a header that cannot be sent.
        let text = Full::new(Bytes::from_static(b"the fault rule has a malformed header"));
        let mut response = Response::new(text.map_err(|never: Infallible| match never {}).boxed_unsync());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(HTML));
        response
    })
}
