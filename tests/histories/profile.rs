//! Kinds of histories: what goes wrong in them, and how often.

/// One kind.
#[derive(Debug)]
pub struct Profile {
    /// Its name, also for replaying.
    pub name: &'static str,
    /// Operator processes that all believe they lead.
    pub processes: usize,
    /// Of a thousand requests or moments, so many meet with it.
    pub per_mille: Rates,
    /// Most edits by the author.
    pub edits: i64,
    /// Most users created or deleted by others.
    pub meddling: i64,
    /// Clocks of processes and of JumpCloud differ; those of processes are put right or wrong at any moment.
    pub skew: bool,
    /// The status may get lost, the object may be deleted and made anew.
    pub disasters: bool,
    /// Most users of the first list.
    pub users: i64,
    /// The author does nothing but edit fields of users that should be there by now.
    pub fields: bool,
    /// Edits made one by one when everything before has come to its end.
    pub late: i64,
    /// Many users of a request, and malformed rows among them.
    pub poison: bool,
    /// A newer operator writes records of its own for a while.
    pub newer: bool,
}

/// How often things go wrong, of a thousand.
#[derive(Debug, Clone, Copy)]
pub struct Rates {
    /// Status writes: refused, answered twice, answers lost or late.
    pub writes: u64,
    /// Reads of any kind.
    pub reads: u64,
    /// The request that creates.
    pub posts: u64,
    /// Crashes, at each boundary of an effect.
    pub crashes: u64,
    /// Long pauses of a process before an effect.
    pub pauses: u64,
    /// Passes that start from an older version of the object.
    pub stale: u64,
    /// Oddities of JumpCloud's jobs.
    pub oddity: u64,
    /// Events of a watch that never come.
    pub deaf: u64,
}

/// Nothing goes wrong.
pub const QUIET: Rates =
    Rates { writes: 0, reads: 0, posts: 0, crashes: 0, pauses: 0, stale: 0, oddity: 0, deaf: 0 };

const BASE: Profile = Profile {
    name: "",
    processes: 1,
    per_mille: QUIET,
    edits: 4,
    meddling: 1,
    skew: false,
    disasters: false,
    users: 6,
    fields: false,
    late: 0,
    poison: false,
    newer: false,
};

const LOSSY: Rates = Rates { writes: 250, reads: 250, posts: 400, stale: 200, ..QUIET };
const CRASHING: Rates =
    Rates { writes: 50, reads: 50, posts: 150, crashes: 150, stale: 200, oddity: 50, deaf: 30, ..QUIET };
const REPLICAS: Rates =
    Rates { writes: 100, reads: 50, posts: 200, crashes: 30, pauses: 150, stale: 200, oddity: 50, deaf: 50 };
const EDITING: Rates =
    Rates { writes: 80, reads: 50, posts: 200, crashes: 30, stale: 200, oddity: 100, deaf: 30, ..QUIET };
const SKEWED: Rates =
    Rates { writes: 50, reads: 50, posts: 250, crashes: 60, pauses: 60, stale: 100, oddity: 50, deaf: 0 };
const DISASTERS: Rates =
    Rates { writes: 80, reads: 50, posts: 150, crashes: 50, pauses: 50, stale: 200, oddity: 50, deaf: 30 };
const STORM: Rates =
    Rates { writes: 100, reads: 80, posts: 300, crashes: 60, pauses: 60, stale: 100, oddity: 100, deaf: 50 };

/// All kinds.
pub const PROFILES: [Profile; 16] = [
    Profile { name: "still", edits: 0, meddling: 0, ..BASE },
    Profile { name: "edited", edits: 0, meddling: 0, users: 4, late: 5, ..BASE },
    Profile { name: "halved", edits: 0, meddling: 0, late: 2, poison: true, ..BASE },
    Profile { name: "calm", ..BASE },
    Profile { name: "lossy", per_mille: LOSSY, meddling: 2, ..BASE },
    Profile {
        name: "odd",
        per_mille: Rates { reads: 50, posts: 100, oddity: 250, ..QUIET },
        edits: 5,
        meddling: 3,
        ..BASE
    },
    Profile { name: "crashing", per_mille: CRASHING, ..BASE },
    Profile { name: "replicas", processes: 2, per_mille: REPLICAS, ..BASE },
    Profile { name: "editing", per_mille: EDITING, edits: 16, meddling: 6, ..BASE },
    Profile { name: "skewed", processes: 2, per_mille: SKEWED, skew: true, ..BASE },
    Profile {
        name: "disasters",
        processes: 2,
        per_mille: DISASTERS,
        edits: 6,
        meddling: 2,
        disasters: true,
        ..BASE
    },
    Profile { name: "newer", per_mille: REPLICAS, edits: 6, newer: true, ..BASE },
    Profile { name: "updating", edits: 8, meddling: 0, ..BASE },
    Profile { name: "poisoned", edits: 3, meddling: 0, users: 12, poison: true, ..BASE },
    Profile {
        name: "hasty",
        per_mille: Rates { posts: 500, ..QUIET },
        edits: 60,
        meddling: 5,
        users: 2,
        fields: true,
        ..BASE
    },
    Profile {
        name: "storm",
        processes: 2,
        per_mille: STORM,
        edits: 10,
        meddling: 4,
        users: 8,
        poison: true,
        ..BASE
    },
];

/// The kind of that name.
pub fn named(name: &str) -> &'static Profile {
    PROFILES.iter().find(|profile| profile.name == name).unwrap()
}
