use kube::core::{ObjectMeta, PartialObjectMetaExt, Status};

use super::*;
use crate::runtime::telemetry::LogFormat;
use crate::runtime::telemetry::capture::Capture;

fn secret() -> WatchedSecret {
    "people/jumpcloud".parse().unwrap()
}

fn found(version: &str) -> Metadata {
    let metadata = ObjectMeta {
        uid: Some("a".to_owned()),
        resource_version: Some(version.to_owned()),
        ..ObjectMeta::default()
    };
    metadata.into_response_partial()
}

fn refusal() -> watcher::Error {
    let status = Status::failure("no", "Forbidden").with_code(403);
    watcher::Error::InitialListFailed(kube::Error::Api(Box::new(status)))
}

#[test]
fn a_secret_is_named_with_its_namespace() {
    for name in ["people/jumpcloud", "a/b.c-d", "team-1/0"] {
        assert_eq!(name.parse::<WatchedSecret>().unwrap().to_string(), name);
    }
    for text in
        ["", "jumpcloud", "/jumpcloud", "people/", "people/*", "*/jumpcloud", "a/b/c", "a.b/c", "a /b", "A/b"]
    {
        assert_eq!(text.parse::<WatchedSecret>(), Err(NotASecret), "{text}");
    }
}

#[test]
fn a_list_tells_what_is_there_when_it_is_over() {
    let (mut course, secret) = (Course::default(), secret());
    let there = |version: &str| News::Version(Some(format!("a/{version}")));
    for _ in 0..2 {
        assert_eq!(course.take_in(Ok(Event::Init), &secret), News::None);
        assert_eq!(course.take_in(Ok(Event::InitApply(found("7"))), &secret), News::None);
        assert_eq!(course.take_in(Ok(Event::InitDone), &secret), there("7"));
    }
    assert_eq!(course.take_in(Ok(Event::Apply(found("8"))), &secret), there("8"));
    assert_eq!(course.take_in(Ok(Event::Delete(found("9"))), &secret), News::Version(None));
    // A list that was given up says nothing.
    assert_eq!(course.take_in(Ok(Event::InitApply(found("10"))), &secret), News::None);
    assert_eq!(course.take_in(Ok(Event::Init), &secret), News::None);
    assert_eq!(course.take_in(Ok(Event::InitDone), &secret), News::Version(None));
}

#[test]
fn a_refusal_is_told_once_until_it_is_over() {
    let log = Capture::start("info", LogFormat::Text);
    let (mut course, secret) = (Course::default(), secret());
    for _ in 0..3 {
        assert_eq!(course.take_in(Err(refusal()), &secret), News::Refused);
    }
    let told = |text: &str| log.text().matches(text).count();
    assert_eq!(told("list and watch Secrets named jumpcloud in namespace people"), 1, "{}", log.text());
    assert_eq!(told("take --watch-secret=people/jumpcloud off"), 1, "{}", log.text());
    course.take_in(Ok(Event::InitDone), &secret);
    course.take_in(Ok(Event::InitDone), &secret);
    assert_eq!(told("the Secret is watched"), 1, "{}", log.text());
    course.take_in(Err(refusal()), &secret);
    assert_eq!(told("may not watch the Secret"), 2, "{}", log.text());
}

#[test]
fn an_interruption_is_no_refusal() {
    let log = Capture::start("info", LogFormat::Text);
    let mut course = Course::default();
    let gone = Status::failure("too old", "Expired").with_code(410);
    let errors = [watcher::Error::WatchError(Box::new(gone)), watcher::Error::NoResourceVersion];
    for error in errors {
        assert_eq!(course.take_in(Err(error), &secret()), News::None);
    }
    assert_eq!(log.text(), "");
}
