//! Events around an instant, with as few calls as their number allows.
//!
//! Guarantees: an event within a minute of the instant is in the answer, if the answer is whole or covers its
//! user. Filters, which JumpCloud may ignore, and pages, which may move, cost calls and no correctness.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::api::scheduled_user_state::ScheduledState;
use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::schedules::{EventQuery, Listing, ListingEnd};
use crate::jumpcloud::wire::{EventState, ScheduledEvent, schedule_date};
use crate::plan::policy::{after, before};
use crate::plan::schedule::facts::{EventsWanted, Listed};

/// How far from the instant an event may be: JumpCloud may cut seconds off.
const NEAR: Duration = Duration::from_secs(60);

/// Most pages of a listing that is to tell about some users: beyond, these are asked about by themselves.
const FEW_PAGES: usize = 5;

/// Most pages of a listing that is to tell of every event.
const MANY_PAGES: usize = 50;

/// How often a listing is read whose pages move: events of the same date are made and cancelled by many passes at a
/// time.
const LISTINGS: usize = 3;

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Around {
    /// Events around the instant, each once.
    pub rows: Vec<Listed>,
    /// Whether these are all, whoever's they are.
    pub whole: bool,
    /// Users of whom these are all, when they are not all.
    pub covered: BTreeSet<String>,
}

/// Lists events around an instant.
///
/// # Errors
/// The client's.
pub async fn around(client: &JumpCloud, wanted: &EventsWanted) -> Result<Around, Error> {
    let window = Window::of(wanted.time);
    let pages = if wanted.whole { MANY_PAGES } else { FEW_PAGES };
    let query = EventQuery { filters: window.filters(), ..EventQuery::default() };
    let listing = window.read(client, &query, pages).await?;
    let mut around = Around { whole: listing.end == ListingEnd::Whole, ..Around::default() };
    window.add_events(&listing.events, &mut around);
    if around.whole {
        return Ok(around);
    }
    let next = if wanted.whole { None } else { next_events(client, &wanted.users).await? };
    for user in &wanted.users {
        let next: Option<Vec<&ScheduledEvent>> =
            next.as_ref().map(|next| next.iter().filter(|event| event.user_id == *user).collect());
        match next.filter(|next| !window.may_hide(next, wanted.state)) {
            Some(next) => {
                window.add_events(next, &mut around);
                around.covered.insert(user.clone());
            }
            None => window.add_user(client, user, &mut around).await?,
        }
    }
    Ok(around)
}

/// The next events of users; `None` where they cannot be told: events came and went, or JumpCloud does not let this
/// key ask, which says nothing of the key: the route may not take the name of an organisation, and some keys are
/// refused without one.
async fn next_events(client: &JumpCloud, users: &[String]) -> Result<Option<Vec<ScheduledEvent>>, Error> {
    match client.next_events(users).await {
        Ok(next) => Ok((next.end == ListingEnd::Whole).then_some(next.events)),
        Err(error) if error.status() == Some(403) => Ok(None),
        Err(error) => Err(error),
    }
}

struct Window {
    from: Timestamp,
    to: Timestamp,
}

impl Window {
    fn of(time: Timestamp) -> Self {
        Self { from: before(time, NEAR), to: after(time, NEAR) }
    }

    fn filters(&self) -> Vec<String> {
        vec![
            format!("scheduledDate:ge:{}", schedule_date(self.from)),
            format!("scheduledDate:le:{}", schedule_date(self.to)),
        ]
    }

    /// A date that cannot be read may be any.
    fn holds(&self, event: &ScheduledEvent) -> bool {
        event.date.is_none_or(|date| self.from <= date && date <= self.to)
    }

    /// Whether the next event of that state hides a later one: it comes before those that are wanted, or
    /// nobody can tell.
    fn may_hide(&self, next: &[&ScheduledEvent], state: ScheduledState) -> bool {
        next.iter().any(|event| {
            let other = state_of(&event.state).is_some_and(|other| other != state);
            !other && event.date.is_none_or(|date| date < self.from)
        })
    }

    fn add_events<'e>(&self, events: impl IntoIterator<Item = &'e ScheduledEvent>, around: &mut Around) {
        for event in events.into_iter().filter(|event| self.holds(event)) {
            let row = Listed {
                job_id: event.job_id.clone(),
                user_id: event.user_id.clone(),
                state: state_of(&event.state),
                time: event.date,
            };
            if !around.rows.contains(&row) {
                around.rows.push(row);
            }
        }
    }

    /// Reads a listing, and again while its pages move. One that is whole is all that counts, since those before it
    /// may show what has gone meanwhile; else everything that any of them showed is in the answer.
    async fn read(&self, client: &JumpCloud, query: &EventQuery, pages: usize) -> Result<Listing, Error> {
        let mut listing = client.list_schedules(query, pages).await?;
        for _ in 1..LISTINGS {
            if listing.end != ListingEnd::Moved {
                break;
            }
            let mut next = client.list_schedules(query, pages).await?;
            if next.end != ListingEnd::Whole {
                next.events.append(&mut listing.events);
            }
            listing = next;
        }
        Ok(listing)
    }

    /// Every event of one user around the instant; the user is covered if they could be read.
    async fn add_user(&self, client: &JumpCloud, user: &str, around: &mut Around) -> Result<(), Error> {
        let query =
            EventQuery { user: Some(user.to_owned()), filters: self.filters(), ..EventQuery::default() };
        let listing = self.read(client, &query, FEW_PAGES).await?;
        self.add_events(&listing.events, around);
        if listing.end == ListingEnd::Whole {
            around.covered.insert(user.to_owned());
        }
        Ok(())
    }
}

fn state_of(state: &EventState) -> Option<ScheduledState> {
    match state {
        EventState::Activated => Some(ScheduledState::Activated),
        EventState::Suspended => Some(ScheduledState::Suspended),
        EventState::Other(_) => None,
    }
}

#[cfg(test)]
mod tests;
