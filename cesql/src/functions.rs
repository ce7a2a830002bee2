//! Functions: how a name and a number of arguments find one, and how users add theirs (§3.5).

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use crate::builtins::{BUILTINS, Builtin};
use crate::lexer::Keyword;
use crate::value::{Type, Value};

/// Farthest a name may be from what was probably meant, in edits per three letters.
const LETTERS_PER_EDIT: usize = 3;

/// Why a function of the user failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionError {
    pub(crate) message: Cow<'static, str>,
    pub(crate) value: Option<Value<'static>>,
}

impl FunctionError {
    /// A failure without a value of its own: the call is worth the zero value of the function's type (§3.5.3).
    /// `message` should be one sentence that repeats no argument.
    pub fn new(message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            message: message.into(),
            value: None,
        }
    }

    /// What the call is worth nevertheless.
    #[must_use]
    pub fn with_value(mut self, value: impl Into<Value<'static>>) -> Self {
        self.value = Some(value.into());
        self
    }
}

type Body = dyn Fn(&[Value<'_>]) -> Result<Value<'static>, FunctionError> + Send + Sync;

/// A function of the user: a name, the types of its parameters and of its result, and what it does.
///
/// It has to be pure and to end soon: the language promises both of every expression (§1), and evaluation has no
/// time limit. Arguments are cast before it is called; a result of another type than declared is an error.
///
/// ```
/// use cloudevents_sql::{Function, FunctionError, Functions, Parser, Type};
///
/// let mut functions = Functions::default();
/// functions.register(Function::new("DISTRICT", [Type::String], Type::Integer, |arguments| {
///     let [subject] = arguments else { return Err(FunctionError::new("takes one argument")) };
///     let subject = subject.to_string();
///     let code = subject.split('-').nth(1).and_then(|code| code.parse::<i32>().ok());
///     code.map(Into::into).ok_or_else(|| FunctionError::new("the subject names no district"))
/// }))?;
///
/// let expression = Parser::new().with_functions(functions).parse("district(subject) IN (7, 9)")?;
/// assert!(expression.matches(&[("subject", "KR-7-004711")]));
/// assert!(!expression.matches(&[("subject", "KR-8-004711")]));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
pub struct Function {
    pub(crate) name: Box<str>,
    pub(crate) parameters: Box<[Type]>,
    pub(crate) variadic: Option<Type>,
    pub(crate) returns: Type,
    pub(crate) body: Arc<Body>,
}

impl Function {
    /// A function of as many arguments as `parameters` says. The name counts in any case of letters.
    pub fn new(
        name: &str,
        parameters: impl Into<Vec<Type>>,
        returns: Type,
        body: impl Fn(&[Value<'_>]) -> Result<Value<'static>, FunctionError> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name: name.to_ascii_uppercase().into(),
            parameters: parameters.into().into(),
            variadic: None,
            returns,
            body: Arc::new(body),
        }
    }

    /// Takes any number of further arguments, all of type `ty`.
    #[must_use]
    pub fn variadic(mut self, ty: Type) -> Self {
        self.variadic = Some(ty);
        self
    }

    /// The type the argument at place `at` is cast to.
    pub(crate) fn parameter(&self, at: usize) -> Option<Type> {
        self.parameters.get(at).copied().or(self.variadic)
    }

    fn arity(&self) -> Arity {
        Arity {
            fixed: self.parameters.len(),
            variadic: self.variadic.is_some(),
        }
    }
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Function")
            .field("name", &self.name)
            .field("parameters", &self.parameters)
            .field("variadic", &self.variadic)
            .field("returns", &self.returns)
            .finish_non_exhaustive()
    }
}

/// How many arguments a function takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Arity {
    pub(crate) fixed: usize,
    pub(crate) variadic: bool,
}

impl Arity {
    pub(crate) fn takes(self, arguments: usize) -> bool {
        arguments == self.fixed || self.variadic && arguments > self.fixed
    }

    /// Whether both could be meant by one call, or the order of the two is not what §3.5 asks for: the function with
    /// any number of arguments begins where the others end.
    fn clashes(self, other: Self) -> bool {
        match (self.variadic, other.variadic) {
            (true, true) => true,
            (true, false) => other.fixed >= self.fixed,
            (false, true) => self.fixed >= other.fixed,
            (false, false) => self.fixed == other.fixed,
        }
    }
}

/// Why a function was not registered.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RegisterError {
    /// The name is not letters and `_` beginning with a letter (§2.4), or is a keyword.
    Name(Box<str>),
    /// Some call could mean this function or one that is there already (§3.5).
    Ambiguous(Box<str>),
}

