//! What would have been logged, for tests.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use tracing::subscriber::DefaultGuard;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::{LogFormat, subscriber};

/// Captures what this thread logs until it is dropped.
pub(crate) struct Capture {
    lines: Lines,
    _guard: DefaultGuard,
}

impl Capture {
    /// Starts with the operator's own set-up: `filter` and `format` as on the command line.
    pub(crate) fn start(filter: &str, format: LogFormat) -> Self {
        let lines = Lines::default();
        let writer = lines.clone();
        let subscriber = subscriber(filter, format, false, move || writer.clone()).expect("a valid filter");
        Self { lines, _guard: subscriber.set_default() }
    }

    /// Everything so far.
    pub(crate) fn text(&self) -> String {
        let bytes = self.lines.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[derive(Debug, Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);

impl io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
