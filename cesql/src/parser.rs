//! From tokens to the tree (§2), with the precedence of §3.6.

use crate::ast::{Kind, Level, Literal, Node, Operator, Spelled};
use crate::functions::{self, Functions};
use crate::lexer::{self, Keyword, Token, unquoted};
use crate::like::Pattern;
use crate::limits::Limits;
use crate::parse_error::{ParseError, ParseErrorKind};
use crate::span::Span;

type Parsed<T = Node> = Result<T, ParseError>;

pub(crate) fn parse(source: &str, limits: &Limits, functions: &Functions) -> Parsed {
    let max = limits.expression_bytes_max;
    if source.len() > max {
        // Points at the first character too many, and looks at nothing behind it.
        let start = source.floor_char_boundary(max);
        let end = source.ceil_char_boundary(start + 1);
        let kind = ParseErrorKind::TooLong { max };
        return Err(ParseError::new(source, Span::new(start, end), kind));
    }
    let mut parser = Parser {
        source,
        limits,
        functions,
        token: lexer::next_token(source, 0)?,
        depth: 0,
    };
    let node = parser.expression(Level::Logic)?;
    match parser.token.kind {
        lexer::Kind::End => Ok(node),
        _ => Err(parser.no_operator()),
    }
}

struct Parser<'s> {
    source: &'s str,
    limits: &'s Limits,
    functions: &'s Functions,
    /// The one to look at next.
    token: Token,
    /// Nested calls of [`Parser::nested`].
    depth: usize,
}