impl fmt::Display for RegisterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(
                f,
                "`{name}` cannot name a function: letters and `_`, beginning with a letter, and no keyword"
            ),
            Self::Ambiguous(name) => write!(
                f,
                "a call of {name} could mean this function or another that is registered"
            ),
        }
    }
}

impl std::error::Error for RegisterError {}

/// The functions an expression may call: the built-in ones, and what was registered besides.
#[derive(Clone, Debug, Default)]
pub struct Functions {
    custom: Vec<Arc<Function>>,
}

impl Functions {
    /// Adds a function. Names may be overloaded by number of arguments, those of built-in functions, too.
    ///
    /// # Errors
    ///
    /// Where the name is none, or a call could mean two functions (§3.5).
    pub fn register(&mut self, function: Function) -> Result<(), RegisterError> {
        let name = &function.name;
        if !is_name(name) || Keyword::of(name).is_some() {
            return Err(RegisterError::Name(name.clone()));
        }
        if self.arities(name).any(|arity| arity.clashes(function.arity())) {
            return Err(RegisterError::Ambiguous(name.clone()));
        }
        self.custom.push(Arc::new(function));
        Ok(())
    }

    fn arities(&self, name: &str) -> impl Iterator<Item = Arity> {
        let builtins = BUILTINS
            .iter()
            .filter(move |entry| entry.name == name)
            .map(|entry| entry.arity);
        let custom = self
            .custom
            .iter()
            .filter(move |function| *function.name == *name)
            .map(|function| function.arity());
        builtins.chain(custom)
    }

    /// The function a call means; `name` in upper case.
    pub(crate) fn resolve(&self, name: &str, arguments: usize) -> Callee {
        let mut builtins = BUILTINS.iter();
        if let Some(entry) = builtins.find(|entry| entry.name == name && entry.arity.takes(arguments)) {
            return Callee::Builtin(entry.builtin);
        }
        let mut custom = self.custom.iter();
        match custom.find(|function| *function.name == *name && function.arity().takes(arguments)) {
            Some(function) => Callee::Custom(Arc::clone(function)),
            None => Callee::Missing {
                hint: self.missing_hint(name),
            },
        }
    }

    fn missing_hint(&self, name: &str) -> Option<Box<str>> {
        let mut arities: Vec<String> = self.arities(name).map(written).collect();
        arities.sort();
        if !arities.is_empty() {
            return Some(format!("{name} takes {}", arities.join(" or ")).into());
        }
        let names = BUILTINS.iter().map(|entry| entry.name);
        let names = names.chain(self.custom.iter().map(|function| &*function.name));
        nearest(name, names).map(|meant| format!("did you mean {meant}?").into())
    }
}

fn written(arity: Arity) -> String {
    match arity {
        Arity {
            fixed: 0,
            variadic: true,
        } => "any number of arguments".to_owned(),
        Arity { fixed, variadic } => {
            let plural = if fixed == 1 { "" } else { "s" };
            let more = if variadic { " or more" } else { "" };
            format!("{fixed}{more} argument{plural}")
        }
    }
}

/// What a call means.
#[derive(Clone, Debug)]
pub(crate) enum Callee {
    Builtin(Builtin),
    Custom(Arc<Function>),
    /// Nothing. The hint is a sentence about what might have been meant.
    Missing {
        hint: Option<Box<str>>,
    },
}

