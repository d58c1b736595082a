//! The rule of a composite alarm: its grammar, which alarms it names, what it says of their states.
//!
//! Pure. `ALARM(a) AND NOT (OK("b") OR TRUE)`, names bare or quoted, by name or ARN, and
//! `AT_LEAST(2, ALARM, (a, b, c))` or `AT_LEAST(60%, NOT OK, (a, b, c))`. AND binds closer than OR.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-combining.html>

/// A parsed rule.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::simulator::cloudwatch) enum Rule {
    Constant(bool),
    Is {
        state: &'static str,
        alarm: String,
    },
    Not(Box<Rule>),
    All(Vec<Rule>),
    Any(Vec<Rule>),
    AtLeast {
        threshold: Threshold,
        negated: bool,
        state: &'static str,
        alarms: Vec<String>,
    },
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::simulator::cloudwatch) enum Threshold {
    Count(usize),
    Percent(f64),
}

/// Child alarms, TRUE, FALSE and parentheses together.
const ELEMENTS_MAX: usize = 500;
const CHILDREN_MAX: usize = 100;
/// Deeper than anyone writes, and shallow enough for any stack.
const DEPTH_MAX: usize = 100;
const STATES: [&str; 3] = ["ALARM", "OK", "INSUFFICIENT_DATA"];

impl Rule {
    /// The rule of a text, or what is wrong with it.
    pub(in crate::simulator::cloudwatch) fn parse(text: &str) -> Result<Rule, String> {
        let mut parser = Parser {
            tokens: tokens(text)?,
            at: 0,
        };
        let rule = parser.any(0)?;
        if let Some(token) = parser.peek() {
            return Err(format!(
                "unexpected {token:?} after the end of the expression"
            ));
        }
        if rule.children().len() > CHILDREN_MAX {
            return Err(format!("more than {CHILDREN_MAX} alarms are referenced"));
        }
        Ok(rule)
    }

    /// The alarms it names, each once, as written: names or ARNs.
    pub(in crate::simulator::cloudwatch) fn children(&self) -> Vec<&str> {
        let mut found = Vec::new();
        self.collect(&mut found);
        found.sort_unstable();
        found.dedup();
        found
    }

    fn collect<'a>(&'a self, found: &mut Vec<&'a str>) {
        match self {
            Rule::Constant(_) => {}
            Rule::Is { alarm, .. } => found.push(alarm),
            Rule::Not(rule) => rule.collect(found),
            Rule::All(rules) | Rule::Any(rules) => {
                rules.iter().for_each(|rule| rule.collect(found));
            }
            Rule::AtLeast { alarms, .. } => found.extend(alarms.iter().map(String::as_str)),
        }
    }

    /// Whether it holds, given the state of each alarm it names.
    pub(in crate::simulator::cloudwatch) fn holds(
        &self,
        state_of: &dyn Fn(&str) -> &'static str,
    ) -> bool {
        match self {
            Rule::Constant(word) => *word,
            Rule::Is { state, alarm } => state_of(alarm) == *state,
            Rule::Not(rule) => !rule.holds(state_of),
            Rule::All(rules) => rules.iter().all(|rule| rule.holds(state_of)),
            Rule::Any(rules) => rules.iter().any(|rule| rule.holds(state_of)),
            Rule::AtLeast {
                threshold,
                negated,
                state,
                alarms,
            } => {
                let count = alarms
                    .iter()
                    .filter(|alarm| (state_of(alarm) == *state) != *negated)
                    .count();
                match threshold {
                    Threshold::Count(least) => count >= *least,
                    Threshold::Percent(least) => {
                        count as f64 * 100.0 >= least * alarms.len() as f64
                    }
                }
            }
        }
    }
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Comma,
    Word(String),
    Quoted(String),
}

fn tokens(text: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '(' => (Some(Token::Open), 1),
            ')' => (Some(Token::Close), 1),
            ',' => (Some(Token::Comma), 1),
            '"' => {
                let inside = &rest[1..];
                let end = inside.find('"').ok_or("a quoted alarm name does not end")?;
                (Some(Token::Quoted(inside[..end].to_owned())), end + 2)
            }
            space if space.is_whitespace() => (None, space.len_utf8()),
            _ => {
                let stop = |letter: char| letter.is_whitespace() || "(),\"".contains(letter);
                let end = rest.find(stop).unwrap_or(rest.len());
                (Some(Token::Word(rest[..end].to_owned())), end)
            }
        };
        tokens.extend(token);
        rest = &rest[length..];
    }
    Ok(tokens)
}

struct Parser {
    tokens: Vec<Token>,
    at: usize,
}

impl Parser {
    fn peek(&self) -> Option<&Token> {
        self.tokens.get(self.at)
    }

    fn next(&mut self) -> Result<Token, String> {
        let token = self.tokens.get(self.at).cloned();
        self.at += 1;
        token.ok_or_else(|| "the expression ends early".to_owned())
    }

    fn takes_word(&mut self, word: &str) -> bool {
        let found =
            matches!(self.peek(), Some(Token::Word(found)) if found.eq_ignore_ascii_case(word));
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, expected: &Token) -> Result<(), String> {
        let found = self.next()?;
        if found == *expected {
            Ok(())
        } else {
            Err(format!("expected {expected:?}, found {found:?}"))
        }
    }

