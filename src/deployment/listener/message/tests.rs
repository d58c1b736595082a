//! The schema field by field, the signature, and both texts that go out.

#![allow(clippy::unwrap_used)]

use super::*;
use crate::deployment::State;
use crate::deployment::chain::{H256, U256};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const RECIPIENT: &str = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

fn message() -> Value {
    json!({
        "model_id": "21",
        "token_symbol": "MSG-AI",
        "metric_name": "accuracy",
        "baseline_value": 0.85,
        "current_value": "0.91",
        "model_name": "sentiment",
        "model_version": "3",
        "mlflow_run_id": "run-1",
        "improvement_percentage": " 7.06 ",
        "contributor_address": RECIPIENT,
        "model_supplier_recipient": RECIPIENT,
        "experiment_name": "e",
        "tags": { "team": "nlp" },
        "timestamp": "2026-11-29T01:02:03.456789",
        "message_version": "1.0",
        "_retryCount": 2,
    })
}

fn trust() -> Trust {
    Trust {
        key: Some(Secret::new(KEY.into())),
        unsigned: true,
        recipient: None,
    }
}

fn refusal(value: &Value) -> String {
    read(&value.to_string(), &trust()).unwrap_err()
}

#[test]
fn a_message_is_believed_with_its_numbers_as_numbers_or_as_strings() {
    let Believed {
        message,
        request,
        origin,
    } = read(&message().to_string(), &trust()).unwrap();
    assert_eq!(origin, Origin::Unsigned);
    assert_eq!(
        (message.current_value, message.improvement_percentage),
        (0.91, 7.06)
    );
    assert_eq!(request.token_name.as_str(), "Hokusai 21");
    assert_eq!(request.token_symbol.as_str(), "MSG-AI");
    assert_eq!(Some(request.recipient), request::address(RECIPIENT));
    assert_eq!(request.supply_wei, None);
    // As it is kept until its end is told: without what it was tried.
    let kept = serde_json::to_value(&message).unwrap();
    assert!(kept.get("_retryCount").is_none());
    assert_eq!(
        serde_json::from_value::<Message>(kept)
            .unwrap()
            .mlflow_run_id
            .0,
        "run-1"
    );
}

#[test]
fn what_may_be_left_out_may_be_and_nothing_else_and_nothing_more() {
    let optional = [
        "contributor_address",
        "experiment_name",
        "tags",
        "_retryCount",
    ];
    for name in message().as_object().unwrap().keys() {
        let mut changed = message();
        changed.as_object_mut().unwrap().remove(name);
        let read = read(&changed.to_string(), &trust());
        assert_eq!(read.is_ok(), optional.contains(&name.as_str()), "{name}");
        let mut null = message();
        null[name] = Value::Null;
        assert!(
            refusal(&null).contains("null") || refusal(&null).contains(name),
            "{name}"
        );
    }
    for (name, value, reason) in [
        ("initialSupply", json!("1"), "unknown field `initialSupply`"),
        (
            "model_id",
            json!(21),
            "invalid type: integer `21`, expected a string",
        ),
        ("model_id", json!(""), "must not be empty"),
        ("model_id", json!("a b"), "\"model_id\" must match"),
        (
            "token_symbol",
            json!("lower"),
            "\"token_symbol\" must match",
        ),
        (
            "baseline_value",
            json!(0),
            "\"baseline_value\" must be a positive number",
        ),
        (
            "current_value",
            json!("NaN"),
            "\"current_value\" must be a positive number",
        ),
        (
            "improvement_percentage",
            json!("7%"),
            "\"improvement_percentage\" must be a positive number",
        ),
        (
            "contributor_address",
            json!("0x12"),
            "\"contributor_address\" must be an address",
        ),
        (
            "model_supplier_recipient",
            json!(format!("0x{}", "0".repeat(40))),
            "must not be the zero address",
        ),
        ("tags", json!({ "a": 1 }), "expected a string"),
        (
            "timestamp",
            json!("yesterday"),
            "\"timestamp\" must be in ISO 8601",
        ),
        (
            "message_version",
            json!("2.0"),
            "\"message_version\" must be 1.0",
        ),
        (
            "_retryCount",
            json!(-1),
            "\"_retryCount\" must be a whole number",
        ),
    ] {
        let mut changed = message();
        changed[name] = value;
        let found = refusal(&changed);
        assert!(found.contains(reason), "{name}: {found}");
    }
    for text in [
        "2026-11-29",
        "2026-11-29T01:02Z",
        "2026-11-29T01:02:03+0100",
    ] {
        let mut changed = message();
        changed["timestamp"] = json!(text);
        assert!(read(&changed.to_string(), &trust()).is_ok(), "{text}");
    }
    for entry in ["", "{", "not json", "[]", "null"] {
        assert!(read(entry, &trust()).is_err(), "{entry}");
    }
    assert_eq!(read("{", &trust()).unwrap_err(), "Invalid JSON");
    let huge = "x".repeat(BYTES_MAX + 1);
    assert_eq!(
        read(&huge, &trust()).unwrap_err(),
        "larger than 65536 bytes"
    );
}

