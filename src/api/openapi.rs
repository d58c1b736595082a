//! `GET /openapi.json`: the OpenAPI 3.1 document of this API.
//!
//! Made from the table of routes and the codes of errors, so it has every route but the page's, and no other; `components.json` beside it has the bodies' shapes,
//! closed, so that an answer with a member it does not know is found by `make api-test`.

mod example;
mod webhook;

use super::error::Code;
use super::reply::{self, Response};
use super::route::{Operation, ROUTES, Route};
use http::StatusCode;
use serde_json::{Map, Value, json};
use std::sync::LazyLock;

static COMPONENTS: &str = include_str!("openapi/components.json");
static DOCUMENT: LazyLock<Value> = LazyLock::new(document);

/// What is said of one operation beyond its method and path.
struct Facts {
    id: &'static str,
    summary: &'static str,
    /// Names in `components.parameters`.
    parameters: &'static [&'static str],
    /// Whether it takes a [`DeploymentRequest`](crate::deployment::request::DeploymentRequest).
    body: bool,
    success: u16,
    /// Names in `components.schemas`: what is answered on success.
    schema: &'static str,
    /// Whether that is in the envelope.
    enveloped: bool,
    /// Whether 503 is answered with the same shape: health says how it stands.
    also_unwell: bool,
    errors: &'static [Code],
}

const PLAIN: Facts = Facts {
    id: "",
    summary: "",
    parameters: &[],
    body: false,
    success: 200,
    schema: "",
    enveloped: true,
    also_unwell: false,
    errors: &[],
};

const SHOW: Facts = Facts {
    id: "getDeployment",
    summary: "One of your deployments",
    parameters: &["id"],
    schema: "Deployment",
    errors: &[Code::Validation, Code::DeploymentNotFound],
    ..PLAIN
};

/// What a body can be refused for.
const BODY_ERRORS: [Code; 4] = [
    Code::Validation,
    Code::Timeout,
    Code::PayloadTooLarge,
    Code::UnsupportedMediaType,
];
/// What whoever is counted can be told, whatever is asked.
const COUNTED_ERRORS: [Code; 5] = [
    Code::InvalidToken,
    Code::InsufficientPermissions,
    Code::RateLimitExceeded,
    Code::Internal,
    Code::ServiceUnavailable,
];

/// `None` for what is no call: the page that shows this document, and its files.
fn facts(operation: Operation) -> Option<Facts> {
    Some(match operation {
        Operation::Page | Operation::Asset => return None,
        Operation::Identity => Facts {
            id: "getIdentity",
            summary: "Which service this is",
            schema: "Identity",
            enveloped: false,
            ..PLAIN
        },
        Operation::Document => Facts {
            id: "getDocument",
            summary: "This document",
            schema: "Document",
            enveloped: false,
            ..PLAIN
        },
        Operation::Live => Facts {
            id: "getHealth",
            summary: "May this process have traffic?",
            schema: "Live",
            enveloped: false,
            also_unwell: true,
            ..PLAIN
        },
        Operation::Ready => Facts {
            id: "getReadiness",
            summary: "Do Redis, the chain and the contracts answer now?",
            schema: "Ready",
            enveloped: false,
            also_unwell: true,
            ..PLAIN
        },
        Operation::Detailed => Facts {
            id: "getDetailedHealth",
            summary: "How each component stands",
            schema: "Detailed",
            enveloped: false,
            also_unwell: true,
            errors: &[Code::InvalidToken],
            ..PLAIN
        },
        Operation::Submit => Facts {
            id: "createDeployment",
            summary: "Ask for a contract deployment",
            parameters: &["idempotencyKey"],
            body: true,
            success: 202,
            schema: "Accepted",
            errors: &[
                Code::TokenAlreadyExists,
                Code::DuplicateDeployment,
                Code::IdempotencyKeyReused,
            ],
            ..PLAIN
        },
        Operation::List => Facts {
            id: "listDeployments",
            summary: "Your deployments, newest first",
            parameters: &[
                "limit",
                "cursor",
                "status",
                "ofModel",
                "userAddress",
                "startDate",
                "endDate",
            ],
            schema: "Page",
            errors: &[Code::Validation],
            ..PLAIN
        },
        Operation::Show => SHOW,
        Operation::Status => Facts {
            id: "getDeploymentStatus",
            summary: "The same as getDeployment",
            ..SHOW
        },
        Operation::Events => Facts {
            id: "followDeployment",
            summary: "Its changes as server-sent events",
            parameters: &["id", "lastEventId"],
            schema: "Change",
            errors: &[Code::Validation, Code::DeploymentNotFound],
            ..PLAIN
        },
        Operation::Cancel => Facts {
            id: "cancelDeployment",
            summary: "Take a deployment back; what is mined decides",
            parameters: &["id"],
            success: 202,
            schema: "Cancellation",
            errors: &[
                Code::Validation,
                Code::DeploymentNotFound,
                Code::NotCancellable,
            ],
            ..PLAIN
        },
        Operation::DryRun => Facts {
            id: "dryRun",
            summary: "What a contract deployment would cost, without one",
            body: true,
            schema: "DryRun",
            ..PLAIN
        },
        Operation::Token => Facts {
            id: "getToken",
            summary: "The token of a model, from the chain",
            parameters: &["modelId"],
            schema: "Token",
            errors: &[Code::Validation, Code::TokenNotFound],
            ..PLAIN
        },
    })
}

