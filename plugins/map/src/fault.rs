//! What is wrong with an expression, and where: in words that hold nothing of the input.

use jsonata_core::evaluator::EvaluatorError;

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// `a-z0-9-`: JSONata's own code in lower case where it has one.
    pub(crate) code: String,
    /// One sentence.
    pub(crate) text: String,
    /// Where in the expression, in bytes.
    pub(crate) offset: usize,
}

impl Fault {
    pub(crate) fn new(code: impl Into<String>, text: impl Into<String>, offset: usize) -> Self {
        Self {
            code: code.into(),
            text: text.into(),
            offset,
        }
    }

    /// The sentence with its place in `source`.
    pub(crate) fn told(&self, source: &str) -> String {
        let (line, column) = place(source, self.offset);
        format!("expression, line {line}, column {column}: {}", self.text)
    }
}

/// Line and column of an offset, both from 1, the column in characters.
pub(crate) fn place(source: &str, offset: usize) -> (u32, u32) {
    let before = source.get(..offset).unwrap_or(source);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (count(line), count(column))
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// JSONata's code of an error, in lower case.
pub(crate) fn code(error: &EvaluatorError) -> String {
    error
        .code()
        .map_or_else(|| "expression-failed".to_owned(), str::to_lowercase)
}

/// What an error of JSONata means. Its own sentence quotes values, so it is never repeated.
pub(crate) fn meaning(code: &str) -> &'static str {
    match code {
        "t2001" => "the left side of an arithmetic operator is not a number",
        "t2002" => "the right side of an arithmetic operator is not a number",
        "t2003" => "the left side of `..` is not a whole number",
        "t2004" => "the right side of `..` is not a whole number",
        "t2006" => "the right side of `~>` is not a function",
        "t2007" => "the values to be sorted are neither all numbers nor all strings",
        "t2008" => "a value to be sorted by is neither a number nor a string",
        "t2009" => "what is compared are not two numbers or two strings",
        "t2010" => "what is compared with `<`, `<=`, `>` or `>=` is neither a number nor a string",
        "t2011" => "the update of a transform is not an object",
        "t2012" => "the deletion of a transform is neither a string nor a list of strings",
        "t1003" => "the name of a member is not a string",
        "t1005" | "t1006" => "what is called here is not a function",
        "t0410" => "an argument of a function has the wrong type",
        "t0411" => "the input does not fit as the argument of a function",
        "t0412" => "an argument of a function must be a list of one type",
        "d1001" => "the result is not a finite number",
        "d1002" => "what is negated is not a number",
        "d1004" => "the regular expression matches nothing at all",
        "d1009" => "two members of an object get the same name",
        "d1011" | "u1001" => "it nests or recurses too deeply",
        "d2014" | "d2015" => "a list gets too long",
        "d3030" => "what is to be a number is not one",
        "d3040" => "the third argument of `$replace` or `$match` is negative",
        "d3050" => "the second argument of `$reduce` is a function of fewer than two parameters",
        "d3060" | "d3061" => "the power or root of a number is not a number",
        "d3070" => "values without a common order need a function to `$sort` them by",
        "d3110" | "d3136" => "the text is not a time of the expected form",
        "d3137" => "the expression called `$error`",
        "d3138" => "`$single` found more than one value",
        "d3139" => "`$single` found no value",
        "d3140" => "the text cannot be decoded as part of a URL",
        "d3141" => "the expression called `$assert`, and what it asserts does not hold",
        _ => "it cannot be evaluated for this input",
    }
}