impl Callee {
    pub(crate) fn returns(&self) -> Type {
        match self {
            Self::Builtin(builtin) => builtin.returns(),
            Self::Custom(function) => function.returns,
            // §3.5: a call that cannot be dispatched is worth `false`.
            Self::Missing { .. } => Type::Boolean,
        }
    }
}

/// Name and arguments, which are compared beside this, say which overload is meant.
impl PartialEq for Callee {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Builtin(one), Self::Builtin(two)) => one == two,
            (Self::Custom(one), Self::Custom(two)) => Arc::ptr_eq(one, two),
            (Self::Missing { .. }, Self::Missing { .. }) => true,
            _ => false,
        }
    }
}

/// Whether `name`, in upper case, may name a function (§2.4).
pub(crate) fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_uppercase())
        && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_')
}

/// The candidate that `name` is probably a misspelling of.
pub(crate) fn nearest<'c>(name: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let edits_max = name.len() / LETTERS_PER_EDIT;
    candidates
        // The distance is not computed where the lengths alone say that it is too big.
        .filter(|candidate| candidate.len().abs_diff(name.len()) <= edits_max)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(edits, _)| *edits <= edits_max)
        .min()
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn function(name: &str, parameters: usize, variadic: bool) -> Function {
        let function = Function::new(name, vec![Type::String; parameters], Type::Boolean, |_| {
            Ok(true.into())
        });
        if variadic {
            function.variadic(Type::String)
        } else {
            function
        }
    }

    #[test]
    fn overloads_follow_3_5() {
        let mut functions = Functions::default();
        let ambiguous = |name: &str| Err(RegisterError::Ambiguous(name.into()));
        // The example of the specification, first the valid set, then what is invalid beside it.
        assert_eq!(functions.register(function("abc", 1, false)), Ok(()));
        assert_eq!(functions.register(function("ABC", 2, false)), Ok(()));
        assert_eq!(functions.register(function("ABC", 3, true)), Ok(()));
        assert_eq!(functions.register(function("ABC", 2, false)), ambiguous("ABC"));
        assert_eq!(functions.register(function("ABC", 3, false)), ambiguous("ABC"));
        assert_eq!(functions.register(function("ABC", 9, true)), ambiguous("ABC"));
        assert_eq!(functions.register(function("DEF", 3, false)), Ok(()));
        assert_eq!(functions.register(function("DEF", 0, true)), ambiguous("DEF"));
        assert_eq!(functions.register(function("DEF", 3, true)), ambiguous("DEF"));
        assert_eq!(functions.register(function("DEF", 4, true)), Ok(()));
        // Built-in functions count.
        assert_eq!(functions.register(function("LEFT", 2, false)), ambiguous("LEFT"));
        assert_eq!(functions.register(function("LEFT", 3, false)), Ok(()));
        assert_eq!(
            functions.register(function("CONCAT", 7, false)),
            ambiguous("CONCAT")
        );
        for name in ["", "_A", "A1", "Ä", "NOT", "like"] {
            let refused = functions.register(function(name, 1, false));
            assert!(matches!(refused, Err(RegisterError::Name(_))), "{name}");
        }
    }

    #[test]
    fn misspelt_names_find_what_was_meant() {
        let functions = Functions::default();
        for (name, arguments, hint) in [
            ("LENGHT", 1, Some("did you mean LENGTH?")),
            ("SUBSTR", 2, None),
            ("TRIMM", 1, Some("did you mean TRIM?")),
            ("LEFT", 1, Some("LEFT takes 2 arguments")),
            ("SUBSTRING", 1, Some("SUBSTRING takes 2 arguments or 3 arguments")),
            ("CONCAT_WS", 0, Some("CONCAT_WS takes 1 or more argument")),
            ("ZZZ", 1, None),
        ] {
            let Callee::Missing { hint: found } = functions.resolve(name, arguments) else {
                panic!("{name} was found");
            };
            assert_eq!(found.as_deref(), hint, "{name}");
        }
    }
}
