//! Logs to stderr, and what may never be in them.
//!
//! ## Guarantees
//! - A level without a target (`debug`) speaks of the operator's own code. Dependencies stay at `warn`
//!   unless the filter names them (`info,hyper_util=debug`).
//! - Some dependencies print bodies or header values at some level. They are capped, whatever the
//!   filter says; `CAPS` gives each its reason.
//! - What our own code tells of a watch is not told once more by kube-runtime, at each try ([`RETOLD`]).
//! - An invalid filter is an error, not a silent default.
//!
//! ## Assumptions
//! - The operator's own events name objects, never fields of users, bodies or keys. Types that hold
//!   such values do not print them (`secrecy`).

#[cfg(test)]
pub(crate) mod capture;
#[cfg(test)]
mod leaks;

use std::io::{self, IsTerminal as _};
use std::str::FromStr;

use thiserror::Error;
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Metadata, Subscriber};
use tracing_subscriber::filter::{DynFilterFn, EnvFilter, ParseError, Targets};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::{SubscriberInitExt as _, TryInitError};
use tracing_subscriber::{Layer as _, fmt, registry};

/// The filter that holds when nothing is said.
pub const DEFAULT_FILTER: &str = "info";

/// The crates whose targets a bare level speaks of.
const OURS: [&str; 2] = ["jumpcloud_operator", "kubectl_jumpcloud"];

/// Targets that no filter opens further, by longest prefix; read in the sources of the versions in
/// Cargo.lock, to be read again when a major version changes.
const CAPS: [(&str, LevelFilter); 6] = [
    // kube-client 5.0 `client/mod.rs` prints the whole body of an answer that does not parse, at warn
    // (a Secret, a batch of users), and at debug the text of refusals, which quotes refused values.
    ("kube_client::client", LevelFilter::ERROR),
    // These modules below it print no bodies, and their warnings matter (a CA that cannot be read).
    ("kube_client::client::tls", LevelFilter::WARN),
    ("kube_client::client::auth", LevelFilter::WARN),
    // kube-runtime 5.0 `watcher.rs` prints errors with the text of the parser, which quotes values.
    ("kube_runtime", LevelFilter::WARN),
    // reqwest 0.13 prints every byte read and written, headers too, when `connection_verbose` is on.
    ("reqwest", LevelFilter::WARN),
    // h2 0.4 leaves header values out of frames, but prints a malformed `te` and GOAWAY's free text.
    ("h2", LevelFilter::WARN),
];

/// Name of the spans in which `WATCHER` is not heard. They must be at `warn`, to be there whenever it would be.
pub const RETOLD: &str = "secret_watch";

/// Warns of a watch that is refused each time that it tries again.
const WATCHER: &str = "kube_runtime::watcher";

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum LogFormat {
    /// For people; coloured on a terminal.
    #[default]
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

/// Why logging could not be set up.
#[derive(Debug, Error)]
pub enum TelemetryError {
    /// The filter is not EnvFilter syntax.
    #[error("log level {filter:?} is not understood ({source}); write a level (info) or target=level pairs")]
    Filter {
        /// The filter as it was given.
        filter: String,
        /// What the parser says.
        source: ParseError,
    },
    /// Something else in the process has set up logging before.
    #[error("logging is already set up: {0}")]
    AlreadySet(#[from] TryInitError),
}

/// Sets up logging for the whole process, `log` records of dependencies included. `filter` is in the
/// syntax of [`EnvFilter`], see the module for what a bare level means.
///
/// # Errors
/// When the filter is invalid, or logging was set up before.
pub fn init(filter: &str, format: LogFormat) -> Result<(), TelemetryError> {
    let coloured = io::stderr().is_terminal();
    Ok(subscriber(filter, format, coloured, io::stderr)?.try_init()?)
}

fn subscriber<W>(
    filter: &str,
    format: LogFormat,
    coloured: bool,
    writer: W,
) -> Result<impl Subscriber + Send + Sync + 'static, TelemetryError>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let parsed = EnvFilter::builder()
        .with_regex(false)
        .parse(scoped(filter))
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let caps = Targets::new().with_targets(CAPS).with_default(LevelFilter::TRACE);
    let lines = fmt::layer().with_writer(writer).with_ansi(coloured);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    Ok(registry().with(parsed).with(caps).with(not_retold()).with(lines))
}

/// Leaves out what [`WATCHER`] says in spans that are [`RETOLD`].
fn not_retold<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl tracing_subscriber::Layer<S> {
    let is_watcher = |metadata: &Metadata<'_>| metadata.target() == WATCHER;
    DynFilterFn::new(move |metadata, context: &Context<'_, S>| {
        !is_watcher(metadata) || context.lookup_current().is_none_or(|span| span.name() != RETOLD)
    })
    // Everything else is asked about once and not at each event.
    .with_callsite_filter(
        move |metadata| {
            if is_watcher(metadata) { Interest::sometimes() } else { Interest::always() }
        },
    )
}

