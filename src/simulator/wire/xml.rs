//! Replies of AWS's three XML protocols: Query, EC2 Query, REST-XML.
//!
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html>, `aws-ec2-query-protocol.html` and
//! `aws-restxml-protocol.html` beside it. Timestamps are ISO 8601; an object is a structure unless marked as a map.

use bytes::Bytes;
use http::Response;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::super::call::{Millis, Refusal, marked_map};
use super::json::marked_time;
use super::service::{Service, Style};

const CONTENT_TYPE: &str = "text/xml";

pub(super) fn answer(
    service: &Service,
    operation: &str,
    output: &Value,
    request_id: &str,
) -> Response<Bytes> {
    let style = style(service);
    let mut body = String::new();
    content(&mut body, style, "", output);
    let body = match style {
        Style::Query => format!(
            "<{operation}Result>{body}</{operation}Result>\
             <ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
        ),
        Style::Ec2 => format!("<requestId>{request_id}</requestId>{body}"),
        Style::Rest => body,
    };
    let namespace = namespace(service);
    let document =
        format!("<{operation}Response xmlns=\"{namespace}\">{body}</{operation}Response>");
    super::response(200, CONTENT_TYPE, request_id, document.into_bytes())
}

pub(super) fn refuse(service: &Service, refusal: &Refusal, request_id: &str) -> Response<Bytes> {
    let fault = if refusal.status < 500 {
        "Sender"
    } else {
        "Receiver"
    };
    let (code, http_status) = service.xml_refusal(refusal);
    let mut message = String::new();
    escape(&mut message, &refusal.message);
    let document = match style(service) {
        Style::Ec2 => format!(
            "<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors>\
             <RequestID>{request_id}</RequestID></Response>"
        ),
        Style::Query | Style::Rest => format!(
            "<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type><Code>{code}</Code>\
             <Message>{message}</Message></Error><RequestId>{request_id}</RequestId></ErrorResponse>",
            namespace(service)
        ),
    };
    super::response(http_status, CONTENT_TYPE, request_id, document.into_bytes())
}

/// A service that speaks no XML still has to refuse a Query request in XML.
fn namespace(service: &Service) -> &'static str {
    service.xml.as_ref().map_or("", |xml| xml.namespace)
}

fn style(service: &Service) -> Style {
    service.style().unwrap_or(Style::Query)
}

/// `name` is the element `value` stands in: REST-XML names a list's elements after it.
fn content(out: &mut String, style: Style, name: &str, value: &Value) {
    if let Some(at) = marked_time(value) {
        out.push_str(&iso_8601(at));
        return;
    }
    if let Some(entries) = marked_map(value) {
        for (key, value) in entries {
            out.push_str("<entry>");
            element(out, style, "key", &Value::from(key.as_str()));
            element(out, style, "value", value);
            out.push_str("</entry>");
        }
        return;
    }
    match value {
        Value::Null => {}
        Value::Bool(word) => out.push_str(if *word { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => {
            let item_name = match style {
                Style::Query => "member",
                Style::Ec2 => "item",
                // True of every list of Route 53 that is modelled: `<HostedZones><HostedZone>`.
                Style::Rest => name.strip_suffix('s').unwrap_or(name),
            };
            items
                .iter()
                .for_each(|item| element(out, style, item_name, item));
        }
        Value::Object(members) => {
            members
                .iter()
                .filter(|(_, member)| !member.is_null())
                .for_each(|(name, member)| element(out, style, name, member));
        }
    }
}

fn element(out: &mut String, style: Style, name: &str, value: &Value) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    content(out, style, name, value);
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
        let value = json!({
            "A": "<&>\r\u{1}", "Bs": [1, 2.5], "C": { "$timestamp": 1_785_542_400_250_u64 }, "D": null, "E": [],
            "F": { "$map": { "k": "v" } },
        });
        for (style, item) in [
            (Style::Query, "member"),
            (Style::Ec2, "item"),
            (Style::Rest, "B"),
        ] {
            let mut out = String::new();
            content(&mut out, style, "", &value);
            let expected = format!(
                "<A>&lt;&amp;&gt;&#xD;\u{fffd}</A><Bs><{item}>1</{item}><{item}>2.5</{item}></Bs>\
                 <C>2026-08-01T00:00:00.25Z</C><E></E><F><entry><key>k</key><value>v</value></entry></F>"
            );
            assert_eq!(out, expected);
        }
    }
}
