//! From a seed to a history: what is declared, what goes wrong, and when it ends.

use jumpcloud_operator::plan::policy::{Policy, Writes};

use crate::clock::{MINUTE, Ms, SECOND, span};
use crate::dice::Dice;
use crate::environment::{Action, Edit, Environment, Link};
use crate::invariants::{self, Violation};
use crate::manifest::{Flaw, Manifest, Row};
use crate::mutant::Mutant;
use crate::process::Process;
use crate::profile::Profile;
use crate::world::{Crash, World};

/// How long after the last fault, and the end of all jobs begun before, everything must be at rest.
pub const BOUND: Ms = 60 * MINUTE;

/// How far late edits are apart: far enough for everything to come to its end.
const LATE: Ms = 8 * MINUTE;

/// How long nothing may happen after that.
pub const SILENCE: Ms = 12 * 60 * MINUTE;

/// What the counters said when everything should have been at rest.
#[derive(Debug, Clone, Copy)]
pub struct AtRest {
    /// Status writes so far.
    pub writes: u64,
    /// Calls of JumpCloud so far.
    pub calls: u64,
}

/// A history that is over.
pub struct History {
    /// Everything that happened.
    pub world: World,
    /// The counters at the end of the bound; the silence followed.
    pub at_rest: AtRest,
    /// When annotation retry-failed was set last, if after the last fault.
    pub retried: bool,
}

/// Lives a whole history and checks it.
pub fn check(profile: &'static Profile, seed: u64, mutant: Option<Mutant>, traced: bool) -> Vec<Violation> {
    invariants::check(&live(profile, seed, mutant, traced, &[]))
}

/// Lives a whole history, with crashes at these effects besides all that the profile has.
pub fn live(
    profile: &'static Profile,
    seed: u64,
    mutant: Option<Mutant>,
    traced: bool,
    crashes: &[(u64, Crash)],
) -> History {
    let mut dice = Dice::new(seed);
    let mut world = setting(profile, &mut dice);
    world.crashes = crashes.to_vec();
    world.mutant = mutant;
    world.traced = traced;
    world.calm = dice.between(2, 8) * MINUTE;
    let manifest = world.environment.manifest.clone();
    world.api.create(&manifest, 0);
    world.notify();
    chaos(&mut world, &mut dice);
    let (retried, mended) = (dice.chance(500), dice.chance(700));
    let calm = world.calm;
    world.plan_action(calm, Action::Link(Link::Ready));
    world.plan_action(calm + 1, Action::Pause(false));
    world.plan_action(calm + 2, Action::Edit(Edit::Spoil(false)));
    world.plan_action(calm + 3, Action::Resolve(None));
    world.plan_action(calm + 4, Action::ReadOnly(false));
    world.plan_action(calm, Action::Newer(false));
    for number in 1..=profile.late {
        world.plan_action(calm + number * LATE, Action::Edit(dice.pick(&FIELD_EDITS)));
    }
    // Jobs that never end hold everything up for as long as they may.
    let ended = calm + Ms::from(manifest.job_timeout) * SECOND;
    if mended {
        world.plan_action(ended + 10 * MINUTE, Action::Edit(Edit::Mend));
    }
    if retried {
        world.plan_action(ended + 25 * MINUTE, Action::RetryFailed);
    }
    let rest = ended + BOUND;
    world.run_until(rest);
    let at_rest = AtRest { writes: world.api.status_writes, calls: world.ledger.calls };
    world.trace(|| "everything should be at rest now".to_owned());
    world.plan_action(rest + MINUTE, Action::RestartAll);
    for hour in 1..12 {
        world.plan_action(rest + hour * 60 * MINUTE, Action::Resync);
    }
    world.run_until(rest + SILENCE);
    History { world, at_rest, retried }
}

fn setting(profile: &'static Profile, dice: &mut Dice) -> World {
    let users = usize::try_from(dice.between(1, profile.users)).unwrap();
    let names: Vec<Row> = (1..=users).map(|number| Row::new(number, Flaw::None)).collect();
    let rows = (1..=users)
        .map(|number| {
            let flaw = match dice.between(0, 29) {
                0 | 1 => Flaw::Invalid,
                2 => Flaw::Poison,
                3..=6 if profile.poison => Flaw::Poison,
                _ => Flaw::None,
            };
            Row::new(number, flaw).with_fields(dice, &names)
        })
        .collect();
    let job_timeout = if profile.skew { dice.between(30 * 60, 40 * 60) } else { dice.between(120, 300) };
    let manifest = Manifest {
        rows,
        paused: false,
        batch_size: if profile.poison { dice.pick(&[4, 8, 12]) } else { dice.pick(&[1, 2, 3]) },
        retry_limit: dice.pick(&[0, 1, 2, 3]),
        job_timeout: u32::try_from(job_timeout).unwrap(),
    };
    let poll_min = dice.between(1, 5) * SECOND;
    let policy = Policy {
        submit_timeout: span(5 * SECOND),
        quarantine: span(30 * SECOND),
        poll_min: span(poll_min),
        poll_max: span(dice.between(10, 60) * SECOND),
        writes: Writes::Allowed,
        ..Policy::default()
    };
    let environment = Environment::of(manifest, dice.pick(&[1, 2, 3]), Dice::new(dice.number()));
    let mut world = World::new(profile, Dice::new(dice.number()), policy, environment);
    for _ in 0..profile.processes {
        let skew = if profile.skew { dice.between(-10 * MINUTE, 10 * MINUTE) } else { 0 };
        world.processes.push(Process { skew, up: true, ..Process::default() });
    }
    if profile.skew {
        world.jumpcloud.skew = dice.between(-4 * MINUTE, 4 * MINUTE);
    }
    if dice.chance(600) {
        world.jumpcloud.by_others("boss", "boss@example.com", -90 * MINUTE, -90 * MINUTE);
    }
    if dice.chance(profile.per_mille.oddity) {
        world.jumpcloud.stubborn = Some(dice.pick(&["state", "alternateEmail", "recoveryEmail"]));
    }
    for row in world.environment.manifest.rows.clone() {
        if dice.chance(80) {
            let (username, email) = dice.pick(&[(true, true), (true, false), (false, true)]);
            let name = if username { row.username } else { format!("earlier-{}", row.username) };
            let address = if email { row.email } else { format!("earlier-{}", row.email) };
            world.jumpcloud.by_others(&name, &address, -dice.between(1, 90) * MINUTE, -90 * MINUTE);
        }
    }
    world
}

