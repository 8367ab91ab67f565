//! The faults of the API server's side.

use fault_proxy::FaultRule;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// This code; nothing is done.
    Status(u16),
    /// 429 with `Retry-After: 1`; nothing is done.
    Busy,
    /// The connection is reset; nothing is done.
    Reset,
    /// No answer ever; nothing is done.
    Silence,
    /// It is done, and the connection is closed.
    Lost,
    /// It is done, and the connection is reset.
    ResetActed,
    /// It is done, and this code answered.
    StatusActed(u16),
    /// It is done, and there is no answer ever.
    SilenceActed,
}

/// All of them, in the order of the table.
pub const FAULTS: [Fault; 12] = [
    Fault::Status(409),
    Fault::Busy,
    Fault::Status(500),
    Fault::Status(503),
    Fault::Status(504),
    Fault::Reset,
    Fault::Silence,
    Fault::Lost,
    Fault::ResetActed,
    Fault::StatusActed(500),
    Fault::StatusActed(504),
    Fault::SilenceActed,
];

impl Fault {
    /// Its name in the table.
    pub fn label(self) -> String {
        match self {
            Self::Status(code) => format!("{code}"),
            Self::Busy => "429, Retry-After: 1".to_owned(),
            Self::Reset => "reset before".to_owned(),
            Self::Silence => "silence, not done".to_owned(),
            Self::Lost => "done, reply lost".to_owned(),
            Self::ResetActed => "done, then reset".to_owned(),
            Self::StatusActed(code) => format!("done, then {code}"),
            Self::SilenceActed => "done, then silence".to_owned(),
        }
    }

    /// Its name in the name of an object.
    pub fn word(self) -> String {
        match self {
            Self::Status(code) => format!("s{code}"),
            Self::StatusActed(code) => format!("a{code}"),
            other => format!("{other:?}").to_lowercase(),
        }
    }

    /// The rule, but for what it is about and how often it fires.
    pub fn rule(self) -> FaultRule {
        match self {
            Self::Status(code) => FaultRule::status(code),
            Self::Busy => FaultRule::status(429).retry_after(1),
            Self::Reset => FaultRule::reset(),
            Self::Silence => FaultRule::silence(),
            Self::Lost => FaultRule::drop_reply(),
            Self::ResetActed => FaultRule::reset().acting(),
            Self::StatusActed(code) => FaultRule::status(code).acting(),
            Self::SilenceActed => FaultRule::silence().acting(),
        }
    }
}
