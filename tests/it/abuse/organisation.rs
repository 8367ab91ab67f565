//! A key of another organisation in the middle of a schedule. Batches: `failures/organisation.rs`.

use jumpcloud_sim::settings::{Key, OrganisationSettings};
use jumpcloud_sim::{DEFAULT_KEY, Route, Settings};
use serde_json::json;

use crate::harness::declare::apply;
use crate::harness::manifests::secret;
use crate::harness::operator::QUICK;
use crate::harness::schedules::{Calendar, ahead, all_at, by_username, dates_of};
use crate::harness::wait::eventually;
use crate::harness::world::PATIENCE;

const OTHER: &str = "5f0c1d2e3a4b5c6d7e8f9a02";
const OTHER_KEY: &str = "key-of-another-organisation";

/// An edit while the key is another organisation's: nothing is sent there, nothing of its users is asked, and with the
/// old key the edit comes true.
#[tokio::test(flavor = "multi_thread")]
async fn case_03_a_schedule_stays_in_its_organisation() {
    let mut settings = Settings::default();
    settings.organisations.push(OrganisationSettings {
        id: OTHER.to_owned(),
        display_name: "Other".to_owned(),
        keys: vec![Key::new(OTHER_KEY)],
        ..OrganisationSettings::default()
    });
    let (calendar, _operator) = Calendar::running("abuse-org", settings, QUICK).await;
    let ids = vec![calendar.add_user("ada", "ACTIVATED")];
    let (date, later) = (ahead(7200), ahead(9000));
    let spec = json!({"users": by_username(["ada"]), "state": "Suspended", "startTime": date.to_string()});
    calendar.apply_schedule("leaver", &spec);
    calendar.comes_to("leaver", "Scheduled").await;

    let put = |key: &str| apply(&secret(&calendar.namespace, key).to_string());
    put(OTHER_KEY);
    // An edit of the connection has the key checked now.
    let faster = json!({"spec": {"limits": {"requestsPerSecond": 50}}}).to_string();
    calendar.kubectl(&["patch", "jcconn", "default", "--type=merge", "-p", &faster]);
    eventually("the other organisation to be seen", PATIENCE, async || {
        let id = calendar.kubectl(&["get", "jcconn", "default", "-o", "jsonpath={.status.organization.id}"]);
        if id == OTHER { Ok(()) } else { Err(id) }
    })
    .await;
    calendar.edit("leaver", &json!({"startTime": later.to_string()}));
    calendar.comes_to("leaver", "OrgMismatch").await;
    for request in calendar.sim.ledger().iter().filter_map(|entry| entry.request()) {
        let elsewhere = request.organisation.as_deref() == Some(OTHER);
        let check = matches!(request.route, Route::OrganizationList | Route::OrganizationGet);
        assert!(check || !elsewhere, "{request:?}");
    }
    assert_eq!(dates_of(&calendar.sim), all_at(&ids, date));
    put(DEFAULT_KEY);
    calendar.comes_to("leaver", "Scheduled").await;
    eventually("the edit to come true", PATIENCE, async || {
        let dates = dates_of(&calendar.sim);
        if dates == all_at(&ids, later) { Ok(()) } else { Err(dates) }
    })
    .await;
}
