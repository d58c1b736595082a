//! The messages of the existing service's queue: what comes in, what goes out, and what is put aside.
//!
//! Takes the text of a queue entry, gives a believed [`Message`] or the reason why not; takes a finished deployment, gives the event that tells of it.
//! Pure. The inbound schema is strict, as the existing service's is: unknown keys are refused, numbers may be written as strings, strings may not be empty.
//!
//! A signed entry is an envelope of two strings, so that the signature is over exact bytes and every language can make it:
//!
//! ```text
//! {"payload": "<the message as JSON text>", "signature": "<HMAC-SHA256 of that text's bytes, hex>"}
//! ```

use crate::deployment::chain::{Address, checksummed};
use crate::deployment::request::{self, DeploymentRequest, ModelId, TokenName, TokenSymbol};
use crate::deployment::{Deployment, Registration, Token};
use crate::secret::Secret;
use crate::timestamp::iso;
use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, de};
use serde_json::{Value, json};
use sha2::Sha256;
use std::collections::BTreeMap;

/// Larger entries are refused unread; real ones have less than a thousand characters.
pub const BYTES_MAX: usize = 64 << 10;

/// `ModelReadyToDeployMessage`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Message {
    /// Which model.
    pub model_id: Text,
    /// The token's symbol.
    pub token_symbol: Text,
    /// What the model was measured by.
    pub metric_name: Text,
    /// Before.
    #[serde(deserialize_with = "positive")]
    pub baseline_value: f64,
    /// After.
    #[serde(deserialize_with = "positive")]
    pub current_value: f64,
    /// Told on.
    pub model_name: Text,
    /// Told on.
    pub model_version: Text,
    /// Told on.
    pub mlflow_run_id: Text,
    /// Told on.
    #[serde(deserialize_with = "positive")]
    pub improvement_percentage: f64,
    /// Told on.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub contributor_address: Option<Text>,
    /// Who receives the supplier's part, instead of `MODEL_SUPPLIER_RECIPIENT`.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub model_supplier_recipient: Option<Text>,
    /// Not used.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub experiment_name: Option<Text>,
    /// Not used.
    #[serde(
        default,
        deserialize_with = "given",
        skip_serializing_if = "Option::is_none"
    )]
    pub tags: Option<BTreeMap<String, String>>,
    /// ISO 8601.
    pub timestamp: Text,
    /// `1.0`.
    pub message_version: Text,
    /// How often the existing service has tried; not used, and not part of what makes two messages one.
    #[serde(
        rename = "_retryCount",
        default,
        deserialize_with = "given",
        skip_serializing
    )]
    pub retry_count: Option<Value>,
}

/// A string that is not empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Text(String);

impl TryFrom<String> for Text {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.is_empty() {
            Err("must not be empty")
        } else {
            Ok(Self(text))
        }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

/// Who vouches for an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A holder of the key.
    Signed,
    /// Nobody: whoever can write to Redis.
    Unsigned,
}

/// An entry that can be carried out.
#[derive(Debug, Clone, PartialEq)]
pub struct Believed {
    /// The message.
    pub message: Message,
    /// What is to be deployed.
    pub request: DeploymentRequest,
    /// Who vouches for it.
    pub origin: Origin,
}

/// What is believed of entries.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The key of signed entries; without one, none can be checked.
    pub key: Option<Secret<String>>,
    /// Whether unsigned ones are taken at all.
    pub unsigned: bool,
    /// Who receives the supplier's part when the message names nobody.
    pub recipient: Option<Address>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Envelope {
    payload: String,
    signature: String,
}

/// Reads an entry.
///
/// # Errors
/// The reason it is put aside with: `Invalid JSON`, the rule that is broken, or what is wrong with its signature.
pub fn read(entry: &str, trust: &Trust) -> Result<Believed, String> {
    if entry.len() > BYTES_MAX {
        return Err(format!("larger than {BYTES_MAX} bytes"));
    }
    let value: Value = serde_json::from_str(entry).map_err(|_| "Invalid JSON".to_string())?;
    let (value, origin) = if value.get("payload").is_some() || value.get("signature").is_some() {
        let Envelope { payload, signature } =
            serde_json::from_value(value).map_err(|error| format!("the envelope: {error}"))?;
        let Some(key) = &trust.key else {
            return Err("signed, and LISTENER_HMAC_KEY is not set".into());
        };
        if !is_signed(&payload, &signature, key) {
            return Err("the signature is not that of LISTENER_HMAC_KEY".into());
        }
        let value = serde_json::from_str(&payload).map_err(|_| "Invalid JSON".to_string())?;
        (value, Origin::Signed)
    } else if trust.unsigned {
        (value, Origin::Unsigned)
    } else {
        return Err("not signed, and LISTENER_TRUST_UNSIGNED is not true".into());
    };
    for name in ["baseline_value", "current_value", "improvement_percentage"] {
        let wrong = |value: &&Value| number(value).is_none_or(|number| number <= 0.0);
        if value.get(name).filter(wrong).is_some() {
            return Err(format!("\"{name}\" must be a positive number"));
        }
    }
    let message: Message = serde_json::from_value(value).map_err(|error| error.to_string())?;
    let request = request_of(&message, trust.recipient)?;
    Ok(Believed {
        message,
        request,
        origin,
    })
}

/// In constant time, as the `hmac` crate compares.
fn is_signed(payload: &str, signature: &str, key: &Secret<String>) -> bool {
    let Ok(signature) = hex::decode(signature) else {
        return false;
    };
    Hmac::<Sha256>::new_from_slice(key.expose().as_bytes())
        .is_ok_and(|mac| mac.chain_update(payload).verify_slice(&signature).is_ok())
}

