//! A watch, passed on event by event.

use std::pin::pin;
use std::time::Instant;

use bytes::{Bytes, BytesMut};
use futures::stream;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::mpsc;

use crate::book::About;
use crate::fault::{EventFault, Fault};
use crate::serve::{Body, Closed, Shared, lock};
use crate::status;
use crate::target::{Target, Which};

/// What a test tells the watches that are open.
#[derive(Clone, Debug)]
pub(crate) enum Order {
    /// The connection is closed.
    Cut(Which),
    /// Nothing comes any more, and the connection stays open.
    Freeze(Which),
}

/// The client's end of a watch.
struct Line {
    target: Target,
    shared: Shared,
    to: mpsc::Sender<Result<Frame<Bytes>, Closed>>,
    kept: Option<Kept>,
}

/// Events that are kept back, to be merged.
struct Kept {
    until: Instant,
    /// Each with the object that it is about; none for a bookmark.
    lines: Vec<(Option<Target>, Bytes)>,
}

/// Why no more is to be read from the API server.
enum End {
    /// As the API server ends a watch.
    InOrder,
    Cut,
    Frozen,
}

/// The body of a watch for the client. `is_silent`: it has no events.
pub(crate) fn body(target: Target, shared: Shared, upstream: reqwest::Body, is_silent: bool) -> Body {
    let (to, mut from) = mpsc::channel(1);
    let orders = shared.orders.subscribe();
    let line = Line { target, shared, to, kept: None };
    tokio::spawn(line.run(upstream, orders, is_silent));
    StreamBody::new(stream::poll_fn(move |task| from.poll_recv(task))).boxed_unsync()
}

impl Line {
    async fn run(mut self, upstream: reqwest::Body, mut orders: broadcast::Receiver<Order>, is_silent: bool) {
        let end = if is_silent { End::Frozen } else { self.pass_on(upstream, &mut orders).await };
        match end {
            End::InOrder => {}
            End::Cut => self.cut().await,
            End::Frozen => loop {
                tokio::select! {
                    () = self.to.closed() => break,
                    order = orders.recv() => match order {
                        Ok(order) if matches!(self.obey(&order), Some(End::Cut)) => break self.cut().await,
                        Err(broadcast::error::RecvError::Closed) => break,
                        _ => {}
                    },
                }
            },
        }
    }

    async fn cut(&self) {
        // An error means that the client has left by itself.
        drop(self.to.send(Err(Closed)).await);
    }

    async fn pass_on(&mut self, upstream: reqwest::Body, orders: &mut broadcast::Receiver<Order>) -> End {
        let mut upstream = pin!(upstream);
        let mut read = BytesMut::new();
        loop {
            let until = self.kept.as_ref().map(|kept| kept.until);
            tokio::select! {
                () = self.to.closed() => return End::InOrder,
                () = time_of(until) => if let Some(end) = self.send_kept().await {
                    return end;
                },
                order = orders.recv() => match order {
                    Ok(order) => if let Some(end) = self.obey(&order) {
                        return end;
                    },
                    Err(broadcast::error::RecvError::Lagged(_)) => {}
                    Err(broadcast::error::RecvError::Closed) => return End::Cut,
                },
                frame = upstream.frame() => {
                    let Some(frame) = frame else { return End::InOrder };
                    let Ok(frame) = frame else { return End::Cut };
                    read.extend_from_slice(&frame.into_data().unwrap_or_default());
                    while let Some(end) = read.iter().position(|byte| *byte == b'\n') {
                        let line = read.split_to(end + 1).freeze();
                        if let Some(end) = self.event(line).await {
                            return end;
                        }
                    }
                }
            }
        }
    }

    /// What an order comes to here.
    fn obey(&self, order: &Order) -> Option<End> {
        let (which, end, fault) = match order {
            Order::Cut(which) => (which, End::Cut, EventFault::Cut),
            Order::Freeze(which) => (which, End::Frozen, EventFault::Freeze),
        };
        which.is_about(&self.target, b"").then(|| {
            let label = Fault::Event(fault).label();
            lock(&self.shared.log).push(self.target.clone(), None, Some(label));
            end
        })
    }

    /// Passes one event on, as the rules say; gives the end of the watch if it is one.
    async fn event(&mut self, line: Bytes) -> Option<End> {
        let object = self.object(&line);
        if let Some(kept) = &mut self.kept {
            let about = object.map(|(target, _)| target);
            kept.lines.retain(|(earlier, _)| about.is_none() || *earlier != about);
            kept.lines.push((about, line));
            return None;
        }
        match self.fault(object.clone(), &line) {
            None => self.send(line).await,
            Some(EventFault::Merge(time)) => {
                let lines = vec![(object.map(|(target, _)| target), line)];
                self.kept = Some(Kept { until: Instant::now() + time, lines });
                None
            }
            Some(EventFault::Delay(time)) => {
                tokio::time::sleep(time).await;
                self.send(line).await
            }
            Some(EventFault::Repeat) => match self.send(line.clone()).await {
                None => self.send(line).await,
                end => end,
            },
            Some(EventFault::Drop) => None,
            Some(EventFault::Cut) => Some(End::Cut),
            Some(EventFault::Freeze) => Some(End::Frozen),
            Some(EventFault::Gone) => {
                let gone = json!({"type": "ERROR", "object": status::body(410, None)});
                self.send(format!("{gone}\n").into()).await;
                Some(End::InOrder)
            }
        }
    }

    /// What was kept back comes, of each object the last.
    async fn send_kept(&mut self) -> Option<End> {
        for (_, line) in self.kept.take().into_iter().flat_map(|kept| kept.lines) {
            if let Some(end) = self.send(line).await {
                return Some(end);
            }
        }
        None
    }

    async fn send(&self, line: Bytes) -> Option<End> {
        self.to.send(Ok(Frame::data(line))).await.err().map(|_| End::InOrder)
    }

    /// The object that an event is about, and the event's type; nothing for a bookmark.
    fn object(&self, line: &Bytes) -> Option<(Target, String)> {
        let event: Value = serde_json::from_slice(line).ok()?;
        let kind = event.get("type").and_then(Value::as_str).unwrap_or_default();
        if !matches!(kind, "ADDED" | "MODIFIED" | "DELETED") {
            return None;
        }
        let word = |key: &str| {
            let word = event.pointer("/object/metadata").and_then(|metadata| metadata.get(key));
            word.and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let target = Target { namespace: word("namespace"), name: word("name"), ..self.target.clone() };
        Some((target, kind.to_owned()))
    }

    fn fault(&self, object: Option<(Target, String)>, line: &Bytes) -> Option<EventFault> {
        let (target, kind) = object?;
        let rule = lock(&self.shared.book).choose(About::Event, &target, line, Instant::now())?;
        let Fault::Event(fault) = rule.fault else { return None };
        lock(&self.shared.log).push(target, Some(kind), Some(rule.label()));
        Some(fault)
    }
}

/// Waits for that time; for ever without one.
async fn time_of(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time.into()).await,
        None => std::future::pending().await,
    }
}
