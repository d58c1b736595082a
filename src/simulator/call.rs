//! One AWS operation call, after its protocol has been taken off: names, a JSON-shaped input, a time.
//!
//! Takes what any of the four protocols parsed to, gives typed access to it with AWS's own refusals.
//! Never knows which protocol the caller spoke: a Query client sends every number as text, so the accessors
//! accept both.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// Milliseconds since the Unix epoch, on the simulator's clock.
pub type Millis = u64;

/// One operation as a client asked for it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service's signing name: `ecs`, `elasticloadbalancing`, `application-autoscaling`, `ssm`,
    /// `monitoring`, `logs`, `servicediscovery`, `iam`, `sts`, `ecr`, `secretsmanager`, `acm`, `sns`, `ec2`, `route53`.
    pub service: &'static str,
    /// The operation as AWS spells it, such as `DescribeServices`.
    pub operation: String,
    /// The input members under AWS's own names; Query lists are already arrays.
    pub input: Map<String, Value>,
    /// The ARN of who asks; the account itself when no key signed the call.
    pub principal: Option<String>,
    /// When the call arrived.
    pub now: Millis,
}

/// What an operation gives: its output members, or AWS's refusal.
pub type Answer = Result<Value, Refusal>;

/// An error reply: AWS's code, its message, and the HTTP status it comes with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The error code clients branch on, such as `ServiceNotFoundException`.
    pub code: &'static str,
    /// The sentence AWS puts beside it.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
}

impl Refusal {
    /// A refusal that is the caller's fault (HTTP 400), as nearly all are.
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Refusal {
            code,
            message: message.into(),
            status: 400,
        }
    }
}

/// A point in time in an output. Each protocol writes it its own way: epoch seconds in JSON, ISO 8601 in XML,
/// tag 1 in CBOR.
pub fn timestamp(at: Millis) -> Value {
    serde_json::json!({ "$timestamp": at })
}

/// A map in the output of a service that speaks XML, which writes a structure's members as elements and a map's as entries.
pub fn map(entries: impl IntoIterator<Item = (String, impl Into<Value>)>) -> Value {
    let entries: Map<String, Value> = entries
        .into_iter()
        .map(|(key, value)| (key, value.into()))
        .collect();
    serde_json::json!({ "$map": entries })
}

/// The entries of a [`map`].
pub fn marked_map(value: &Value) -> Option<&Map<String, Value>> {
    let object = value.as_object()?;
    (object.len() == 1)
        .then(|| object.get("$map")?.as_object())
        .flatten()
}

impl Call {
    /// A member that need not be there; `null` counts as absent.
    pub fn get(&self, member: &str) -> Option<&Value> {
        self.input.get(member).filter(|value| !value.is_null())
    }

    /// Text that need not be there.
    pub fn text(&self, member: &str) -> Option<&str> {
        self.get(member).and_then(Value::as_str)
    }

    /// A whole number that need not be there, written as a number or (Query) as digits.
    pub fn integer(&self, member: &str) -> Option<i64> {
        self.get(member).and_then(integer)
    }

    /// A boolean that need not be there, written as a boolean or (Query) as a word.
    pub fn boolean(&self, member: &str) -> Option<bool> {
        self.get(member).and_then(boolean)
    }