#[test]
fn a_message_that_names_nobody_needs_the_configured_recipient() {
    let mut anonymous = message();
    anonymous
        .as_object_mut()
        .unwrap()
        .remove("model_supplier_recipient");
    assert!(refusal(&anonymous).contains("MODEL_SUPPLIER_RECIPIENT is not set"));
    let configured = Trust {
        recipient: Some(Address::repeat_byte(7)),
        ..trust()
    };
    let read = |value: &Value| {
        read(&value.to_string(), &configured)
            .unwrap()
            .request
            .recipient
    };
    assert_eq!(read(&anonymous), Address::repeat_byte(7));
    // The message's own wins.
    assert_ne!(read(&message()), Address::repeat_byte(7));
}

fn sealed(payload: &str, key: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap();
    let signature = hex::encode(mac.chain_update(payload).finalize().into_bytes());
    json!({ "payload": payload, "signature": signature }).to_string()
}

#[test]
fn a_signature_is_over_the_exact_text_by_the_configured_key() {
    // hmac.new(KEY, b'{"a":1}', hashlib.sha256).hexdigest()
    let python = "f0546246da9e2349100c845a8561214788d75d900f3c086a72fcfa03bb1f42ab";
    assert!(is_signed(r#"{"a":1}"#, python, &Secret::new(KEY.into())));
    assert!(!is_signed(r#"{"a": 1}"#, python, &Secret::new(KEY.into())));

    let payload = message().to_string();
    let strict = Trust {
        unsigned: false,
        ..trust()
    };
    let signed = read(&sealed(&payload, KEY), &strict).unwrap();
    assert_eq!(signed.origin, Origin::Signed);
    let wrong = "the signature is not that of LISTENER_HMAC_KEY";
    assert_eq!(
        read(&sealed(&payload, "another"), &strict).unwrap_err(),
        wrong
    );
    let swapped = sealed(&payload, KEY).replace("run-1", "run-2");
    assert_eq!(read(&swapped, &strict).unwrap_err(), wrong);
    let keyless = Trust {
        key: None,
        ..trust()
    };
    let unchecked = read(&sealed(&payload, KEY), &keyless).unwrap_err();
    assert_eq!(unchecked, "signed, and LISTENER_HMAC_KEY is not set");
    let unsigned = read(&payload, &strict).unwrap_err();
    assert_eq!(
        unsigned,
        "not signed, and LISTENER_TRUST_UNSIGNED is not true"
    );
    // Half an envelope is not a way around the signature.
    for half in [json!({ "payload": payload }), json!({ "signature": "" })] {
        assert!(
            read(&half.to_string(), &trust())
                .unwrap_err()
                .starts_with("the envelope")
        );
    }
}

#[test]
fn a_dead_letter_keeps_what_came_as_it_can_be_read() {
    let letter = |entry: &str| dead_letter(entry, "why", "when", "from");
    let object = letter(r#"{"model_id":"21"}"#);
    assert_eq!(
        object,
        json!({ "originalMessage": { "model_id": "21" }, "error": "why", "timestamp": "when", "queue": "from" })
    );
    assert_eq!(letter("{broken")["originalMessage"], "{broken");
    let long = letter(&"é".repeat(BYTES_MAX + 5));
    assert_eq!(
        long["originalMessage"].as_str().unwrap().chars().count(),
        BYTES_MAX
    );
}

#[test]
fn the_event_is_one_that_the_existing_services_schema_takes() {
    let Believed {
        message, request, ..
    } = read(&message().to_string(), &trust()).unwrap();
    let token = Token {
        address: Address::repeat_byte(9),
        transaction_hash: H256::repeat_byte(1),
        block_number: 7,
        gas_used: U256::from(5),
        gas_price_wei: U256::from(6),
        deployed_at_ms: 1_757_500_000_123,
    };
    let id = uuid::Uuid::new_v4();
    let mut deployment = Deployment::submitted(id, "c".into(), request, 0);
    let told = |deployment: &Deployment, registration: &Registration| {
        token_deployed(&message, deployment, &token, registration)
    };
    let not = Registration::Not {
        reason: String::new(),
    };
    deployment.state = State::Deployed {
        token: token.clone(),
        registration: not.clone(),
    };
    let event = told(&deployment, &not);
    let hash = format!("0x{}", "01".repeat(32));
    assert_eq!(
        event,
        json!({
            "event_type": "token_deployed",
            "model_id": "21",
            "token_address": checksummed(Address::repeat_byte(9)),
            "token_symbol": "MSG-AI",
            "token_name": "Hokusai 21",
            "transaction_hash": hash,
            "registry_transaction_hash": hash,
            "mlflow_run_id": "run-1",
            "model_name": "sentiment",
            "model_version": "3",
            "deployment_timestamp": "2025-09-10T10:26:40.123Z",
            "block_number": 7,
            "gas_used": "5",
            "gas_price": "6",
            "contributor_address": RECIPIENT,
            "performance_metric": "accuracy",
            "performance_improvement": 7.06,
            "message_version": "1.0",
            "_metadata": { "correlationId": id, "source": "contracts-api" },
        })
    );
    let transaction_hash = Some(H256::repeat_byte(2));
    let registered = told(&deployment, &Registration::Done { transaction_hash });
    let own = format!("0x{}", "02".repeat(32));
    assert_eq!(registered["registry_transaction_hash"], own);
    for (chain_id, name) in [
        (1, "ethereum"),
        (137, "polygon"),
        (31_337, "hardhat"),
        (11_155_111, "sepolia"),
    ] {
        assert_eq!(network(chain_id, "sepolia"), name);
    }
}
