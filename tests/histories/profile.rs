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
    /// Clocks of processes and of JumpCloud differ.
    pub skew: bool,
    /// The status may get lost, the object may be deleted and made anew.
    pub disasters: bool,
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
}

const QUIET: Rates = Rates { writes: 0, reads: 0, posts: 0, crashes: 0, pauses: 0, stale: 0, oddity: 0 };

/// All kinds.
pub const PROFILES: [Profile; 9] = [
    Profile {
        name: "still",
        processes: 1,
        per_mille: QUIET,
        edits: 0,
        meddling: 0,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "calm",
        processes: 1,
        per_mille: QUIET,
        edits: 2,
        meddling: 1,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "lossy",
        processes: 1,
        per_mille: Rates { writes: 250, reads: 250, posts: 400, stale: 200, ..QUIET },
        edits: 1,
        meddling: 2,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "odd",
        processes: 1,
        per_mille: Rates { reads: 50, posts: 100, oddity: 250, ..QUIET },
        edits: 1,
        meddling: 3,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "crashing",
        processes: 1,
        per_mille: Rates { writes: 50, reads: 50, posts: 150, crashes: 150, stale: 200, oddity: 50, ..QUIET },
        edits: 1,
        meddling: 1,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "replicas",
        processes: 2,
        per_mille: Rates {
            writes: 100,
            reads: 50,
            posts: 200,
            crashes: 30,
            pauses: 150,
            stale: 200,
            oddity: 50,
        },
        edits: 1,
        meddling: 1,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "editing",
        processes: 1,
        per_mille: Rates { writes: 80, reads: 50, posts: 200, crashes: 30, stale: 200, oddity: 100, ..QUIET },
        edits: 12,
        meddling: 3,
        skew: false,
        disasters: false,
    },
    Profile {
        name: "skewed",
        processes: 2,
        per_mille: Rates {
            writes: 50,
            reads: 50,
            posts: 250,
            crashes: 60,
            pauses: 60,
            stale: 100,
            oddity: 50,
        },
        edits: 1,
        meddling: 1,
        skew: true,
        disasters: false,
    },
    Profile {
        name: "disasters",
        processes: 2,
        per_mille: Rates {
            writes: 80,
            reads: 50,
            posts: 150,
            crashes: 50,
            pauses: 50,
            stale: 200,
            oddity: 50,
        },
        edits: 4,
        meddling: 2,
        skew: false,
        disasters: true,
    },
];

/// The kind of that name.
pub fn named(name: &str) -> &'static Profile {
    PROFILES.iter().find(|profile| profile.name == name).unwrap()
}
