use jumpcloud_sim::settings::FilterEffect;
use jumpcloud_sim::{DEFAULT_KEY, DEFAULT_ORGANISATION, FaultRule, Held, Hold, Route, Settings, Sim};
use serde_json::json;

use super::*;
use crate::jumpcloud::auth::Credential;
use crate::jumpcloud::bucket::Limits;
use crate::jumpcloud::client::ClientConfig;
use crate::jumpcloud::endpoint::Endpoint;
use crate::jumpcloud::throttle::Throttle;

const TIME: &str = "2100-01-04T08:00:00Z";

struct Place {
    sim: Sim,
    client: JumpCloud,
    users: Vec<String>,
}

impl Place {
    async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut settings = Settings::default();
        change(&mut settings);
        let sim = Sim::start(settings).await.unwrap();
        let throttle = Throttle::new(Limits::new(1000, 1000));
        let credential = Credential::ApiKey(DEFAULT_KEY.into());
        let config = ClientConfig::new(Endpoint::origin(sim.url()).unwrap(), credential, throttle);
        let user = |name: &str| {
            let user = json!({"username": name, "email": format!("{name}@example.com")});
            sim.add_user(DEFAULT_ORGANISATION, &user).unwrap()
        };
        let users = ["ada", "bob", "eve"].map(user).into();
        Self { client: JumpCloud::new(config).unwrap(), sim, users }
    }

    fn schedule(&self, user: usize, state: &str, date: &str) -> String {
        let schedule = json!({"user_ids": [self.users[user]], "state": state, "start_date": date});
        self.sim.add_schedule(DEFAULT_ORGANISATION, &schedule).unwrap().remove(0)
    }

    /// Events of others, a long time ahead of those that are wanted.
    fn crowd(&self, count: usize) -> Vec<String> {
        self.crowd_of("crowd", count)
    }

    fn crowd_of(&self, name: &str, count: usize) -> Vec<String> {
        let user = json!({"username": name, "email": format!("{name}@example.com")});
        let id = self.sim.add_user(DEFAULT_ORGANISATION, &user).unwrap();
        let schedule = json!({"user_ids": [id], "state": "ACTIVATED", "start_date": "2099-01-01T00:00:00Z"});
        let one = || self.sim.add_schedule(DEFAULT_ORGANISATION, &schedule).unwrap().remove(0);
        std::iter::repeat_with(one).take(count).collect()
    }

    async fn around(&self, users: &[usize], whole: bool) -> Around {
        let wanted = EventsWanted {
            time: TIME.parse().unwrap(),
            state: ScheduledState::Suspended,
            users: users.iter().map(|user| self.users[*user].clone()).collect(),
            whole,
        };
        around(&self.client, &wanted).await.unwrap()
    }

    fn calls(&self) -> (usize, usize) {
        (self.sim.requests(Route::ScheduleList).len(), self.sim.requests(Route::ScheduleNext).len())
    }
}

fn jobs(around: &Around) -> BTreeSet<&str> {
    around.rows.iter().map(|row| row.job_id.as_str()).collect()
}

#[tokio::test]
async fn events_of_other_times_cost_nothing_where_filters_work() {
    for filter in [FilterEffect::Honoured, FilterEffect::AsText] {
        let place = Place::new(|settings| settings.schedules.filter = filter).await;
        place.crowd(200);
        let wanted =
            [place.schedule(0, "SUSPENDED", TIME), place.schedule(1, "ACTIVATED", "2100-01-04T08:00:59.5Z")];
        place.schedule(2, "SUSPENDED", "2100-01-04T08:02:00Z");
        let around = place.around(&[0, 1, 2], false).await;
        assert!(around.whole, "{around:?}");
        assert_eq!(jobs(&around), wanted.iter().map(String::as_str).collect());
        assert_eq!(place.calls(), (1, 0), "{filter:?}");
    }
}

