//! When a listing goes on, and where (pure).
//!
//! JumpCloud pages by `skip` and `limit`. No route promises a total: V1 sends `totalCount`, bulk results
//! send nothing, so a short page is the end. Rows of a running job may move between pages.

/// Items per page: the documented maximum of every route (V1 answers 400 above it).
pub(crate) const PAGE: usize = 100;

/// Progress through one listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Paging {
    skip: usize,
    pages_left: usize,
}

impl Paging {
    /// At the beginning. `max_pages` ends a listing that a broken server would never end.
    pub(crate) const fn new(max_pages: usize) -> Self {
        Self { skip: 0, pages_left: max_pages }
    }

    /// The value of `skip` for the next page.
    pub(crate) const fn skip(self) -> usize {
        self.skip
    }

    /// Whether this is the first page.
    pub(crate) const fn is_first(self) -> bool {
        self.skip == 0
    }

    /// The next page after one of `received` items; `total` when the answer said it. `None` at the end.
    ///
    /// A total that is known decides, so that a full last page costs no empty further one; an empty page
    /// ends a listing whose total is wrong.
    pub(crate) fn next(self, received: usize, total: Option<usize>) -> Option<Self> {
        self.after(received, 0, total)
    }

    /// As [`Self::next`], but the next page begins with the last item of this one: when it does not, items have
    /// come or gone in between, and `skip` led past some.
    pub(crate) fn next_overlapping(self, received: usize, total: Option<usize>) -> Option<Self> {
        self.after(received, 1, total)
    }

    fn after(self, received: usize, overlap: usize, total: Option<usize>) -> Option<Self> {
        let end = self.skip + received;
        let pages_left = self.pages_left.checked_sub(1)?;
        let more = match total {
            Some(total) => received > overlap && end < total,
            None => received >= PAGE,
        };
        (more && pages_left > 0).then(|| Self { skip: end - overlap, pages_left })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_follows_when_more_is_to_come() {
        let first = Paging::new(10);
        for (received, total, next_skip) in [
            (100, None, Some(100)),
            (99, None, None),
            (0, None, None),
            (100, Some(100), None),
            (100, Some(101), Some(100)),
            (40, Some(101), Some(40)),
            (0, Some(101), None),
        ] {
            let next = first.next(received, total);
            assert_eq!(next.map(Paging::skip), next_skip, "{received} of {total:?}");
        }
    }

    #[test]
    fn overlapping_pages_share_an_item() {
        let second = Paging { skip: 99, pages_left: 9 };
        for (page, received, total, next_skip) in [
            (Paging::new(10), 100, None, Some(99)),
            (Paging::new(10), 99, None, None),
            (Paging::new(10), 100, Some(100), None),
            (Paging::new(10), 0, Some(100), None),
            (second, 100, None, Some(198)),
            (second, 1, None, None),
            (second, 100, Some(200), Some(198)),
            (second, 100, Some(199), None),
            // The total is wrong, or what was to come has gone.
            (second, 1, Some(200), None),
        ] {
            let next = page.next_overlapping(received, total);
            assert_eq!(next.map(Paging::skip), next_skip, "{page:?}: {received} of {total:?}");
        }
    }

    #[test]
    fn an_endless_listing_ends() {
        let mut paging = Paging::new(3);
        let mut pages = 1;
        while let Some(next) = paging.next(PAGE, None) {
            paging = next;
            pages += 1;
        }
        assert_eq!((pages, paging.skip()), (3, 200));
    }
}
