//! Scheduled state changes: made, listed, deleted, and the next of some users; and activation at once.
//!
//! Guarantees:
//! - [`JumpCloud::schedule_states`] makes one HTTP request, as the bulk requests do: JumpCloud schedules an
//!   equal event once more without a word, so it is never repeated once a byte was sent.
//! - Dates are sent in UTC with `Z`. They are read with or without zone and milliseconds.
//! - An event of an answer appears once, and only if it is about what was asked, whatever JumpCloud makes
//!   of its filters.
//!
//! Assumptions: the listing has no order that is promised, and events come and go while it is read, so rows may
//! move between its pages and past them; each page begins with the last row of the one before, and
//! [`Listing::end`] says when it did not. Events that were executed are in no listing.

mod delivery;
mod found;
mod request;

use std::collections::HashSet;

use reqwest::Method;
use tokio::time::Instant;

pub use delivery::ScheduleDelivery;
use found::Found;
pub use request::{ActivationMail, EventQuery, ScheduleRequest, StateChange};

use crate::jumpcloud::client::JumpCloud;
use crate::jumpcloud::endpoint::Version;
use crate::jumpcloud::error::Error;
use crate::jumpcloud::paginate::{PAGE, Paging};
use crate::jumpcloud::retry::Effect;
use crate::jumpcloud::throttle::Permit;
use crate::jumpcloud::transport::{Call, Expect, OrgHeader};
use crate::jumpcloud::users::{Deletion, is_id};
use crate::jumpcloud::wire::{Page, ScheduledEvent, schedule_date};

/// The most users in one question about next events, by the documents, and a careful size for a request that
/// schedules, about which they are silent.
pub const MAX_USERS: usize = PAGE;

/// The most pages of next events of [`MAX_USERS`] users, of whom each has two at most.
const MAX_NEXT_PAGES: usize = 10;

/// What a listing of events found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The events, each once, in the order in which they came.
    pub events: Vec<ScheduledEvent>,
    /// Whether these are all.
    pub end: ListingEnd,
}

/// Whether a listing holds all events that were asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListingEnd {
    /// It does, as far as can be told.
    Whole,
    /// The pages were read to the end, but rows moved between them: others may have been missed.
    Moved,
    /// There are more pages than were to be read.
    Cut,
}

