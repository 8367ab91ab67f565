use proptest::prelude::*;

use super::*;

fn instant(text: &str, zone: Option<&str>) -> (String, Clocks) {
    let found = resolve(text, zone).unwrap_or_else(|error| panic!("{text} {zone:?}: {error}"));
    (found.instant.to_string(), found.clocks)
}

#[test]
fn local_times_follow_their_zone() {
    use Clocks::{Once, Repeated, Skipped};
    for (zone, local, utc, clocks) in [
        // Winter and summer, and both sides of each change of 2027.
        ("Europe/Berlin", "2027-01-04T09:00:00", "2027-01-04T08:00:00Z", Once),
        ("Europe/Berlin", "2027-07-05T09:00:00", "2027-07-05T07:00:00Z", Once),
        ("Europe/Berlin", "2027-03-28T01:59:59", "2027-03-28T00:59:59Z", Once),
        ("Europe/Berlin", "2027-03-28T02:00:00", "2027-03-28T01:00:00Z", Skipped),
        ("Europe/Berlin", "2027-03-28T02:30:00", "2027-03-28T01:30:00Z", Skipped),
        ("Europe/Berlin", "2027-03-28T03:00:00", "2027-03-28T01:00:00Z", Once),
        ("Europe/Berlin", "2027-10-31T01:59:59", "2027-10-30T23:59:59Z", Once),
        ("Europe/Berlin", "2027-10-31T02:00:00", "2027-10-31T00:00:00Z", Repeated),
        ("Europe/Berlin", "2027-10-31T02:59:59", "2027-10-31T00:59:59Z", Repeated),
        ("Europe/Berlin", "2027-10-31T03:00:00", "2027-10-31T02:00:00Z", Once),
        ("America/New_York", "2027-03-14T02:30:00", "2027-03-14T07:30:00Z", Skipped),
        ("America/New_York", "2027-11-07T01:30:00", "2027-11-07T05:30:00Z", Repeated),
        ("America/New_York", "2027-12-24T18:00:00", "2027-12-24T23:00:00Z", Once),
        // A change of half an hour, to the south, and one at midnight.
        ("Australia/Lord_Howe", "2027-10-03T02:15:00", "2027-10-02T15:45:00Z", Skipped),
        ("America/Santiago", "2027-09-05T00:30:00", "2027-09-05T04:30:00Z", Skipped),
        // No changes, half hours, and signs that are turned round.
        ("Asia/Kolkata", "2027-01-04T09:00:00", "2027-01-04T03:30:00Z", Once),
        ("UTC", "2027-01-04T09:00:00", "2027-01-04T09:00:00Z", Once),
        ("Etc/UTC", "2027-01-04T09:00:00", "2027-01-04T09:00:00Z", Once),
        ("Etc/GMT+5", "2027-01-04T09:00:00", "2027-01-04T14:00:00Z", Once),
        // Far away: the rules of today hold on.
        ("Europe/Berlin", "2038-01-19T04:14:08", "2038-01-19T03:14:08Z", Once),
        ("Europe/Berlin", "2100-07-01T09:00:00", "2100-07-01T07:00:00Z", Once),
        ("Europe/Berlin", "2100-03-28T02:30:00", "2100-03-28T01:30:00Z", Skipped),
        ("America/New_York", "2100-01-01T00:00:00", "2100-01-01T05:00:00Z", Once),
    ] {
        assert_eq!(instant(local, Some(zone)), (utc.to_owned(), clocks), "{local} {zone}");
    }
}

#[test]
fn times_with_an_offset_need_no_zone() {
    for (text, utc) in [
        ("2027-01-04T09:00:00Z", "2027-01-04T09:00:00Z"),
        ("2027-01-04T09:00:00+01:00", "2027-01-04T08:00:00Z"),
        ("2027-01-04T09:00:00-05:30", "2027-01-04T14:30:00Z"),
        ("2027-01-04T09:00:00-00:00", "2027-01-04T09:00:00Z"),
        ("2000-01-01T00:00:00.000Z", "2000-01-01T00:00:00Z"),
        ("2028-02-29T23:59:59Z", "2028-02-29T23:59:59Z"),
        ("2038-01-19T03:14:08Z", "2038-01-19T03:14:08Z"),
        ("2100-02-28T00:00:00Z", "2100-02-28T00:00:00Z"),
        ("1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z"),
        ("9999-12-30T00:00:00Z", "9999-12-30T00:00:00Z"),
    ] {
        assert_eq!(instant(text, None), (utc.to_owned(), Clocks::Once));
    }
}