impl Parser<'_> {
    /// A chain of operators of `loosest` or tighter levels.
    fn expression(&mut self, loosest: Level) -> Parsed {
        let start = self.token.span;
        let mut left = self.postfix()?;
        while let Some(level) = self.operator().map(Operator::level) {
            if level < loosest {
                break;
            }
            let mut rest = Vec::new();
            let mut height = left.height;
            while let Some(operator) = self.operator().filter(|operator| operator.level() == level) {
                self.room_for_item(rest.len() + 1)?;
                self.advance()?;
                let right = match level.tighter() {
                    Some(tighter) => self.nested(|parser| parser.expression(tighter))?,
                    None => self.postfix()?,
                };
                height = height.max(right.height);
                rest.push((operator, right));
            }
            let kind = Kind::Chain {
                level,
                first: Box::new(left),
                rest: rest.into(),
            };
            left = self.node(kind, start.to(self.before()), height)?;
        }
        Ok(left)
    }

    /// `LIKE` and `IN` after an operand.
    fn postfix(&mut self) -> Parsed {
        let start = self.token.span;
        let mut operand = self.unary()?;
        loop {
            let negated = self.take_keyword(Keyword::Not)?;
            let height = operand.height;
            let operand_box = Box::new(operand);
            let (kind, height) = if self.take_keyword(Keyword::Like)? {
                let text = self.pattern()?;
                let pattern = Pattern::new(&unquoted(text));
                let kind = Kind::Like {
                    operand: operand_box,
                    pattern,
                    spelled: Spelled(text.into()),
                    negated,
                };
                (kind, height)
            } else if self.take_keyword(Keyword::In)? {
                self.open("`(` and the items of the set")?;
                let set = self.list(1)?;
                let height = set.iter().map(|item| item.height).fold(height, usize::max);
                let kind = Kind::In {
                    operand: operand_box,
                    set: set.into(),
                    negated,
                };
                (kind, height)
            } else if negated {
                return Err(self.expected("`LIKE` or `IN` after `NOT`"));
            } else {
                return Ok(*operand_box);
            };
            operand = self.node(kind, start.to(self.before()), height)?;
        }
    }

    fn pattern(&mut self) -> Parsed<&str> {
        let token = self.token;
        if token.kind != lexer::Kind::Text {
            return Err(self.expected("a pattern in quotes after `LIKE`"));
        }
        self.advance()?;
        Ok(token.span.of(self.source))
    }

    fn unary(&mut self) -> Parsed {
        let token = self.token;
        match token.kind {
            lexer::Kind::Keyword(Keyword::Not) => {
                self.advance()?;
                let operand = self.nested(Self::unary)?;
                self.wrapped(Kind::Not, token, operand)
            }
            lexer::Kind::Symbol(sign @ ("-" | "+")) => {
                self.advance()?;
                let digits = self.token.kind == lexer::Kind::Digits;
                if digits && self.token.span.start == token.span.end {
                    return self.integer(token.span.to(self.token.span));
                }
                if sign == "+" {
                    return Err(self.expected("digits directly after `+`"));
                }
                let operand = self.nested(Self::unary)?;
                self.wrapped(Kind::Negate, token, operand)
            }
            lexer::Kind::Keyword(Keyword::Exists) => {
                self.advance()?;
                let name = self.token;
                if name.kind != lexer::Kind::Word {
                    return Err(self.expected("the name of an attribute after `EXISTS`"));
                }
                self.advance()?;
                let name = self.attribute_name(name)?;
                self.node(Kind::Exists(name), token.span.to(self.before()), 0)
            }
            _ => self.primary(),
        }
    }

    fn wrapped(&self, wrap: fn(Box<Node>) -> Kind, token: Token, operand: Node) -> Parsed {
        let height = operand.height;
        self.node(wrap(Box::new(operand)), token.span.to(self.before()), height)
    }

    fn primary(&mut self) -> Parsed {
        let token = self.token;
        let text = token.span.of(self.source);
        let literal = match token.kind {
            lexer::Kind::Keyword(Keyword::True) => Literal::Boolean(true),
            lexer::Kind::Keyword(Keyword::False) => Literal::Boolean(false),
            lexer::Kind::Text => Literal::String {
                text: unquoted(text).into(),
                spelled: Spelled(text.into()),
            },
            lexer::Kind::Digits => return self.integer(token.span),
            lexer::Kind::Word => return self.word(token),
            lexer::Kind::Symbol("(") => {
                self.advance()?;
                let node = self.nested(|parser| parser.expression(Level::Logic))?;
                self.close("`)` or an operator")?;
                return Ok(node);
            }
            _ => return Err(self.no_value()),
        };
        self.advance()?;
        if token.kind == lexer::Kind::Text && self.doubled_quote(token) {
            return Err(self
                .no_operator()
                .hint("a quote in a string is written `\\'` or `\\\"`"));
        }
        self.node(Kind::Literal(literal), token.span, 0)
    }

    /// The digits at `span`, which the current token ends, with or without a sign.
    fn integer(&mut self, span: Span) -> Parsed {
        let Ok(number) = span.of(self.source).parse() else {
            return Err(ParseError::new(self.source, span, ParseErrorKind::IntegerRange));
        };
        self.advance()?;
        self.node(Kind::Literal(Literal::Integer(number)), span, 0)
    }

    /// An attribute or a call.
    fn word(&mut self, word: Token) -> Parsed {
        self.advance()?;
        if self.token.kind != lexer::Kind::Symbol("(") {
            let name = self.attribute_name(word)?;
            return self.node(Kind::Attribute(name), word.span, 0);
        }
        let name = word.span.of(self.source).to_ascii_uppercase();
        if !functions::is_name(&name) {
            let kind = ParseErrorKind::FunctionName;
            return Err(ParseError::new(self.source, word.span, kind));
        }
        self.advance()?;
        let arguments = self.list(0)?;
        let height = arguments.iter().map(|argument| argument.height).max();
        let kind = Kind::Call {
            callee: self.functions.resolve(&name, arguments.len()),
            name: name.into(),
            arguments: arguments.into(),
        };
        self.node(kind, word.span.to(self.before()), height.unwrap_or(0))
    }

    fn attribute_name(&self, word: Token) -> Parsed<Box<str>> {
        let text = word.span.of(self.source);
        if text.contains('_') {
            let kind = ParseErrorKind::AttributeName;
            return Err(ParseError::new(self.source, word.span, kind));
        }
        Ok(text.to_ascii_lowercase().into())
    }

    /// Items between commas up to and with `)`, after the `(`.
    fn list(&mut self, least: usize) -> Parsed<Vec<Node>> {
        let mut items = Vec::new();
        if least == 0 && self.token.kind == lexer::Kind::Symbol(")") {
            self.advance()?;
            return Ok(items);
        }
        loop {
            self.room_for_item(items.len())?;
            items.push(self.nested(|parser| parser.expression(Level::Logic))?);
            if self.token.kind != lexer::Kind::Symbol(",") {
                self.close("`,` or `)`")?;
                return Ok(items);
            }
            self.advance()?;
        }
    }

    fn operator(&self) -> Option<Operator> {
        Some(match self.token.kind {
            lexer::Kind::Keyword(Keyword::And) => Operator::And,
            lexer::Kind::Keyword(Keyword::Or) => Operator::Or,
            lexer::Kind::Keyword(Keyword::Xor) => Operator::Xor,
            lexer::Kind::Symbol(symbol) => match symbol {
                "=" => Operator::Equal,
                "!=" | "<>" => Operator::NotEqual,
                "<" => Operator::Less,
                "<=" => Operator::LessOrEqual,
                ">" => Operator::Greater,
                ">=" => Operator::GreaterOrEqual,
                "+" => Operator::Add,
                "-" => Operator::Subtract,
                "*" => Operator::Multiply,
                "/" => Operator::Divide,
                "%" => Operator::Remainder,
                _ => return None,
            },
            _ => return None,
        })
    }

    /// Whether a string follows the string `before` at once: the way other dialects write a quote within a string.
    fn doubled_quote(&self, before: Token) -> bool {
        self.token.kind == lexer::Kind::Text && self.token.span.start == before.span.end
    }

    /// Where the last token taken ended: only white space lies between it and the current one.
    fn before(&self) -> Span {
        let taken = self.source.get(..self.token.span.start).unwrap_or_default();
        let end = taken.trim_end_matches([' ', '\t', '\r', '\n']).len();
        Span::new(end, end)
    }

    fn advance(&mut self) -> Parsed<()> {
        self.token = lexer::next_token(self.source, self.token.span.end)?;
        Ok(())
    }

    fn take_keyword(&mut self, keyword: Keyword) -> Parsed<bool> {
        let there = self.token.kind == lexer::Kind::Keyword(keyword);
        if there {
            self.advance()?;
        }
        Ok(there)
    }

    fn open(&mut self, what: &'static str) -> Parsed<()> {
        if self.token.kind != lexer::Kind::Symbol("(") {
            return Err(self.expected(what));
        }
        self.advance()
    }

    fn close(&mut self, what: &'static str) -> Parsed<()> {
        if self.token.kind == lexer::Kind::Symbol(")") {
            return self.advance();
        }
        Err(self.guessed(what, &["AND", "OR", "XOR", "LIKE", "IN", "NOT"]))
    }

    fn nested(&mut self, parse: impl FnOnce(&mut Self) -> Parsed) -> Parsed {
        if self.depth >= self.limits.depth() {
            return Err(self.too_deep(self.token.span));
        }
        self.depth += 1;
        let node = parse(self)?;
        self.depth -= 1;
        Ok(node)
    }

    fn node(&self, kind: Kind, span: Span, height_below: usize) -> Parsed {
        let height = height_below + 1;
        if height > self.limits.depth() {
            return Err(self.too_deep(span));
        }
        Ok(Node { kind, span, height })
    }

    fn too_deep(&self, span: Span) -> ParseError {
        let max = self.limits.depth();
        ParseError::new(self.source, span, ParseErrorKind::TooDeep { max })
    }

    fn room_for_item(&self, items: usize) -> Parsed<()> {
        let max = self.limits.list_items_max;
        if items < max {
            return Ok(());
        }
        let kind = ParseErrorKind::TooMany { max };
        Err(ParseError::new(self.source, self.token.span, kind))
    }

    fn expected(&self, what: &'static str) -> ParseError {
        ParseError::new(self.source, self.token.span, ParseErrorKind::Expected(what))
    }

    /// Something else stands where an operator or the end should be.
    fn no_operator(&self) -> ParseError {
        let words = ["AND", "OR", "XOR", "LIKE", "IN", "NOT"];
        self.guessed("an operator or the end", &words)
    }

    /// Something else stands where a value should be.
    fn no_value(&self) -> ParseError {
        let error = self.expected("an attribute, a literal, a function or `(`");
        let found = self.token.span.of(self.source);
        match self.token.kind {
            lexer::Kind::Symbol("=") => error.hint("equality is one `=`"),
            lexer::Kind::Keyword(_) => error.hint(format!("{} is a keyword", found.to_ascii_uppercase())),
            _ => error,
        }
    }

    /// Guesses a misspelt keyword.
    fn guessed(&self, what: &'static str, words: &[&'static str]) -> ParseError {
        let error = self.expected(what);
        let found = self.token.span.of(self.source).to_ascii_uppercase();
        let word = self.token.kind == lexer::Kind::Word;
        match functions::nearest(&found, words.iter().copied()).filter(|_| word) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None => error,
        }
    }
}
