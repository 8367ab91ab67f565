//! Requests that stop at a boundary until a test lets them go on.
//!
//! A wait of a fault rule has a length; a hold has none. The test decides what happens to the client while its request
//! is held, and then lets it go on: so what happens, happens exactly before or exactly after the request was carried out.

use tokio::sync::watch;

use crate::route::Route;

/// Stops one request.
#[derive(Clone, Copy, Debug)]
pub struct Hold {
    route: Route,
    skip: u32,
    place: Place,
}

/// Where a request stops, and what becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Before,
    Lost,
    After,
}

impl Hold {
    /// The first request of that route stops before it is carried out.
    #[must_use]
    pub fn before(route: Route) -> Self {
        Self { route, skip: 0, place: Place::Before }
    }

    /// The same, and it is never carried out: its connection is reset when it is let go. The ledger does not have it.
    #[must_use]
    pub fn lost(route: Route) -> Self {
        Self { route, skip: 0, place: Place::Lost }
    }

    /// The first request of that route stops when it has been carried out, before its reply is sent.
    #[must_use]
    pub fn after(route: Route) -> Self {
        Self { route, skip: 0, place: Place::After }
    }

    /// Lets so many requests of the route through first.
    #[must_use]
    pub fn skip(self, skip: u32) -> Self {
        Self { skip, ..self }
    }
}

/// The test's end of a hold. When it is dropped, the request goes on as if there were no hold.
#[derive(Debug)]
pub struct Held {
    reached: watch::Receiver<bool>,
    go: watch::Sender<bool>,
}

impl Held {
    /// Whether the request has come and stands still.
    #[must_use]
    pub fn is_reached(&self) -> bool {
        *self.reached.borrow()
    }

    /// Lets it go on; one that comes later does not stop.
    pub fn release(&self) {
        self.go.send_replace(true);
    }
}

/// The holds whose request has not come yet.
#[derive(Debug, Default)]
pub(crate) struct Holds(Vec<(Hold, Stop)>);

/// The request's end of a hold.
#[derive(Debug)]
pub(crate) struct Stop {
    place: Place,
    reached: watch::Sender<bool>,
    go: watch::Receiver<bool>,
}

impl Holds {
    pub(crate) fn add(&mut self, hold: Hold) -> Held {
        let (reached, is_reached) = watch::channel(false);
        let (go, may_go) = watch::channel(false);
        self.0.push((hold, Stop { place: hold.place, reached, go: may_go }));
        Held { reached: is_reached, go }
    }

    /// What a request of that route that comes now has to obey.
    pub(crate) fn choose(&mut self, route: Route) -> Option<Stop> {
        let mut due = None;
        for (index, (hold, _)) in self.0.iter_mut().enumerate().filter(|(_, (hold, _))| hold.route == route) {
            match hold.skip.checked_sub(1) {
                Some(left) => hold.skip = left,
                None => due = due.or(Some(index)),
            }
        }
        due.map(|index| self.0.remove(index).1)
    }
}

impl Stop {
    /// Waits before the request is carried out; whether it is to be.
    pub(crate) async fn before(&mut self) -> bool {
        match self.place {
            Place::After => true,
            Place::Before => {
                self.stand_still().await;
                true
            }
            Place::Lost => !self.stand_still().await,
        }
    }

    /// Waits before the reply is sent.
    pub(crate) async fn after(&mut self) {
        if self.place == Place::After {
            self.stand_still().await;
        }
    }

    /// Whether the test let it go; otherwise the hold was dropped.
    async fn stand_still(&mut self) -> bool {
        self.reached.send_replace(true);
        self.go.wait_for(|go| *go).await.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_after_those_skipped_stops_once() {
        let mut holds = Holds::default();
        let _first = holds.add(Hold::before(Route::UserSearch).skip(1));
        let _second = holds.add(Hold::after(Route::UserSearch).skip(1));
        let mut stops = |route| holds.choose(route).map(|stop| stop.place);
        assert_eq!([stops(Route::UserGet), stops(Route::UserSearch)], [None, None]);
        assert_eq!(
            [stops(Route::UserSearch), stops(Route::UserSearch)],
            [Some(Place::Before), Some(Place::After)]
        );
        assert_eq!(stops(Route::UserSearch), None);
    }
}
