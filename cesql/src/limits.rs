//! Named bounds: an expression is written by somebody else.

/// The longest text a function may make, in bytes. `CONCAT` and the like fail beyond it with a
/// [`FunctionEvaluation`](crate::ErrorKind::FunctionEvaluation) error. Four times the size of an event that every
/// intermediary must forward (CORE-9).
pub const TEXT_BYTES_MAX: usize = 256 * 1024;

/// What an expression may cost to parse, hold and evaluate.
///
/// Beyond a bound parsing ends with a [`ParseError`](crate::ParseError) that names it. The depth is what protects the
/// stack, so it has a ceiling: parsing, evaluating, printing and dropping all recurse no deeper than that.
///
/// ```
/// use cloudevents_sql::{Limits, Parser};
///
/// let parser = Parser::new().with_limits(Limits { list_items_max: 2, ..Limits::default() });
/// let error = parser.parse("id IN ('a', 'b', 'c')").unwrap_err();
/// assert_eq!(error.to_string(), "line 1, column 18: more than 2 items in one list");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the source, in bytes. 4096 by default.
    pub expression_bytes_max: usize,
    /// How deep parentheses, operators and calls may stand in one another. 64 by default, cut to
    /// [`Limits::DEPTH_CEILING`].
    pub depth_max: usize,
    /// Items of one set, arguments of one call, operands of one chain such as `a OR b OR c`. 256 by default.
    pub list_items_max: usize,
}

impl Limits {
    /// No `depth_max` goes beyond this. As deep as this, an optimised build needs less than 384 KiB of stack and a debug
    /// build less than 1.5 MiB; a thread has 2 MiB where nobody asked for less.
    pub const DEPTH_CEILING: usize = 128;

    pub(crate) fn depth(&self) -> usize {
        self.depth_max.min(Self::DEPTH_CEILING)
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            expression_bytes_max: 4096,
            depth_max: 64,
            list_items_max: 256,
        }
    }
}
