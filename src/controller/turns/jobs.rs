//! The jobs under way of all objects, as watches and passes tell.

use std::collections::BTreeMap;

use super::Who;

/// Objects with jobs under way.
#[derive(Default)]
pub(super) struct Jobs {
    objects: BTreeMap<Who, Object>,
}

struct Object {
    /// `namespace/name` of its connection.
    connection: String,
    under_way: u32,
    version: Version,
}

/// How new a version of an object is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(u64);

impl Version {
    /// By resourceVersion. One that is no number counts as oldest, which makes the last news count.
    #[must_use]
    pub fn of(resource_version: Option<&str>) -> Self {
        Self(resource_version.and_then(|version| version.parse().ok()).unwrap_or_default())
    }
}

impl Jobs {
    /// News of an object. A watch may tell late what a pass has written over.
    pub(super) fn set(&mut self, who: &Who, connection: &str, under_way: usize, version: Version) {
        if self.objects.get(who).is_some_and(|known| version < known.version) {
            return;
        }
        let under_way = u32::try_from(under_way).unwrap_or(u32::MAX);
        if under_way == 0 {
            self.objects.remove(who);
            return;
        }
        let connection = format!("{}/{connection}", who.namespace);
        self.objects.insert(who.clone(), Object { connection, under_way, version });
    }

    pub(super) fn forget(&mut self, who: &Who) {
        self.objects.remove(who);
    }

    /// Namespace and number of jobs of each object that uses one of these connections.
    pub(super) fn of<'a>(
        &'a self,
        uses: impl Fn(&str) -> bool + 'a,
    ) -> impl Iterator<Item = (&'a str, u32)> + 'a {
        self.objects
            .iter()
            .filter(move |(_, object)| uses(&object.connection))
            .map(|(who, object)| (who.namespace.as_str(), object.under_way))
    }
}
