//! Waking objects for reasons that are not events of their own.

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::recording::Kind;

/// An object that is to be looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Woken {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// The ways to the controllers, one for each kind and watched namespace.
#[derive(Default)]
pub struct Wakes {
    ways: Vec<Way>,
}

struct Way {
    kind: Kind,
    namespace: Option<String>,
    sender: UnboundedSender<Woken>,
}

impl Wakes {
    /// Opens the way to the controller of a kind in a namespace, or in all.
    pub fn way(&mut self, kind: Kind, namespace: Option<String>) -> UnboundedReceiver<Woken> {
        let (sender, receiver) = unbounded_channel();
        self.ways.push(Way { kind, namespace, sender });
        receiver
    }

    /// Lets a pass over an object begin soon. Several calls before it begins are one.
    pub fn wake(&self, kind: Kind, namespace: &str, name: &str) {
        let leads =
            |way: &&Way| way.kind == kind && way.namespace.as_deref().is_none_or(|of| of == namespace);
        if let Some(way) = self.ways.iter().find(leads) {
            // Nobody listens any more at the end of the process.
            drop(way.sender.send(Woken { namespace: namespace.to_owned(), name: name.to_owned() }));
        }
    }
}
