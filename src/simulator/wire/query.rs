//! AWS Query requests: form fields whose dotted names are paths into the input.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. `Tags.member.2.Key=x` is the second element of a list,
//! `Attributes.entry.1.key=x` the key of a map's first entry; EC2 leaves the `member` out. Every leaf is text: `call`'s accessors read numbers from it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::call::{Refusal, UNKNOWN_OPERATION};
use super::service::Service;

/// Deeper than any AWS shape.
const DEPTH_MAX: usize = 32;

/// A form field's place in the input being built. Children are ordered: elements of a list by their number.
enum Node {
    Leaf(String),
    Branch(BTreeMap<Part, Node>),
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Index(u32),
    Name(String),
}

pub(super) fn input(
    body: &[u8],
    service: &Service,
) -> Result<(String, Map<String, Value>), Refusal> {
    let Some(served) = service.xml.as_ref().map(|xml| xml.version) else {
        let message = format!(
            "{} takes no Query request; send X-Amz-Target.",
            service.name
        );
        return Err(Refusal::new(UNKNOWN_OPERATION, message));
    };
    let mut root = BTreeMap::new();
    let mut action = None;
    let mut version = None;
    for (name, value) in fields(body)? {
        match name.as_str() {
            "Action" => action = Some(value),
            "Version" => version = Some(value),
            _ => put(&mut root, &name, value)?,
        }
    }
    let Some(operation) = action else {
        return Err(Refusal::new(
            "MissingAction",
            "The request must contain the parameter Action.",
        ));
    };
    if version.as_deref() != Some(served) {
        let version = version.as_deref().unwrap_or("NO_VERSION_SPECIFIED");
        let message = format!("Could not find operation {operation} for version {version}");
        return Err(Refusal::new(UNKNOWN_OPERATION, message));
    }
    match value(Node::Branch(root)) {
        Value::Object(members) => Ok((operation, members)),
        // A root of numbered fields only.
        _ => Ok((operation, Map::new())),
    }
}

fn malformed(message: &str) -> Refusal {
    Refusal {
        code: "MalformedQueryString",
        message: message.to_owned(),
        status: 404,
    }
}

/// The decoded fields. A bad escape or text that is not UTF-8 is refused, not replaced.
pub(super) fn fields(body: &[u8]) -> Result<Vec<(String, String)>, Refusal> {
    body.split(|byte| *byte == b'&')
        .filter(|field| !field.is_empty())
        .map(|field| {
            let mut sides = field.splitn(2, |byte| *byte == b'=');
            let name = unescape(sides.next().unwrap_or_default())?;
            let value = unescape(
                sides
                    .next()
                    .ok_or_else(|| malformed("Keys may not contain no value"))?,
            )?;
            Ok((name, value))
        })
        .collect()
}

pub(super) fn unescape(text: &[u8]) -> Result<String, Refusal> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let pair = after.get(..2).and_then(|pair| hex::decode(pair).ok());
                let byte = pair.and_then(|pair| pair.first().copied());
                bytes.push(byte.ok_or_else(|| malformed("The query string has a bad % escape"))?);
                rest = after.get(2..).unwrap_or_default();
            }
            other => bytes.push(*other),
        }
    }
    String::from_utf8(bytes).map_err(|_| malformed("The query string is not UTF-8"))
}

fn put(root: &mut BTreeMap<Part, Node>, name: &str, text: String) -> Result<(), Refusal> {
    let clash = || malformed("The query string gives one parameter two shapes or values");
    let parts: Vec<Part> = name
        .split('.')
        .map(|part| {
            part.parse()
                .map_or_else(|_| Part::Name(part.to_owned()), Part::Index)
        })
        .collect();
    if parts.len() > DEPTH_MAX {
        return Err(malformed("The query string nests too deep"));
    }
    let mut place = root;
    let mut parts = parts.into_iter().peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            let earlier = place.insert(part, Node::Leaf(text));
            return if earlier.is_none() {
                Ok(())
            } else {
                Err(clash())
            };
        }
        place = match place
            .entry(part)
            .or_insert_with(|| Node::Branch(BTreeMap::new()))
        {
            Node::Branch(children) => children,
            Node::Leaf(_) => return Err(clash()),
        };
    }
    Ok(())
}

/// A branch whose children are all numbered is a list; `member` and `entry` above it are only spelling.
fn value(node: Node) -> Value {
    let children = match node {
        Node::Leaf(text) => return Value::String(text),
        Node::Branch(children) => children,
    };
    if children.keys().all(|part| matches!(part, Part::Index(_))) {
        return Value::Array(children.into_values().map(value).collect());
    }
    let mut members: Map<String, Value> = children
        .into_iter()
        .map(|(part, node)| match part {
            Part::Index(number) => (number.to_string(), value(node)),
            Part::Name(name) => (name, value(node)),
        })
        .collect();
    if members.len() == 1 {
        if let Some(Value::Array(items)) = members.get_mut("member") {
            return Value::Array(std::mem::take(items));
        }
        if let Some(Value::Array(entries)) = members.get("entry") {
            return Value::Object(entries.iter().filter_map(entry).collect());
        }
    }
    Value::Object(members)
}

/// SNS writes the entries of one of its maps with capitals (`MessageAttributes.entry.1.Name`).
fn entry(pair: &Value) -> Option<(String, Value)> {
    let side = |lower: &str, upper: &str| pair.get(lower).or_else(|| pair.get(upper));
    Some((
        side("key", "Name")?.as_str()?.to_owned(),
        side("value", "Value")?.clone(),
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(fields: &str, expected: &Value) {
        let service = super::super::service::named("iam").unwrap();
        let body = format!("Action=CreateRole&Version=2010-05-08&{fields}");
        let (operation, input) = input(body.as_bytes(), service).unwrap();
        assert_eq!(operation, "CreateRole");
        assert_eq!(&Value::Object(input), expected, "{fields}");
    }

    #[test]
    fn dotted_names_become_lists_maps_and_structures() {
        check("RoleName=a%20b+c", &json!({ "RoleName": "a b c" }));
        check(
            "Names.member.2=b&Names.member.10=c&Names.member.1=a",
            &json!({ "Names": ["a", "b", "c"] }),
        );
        check(
            "Tags.member.1.Key=k&Tags.member.1.Value=v&Tags.member.2.Key=l&Tags.member.2.Value=",
            &json!({ "Tags": [{ "Key": "k", "Value": "v" }, { "Key": "l", "Value": "" }] }),
        );
        check(
            "M.entry.1.key=a&M.entry.1.value=1&M.entry.2.key=b&M.entry.2.value=2",
            &json!({ "M": { "a": "1", "b": "2" } }),
        );
        check(
            "M.entry.1.Name=a&M.entry.1.Value.DataType=String",
            &json!({ "M": { "a": { "DataType": "String" } } }),
        );
        check(
            "Filter.1.Name=vpc-id&Filter.1.Value.1=a&Filter.1.Value.2=b",
            &json!({ "Filter": [{ "Name": "vpc-id", "Value": ["a", "b"] }] }),
        );
        check("Empty=", &json!({ "Empty": "" }));
    }
}