/// Rewrites every bare level of a filter into one for our crates, and at most `warn` for the others.
fn scoped(filter: &str) -> String {
    let filter = if filter.trim().is_empty() { DEFAULT_FILTER } else { filter };
    let directives = filter.split(',').map(str::trim).map(|directive| {
        let Ok(level) = LevelFilter::from_str(directive) else { return directive.to_owned() };
        let others = level.min(LevelFilter::WARN);
        let ours = OURS.map(|target| format!("{target}={level}"));
        format!("{others},{}", ours.join(","))
    });
    directives.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
mod tests {
    use tracing::{debug, error, info, trace, warn};

    use super::capture::Capture;
    use super::*;

    #[test]
    fn a_bare_level_speaks_of_our_own_code() {
        let ours = |level: &str| format!("jumpcloud_operator={level},kubectl_jumpcloud={level}");
        assert_eq!(scoped("debug"), format!("warn,{}", ours("debug")));
        assert_eq!(scoped("ERROR"), format!("error,{}", ours("error")));
        assert_eq!(scoped("off"), format!("off,{}", ours("off")));
        assert_eq!(scoped(""), format!("warn,{}", ours("info")));
        assert_eq!(scoped("info, hyper_util=debug"), format!("warn,{},hyper_util=debug", ours("info")));
    }

    #[test]
    fn what_we_tell_ourselves_is_not_told_again() {
        let log = Capture::start("warn", LogFormat::Text);
        let warn = |text: &str| warn!(target: "kube_runtime::watcher", "{text}");
        warn("outside");
        tracing::warn_span!(RETOLD).in_scope(|| {
            warn("inside");
            warn!(target: "kube_client::client::auth", "another target");
            warn!("our own");
        });
        tracing::warn_span!("another").in_scope(|| warn("in another span"));
        let log = log.text();
        for there in ["outside", "another target", "our own", "in another span"] {
            assert!(log.contains(there), "{there}: {log}");
        }
        assert!(!log.contains("inside"), "{log}");
    }

    #[test]
    fn dependencies_are_quiet_until_they_are_named() {
        let emit = || {
            trace!(target: "jumpcloud_operator::plan", "own trace");
            debug!(target: "hyper_util::client", "dependency debug");
            warn!(target: "hyper_util::client", "dependency warning");
        };
        let plain = Capture::start("trace", LogFormat::Text);
        emit();
        let plain = plain.text();
        assert!(plain.contains("own trace") && plain.contains("dependency warning"), "{plain}");
        assert!(!plain.contains("dependency debug"), "{plain}");

        let named = Capture::start("info,hyper_util=debug", LogFormat::Text);
        emit();
        let named = named.text();
        assert!(named.contains("dependency debug") && !named.contains("own trace"), "{named}");
    }

    #[test]
    fn no_filter_lifts_a_cap() {
        let all =
            "trace,kube_client=trace,kube_client::client=trace,kube_runtime=trace,reqwest=trace,h2=trace";
        let log = Capture::start(all, LogFormat::Json);
        warn!(target: "kube_client::client", "canary 1");
        error!(target: "kube_client::client", "failure of the API");
        warn!(target: "kube_client::client::tls", "unreadable CA");
        info!(target: "kube_runtime::watcher", "canary 2");
        debug!(target: "reqwest::connect", "canary 3");
        trace!(target: "h2::frame::headers", "canary 4");
        let text = log.text();
        assert!(text.contains("failure of the API") && text.contains("unreadable CA"), "{text}");
        assert!(!text.contains("canary"), "{text}");
    }

    #[test]
    fn json_lines_are_objects_with_the_fields_at_the_top() {
        let log = Capture::start("info", LogFormat::Json);
        info!(target: "jumpcloud_operator", job = "5f", "job accepted");
        let text = log.text();
        let line: serde_json::Value = serde_json::from_str(text.trim()).unwrap();
        assert_eq!(line["message"], "job accepted");
        assert_eq!(line["job"], "5f");
        assert_eq!(line["level"], "INFO");
    }

    #[test]
    fn terminal_codes_in_values_are_not_passed_on() {
        let log = Capture::start("info", LogFormat::Text);
        info!(target: "jumpcloud_operator", name = "\u{1b}[31mred", "seen \u{1b}[2J");
        assert!(!log.text().contains('\u{1b}'));
    }

    #[test]
    fn an_invalid_filter_is_an_error_that_quotes_it() {
        let error =
            subscriber("info,jumpcloud_operator=loud", LogFormat::Text, false, io::sink).err().unwrap();
        assert!(error.to_string().contains("jumpcloud_operator=loud"), "{error}");
    }
}
