//! Filter patterns: which log events one matches, and what it takes from them.
//!
//! Pure. Terms and quoted phrases (`ERROR "not found" -retry ?a ?b`), a regular expression (`%a|b%`), space-delimited
//! fields (`[ip, user, status = 4*, ...]`, in `fields`), JSON selectors (`{ $.status >= 500 && $.path = "/api/*" }`, in
//! `selector`). <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html>

mod comparison;
mod fields;
mod selector;

use std::collections::BTreeMap;

use regex_lite::Regex;
use serde_json::Value;

use self::fields::Fields;
use self::selector::Selector;

const CHARACTERS_MAX: usize = 1_024;
/// Regular expressions in one pattern.
const EXPRESSIONS_MAX: usize = 2;

/// A pattern, read.
#[derive(Debug, Clone)]
pub(super) struct Pattern(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Terms {
        all: Vec<Term>,
        any: Vec<Term>,
        none: Vec<Term>,
    },
    Fields(Fields),
    Json(Selector),
}

#[derive(Debug, Clone)]
enum Term {
    Text(String),
    Expression(Regex),
}

impl Pattern {
    /// The pattern of a text, or what is wrong with it.
    pub(super) fn parse(text: &str) -> Result<Pattern, String> {
        if text.chars().count() > CHARACTERS_MAX {
            return Err(format!("more than {CHARACTERS_MAX} characters"));
        }
        let text = text.trim();
        let inside = |open, close| {
            text.strip_prefix(open)
                .map(|rest: &str| rest.strip_suffix(close))
        };
        if let Some(inside) = inside('{', '}') {
            let inside = inside.ok_or("no closing '}'")?;
            return Ok(Pattern(Kind::Json(Selector::parse(inside)?)));
        }
        if let Some(inside) = inside('[', ']') {
            let inside = inside.ok_or("no closing ']'")?;
            return Ok(Pattern(Kind::Fields(Fields::parse(inside)?)));
        }
        terms(text).map(Pattern)
    }

    /// What the pattern takes from a message, when it matches: values by `$name`, `$1` or `$.path`.
    pub(super) fn matches(&self, message: &str) -> Option<BTreeMap<String, String>> {
        match &self.0 {
            Kind::Terms { all, any, none } => {
                let has = |term: &Term| term.is_in(message);
                let matched = all.iter().all(has)
                    && !none.iter().any(has)
                    && (any.is_empty() || any.iter().any(has));
                matched.then(BTreeMap::new)
            }
            Kind::Fields(fields) => fields.matches(message),
            Kind::Json(selector) => {
                let parsed: Value = serde_json::from_str(message).ok()?;
                selector.matches(&parsed)
            }
        }
    }

    /// What `reference` (`$.path` or `$name`) says of a message the pattern matched.
    pub(super) fn value_of(&self, reference: &str, message: &str) -> Option<String> {
        match &self.0 {
            Kind::Terms { .. } => None,
            Kind::Fields(fields) => fields.values(message)?.remove(reference),
            Kind::Json(_) => {
                let parsed: Value = serde_json::from_str(message).ok()?;
                let found = selector::Path::parse(reference).ok()?;
                found
                    .find(&parsed)
                    .first()
                    .map(|value| comparison::text_of(value))
            }
        }
    }

    /// Whether a reference can mean anything to this pattern.
    pub(super) fn knows(&self, reference: &str) -> bool {
        match &self.0 {
            Kind::Terms { .. } => false,
            Kind::Fields(fields) => fields.has(reference),
            Kind::Json(_) => selector::Path::parse(reference).is_ok(),
        }
    }
}

impl Term {
    fn is_in(&self, message: &str) -> bool {
        match self {
            Term::Text(text) => message.contains(text.as_str()),
            Term::Expression(regex) => regex.is_match(message),
        }
    }
}

fn terms(text: &str) -> Result<Kind, String> {
    let (mut all, mut any, mut none) = (Vec::new(), Vec::new(), Vec::new());
    let mut expressions = 0;
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (list, after) = match first {
            '?' => (&mut any, &rest[1..]),
            '-' => (&mut none, &rest[1..]),
            _ => (&mut all, rest),
        };
        let (term, after) = if let Some(inside) = after.strip_prefix('"') {
            let (phrase, after) = quoted(inside)?;
            (Term::Text(phrase), after)
        } else if let Some(inside) = after.strip_prefix('%') {
            expressions += 1;
            let (expression, after) = inside
                .split_once('%')
                .ok_or("a regular expression does not end with %")?;
            (Term::Expression(regex(expression)?), after)
        } else {
            let end = after.find(char::is_whitespace).unwrap_or(after.len());
            let (word, after) = after.split_at(end);
            // https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html: others are quoted.
            let allowed = |letter: char| letter.is_alphanumeric() || letter == '_';
            if word.is_empty() || !word.chars().all(allowed) {
                return Err(format!("Invalid character(s) in term '{word}'"));
            }
            (Term::Text(word.to_owned()), after)
        };
        list.push(term);
        rest = after.trim_start();
    }
    if expressions > EXPRESSIONS_MAX {
        return Err(format!("more than {EXPRESSIONS_MAX} regular expressions"));
    }
    // Together with other terms those of `?` count for nothing.
    if !all.is_empty() || !none.is_empty() {
        any.clear();
    }
    Ok(Kind::Terms { all, any, none })
}

