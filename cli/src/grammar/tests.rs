#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)]

use super::*;

fn visit(command: &clap::Command, path: &str, check: &mut dyn FnMut(&clap::Command, &str)) {
    check(command, path);
    for next in command.get_subcommands() {
        visit(next, &format!("{path} {}", next.get_name()), check);
    }
}

#[test]
fn the_grammar_is_sound() {
    command().debug_assert();
}

#[test]
fn every_command_has_a_sentence_an_example_and_explained_arguments() {
    visit(&command(), "stadtbus", &mut |command, path| {
        assert!(command.get_about().is_some(), "{path}: no sentence");
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            help.contains("Example:\n  ") && help.contains("stadtbus"),
            "{path}: no example"
        );
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{path}: {} is not explained",
                argument.get_id()
            );
        }
    });
}

#[test]
fn the_examples_of_the_help_texts_are_commands_that_exist() {
    visit(&command(), "stadtbus", &mut |command, path| {
        let help = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        for line in help
            .lines()
            .filter_map(|line| line.trim().strip_prefix("stadtbus "))
        {
            let line = line.split(" | ").next().unwrap().split(" > ").next().unwrap();
            // What stands between quotation marks is one word.
            let parts = line.split('"').enumerate();
            let words: Vec<OsString> = std::iter::once("stadtbus")
                .chain(parts.flat_map(|(n, part)| match n % 2 {
                    0 => part.split_whitespace().collect::<Vec<_>>(),
                    _ => vec![part],
                }))
                .map(OsString::from)
                .collect();
            let parsed = parse(&words);
            assert!(
                !matches!(parsed, Parsed::Wrong(_)),
                "{path}: `{line}` is {parsed:?}"
            );
        }
    });
}