/// `GET /openapi.json`
pub fn served() -> Response {
    reply::json(StatusCode::OK, &DOCUMENT)
}

fn document() -> Value {
    let mut paths = Map::new();
    for route in &ROUTES {
        if let Some(facts) = facts(route.operation) {
            let path = paths.entry(template(route.path)).or_insert(json!({}));
            path[route.method.to_lowercase()] = operation(route, facts);
        }
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Hokusai contract deployments",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Token contracts deployed exactly once: asked for with one POST, followed with GETs. What takes GET takes HEAD.",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "tags": [
            { "name": "deployments", "description": "Contract deployments: asked for, followed, taken back" },
            { "name": "tokens", "description": "What is on the chain" },
            { "name": "service", "description": "This service and how it stands" },
        ],
        "paths": paths,
        "webhooks": webhook::webhooks(),
        "components": serde_json::from_str::<Value>(COMPONENTS).unwrap_or_default(),
    })
}

/// `/a/:id` as OpenAPI writes it.
fn template(path: &str) -> String {
    let segments = path.split('/');
    let segments = segments.map(|segment| match segment.strip_prefix(':') {
        Some(name) => format!("{{{name}}}"),
        None => segment.to_string(),
    });
    segments.collect::<Vec<_>>().join("/")
}

/// What the operation is about, by which pages group them.
fn tag(path: &str) -> &'static str {
    match path {
        path if path.starts_with("/api/tokens") => "tokens",
        path if path.starts_with("/api/") => "deployments",
        _ => "service",
    }
}

fn operation(route: &Route, facts: Facts) -> Value {
    let Facts {
        id,
        summary,
        parameters,
        body,
        success,
        schema,
        enveloped,
        also_unwell,
        errors,
    } = facts;
    let counted = route.keyed && enveloped;
    let parameters: Vec<Value> = parameters
        .iter()
        .map(|name| json!({ "$ref": format!("#/components/parameters/{name}") }))
        .collect();
    let mut responses = Map::new();
    let mut answered = json!({
        "description": summary,
        "headers": headers(counted),
        "content": { "application/json": { "schema": envelope(schema, enveloped) } },
    });
    if also_unwell {
        let mut unwell = answered.clone();
        unwell["description"] = json!("It does not stand well; the body says why");
        responses.insert("503".into(), unwell);
    }
    if matches!(route.operation, Operation::Events) {
        // OpenAPI 3.1 has no word for a stream's items; tools take the schema for that of each event, as 3.2's `itemSchema` is.
        let schema = json!({ "$ref": "#/components/schemas/Change" });
        answered["content"] = json!({ "text/event-stream": { "schema": schema } });
        let over =
            json!({ "description": "Nothing can change any more", "headers": headers(counted) });
        responses.insert("204".into(), over);
    }
    if matches!(route.operation, Operation::Submit) {
        answered["headers"]["Location"] = json!({ "$ref": "#/components/headers/Location" });
        let replayed = json!({ "$ref": "#/components/headers/IdempotentReplayed" });
        answered["headers"]["Idempotent-Replayed"] = replayed;
    }
    let links = links(route.operation);
    if links != json!({}) {
        answered["links"] = links;
    }
    responses.insert(success.to_string(), answered);
    let of_body: &[Code] = if body { &BODY_ERRORS } else { &[] };
    let of_counting: &[Code] = if counted { &COUNTED_ERRORS } else { &[] };
    let all: Vec<Code> = [errors, of_body, of_counting].concat();
    for code in &all {
        let status = code.facts().0.as_str().to_string();
        responses
            .entry(status)
            .or_insert_with(|| error(*code, &all));
    }
    let security = match route.keyed {
        true => json!([{ "ApiKey": [] }, { "Bearer": [] }]),
        false => json!([]),
    };
    let mut operation = json!({
        "x-codeSamples": example::of(route, body),
        "operationId": id,
        "tags": [tag(route.path)],
        "summary": summary,
        "security": security,
        "parameters": parameters,
        "responses": responses,
    });
    if body {
        let request = json!({ "$ref": "#/components/schemas/DeploymentRequest" });
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": request } } });
    }
    operation
}

