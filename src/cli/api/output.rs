//! What is printed: aligned tables or JSON on standard output, remarks on standard error.
//!
//! Guarantee: a reader that goes away early ends the command without a panic.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, anyhow};
use serde::Serialize;

use super::Failure;
use crate::jumpcloud::message;

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// Aligned columns, for people.
    Table,
    /// One JSON document, for programs.
    Json,
}

/// A table with a head, its columns aligned.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(super) fn new(head: impl IntoIterator<Item = &'static str>) -> Self {
        Self { rows: vec![head.into_iter().map(str::to_owned).collect()] }
    }

    /// A row; a cell without content is a dash.
    pub(super) fn row<'a>(&mut self, cells: impl IntoIterator<Item = Option<&'a str>>) {
        let cell = |text: Option<&str>| text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned();
        self.rows.push(cells.into_iter().map(cell).collect());
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut widths: Vec<usize> = Vec::new();
        for row in &self.rows {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.chars().count());
            }
        }
        for row in &self.rows {
            let line: String =
                row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}  ")).collect();
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// A word from JumpCloud, fit for a terminal: one line, nothing invisible.
pub(super) fn plain(text: &str) -> String {
    message::clean(text)
}

/// Prints results.
pub(super) fn print(text: &str) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::Closed),
        Err(error) => Err(Failure::Failed(anyhow!("the result cannot be printed: {error}"))),
    }
}

/// Prints results as JSON.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value).context("the result cannot be written as JSON")?;
    print(&(text + "\n"))
}

/// Says something about the results. That nobody listens is no failure.
pub(super) fn note(text: &str) {
    drop(writeln!(io::stderr().lock(), "{text}"));
}

/// A number of things.
pub(super) fn count(number: usize, one: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {one}s") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["USER", "STATE", "TIME"]);
        table.row([Some("ada"), Some("Suspended"), None]);
        table.row([Some("jürgen"), Some(""), Some("2100")]);
        assert_eq!(
            table.to_string(),
            "USER    STATE      TIME\nada     Suspended  -\njürgen  -          2100\n"
        );
    }

    #[test]
    fn nothing_from_elsewhere_moves_the_cursor() {
        assert_eq!(plain("a\u{1b}[2Jb\r\nc\u{202e}"), "ab c");
    }
}
