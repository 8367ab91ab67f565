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
    /// Most users of the first list.
    pub users: i64,
    /// The author does nothing but edit fields of users that should be there by now.
    pub fields: bool,
    /// Edits made one by one when everything before has come to its end.
    pub late: i64,
    /// Many users of a request, and malformed rows among them.
    pub poison: bool,
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
pub const PROFILES: [Profile; 15] = [
    Profile {
        name: "still",
        processes: 1,
        per_mille: QUIET,
        edits: 0,
        meddling: 0,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "edited",
        processes: 1,
        per_mille: QUIET,
        edits: 0,
        meddling: 0,
        skew: false,
        disasters: false,
        users: 4,
        fields: false,
        late: 5,
        poison: false,
    },
    Profile {
        name: "halved",
        processes: 1,
        per_mille: QUIET,
        edits: 0,
        meddling: 0,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 2,
        poison: true,
    },
    Profile {
        name: "calm",
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
    },
    Profile {
        name: "lossy",
        processes: 1,
        per_mille: Rates { writes: 250, reads: 250, posts: 400, stale: 200, ..QUIET },
        edits: 4,
        meddling: 2,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "odd",
        processes: 1,
        per_mille: Rates { reads: 50, posts: 100, oddity: 250, ..QUIET },
        edits: 5,
        meddling: 3,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "crashing",
        processes: 1,
        per_mille: Rates { writes: 50, reads: 50, posts: 150, crashes: 150, stale: 200, oddity: 50, ..QUIET },
        edits: 4,
        meddling: 1,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
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
        edits: 4,
        meddling: 1,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "editing",
        processes: 1,
        per_mille: Rates { writes: 80, reads: 50, posts: 200, crashes: 30, stale: 200, oddity: 100, ..QUIET },
        edits: 16,
        meddling: 6,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
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
        edits: 4,
        meddling: 1,
        skew: true,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
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
        edits: 6,
        meddling: 2,
        skew: false,
        disasters: true,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "updating",
        processes: 1,
        per_mille: QUIET,
        edits: 8,
        meddling: 0,
        skew: false,
        disasters: false,
        users: 6,
        fields: false,
        late: 0,
        poison: false,
    },
    Profile {
        name: "poisoned",
        processes: 1,
        per_mille: QUIET,
        edits: 3,
        meddling: 0,
        skew: false,
        disasters: false,
        users: 12,
        fields: false,
        late: 0,
        poison: true,
    },
    Profile {
        name: "hasty",
        processes: 1,
        per_mille: Rates { posts: 500, ..QUIET },
        edits: 60,
        meddling: 5,
        skew: false,
        disasters: false,
        users: 2,
        fields: true,
        late: 0,
        poison: false,
    },
    Profile {
        name: "storm",
        processes: 2,
        per_mille: Rates {
            writes: 100,
            reads: 80,
            posts: 300,
            crashes: 60,
            pauses: 60,
            stale: 100,
            oddity: 100,
        },
        edits: 10,
        meddling: 4,
        skew: false,
        disasters: false,
        users: 8,
        fields: false,
        late: 0,
        poison: true,
    },
];

/// The kind of that name.
pub fn named(name: &str) -> &'static Profile {
    PROFILES.iter().find(|profile| profile.name == name).unwrap()
}