#[tokio::test]
async fn where_filters_are_ignored_users_are_asked_about() {
    let place = Place::new(|settings| settings.schedules.filter = FilterEffect::Ignored).await;
    place.crowd(600);
    // An earlier event hides a later one of the same state; one of the other state does not matter.
    place.schedule(0, "SUSPENDED", "2099-12-01T00:00:00Z");
    let hidden = place.schedule(0, "SUSPENDED", TIME);
    place.schedule(1, "ACTIVATED", "2099-12-01T00:00:00Z");
    let next = place.schedule(1, "SUSPENDED", TIME);
    let around = place.around(&[0, 1, 2], false).await;
    assert!(!around.whole);
    assert_eq!(around.covered, place.users.iter().cloned().collect());
    assert_eq!(jobs(&around), BTreeSet::from([hidden.as_str(), next.as_str()]));
    assert_eq!(place.calls(), (6, 1), "five pages, and one user");
}

#[tokio::test]
async fn who_may_not_ask_for_next_events_asks_for_each_user() {
    let place = Place::new(|settings| settings.schedules.filter = FilterEffect::Ignored).await;
    place.crowd(600);
    let wanted = place.schedule(0, "SUSPENDED", TIME);
    place.sim.add_fault(FaultRule::status(403).on(Route::ScheduleNext));
    let around = place.around(&[0, 1], false).await;
    assert_eq!(around.covered.len(), 2);
    assert_eq!(jobs(&around), BTreeSet::from([wanted.as_str()]));
    assert_eq!(place.calls().0, 7, "five pages, and both users");
}

#[tokio::test]
async fn before_a_deletion_many_pages_are_read_and_then_every_user() {
    let place = Place::new(|settings| settings.schedules.filter = FilterEffect::Ignored).await;
    place.crowd(600);
    let wanted = place.schedule(0, "SUSPENDED", TIME);
    let whole = place.around(&[0], true).await;
    assert!(whole.whole);
    assert_eq!(jobs(&whole), BTreeSet::from([wanted.as_str()]));
    assert_eq!(place.calls(), (7, 0));
    // More than anybody would read.
    place.crowd_of("mob", 4500);
    let some = place.around(&[0, 1], true).await;
    assert!(!some.whole, "a foreign row may be on a page that was not read");
    assert_eq!(some.covered.len(), 2);
    assert_eq!(jobs(&some), BTreeSet::from([wanted.as_str()]));
}

#[tokio::test]
async fn pages_that_move_cost_other_listings_and_then_questions() {
    let place = Place::new(|settings| {
        settings.schedules.filter = FilterEffect::Ignored;
        settings.schedules.shuffle_pages = true;
    })
    .await;
    place.crowd(250);
    let wanted = place.schedule(0, "SUSPENDED", TIME);
    let around = place.around(&[0, 1], false).await;
    assert!(!around.whole, "no listing of three shuffled pages is sure");
    assert!(around.covered.contains(&place.users[0]) && around.covered.contains(&place.users[1]));
    assert_eq!(jobs(&around), BTreeSet::from([wanted.as_str()]));
    assert_eq!(place.calls(), (9, 1), "thrice three pages");
}

/// Somebody else cancels events of the same minute, and takes rows from under the place where the next page begins.
#[tokio::test]
async fn rows_that_others_take_away_hide_none() {
    for times in [1, 2, 3] {
        let place = Place::new(|settings| settings.schedules.filter = FilterEffect::Ignored).await;
        let crowd = place.crowd(150);
        let wanted = place.schedule(0, "SUSPENDED", TIME);
        let held: Vec<Held> = (0..times)
            .map(|listing| place.sim.hold(Hold::before(Route::ScheduleList).skip(2 * listing + 1)))
            .collect();
        let others = async {
            for (held, job) in held.iter().zip(&crowd) {
                while !held.is_reached() {
                    tokio::task::yield_now().await;
                }
                place.client.delete_schedule(job).await.unwrap();
                held.release();
            }
        };
        let (around, ()) = tokio::join!(place.around(&[0, 1], false), others);
        assert_eq!(around.whole, times < 3, "{times}");
        assert!(around.whole || around.covered.len() == 2, "{around:?}");
        assert_eq!(jobs(&around), BTreeSet::from([wanted.as_str()]), "{times}");
    }
}
