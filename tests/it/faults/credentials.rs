//! Point 9 of the fault plan, for both kinds: the Secret is deleted, emptied, or gets the key of another organisation
//! in the middle. Nothing is sent to the other organisation, no attempt is used up, and all is done once the key is
//! back.

use std::time::Duration;

use jumpcloud_sim::settings::{Key, OrganisationSettings};
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::extent::part_of;
use crate::harness::manifests::{connection, plain_users, secret};
use crate::harness::operator::{QUICK, but};
use crate::harness::schedules::{Calendar, ahead, all_at, assert_scheduled_true, dates_of, rows};
use crate::harness::truth::{assert_single_create, assert_true};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";
const OTHER_KEY: &str = "key-of-another-organisation";

/// What happens to the Secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    Deleted,
    Emptied,
    OtherOrganisation,
}

async fn changed(change: Change) {
    let name = format!("secret-{change:?}").to_lowercase();
    let mut settings = Settings::default();
    settings.jobs.service_time_ms = 1500;
    settings.organisations.push(OrganisationSettings {
        id: OTHER.to_owned(),
        keys: vec![Key::new(OTHER_KEY)],
        ..OrganisationSettings::default()
    });
    let calendar = Calendar::new(&name, settings).await;
    let sim = &calendar.sim;
    let ids = calendar.add_users("leaver", 3, "ACTIVATED");
    // One small job after the other, so that the batch outlasts the ten seconds that a Secret is believed.
    let mut narrow = connection(&name, "default", sim.url());
    narrow["spec"]["limits"]["maxConcurrentJobs"] = json!(1);
    apply(&narrow.to_string());
    let flags = [("--submit-timeout", "8s"), ("--unknown-quarantine", "5m")];
    let flags = flags.into_iter().fold(QUICK.to_vec(), |flags, (flag, value)| but(&flags, flag, value));
    let _operator = calendar.operator(&flags);
    calendar.connection_reason("default", "Succeeded").await;
    let (first, second) = (ahead(5 * 3600), ahead(6 * 3600));
    let schedule = |time: jiff::Timestamp| json!({"users": rows("leaver", 3), "state": "Suspended", "startTime": time.to_string()});
    calendar.apply_schedule("leavers", &schedule(first));
    calendar.comes_to("leavers", "Scheduled").await;
    let spec = json!({"batchSize": 2, "retry": {"limit": 0}, "users": plain_users("hire", 30)});
    calendar.apply_batch("hires", &spec);
    eventually("the first job", PATIENCE, async || {
        let jobs = sim.jobs().len();
        if jobs > 0 { Ok(()) } else { Err(jobs) }
    })
    .await;

    match change {
        Change::Deleted => drop(calendar.kubectl(&["delete", "secret", "jumpcloud"])),
        Change::Emptied => apply(&secret(&name, "").to_string()),
        Change::OtherOrganisation => apply(&secret(&name, OTHER_KEY).to_string()),
    }
    let (of_batch, of_schedule) = match change {
        Change::OtherOrganisation => ("OrgMismatch", "OrgMismatch"),
        Change::Deleted | Change::Emptied => ("ConnectionNotReady", "ConnectionNotReady"),
    };
    calendar.reason("hires", of_batch).await;
    let sent = || sim.requests(Route::BulkCreate).len();
    let before = (sent(), sim.requests(Route::ScheduleCreate).len());
    assert!(before.0 < 15, "the batch was over before the Secret changed");
    // The connection is known to be bad by now: an edit is not acted upon.
    calendar.apply_schedule("leavers", &schedule(second));
    calendar.comes_to("leavers", of_schedule).await;
    sim.quiet_for(Duration::from_secs(2), PATIENCE).await.ok();
    assert_eq!(
        (sent(), sim.requests(Route::ScheduleCreate).len()),
        before,
        "{name}: sent without a credential"
    );
    for request in sim.ledger().iter().filter_map(jumpcloud_sim::ledger::Entry::request) {
        let harmless = !request.route.is_mutating() && request.route != Route::UserSearch;
        assert!(harmless || request.organisation.as_deref() != Some(OTHER), "{name}: {request:?}");
    }

    sim.update_settings(|settings| settings.jobs.service_time_ms = 0);
    apply(&secret(&name, DEFAULT_KEY).to_string());
    let status = calendar.reason("hires", "Succeeded").await;
    assert_eq!(status.progress.as_deref(), Some("30/30"));
    assert_eq!(status.organization_id.as_deref(), Some(DEFAULT_ORGANISATION));
    assert!(status.failures.is_empty(), "{name}: {:?}", status.failures);
    assert_true(sim, &status);
    assert_single_create(sim, |_| false);
    let status = calendar.comes_to("leavers", "Scheduled").await;
    assert_scheduled_true(sim, &status);
    assert_eq!(dates_of(sim), all_at(&ids, second));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_changes_in_the_middle() {
    let all = part_of(vec![Change::Deleted, Change::Emptied, Change::OtherOrganisation], 3);
    futures::future::join_all(all.into_iter().map(changed)).await;
}
