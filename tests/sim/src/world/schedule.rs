//! Scheduled state changes and activation: what is accepted, what comes of it.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Refused, World, milliseconds};
use crate::clock::after;
use crate::ledger::{Cause, Mail, MailKind, MailTo, ScheduleOutcome, ScheduledEvent, What};
use crate::schedules::read::{self, NewSchedule};
use crate::schedules::{self, MailWish, Schedule};
use crate::settings::{DeletedUsers, JobIds, PastDates, UnknownUsers};
use crate::users::{Fields, text};

impl World {
    /// Adds the events of a request; neither equal nor contradicting ones are looked for.
    pub(crate) fn accept_schedule(
        &mut self,
        organisation: &str,
        new: &NewSchedule,
        now: Timestamp,
        by: &Cause,
    ) -> Result<Vec<ScheduledEvent>, String> {
        let settings = &self.settings.schedules;
        let is_past = new.date < now;
        if is_past && settings.past_dates == PastDates::Refuse {
            return Err("start_date must be in the future".to_owned());
        }
        let home = self.organisations.get(organisation).ok_or("the organization was not found")?;
        if settings.unknown_users == UnknownUsers::Refuse
            && new.users.iter().any(|id| home.users.get(id).is_none())
        {
            return Err("user_ids names a user that does not exist".to_owned());
        }
        let date = read::kept(new.date, settings.granularity);
        let due = after(date.max(now), milliseconds(settings.execution_delay_ms));
        let due = (!is_past || settings.past_dates == PastDates::ExecuteAtOnce).then_some(due);
        let ids = settings.job_ids;
        let shared = self.new_id();
        let mut events = Vec::with_capacity(new.users.len());
        for user_id in &new.users {
            let event = ScheduledEvent {
                organisation: organisation.to_owned(),
                job_id: match ids {
                    JobIds::Shared => shared.clone(),
                    JobIds::PerUser => self.new_id(),
                },
                user_id: user_id.clone(),
                state: new.state.clone(),
                date,
            };
            self.ledger.push(now, What::ScheduleAdded { event: event.clone(), by: by.clone() });
            self.schedules.add(Schedule { event: event.clone(), mail: new.mail, due });
            events.push(event);
        }
        Ok(events)
    }

    /// Adds events by hand, in the form of `POST /bulk/userstates`; gives their ids, each once.
    pub(crate) fn add_schedule(&mut self, organisation: &str, body: &Value) -> Result<Vec<String>, Refused> {
        let now = self.settle();
        let new = NewSchedule::read(body, &self.settings.schedules).map_err(Refused)?;
        let events = self.accept_schedule(organisation, &new, now, &Cause::Control).map_err(Refused)?;
        let mut ids: Vec<_> = events.into_iter().map(|event| event.job_id).collect();
        ids.dedup();
        self.settle();
        Ok(ids)
    }

    /// Takes events off the list; gives how many there were.
    pub(crate) fn remove_schedules(
        &mut self,
        at: Timestamp,
        by: &Cause,
        is_meant: impl Fn(&ScheduledEvent) -> bool,
    ) -> usize {
        let removed = self.schedules.remove(is_meant);
        let count = removed.len();
        for Schedule { event, .. } in removed {
            self.ledger.push(at, What::ScheduleRemoved { event, by: by.clone() });
        }
        count
    }

    /// What a user's deletion does to its events.
    pub(super) fn forget_schedules(&mut self, organisation: &str, user: &str, at: Timestamp, by: &Cause) {
        if self.settings.schedules.deleted_users == DeletedUsers::EventsVanish {
            self.remove_schedules(at, by, |event| {
                event.organisation == organisation && event.user_id == user
            });
        }
    }

    /// Executes an event at its time.
    pub(super) fn execute_schedule(&mut self, schedule: Schedule, at: Timestamp) {
        let Schedule { event, mail, .. } = schedule;
        let settings = &self.settings.schedules;
        let user =
            self.organisations.get(&event.organisation).and_then(|home| home.users.get(&event.user_id));
        let outcome = match user {
            None => ScheduleOutcome::NoUser,
            Some(user) if settings.lost.iter().any(|pattern| pattern.matches(user.username())) => {
                ScheduleOutcome::Lost
            }
            Some(user) if text(&user.fields, "state") == Some(&event.state) => ScheduleOutcome::AlreadyThere,
            Some(_) => ScheduleOutcome::Changed,
        };
        let mail = match mail {
            MailWish::Unsaid if settings.mail_by_default => MailWish::Usual,
            MailWish::Unsaid => MailWish::None,
            said => said,
        };
        if outcome == ScheduleOutcome::Changed {
            let by = Cause::Schedule(event.job_id.clone());
            let change = Fields::from_iter([("state".to_owned(), json!(event.state))]);
            self.change_user(&event.organisation, &event.user_id, &change, at, by.clone());
            if event.state == "ACTIVATED" {
                self.mail_activation(&event.organisation, &event.user_id, mail, at, by);
            }
        }
        self.ledger.push(at, What::ScheduleExecuted { event, outcome });
    }

    /// Records the mail that an activated user gets, by the rules that `state/activate` documents.
    pub(crate) fn mail_activation(
        &mut self,
        organisation: &str,
        user_id: &str,
        mail: MailWish,
        at: Timestamp,
        by: Cause,
    ) {
        let Some(user) = self.organisations.get(organisation).and_then(|home| home.users.get(user_id)) else {
            return;
        };
        let kind = if user.password_sha256.is_some() { MailKind::Welcome } else { MailKind::Activation };
        let to = match (mail, kind) {
            (MailWish::None, _) => return,
            (MailWish::Override, _) => MailTo::Override,
            (_, MailKind::Activation) if text(&user.fields, "alternateEmail").is_some() => MailTo::Alternate,
            _ => MailTo::Primary,
        };
        let (organisation, user_id) = (organisation.to_owned(), user_id.to_owned());
        self.ledger.push(at, What::ActivationMail(Mail { organisation, user_id, mail: kind, to, by }));
    }

    /// Every event, for tests: as answers show it, with its organisation and the user's name.
    pub(crate) fn schedules_view(&self) -> Vec<Value> {
        let shown = self.schedules.iter().map(|schedule| {
            let event = &schedule.event;
            let home = self.organisations.get(&event.organisation);
            let user = home.and_then(|home| home.users.get(&event.user_id));
            let mut shown = schedules::show(event, self.settings.schedules.date_form);
            if let Some(shown) = shown.as_object_mut() {
                shown.insert("organisation".to_owned(), json!(event.organisation));
                shown.insert("username".to_owned(), json!(user.map(crate::users::store::User::username)));
            }
            shown
        });
        shown.collect()
    }
}
