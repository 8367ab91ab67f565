//! What one watch tells about its objects, on its way to the watched store.

use std::collections::BTreeSet;

use kube::runtime::watcher::Event;

use super::attend::Head;

/// Whoever must know of objects before their store does.
pub trait Listener<H>: Send + 'static {
    /// An object is there, or has changed. What is not to be kept in the store is taken out.
    fn observe(&self, head: &mut H);

    /// An object is gone.
    fn forget(&self, namespace: &str, name: &str);

    /// Takes out of an object that is gone what [`Listener::observe`] would have taken out.
    fn lighten(&self, head: &mut H);
}

/// The objects of one watch. A relist tells by omission what is gone.
pub struct Intake<L> {
    listener: L,
    known: BTreeSet<Name>,
    /// Objects of the list that is being read.
    listed: BTreeSet<Name>,
}

type Name = (String, String);

impl<L> Intake<L> {
    /// Nothing was seen yet.
    #[must_use]
    pub fn new(listener: L) -> Self {
        Self { listener, known: BTreeSet::new(), listed: BTreeSet::new() }
    }

    /// Takes an event in; what the listener takes out of its head goes.
    #[must_use]
    pub fn take_in<H: Head>(&mut self, mut event: Event<H>) -> Event<H>
    where
        L: Listener<H>,
    {
        match &mut event {
            Event::Apply(head) => {
                self.listener.observe(head);
                self.known.insert(name_of(head));
            }
            Event::Delete(head) => {
                self.listener.lighten(head);
                let (namespace, name) = name_of(head);
                self.listener.forget(&namespace, &name);
                self.known.remove(&(namespace, name));
            }
            Event::Init => self.listed.clear(),
            Event::InitApply(head) => {
                self.listener.observe(head);
                self.listed.insert(name_of(head));
            }
            Event::InitDone => {
                let listed = std::mem::take(&mut self.listed);
                for (namespace, name) in self.known.difference(&listed) {
                    self.listener.forget(namespace, name);
                }
                self.known = listed;
            }
        }
        event
    }
}

fn name_of(head: &impl Head) -> Name {
    let part = |part: &Option<String>| part.clone().unwrap_or_default();
    (part(&head.meta().namespace), part(&head.meta().name))
}
