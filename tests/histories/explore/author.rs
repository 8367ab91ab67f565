//! What the author of an object writes. Every operator hears of it.

use std::sync::Arc;

use super::kind::Kind;
use super::object::Object;
use super::state::State;

impl<K: Kind> State<K> {
    /// A write of spec or metadata.
    pub fn by_author(&mut self, change: impl FnOnce(&mut Object<K>)) {
        if let Some(live) = self.api.live() {
            let mut object = (**live).clone();
            change(&mut object);
            self.api.keep(object);
            self.notify();
        }
    }

    /// Another spec. `tag` tells specs apart.
    pub fn declare(&mut self, spec: Arc<K::Spec>, tag: u64) {
        self.by_author(|object| {
            object.spec_tag = tag;
            object.spec = spec;
            object.generation += 1;
        });
    }
}
