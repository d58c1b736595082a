//! What gives a plain setting away as a secret: its name, or a value in the form of one.
//!
//! Takes a setting, gives the clue; never repeats the value. What has neither a telling name nor a telling form is missed,
//! and a value that only looks like a secret is taken for one: its users warn or hide, and decide nothing else by it.

use std::sync::LazyLock;

use regex_lite::Regex;

/// Why a setting is taken for a secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clue {
    /// This word of its name.
    Name(&'static str),
    /// Its value is in this form.
    Shape(&'static str),
}

/// Words of a setting's name that say its value is a secret.
const WORDS: [&str; 12] = [
    "KEY",
    "KEYS",
    "APIKEY",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "TOKEN",
    "PRIVATE",
    "CREDENTIAL",
    "CREDENTIALS",
    "MNEMONIC",
];

/// Words that say the contrary: a hash has the form of a key and is none; an address is public; a source is where a secret is kept.
const PUBLIC: [&str; 4] = ["HASH", "DIGEST", "ADDRESS", "SOURCE"];

/// What secrets look like.
const SHAPES: [(&str, &str); 7] = [
    ("a private key of 32 bytes", "^(0x)?[0-9a-fA-F]{64}$"),
    (
        "an AWS access key",
        "(^|[^A-Z0-9])(AKIA|ASIA)[A-Z0-9]{16}($|[^A-Z0-9])",
    ),
    (
        "a JSON Web Token",
        r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.",
    ),
    (
        "a URL with a password",
        "^[a-z][a-z0-9+.-]*://[^/@ ]*:[^/@ ]+@",
    ),
    (
        "a URL with a key in it",
        "^https?://[^ ]*[/=][A-Za-z0-9_-]{32,}($|[/&?])",
    ),
    ("a key in PEM", "-----BEGIN"),
    (
        "a token of GitHub or Slack",
        "(ghp|gho|ghs|github_pat|xox[abp])[_-][A-Za-z0-9_-]{16,}",
    ),
];

/// The first clue: the form before the name, as it says more.
pub fn clue(name: &str, value: &str) -> Option<Clue> {
    let name = name.to_ascii_uppercase();
    let words: Vec<&str> = name.split('_').collect();
    if words.iter().any(|word| PUBLIC.contains(word)) {
        return None;
    }
    let matches = |shape: &str| Regex::new(shape).is_ok_and(|shape| shape.is_match(value));
    let shape = SHAPES.into_iter().find(|(_, shape)| matches(shape));
    let word = || WORDS.into_iter().find(|word| words.contains(word));
    shape
        .map(|(what, _)| Clue::Shape(what))
        .or_else(|| word().map(Clue::Name))
}

/// What secrets look like inside other text, and what stands in their place. A transaction's hash looks like a private key and
/// goes with it.
const INSIDE: [(&str, &str); 7] = [
    // Also of a variable or a JSON member that says so by its name.
    (
        r#"(?i)([a-z0-9_.-]*(?:key|keys|secret|passwd|password|passphrase|token|credentials?|mnemonic|authorization)"?\s*[=:]\s*"?)(?:bearer\s+)?[^\s";}&]+"#,
        "${1}[redacted]",
    ),
    ("[a-z][a-z0-9+.-]*://[^/@ \"]*@", "[redacted]@"),
    (
        r#"(https?://[^ "]*[/=])[A-Za-z0-9_-]{32,}"#,
        "${1}[redacted]",
    ),
    (r"\b(?:0x)?[0-9a-fA-F]{64}\b", "[redacted]"),
    (r"\b(?:AKIA|ASIA)[A-Z0-9]{16}\b", "[redacted]"),
    (
        r"eyJ[A-Za-z0-9_-]+\.eyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*",
        "[redacted]",
    ),
    (
        r"\b(?:ghp|gho|ghs|github_pat|xox[abp])[_-][A-Za-z0-9_-]{16,}|-----BEGIN.*",
        "[redacted]",
    ),
];

/// Somebody else's text without what looks like a secret in it: for log lines of a program that may have printed one. What has
/// no such look is not known to be one, and stays.
pub fn masked(text: &str) -> String {
    static MASKS: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
        let mask = |(shape, instead)| Some((Regex::new(shape).ok()?, instead));
        INSIDE.into_iter().filter_map(mask).collect()
    });
    MASKS
        .iter()
        .fold(text.to_owned(), |text, (shape, instead)| {
            shape.replace_all(&text, *instead).into_owned()
        })
}

#[cfg(test)]
mod tests {
    use super::{INSIDE, clue, masked};

    #[test]
    fn what_looks_like_a_secret_is_not_told() {
        let key = format!("0x{}", "4c08".repeat(16));
        for (line, want) in [
            (
                format!("signer {key} is wrong"),
                "signer [redacted] is wrong".to_owned(),
            ),
            (
                "redis://:hunter2@cache:6379 refused".to_owned(),
                "[redacted]@cache:6379 refused".to_owned(),
            ),
            (
                format!("https://eth.example/v2/{} said 401", "a1B2".repeat(8)),
                "https://eth.example/v2/[redacted] said 401".to_owned(),
            ),
            (
                "API_KEYS=one,two".to_owned(),
                "API_KEYS=[redacted]".to_owned(),
            ),
            (
                r#"{"level":"error","authorization":"Bearer abc.def"}"#.to_owned(),
                r#"{"level":"error","authorization":"[redacted]"}"#.to_owned(),
            ),
            (
                "id AKIAIOSFODNN7EXAMPLE".to_owned(),
                "id [redacted]".to_owned(),
            ),
            (
                "listening on 3001".to_owned(),
                "listening on 3001".to_owned(),
            ),
            (
                "token 0x00000000000000000000000000000000000c0de1 deployed".to_owned(),
                "token 0x00000000000000000000000000000000000c0de1 deployed".to_owned(),
            ),
        ] {
            assert_eq!(masked(&line), want);
        }
        // Every shape is one, or nothing would be masked by it.
        for (shape, _) in INSIDE {
            assert!(regex_lite::Regex::new(shape).is_ok(), "{shape}");
        }
    }

    #[test]
    fn what_looks_like_a_secret_is_one() {
        let key = "ab".repeat(32);
        let node = "https://eth.example/v2/0123456789abcdefghijABCDEFGHIJKL";
        let address = "0x00000000000000000000000000000000000000aa";
        let rows = [
            ("HOKUSAI_API_KEY", "hk_live_1234", true),
            ("hokusai_apikey", "hk_live_1234", true),
            ("DEPLOYER", key.as_str(), true),
            ("REDIS_URL", "redis://:hunter2@redis:6379/0", true),
            ("RPC_URL", node, true),
            ("RPC_URL", "https://eth.example/v2", false),
            ("TOKEN_MANAGER_ADDRESS", address, false),
            ("TOKENS_PER_DELTA_ONE", "250000", false),
            ("API_KEYS_SOURCE", "/hokusai/contracts/api_keys", false),
            ("LOG_LEVEL", "info", false),
            ("CORS_ORIGINS", "https://hokus.ai,https://a.ai", false),
        ];
        for (name, value, expected) in rows {
            assert_eq!(clue(name, value).is_some(), expected, "{name}={value}");
        }
    }
}
