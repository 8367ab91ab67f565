//! From a seed to a history: what is declared, what goes wrong, and when it ends.

use std::collections::BTreeSet;

use jumpcloud_operator::api::scheduled_user_state::{DeletionPolicy, MissedPolicy, ScheduledState};
use jumpcloud_operator::plan::policy::Policy;

use super::environment::{Action, Edit, Environment, Link};
use super::invariants;
use super::jumpcloud::{JumpCloud, Past, Setting, Strangers, User};
use super::manifest::{By, Manifest};
use super::mutant::Mutant;
use super::process::Process;
use super::profile::Profile;
use super::world::{Event, World};
use crate::clock::{MINUTE, Ms, SECOND};
use crate::dice::Dice;
use crate::invariants::Violation;

/// An hour.
pub const HOUR: Ms = 60 * MINUTE;

/// A day.
pub const DAY: Ms = 24 * HOUR;

/// How long after the last fault everything must have come to its end: two requests of unknown outcome take
/// two quarantines and more each.
pub const BOUND: Ms = 90 * MINUTE;

/// A history that is over.
pub struct History {
    /// Everything that happened.
    pub world: World,
    /// What was wrong while things were going on.
    pub found: Vec<Violation>,
    /// When everything should have been at rest first.
    pub rest: Ms,
    /// The places that had an object until the end.
    pub kept: Vec<usize>,
}

/// Lives a whole history and checks it.
pub fn check(profile: &'static Profile, seed: u64, mutant: Option<Mutant>, traced: bool) -> Vec<Violation> {
    let history = live(profile, seed, mutant, traced);
    let mut found = invariants::check(&history);
    found.extend(history.found);
    found
}

fn live(profile: &'static Profile, seed: u64, mutant: Option<Mutant>, traced: bool) -> History {
    let mut dice = Dice::new(seed);
    let mut world = setting(profile, &mut dice);
    world.mutant = mutant;
    world.traced = traced;
    world.calm = dice.between(10, 60) * MINUTE;
    let calm = world.calm;
    for place in 0..profile.objects {
        let at = dice.between(0, 5) * SECOND;
        world.schedule(at, Event::Act(Action::Create(place)));
    }
    chaos(&mut world, &mut dice);
    // Nothing goes wrong any more, and everyone makes up their mind.
    world.schedule(calm, Event::Act(Action::Link(Link::Ready)));
    world.schedule(calm, Event::Act(Action::ReadOnly(false)));
    world.schedule(calm, Event::Act(Action::Await(None)));
    let mut kept = Vec::new();
    for place in 0..profile.objects {
        let later =
            |world: &mut World, by, edit| world.schedule(calm + by, Event::Act(Action::Edit(place, edit)));
        later(&mut world, 1, Edit::Spoil(false));
        world.schedule(calm, Event::Act(Action::Newer(place, false)));
        world.schedule(calm, Event::Act(Action::Resolve(place, None)));
        if profile.near {
            let start = calm + dice.between(-20, 20) * MINUTE + dice.between(0, 59) * SECOND;
            if dice.chance(500) {
                later(&mut world, 2, Edit::Start(start));
            }
        } else if world.environment.manifests[place].change.1 < calm + 3 * HOUR || dice.chance(300) {
            let start = calm + 3 * HOUR + dice.between(0, 4 * 24) * HOUR + dice.between(0, 7200) * SECOND;
            later(&mut world, 2, Edit::Start(start));
        }
        if dice.chance(if profile.switches { 800 } else { 1000 }) {
            later(&mut world, 3, Edit::Pause(false));
            later(&mut world, 4, Edit::Guard(50));
        }
        if profile.deletions && dice.chance(350) {
            let by = dice.pick(&[5, MINUTE, 5 * MINUTE, 40 * MINUTE]);
            world.schedule(calm + by, Event::Act(Action::Delete(place)));
        } else {
            world.schedule(calm + 5, Event::Act(Action::Create(place)));
            kept.push(place);
        }
    }
    if dice.chance(700) {
        world.schedule(calm + 6, Event::Act(Action::Protect(None)));
    }
    let rest = calm + BOUND;
    let mut history = History { world, found: Vec::new(), rest, kept };
    history.world.run_until(rest);
    history.world.trace(|| "everything should be at rest now".to_owned());
    history.look();
    history.world.schedule(10 * MINUTE, Event::Act(Action::Resync));
    let mut times = Vec::new();
    for place in &history.kept {
        let Some(object) = history.world.api.live(*place) else { continue };
        let start = object.spec.manifest.change.1;
        times.extend([start - 30 * MINUTE, start + object.spec.manifest.grace + HOUR]);
    }
    times.retain(|at| *at > rest);
    times.sort_unstable();
    for at in times {
        history.world.run_until(at);
        history.look();
    }
    let end = history.world.now + 2 * DAY;
    history.world.run_until(end);
    history.look();
    history
}

