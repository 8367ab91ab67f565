//! Waking objects for reasons that are not events of their own.

use kube::runtime::reflector::ObjectRef;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::api::head::BatchHead;

/// The ways to the controllers, one for each watched namespace.
#[derive(Default)]
pub struct Wakes {
    ways: Vec<(Option<String>, UnboundedSender<ObjectRef<BatchHead>>)>,
}

impl Wakes {
    /// Opens the way to the controller of a namespace, or of all.
    pub fn way(&mut self, namespace: Option<String>) -> UnboundedReceiver<ObjectRef<BatchHead>> {
        let (sender, receiver) = unbounded_channel();
        self.ways.push((namespace, sender));
        receiver
    }

    /// Lets a pass over an object begin soon. Several calls before it begins are one.
    pub fn wake(&self, namespace: &str, name: &str) {
        let way = self.ways.iter().find(|(of, _)| of.as_deref().is_none_or(|of| of == namespace));
        if let Some((_, way)) = way {
            // Nobody listens any more at the end of the process.
            drop(way.send(ObjectRef::new(name).within(namespace)));
        }
    }
}
