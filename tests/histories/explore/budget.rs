//! How much may go wrong: by kind, and in all.

/// How much may still go wrong on a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Budget {
    /// In all.
    pub all: u8,
    /// Requests that fail, or whose answers do.
    pub faults: u8,
    /// Operators that die and begin anew, at once or later, with empty memory.
    pub crashes: u8,
    /// Operators that stop for a while of any length and then go on.
    pub pauses: u8,
    /// Passes that begin from an older version.
    pub stale: u8,
    /// Things that others do.
    pub edits: u8,
}

impl Budget {
    /// Whether one more of a kind may happen.
    pub fn allows(self, of: fn(&mut Self) -> &mut u8) -> bool {
        let mut copy = self;
        self.all > 0 && *of(&mut copy) > 0
    }

    /// One more of a kind happens.
    pub fn spend(&mut self, of: fn(&mut Self) -> &mut u8) {
        self.all -= 1;
        *of(self) -= 1;
    }
}