impl History {
    /// Everything is at rest: it is compared with the truth.
    fn look(&mut self) {
        self.world.jumpcloud.advance(self.world.now);
        let found = invariants::at_rest(self);
        self.found.extend(found);
    }
}

fn setting(profile: &'static Profile, dice: &mut Dice) -> World {
    let users = usize::try_from(dice.between(2, 6)).unwrap();
    let mut odd = |per_mille: u64| -> BTreeSet<usize> {
        (1..=users).filter(|_| profile.odd && dice.chance(per_mille)).collect()
    };
    let (poison, lost, ignored) = (odd(80), odd(80), odd(200));
    let setting = Setting {
        shared: dice.chance(600),
        cuts: dice.chance(300),
        past: dice.pick(&[
            Past::Refused,
            Past::AtOnce,
            Past::Never { listed: false },
            Past::Never { listed: true },
        ]),
        strangers: dice.pick(&[Strangers::Refused, Strangers::LeftOut, Strangers::Taken]),
        vanish: dice.chance(500),
        covers: dice.chance(300),
        moving: dice.pick(&[0, 0, 300]),
        poison,
        lost,
        delay: if profile.odd { dice.pick(&[0, 0, 30 * SECOND, 5 * MINUTE, 20 * MINUTE]) } else { 0 },
        ignored,
    };
    let mut jumpcloud = JumpCloud::new(setting);
    for number in 1..=users {
        let created = if profile.odd && dice.chance(80) { Ms::MAX } else { -DAY };
        let state = dice.pick(&["STAGED", "ACTIVATED", "SUSPENDED"]);
        jumpcloud.users.push(User { number, created, deleted: None, states: vec![(-DAY, state)] });
    }
    let mut manifests = [manifest(profile, users, dice), manifest(profile, users, dice)];
    // Rivals often want the same.
    if dice.chance(700) {
        manifests[1].change = manifests[0].change;
    }
    let mut environment = Environment::of(manifests, users, Dice::new(dice.number()));
    environment.max_jobs = dice.pick(&[1, 2, 3]);
    if dice.chance(500) {
        environment.batch.insert(1 + dice.index(users));
    }
    let mut world = World::new(profile, Dice::new(dice.number()), Policy::default(), jumpcloud, environment);
    for _ in 0..profile.processes {
        let skew = if profile.skew { dice.between(-10 * MINUTE, 10 * MINUTE) } else { 0 };
        world.processes.push(Process { skew, up: true, ..Process::default() });
    }
    if profile.odd || dice.chance(300) {
        // Events that are there already.
        for _ in 0..dice.between(0, 2) {
            let (state, at) = world.environment.manifests[0].change;
            if at > 0 {
                let number = 1 + dice.index(users);
                world.jumpcloud.by_hand(number, (state, at), 0);
                world.environment.touched.push((0, number));
            }
        }
    }
    world
}

/// Instants that authors choose from; a few only, so that they come back to earlier ones.
fn start(profile: &Profile, dice: &mut Dice) -> Ms {
    if profile.near {
        return dice.between(-10, 60) * MINUTE + dice.pick(&[0, 0, 1, 30]) * SECOND;
    }
    dice.pick(&[5 * HOUR, 30 * HOUR + 30 * SECOND, 3 * DAY, 10 * DAY + 59 * SECOND])
}

fn manifest(profile: &Profile, users: usize, dice: &mut Dice) -> Manifest {
    let mut rows: Vec<(usize, By)> = (1..=users)
        .map(|number| (number, dice.pick(&[By::Id, By::Username, By::Username, By::Email])))
        .collect();
    rows.retain(|_| dice.chance(500));
    if rows.is_empty() {
        rows.push((1, By::Username));
    }
    Manifest {
        users: rows,
        batch: dice.chance(200),
        change: (dice.pick(&[ScheduledState::Activated, ScheduledState::Suspended]), start(profile, dice)),
        missed: dice.pick(&[MissedPolicy::Fail, MissedPolicy::ApplyNow, MissedPolicy::Skip]),
        deadline: dice.pick(&[10 * MINUTE, HOUR]),
        deletion: dice.pick(&[
            DeletionPolicy::Cancel,
            DeletionPolicy::Cancel,
            DeletionPolicy::CancelAll,
            DeletionPolicy::Retain,
        ]),
        max_users: 50,
        grace: if profile.skew { 30 * MINUTE } else { dice.pick(&[MINUTE, 10 * MINUTE, 30 * MINUTE]) },
        paused: false,
        mail: dice.chance(300),
        spoilt: false,
    }
}

