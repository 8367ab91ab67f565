//! How worlds of schedules begin.

use jumpcloud_operator::api::schedule_status::{EventEntry, ScheduledUserStateStatus, origin};
use jumpcloud_operator::api::scheduled_user_state::{DeletionPolicy, MissedPolicy, ScheduledState};

use super::edit::Edit;
use super::{Cloud, Schedules};
use crate::clock::{MINUTE, Ms, stamp};
use crate::explore::canon::tag;
use crate::explore::kind::Kind;
use crate::explore::object::{Object, Stored};
use crate::explore::state::State;
use crate::schedules::manifest::{By, Manifest, id};

/// The date that is declared, and the other one.
pub const DATES: [Ms; 2] = [49 * MINUTE, 45 * MINUTE];

/// Until when a schedule of these dates is watched: before looks at events are due by any clock.
pub const HORIZON: Ms = 20 * MINUTE;

fn manifest(users: usize, date: Ms) -> Manifest {
    Manifest {
        users: (1..=users).map(|number| (number, By::Username)).collect(),
        batch: false,
        change: (ScheduledState::Suspended, date),
        missed: MissedPolicy::ApplyNow,
        deadline: 3 * 60 * MINUTE,
        deletion: DeletionPolicy::Cancel,
        max_users: 50,
        grace: MINUTE,
        paused: false,
        mail: false,
        spoilt: false,
    }
}

fn object(manifest: &Manifest) -> Object<Schedules> {
    let spec = manifest.check();
    let tag = tag(&spec.manifest);
    let status =
        ScheduledUserStateStatus { observed_generation: Some(-1), ..ScheduledUserStateStatus::default() };
    Object::new(spec, tag, status)
}

/// A new object of so many users.
pub fn scheduling<const USERS: usize>() -> State<Schedules> {
    State::of(object(&manifest(USERS, DATES[0])), Cloud::with(USERS))
}

/// A new object whose date is past: the change is made at once.
pub fn applying() -> State<Schedules> {
    State::of(object(&manifest(1, -5 * MINUTE)), Cloud::with(1))
}

/// An object whose events were made long ago, two users on one id. The author chooses another date, or takes a
/// user off.
pub fn scheduled() -> State<Schedules> {
    let mut cloud = Cloud::with(2);
    let mut begin = object(&manifest(2, DATES[0]));
    let job = cloud.made_before(&[1, 2], (ScheduledState::Suspended, DATES[0]), Some(begin.uid));
    begin.finalizer = true;
    begin.status = Stored::of(recorded(begin.status.status.clone(), &[(1, &job), (2, &job)], &begin));
    State::of(begin, cloud)
}

/// The same, and the author has just chosen another date.
pub fn moved() -> State<Schedules> {
    just(Edit::Date, scheduled())
}

/// The same, and the author has just taken a user off.
pub fn one_off() -> State<Schedules> {
    just(Edit::Drop, scheduled())
}

/// The same, and the object has just been deleted.
pub fn deleted() -> State<Schedules> {
    just(Edit::Delete, scheduled())
}

/// An object whose status names an event that is a stranger's: somebody has written it there. The author has
/// just chosen another date.
pub fn forged() -> State<Schedules> {
    let mut cloud = Cloud::with(2);
    let change = (ScheduledState::Suspended, DATES[0]);
    let mut begin = object(&manifest(1, DATES[0]));
    let theirs = cloud.made_before(&[2], change, None);
    begin.finalizer = true;
    begin.status = Stored::of(recorded(begin.status.status.clone(), &[(1, &theirs)], &begin));
    just(Edit::Date, State::of(begin, cloud))
}

/// Others have just done that, and no cache shows what was before.
fn just(edit: Edit, mut state: State<Schedules>) -> State<Schedules> {
    let _ = Schedules::edit(&mut state, edit);
    state.api.versions.remove(0);
    state
}

fn recorded(
    mut status: ScheduledUserStateStatus,
    events: &[(usize, &str)],
    object: &Object<Schedules>,
) -> ScheduledUserStateStatus {
    let (state, time) = object.spec.manifest.change;
    status.organization_id = Some("org".to_owned());
    status.scheduled_state = Some(state.as_str().to_owned());
    status.scheduled_time = Some(stamp(time).to_string());
    status.events = events
        .iter()
        .map(|(number, job)| EventEntry {
            id: id(*number),
            scheduled_job_id: (*job).to_owned(),
            origin: origin::CREATED.to_owned(),
            ..EventEntry::default()
        })
        .collect();
    status
}
