//! The instant that a schedule's `startTime` and `timeZone` mean.
//!
//! Two forms: a time with an offset from UTC (`2027-01-04T09:00:00+01:00`, or `Z`), or a local time
//! (`2027-01-04T09:00:00`) together with the name of an IANA time zone, as in a CronJob.
//!
//! Where the clocks of a zone are moved, a local time is read as iCalendar (RFC 5545) says:
//! - One that is skipped when clocks go forward is moved by what they skip: 02:30 becomes 03:30 when the
//!   hour from two to three is missing.
//! - One that comes twice when clocks go back is the first of the two.
//!
//! Kubernetes documents neither case for CronJob, and Go's `time.Date` promises only "one of the two zones
//! involved". A cron line that falls into a gap is not run; a single date must not be lost so, hence the
//! rule above.
//!
//! Guarantees: the result does not depend on the host, because the zone database is in the binary; whole
//! seconds; from 1970 to 30 December 9999.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, Offset, TimeZone, TimeZoneDatabase};
use thiserror::Error;

/// What a `startTime` means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StartTime {
    /// The instant.
    pub instant: Timestamp,
    /// Whether the local time was one that a zone has once.
    pub clocks: Clocks,
}

/// How often the clocks of the zone show a local time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clocks {
    /// Once, or the time has an offset.
    Once,
    /// Never: clocks go forward over it. The instant shows a later local time.
    Skipped,
    /// Twice: clocks go back over it. The instant is the first.
    Repeated,
}

/// Why `startTime` and `timeZone` mean no instant.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum StartTimeError {
    /// Not a time in the form that is asked for.
    #[error(
        "startTime must have the form 2027-01-04T09:00:00, with Z or an offset like +01:00, or with timeZone"
    )]
    Malformed,
    /// There is no such day or time of day.
    #[error("startTime names a day or a time of day that does not exist; correct it")]
    Impossible,
    /// The second 60, which JumpCloud's clock does not have.
    #[error("startTime names a leap second; take the second after it")]
    LeapSecond,
    /// A part of a second, which JumpCloud may drop.
    #[error("startTime must be a whole second; take the fraction off")]
    Fraction,
    /// Both an offset and a zone.
    #[error("startTime has an offset and timeZone is set; take one of them off")]
    OffsetAndZone,
    /// Neither.
    #[error("startTime has no offset; add Z or an offset like +01:00, or set timeZone")]
    NoZone,
    /// Not a name of the database.
    #[error("timeZone is not in the IANA time zone database; write a name like Europe/Berlin")]
    UnknownZone,
    /// A name of the database in other letters.
    #[error("timeZone is spelled {0} in the IANA time zone database; write it so")]
    ZoneSpelling(String),
    /// Too far away.
    #[error("startTime must lie between 1970 and 30 December 9999")]
    OutOfRange,
}

/// Finds the instant.
///
/// ```
/// use jumpcloud_operator::plan::start_time::{Clocks, resolve};
/// let monday = resolve("2027-01-04T09:00:00", Some("Europe/Berlin")).unwrap();
/// assert_eq!(monday.instant.to_string(), "2027-01-04T08:00:00Z");
/// let skipped = resolve("2027-03-28T02:30:00", Some("Europe/Berlin")).unwrap();
/// assert_eq!(skipped.instant.to_string(), "2027-03-28T01:30:00Z");
/// assert_eq!(skipped.clocks, Clocks::Skipped);
/// ```
///
/// # Errors
/// See [`StartTimeError`].
pub fn resolve(start_time: &str, time_zone: Option<&str>) -> Result<StartTime, StartTimeError> {
    let (local, offset) = read(start_time)?;
    let (instant, clocks) = match (offset, time_zone) {
        (Some(_), Some(_)) => return Err(StartTimeError::OffsetAndZone),
        (None, None) => return Err(StartTimeError::NoZone),
        (Some(offset), None) => (offset.to_timestamp(local), Clocks::Once),
        (None, Some(name)) => {
            let found = zone(name)?.to_ambiguous_timestamp(local);
            let clocks = match found.offset() {
                AmbiguousOffset::Unambiguous { .. } => Clocks::Once,
                AmbiguousOffset::Gap { .. } => Clocks::Skipped,
                AmbiguousOffset::Fold { .. } => Clocks::Repeated,
            };
            (found.compatible(), clocks)
        }
    };
    let instant = instant.ok().filter(|instant| *instant >= Timestamp::UNIX_EPOCH);
    Ok(StartTime { instant: instant.ok_or(StartTimeError::OutOfRange)?, clocks })
}