    fn any(&mut self, depth: usize) -> Result<Rule, String> {
        if depth > DEPTH_MAX || self.tokens.len() > ELEMENTS_MAX * 4 {
            return Err(format!("more than {ELEMENTS_MAX} elements"));
        }
        let mut rules = vec![self.all(depth)?];
        while self.takes_word("OR") {
            rules.push(self.all(depth)?);
        }
        Ok(one_or(rules, Rule::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Rule, String> {
        let mut rules = vec![self.one(depth)?];
        while self.takes_word("AND") {
            rules.push(self.one(depth)?);
        }
        Ok(one_or(rules, Rule::All))
    }

    fn one(&mut self, depth: usize) -> Result<Rule, String> {
        if depth > DEPTH_MAX {
            return Err(format!("more than {ELEMENTS_MAX} elements"));
        }
        match self.next()? {
            Token::Open => {
                let rule = self.any(depth + 1)?;
                self.expect(&Token::Close)?;
                Ok(rule)
            }
            Token::Word(word) => match word.to_ascii_uppercase().as_str() {
                "NOT" => Ok(Rule::Not(Box::new(self.one(depth + 1)?))),
                "TRUE" => Ok(Rule::Constant(true)),
                "FALSE" => Ok(Rule::Constant(false)),
                "AT_LEAST" => self.at_least(),
                upper => {
                    let state = state(upper)
                        .ok_or_else(|| format!("{word} is not a function or operator"))?;
                    self.expect(&Token::Open)?;
                    let alarm = self.name()?;
                    self.expect(&Token::Close)?;
                    Ok(Rule::Is { state, alarm })
                }
            },
            other => Err(format!("unexpected {other:?}")),
        }
    }

    /// `(2, ALARM, (a, b))`, the threshold a count or a percentage.
    fn at_least(&mut self) -> Result<Rule, String> {
        self.expect(&Token::Open)?;
        let Token::Word(threshold) = self.next()? else {
            return Err("AT_LEAST needs a threshold".to_owned());
        };
        let threshold = match threshold.strip_suffix('%') {
            Some(percent) => percent
                .parse()
                .ok()
                .filter(|percent| (1.0..=100.0).contains(percent))
                .map(Threshold::Percent),
            None => threshold
                .parse()
                .ok()
                .filter(|count| *count >= 1)
                .map(Threshold::Count),
        };
        let threshold = threshold.ok_or("AT_LEAST's threshold is a count or 1% to 100%")?;
        self.expect(&Token::Comma)?;
        let negated = self.takes_word("NOT");
        let condition = match self.next()? {
            Token::Word(word) => state(&word.to_ascii_uppercase()),
            _ => None,
        };
        let state = condition.ok_or("AT_LEAST's condition is not a state")?;
        self.expect(&Token::Comma)?;
        self.expect(&Token::Open)?;
        let mut alarms = vec![self.name()?];
        while self.peek() == Some(&Token::Comma) {
            self.at += 1;
            alarms.push(self.name()?);
        }
        self.expect(&Token::Close)?;
        self.expect(&Token::Close)?;
        if matches!(threshold, Threshold::Count(count) if count > alarms.len()) {
            return Err("AT_LEAST's threshold is more than its alarms".to_owned());
        }
        Ok(Rule::AtLeast {
            threshold,
            negated,
            state,
            alarms,
        })
    }

    fn name(&mut self) -> Result<String, String> {
        match self.next()? {
            Token::Quoted(name) | Token::Word(name) if !name.is_empty() => Ok(name),
            other => Err(format!("expected an alarm's name, found {other:?}")),
        }
    }
}

fn one_or(mut rules: Vec<Rule>, many: fn(Vec<Rule>) -> Rule) -> Rule {
    match rules.pop() {
        Some(only) if rules.is_empty() => only,
        Some(last) => {
            rules.push(last);
            many(rules)
        }
        None => Rule::Constant(false),
    }
}

fn state(word: &str) -> Option<&'static str> {
    STATES.into_iter().find(|state| *state == word)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `a` is in ALARM, `b` is OK, all others have no data.
    fn state_of(alarm: &str) -> &'static str {
        match alarm {
            "a" => "ALARM",
            "b" => "OK",
            _ => "INSUFFICIENT_DATA",
        }
    }

    #[test]
    fn rules_hold_as_the_states_say() {
        for (text, expected) in [
            ("ALARM(a)", true),
            ("ALARM(\"a\") AND OK(b)", true),
            ("ALARM(b) OR INSUFFICIENT_DATA(c)", true),
            ("NOT ALARM(a)", false),
            ("NOT (ALARM(b) OR FALSE)", true),
            ("TRUE OR ALARM(b) AND FALSE", true),
            ("(TRUE OR ALARM(b)) AND FALSE", false),
            ("AT_LEAST(1, ALARM, (a, b))", true),
            ("AT_LEAST(2, ALARM, (a, b))", false),
            ("AT_LEAST(50%, NOT OK, (a, b))", true),
            ("AT_LEAST(60%, NOT OK, (a, b))", false),
        ] {
            assert_eq!(
                Rule::parse(text).unwrap().holds(&state_of),
                expected,
                "{text}"
            );
        }
    }

    #[test]
    fn what_is_no_rule_is_refused() {
        for text in [
            "",
            "a",
            "ALARM",
            "ALARM()",
            "ALARM(a",
            "ALARM(a))",
            "ALARM(a) OK(b)",
            "ALARM(a) AND",
            "NOT",
            "WARN(a)",
            "ALARM(\"a)",
            "AT_LEAST(3, ALARM, (a, b))",
            "AT_LEAST(0, OK, (a))",
            "AT_LEAST(101%, OK, (a))",
            "AT_LEAST(1, (a))",
        ] {
            assert!(Rule::parse(text).is_err(), "{text}");
        }
        assert!(Rule::parse(&"(".repeat(100_000)).is_err());
        assert!(Rule::parse(&"NOT ".repeat(1_500)).is_err());
        let many: Vec<String> = (0..101).map(|number| format!("OK(a{number})")).collect();
        assert!(Rule::parse(&many.join(" OR ")).is_err());
    }
}
