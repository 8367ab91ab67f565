//! From a fingerprint to the objects that have it, in ten bytes an entry.
//!
//! Entries lie sorted in 256 lists by the first byte of the fingerprint, which is therefore not stored.
//! Several objects may have one fingerprint. Entries of objects that are gone stay until
//! [`Table::retain`] takes them out: whoever looks knows which objects there are.

/// Objects that can be told apart: 20 bits.
pub(in crate::controller) const MOST_OBJECTS: u32 = 1 << 20;

/// The lowest bits of an entry: four flags, then the number of the object.
const FLAGS: u32 = 4;
const NUMBER: u32 = 20;

/// The rest of a fingerprint, the object's number and its flags, as a number of 80 bits.
type Entry = [u8; 10];

/// One table. Fingerprints of one kind only.
pub(in crate::controller) struct Table {
    lists: Box<[Vec<Entry>]>,
}

/// One object that has a fingerprint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::controller) struct Hit {
    /// The object's number.
    pub(in crate::controller) object: u32,
    /// Four bits, of whatever meaning.
    pub(in crate::controller) flags: u8,
}

impl Default for Table {
    fn default() -> Self {
        Self { lists: (0..=u8::MAX).map(|_| Vec::new()).collect() }
    }
}

impl Table {
    /// Adds an entry.
    pub(in crate::controller) fn insert(&mut self, fingerprint: u64, hit: Hit) {
        let entry = pack(fingerprint, hit);
        let Some(list) = self.lists.get_mut(list_of(fingerprint)) else { return };
        if list.len() == list.capacity() {
            // A list that doubles would keep room for nobody.
            list.reserve_exact((list.len() / 16).max(4));
        }
        let at = list.partition_point(|other| *other < entry);
        list.insert(at, entry);
    }

    /// Takes an entry out.
    pub(in crate::controller) fn remove(&mut self, fingerprint: u64, hit: Hit) {
        let entry = pack(fingerprint, hit);
        let Some(list) = self.lists.get_mut(list_of(fingerprint)) else { return };
        if let Ok(at) = list.binary_search(&entry) {
            list.remove(at);
            if list.capacity() > 2 * list.len() + 4 {
                list.shrink_to(list.len() + list.len() / 16);
            }
        }
    }

    /// The objects that have a fingerprint, also those that are gone.
    pub(in crate::controller) fn get(&self, fingerprint: u64) -> impl Iterator<Item = Hit> + '_ {
        let list = self.lists.get(list_of(fingerprint)).map(Vec::as_slice).unwrap_or_default();
        let first = pack(fingerprint, Hit { object: 0, flags: 0 });
        let last = pack(fingerprint, Hit { object: MOST_OBJECTS - 1, flags: (1 << FLAGS) - 1 });
        let from = list.partition_point(|entry| *entry < first);
        list.iter().skip(from).take_while(move |entry| **entry <= last).map(unpack)
    }

    /// Takes out the entries of objects that are gone.
    pub(in crate::controller) fn retain(&mut self, exists: impl Fn(u32) -> bool) {
        for list in &mut self.lists {
            list.retain(|entry| exists(unpack(entry).object));
            list.shrink_to(list.len() + list.len() / 16);
        }
    }

    /// Entries, also of objects that are gone.
    #[cfg(test)]
    pub(in crate::controller) fn len(&self) -> usize {
        self.lists.iter().map(Vec::len).sum()
    }

    /// Bytes in use, free room of the lists included.
    #[cfg(test)]
    pub(in crate::controller) fn bytes(&self) -> usize {
        let lists =
            self.lists.iter().map(|list| list.capacity() * size_of::<Entry>() + size_of::<Vec<Entry>>());
        lists.sum()
    }
}

fn list_of(fingerprint: u64) -> usize {
    (fingerprint >> 56) as usize
}

fn pack(fingerprint: u64, hit: Hit) -> Entry {
    let rest = u128::from(fingerprint & (u64::MAX >> 8));
    let number = u128::from(hit.object) << FLAGS | u128::from(hit.flags);
    let [_, _, _, _, _, _, entry @ ..] = (rest << (NUMBER + FLAGS) | number).to_be_bytes();
    entry
}

fn unpack(entry: &Entry) -> Hit {
    let [.., a, b, c] = *entry;
    let number = u32::from_be_bytes([0, a, b, c]);
    Hit { object: number >> FLAGS, flags: c & ((1 << FLAGS) - 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(table: &Table, fingerprint: u64) -> Vec<(u32, u8)> {
        table.get(fingerprint).map(|hit| (hit.object, hit.flags)).collect()
    }

    #[test]
    fn every_object_of_a_fingerprint_is_found_and_no_other() {
        let mut table = Table::default();
        for (fingerprint, object, flags) in [
            (u64::MAX, MOST_OBJECTS - 1, 15),
            (u64::MAX, 0, 0),
            (u64::MAX - 1, 7, 1),
            (0, 7, 2),
            (1 << 56, 7, 3),
        ] {
            table.insert(fingerprint, Hit { object, flags });
        }
        assert_eq!(hits(&table, u64::MAX), [(0, 0), (MOST_OBJECTS - 1, 15)]);
        assert_eq!(hits(&table, u64::MAX - 1), [(7, 1)]);
        assert_eq!(hits(&table, 0), [(7, 2)]);
        assert_eq!(hits(&table, 1 << 56), [(7, 3)]);
        assert_eq!(hits(&table, 1), []);
        table.remove(0, Hit { object: 7, flags: 1 });
        assert_eq!(hits(&table, 0), [(7, 2)], "other flags are another entry");
        table.remove(u64::MAX - 1, Hit { object: 7, flags: 1 });
        assert_eq!(hits(&table, u64::MAX - 1), []);
        table.retain(|object| object == 7);
        assert_eq!(hits(&table, u64::MAX), []);
        assert_eq!(hits(&table, 0), [(7, 2)]);
    }
}
