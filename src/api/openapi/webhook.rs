//! What this service sends of its own accord, for the document's `webhooks`.

use serde_json::{Value, json};

/// `webhooks` of the document: one POST for every change, with Standard Webhooks' headers.
pub fn webhooks() -> Value {
    let header = |name: &str, description: &str| {
        json!({
            "name": name, "in": "header", "required": true,
            "description": description, "schema": { "type": "string" },
        })
    };
    let kinds = ["pending", "processing", "deployed", "failed"];
    let kinds = kinds.map(|status| format!("deployment.{status}"));
    let event = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": { "enum": kinds },
            "timestamp": { "$ref": "#/components/schemas/Stamp" },
            "data": { "$ref": "#/components/schemas/Deployment" },
        },
    });
    let posted = json!({
        "operationId": "deploymentChanged",
        "summary": "A deployment has changed; sent to the address that the service was given for your keys",
        "security": [],
        "parameters": [
            header("webhook-id", "The same for every attempt at a change, and for no other change."),
            header("webhook-timestamp", "When this attempt was made, seconds since 1970."),
            header("webhook-signature", "Signatures separated by spaces: v1, and the base64 of HMAC-SHA256 over id.timestamp.body."),
        ],
        "requestBody": { "required": true, "content": { "application/json": { "schema": event } } },
        "responses": {
            "2XX": { "description": "Taken. Anything else, a redirect too, is tried again" },
            "410": { "description": "Nothing more is wanted" },
        },
    });
    json!({ "deploymentChanged": { "post": posted } })
}