/// The zone of exactly this name. The database would also take other letters, which CronJob and the
/// rules in the schema do not.
fn zone(name: &str) -> Result<TimeZone, StartTimeError> {
    let zone = TimeZoneDatabase::bundled().get(name).map_err(|_| StartTimeError::UnknownZone)?;
    match zone.iana_name() {
        Some(spelled) if spelled == name => Ok(zone),
        Some(spelled) => Err(StartTimeError::ZoneSpelling(spelled.to_owned())),
        // "Etc/Unknown": a name for having none.
        None => Err(StartTimeError::UnknownZone),
    }
}

/// Takes `2027-01-04T09:00:00` apart, with an offset if there is one. Written by hand, because the parser
/// of the time library takes more forms and reads a leap second as the second before it.
fn read(text: &str) -> Result<(DateTime, Option<Offset>), StartTimeError> {
    use StartTimeError::{Fraction, Impossible, LeapSecond, Malformed};
    let (local, rest) = text.split_at_checked(19).ok_or(Malformed)?;
    let [year, month, day, hour, minute, second] = numbers(local).ok_or(Malformed)?;
    let (fraction, rest) = match rest.strip_prefix('.') {
        None => ("", rest),
        Some(rest) => {
            let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            rest.split_at_checked(end).filter(|(digits, _)| !digits.is_empty()).ok_or(Malformed)?
        }
    };
    let offset = match rest {
        "" => None,
        "Z" => Some(Offset::UTC),
        rest => Some(offset(rest)?),
    };
    if second == 60 {
        return Err(LeapSecond);
    }
    if fraction.bytes().any(|digit| digit != b'0') {
        return Err(Fraction);
    }
    let part = |number: i16| i8::try_from(number).map_err(|_| Impossible);
    let local = DateTime::new(year, part(month)?, part(day)?, part(hour)?, part(minute)?, part(second)?, 0);
    Ok((local.map_err(|_| Impossible)?, offset))
}

/// The six numbers of `2027-01-04T09:00:00`.
fn numbers(text: &str) -> Option<[i16; 6]> {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let fits = text.len() == SHAPE.len()
        && text
            .bytes()
            .zip(SHAPE)
            .all(|(c, shape)| if *shape == b'0' { c.is_ascii_digit() } else { c == *shape });
    if !fits {
        return None;
    }
    let mut numbers = text.split(['-', 'T', ':']).map(|digits| digits.parse().ok());
    let mut next = || numbers.next().flatten();
    Some([next()?, next()?, next()?, next()?, next()?, next()?])
}

/// Reads `+01:00`.
fn offset(text: &str) -> Result<Offset, StartTimeError> {
    let malformed = StartTimeError::Malformed;
    let (sign, digits) = match text.split_at_checked(1) {
        Some(("+", digits)) => (1, digits),
        Some(("-", digits)) => (-1, digits),
        _ => return Err(malformed),
    };
    let is_shape = digits.len() == 5
        && digits.bytes().enumerate().all(|(at, c)| if at == 2 { c == b':' } else { c.is_ascii_digit() });
    let parts = digits.split_once(':').filter(|_| is_shape);
    let (hours, minutes) = parts.ok_or(malformed)?;
    let number = |digits: &str| digits.parse::<i32>().map_err(|_| StartTimeError::Malformed);
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return Err(StartTimeError::Impossible);
    }
    Offset::from_seconds(sign * (hours * 3600 + minutes * 60)).map_err(|_| StartTimeError::Impossible)
}

#[cfg(test)]
mod tests;
