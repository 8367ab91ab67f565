//! The listing, and deletion.

use std::collections::BTreeSet;

use jumpcloud_operator::jumpcloud::schedules::{EventQuery, ListingEnd};
use jumpcloud_operator::jumpcloud::users::Deletion;
use jumpcloud_operator::jumpcloud::wire::EventState;
use jumpcloud_sim::settings::{FilterEffect, JobIds, ScheduleSettings};
use jumpcloud_sim::{Act, FaultRule, Hold, Reply, Route};
use serde_json::json;

use super::{MONDAY, TUESDAY, at, made, rig};
use crate::rig::{status_of, until};

#[tokio::test]
async fn a_listing_reads_as_many_pages_as_it_may() {
    for (users, pages, end) in [
        (0, 1, ListingEnd::Whole),
        (99, 1, ListingEnd::Whole),
        (100, 2, ListingEnd::Whole),
        (250, 3, ListingEnd::Whole),
        // Pages share a row.
        (297, 3, ListingEnd::Whole),
        (298, 3, ListingEnd::Cut),
    ] {
        let (rig, ids) = rig(users, ScheduleSettings::default()).await;
        if users > 0 {
            made(&rig, &ids, "SUSPENDED", MONDAY);
        }
        let listing = rig.client.list_schedules(&EventQuery::default(), 3).await.unwrap();
        assert_eq!((listing.events.len(), listing.end), (users, end));
        assert_eq!(rig.count(Route::ScheduleList), pages, "{users} events");
    }
}

#[tokio::test]
async fn a_listing_answers_its_question_whether_filters_are_heeded_or_not() {
    for (filter, pages) in
        [(FilterEffect::Honoured, 1), (FilterEffect::AsText, 1), (FilterEffect::Ignored, 3)]
    {
        let (rig, ids) = rig(250, ScheduleSettings { filter, ..ScheduleSettings::default() }).await;
        made(&rig, &ids[..240], "SUSPENDED", MONDAY);
        made(&rig, &ids[238..], "SUSPENDED", TUESDAY);
        let mut query = EventQuery { date: Some(at(TUESDAY)), ..EventQuery::default() };
        let listing = rig.client.list_schedules(&query, 5).await.unwrap();
        assert_eq!((listing.events.len(), listing.end), (12, ListingEnd::Whole), "{filter:?}");
        assert_eq!(rig.count(Route::ScheduleList), pages, "{filter:?}");
        query.user = Some(ids[239].clone());
        let both = rig.client.list_schedules(&query, 5).await.unwrap().events;
        assert_eq!((both.len(), &both[0].user_id, both[0].date), (1, &ids[239], Some(at(TUESDAY))));
        let asked = rig.sim.requests(Route::ScheduleList).pop().unwrap().asked;
        assert_eq!(asked, [ids[239].clone(), "scheduledDate:eq:2100-01-05T08:00:00.000Z".to_owned()]);
        let filters = vec!["state:eq:ACTIVATED".to_owned()];
        let raw = EventQuery { filters, ..EventQuery::default() };
        let found = rig.client.list_schedules(&raw, 5).await.unwrap().events.len();
        assert_eq!(
            found,
            if filter == FilterEffect::Ignored { 252 } else { 0 },
            "raw filters are not checked"
        );
    }
}

#[tokio::test]
async fn events_that_move_between_pages_are_each_there_once_and_that_is_said() {
    let (rig, ids) = rig(250, ScheduleSettings { shuffle_pages: true, ..ScheduleSettings::default() }).await;
    made(&rig, &ids, "SUSPENDED", MONDAY);
    let listing = rig.client.list_schedules(&EventQuery::default(), 5).await.unwrap();
    let users: BTreeSet<_> = listing.events.iter().map(|event| &event.user_id).collect();
    assert_eq!((users.len(), listing.end), (listing.events.len(), ListingEnd::Moved));
    // Also when those that moved were not asked for.
    let query = EventQuery { date: Some(at(TUESDAY)), ..EventQuery::default() };
    rig.sim.update_settings(|settings| settings.schedules.filter = FilterEffect::Ignored);
    let listing = rig.client.list_schedules(&query, 5).await.unwrap();
    assert_eq!((listing.events.len(), listing.end), (0, ListingEnd::Moved));
}

/// Whoever cancels events of the same date takes rows from under `skip`.
#[tokio::test]
async fn events_that_go_while_a_listing_is_read_hide_no_others_in_silence() {
    for (gone, end) in [(0, ListingEnd::Moved), (99, ListingEnd::Moved), (150, ListingEnd::Whole)] {
        let (rig, ids) = rig(250, ScheduleSettings::default()).await;
        let jobs: Vec<String> = ids
            .iter()
            .map(|id| made(&rig, std::slice::from_ref(id), "SUSPENDED", MONDAY).remove(0))
            .collect();
        let listing = async {
            let held = rig.sim.hold(Hold::before(Route::ScheduleList).skip(1));
            let query = EventQuery::default();
            let read = rig.client.list_schedules(&query, 5);
            let meanwhile = async {
                until(async || held.is_reached().then_some(())).await;
                rig.client.delete_schedule(&jobs[gone]).await.unwrap();
                held.release();
            };
            tokio::join!(read, meanwhile).0.unwrap()
        }
        .await;
        assert_eq!((listing.end, rig.count(Route::ScheduleList)), (end, 3), "without event {gone}");
        let next = rig.client.list_schedules(&EventQuery::default(), 5).await.unwrap();
        assert_eq!((next.events.len(), next.end), (249, ListingEnd::Whole));
    }
}

