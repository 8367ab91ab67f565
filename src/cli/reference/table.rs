//! Tables in Markdown.

use std::fmt;

/// A table with a head.
pub(super) struct Table {
    lines: Vec<String>,
    rows: usize,
}

impl Table {
    pub(super) fn new(head: &[&str]) -> Self {
        Self { lines: vec![line(head.iter()), line(head.iter().map(|_| "---"))], rows: 0 }
    }

    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows += 1;
        self.lines.push(line(cells.into_iter().map(|cell| plain(&cell))));
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows == 0
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

/// `text` as code, nothing for nothing.
pub(super) fn code(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("`{text}`") }
}

fn line(cells: impl Iterator<Item = impl fmt::Display>) -> String {
    let cells: Vec<String> = cells.map(|cell| cell.to_string()).collect();
    format!("| {} |", cells.join(" | "))
}

/// One line that ends no cell.
fn plain(cell: &str) -> String {
    cell.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
