//! The two channels: data on stdout, notices on stderr.

use serde_json::Value;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::sync::atomic::{AtomicBool, Ordering};

use super::{Exit, Failure};
use crate::say;

/// How data is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Format {
    /// For people.
    Text,
    /// For programs: one JSON document, or one per line where data streams.
    Json,
}

/// An emphasis that may be shown as a colour and never carries meaning alone.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Style {
    /// Done, allowed.
    Good,
    /// Failed, refused.
    Bad,
    /// Needs a look.
    Warn,
    /// Headings.
    Strong,
    /// Beside the point.
    Dim,
}

/// Where a command writes.
#[derive(Debug)]
pub(crate) struct Shell {
    format: Format,
    quiet: bool,
    yes: bool,
    color_out: bool,
    color_err: bool,
    closed: AtomicBool,
}

impl Shell {
    /// A shell on this process's own channels. Colours need a terminal, and nobody who declined them.
    pub(crate) fn new(format: Format, quiet: bool, yes: bool, no_color: bool) -> Self {
        let plain = no_color || std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self {
            format,
            quiet,
            yes,
            color_out: !plain && io::stdout().is_terminal(),
            color_err: !plain && io::stderr().is_terminal(),
            closed: AtomicBool::new(false),
        }
    }

    /// How data is printed.
    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Nobody reads stdout any more; a command that streams should end.
    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }

    /// One line of data.
    pub(crate) fn line(&self, text: &str) {
        self.raw(format!("{text}\n").as_bytes());
    }

    /// Data as it is.
    pub(crate) fn raw(&self, bytes: &[u8]) {
        if self.closed() {
            return;
        }
        let mut out = io::stdout().lock();
        // Whatever the reason (closed pipe, full disk), there is no other place to put the data.
        if out.write_all(bytes).and_then(|()| out.flush()).is_err() {
            self.closed.store(true, Ordering::Relaxed);
        }
    }

    /// The same facts for programs or for people.
    pub(crate) fn show(&self, value: &Value, text: impl FnOnce() -> Vec<String>) {
        match self.format {
            Format::Json => self.line(&serde_json::to_string_pretty(value).unwrap_or_default()),
            Format::Text => self.lines(&text()),
        }
    }

    /// As [`Shell::show`], where one fact comes after another: a line of JSON each.
    pub(crate) fn show_line(&self, value: &Value, text: impl FnOnce() -> Vec<String>) {
        match self.format {
            Format::Json => self.line(&value.to_string()),
            Format::Text => self.lines(&text()),
        }
    }

    /// Several lines of data.
    pub(crate) fn lines(&self, lines: &[String]) {
        for line in lines {
            self.line(line);
        }
    }

    /// A remark on stderr; silent with `--quiet`.
    pub(crate) fn notice(&self, text: &str) {
        if !self.quiet {
            self.error_line(text);
        }
    }

    /// A line on stderr that is not a remark.
    pub(crate) fn error_line(&self, text: &str) {
        // If stderr is gone there is nobody left to tell.
        drop(writeln!(io::stderr().lock(), "{text}"));
    }

    /// Goes on only if whoever asks for a change means it. `hint` is the command that needs no question.
    pub(crate) fn agree(&self, question: &str, hint: impl Into<String>) -> Result<(), Failure> {
        match self.confirm(question) {
            Some(true) => Ok(()),
            Some(false) => Err(Failure::new(
                "SB-6002",
                Exit::Refused,
                super::t("Nichts wurde geändert.", "Nothing was changed."),
            )),
            None => Err(Failure::usage(say!(
                "Rückfrage nicht möglich: {question}",
                "Cannot ask: {question}"
            ))
            .hint(hint)),
        }
    }

    /// Without a terminal there is nobody to ask: `None`.
    fn confirm(&self, question: &str) -> Option<bool> {
        if self.yes {
            return Some(true);
        }
        if !io::stdin().is_terminal() {
            return None;
        }
        let mut err = io::stderr().lock();
        drop(write!(err, "{question} [{}] ", super::t("j/N", "y/N")).and_then(|()| err.flush()));
        let mut answer = String::new();
        io::stdin().lock().read_line(&mut answer).ok()?;
        Some(matches!(
            answer.trim().to_lowercase().as_str(),
            "j" | "ja" | "y" | "yes"
        ))
    }

    /// Emphasis for stdout.
    pub(crate) fn paint(&self, style: Style, text: &str) -> String {
        paint(self.color_out, style, text)
    }

    /// Emphasis for stderr.
    pub(crate) fn paint_error(&self, style: Style, text: &str) -> String {
        paint(self.color_err, style, text)
    }
}

fn paint(color: bool, style: Style, text: &str) -> String {
    if !color {
        return text.to_owned();
    }
    let code = match style {
        Style::Good => "32",
        Style::Bad => "1;31",
        Style::Warn => "33",
        Style::Strong => "1",
        Style::Dim => "2",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// Rows as columns of equal width (counted in characters, the last column unpadded); colours are added by
/// the caller only to the last column, so that the widths stay right.
pub(crate) fn table(rows: &[Vec<String>]) -> Vec<String> {
    let mut widths: Vec<usize> = Vec::new();
    for row in rows {
        for (at, cell) in row.iter().enumerate() {
            let width = cell.chars().count();
            match widths.get_mut(at) {
                Some(known) => *known = (*known).max(width),
                None => widths.push(width),
            }
        }
    }
    rows.iter()
        .map(|row| {
            let cells = row
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}", width = *width));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        })
        .collect()
}
