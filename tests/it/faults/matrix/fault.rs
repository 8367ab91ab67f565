//! The faults of JumpCloud's side.

use std::time::Duration;

use jumpcloud_sim::settings::RetryAfter;
use jumpcloud_sim::{Act, FaultRule, Reply};

use super::endpoint::{Effect, Endpoint};

/// `--submit-timeout` of the matrix: a slow machine is not taken for a lost reply.
pub const SUBMIT_TIMEOUT: Duration = Duration::from_secs(10);

/// `--unknown-quarantine` of the matrix.
pub const QUARANTINE: Duration = Duration::from_secs(15);

/// How long nobody listens: longer than the client tries to connect.
pub const ABSENCE: Duration = Duration::from_secs(16);

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// Nobody listens, for [`ABSENCE`].
    Refused,
    /// The connection is reset before anything is done.
    Reset,
    /// This code, and nothing is done.
    Status(u16),
    /// This code, although it is done.
    StatusActed(u16),
    /// 429 with `Retry-After: 2`.
    RetryAfter,
    /// 429 with a date two seconds ahead.
    RetryAfterDate,
    /// 429 with a wait of thirty years.
    RetryAfterHuge,
    /// 429 with a word that is neither.
    RetryAfterWord,
    /// It is done, and the answer ends within its body.
    Truncated,
    /// It is done, and the answer says that it is XML.
    ContentType,
    /// It is done, and a web page says so.
    Html,
    /// The login page is named instead.
    Redirect,
    /// It is done, and the answer has 9 MiB.
    Huge,
    /// It is done, and the connection is reset.
    ResetActed,
    /// It is done, and the connection closed without a word.
    Dropped,
    /// It is done at once and answered after two seconds.
    Slow,
    /// It is done at once and answered when nobody waits any more.
    Late,
    /// It is done when nobody waits any more.
    DoneLate,
    /// It is done shortly before the quarantine ends; a read after eight seconds.
    DoneAtQuarantine,
    /// The answer comes little by little, in time.
    Drip,
    /// The answer comes so slowly that nobody waits for its end.
    SlowDrip,
}

/// All of them, in the order of the table.
pub const FAULTS: [Fault; 34] = [
    Fault::Refused,
    Fault::Reset,
    Fault::Status(400),
    Fault::Status(401),
    Fault::Status(403),
    Fault::Status(404),
    Fault::Status(413),
    Fault::Status(422),
    Fault::Status(429),
    Fault::RetryAfter,
    Fault::RetryAfterDate,
    Fault::RetryAfterWord,
    Fault::RetryAfterHuge,
    Fault::Status(500),
    Fault::Status(502),
    Fault::Status(503),
    Fault::Status(504),
    Fault::StatusActed(500),
    Fault::StatusActed(502),
    Fault::StatusActed(503),
    Fault::StatusActed(504),
    Fault::Truncated,
    Fault::ContentType,
    Fault::Html,
    Fault::Redirect,
    Fault::Huge,
    Fault::ResetActed,
    Fault::Dropped,
    Fault::Slow,
    Fault::Late,
    Fault::DoneLate,
    Fault::DoneAtQuarantine,
    Fault::Drip,
    Fault::SlowDrip,
];

impl Fault {
    /// Its name in the table.
    pub fn label(self) -> String {
        match self {
            Self::Refused => "connection refused for 16 s".to_owned(),
            Self::Reset => "reset before acting".to_owned(),
            Self::Status(429) => "429 without Retry-After".to_owned(),
            Self::Status(code) => format!("{code} before acting"),
            Self::StatusActed(code) => format!("{code} after acting"),
            Self::RetryAfter => "429, Retry-After: 2".to_owned(),
            Self::RetryAfterDate => "429, Retry-After: a date in 2 s".to_owned(),
            Self::RetryAfterHuge => "429, Retry-After: 30 years".to_owned(),
            Self::RetryAfterWord => "429, Retry-After: soon".to_owned(),
            Self::Truncated => "acted, truncated JSON".to_owned(),
            Self::ContentType => "acted, JSON called XML".to_owned(),
            Self::Html => "acted, a web page with 200".to_owned(),
            Self::Redirect => "redirect to the login page".to_owned(),
            Self::Huge => "acted, 9 MiB of body".to_owned(),
            Self::ResetActed => "acted, then reset".to_owned(),
            Self::Dropped => "acted, then closed".to_owned(),
            Self::Slow => "answered after 2 s".to_owned(),
            Self::Late => "acted, answered too late".to_owned(),
            Self::DoneLate => "acts after the client has left".to_owned(),
            Self::DoneAtQuarantine => "acts just before the quarantine ends (reads: after 8 s)".to_owned(),
            Self::Drip => "slow drip, in time".to_owned(),
            Self::SlowDrip => "slow drip, too slow".to_owned(),
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

    /// The rule, but for what it is about and how often it fires. `patience` is how long the client waits.
    pub fn rule(self, endpoint: Endpoint) -> FaultRule {
        let patience = endpoint.patience();
        let acted = |reply| FaultRule::new(Act::Acts, reply);
        let intact = || acted(Reply::AsIs);
        let ms = |time: Duration| time + Duration::from_millis(1500);
        match self {
            Self::Refused => FaultRule::then_refuse(ABSENCE),
            Self::Reset => FaultRule::refuse(),
            Self::Status(code) => FaultRule::status(code),
            Self::StatusActed(code) => FaultRule::status(code).acting(),
            Self::RetryAfter => FaultRule::status(429).retry_after(RetryAfter::Seconds(2)),
            Self::RetryAfterDate => FaultRule::status(429).retry_after(RetryAfter::DateIn(3)),
            Self::RetryAfterHuge => FaultRule::status(429).retry_after(RetryAfter::Seconds(1_000_000_000)),
            Self::RetryAfterWord => FaultRule::status(429).header("retry-after", "soon"),
            Self::Truncated => acted(Reply::Truncated { bytes: 9 }),
            Self::ContentType => acted(Reply::ContentType { value: "application/xml".to_owned() }),
            Self::Html => acted(Reply::Html),
            Self::Redirect => FaultRule::new(
                Act::Refuses,
                Reply::Redirect { status: 302, location: "https://127.0.0.1:9/login".to_owned() },
            ),
            Self::Huge => acted(Reply::Large { bytes: 9 << 20 }),
            Self::ResetActed => FaultRule::reset_reply(),
            Self::Dropped => FaultRule::drop_reply(),
            Self::Slow => intact().after(Duration::from_secs(2)),
            Self::Late => intact().after(ms(patience)),
            Self::DoneLate => intact().before(ms(patience)),
            Self::DoneAtQuarantine if endpoint.effect() == Effect::Once => {
                intact().before(QUARANTINE.saturating_sub(Duration::from_secs(1)))
            }
            Self::DoneAtQuarantine => intact().before(Duration::from_secs(8)),
            Self::Drip => acted(Reply::Drip { bytes: 256, every_ms: 60 }),
            // An empty list has two bytes.
            Self::SlowDrip => acted(Reply::Drip { bytes: 1, every_ms: 30_000 }),
        }
    }

    /// Whether the client must give the request up to see it.
    pub fn is_slow(self) -> bool {
        matches!(self, Self::Late | Self::DoneLate | Self::DoneAtQuarantine | Self::SlowDrip)
    }
}
