//! What is wrong with a city folder, shown so that an editor can jump to it.

use crate::say;
use crate::ui::text::{Lang, lang};
use crate::ui::{Exit, Failure, Shell, Style, t};
use stadtbus_contracts::{Finding, Severity};
use std::path::Path;

/// One finding as `file:line:column  SB-nnnn  sentence`, its hint on a line of its own.
pub(crate) fn lines(shell: &Shell, finding: &Finding) -> Vec<String> {
    // It begins with the folder already, as the caller named it.
    let mut place = finding.file.to_string();
    for number in [finding.line, finding.column].into_iter().flatten() {
        place.push_str(&format!(":{number}"));
    }
    let (style, word) = match finding.severity {
        Severity::Error => (Style::Bad, t("Fehler", "error")),
        Severity::Warning => (Style::Warn, t("Warnung", "warning")),
    };
    let head = shell.paint(style, &format!("{word} {}", finding.code));
    let detail = match lang() {
        Lang::De => &finding.detail.de,
        Lang::En => &finding.detail.en,
    };
    let mut lines = vec![format!("{place}: {head}: {detail}")];
    if let Some(hint) = &finding.hint {
        let hint = match lang() {
            Lang::De => &hint.de,
            Lang::En => &hint.en,
        };
        lines.push(format!("  {}: {hint}", t("Hinweis", "hint")));
    }
    lines
}

/// How many errors and warnings there are.
pub(crate) fn count(findings: &[Finding]) -> (usize, usize) {
    let errors = findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .count();
    (errors, findings.len().saturating_sub(errors))
}

/// A folder that cannot be used, with everything that was found; the code is that of the first error.
pub(crate) fn failure(shell: &Shell, folder: &Path, findings: &[Finding]) -> Failure {
    let (errors, _) = count(findings);
    let first = findings
        .iter()
        .find(|finding| finding.severity == Severity::Error);
    let message = say!(
        "Der Stadtordner {} hat {errors} Fehler.",
        "The city folder {} has {errors} errors.",
        folder.display()
    );
    let failure = Failure::new(
        first.map_or("SB-5001", |finding| finding.code),
        Exit::Config,
        message,
    );
    let failure = findings
        .iter()
        .flat_map(|finding| lines(shell, finding))
        .fold(failure, Failure::detail);
    failure.hint(format!("stadtbus lint {}", folder.display()))
}
