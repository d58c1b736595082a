//! The grammar of metric math: text to [`Expression`].
//!
//! Pure; computes nothing.

use super::{Expression, is_id};

/// Name, fewest and most arguments.
const FUNCTIONS: [(&str, usize, usize); 10] = [
    ("ABS", 1, 1),
    ("AVG", 1, 1),
    ("CEIL", 1, 1),
    ("FILL", 2, 2),
    ("FLOOR", 1, 1),
    ("IF", 2, 3),
    ("MAX", 1, 1),
    ("METRICS", 0, 0),
    ("MIN", 1, 1),
    ("SUM", 1, 1),
];
const DEPTH_MAX: usize = 64;
const CHARACTERS_MAX: usize = 2_048;

/// The expression of a text, or what is wrong with it.
pub(in crate::simulator::cloudwatch) fn parse(text: &str) -> Result<Expression, String> {
    if text.is_empty() || text.len() > CHARACTERS_MAX {
        return Err(format!(
            "an expression has 1 to {CHARACTERS_MAX} characters"
        ));
    }
    let mut parser = Parser { rest: text };
    let expression = parser.comparison(0)?;
    match parser.peek() {
        None => Ok(expression),
        Some(letter) => Err(format!("Unexpected character '{letter}'")),
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn peek(&mut self) -> Option<char> {
        self.rest = self.rest.trim_start();
        self.rest.chars().next()
    }

    fn takes(&mut self, text: &str) -> bool {
        self.rest = self.rest.trim_start();
        match self.rest.strip_prefix(text) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn expect(&mut self, text: &str) -> Result<(), String> {
        if self.takes(text) {
            Ok(())
        } else {
            Err(format!("Expected '{text}' before '{}'", self.rest))
        }
    }

    /// Comparisons and logic bind loosest, then sums, products, powers.
    fn comparison(&mut self, depth: usize) -> Result<Expression, String> {
        const OPERATORS: [(&str, char); 10] = [
            ("==", '='),
            ("!=", 'n'),
            (">=", 'g'),
            ("<=", 'l'),
            (">", '>'),
            ("<", '<'),
            ("&&", '&'),
            ("||", '|'),
            (" AND ", '&'),
            (" OR ", '|'),
        ];
        if depth > DEPTH_MAX {
            return Err("the expression nests too deep".to_owned());
        }
        let mut left = self.sum(depth)?;
        while let Some((_, operator)) = OPERATORS.iter().find(|(text, _)| self.takes(text.trim())) {
            left = Expression::Operation(*operator, Box::new(left), Box::new(self.sum(depth)?));
        }
        Ok(left)
    }

    fn sum(&mut self, depth: usize) -> Result<Expression, String> {
        let mut left = self.product(depth)?;
        while let Some(operator @ ('+' | '-')) = self.peek() {
            self.rest = &self.rest[1..];
            left = Expression::Operation(operator, Box::new(left), Box::new(self.product(depth)?));
        }
        Ok(left)
    }

    fn product(&mut self, depth: usize) -> Result<Expression, String> {
        let mut left = self.power(depth)?;
        while let Some(operator @ ('*' | '/')) = self.peek() {
            self.rest = &self.rest[1..];
            left = Expression::Operation(operator, Box::new(left), Box::new(self.power(depth)?));
        }
        Ok(left)
    }

    fn power(&mut self, depth: usize) -> Result<Expression, String> {
        let base = self.operand(depth)?;
        if !self.takes("^") {
            return Ok(base);
        }
        if depth > DEPTH_MAX {
            return Err("the expression nests too deep".to_owned());
        }
        let exponent = self.power(depth + 1)?;
        Ok(Expression::Operation(
            '^',
            Box::new(base),
            Box::new(exponent),
        ))
    }

    fn operand(&mut self, depth: usize) -> Result<Expression, String> {
        if depth > DEPTH_MAX {
            return Err("the expression nests too deep".to_owned());
        }
        if self.takes("(") {
            let inside = self.comparison(depth + 1)?;
            self.expect(")")?;
            return Ok(inside);
        }
        if self.takes("[") {
            return Ok(Expression::List(self.arguments("]", depth)?));
        }
        if self.takes("-") {
            let operand = Box::new(self.operand(depth + 1)?);
            return Ok(Expression::Operation(
                '-',
                Box::new(Expression::Number(0.0)),
                operand,
            ));
        }
        let word = |letter: char| letter.is_ascii_alphanumeric() || "._".contains(letter);
        self.rest = self.rest.trim_start();
        let end = self
            .rest
            .find(|letter| !word(letter))
            .unwrap_or(self.rest.len());
        let (found, rest) = self.rest.split_at(end);
        let Some(first) = found.chars().next() else {
            let unexpected = rest.chars().next().map_or("the end".to_owned(), |letter| {
                format!("character '{letter}'")
            });
            return Err(format!("Unexpected {unexpected}"));
        };
        self.rest = rest;
        if first.is_ascii_digit() || first == '.' {
            let number = found
                .parse()
                .map_err(|_| format!("{found} is not a number"))?;
            return Ok(Expression::Number(number));
        }
        if !self.takes("(") {
            return if is_id(found) {
                Ok(Expression::Id(found.to_owned()))
            } else {
                Err(format!("Invalid syntax: {found} is not an id"))
            };
        }
        let arguments = self.arguments(")", depth)?;
        let (name, least, most) = FUNCTIONS
            .into_iter()
            .find(|(name, _, _)| *name == found)
            .ok_or_else(|| format!("The function {found} is not known or not simulated here"))?;
        if (least..=most).contains(&arguments.len()) {
            Ok(Expression::Function(name, arguments))
        } else {
            Err(format!("{name} takes {least} to {most} arguments"))
        }
    }

    fn arguments(&mut self, end: &str, depth: usize) -> Result<Vec<Expression>, String> {
        let mut arguments = Vec::new();
        if self.takes(end) {
            return Ok(arguments);
        }
        loop {
            arguments.push(self.comparison(depth + 1)?);
            if self.takes(end) {
                return Ok(arguments);
            }
            self.expect(",")?;
        }
    }
}