    /// A list; absent reads as empty.
    pub fn list(&self, member: &str) -> &[Value] {
        self.get(member)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// A list of texts; absent reads as empty.
    pub fn texts(&self, member: &str) -> Vec<String> {
        self.list(member)
            .iter()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect()
    }

    /// A member that must be there as text; absent is refused with `code`.
    pub fn required(&self, member: &str, code: &'static str) -> Result<&str, Refusal> {
        let Some(value) = self.get(member) else {
            let text = format!(
                "1 validation error detected: Value null at '{}' failed to satisfy constraint: Member must not be null",
                lower_first(member)
            );
            return Err(Refusal::new(code, text));
        };
        value
            .as_str()
            .ok_or_else(|| mismatch(member, value, "a String"))
    }

    /// Text that need not be there but must be text.
    pub fn optional_text(&self, member: &str) -> Result<Option<&str>, Refusal> {
        self.typed(member, "a String", Value::as_str)
    }

    /// A whole number that need not be there but must be one.
    pub fn optional_integer(&self, member: &str) -> Result<Option<i64>, Refusal> {
        self.typed(member, "an Integer", integer)
    }

    /// A number that need not be there but must be one.
    pub fn optional_number(&self, member: &str) -> Result<Option<f64>, Refusal> {
        self.typed(member, "a Double", number)
    }

    /// A boolean that need not be there but must be one.
    pub fn optional_boolean(&self, member: &str) -> Result<Option<bool>, Refusal> {
        self.typed(member, "a Boolean", boolean)
    }

    /// A list of texts; absent reads as empty, anything else is refused.
    pub fn optional_texts(&self, member: &str) -> Result<Vec<String>, Refusal> {
        let read = |value: &Value| {
            elements(value)?
                .iter()
                .map(|element| element.as_str().map(str::to_owned))
                .collect::<Option<Vec<_>>>()
        };
        Ok(self
            .typed(member, "a list of String", read)?
            .unwrap_or_default())
    }

    /// A nested structure, read with the same accessors.
    pub fn structure(&self, member: &str) -> Result<Option<Call>, Refusal> {
        self.typed(member, "a structure", |value| self.inside(value))
    }

    /// A list of structures; absent reads as empty.
    pub fn structures(&self, member: &str) -> Result<Vec<Call>, Refusal> {
        let read = |value: &Value| {
            elements(value)?
                .iter()
                .map(|element| self.inside(element))
                .collect::<Option<Vec<_>>>()
        };
        Ok(self
            .typed(member, "a list of structures", read)?
            .unwrap_or_default())
    }

    /// The refusal for an operation this simulator does not have.
    pub fn unknown_operation(&self) -> Refusal {
        Refusal::new(
            UNKNOWN_OPERATION,
            format!(
                "{} is not an operation of {} here",
                self.operation, self.service
            ),
        )
    }

    /// One page of `entries`, which are in the order of their keys. `token` is what an earlier page gave as its
    /// `next`; one that no page gave is refused with `bad_token`.
    ///
    /// The token holds the next key and not an offset: what is made or deleted between two pages moves nothing.
    pub fn page<T>(
        entries: impl IntoIterator<Item = (String, T)>,
        token: Option<&str>,
        size: usize,
        bad_token: &'static str,
    ) -> Result<Page<T>, Refusal> {
        let from = match token {
            None => String::new(),
            Some(token) => URL_SAFE_NO_PAD
                .decode(token)
                .ok()
                .and_then(|bytes| {
                    String::from_utf8(bytes)
                        .ok()?
                        .strip_prefix(PAGE_MARK)
                        .map(str::to_owned)
                })
                .ok_or_else(|| Refusal::new(bad_token, "The specified nextToken is invalid."))?,
        };
        let mut rest = entries.into_iter().skip_while(|(key, _)| *key < from);
        let items = rest.by_ref().take(size).map(|(_, item)| item).collect();
        let next = rest
            .next()
            .map(|(key, _)| URL_SAFE_NO_PAD.encode(format!("{PAGE_MARK}{key}")));
        Ok(Page { items, next })
    }

    fn typed<'a, T>(
        &'a self,
        member: &str,
        expected: &str,
        read: impl Fn(&'a Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        let Some(value) = self.get(member) else {
            return Ok(None);
        };
        read(value)
            .map(Some)
            .ok_or_else(|| mismatch(member, value, expected))
    }

    fn inside(&self, value: &Value) -> Option<Call> {
        let input = value.as_object()?.clone();
        Some(Call {
            service: self.service,
            operation: self.operation.clone(),
            input,
            principal: self.principal.clone(),
            now: self.now,
        })
    }
}

/// The code of an operation nobody knows; the wire spells it per protocol.
pub const UNKNOWN_OPERATION: &str = "UnknownOperationException";
/// The code of input that is not of its member's type; the wire spells it per protocol.
pub const SERIALIZATION: &str = "SerializationException";

const PAGE_MARK: &str = "from ";

/// One page of a listing.
#[derive(Debug)]
pub struct Page<T> {
    /// What is on it.
    pub items: Vec<T>,
    /// Names the next page; absent on the last.
    pub next: Option<String>,
}

/// A list. A Query client writes an empty one as empty text.
fn elements(value: &Value) -> Option<&[Value]> {
    match value {
        Value::String(text) if text.is_empty() => Some(&[]),
        other => other.as_array().map(Vec::as_slice),
    }
}

/// The refusal of a value that is not of its member's type.
pub(super) fn mismatch(member: &str, value: &Value, expected: &str) -> Refusal {
    let found = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "a list",
        Value::Object(_) => "a structure",
    };
    Refusal::new(
        SERIALIZATION,
        format!("{member}: {found} can not be converted to {expected}"),
    )
}

fn lower_first(member: &str) -> String {
    let mut letters = member.chars();
    letters.next().map_or_else(String::new, |first| {
        first.to_lowercase().chain(letters).collect()
    })
}

/// A number written as one or (Query) as digits.
pub fn number(value: &Value) -> Option<f64> {
    value
        .as_f64()
        .or_else(|| value.as_str()?.parse().ok())
        .filter(|number: &f64| number.is_finite())
}

/// A point in time in an input: epoch seconds (JSON, CBOR) or ISO 8601 (Query).
pub fn instant(value: &Value) -> Option<Millis> {
    if let Some(text) = value.as_str() {
        let at = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc3339)
            .ok()?;
        return u64::try_from(at.unix_timestamp_nanos() / 1_000_000).ok();
    }
    let seconds = value
        .as_f64()
        .filter(|seconds| (0.0..1e11).contains(seconds))?;
    Some((seconds * 1000.0).round() as u64)
}

/// A whole number written as a number or as digits.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A boolean written as one or as a word.
pub fn boolean(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}
