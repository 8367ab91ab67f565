//! Who does not go smoothly in the demo. The reasons are in `demo-profile.json` and `deploy/samples/user-batch.yaml`; a demo in
//! which they and this list differ fails.

/// Users in `deploy/samples/user-batch.yaml`.
pub(super) const DECLARED: usize = 250;

/// Exists before the demo and is not the batch's: never sent, never touched.
pub(super) const CONFLICT: &str = "grace.mbeki";

/// Refused by JumpCloud for good, each with its words.
pub(super) const REFUSED: [(&str, &str); 2] = [
    ("ines.marino", "a user with this employeeIdentifier already exists"),
    ("tariq.rahman", "relationships is not allowed"),
];

/// Fails the first time in a way that may pass, and is sent again by itself.
pub(super) const SECOND_TIME: &str = "hana.takeda";

/// Who moves to another department in the second act.
pub(super) const MOVED: [&str; 3] = ["bilal.dubois", "oscar.fernandes", "paloma.nguyen"];

/// Users of the create jobs, in order: lists of 100, and later the one that is sent again.
pub(super) const JOBS: [usize; 4] = [100, 100, 49, 1];

/// The operator's back-off before a user is sent again, seconds.
pub(super) const BACK_OFF: i64 = 10;

/// A sample with a date.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dated {
    /// Its file in `deploy/samples`.
    pub(super) file: &'static str,
    /// The name of its schedule.
    pub(super) object: &'static str,
    /// Whom it is about.
    pub(super) users: &'static [&'static str],
}

/// Activated in the third act.
pub(super) const JOINERS: Dated = Dated {
    file: "joiners.yaml",
    object: "monday-joiners",
    users: &["aiko.marsh", "dario.quist", "selin.ortega"],
};

/// One of the batch, to be suspended in the third act, and not.
pub(super) const LEAVER: Dated =
    Dated { file: "leaver.yaml", object: "last-day-of-noor-okafor", users: &["noor.okafor"] };
