//! Names: letters with primes and subscripts, and functions by such names.

use super::super::expr::{Constant, Expr, Function, RelationOp};
use super::token::{Delimiter, Kind};
use super::{Context, Node, Parse, Parser, malformed};

/// Letters that are functions whatever stands in the brackets behind them.
const FUNCTIONS: &[&str] = &["f", "g", "h", "F", "G", "H", "P", "Pr", "Q"];

/// Letters that are usual variables: `p(x)` is a function of `x`.
const VARIABLES: &[&str] = &["x", "t", "n", "z", "s", "theta"];

impl Parser<'_, '_, '_> {
    /// What a single letter is: `e` and `i` are constants.
    pub(super) fn letter(&self, letter: char) -> Expr {
        match letter {
            'e' => Expr::Constant(Constant::E),
            'i' if !self.index_i => Expr::Constant(Constant::I),
            letter => Expr::Symbol(letter.to_string()),
        }
    }

    /// A letter with what makes it another name: `e_1` is no constant.
    pub(super) fn named_letter(&mut self, letter: char) -> Parse<Node> {
        let plain = !matches!(self.kind(), Kind::Underscore | Kind::Prime);
        match self.letter(letter) {
            Expr::Symbol(name) => self.name(name),
            constant if plain => Ok(Node::value(constant)),
            _ => self.name(letter.to_string()),
        }
    }

    /// A name with the primes, subscript and arguments behind it.
    pub(super) fn name(&mut self, mut name: String) -> Parse<Node> {
        self.primes(&mut name);
        if self.kind() == Kind::Underscore {
            match self.subscript(&mut name)? {
                None => self.primes(&mut name),
                Some(index) => {
                    name.push('_');
                    return Ok(Node::value(Expr::Call(Function::Named(name), index)));
                }
            }
        }
        self.applied(name)
    }

    fn primes(&mut self, name: &mut String) {
        loop {
            let group = self.kind() == Kind::Caret
                && self.ahead(1) == Kind::Open(Delimiter::Group)
                && self.ahead(2) == Kind::Prime;
            if self.take(Kind::Prime) {
                name.push('\'');
            } else if self.kind() == Kind::Caret && self.ahead(1) == Kind::Prime {
                self.at += 2;
                name.push('\'');
            } else if group {
                self.at += 2;
                while self.take(Kind::Prime) {
                    name.push('\'');
                }
                if !self.take(Kind::Close(Delimiter::Group)) {
                    return;
                }
            } else {
                return;
            }
        }
    }

    /// Adds a plain subscript to the name, or gives the values of one that is none.
    fn subscript(&mut self, name: &mut String) -> Parse<Option<Vec<Expr>>> {
        self.advance();
        if self.kind() != Kind::Open(Delimiter::Group) {
            let token = self.token();
            match token.kind {
                Kind::Digits => {
                    name.push('_');
                    name.push_str(self.source(token));
                    self.advance();
                }
                Kind::Word => {
                    name.push('_');
                    let letter = self.split_letter();
                    name.push(letter);
                }
                Kind::Letter(letter) => {
                    name.push('_');
                    name.push_str(letter);
                    self.advance();
                }
                Kind::Constant(Constant::Infinity) => {
                    name.push_str("_inf");
                    self.advance();
                }
                _ => return malformed("subscript missing"),
            }
            return Ok(None);
        }
        if self.plain_subscript(name) {
            return Ok(None);
        }
        let context = Context { members: true, ..Context::default() };
        self.inside(context, |parser| {
            parser.advance();
            let mut index = vec![parser.sum()?.into_value()?];
            while parser.take(Kind::Comma) {
                index.push(parser.sum()?.into_value()?);
            }
            parser.expect(Kind::Close(Delimiter::Group))?;
            Ok(Some(index))
        })
    }

    /// Takes a subscript in braces of numbers, letters and words with commas between them.
    fn plain_subscript(&mut self, name: &mut String) -> bool {
        let mut at = self.at + 1;
        loop {
            let token = self.token_at(at);
            if !matches!(
                token.kind,
                Kind::Digits | Kind::Word | Kind::Letter(_) | Kind::Function(_)
            ) {
                return false;
            }
            match self.token_at(at + 1).kind {
                Kind::Comma => at += 2,
                Kind::Close(Delimiter::Group) => break,
                _ => return false,
            }
        }
        name.push('_');
        for place in self.at + 1..=at {
            let token = self.token_at(place);
            match token.kind {
                Kind::Letter(letter) => name.push_str(letter),
                _ => name.push_str(self.source(token).trim_start_matches('\\')),
            }
        }
        self.at = at + 2;
        true
    }

    /// A subscript behind a value: of a name whose exponent stood before it.
    pub(super) fn subscripted(&mut self, node: Node) -> Parse<Node> {
        let Expr::Symbol(mut name) = node.into_value()? else {
            return malformed("subscript of what is no name");
        };
        match self.subscript(&mut name)? {
            None => Ok(Node::value(Expr::Symbol(name))),
            Some(index) => {
                name.push('_');
                Ok(Node::value(Expr::Call(Function::Named(name), index)))
            }
        }
    }

    /// A name, or its call where a bracket behind it holds arguments.
    fn applied(&mut self, name: String) -> Parse<Node> {
        if let Some(event) = self.event(&name) {
            return Ok(event);
        }
        let inverse = self.inverse_ahead(&name);
        // `f{\left(x\right)}`.
        let braced = self.kind() == Kind::Open(Delimiter::Group)
            && self.ahead(1) == Kind::Open(Delimiter::Round)
            && FUNCTIONS.contains(&base_name(&name));
        if braced {
            self.advance();
            let arguments = self.arguments()?;
            self.expect(Kind::Close(Delimiter::Group))?;
            return Ok(Node::value(Expr::Call(Function::Named(name), arguments)));
        }
        if !inverse && let Some(exponent) = self.exponent_of_call(&name)? {
            let call = Expr::Call(Function::Named(name), self.arguments()?);
            return Ok(Node::value(Expr::Power(Box::new(call), exponent)));
        }
        if !inverse && (self.kind() != Kind::Open(Delimiter::Round) || !self.is_function(&name)) {
            return Ok(Node::value(Expr::Symbol(name)));
        }
        let name = if inverse {
            while self.kind() != Kind::Open(Delimiter::Round) {
                self.advance();
            }
            format!("{name}^-1")
        } else {
            name
        };
        let arguments = self.arguments()?;
        if name == "C" && arguments.len() == 2 {
            return Ok(Node::value(Expr::Call(Function::Binomial, arguments)));
        }
        Ok(Node::value(Expr::Call(Function::Named(name), arguments)))
    }

    /// Takes the exponent between the name of a function and its arguments: `f^2(x)`.
    fn exponent_of_call(&mut self, name: &str) -> Parse<Option<Box<Expr>>> {
        let group = usize::from(self.ahead(1) == Kind::Open(Delimiter::Group));
        let called = self.kind() == Kind::Caret
            && self.ahead(1 + group) == Kind::Digits
            && self.ahead(2 + 2 * group) == Kind::Open(Delimiter::Round)
            && matches!(base_name(name), "f" | "g" | "F" | "G");
        if !called {
            return Ok(None);
        }
        self.advance();
        Ok(Some(self.exponent()?))
    }

    /// `^{-1}` and an opening bracket behind the name of a function.
    fn inverse_ahead(&self, name: &str) -> bool {
        let base = base_name(name);
        FUNCTIONS.contains(&base)
            && self.kind() == Kind::Caret
            && self.ahead(1) == Kind::Open(Delimiter::Group)
            && self.ahead(2) == Kind::Minus
            && self.source(self.token_at(self.at + 3)) == "1"
            && self.ahead(4) == Kind::Close(Delimiter::Group)
            && self.ahead(5) == Kind::Open(Delimiter::Round)
    }

    /// Whether what the bracket at the current place holds can only be arguments: several members,
    /// or one name with an equals sign behind the bracket (`A(r) =`).
    fn defined_ahead(&self) -> bool {
        const LONGEST: usize = 16;
        let mut depth = 0_u32;
        for places in 0..LONGEST {
            match self.ahead(places) {
                Kind::Comma if depth == 1 => return true,
                Kind::Open(_) => depth += 1,
                Kind::Close(_) if depth > 1 => depth -= 1,
                Kind::Close(_) => {
                    return places == 2
                        && matches!(self.ahead(1), Kind::Word | Kind::Letter(_))
                        && self.ahead(3) == Kind::Relation(RelationOp::Equal);
                }
                Kind::End => return false,
                _ => {}
            }
        }
        false
    }

    /// Whether the bracket at the current place holds the sum of two letters that are no usual
    /// variables, as of the sides that a height is multiplied with.
    fn sides_ahead(&self) -> bool {
        let side = |places: usize| {
            let name = self.source(self.token_at(self.at + places));
            self.ahead(places) == Kind::Word && name.len() == 1 && !VARIABLES.contains(&name)
        };
        side(1)
            && self.ahead(2) == Kind::Plus
            && side(3)
            && self.ahead(4) == Kind::Close(Delimiter::Round)
    }

    /// Whether the bracket at the current place holds arguments of the name: always for the
    /// usual names of functions, else where it could hold nothing else, or one usual variable.
    fn is_function(&self, name: &str) -> bool {
        let base = base_name(name);
        if base == "h" && self.sides_ahead() {
            return self.defined_ahead();
        }
        if FUNCTIONS.contains(&base) || name.ends_with('\'') {
            return true;
        }
        if self.defined_ahead() {
            return true;
        }
        let inner = self.token_at(self.at + 1);
        let argument = match inner.kind {
            Kind::Word => self.source(inner),
            Kind::Letter(letter) => letter,
            _ => return false,
        };
        self.ahead(2) == Kind::Close(Delimiter::Round)
            && VARIABLES.contains(&argument)
            && argument != base
            && !VARIABLES.contains(&base)
    }
}

/// A name without its primes and subscript.
fn base_name(name: &str) -> &str {
    name.split(['\'', '_']).next().unwrap_or(name)
}