impl JumpCloud {
    /// `POST /bulk/userstates`: schedules a state change of some users. Not idempotent; see
    /// [`ScheduleDelivery`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use jumpcloud_operator::jumpcloud::schedules::{ScheduleDelivery, ScheduleRequest, StateChange};
    ///
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &json!({"username": "ada", "email": "ada@example.com"}))?;
    /// let date = "2100-01-04T08:00:00Z".parse()?;
    /// let request = ScheduleRequest { users: vec![id], change: StateChange::Suspend, date };
    /// let permit = client.reserve().await?;
    /// let deadline = clock::monotonic() + Duration::from_secs(20);
    /// match client.schedule_states(permit, &request, deadline).await {
    ///     // The id is needed to delete the event.
    ///     ScheduleDelivery::Accepted(events) => assert!(!events[0].job_id.is_empty()),
    ///     ScheduleDelivery::Refused(refusal) => panic!("may be sent again when the cause is gone: {refusal:?}"),
    ///     ScheduleDelivery::Rejected { status, .. } => panic!("the request is at fault: {status}"),
    ///     ScheduleDelivery::Unknown(outcome) => panic!("list the events before anything else: {outcome:?}"),
    /// }
    /// sim.advance(Duration::from_secs(200 * 366 * 24 * 3600));
    /// assert_eq!(sim.user("ada").unwrap()["state"], "SUSPENDED");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn schedule_states(
        &self,
        permit: Permit,
        request: &ScheduleRequest,
        deadline: Instant,
    ) -> ScheduleDelivery {
        let route = "POST /bulk/userstates";
        let url = self.at(Version::V2, &["bulk", "userstates"]);
        let call = url.map(|url| Call::new(route, Effect::Once, Method::POST, url).json(request.body()));
        delivery::delivery(self.once(permit, call, deadline).await, request, route)
    }

    /// `GET /bulk/userstates`: the events that were not executed yet, at most `max_pages` pages of 100.
    ///
    /// # Errors
    /// When a page cannot be read; see [`Error`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use jumpcloud_operator::jumpcloud::schedules::{EventQuery, ListingEnd};
    ///
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &json!({"username": "ada", "email": "ada@example.com"}))?;
    /// for date in ["2100-01-04T08:00:00Z", "2100-01-05T08:00:00Z"] {
    ///     let schedule = json!({"user_ids": [id], "state": "SUSPENDED", "start_date": date});
    ///     sim.add_schedule(DEFAULT_ORGANISATION, &schedule)?;
    /// }
    /// let monday = Some("2100-01-04T08:00:00Z".parse()?);
    /// let query = EventQuery { date: monday, ..EventQuery::default() };
    /// let listing = client.list_schedules(&query, 5).await?;
    /// assert_eq!((listing.events.len(), listing.end), (1, ListingEnd::Whole));
    /// assert_eq!(listing.events[0].date, monday);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list_schedules(&self, query: &EventQuery, max_pages: usize) -> Result<Listing, Error> {
        let url = self.at(Version::V2, &["bulk", "userstates"])?;
        let mut call = Call::new("GET /bulk/userstates", Effect::Read, Method::GET, url);
        if let Some(user) = &query.user {
            call = call.query("userid", user);
        }
        let date = query.date.map(|date| format!("scheduledDate:eq:{}", schedule_date(date)));
        for filter in date.iter().chain(&query.filters) {
            call = call.query("filter", filter);
        }
        let mut found = Found::new(call.route);
        let mut paging = Paging::new(usize::MAX);
        for _ in 0..max_pages {
            let page = self.page(&call, paging).await?;
            let next = paging.next_overlapping(page.items.len(), page.total);
            found.absorb(page.items, |event| query.asks_for(event));
            match next {
                Some(next) => paging = next,
                None => return Ok(found.listing()),
            }
        }
        Ok(Listing { end: ListingEnd::Cut, ..found.listing() })
    }

    /// `DELETE /bulk/userstates/{id}`: cancels the events with this id, perhaps those of many users.
    ///
    /// # Errors
    /// See [`Error`]; that there are no such events (any more) is none.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &json!({"username": "ada", "email": "ada@example.com"}))?;
    /// let schedule = json!({"user_ids": [id], "state": "SUSPENDED", "start_date": "2100-01-04T08:00:00Z"});
    /// let jobs = sim.add_schedule(DEFAULT_ORGANISATION, &schedule)?;
    /// assert_eq!(client.delete_schedule(&jobs[0]).await?, Deletion::Deleted);
    /// assert_eq!(client.delete_schedule(&jobs[0]).await?, Deletion::AlreadyGone);
    /// assert!(sim.schedules().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn delete_schedule(&self, id: &str) -> Result<Deletion, Error> {
        let url = self.at(Version::V2, &["bulk", "userstates", id])?;
        let mut call = Call::new("DELETE /bulk/userstates/{id}", Effect::Set, Method::DELETE, url);
        call.expect = Expect::NoPage;
        match self.call(&call).await {
            Ok(_) => Ok(Deletion::Deleted),
            Err(error) if error.is_not_found() => Ok(Deletion::AlreadyGone),
            Err(error) => Err(error),
        }
    }

    /// `GET /bulk/userstates/eventlist/next`: the next activation and the next suspension of each user, as
    /// far as they have any. Users that can be no ids are not asked for; more than [`MAX_USERS`] cost more
    /// than one question.
    ///
    /// This is the one route whose documents do not name `x-org-id`, and JumpCloud answers 403 to a header
    /// that a route does not take. A 403 is therefore asked again once without it; an administrator of
    /// several organisations then gets 401, and the 403 is given back, which here says nothing of the key.
    ///
    /// What it gives back is [`ListingEnd::Whole`] or [`ListingEnd::Moved`].
    ///
    /// # Errors
    /// When a page cannot be read; see [`Error`].
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &json!({"username": "ada", "email": "ada@example.com"}))?;
    /// for date in ["2100-01-05T08:00:00Z", "2100-01-04T08:00:00Z"] {
    ///     let schedule = json!({"user_ids": [id], "state": "SUSPENDED", "start_date": date});
    ///     sim.add_schedule(DEFAULT_ORGANISATION, &schedule)?;
    /// }
    /// let next = client.next_events(&[id]).await?.events;
    /// assert_eq!(next.len(), 1);
    /// assert_eq!(next[0].date, Some("2100-01-04T08:00:00Z".parse()?));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn next_events(&self, users: &[String]) -> Result<Listing, Error> {
        let mut seen = HashSet::new();
        let users: Vec<_> =
            users.iter().map(String::as_str).filter(|user| is_id(user) && seen.insert(*user)).collect();
        let url = self.at(Version::V2, &["bulk", "userstates", "eventlist", "next"])?;
        let mut call = Call::new("GET /bulk/userstates/eventlist/next", Effect::Read, Method::GET, url);
        let mut found = Found::new(call.route);
        for some in users.chunks(MAX_USERS) {
            found.begin();
            let mut paging = Some(Paging::new(MAX_NEXT_PAGES));
            while let Some(current) = paging {
                let page = self.next_page(&mut call, some, current).await?;
                paging = current.next_overlapping(page.items.len(), page.total);
                found.absorb(page.items, |event| some.contains(&event.user_id.as_str()));
            }
        }
        Ok(found.listing())
    }

    /// `POST /systemusers/{id}/state/activate`: activates a staged user at once, and decides about mail.
    /// Whether users in other states are activated is not known.
    ///
    /// # Errors
    /// [`Error::is_not_found`] when there is no such user. A failure with [`Error::is_not_sent`] `false` may
    /// have acted; a second time may send a second mail.
    ///
    /// ```
    #[doc = include_str!("example.txt")]
    /// use jumpcloud_operator::jumpcloud::schedules::ActivationMail;
    ///
    /// let ada = json!({"username": "ada", "email": "ada@example.com", "state": "STAGED"});
    /// let id = sim.add_user(DEFAULT_ORGANISATION, &ada)?;
    /// client.activate_user(&id, &ActivationMail::To("hr@example.com".to_owned())).await?;
    /// assert_eq!(sim.user("ada").unwrap()["state"], "ACTIVATED");
    /// # Ok(())
    /// # }
    /// ```
    pub async fn activate_user(&self, id: &str, mail: &ActivationMail) -> Result<(), Error> {
        let url = self.at(Version::V1, &["systemusers", id, "state", "activate"])?;
        let route = "POST /systemusers/{id}/state/activate";
        let mut call = Call::new(route, Effect::Set, Method::POST, url).json(mail.body().to_string());
        // The answer is documented as empty.
        call.expect = Expect::NoPage;
        self.call(&call).await.map(|_| ())
    }

    /// A page of next events. What `call` learns about the organisation's header holds for later pages.
    async fn next_page(&self, call: &mut Call, users: &[&str], paging: Paging) -> Result<Page, Error> {
        let asked = call.clone().query("users", &users.join(","));
        let refused = match self.page(&asked, paging).await {
            Err(error)
                if error.status() == Some(403)
                    && call.organization == OrgHeader::Sent
                    && self.names_organization() =>
            {
                error
            }
            answer => return answer,
        };
        let bare = Call { organization: OrgHeader::LeftOut, ..asked };
        match self.page(&bare, paging).await {
            Ok(page) => {
                call.organization = OrgHeader::LeftOut;
                Ok(page)
            }
            Err(error) if error.is_credentials() => Err(refused),
            Err(error) => Err(error),
        }
    }
}
