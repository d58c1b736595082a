//! The types of a manifest's fields: one YAML value → one value that obeys AWS's rule for its kind, or what is wrong and the fix.
//!
//! Every bound here is AWS's own unless it says otherwise. Knows nothing of other fields.

use serde_json::json;

use super::{DnsName, Image};
use crate::reconciler::manifest::value::{Type, one_of, pattern, text, wrong};

/// A text of 1 to `length_max` characters, all of them letters, digits or one of `others`.
pub fn name(length_max: usize, others: &'static str) -> Type<String> {
    // A hyphen stands last in a set, where it means itself.
    let set = others.replace('-', "");
    let hyphen = if others.contains('-') { "-" } else { "" };
    pattern(
        length_max,
        format!("^[A-Za-z0-9{set}{hyphen}]+$"),
        format!("use at most {length_max} letters, digits and any of \"{others}\""),
    )
}

/// Exactly this text.
pub fn exactly(expected: &'static str) -> Type<()> {
    let read = text().and(move |found| {
        if found == expected {
            Ok(())
        } else {
            Err(wrong(format!("is {found:?}"), format!("write {expected}")))
        }
    });
    Type::new(json!({ "const": expected }), move |value| read.read(value))
}

/// Twelve digits.
pub fn account() -> Type<String> {
    pattern(
        12,
        "^[0-9]{12}$",
        "write the account's twelve digits in quotes",
    )
}

/// Such as `us-east-1`.
pub fn region() -> Type<String> {
    pattern(
        32,
        "^[a-z0-9]+(-[a-z0-9]+)+-[0-9]+$",
        "write a region such as us-east-1",
    )
}

/// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>` or `…@sha256:<digest>`. `latest` is refused: a rollback
/// to it is no rollback, and two tasks of one revision may run different code.
pub fn image() -> Type<Image> {
    let shape = "write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG or …@sha256:DIGEST";
    pattern(
        1024,
        r"^[0-9]{12}\.dkr\.ecr\.[a-z0-9-]+\.amazonaws\.com/[a-z0-9._/-]+(:[A-Za-z0-9._-]+|@sha256:[0-9a-fA-F]{64})$",
        shape,
    )
    .with("not", json!({ "pattern": ":latest$" }))
    .and(move |uri| {
        let fault = |fix: &str| wrong(format!("is {uri:?}"), fix);
        if uri.ends_with(":latest") {
            return Err(fault(
                "name a version: a rollback to `latest` is no rollback",
            ));
        }
        let (registry, rest) = uri.split_once('/').ok_or_else(|| fault(shape))?;
        let (account, registry) = registry
            .split_once(".dkr.ecr.")
            .ok_or_else(|| fault(shape))?;
        let region = registry
            .strip_suffix(".amazonaws.com")
            .ok_or_else(|| fault(shape))?;
        let repository = rest.split(['@', ':']).next().ok_or_else(|| fault(shape))?;
        Ok(Image {
            account: account.to_owned(),
            region: region.to_owned(),
            repository: repository.to_owned(),
            uri,
        })
    })
}

/// An EC2 id such as `subnet-0a1b2c3d4e5f60718`: 8 or 17 hexadecimal digits after the prefix.
pub fn id(prefix: &'static str) -> Type<String> {
    pattern(
        32,
        format!("^{prefix}([0-9a-fA-F]{{8}}|[0-9a-fA-F]{{17}})$"),
        format!("write an id such as {prefix}0a1b2c3d4e5f60718"),
    )
}

/// One label of a host name, in lower case.
const LABEL: &str = "[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?";

/// A host name of at least two labels, lower case.
pub fn host() -> Type<String> {
    pattern(
        128,
        format!(r"^{LABEL}(\.{LABEL})+$"),
        "write a host name in lower case such as contracts.hokus.ai",
    )
}

/// A private DNS name: the first label is the Cloud Map service, the rest its namespace.
pub fn dns_name() -> Type<DnsName> {
    let shape = "write SERVICE.NAMESPACE such as contracts.hokusai-development.local";
    pattern(128, format!(r"^{LABEL}(\.{LABEL}){{2,}}$"), shape).and(move |name| {
        match name.split_once('.') {
            Some((service, namespace)) => Ok(DnsName {
                service: service.to_owned(),
                namespace: namespace.to_owned(),
            }),
            None => Err(wrong(format!("is {name:?}"), shape)),
        }
    })
}

/// An absolute URL path without query or wildcard.
pub fn url_path() -> Type<String> {
    // Every visible character of ASCII but `#`, `*` and `?`.
    pattern(
        1024,
        r#"^/[!"$-)+->@-~]*$"#,
        "write an absolute path such as /health",
    )
}

/// The name of an environment variable.
pub fn variable() -> Type<String> {
    pattern(
        255,
        "^[A-Za-z_][A-Za-z0-9_]*$",
        "use letters, digits and _, not beginning with a digit",
    )
}

/// The full name of an SSM parameter. What stands there instead is never repeated: it may be the secret itself.
pub fn parameter() -> Type<String> {
    let fix = "write the parameter's name, such as /hokusai/development/contracts/redis_url; values stay in SSM";
    let name = pattern(1011, "^(/[A-Za-z0-9._-]+)+$", fix);
    Type::new(name.schema().clone(), move |value| {
        name.read(value).map_err(|_| {
            let what = if value.is_string() {
                "is not the full name of an SSM parameter"
            } else {
                "should be the name of an SSM parameter"
            };
            wrong(what, fix)
        })
    })
}

/// A command and its arguments.
pub fn command() -> Type<Vec<String>> {
    let word = text();
    let schema = json!({ "type": "array", "items": word.schema(), "minItems": 1 });
    Type::new(schema, move |value| {
        let shape = || wrong("is not a list of words", "write it as [program, argument]");
        let words = value.as_sequence().ok_or_else(shape)?;
        let words: Vec<String> = words
            .iter()
            .map(|value| word.read(value))
            .collect::<Result<_, _>>()?;
        if words.is_empty() {
            Err(shape())
        } else {
            Ok(words)
        }
    })
}

/// The days CloudWatch Logs offers as retention.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A retention CloudWatch Logs offers.
pub fn retention() -> Type<u32> {
    one_of(&RETENTION_DAYS, "CloudWatch")
}
