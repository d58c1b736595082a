//! How each operation is called, to be copied: with curl and with fetch.
//!
//! Takes a route, gives the document's `x-codeSamples`, which tools know (Redocly's name). The API key, a deployment's id and a model are the
//! variables `API_KEY`, `ID` and `MODEL_ID`; `make api-test` runs every one of them.

use crate::api::route::{Operation, Route};
use serde_json::{Value, json};

const BASE: &str = "https://contracts.hokus.ai";
const BODY: &str =
    r#"{"modelId": "sentiment-v4", "userAddress": "0x3c44cdddb6a900fa2b585dd299e03d12fa4293bc"}"#;

/// The examples of one route; `body` says whether it takes a request for a deployment.
pub fn of(route: &Route, body: bool) -> Value {
    let mut headers = Vec::new();
    if route.keyed {
        headers.push(("X-API-Key", None));
    }
    if body {
        headers.push(("Content-Type", Some("application/json")));
    }
    if matches!(route.operation, Operation::Submit) {
        headers.push(("Idempotency-Key", Some("order-4713")));
    }
    let streamed = matches!(route.operation, Operation::Events);
    json!([
        { "lang": "Shell", "label": "curl", "source": curl(route, &headers, body, streamed) },
        { "lang": "JavaScript", "label": "fetch", "source": fetch(route, &headers, body, streamed) },
    ])
}

/// A header and its value, `None` for the API key.
type Header = (&'static str, Option<&'static str>);

fn curl(route: &Route, headers: &[Header], body: bool, streamed: bool) -> String {
    let path = with_variables(route.path, "$", "");
    let options = match (streamed, route.method == "POST" && !body) {
        (true, _) => "-sSN",
        (false, true) => "-sS -X POST",
        (false, false) => "-sS",
    };
    let mut lines = vec![format!("curl {options} \"{BASE}{path}\"")];
    for (name, value) in headers {
        lines.push(format!("-H \"{name}: {}\"", value.unwrap_or("$API_KEY")));
    }
    if body {
        lines.push(format!("-d '{BODY}'"));
    }
    lines.join(" \\\n  ")
}

fn fetch(route: &Route, headers: &[Header], body: bool, streamed: bool) -> String {
    let mut options = Vec::new();
    if route.method != "GET" {
        options.push(format!("  method: \"{}\",\n", route.method));
    }
    if !headers.is_empty() {
        let headers = headers.iter().map(|(name, value)| match value {
            Some(value) => format!("\"{name}\": \"{value}\""),
            None => format!("\"{name}\": API_KEY"),
        });
        let headers: Vec<String> = headers.collect();
        options.push(format!("  headers: {{ {} }},\n", headers.join(", ")));
    }
    if body {
        options.push(format!("  body: JSON.stringify({BODY}),\n"));
    }
    let options = match options.concat() {
        none if none.is_empty() => none,
        some => format!(", {{\n{some}}}"),
    };
    let read = match streamed {
        true => {
            "for await (const text of reply.body.pipeThrough(new TextDecoderStream())) console.log(text);"
        }
        false => "console.log(await reply.json());",
    };
    let path = with_variables(route.path, "${", "}");
    format!("const reply = await fetch(`{BASE}{path}`{options});\n{read}")
}

/// The path with variables in the place of its parameters.
fn with_variables(path: &str, before: &str, after: &str) -> String {
    let segments = path.split('/').map(|segment| match segment {
        ":id" => format!("{before}ID{after}"),
        ":modelId" => format!("{before}MODEL_ID{after}"),
        other => other.to_owned(),
    });
    segments.collect::<Vec<_>>().join("/")
}
