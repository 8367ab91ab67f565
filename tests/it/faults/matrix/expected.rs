//! What is expected, and why: steps of the protocol in docs/reliability.md and ARCHITECTURE.md.

use super::endpoint::{ENDPOINTS, Endpoint};
use super::fault::Fault;
use super::outcome::Outcome;

const TAKEN: Outcome = Outcome::Taken;
const IN_PLACE: Outcome = Outcome::AtOnce;
const LATER: Outcome = Outcome::Later;
const CHECKED: Outcome = Outcome::Checked;
const RESENT: Outcome = Outcome::SentAgain;
const HALVED: Outcome = Outcome::Halved;
const REJECTED: Outcome = Outcome::Rejected;
const ADOPTED: Outcome = Outcome::Adopted;
const LOOKED: Outcome = Outcome::SentAfterLooks;
const REPEATED: Outcome = Outcome::Repeated;
const UNKNOWN: Outcome = Outcome::Unknown;
const USERS: Outcome = Outcome::LookedUp;
const WAITS: Outcome = Outcome::Waits;
const EACH: Outcome = Outcome::EachUser;
const GONE: Outcome = Outcome::Believed;

/// A row: the fault, how often it fires, what comes of it at each route, and why.
struct Line(Fault, u32, [Outcome; 13], &'static str);

/// The columns are those of `ENDPOINTS`.
#[rustfmt::skip]
const TABLE: &[Line] = &[
    //                                       bulk create, bulk update, schedule, results, search, user get, list, next, user put, activate, delete, organisations, token
    Line(Fault::Refused, 1,               [CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, LATER, LATER],
        "no byte was sent: Refused, no attempt is used, and the connection is checked before anything else is asked (5)"),
    Line(Fault::Reset, 1,                 [LOOKED, REPEATED, LOOKED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "anything may have happened: Unknown (5), two looks a quarantine apart agree, then sent again (7, 10); updates without the second look (9)"),
    Line(Fault::Status(400), 1,           [HALVED, HALVED, HALVED, LATER, LATER, LATER, LATER, LATER, REJECTED, REJECTED, LATER, LATER, LATER],
        "the payload is at fault: never sent again as it was, halved until one user is refused (5)"),
    Line(Fault::Status(401), 1,           [CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, LATER, LATER],
        "Refused: sent again when the cause is gone, no attempt is used (5)"),
    Line(Fault::Status(403), 1,           [CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, EACH, CHECKED, CHECKED, CHECKED, LATER, LATER],
        "as 401; of next events it may mean that the route takes no x-org-id: each user is listed by itself"),
    Line(Fault::Status(404), 1,           [CHECKED, CHECKED, CHECKED, USERS, LATER, REJECTED, LATER, LATER, LATER, LATER, GONE, LATER, LATER],
        "Refused (5); of a job: a look-up, never a new POST; a user whom no search shows either is sent once more, and JumpCloud refuses the name; an event is gone"),
    Line(Fault::Status(413), 1,           [HALVED, HALVED, HALVED, LATER, LATER, LATER, LATER, LATER, REJECTED, REJECTED, LATER, LATER, LATER],
        "as 400"),
    Line(Fault::Status(422), 1,           [HALVED, HALVED, HALVED, LATER, LATER, LATER, LATER, LATER, REJECTED, REJECTED, LATER, LATER, LATER],
        "as 400"),
    Line(Fault::Status(429), 1,           [RESENT, RESENT, RESENT, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Refused (5): after a pause of the client's own, 5 s at first"),
    Line(Fault::RetryAfter, 1,            [RESENT, RESENT, RESENT, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Refused (5): after the pause that JumpCloud asks for"),
    Line(Fault::RetryAfterDate, 1,        [RESENT, RESENT, RESENT, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "the same as a date"),
    Line(Fault::RetryAfterWord, 1,        [RESENT, RESENT, RESENT, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "as without one"),
    Line(Fault::RetryAfterHuge, 1,        [WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, WAITS, LATER],
        "kept for an hour at most: a broken header stops nobody for days; tokens are another host's"),
    Line(Fault::Status(500), 1,           [LOOKED, REPEATED, LOOKED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown (5, 7)"),
    Line(Fault::Status(502), 1,           [LOOKED, REPEATED, LOOKED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown (5, 7)"),
    Line(Fault::Status(503), 1,           [LOOKED, REPEATED, LOOKED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown (5, 7)"),
    Line(Fault::Status(504), 1,           [LOOKED, REPEATED, LOOKED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown (5, 7)"),
    Line(Fault::StatusActed(500), 1,      [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown, and found when it is looked for: never a second POST (7)"),
    Line(Fault::StatusActed(502), 1,      [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "the same"),
    Line(Fault::StatusActed(503), 1,      [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "the same"),
    Line(Fault::StatusActed(504), 1,      [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "the same"),
    Line(Fault::Truncated, 1,             [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, TAKEN, TAKEN, IN_PLACE, IN_PLACE],
        "an unreadable 2xx is Unknown (5); of activations and deletions the status is read, and that it is no web page"),
    Line(Fault::ContentType, 1,           [TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN],
        "what can be read is read, whatever it is called"),
    Line(Fault::Html, 1,                  [ADOPTED, ADOPTED, ADOPTED, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER],
        "an unreadable 2xx is Unknown (5); a read of it comes out the same at once, so it is made later"),
    Line(Fault::Redirect, 1,              [CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, LATER, LATER],
        "the login page answered and not the API: Refused, and the connection is in doubt"),
    Line(Fault::Huge, 1,                  [ADOPTED, ADOPTED, ADOPTED, LATER, LATER, LATER, LATER, LATER, LATER, LATER, TAKEN, LATER, LATER],
        "8 MiB are read; more of a 2xx is unreadable"),
    Line(Fault::ResetActed, 1,            [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown, and found (7)"),
    Line(Fault::Dropped, 1,               [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "Unknown, and found (7)"),
    Line(Fault::Slow, 1,                  [TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN],
        "within the deadline (4)"),
    Line(Fault::Late, 1,                  [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "a timeout is Unknown (5), and found (7)"),
    Line(Fault::DoneLate, 1,              [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "not looked for before the quarantine is over, so it is found (7)"),
    Line(Fault::DoneAtQuarantine, 1,      [ADOPTED, ADOPTED, ADOPTED, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN],
        "the same; for reads it is a slow answer"),
    Line(Fault::Drip, 1,                  [TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN, TAKEN],
        "whole within the deadline"),
    Line(Fault::SlowDrip, 1,              [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, TAKEN, TAKEN, IN_PLACE, IN_PLACE],
        "the deadline is for the whole answer"),
    Line(Fault::Status(400), 3,           [REJECTED, REJECTED, HALVED, LATER, LATER, LATER, LATER, LATER, REJECTED, REJECTED, LATER, LATER, LATER],
        "halves of halves, down to a single user, who is Failed/Rejected; of a schedule both halves of the first request were refused"),
    Line(Fault::Status(401), 3,           [CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, CHECKED, LATER, LATER],
        "as once"),
    Line(Fault::Status(429), 3,           [RESENT, RESENT, RESENT, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, IN_PLACE],
        "the pause doubles; what is longer than 5 s is not waited for in a pass"),
    Line(Fault::Status(502), 3,           [UNKNOWN, UNKNOWN, UNKNOWN, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "at most two sends of a user with an unknown outcome; then a person decides (8)"),
    Line(Fault::StatusActed(502), 3,      [ADOPTED, ADOPTED, ADOPTED, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, IN_PLACE, LATER, LATER, LATER, IN_PLACE, IN_PLACE],
        "found after the first (7)"),
    Line(Fault::Html, 3,                  [ADOPTED, ADOPTED, ADOPTED, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER, LATER],
        "the same"),
];

fn line(fault: Fault, times: u32) -> Option<&'static Line> {
    TABLE.iter().find(|line| (line.0, line.1) == (fault, times))
}

/// What may come of it.
pub fn of(endpoint: Endpoint, fault: Fault, times: u32) -> Vec<Outcome> {
    let column = ENDPOINTS.iter().position(|known| *known == endpoint);
    column.and_then(|column| line(fault, times)?.2.get(column).copied()).into_iter().collect()
}

/// Why.
pub fn why(fault: Fault, times: u32) -> &'static str {
    line(fault, times).map_or("", |line| line.3)
}

/// The rows of the table.
pub fn rows() -> Vec<(Fault, u32)> {
    TABLE.iter().map(|line| (line.0, line.1)).collect()
}
