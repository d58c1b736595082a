//! One YAML value → one value that obeys AWS's rule for its kind, or what is wrong with it and the fix.
//!
//! Every bound here is AWS's own unless it says otherwise. Knows nothing of other fields.

use serde_yaml::Value;

use super::{DnsName, Image};
use crate::reconciler::manifest::value::{Wrong, text, whole, wrong};

/// A text of 1 to `length_max` characters, all of them letters, digits or one of `others`.
pub fn name(length_max: usize, others: &'static str) -> impl Fn(&Value) -> Result<String, Wrong> {
    move |value| {
        let name = text(value)?;
        let fits = name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || others.contains(c))
            && name.len() <= length_max;
        if fits {
            Ok(name)
        } else {
            Err(wrong(
                format!("is {name:?}"),
                format!("use at most {length_max} letters, digits and any of \"{others}\""),
            ))
        }
    }
}

/// Exactly this text.
pub fn exactly(expected: &'static str) -> impl Fn(&Value) -> Result<(), Wrong> {
    move |value| {
        let found = text(value)?;
        if found == expected {
            Ok(())
        } else {
            Err(wrong(format!("is {found:?}"), format!("write {expected}")))
        }
    }
}

/// Twelve digits.
pub fn account(value: &Value) -> Result<String, Wrong> {
    let account = text(value)?;
    let fits = account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit());
    if fits {
        Ok(account)
    } else {
        Err(wrong(
            format!("is {account:?}"),
            "write the account's twelve digits in quotes",
        ))
    }
}

/// Such as `us-east-1`.
pub fn region(value: &Value) -> Result<String, Wrong> {
    let region = text(value)?;
    let parts: Vec<&str> = region.split('-').collect();
    let fits = parts.len() >= 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        })
        && parts
            .last()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()));
    if fits {
        Ok(region)
    } else {
        Err(wrong(
            format!("is {region:?}"),
            "write a region such as us-east-1",
        ))
    }
}

/// `<account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>` or `…@sha256:<digest>`. `latest` is refused: a rollback
/// to it is no rollback, and two tasks of one revision may run different code.
pub fn image(value: &Value) -> Result<Image, Wrong> {
    let uri = text(value)?;
    let fault = |fix: &str| wrong(format!("is {uri:?}"), fix);
    let shape = "write ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY:TAG or …@sha256:DIGEST";
    let (registry, rest) = uri.split_once('/').ok_or_else(|| fault(shape))?;
    let (account, registry_rest) = registry
        .split_once(".dkr.ecr.")
        .ok_or_else(|| fault(shape))?;
    let region = registry_rest
        .strip_suffix(".amazonaws.com")
        .ok_or_else(|| fault(shape))?;
    let (repository, reference) = match rest.split_once('@') {
        Some((repository, digest)) => (
            repository,
            digest
                .strip_prefix("sha256:")
                .filter(|hex| hex.len() == 64 && hex.bytes().all(|b| b.is_ascii_hexdigit())),
        ),
        None => rest
            .split_once(':')
            .map_or((rest, None), |(repository, tag)| (repository, Some(tag))),
    };
    let reference = reference
        .filter(|reference| !reference.is_empty())
        .ok_or_else(|| fault(shape))?;
    if reference == "latest" {
        return Err(fault(
            "name a version: a rollback to `latest` is no rollback",
        ));
    }
    let tag_fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    let repository_fits =
        |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-/".contains(c);
    if repository.is_empty()
        || !repository.chars().all(repository_fits)
        || !reference.chars().all(tag_fits)
    {
        return Err(fault(shape));
    }
    Ok(Image {
        account: account.to_owned(),
        region: region.to_owned(),
        repository: repository.to_owned(),
        uri,
    })
}

