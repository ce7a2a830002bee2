//! Marks in an expression: calls of [`MARK`] that say where the evaluation is.
//!
//! JSONata's evaluator tells that it failed and not where, and nothing in it counts steps. So marks are written into the
//! expression where they cannot change what it means: at the beginning of each function and of each step `.( … )`, the
//! places every loop comes through. They bound the work. Where an evaluation failed, it is repeated with many more of them
//! (before every argument, member, branch), which finds the place; that second result is thrown away, so what those marks
//! might change is of no consequence.

use crate::tokens::Token;

/// The function of a mark. No expression can call it: its name is not among those that are known.
pub(crate) const MARK: &str = "_";

/// A stretch of tokens that is evaluated as one.
struct Piece {
    /// Offset of its first token.
    from: usize,
    /// Where it ends, for one that must be wrapped in parentheses.
    to: Option<usize>,
}

/// The expression with the marks that bound it.
pub(crate) fn bounded(source: &str, tokens: &[Token<'_>]) -> String {
    write(source, Walk::through(tokens).loops)
}

/// The expression with all marks.
pub(crate) fn closely(source: &str, tokens: &[Token<'_>]) -> String {
    let walk = Walk::through(tokens);
    write(source, walk.loops.into_iter().chain(walk.pieces).collect())
}

fn write(source: &str, pieces: Vec<Piece>) -> String {
    // At one place whatever ends comes before what begins.
    let mut inserts: Vec<(usize, bool, String)> = Vec::new();
    for piece in pieces {
        let mark = format!("${MARK}({});", piece.from);
        match piece.to {
            Some(to) => {
                inserts.push((piece.from, true, format!("({mark}")));
                inserts.push((to, false, ")".to_owned()));
            }
            None => inserts.push((piece.from, true, mark)),
        }
    }
    inserts.sort_by_key(|(at, begins, _)| (*at, *begins));
    let mut out = String::with_capacity(source.len() * 2);
    let mut at = 0;
    for (next, _, text) in inserts {
        out.push_str(source.get(at..next).unwrap_or_default());
        out.push_str(&text);
        at = next;
    }
    out.push_str(source.get(at..).unwrap_or_default());
    out
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Open {
    /// `( …; … )`, and whether it is a step of a path.
    Block { step: bool },
    /// Arguments of a call.
    Call,
    /// Parameters of a function that is being defined.
    Parameters,
    /// The body of a function.
    Body,
    /// Members of an object.
    Object,
    /// `[ … ]`, `^( … )`: what stands there is not to be wrapped.
    Other,
}

enum Branch {
    Then(usize),
    Rest(usize),
}

struct Frame {
    open: Open,
    /// Index of the first token of the piece that is going on.
    begun: Option<usize>,
    branches: Vec<Branch>,
}

struct Walk<'t, 's> {
    tokens: &'t [Token<'s>],
    frames: Vec<Frame>,
    loops: Vec<Piece>,
    pieces: Vec<Piece>,
    /// The parameters of a function are over; its body comes.
    body_next: bool,
}

impl<'t, 's> Walk<'t, 's> {
    fn through(tokens: &'t [Token<'s>]) -> Self {
        let mut walk = Self {
            tokens,
            frames: Vec::new(),
            loops: Vec::new(),
            pieces: Vec::new(),
            body_next: false,
        };
        walk.open(Open::Other, 0);
        for (index, token) in tokens.iter().enumerate() {
            if token.kind == crate::tokens::Kind::Sign {
                walk.sign(index, token);
            }
        }
        walk.end_piece(tokens.len());
        walk
    }

    fn sign(&mut self, index: usize, token: &Token<'_>) {
        let before = index.checked_sub(1).and_then(|before| self.tokens.get(before));
        match token.text {
            "(" => {
                let open = match before {
                    Some(before) if before.is_lambda() => Open::Parameters,
                    Some(before) if before.is("^") => Open::Other,
                    _ if token.infix => Open::Call,
                    Some(before) => Open::Block { step: before.is(".") },
                    None => Open::Block { step: false },
                };
                self.open(open, index + 1);
            }
            "[" => self.open(Open::Other, index + 1),
            "{" if std::mem::take(&mut self.body_next) => self.open(Open::Body, index + 1),
            "{" => self.open(Open::Object, index + 1),
            ")" | "]" | "}" => {
                self.end_piece(index);
                let closed = self.frames.pop();
                self.body_next = closed.is_some_and(|frame| frame.open == Open::Parameters);
            }
            "," | ";" => {
                self.end_piece(index);
                self.begin_piece(index + 1);
            }
            "?" if token.infix => self.branch(Branch::Then(index + 1)),
            ":=" => self.branch(Branch::Rest(index + 1)),
            ":" => self.colon(index),
            _ => {}
        }
    }

    fn open(&mut self, open: Open, index: usize) {
        self.frames.push(Frame {
            open,
            begun: None,
            branches: Vec::new(),
        });
        self.begin_piece(index);
    }

    fn begin_piece(&mut self, index: usize) {
        if let Some(frame) = self.frames.last_mut() {
            // The value of a member begins after its colon.
            let begins = matches!(frame.open, Open::Block { .. } | Open::Call | Open::Body);
            frame.begun = begins.then_some(index);
        }
    }

    fn branch(&mut self, branch: Branch) {
        if let Some(frame) = self.frames.last_mut() {
            frame.branches.push(branch);
        }
    }

    /// Ends a `then`, or the name of a member.
    fn colon(&mut self, index: usize) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let inner = frame
            .branches
            .iter()
            .rposition(|branch| matches!(branch, Branch::Then(_)));
        let Some(inner) = inner else {
            if frame.open == Open::Object {
                frame.begun = Some(index + 1);
            }
            return;
        };
        let ended = frame.branches.split_off(inner);
        frame.branches.push(Branch::Rest(index + 1));
        for branch in ended {
            let (Branch::Then(from) | Branch::Rest(from)) = branch;
            self.wrap(from, index);
        }
    }

    fn end_piece(&mut self, end: usize) {
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        let (open, begun) = (frame.open, frame.begun.take());
        for branch in std::mem::take(&mut frame.branches) {
            if let Branch::Rest(from) = branch {
                self.wrap(from, end);
            }
        }
        let Some(from) = begun else { return };
        match open {
            Open::Body => {
                if let Some((from, to)) = self.stretch(from, end) {
                    self.loops.push(Piece { from, to: Some(to) });
                }
            }
            Open::Block { step } => {
                if let Some((from, _)) = self.stretch(from, end) {
                    let pieces = if step { &mut self.loops } else { &mut self.pieces };
                    pieces.push(Piece { from, to: None });
                }
            }
            _ => self.wrap(from, end),
        }
    }

    fn wrap(&mut self, from: usize, end: usize) {
        // A function must stand where it gets its name, and `?` where it stands for an argument.
        let bare = self
            .tokens
            .get(from)
            .is_some_and(|token| token.is_lambda() || token.is("?"));
        if let Some((from, to)) = self.stretch(from, end).filter(|_| !bare) {
            self.pieces.push(Piece { from, to: Some(to) });
        }
    }

    /// Offsets of the tokens from `from` until before `end`, if there are any.
    fn stretch(&self, from: usize, end: usize) -> Option<(usize, usize)> {
        let pieces = self.tokens.get(from..end)?;
        Some((pieces.first()?.start, pieces.last()?.end()))
    }
}