fn request_of(message: &Message, recipient: Option<Address>) -> Result<DeploymentRequest, String> {
    let text = |name: &str, text: &Text| format!("\"{name}\" {}", text.0);
    let address = |name: &str, text: &Option<Text>| match text {
        None => Ok(None),
        Some(Text(text)) => request::address(text)
            .map(Some)
            .ok_or_else(|| format!("\"{name}\" must be an address, 0x and 40 hex digits")),
    };
    if message.message_version.0 != "1.0" {
        return Err("\"message_version\" must be 1.0".into());
    }
    if !is_iso_date(&message.timestamp.0) {
        return Err("\"timestamp\" must be in ISO 8601 date format".into());
    }
    if let Some(count) = &message.retry_count
        && !number(count).is_some_and(|count| count >= 0.0 && count.fract() == 0.0)
    {
        return Err("\"_retryCount\" must be a whole number from 0".into());
    }
    address("contributor_address", &message.contributor_address)?;
    let named = address(
        "model_supplier_recipient",
        &message.model_supplier_recipient,
    )?;
    let recipient = named
        .or(recipient)
        .ok_or("\"model_supplier_recipient\" is missing and MODEL_SUPPLIER_RECIPIENT is not set")?;
    if recipient.is_zero() {
        return Err("\"model_supplier_recipient\" must not be the zero address".into());
    }
    let model_id = ModelId::try_from(message.model_id.0.clone())
        .map_err(|_| text("model_id", &Text("must match ^[a-zA-Z0-9_-]{1,64}$".into())))?;
    let token_symbol = TokenSymbol::try_from(message.token_symbol.0.clone())
        .map_err(|_| text("token_symbol", &Text("must match ^[A-Z0-9-]{1,10}$".into())))?;
    Ok(DeploymentRequest {
        token_name: TokenName::for_model(&model_id),
        model_id,
        recipient,
        token_symbol,
        supply_wei: None,
    })
}

/// A field may be left out and may not be null.
fn given<'de, D: Deserializer<'de>, T: Deserialize<'de>>(
    deserializer: D,
) -> Result<Option<T>, D::Error> {
    T::deserialize(deserializer).map(Some)
}

/// A number above zero, or a string that is one.
fn positive<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    number(&Value::deserialize(deserializer)?)
        .filter(|number| *number > 0.0)
        .ok_or_else(|| de::Error::custom("a value must be a positive number"))
}

fn number(value: &Value) -> Option<f64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => {
            let text = text.trim();
            // Rust reads "inf" and "NaN" too.
            let plain = |byte: u8| {
                byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E')
            };
            Some(text)
                .filter(|text| text.bytes().all(plain))?
                .parse()
                .ok()?
        }
        _ => return None,
    };
    Some(number).filter(|number| number.is_finite())
}

fn is_iso_date(text: &str) -> bool {
    const FORM: &str =
        r"^\d{4}-\d{2}-\d{2}(T\d{2}:\d{2}(:\d{2}([.,]\d+)?)?(Z|[+-]\d{2}(:?\d{2})?)?)?$";
    regex_lite::Regex::new(FORM).is_ok_and(|form| form.is_match(text))
}

/// What a dead letter says: the entry as it was, why it is one, when, and from which queue.
pub fn dead_letter(entry: &str, reason: &str, at: &str, queue: &str) -> Value {
    let cut = entry
        .char_indices()
        .nth(BYTES_MAX)
        .map_or(entry, |(at, _)| &entry[..at]);
    let original: Value = serde_json::from_str(cut).unwrap_or_else(|_| json!(cut));
    json!({ "originalMessage": original, "error": reason, "timestamp": at, "queue": queue })
}

/// The network as the event's schema names it; where that has no name, as this service does.
pub fn network(chain_id: u64, network: &str) -> &str {
    match chain_id {
        1 => "ethereum",
        137 => "polygon",
        1337 => "localhost",
        31_337 => "hardhat",
        _ => network,
    }
}

/// `TokenDeployedMessage`: what a finished deployment is told with, but for who deployed it where, and when it is told. `_metadata.correlationId`
/// is the same however often it is told.
///
/// Where the token was not registered by this service, `registry_transaction_hash`, which the schema requires, repeats the other one, as the existing
/// service's replies do.
pub fn token_deployed(
    message: &Message,
    deployment: &Deployment,
    token: &Token,
    registration: &Registration,
) -> Value {
    let Token {
        address,
        transaction_hash,
        block_number,
        gas_used,
        gas_price_wei,
        deployed_at_ms,
    } = token;
    let registered = match registration {
        Registration::Done { transaction_hash } => *transaction_hash,
        Registration::Wanted | Registration::InFlight(_) | Registration::Not { .. } => None,
    };
    let mut event = json!({
        "event_type": "token_deployed",
        "model_id": message.model_id,
        "token_address": checksummed(*address),
        "token_symbol": deployment.request.token_symbol,
        "token_name": deployment.request.token_name,
        "transaction_hash": transaction_hash,
        "registry_transaction_hash": registered.unwrap_or(*transaction_hash),
        "mlflow_run_id": message.mlflow_run_id,
        "model_name": message.model_name,
        "model_version": message.model_version,
        "deployment_timestamp": iso(*deployed_at_ms),
        "block_number": block_number,
        "gas_used": gas_used.to_string(),
        "gas_price": gas_price_wei.to_string(),
        "performance_metric": message.metric_name,
        "performance_improvement": message.improvement_percentage,
        "message_version": "1.0",
        "_metadata": { "correlationId": deployment.id, "source": "contracts-api" },
    });
    if let Some(contributor) = &message.contributor_address {
        event["contributor_address"] = json!(contributor);
    }
    event
}

#[cfg(test)]
mod tests;
