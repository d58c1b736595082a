//! What gives a plain setting away as a secret: its name, or a value in the form of one.
//!
//! Takes a setting, gives the clue; never repeats the value. What has neither a telling name nor a telling form is missed,
//! and a value that only looks like a secret is taken for one: its users warn or hide, and decide nothing else by it.

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

/// Words that say the contrary: a hash has the form of a key and is none; an address is public.
const PUBLIC: [&str; 3] = ["HASH", "DIGEST", "ADDRESS"];

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

#[cfg(test)]
mod tests {
    use super::clue;

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
            ("LOG_LEVEL", "info", false),
            ("CORS_ORIGINS", "https://hokus.ai,https://a.ai", false),
        ];
        for (name, value, expected) in rows {
            assert_eq!(clue(name, value).is_some(), expected, "{name}={value}");
        }
    }
}