/// A phrase up to its closing quote, and what follows; `\"` is a quote in it.
fn quoted(text: &str) -> Result<(String, &str), String> {
    let mut phrase = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((phrase, &text[at + 1..])),
            '\\' => match letters.next() {
                Some((_, escaped @ ('"' | '\\'))) => phrase.push(escaped),
                Some((_, other)) => phrase.extend(['\\', other]),
                None => break,
            },
            other => phrase.push(other),
        }
    }
    Err("a quoted phrase does not end".to_owned())
}

fn regex(text: &str) -> Result<Regex, String> {
    Regex::new(text).map_err(|_| format!("'{text}' is not a supported regular expression"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_the_events_the_guide_says() {
        let access =
            r#"127.0.0.1 - frank [10/Oct/2000:13:25:15 -0700] "GET /a.gif HTTP/1.0" 404 1534"#;
        let json = r#"{"level":"ERROR","status":503,"path":"/api/x","ok":true,"none":null,"tags":["a","b"],"in":{"ms":1.5},
            "list":[{"n":1},{"n":7}]}"#;
        for (pattern, message, expected) in [
            ("", "anything", true),
            ("ERROR", "[ERROR 400] x", true),
            ("ERROR", "error", false),
            ("ERROR WARN", "ERROR and WARN", true),
            ("ERROR WARN", "ERROR", false),
            ("?ERROR ?WARN", "a WARN", true),
            ("?ERROR ?WARN", "an INFO", false),
            ("ERROR -retry", "ERROR retry", false),
            ("ERROR -retry", "ERROR", true),
            ("ERROR ?WARN", "ERROR", true),
            ("\"not \\\"found\\\"\"", "x not \"found\" y", true),
            ("%5[0-9]{2}%", "status 503", true),
            ("%5[0-9]{2}%", "status 403", false),
            ("[ip, id, user, time, request, status, size]", access, true),
            ("[ip, id, user, time, request, status]", access, false),
            ("[ip, ..., status = 4*, size]", access, true),
            ("[..., size > 1000]", access, true),
            ("[..., status = 404 || status = 410, size]", access, true),
            ("[..., request = *gif*, status != 404, size]", access, false),
            ("[ip = %127.*%, ...]", access, true),
            ("[w1 = \"127.0.0.1\" && w1 != 1*, ...]", access, false),
            ("{ $.level = \"ERROR\" }", json, true),
            ("{ $.level = ERR* }", json, true),
            ("{ $.level != \"ERROR\" }", json, false),
            ("{ $.status >= 500 && $.status < 600 }", json, true),
            ("{ $.status = 503.0 }", json, true),
            ("{ ($.status = 404) || ($.path = \"/api/*\") }", json, true),
            ("{ $.in.ms > 1 }", json, true),
            ("{ $.tags[0] = \"a\" }", json, true),
            ("{ $.tags[*] = \"b\" }", json, true),
            ("{ $.list[*].n > 5 }", json, true),
            ("{ $.list[0].n > 5 }", json, false),
            ("{ $.ok IS TRUE }", json, true),
            ("{ $.none IS NULL }", json, true),
            ("{ $.absent IS NULL }", json, false),
            ("{ $.absent NOT EXISTS }", json, true),
            ("{ $.level NOT EXISTS }", json, false),
            ("{ $.level EXISTS }", json, true),
            ("{ $.absent = \"x\" }", json, false),
            ("{ $.absent != \"x\" }", json, false),
            ("{ $.path = %^/api/.$% }", json, true),
            ("{ $.['level'] = \"ERROR\" }", json, true),
            ("{ $.level = \"ERROR\" }", "no JSON", false),
        ] {
            let matched = Pattern::parse(pattern).unwrap().matches(message).is_some();
            assert_eq!(matched, expected, "{pattern} {message}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in [
            "a-b",
            "\"open",
            "%open",
            "%(%",
            "%a% %b% %c%",
            "{",
            "{}",
            "{ $.a }",
            "{ $.a = }",
            "{ a = 1 }",
            "{ $.a > \"x\" }",
            "{ $.a = 1 && }",
            "{ ($.a = 1 }",
            "{ $.a IS WRONG }",
            "{ $.a[x] = 1 }",
            "[",
            "[]",
            "[a, ..., b, ...]",
            "[a = ]",
            "[a = 1 || b = 2]",
            "[a,,b]",
            "?",
            "-",
        ] {
            assert!(Pattern::parse(pattern).is_err(), "{pattern}");
        }
        assert!(Pattern::parse(&format!("{{{}$.a = 1", "(".repeat(1_000))).is_err());
        assert!(Pattern::parse(&"a".repeat(1_025)).is_err());
    }

    #[test]
    fn values_are_taken_from_what_matches() {
        let pattern = Pattern::parse("[ip, ..., status = 4*, size]").unwrap();
        let taken = pattern.matches("10.0.0.1 - x \"a b\" 404 12").unwrap();
        let expected = [
            ("$ip", "10.0.0.1"),
            ("$status", "404"),
            ("$size", "12"),
            ("$2", "-"),
            ("$3", "x"),
            ("$4", "a b"),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(taken, BTreeMap::from(expected));
        let json = Pattern::parse("{ $.status >= 500 }").unwrap();
        let message = r#"{"status":503,"ms":12.5}"#;
        assert_eq!(
            json.matches(message).unwrap(),
            BTreeMap::from([("$.status".to_owned(), "503".to_owned())])
        );
        assert_eq!(json.value_of("$.ms", message).as_deref(), Some("12.5"));
        assert_eq!(json.value_of("$.absent", message), None);
    }
}