/// Edits of fields alone.
const FIELD_EDITS: [Edit; 6] = [
    Edit::ChangeRow,
    Edit::DeclareField,
    Edit::DeclareField,
    Edit::LeaveField,
    Edit::ClearField,
    Edit::Revert,
];

/// Any edit.
fn edit(dice: &mut Dice) -> Edit {
    dice.pick(&[
        Edit::AddRow,
        Edit::ChangeRow,
        Edit::ChangeRow,
        Edit::DeclareField,
        Edit::DeclareField,
        Edit::DeclareField,
        Edit::DeclareField,
        Edit::LeaveField,
        Edit::ClearField,
        Edit::ClearField,
        Edit::ChangeEmail,
        Edit::Revert,
        Edit::Revert,
        Edit::DropRow,
        Edit::ReturnRow,
        Edit::ReturnRow,
        Edit::Rename,
        Edit::Reorder,
        Edit::Resize,
        Edit::Mend,
    ])
}

/// Edits, meddling and switches, all before the calm.
fn chaos(world: &mut World, dice: &mut Dice) {
    let end = world.calm - 1;
    let profile = world.profile;
    for _ in 0..dice.between(0, profile.edits) {
        let at = if profile.fields { dice.between(MINUTE, end) } else { dice.between(0, end) };
        let later = at + dice.between(1, 90) * SECOND;
        let action = match dice.between(0, 19) {
            _ if profile.fields => Action::Edit(dice.pick(&FIELD_EDITS)),
            0..=11 => Action::Edit(edit(dice)),
            12 => Action::RequestedAt,
            13 => Action::RetryFailed,
            14 => {
                world.plan_action(later, Action::Pause(false));
                Action::Pause(true)
            }
            15 => {
                world.plan_action(later, Action::Edit(Edit::Spoil(false)));
                Action::Edit(Edit::Spoil(true))
            }
            16 => {
                world.plan_action(later, Action::Resolve(None));
                Action::Resolve(Some(dice.pick(&["adopt", "abandon"])))
            }
            17 => {
                if dice.chance(500) {
                    world.plan_action(later, Action::Protect(false));
                }
                Action::Protect(true)
            }
            18 => {
                world.plan_action(later, Action::ReadOnly(false));
                Action::ReadOnly(true)
            }
            _ => {
                let link =
                    dice.pick(&[Link::Paused, Link::Missing, Link::NotReady, Link::Checking, Link::Other]);
                world.plan_action(later, Action::Link(Link::Ready));
                Action::Link(link)
            }
        };
        world.plan_action(at, action);
    }
    for _ in 0..dice.between(0, 6) {
        let at = dice.between(0, end);
        world.plan_action(at, Action::Touch);
    }
    for _ in 0..dice.between(0, profile.meddling) {
        let at = dice.between(0, end.min(5 * MINUTE));
        let action = match dice.between(0, 7) {
            4 | 5 => Action::OthersEdit,
            6 | 7 => Action::OthersState,
            0 => Action::OthersDelete,
            1 => Action::OthersCreate { username: true, email: true },
            2 => Action::OthersCreate { username: true, email: false },
            _ => Action::OthersCreate { username: false, email: true },
        };
        world.plan_action(at, action);
    }
    if profile.newer {
        for _ in 0..dice.between(1, 3) {
            let at = dice.between(0, end);
            world.plan_action(at, Action::Newer(true));
            world.plan_action((at + dice.between(1, 200) * SECOND).min(end), Action::Newer(false));
        }
    }
    if profile.skew {
        for _ in 0..dice.between(0, 4) {
            let process = dice.index(profile.processes);
            let ahead = dice.between(-10 * MINUTE, 10 * MINUTE);
            world.plan_action(dice.between(0, end), Action::Clock(process, ahead));
        }
    }
    if profile.disasters {
        let at = dice.between(0, end);
        if dice.chance(500) {
            world.plan_action(at, Action::LoseStatus);
        } else {
            world.plan_action(at, Action::Delete);
            world.plan_action(at + dice.between(1, 20_000), Action::Recreate);
        }
    }
}