fn envelope(schema: &str, enveloped: bool) -> Value {
    let data = json!({ "$ref": format!("#/components/schemas/{schema}") });
    if !enveloped {
        return data;
    }
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["success", "data", "meta"],
        "properties": { "success": { "const": true }, "data": data, "meta": { "$ref": "#/components/schemas/Meta" } },
    })
}

/// The response for the status of `code`, with all of the operation's codes that have that status.
fn error(code: Code, all: &[Code]) -> Value {
    let (status, _, _) = code.facts();
    let same: Vec<_> = all
        .iter()
        .map(|code| code.facts())
        .filter(|(other, _, _)| *other == status)
        .collect();
    let names: Vec<&str> = same.iter().map(|(_, name, _)| *name).collect();
    let titles: Vec<&str> = same.iter().map(|(_, _, title)| *title).collect();
    let schema = json!({
        "allOf": [{ "$ref": "#/components/schemas/Error" }],
        "properties": {
            "status": { "const": status.as_u16() },
            "error": { "properties": { "code": { "enum": names } } },
        },
    });
    json!({
        "description": titles.join("; or: "),
        "headers": headers(false),
        "content": { "application/json": { "schema": schema } },
    })
}

fn headers(counted: bool) -> Value {
    let mut headers = json!({ "X-Request-Id": { "$ref": "#/components/headers/RequestId" } });
    if counted {
        headers["RateLimit-Policy"] = json!({ "$ref": "#/components/headers/RateLimitPolicy" });
        for name in ["RateLimit-Limit", "RateLimit-Remaining", "RateLimit-Reset"] {
            headers[name] = json!({ "$ref": "#/components/headers/RateLimit" });
        }
    }
    headers
}

/// What can be asked next, with what was answered.
fn links(operation: Operation) -> Value {
    let by_id = |operation: &str| json!({ "operationId": operation, "parameters": { "id": "$response.body#/data/requestId" } });
    match operation {
        Operation::Submit => json!({
            "deployment": by_id("getDeployment"),
            "status": by_id("getDeploymentStatus"),
            "events": by_id("followDeployment"),
            "cancel": by_id("cancelDeployment"),
            "token": { "operationId": "getToken", "parameters": { "modelId": "$request.body#/modelId" } },
        }),
        Operation::Show | Operation::Status => json!({
            "cancel": by_id("cancelDeployment"),
            "token": { "operationId": "getToken", "parameters": { "modelId": "$response.body#/data/modelId" } },
        }),
        Operation::Cancel => json!({ "status": by_id("getDeploymentStatus") }),
        Operation::Identity
        | Operation::Document
        | Operation::Page
        | Operation::Asset
        | Operation::Live
        | Operation::Ready
        | Operation::Detailed
        // A page may be empty or the last: a link that cannot be followed is a defect to tools.
        | Operation::List
        | Operation::Events
        | Operation::DryRun
        | Operation::Token => json!({}),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every `$ref` of a value.
    fn references(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => {
                for (name, value) in members {
                    match value {
                        Value::String(reference) if name == "$ref" => {
                            found.insert(reference.clone());
                        }
                        value => references(value, found),
                    }
                }
            }
            Value::Array(values) => values.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_has_every_route_and_every_code_and_all_that_it_refers_to() {
        let document = document();
        let mut operations = 0;
        for path in document["paths"].as_object().unwrap().values() {
            operations += path.as_object().unwrap().len();
        }
        // The page and its files are no calls.
        assert_eq!(operations, ROUTES.len() - 2);
        let mut referred = BTreeSet::new();
        references(&document, &mut referred);
        for reference in &referred {
            let pointer = reference.trim_start_matches('#');
            assert!(document.pointer(pointer).is_some(), "{reference}");
        }
        let components = document["components"].as_object().unwrap();
        let named = components
            .iter()
            .filter(|(kind, _)| *kind != "securitySchemes");
        let named: BTreeSet<String> = named
            .flat_map(|(kind, names)| {
                let names = names.as_object().unwrap().keys();
                names.map(move |name| format!("#/components/{kind}/{name}"))
            })
            .collect();
        assert_eq!(referred, named, "what is named is used");
        // Route errors are of no operation.
        let told = document["paths"].to_string();
        for code in Code::ALL {
            let name = code.facts().1;
            let of_no_operation = matches!(code, Code::NotFound | Code::MethodNotAllowed);
            let listed = told.contains(&format!("\"{name}\""));
            assert_eq!(listed, !of_no_operation, "{name}");
        }
    }
}
