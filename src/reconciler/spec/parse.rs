//! The types of a manifest's fields: one YAML value → one value that obeys AWS's rule for its kind, or what is wrong and the fix.
//!
//! Every bound here is AWS's own unless it says otherwise. Knows nothing of other fields.

use serde_json::{Value as Json, json};

use super::{DnsName, Image, Reference};
use crate::reconciler::document;
use crate::reconciler::leave::ROOTS;
use crate::reconciler::manifest::value::{Type, choice, kind, one_of, pattern, text, whole, wrong};

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
        let (repository, reference) = rest
            .split_once('@')
            .map(|(repository, digest)| (repository, Reference::Digest(digest.to_owned())))
            .or_else(|| {
                let (repository, tag) = rest.split_once(':')?;
                Some((repository, Reference::Tag(tag.to_owned())))
            })
            .ok_or_else(|| fault(shape))?;
        Ok(Image {
            reference,
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

/// A place among the unit's resources, such as `service.circuit_breaker`.
pub fn place() -> Type<String> {
    let roots = ROOTS.join("|");
    pattern(
        1024,
        format!("^({roots})([.][^.]+)*$"),
        format!(
            "begin with one of {}, and go on as the plan prints it, such as service.circuit_breaker",
            ROOTS.join(", ")
        ),
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

/// The most characters of all inline policies of a role, but for white space.
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
const POLICY_CHARACTERS_MAX: usize = 10_240;

/// An IAM policy as AWS writes them and `reconciler policy` prints them: each statement allows or denies some actions on some
/// resources. What it does not name (`NotAction`, `NotResource`) is refused: it grows by itself.
pub fn policy() -> Type<Json> {
    let texts = json!({ "anyOf": [
        { "type": "string" }, { "type": "array", "minItems": 1, "items": { "type": "string" } },
    ] });
    let statement = json!({
        "type": "object", "required": ["Effect", "Action", "Resource"], "additionalProperties": false,
        "properties": {
            "Sid": { "type": "string" }, "Effect": { "enum": ["Allow", "Deny"] }, "Action": texts, "Resource": texts,
            "Condition": { "type": "object" },
        },
    });
    let schema = json!({
        "type": "object", "required": ["Version", "Statement"], "additionalProperties": false,
        "properties": {
            "Version": { "const": "2012-10-17" }, "Statement": { "anyOf": [statement, { "type": "array", "minItems": 1, "items": statement }] },
        },
    });
    Type::new(schema, |value| {
        let document = serde_json::to_value(value)
            .map(document::normal)
            .unwrap_or_default();
        let shape = "write Version \"2012-10-17\" and Statement, each with Effect, Action, Resource, maybe Sid and Condition, as `reconciler policy` prints them";
        if !is_policy(&document) {
            return Err(wrong("is not an IAM policy", shape));
        }
        let length = document.to_string().len();
        if length > POLICY_CHARACTERS_MAX {
            let what = format!(
                "has {length} characters, and a role's policies together {POLICY_CHARACTERS_MAX} at most"
            );
            return Err(wrong(
                what,
                "leave out what the program does not need, or give it to two programs",
            ));
        }
        Ok(document)
    })
}

/// Of a document in the one form.
fn is_policy(document: &Json) -> bool {
    let only = |value: &Json, known: &[&str]| {
        let members = value.as_object();
        members.is_some_and(|members| members.keys().all(|name| known.contains(&name.as_str())))
    };
    let texts = |value: &Json| {
        let items = value.as_array();
        items.is_some_and(|items| !items.is_empty() && items.iter().all(Json::is_string))
    };
    let statement = |statement: &Json| {
        only(
            statement,
            &["Sid", "Effect", "Action", "Resource", "Condition"],
        ) && matches!(statement["Effect"].as_str(), Some("Allow" | "Deny"))
            && texts(&statement["Action"])
            && texts(&statement["Resource"])
            && statement.get("Sid").is_none_or(Json::is_string)
            && statement.get("Condition").is_none_or(Json::is_object)
    };
    only(document, &["Version", "Statement"])
        && document["Version"] == "2012-10-17"
        && document["Statement"]
            .as_array()
            .is_some_and(|all| !all.is_empty() && all.iter().all(statement))
}

/// A whole number, or `false` for none.
pub fn unless_off(min: u32, max: u32) -> Type<Option<u32>> {
    or_false(whole(min, max))
}

/// A number, or `false` for none.
pub fn or_false<T: 'static>(number: Type<T>) -> Type<Option<T>> {
    let schema = json!({ "anyOf": [number.schema(), { "const": false }] });
    Type::new(schema, move |value| {
        if value.as_bool() == Some(false) {
            return Ok(None);
        }
        number.read(value).map(Some).map_err(|found| {
            let fix = format!("{}, or false", found.fix);
            wrong(found.what, fix)
        })
    })
}

/// Zero or a number above it.
pub fn at_least_zero() -> Type<f64> {
    Type::new(json!({ "type": "number", "minimum": 0 }), |value| {
        value
            .as_f64()
            .filter(|number| number.is_finite() && *number >= 0.0)
            .ok_or_else(|| {
                wrong(
                    format!("should be 0 or a number above it, is {}", kind(value)),
                    "write a number such as 0 or 2.5",
                )
            })
    })
}

/// Where API keys are read again from. Like [`parameter`], never repeated.
pub fn keys_source() -> Type<String> {
    const NAME: &str = "(/[A-Za-z0-9._-]+)+";
    let expression = format!(
        "^({NAME}|arn:aws:ssm:[a-z0-9-]+:[0-9]{{12}}:parameter{NAME}|arn:aws:secretsmanager:[a-z0-9-]+:[0-9]{{12}}:secret:[A-Za-z0-9/_+=.@-]+)$"
    );
    let fix = "write a parameter's name or ARN, or the ARN of a secret of Secrets Manager; values stay there";
    let source = pattern(1011, expression, fix);
    Type::new(source.schema().clone(), move |value| {
        let unlike = |_| wrong("is neither a parameter nor the ARN of a secret", fix);
        source.read(value).map_err(unlike)
    })
}

/// `cron(…)` with six fields, `rate(…)` or `at(…)`; whether its numbers make a time is AWS's to say.
/// <https://docs.aws.amazon.com/autoscaling/application/userguide/scheduled-scaling-using-cron-expressions.html>
pub fn schedule() -> Type<String> {
    pattern(
        1600,
        r"^(cron\([^ ()]+( [^ ()]+){5}\)|rate\([0-9]+ (minute|minutes|hour|hours|day|days)\)|at\([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\))$",
        "write cron(0 8 ? * MON-FRI *), rate(12 hours) or at(2027-01-31T08:00:00)",
    )
}

/// Who a program runs as: a number that is not root's, and maybe a group's.
pub fn user() -> Type<String> {
    pattern(
        21,
        "^[1-9][0-9]*(:[0-9]+)?$",
        "write a user's number other than 0, such as 10001:10001",
    )
}

/// The ARN of a Lambda function, with a version or alias if need be.
pub fn function() -> Type<String> {
    pattern(
        256,
        "^arn:aws:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]+(:[A-Za-z0-9_$-]+)?$",
        "write the function's ARN, such as arn:aws:lambda:us-east-1:932100697590:function:gate",
    )
}

/// The ARN of a KMS key; an alias will not do, for IAM grants nothing by one.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/cmks-in-iam-policies.html>
pub fn key() -> Type<String> {
    pattern(
        256,
        "^arn:aws:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$",
        "write the key's own ARN, arn:aws:kms:REGION:ACCOUNT:key/ID, not its alias",
    )
}

/// The name of a metric made of log events, or of its namespace.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html>
pub fn metric_word() -> Type<String> {
    text_without(&[':', '*', '$'], 255).and(|word| {
        if word.starts_with("AWS/") {
            let what = "begins with AWS/, which is AWS's own";
            return Err(wrong(what, "write a namespace of your own"));
        }
        Ok(word)
    })
}

/// The name of a metric's dimension.
pub fn dimension() -> Type<String> {
    pattern(255, "^[A-Za-z0-9_.-]+$", "use letters, digits, _, . and -")
}

fn text_without(letters: &'static [char], length_max: usize) -> Type<String> {
    let set: String = letters.iter().collect();
    let spelt: Vec<String> = letters
        .iter()
        .map(|letter| format!("\"{letter}\""))
        .collect();
    pattern(
        length_max,
        format!("^[^{set}]+$"),
        format!("leave out {}", spelt.join(", ")),
    )
}

/// CloudWatch's units.
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html>
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// One of CloudWatch's units.
pub fn metric_unit() -> Type<String> {
    choice(&UNITS.map(|unit| (unit, unit.to_owned())))
}
