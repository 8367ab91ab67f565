//! Kinds of histories: what goes wrong in them, and how often.

/// One kind.
#[derive(Debug)]
pub struct Profile {
    /// Its name, also for replaying.
    pub name: &'static str,
    /// Operator processes that all believe they lead.
    pub processes: usize,
    /// Objects.
    pub objects: usize,
    /// Of a thousand requests or moments, so many meet with it.
    pub per_mille: Rates,
    /// Most edits by the author.
    pub edits: i64,
    /// Most things that others do in JumpCloud.
    pub meddling: i64,
    /// Clocks of processes differ, and are put right or wrong at any moment.
    pub skew: bool,
    /// Dates come while things are going on.
    pub near: bool,
    /// JumpCloud refuses some users, executes late or not at all, deletes users.
    pub odd: bool,
    /// Switches, pauses, guards, protection.
    pub switches: bool,
    /// The object may go.
    pub deletions: bool,
    /// The status may get lost, the object be made anew.
    pub disasters: bool,
    /// Another organisation's key, --read-only, a newer operator's records, annotation resolve.
    pub powers: bool,
}

/// How often things go wrong, of a thousand.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Status writes and finalizers: refused, answered twice, answers lost or late.
    pub writes: u64,
    /// Reads of any kind.
    pub reads: u64,
    /// Requests that must not be repeated.
    pub posts: u64,
    /// Requests that must not be repeated, lost on their way there.
    pub silence: u64,
    /// Requests that may be repeated.
    pub calls: u64,
    /// Crashes, at each boundary of an effect.
    pub crashes: u64,
    /// Long pauses of a process before an effect.
    pub pauses: u64,
    /// Passes that start from an older version of the object.
    pub stale: u64,
    /// Events of a watch that never come.
    pub deaf: u64,
}

/// Nothing goes wrong.
pub const QUIET: Rates =
    Rates { writes: 0, reads: 0, posts: 0, silence: 0, calls: 0, crashes: 0, pauses: 0, stale: 0, deaf: 0 };

const LOSSY: Rates = Rates { writes: 200, reads: 150, posts: 350, calls: 300, stale: 200, ..QUIET };
const CRASHING: Rates =
    Rates { writes: 60, reads: 50, posts: 150, calls: 100, crashes: 120, stale: 200, deaf: 30, ..QUIET };
const STORM: Rates = Rates {
    writes: 100,
    reads: 60,
    posts: 200,
    calls: 150,
    crashes: 40,
    pauses: 100,
    stale: 150,
    deaf: 50,
    ..QUIET
};

const BASE: Profile = Profile {
    name: "",
    processes: 1,
    objects: 1,
    per_mille: QUIET,
    edits: 4,
    meddling: 0,
    skew: false,
    near: false,
    odd: false,
    switches: false,
    deletions: false,
    disasters: false,
    powers: false,
};

/// All kinds.
pub const PROFILES: [Profile; 16] = [
    Profile { name: "still", edits: 0, ..BASE },
    Profile { name: "edited", edits: 6, ..BASE },
    Profile { name: "meddled", meddling: 5, ..BASE },
    Profile { name: "switched", switches: true, edits: 6, ..BASE },
    Profile { name: "odd", odd: true, meddling: 3, ..BASE },
    Profile { name: "lossy", per_mille: LOSSY, deletions: true, ..BASE },
    Profile { name: "mute", per_mille: Rates { posts: 500, silence: 500, ..QUIET }, edits: 1, ..BASE },
    Profile { name: "crashing", per_mille: CRASHING, deletions: true, ..BASE },
    Profile { name: "replicas", processes: 2, per_mille: STORM, deletions: true, edits: 5, ..BASE },
    Profile { name: "rivals", objects: 2, edits: 6, deletions: true, switches: true, ..BASE },
    Profile { name: "skewed", processes: 2, per_mille: CRASHING, skew: true, ..BASE },
    Profile { name: "powers", powers: true, deletions: true, switches: true, per_mille: LOSSY, ..BASE },
    Profile {
        name: "pairs",
        objects: 2,
        per_mille: Rates { writes: 50, posts: 200, calls: 150, stale: 150, deaf: 50, ..QUIET },
        edits: 8,
        deletions: true,
        powers: true,
        ..BASE
    },
    Profile { name: "near", near: true, odd: true, edits: 5, per_mille: CRASHING, ..BASE },
    Profile { name: "disasters", disasters: true, deletions: true, per_mille: STORM, ..BASE },
    Profile {
        name: "storm",
        processes: 2,
        objects: 2,
        per_mille: STORM,
        edits: 10,
        meddling: 4,
        odd: true,
        switches: true,
        deletions: true,
        ..BASE
    },
];

/// The kind of that name.
pub fn named(name: &str) -> &'static Profile {
    PROFILES.iter().find(|profile| profile.name == name).unwrap()
}