/// Any edit.
fn edit(profile: &Profile, dice: &mut Dice) -> Edit {
    match dice.between(0, 12) {
        0..=2 => Edit::Add,
        3..=5 => Edit::Drop,
        6 => Edit::Rename,
        7 | 8 => Edit::Start(start(profile, dice)),
        9 => Edit::State,
        10 => Edit::Deletion,
        11 => Edit::Missed,
        _ => Edit::Reorder,
    }
}

/// Edits, meddling and switches, all before the calm.
fn chaos(world: &mut World, dice: &mut Dice) {
    let end = world.calm - 1;
    let profile = world.profile;
    let mut plan = |at: Ms, action: Action| world.schedule(at, Event::Act(action));
    let place = |dice: &mut Dice| dice.index(profile.objects);
    for _ in 0..dice.between(0, profile.edits) {
        let at = dice.between(0, end);
        let place = place(dice);
        plan(at, Action::Edit(place, edit(profile, dice)));
        // People correct themselves at once.
        if dice.chance(300) {
            plan(at + dice.between(1, 20) * SECOND, Action::Edit(place, edit(profile, dice)));
        }
    }
    if profile.switches {
        for _ in 0..dice.between(0, 4) {
            let at = dice.between(0, end);
            let later = (at + dice.between(1, 900) * SECOND).min(end);
            let place = place(dice);
            match dice.between(0, 6) {
                0 | 1 => {
                    plan(at, Action::Edit(place, Edit::Pause(true)));
                    plan(later, Action::Edit(place, Edit::Pause(false)));
                }
                2 => {
                    plan(at, Action::Edit(place, Edit::Guard(dice.index(3))));
                    plan(later, Action::Edit(place, Edit::Guard(50)));
                }
                3 => {
                    plan(at, Action::Edit(place, Edit::Spoil(true)));
                    plan(later, Action::Edit(place, Edit::Spoil(false)));
                }
                4 => {
                    plan(at, Action::Protect(Some(1 + dice.index(6))));
                    plan(later, Action::Protect(None));
                }
                5 => {
                    plan(at, Action::Link(dice.pick(&[Link::Paused, Link::Missing, Link::NotReady])));
                    plan(later, Action::Link(Link::Ready));
                }
                _ => plan(at, Action::Edit(place, Edit::Pause(true))),
            }
        }
    }
    for _ in 0..dice.between(0, 4) {
        let at = dice.between(0, end);
        let place = place(dice);
        plan(at, {
            let batch = Action::Batch(1 + dice.index(2));
            dice.pick(&[Action::Touch(place), Action::RequestedAt(place), Action::RetryFailed(place), batch])
        });
    }
    for _ in 0..dice.between(0, profile.meddling) {
        let at = dice.between(0, end);
        let action = match dice.between(0, 9) {
            0..=2 => Action::DeleteEvent,
            3 | 4 => Action::MakeEvent { equal: true },
            5 => Action::MakeEvent { equal: false },
            6 if profile.odd => Action::DeleteUser,
            7 if profile.odd => Action::MakeUser,
            8 => Action::SetState,
            9 if profile.odd => Action::ShareEvent,
            _ => Action::DeleteEvent,
        };
        plan(at, action);
    }
    if profile.powers {
        for _ in 0..dice.between(0, 4) {
            let at = dice.between(0, end);
            let later = (at + dice.between(1, 600) * SECOND).min(end);
            let place = place(dice);
            let (begin, end) = match dice.between(0, 5) {
                0 | 1 => (Action::Link(Link::Other), Action::Link(Link::Ready)),
                2 => (Action::Link(Link::Checking), Action::Link(Link::Ready)),
                3 => (Action::ReadOnly(true), Action::ReadOnly(false)),
                4 => (Action::Newer(place, true), Action::Newer(place, false)),
                _ => {
                    let how = dice.pick(&["adopt", "abandon"]);
                    (Action::Resolve(place, Some(how)), Action::Resolve(place, None))
                }
            };
            plan(at, begin);
            plan(later, end);
        }
        if dice.chance(500) {
            let at = dice.between(0, end);
            plan(at, Action::Await(Some(dice.pick(&[1, 3, usize::MAX]))));
            plan((at + dice.between(1, 900) * SECOND).min(end), Action::Await(None));
        }
    }
    if profile.skew {
        for _ in 0..dice.between(0, 4) {
            let process = dice.index(profile.processes);
            plan(dice.between(0, end), Action::Clock(process, dice.between(-10 * MINUTE, 10 * MINUTE)));
        }
    }
    if profile.deletions && dice.chance(300) {
        let place = place(dice);
        let at = dice.between(0, end);
        plan(at, Action::Delete(place));
        plan(at + dice.between(1, 1200) * SECOND, Action::Create(place));
    }
    if profile.disasters {
        let place = place(dice);
        plan(dice.between(0, end), Action::LoseStatus(place));
    }
}
