//! One shape for every error: code, sentence, details, a command to paste, an exit code.

use super::shell::{Format, Shell, Style};
use super::t;
use crate::catalogue;
use serde_json::{Value, json};
use std::borrow::Cow;
use std::fmt::Display;
use std::process::ExitCode;

/// What a command ends with.
pub(crate) type Outcome = Result<Exit, Failure>;

/// The exit codes scripts can rely on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// 0: done.
    Done,
    /// 1: a check or test failed; for `doctor`: a warning.
    Failed,
    /// 2: wrong use; for `doctor`: a fault.
    Usage,
    /// 3: refused or not allowed.
    Refused,
    /// 4: the bus cannot be reached or understood.
    Unreachable,
    /// 64: bad configuration.
    Config,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Refused => 3,
            Exit::Unreachable => 4,
            Exit::Config => 64,
        })
    }
}

/// An error as a person meets it. Never holds payload, tokens or keys.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Cow<'static, str>,
    message: String,
    details: Vec<String>,
    hint: String,
    exit: Exit,
}

impl Failure {
    /// An error with its code and one sentence; the hint is `stadtbus explain CODE` until a better one is given.
    pub(crate) fn new(code: impl Into<Cow<'static, str>>, exit: Exit, message: impl Into<String>) -> Self {
        let code = code.into();
        let hint = format!("stadtbus explain {code}");
        Self {
            code,
            message: message.into(),
            details: Vec::new(),
            hint,
            exit,
        }
    }

    /// Wrong use of a command.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self::new("SB-6002", Exit::Usage, message).hint("stadtbus --help")
    }

    /// A file or folder named on the command line that cannot be used.
    pub(crate) fn file(path: &std::path::Path, error: &dyn Display) -> Self {
        let message = crate::say!(
            "{} lässt sich nicht öffnen.",
            "{} cannot be opened.",
            path.display()
        );
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let hint = format!("ls -l {}", folder.unwrap_or(std::path::Path::new(".")).display());
        Self::new("SB-6003", Exit::Usage, message)
            .detail(error.to_string())
            .hint(hint)
    }

    /// Adds one line of detail.
    #[must_use]
    pub(crate) fn detail(mut self, line: impl Into<String>) -> Self {
        self.details.push(line.into());
        self
    }

    /// Replaces the hint by a better command.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The code, for tests and for commands that react to one.
    pub(crate) fn code(&self) -> &str {
        &self.code
    }

    /// The sentence.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// The exit code.
    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// The error for programs.
    pub(crate) fn to_json(&self) -> Value {
        let title = catalogue::find(&self.code).map(catalogue::Page::title);
        json!({
            "code": self.code, "title": title, "message": self.message, "details": self.details, "hint": self.hint,
        })
    }

    /// The error for people; `paint` is the emphasis of the channel it goes to.
    pub(crate) fn lines(&self, paint: impl Fn(Style, &str) -> String) -> Vec<String> {
        let head = format!("{} {}:", t("Fehler", "error"), self.code);
        let mut lines = vec![format!("{} {}", paint(Style::Bad, &head), self.message)];
        lines.extend(self.details.iter().map(|line| format!("  {line}")));
        let head = format!("{}:", t("Hinweis", "hint"));
        lines.push(format!("{} {}", paint(Style::Strong, &head), self.hint));
        lines
    }

    /// Writes the error to stderr, as text or JSON.
    pub(crate) fn report(&self, shell: &Shell) {
        if shell.format() == Format::Json {
            shell.error_line(&json!({"error": self.to_json()}).to_string());
            return;
        }
        for line in self.lines(|style, text| shell.paint_error(style, text)) {
            shell.error_line(&line);
        }
    }
}