/// An EC2 id such as `subnet-0a1b2c3d4e5f60718`: 8 or 17 hexadecimal digits after the prefix.
pub fn id(prefix: &'static str) -> impl Fn(&Value) -> Result<String, Wrong> {
    move |value| {
        let id = text(value)?;
        let digits = id.strip_prefix(prefix).filter(|hex| {
            [8, 17].contains(&hex.len()) && hex.bytes().all(|b| b.is_ascii_hexdigit())
        });
        if digits.is_some() {
            Ok(id)
        } else {
            Err(wrong(
                format!("is {id:?}"),
                format!("write an id such as {prefix}0a1b2c3d4e5f60718"),
            ))
        }
    }
}

/// A host name of at least two labels, lower case.
pub fn host(value: &Value) -> Result<String, Wrong> {
    let host = text(value)?;
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    };
    let fits = host.len() <= 128 && host.contains('.') && host.split('.').all(label);
    if fits {
        Ok(host)
    } else {
        Err(wrong(
            format!("is {host:?}"),
            "write a host name in lower case such as contracts.hokus.ai",
        ))
    }
}

/// A private DNS name: the first label is the Cloud Map service, the rest its namespace.
pub fn dns_name(value: &Value) -> Result<DnsName, Wrong> {
    let name = host(value)?;
    match name.split_once('.') {
        Some((service, namespace)) if namespace.contains('.') => Ok(DnsName {
            service: service.to_owned(),
            namespace: namespace.to_owned(),
        }),
        _ => Err(wrong(
            format!("is {name:?}"),
            "write SERVICE.NAMESPACE such as contracts.hokusai-development.local",
        )),
    }
}

/// An absolute URL path without query or wildcard.
pub fn url_path(value: &Value) -> Result<String, Wrong> {
    let path = text(value)?;
    let fits = path.starts_with('/')
        && path.len() <= 1024
        && path
            .bytes()
            .all(|b| b.is_ascii_graphic() && !b"?#*".contains(&b));
    if fits {
        Ok(path)
    } else {
        Err(wrong(
            format!("is {path:?}"),
            "write an absolute path such as /health",
        ))
    }
}

/// The name of an environment variable.
pub fn variable(name: &str) -> Result<(), Wrong> {
    let mut bytes = name.bytes();
    let fits = bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_');
    if fits {
        Ok(())
    } else {
        Err(wrong(
            "is not the name of a variable",
            "use letters, digits and _, not beginning with a digit",
        ))
    }
}

/// The full name of an SSM parameter. What stands there instead is never repeated: it may be the secret itself.
pub fn parameter(value: &Value) -> Result<String, Wrong> {
    let fix = "write the parameter's name, such as /hokusai/development/contracts/redis_url; values stay in SSM";
    let name = value
        .as_str()
        .ok_or_else(|| wrong("should be the name of an SSM parameter", fix))?;
    let fits = name.starts_with('/')
        && name.len() <= 1011
        && name.split('/').skip(1).all(|part| {
            !part.is_empty()
                && part
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        });
    if fits {
        Ok(name.to_owned())
    } else {
        Err(wrong("is not the full name of an SSM parameter", fix))
    }
}

/// A command and its arguments.
pub fn command(value: &Value) -> Result<Vec<String>, Wrong> {
    let shape = || wrong("is not a list of words", "write it as [program, argument]");
    let words = value.as_sequence().ok_or_else(shape)?;
    let words: Vec<String> = words.iter().map(text).collect::<Result<_, _>>()?;
    if words.is_empty() {
        Err(shape())
    } else {
        Ok(words)
    }
}

/// The days CloudWatch Logs offers as retention.
/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html>
const RETENTION_DAYS: [u32; 22] = [
    1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922,
    3288, 3653,
];

/// A retention CloudWatch Logs offers.
pub fn retention(value: &Value) -> Result<u32, Wrong> {
    let days = whole(1, 3653)(value)?;
    if RETENTION_DAYS.contains(&days) {
        return Ok(days);
    }
    let nearest = RETENTION_DAYS
        .iter()
        .find(|offered| **offered > days)
        .unwrap_or(&3653);
    Err(wrong(
        format!("is {days}"),
        format!("write one of the spans CloudWatch offers, such as {nearest}"),
    ))
}
