//! One AWS operation call, after its protocol has been taken off: names, a JSON-shaped input, a time.
//!
//! Takes what any of the four protocols parsed to, gives typed access to it with AWS's own refusals.
//! Never knows which protocol the caller spoke: a Query client sends every number as text, so the accessors
//! accept both.

use serde_json::{Map, Value};

/// Milliseconds since the Unix epoch, on the simulator's clock.
pub type Millis = u64;

/// One operation as a client asked for it.
#[derive(Debug, Clone)]
pub struct Call {
    /// The service's signing name: `ecs`, `elasticloadbalancing`, `application-autoscaling`, `ssm`,
    /// `monitoring`, `logs`, `servicediscovery`, `iam`, `sts`.
    pub service: &'static str,
    /// The operation as AWS spells it, such as `DescribeServices`.
    pub operation: String,
    /// The input members under AWS's own names; Query lists are already arrays.
    pub input: Map<String, Value>,
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
}

/// A whole number written as a number or as digits.
pub fn integer(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// A boolean written as one or as a word.
pub fn boolean(value: &Value) -> Option<bool> {
    value.as_bool().or_else(|| value.as_str()?.parse().ok())
}
