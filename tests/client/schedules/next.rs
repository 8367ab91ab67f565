//! The next events of some users, and the header that this route may refuse.

use jumpcloud_operator::jumpcloud::client::JumpCloud;
use jumpcloud_operator::jumpcloud::schedules::{EventQuery, Listing, ListingEnd};
use jumpcloud_operator::jumpcloud::wire::EventState;
use jumpcloud_sim::settings::{Key, MultiTenantKey, NextOrgHeader, ScheduleSettings};
use jumpcloud_sim::{Act, DEFAULT_KEY, DEFAULT_ORGANISATION, FaultRule, Reply, Route, Settings};
use serde_json::json;

use super::{MONDAY, TUESDAY, at, made, rig};
use crate::rig::{Rig, config, status_of};

fn with_organization(rig: &Rig) -> JumpCloud {
    let mut config = config(rig.sim.url());
    config.organization = Some(DEFAULT_ORGANISATION.to_owned());
    JumpCloud::new(config).unwrap()
}

#[tokio::test]
async fn next_events_are_asked_for_by_the_hundred_and_by_the_page() {
    let (rig, ids) = rig(250, ScheduleSettings::default()).await;
    made(&rig, &ids, "SUSPENDED", TUESDAY);
    made(&rig, &ids, "SUSPENDED", MONDAY);
    made(&rig, &ids[..120], "ACTIVATED", TUESDAY);
    let twice: Vec<_> = ids.iter().chain(&ids).cloned().collect();
    let Listing { events, end } = rig.client.next_events(&twice).await.unwrap();
    assert_eq!((events.len(), end), (370, ListingEnd::Whole));
    let suspended = events.iter().filter(|event| event.state == EventState::Suspended);
    assert!(
        suspended.clone().count() == 250 && suspended.clone().all(|event| event.date == Some(at(MONDAY)))
    );
    let asked: Vec<_> = rig.sim.requests(Route::ScheduleNext).iter().map(|one| one.ids.len()).collect();
    assert_eq!(asked, [100, 100, 100, 100, 100, 50], "200 rows are three pages that overlap");

    assert!(rig.client.next_events(&[]).await.unwrap().events.is_empty());
    let hostile = [String::new(), "a,b".to_owned(), "a b".to_owned()];
    assert!(rig.client.next_events(&hostile).await.unwrap().events.is_empty());
    assert_eq!(rig.count(Route::ScheduleNext), 6, "nobody to ask for, nothing asked");
}

#[tokio::test]
async fn next_events_are_about_who_was_asked_for() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    let row = |user: &str| json!({"scheduledJobId": "j", "systemUserId": user, "state": "SUSPENDED", "scheduledDate": MONDAY});
    let body = json!({"events_count": 2, "results": [row("a-stranger"), row(&ids[0])]});
    rig.sim.set_faults(vec![FaultRule::new(Act::Acts, Reply::Body { text: body.to_string() })]);
    let events = rig.client.next_events(&ids).await.unwrap().events;
    assert_eq!(events.iter().map(|event| &event.user_id).collect::<Vec<_>>(), [&ids[0]]);
}

#[tokio::test]
async fn next_events_do_without_a_header_that_is_refused() {
    for (next_org_header, sent) in
        [(NextOrgHeader::AsElsewhere, vec![true, true]), (NextOrgHeader::Refused, vec![true, false, false])]
    {
        let (rig, ids) = rig(150, ScheduleSettings { next_org_header, ..ScheduleSettings::default() }).await;
        made(&rig, &ids, "SUSPENDED", MONDAY);
        let client = with_organization(&rig);
        assert_eq!(client.next_events(&ids).await.unwrap().events.len(), 150);
        let headers: Vec<_> =
            rig.sim.requests(Route::ScheduleNext).iter().map(|request| request.org_id.is_some()).collect();
        assert_eq!(headers, sent, "{next_org_header:?}");
        assert_eq!(client.list_schedules(&EventQuery::default(), 5).await.unwrap().events.len(), 150);
        assert!(rig.sim.requests(Route::ScheduleList).iter().all(|request| request.org_id.is_some()));
    }
}

#[tokio::test]
async fn a_403_that_is_meant_stays_one() {
    let (rig, ids) = rig(1, ScheduleSettings::default()).await;
    rig.sim.set_faults(vec![FaultRule::status(403).on(Route::ScheduleNext)]);
    assert_eq!(status_of(&rig.client.next_events(&ids).await), Some(403));
    assert_eq!(rig.count(Route::ScheduleNext), 1, "there is no header to leave out");
    assert_eq!(status_of(&with_organization(&rig).next_events(&ids).await), Some(403));
    assert_eq!(rig.count(Route::ScheduleNext), 3);

    // The key of several organisations cannot do without the header, and is not to blame.
    let mut settings = Settings::default();
    settings.organisations[0].keys.clear();
    let organisations = vec![DEFAULT_ORGANISATION.to_owned()];
    settings.multi_tenant_keys = vec![MultiTenantKey { key: Key::new(DEFAULT_KEY), organisations }];
    settings.schedules.next_org_header = NextOrgHeader::Refused;
    let rig = Rig::with(settings).await;
    assert_eq!(status_of(&with_organization(&rig).next_events(&ids).await), Some(403));
    assert_eq!(rig.count(Route::ScheduleNext), 2);
}
