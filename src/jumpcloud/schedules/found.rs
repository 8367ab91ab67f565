//! What the pages of a listing say together, and whether they fit (pure).
//!
//! Guarantees: an event is found once. Pages fit when each begins with the last row of the one before and shares
//! no other with those before it: of a listing whose order is kept, only rows that came or went elsewhere while
//! it was read can make that false, and rows that `skip` led past cannot leave it true.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde_json::Value;

use super::{Listing, ListingEnd};
use crate::jumpcloud::wire::{ScheduledEvent, read_each};

/// Events in the order found, each once.
pub(super) struct Found {
    route: &'static str,
    events: Vec<ScheduledEvent>,
    /// Everything that was read, with the page that it was on first.
    seen: HashMap<ScheduledEvent, usize>,
    pages: usize,
    /// The last row of the page before, with which the next one has to begin.
    last: Option<Value>,
    moved: bool,
}

impl Found {
    pub(super) fn new(route: &'static str) -> Self {
        Self { route, events: Vec::new(), seen: HashMap::new(), pages: 0, last: None, moved: false }
    }

    /// Begins with the first page of another question.
    pub(super) fn begin(&mut self) {
        self.last = None;
    }

    /// Takes in the events of a page that were asked for.
    pub(super) fn absorb(&mut self, mut page: Vec<Value>, is_asked: impl Fn(&ScheduledEvent) -> bool) {
        self.pages += 1;
        if let Some(last) = self.last.take() {
            if page.first().is_some_and(|first| is_same(first, &last)) {
                page.remove(0);
            } else {
                self.moved = true;
            }
        }
        self.last = page.last().cloned();
        for event in read_each(self.route, page, |event| ScheduledEvent::read(&event)) {
            match self.seen.entry(event) {
                Entry::Occupied(known) => self.moved |= *known.get() != self.pages,
                Entry::Vacant(new) => {
                    if is_asked(new.key()) {
                        self.events.push(new.key().clone());
                    }
                    new.insert(self.pages);
                }
            }
        }
    }

    /// All of it, when there are no more pages.
    pub(super) fn listing(self) -> Listing {
        let end = if self.moved { ListingEnd::Moved } else { ListingEnd::Whole };
        Listing { events: self.events, end }
    }
}

/// Whether two rows are one: what else an answer says of an event may change from one to the next.
fn is_same(one: &Value, other: &Value) -> bool {
    match (ScheduledEvent::read(one), ScheduledEvent::read(other)) {
        (Some(one), Some(other)) => one == other,
        (None, None) => one == other,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn row(number: usize) -> Value {
        json!({"scheduledJobId": format!("j{number}"), "systemUserId": "u", "state": "SUSPENDED",
            "scheduledDate": "2100-01-04T08:00:00Z"})
    }

    #[test]
    fn pages_fit_or_have_moved() {
        use ListingEnd::{Moved, Whole};
        type Pages = &'static [&'static [usize]];
        let cases: [(Pages, &[usize], ListingEnd); 8] = [
            (&[&[]], &[], Whole),
            (&[&[1, 2]], &[1, 2], Whole),
            (&[&[1, 2], &[2, 3], &[3]], &[1, 2, 3], Whole),
            // A row before has gone: the page begins one too late, and a row was never seen.
            (&[&[1, 2], &[4]], &[1, 2, 4], Moved),
            (&[&[1, 2], &[]], &[1, 2], Moved),
            // A row before has come.
            (&[&[1, 2], &[1, 2, 3]], &[1, 2, 3], Moved),
            (&[&[1, 2], &[2, 1, 3]], &[1, 2, 3], Moved),
            // Said twice on one page.
            (&[&[1, 1, 2]], &[1, 2], Whole),
        ];
        for (pages, rows, end) in cases {
            let mut found = Found::new("GET /rows");
            for page in pages {
                found.absorb(page.iter().map(|number| row(*number)).collect(), |_| true);
            }
            let listing = found.listing();
            let jobs: Vec<String> = listing.events.into_iter().map(|event| event.job_id).collect();
            let expected: Vec<String> = rows.iter().map(|number| format!("j{number}")).collect();
            assert_eq!((jobs, listing.end), (expected, end), "{pages:?}");
        }
    }

    #[test]
    fn what_else_a_row_says_may_change() {
        let mut found = Found::new("GET /rows");
        let mut first = row(1);
        first["secondsLeft"] = json!(5);
        found.absorb(vec![first], |_| true);
        found.absorb(vec![row(1), row(2)], |_| true);
        assert_eq!(found.listing().end, ListingEnd::Whole);
        let odd = |text: &str| json!({"odd": text});
        for (next, end) in [("a", ListingEnd::Whole), ("b", ListingEnd::Moved)] {
            let mut found = Found::new("GET /rows");
            found.absorb(vec![odd("a")], |_| true);
            found.absorb(vec![odd(next)], |_| true);
            assert_eq!(found.listing().end, end);
        }
    }

    #[test]
    fn another_question_begins_anew() {
        let mut found = Found::new("GET /rows");
        found.absorb(vec![row(1)], |_| true);
        found.begin();
        found.absorb(vec![row(2)], |_| true);
        assert_eq!(found.listing().end, ListingEnd::Whole);
    }
}
