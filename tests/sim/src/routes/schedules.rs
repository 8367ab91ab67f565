//! The four routes of scheduled state changes.

use std::collections::BTreeMap;

use bytes::Bytes;
use rand::seq::SliceRandom;
use serde_json::{Value, json};

use super::page::{checked, number};
use super::{Context, Done};
use crate::http::answer::Answer;
use crate::ledger::{Cause, ScheduledEvent};
use crate::schedules::filter::{Dates, Filter};
use crate::schedules::read::NewSchedule;
use crate::schedules::show;
use crate::settings::{FilterEffect, NextOrgHeader};

/// The most events in one answer, and users in one question about next events.
const MOST: usize = 100;

pub(super) fn create(context: &mut Context<'_>) -> Result<Done, Answer> {
    let body = context.body()?;
    let new = NewSchedule::read(&body, &context.world.settings.schedules);
    let new = new.map_err(|message| context.error(400, &message))?;
    let organisation = context.access.organisation.clone();
    let events = context.world.accept_schedule(&organisation, &new, context.now, &Cause::Request);
    let events = events.map_err(|message| context.error(400, &message))?;
    let settings = &context.world.settings.schedules;
    let answer = Answer::json(settings.accepted_status, &shown(&events, context));
    // What is executed at once is over before the answer is read.
    context.world.settle();
    Ok(Done { job_id: events.into_iter().next().map(|event| event.job_id), ..Done::answered(answer) })
}

pub(super) fn list(context: &mut Context<'_>) -> Result<Done, Answer> {
    let limit = checked(context, number(context, "limit", 10)?, MOST)?;
    let skip = number(context, "skip", 0)?;
    let settings = context.world.settings.schedules.clone();
    let dates = Dates {
        effect: settings.filter,
        form: settings.date_form,
        offset_minutes: settings.zoneless_offset_minutes,
    };
    let asked: Vec<_> = context
        .call
        .query
        .iter()
        .filter(|(name, _)| name == "filter" || name == "userid")
        .map(|(_, value)| value.clone())
        .collect();
    let filters = context.call.query.iter().filter(|(name, _)| name == "filter");
    let filters = match settings.filter {
        FilterEffect::Ignored => Vec::new(),
        FilterEffect::Honoured | FilterEffect::AsText => {
            let filters: Result<Vec<_>, _> = filters.map(|(_, text)| Filter::read(text, dates)).collect();
            filters.map_err(|message| context.error(400, &message))?
        }
    };
    let user = context.call.parameter("userid");
    let mut events: Vec<_> = own(context)
        .filter(|event| user.is_none_or(|user| event.user_id == user))
        .filter(|event| filters.iter().all(|filter| filter.matches(event, dates)))
        .cloned()
        .collect();
    if settings.shuffle_pages {
        events.shuffle(&mut context.world.rng);
    }
    let page: Vec<_> = events.into_iter().skip(skip).take(limit).collect();
    let answer = Answer::json(200, &shown(&page, context));
    Ok(Done { asked, ..Done::answered(answer) })
}

pub(super) fn delete(context: &mut Context<'_>) -> Result<Answer, Answer> {
    let id = context.call.id.clone().unwrap_or_default();
    let organisation = context.access.organisation.clone();
    let removed = context.world.remove_schedules(context.now, &Cause::Request, |event| {
        event.organisation == organisation && event.job_id == id
    });
    if removed == 0 {
        return Err(context.error(404, "the scheduled job was not found"));
    }
    Ok(Answer { status: 204, content_type: None, headers: Vec::new(), body: Bytes::new() })
}

pub(super) fn next(context: &Context<'_>) -> Result<Answer, Answer> {
    let settings = &context.world.settings.schedules;
    if settings.next_org_header == NextOrgHeader::Refused && context.call.header("x-org-id").is_some() {
        return Err(context.error(403, "the x-org-id header is not allowed here"));
    }
    let limit = checked(context, number(context, "limit", 10)?, MOST)?;
    let skip = number(context, "skip", 0)?;
    let Some(users) = context.call.parameter("users") else {
        return Err(context.error(400, "users is required"));
    };
    let users: Vec<_> = users.split(',').filter(|id| !id.is_empty()).collect();
    if users.len() > MOST {
        return Err(context.error(400, &format!("users is limited to {MOST} items")));
    }
    // The first of each state per user; an event that is never executed is not upcoming.
    let mut next: BTreeMap<(&str, &str), &ScheduledEvent> = BTreeMap::new();
    let upcoming = context.world.schedules.iter().filter(|schedule| schedule.due.is_some());
    for event in upcoming.map(|schedule| &schedule.event) {
        if event.organisation != context.access.organisation || !users.contains(&event.user_id.as_str()) {
            continue;
        }
        let first = next.entry((&event.user_id, &event.state)).or_insert(event);
        if event.date < first.date {
            *first = event;
        }
    }
    let page: Vec<_> = next.values().skip(skip).take(limit).map(|event| (*event).clone()).collect();
    let body = json!({"events_count": next.len(), "results": shown(&page, context)});
    Ok(Answer::json(200, &body))
}

fn own<'a>(context: &'a Context<'_>) -> impl Iterator<Item = &'a ScheduledEvent> {
    let events = context.world.schedules.iter().map(|schedule| &schedule.event);
    events.filter(|event| event.organisation == context.access.organisation)
}

fn shown(events: &[ScheduledEvent], context: &Context<'_>) -> Value {
    events.iter().map(|event| show(event, context.world.settings.schedules.date_form)).collect()
}