#[tokio::test]
async fn next_events_that_go_meanwhile_hide_no_others_in_silence() {
    let (rig, ids) = rig(100, ScheduleSettings::default()).await;
    let jobs = made(&rig, &ids[..1], "SUSPENDED", MONDAY);
    made(&rig, &ids[1..], "SUSPENDED", MONDAY);
    made(&rig, &ids, "ACTIVATED", TUESDAY);
    let held = rig.sim.hold(Hold::before(Route::ScheduleNext).skip(1));
    let read = rig.client.next_events(&ids);
    let meanwhile = async {
        until(async || held.is_reached().then_some(())).await;
        rig.client.delete_schedule(&jobs[0]).await.unwrap();
        held.release();
    };
    assert_eq!(tokio::join!(read, meanwhile).0.unwrap().end, ListingEnd::Moved);
    let next = rig.client.next_events(&ids).await.unwrap();
    assert_eq!((next.events.len(), next.end), (199, ListingEnd::Whole));
}

#[tokio::test]
async fn odd_events_are_read_as_far_as_they_can_be() {
    let (rig, _) = rig(0, ScheduleSettings::default()).await;
    let rows = json!([
        {"scheduledJobId": "j1", "systemUserId": "u1", "state": "ARCHIVED", "scheduledDate": MONDAY},
        {"scheduledJobId": "j2", "systemUserId": "u2", "state": "SUSPENDED", "scheduledDate": "soon"},
        {"scheduledJobId": "j3", "systemUserId": "u3", "state": "SUSPENDED", "scheduledDate": TUESDAY},
        {"systemUserId": "u4"}, 7,
    ]);
    let answer = Reply::Body { text: rows.to_string() };
    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, answer)]);
    let query = EventQuery { date: Some(at(MONDAY)), ..EventQuery::default() };
    let events = rig.client.list_schedules(&query, 1).await.unwrap().events;
    assert_eq!(events.len(), 2, "a date that cannot be read may be the one: {events:?}");
    assert_eq!(events[0].state, EventState::Other("ARCHIVED".to_owned()));
    assert_eq!((events[1].job_id.as_str(), events[1].date), ("j2", None));
}

#[tokio::test]
async fn deletion_is_of_an_id_and_can_be_repeated() {
    for (job_ids, left) in [(JobIds::Shared, 0), (JobIds::PerUser, 2)] {
        let (rig, ids) = rig(3, ScheduleSettings { job_ids, ..ScheduleSettings::default() }).await;
        let job = made(&rig, &ids, "SUSPENDED", MONDAY).remove(0);
        assert_eq!(rig.client.delete_schedule(&job).await.unwrap(), Deletion::Deleted);
        assert_eq!(rig.client.delete_schedule(&job).await.unwrap(), Deletion::AlreadyGone);
        assert_eq!(rig.sim.schedules().len(), left);
    }
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    let job = made(&rig, &ids, "SUSPENDED", MONDAY).remove(0);
    for hostile in ["..", ".", "", "a\\b"] {
        assert!(rig.client.delete_schedule(hostile).await.unwrap_err().is_not_sent(), "{hostile:?}");
    }
    assert_eq!(rig.client.delete_schedule(&format!("x/../{job}")).await.unwrap(), Deletion::AlreadyGone);
    assert_eq!(rig.sim.schedules().len(), 1);
    // A reply that is lost is not a reason to go on by itself: the planner counts what is tried again.
    rig.sim.set_faults(vec![FaultRule::status(502).acting().times(1)]);
    let before = rig.count(Route::ScheduleDelete);
    assert_eq!(status_of(&rig.client.delete_schedule(&job).await), Some(502));
    assert_eq!(rig.count(Route::ScheduleDelete) - before, 1);
    assert_eq!(rig.client.delete_schedule(&job).await.unwrap(), Deletion::AlreadyGone);
}

#[tokio::test]
async fn a_web_page_is_no_deletion() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    let job = made(&rig, &ids, "SUSPENDED", MONDAY).remove(0);
    // A proxy that answers 200 by itself.
    rig.sim.set_faults(vec![FaultRule::new(Act::Refuses, Reply::Html).times(1)]);
    let error = rig.client.delete_schedule(&job).await.unwrap_err();
    assert!(!error.is_not_found() && !error.is_not_sent(), "{error:?}");
    assert_eq!(rig.sim.schedules().len(), 1);
    assert_eq!(rig.client.delete_schedule(&job).await.unwrap(), Deletion::Deleted);
}

#[tokio::test]
async fn reads_are_repeated_and_unreadable_answers_are_not() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    made(&rig, &ids, "SUSPENDED", MONDAY);
    for rule in [FaultRule::status(503), FaultRule::refuse(), FaultRule::drop_reply()] {
        rig.sim.set_faults(vec![rule.clone().times(2)]);
        assert_eq!(rig.client.list_schedules(&EventQuery::default(), 1).await.unwrap().events.len(), 1);
        rig.sim.set_faults(vec![rule.times(2)]);
        assert_eq!(rig.client.next_events(&ids).await.unwrap().events.len(), 1);
    }
    assert_eq!((rig.count(Route::ScheduleList), rig.count(Route::ScheduleNext)), (9, 9));
    for text in ["{}", "7", "null", r#"{"results":{}}"#] {
        rig.sim.set_faults(vec![FaultRule::new(Act::Refuses, Reply::Body { text: text.to_owned() })]);
        for error in [
            rig.client.list_schedules(&EventQuery::default(), 1).await.unwrap_err(),
            rig.client.next_events(&ids).await.unwrap_err(),
        ] {
            assert_eq!(error.category(), "unreadable", "{text}");
        }
    }
}
