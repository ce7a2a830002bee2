//! What a tutorial tells its reader to do, in order.

use crate::shell::Done;

/// One thing the reader does.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Creates a file with this content.
    Write { path: String, text: String },
    /// Types a command. Where the page says so, the bus must refuse it.
    Type { command: String, refused: bool },
}

/// A block of commands that must be refused.
const REFUSED: &str = "sh refused";
const SHELL: &str = "sh";

/// Takes the steps out of a page: a block below a line that names a file is that file, a block of the shell is commands, one
/// a line. A page of this kind has no other blocks, so that nothing on it can be left out by mistake.
pub(crate) fn steps(page: &str) -> Done<Vec<Step>> {
    let mut steps = Vec::new();
    let mut named: Option<&str> = None;
    let mut lines = page.lines().enumerate();
    while let Some((number, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            // A name holds over empty lines only.
            if !line.is_empty() {
                named = file_name(line);
            }
            continue;
        };
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .collect();
        match (named.take(), kind) {
            (Some(path), _) => steps.push(Step::Write {
                path: path.to_owned(),
                text: block.iter().map(|line| format!("{line}\n")).collect(),
            }),
            (None, SHELL | REFUSED) => {
                let commands = block
                    .iter()
                    .filter(|line| !line.is_empty() && !line.starts_with('#'));
                steps.extend(commands.map(|command| Step::Type {
                    command: (*command).to_owned(),
                    refused: kind == REFUSED,
                }));
            }
            (None, _) => {
                return Err(format!(
                    "line {}: a block that is neither a file nor commands",
                    number + 1
                ));
            }
        }
    }
    Ok(steps)
}

/// `` `src/lib.rs`: `` on a line of its own.
fn file_name(line: &str) -> Option<&str> {
    let name = line.strip_prefix('`')?.strip_suffix("`:")?;
    (!name.contains('`')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_commands_are_taken_out_in_order() {
        let page = "# T\n\n`a/b.txt`:\n\n```text\none\n\ntwo\n```\n\n`b` is no file:\n\n```sh\nls\n# nothing\n\nid\n```\n\n```sh refused\nno\n```\n";
        let typed = |command: &str, refused| Step::Type {
            command: command.to_owned(),
            refused,
        };
        let written = Step::Write {
            path: "a/b.txt".to_owned(),
            text: "one\n\ntwo\n".to_owned(),
        };
        let expected = vec![written, typed("ls", false), typed("id", false), typed("no", true)];
        assert_eq!(steps(page), Ok(expected));
    }

    #[test]
    fn a_block_that_nobody_would_execute_is_told() {
        let refused = steps("x\n\n```yaml\na: 1\n```\n");
        assert!(
            refused.as_ref().is_err_and(|why| why.contains("line 3")),
            "{refused:?}"
        );
    }
}
