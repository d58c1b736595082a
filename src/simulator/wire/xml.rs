//! AWS Query replies: the output as XML inside `<OpResponse><OpResult>`.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>. Lists are `<member>` elements, timestamps ISO 8601. No
//! output of the simulated Query services holds a map, so every object is a structure.

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::call::{Millis, Refusal};
use super::json::marked_time;
use super::service::Service;

const CONTENT_TYPE: &str = "text/xml";

pub(super) fn answer(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let mut body = String::new();
    content(&mut body, output);
    let namespace = namespace(service);
    let document = format!(
        "<{operation}Response xmlns=\"{namespace}\"><{operation}Result>{body}</{operation}Result>\
         <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>"
    );
    super::response(200, CONTENT_TYPE, request_id, document.into_bytes())
}

pub(super) fn refuse(service: &Service, refusal: &Refusal, request_id: &str) -> Response<Bytes> {
    let fault = if refusal.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let namespace = namespace(service);
    let code = service.query_code_of(refusal);
    let mut message = String::new();
    escape(&mut message, &refusal.message);
    let document = format!(
        "<ErrorResponse xmlns=\"{namespace}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
         <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>"
    );
    super::response(
        refusal.status,
        CONTENT_TYPE,
        request_id,
        document.into_bytes(),
    )
}

/// A service that speaks no Query still has to refuse a Query request in XML.
fn namespace(service: &Service) -> &'static str {
    service.query.map_or("", |(_, namespace)| namespace)
}

fn content(out: &mut String, value: &Value) {
    if let Some(at) = marked_time(value) {
        out.push_str(&iso_8601(at));
        return;
    }
    match value {
        Value::Null => {}
        Value::Bool(word) => out.push_str(if *word { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|item| element(out, "member", item)),
        Value::Object(members) => {
            members
                .iter()
                .filter(|(_, member)| !member.is_null())
                .for_each(|(name, member)| element(out, name, member));
        }
    }
}

fn element(out: &mut String, name: &str, value: &Value) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out, value);
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

fn escape(out: &mut String, text: &str) {
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // A parser would turn a bare carriage return into a line feed.
            '\r' => out.push_str("&#xD;"),
            '\t' | '\n' => out.push(letter),
            // XML 1.0 has no way to write other control characters or the two non-characters.
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            other => out.push(other),
        }
    }
}

fn iso_8601(at: Millis) -> String {
    let formatted = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at) * 1_000_000)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok());
    formatted.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_become_elements_members_and_iso_times() {
        let mut out = String::new();
        content(
            &mut out,
            &json!({ "A": "<&>\r\u{1}", "B": [1, 2.5], "C": { "$timestamp": 1_785_542_400_250_u64 }, "D": null, "E": [] }),
        );
        assert_eq!(
            out,
            "<A>&lt;&amp;&gt;&#xD;\u{fffd}</A><B><member>1</member><member>2.5</member></B>\
             <C>2026-08-01T00:00:00.25Z</C><E></E>"
        );
    }
}