#[test]
fn each_mistake_has_its_words() {
    use StartTimeError::{
        Fraction, Impossible, LeapSecond, Malformed, NoZone, OffsetAndZone, OutOfRange, UnknownZone,
    };
    let berlin = Some("Europe/Berlin");
    for (text, zone, want) in [
        ("2027-01-04T09:00:00Z", berlin, OffsetAndZone),
        ("2027-01-04T09:00:00+01:00", berlin, OffsetAndZone),
        ("2027-01-04T09:00:00", None, NoZone),
        ("2027-01-04T09:00:00", Some("Europe/Berlim"), UnknownZone),
        ("2027-01-04T09:00:00", Some(""), UnknownZone),
        ("2027-01-04T09:00:00", Some("Local"), UnknownZone),
        ("2027-01-04T09:00:00", Some("Etc/Unknown"), UnknownZone),
        ("2027-01-04T09:00:00", Some("../Europe/Berlin"), UnknownZone),
        ("2027-01-04T09:00:00", Some("CET-1CEST,M3.5.0,M10.5.0/3"), UnknownZone),
        ("2027-01-04T09:00:00", Some("+01:00"), UnknownZone),
        ("2027-01-04T09:00:00", Some("europe/berlin"), StartTimeError::ZoneSpelling("Europe/Berlin".into())),
        ("2027-02-29T09:00:00Z", None, Impossible),
        ("2100-02-29T09:00:00Z", None, Impossible),
        ("2027-13-01T09:00:00Z", None, Impossible),
        ("2027-00-01T09:00:00Z", None, Impossible),
        ("2027-01-04T24:00:00Z", None, Impossible),
        ("2027-01-04T09:60:00", berlin, Impossible),
        ("2027-01-04T09:00:61Z", None, Impossible),
        ("2027-01-04T09:00:00+24:00", None, Impossible),
        ("2027-01-04T09:00:00+01:60", None, Impossible),
        ("2016-12-31T23:59:60Z", None, LeapSecond),
        ("2027-01-04T09:00:60", berlin, LeapSecond),
        ("2027-01-04T09:00:00.5Z", None, Fraction),
        ("1969-12-31T23:59:59Z", None, OutOfRange),
        ("1970-01-01T00:30:00", berlin, OutOfRange),
        ("0000-01-01T00:00:00Z", None, OutOfRange),
        ("9999-12-31T23:59:59Z", None, OutOfRange),
        ("9999-12-31T23:59:59", berlin, OutOfRange),
        ("", berlin, Malformed),
        ("tomorrow", berlin, Malformed),
        ("2027-01-04", berlin, Malformed),
        ("2027-01-04T09:00", berlin, Malformed),
        ("2027-01-04 09:00:00", berlin, Malformed),
        ("2027-01-04t09:00:00z", None, Malformed),
        ("20270104T090000Z", None, Malformed),
        ("+002027-01-04T09:00:00Z", None, Malformed),
        ("2027-01-04T09:00:00.Z", None, Malformed),
        ("2027-01-04T09:00:00+0100", None, Malformed),
        ("2027-01-04T09:00:00+01", None, Malformed),
        ("2027-01-04T09:00:00 Z", None, Malformed),
        ("2027-01-04T09:00:00+01:00[Europe/Berlin]", None, Malformed),
        ("2027-01-04T09:00:0\u{661}Z", None, Malformed),
    ] {
        assert_eq!(resolve(text, zone), Err(want), "{text} {zone:?}");
    }
}

#[test]
fn the_zone_database_is_in_the_binary() {
    assert!(!TimeZoneDatabase::bundled().is_definitively_empty());
    assert!(TimeZoneDatabase::bundled().available().count() > 400);
}

proptest! {
    #[test]
    fn any_text_is_an_instant_or_an_error(text in ".{0,40}", zone in proptest::option::of(".{0,20}")) {
        let _ = resolve(&text, zone.as_deref());
    }

    #[test]
    fn instants_are_read_back(second in 0_i64..253_402_000_000) {
        let at = Timestamp::from_second(second).unwrap();
        prop_assert_eq!(resolve(&at.to_string(), None).unwrap().instant, at);
        let zone = TimeZoneDatabase::bundled().get("America/New_York").unwrap();
        let local = zone.to_datetime(at).strftime("%Y-%m-%dT%H:%M:%S").to_string();
        if let Ok(found) = resolve(&local, Some("America/New_York")) {
            prop_assert!(found.instant == at || found.clocks == Clocks::Repeated);
        } else {
            prop_assert!(second < 5 * 3600, "local times of 1969");
        }
    }
}
