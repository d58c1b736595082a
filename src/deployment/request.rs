//! What a client asks for, as believed: every field a type that cannot hold a wrong value.
//!
//! Takes the JSON body and the policy, gives a [`Parsed`] request or *all* problems at once. Pure. A problem names the field and
//! the rule, never the value: bodies of clients of the existing service carry a token. Unknown keys are ignored, as they always were
//! (clients send `webhookUrl` and more); `metadata` is checked and not kept, since nothing reads it.

use super::chain::Address;
use super::economics::{Economics, SupplyProblem, TokenWei, parse_tokens, print_tokens};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// The longest model id. It is also the name of a Redis key, which its alphabet makes safe.
const MODEL_ID_CHARS_MAX: usize = 64;
/// The longest token name a client may choose. (A default name, "Hokusai " and the model id, may be longer.)
const TOKEN_NAME_CHARS_MAX: usize = 50;
/// The longest symbol.
const TOKEN_SYMBOL_CHARS_MAX: usize = 10;
/// The longest `metadata.description`.
const DESCRIPTION_CHARS_MAX: usize = 500;

/// A request that can be carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeploymentRequest {
    /// Which model the token is for; one token per model for ever.
    pub model_id: ModelId,
    /// Who receives the supplier's part; never the zero address.
    pub recipient: Address,
    /// The token's name on chain.
    pub token_name: TokenName,
    /// The token's symbol on chain.
    pub token_symbol: TokenSymbol,
    /// Total supply asked for, in wei; `None` means the configured amounts.
    pub supply_wei: Option<TokenWei>,
}

/// A request and what identifies its content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parsed {
    /// What is to be done.
    pub request: DeploymentRequest,
    /// SHA-256 of the body's known fields in canonical order, hex. Two bodies with one fingerprint ask for the same; `token` has no part in it.
    pub fingerprint: String,
}

/// One thing wrong with one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FieldProblem {
    /// Dotted path.
    pub field: &'static str,
    /// The rule that is broken; never the value.
    pub message: String,
}

macro_rules! text_type {
    ($(#[$doc:meta])* $name:ident, $valid:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                let valid: fn(&str) -> bool = $valid;
                if valid(&text) { Ok(Self(text)) } else { Err(concat!("not a ", stringify!($name))) }
            }
        }

        impl From<$name> for String {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

text_type!(
    /// `^[a-zA-Z0-9\-_]{1,64}$`
    ModelId,
    |text| within(text, MODEL_ID_CHARS_MAX, |byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
);
text_type!(
    /// Letters, digits, spaces, `-` and `_`. Only the plain space: the existing service's `\s` let line breaks into a token's name.
    TokenName,
    |text| within(text, "Hokusai ".len() + MODEL_ID_CHARS_MAX, is_name_byte)
);
text_type!(
    /// `^[A-Z0-9-]{1,10}$`
    TokenSymbol,
    |text| within(text, TOKEN_SYMBOL_CHARS_MAX, is_symbol_byte)
);

fn within(text: &str, chars_max: usize, allowed: fn(u8) -> bool) -> bool {
    !text.is_empty() && text.len() <= chars_max && text.bytes().all(allowed)
}

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'-' | b'_')
}

fn is_symbol_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'-'
}

impl TokenName {
    /// The name of a token whose request names none.
    pub fn for_model(model: &ModelId) -> Self {
        Self(format!("Hokusai {}", model.0))
    }
}

impl TokenSymbol {
    /// "HK" and what is left of the id's first six characters, in capitals: the existing service's rule.
    fn for_model(model: &ModelId) -> Self {
        let rest = model
            .0
            .chars()
            .take(6)
            .map(|char| char.to_ascii_uppercase())
            .filter(char::is_ascii_alphanumeric);
        Self("HK".chars().chain(rest).collect())
    }
}

/// Believes a body, or says everything that is wrong with it.
///
/// # Errors
/// Every problem, in the order of the fields.
pub fn parse(body: &Value, economics: &Economics) -> Result<Parsed, Vec<FieldProblem>> {
    let Value::Object(fields) = body else {
        return Err(vec![FieldProblem {
            field: "",
            message: "\"value\" must be of type object".into(),
        }]);
    };
    let mut problems = Vec::new();
    check_token(fields, &mut problems);
    let model_id = text(fields, "modelId", &mut problems, |text| {
        ModelId::try_from(text.to_string()).map_err(|_| {
            "Model ID must contain only alphanumeric characters, hyphens, and underscores (1-64 characters)".into()
        })
    });
    require(fields, "modelId", "Model ID is required", &mut problems);
    let recipient = text(fields, "userAddress", &mut problems, parse_address);
    require(
        fields,
        "userAddress",
        "User address is required",
        &mut problems,
    );
    let token_name = text(fields, "tokenName", &mut problems, |text| {
        let message = "Token name must be 1-50 characters containing only letters, numbers, spaces, hyphens, and underscores";
        if within(text, TOKEN_NAME_CHARS_MAX, is_name_byte) {
            Ok(TokenName(text.into()))
        } else {
            Err(message.into())
        }
    });
    let token_symbol = text(fields, "tokenSymbol", &mut problems, |text| {
        TokenSymbol::try_from(text.to_string()).map_err(|_| {
            "Token symbol must be 1-10 uppercase characters, numbers, or hyphens".into()
        })
    });
    let supply_wei = text(fields, "initialSupply", &mut problems, |text| {
        parse_supply(text, economics)
    });
    check_metadata(fields.get("metadata"), &mut problems);

    match (model_id, recipient) {
        (Some(model_id), Some(recipient)) if problems.is_empty() => {
            let token_name = token_name.unwrap_or_else(|| TokenName::for_model(&model_id));
            let token_symbol = token_symbol.unwrap_or_else(|| TokenSymbol::for_model(&model_id));
            let request = DeploymentRequest {
                model_id,
                recipient,
                token_name,
                token_symbol,
                supply_wei: supply_wei.flatten(),
            };
            Ok(Parsed {
                request,
                fingerprint: fingerprint(fields),
            })
        }
        _ => Err(problems),
    }
}

/// The field parsed, if it is there and right. What is there and wrong becomes a problem; `null` and `""` are wrong, as they always were.
fn text<T>(
    fields: &Map<String, Value>,
    field: &'static str,
    problems: &mut Vec<FieldProblem>,
    parse: impl FnOnce(&str) -> Result<T, String>,
) -> Option<T> {
    let parsed = match fields.get(field)? {
        Value::String(text) if text.is_empty() => {
            Err(format!("\"{field}\" is not allowed to be empty"))
        }
        Value::String(text) => parse(text),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Err(format!("\"{field}\" must be a string"))
        }
    };
    parsed
        .map_err(|message| problems.push(FieldProblem { field, message }))
        .ok()
}

fn require(
    fields: &Map<String, Value>,
    field: &'static str,
    message: &str,
    problems: &mut Vec<FieldProblem>,
) {
    if !fields.contains_key(field) {
        problems.push(FieldProblem {
            field,
            message: message.into(),
        });
    }
}

/// `^[A-Za-z0-9-_]+\.[A-Za-z0-9-_]+\.[A-Za-z0-9-_]*$`. Old clients must send it; it proves nothing and is dropped.
fn check_token(fields: &Map<String, Value>, problems: &mut Vec<FieldProblem>) {
    text(fields, "token", problems, |token| {
        let parts: Vec<&str> = token.split('.').collect();
        let alphabet = |part: &&str| {
            part.bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
        };
        let shaped = parts.len() == 3
            && parts.iter().all(alphabet)
            && !parts.iter().take(2).any(|part| part.is_empty());
        if shaped {
            Ok(())
        } else {
            Err("Invalid JWT token format".into())
        }
    });
}

fn parse_address(text: &str) -> Result<Address, String> {
    let address = address(text).ok_or("Invalid Ethereum address format")?;
    if address.is_zero() {
        Err("User address must not be the zero address".into())
    } else {
        Ok(address)
    }
}

/// `^0x[a-fA-F0-9]{40}$`; the checksum in the letters' case is not looked at, as it never was.
pub fn address(text: &str) -> Option<Address> {
    let digits = text
        .strip_prefix("0x")
        .filter(|digits| digits.len() == 40)?;
    let mut bytes = [0; 20];
    hex::decode_to_slice(digits, &mut bytes).ok()?;
    Some(Address::from(bytes))
}

/// `"0"` is how the existing clients say "the configured amounts".
fn parse_supply(text: &str, economics: &Economics) -> Result<Option<TokenWei>, String> {
    let supply = parse_tokens(text).and_then(|wei| {
        let supply = Some(wei).filter(|wei| !wei.get().is_zero());
        economics.allocations(supply).map(|_| supply)
    });
    supply.map_err(|problem| match problem {
        SupplyProblem::NotDecimal => {
            "Initial supply must be a valid decimal number as string".into()
        }
        SupplyProblem::TooFine => "Initial supply must have at most 18 decimal places".into(),
        SupplyProblem::TooLarge => {
            format!(
                "Initial supply must be at most {} tokens",
                print_tokens(economics.supply_wei_max)
            )
        }
        SupplyProblem::TooSmall => {
            "Initial supply is too small to be divided into its allocations".into()
        }
    })
}

fn check_metadata(metadata: Option<&Value>, problems: &mut Vec<FieldProblem>) {
    let fields = match metadata {
        None => return,
        Some(Value::Object(fields)) => fields,
        Some(_) => {
            problems.push(FieldProblem {
                field: "metadata",
                message: "\"metadata\" must be of type object".into(),
            });
            return;
        }
    };
    let mut problem = |field, message: String| problems.push(FieldProblem { field, message });
    match fields.get("description") {
        None => {}
        Some(Value::String(text)) if text.is_empty() => {
            problem(
                "metadata.description",
                "\"metadata.description\" is not allowed to be empty".into(),
            );
        }
        Some(Value::String(text)) if text.chars().count() <= DESCRIPTION_CHARS_MAX => {}
        Some(Value::String(_)) => problem(
            "metadata.description",
            "\"metadata.description\" length must be less than or equal to 500 characters long"
                .into(),
        ),
        Some(_) => problem(
            "metadata.description",
            "\"metadata.description\" must be a string".into(),
        ),
    }
    for (name, field) in [
        ("website", "metadata.website"),
        ("whitepaper", "metadata.whitepaper"),
    ] {
        match fields.get(name) {
            None => {}
            Some(Value::String(text)) if is_web_address(text) => {}
            // The existing service let any scheme pass, `javascript:` too.
            Some(Value::String(_)) => problem(
                field,
                format!("\"{field}\" must be a valid uri (http or https)"),
            ),
            Some(_) => problem(field, format!("\"{field}\" must be a string")),
        }
    }
    match fields.get("tags") {
        None => {}
        Some(Value::Object(tags)) if tags.values().all(Value::is_string) => {}
        Some(Value::Object(_)) => problem(
            "metadata.tags",
            "\"metadata.tags\" values must be strings".into(),
        ),
        Some(_) => problem(
            "metadata.tags",
            "\"metadata.tags\" must be of type object".into(),
        ),
    }
}

fn is_web_address(text: &str) -> bool {
    text.parse::<http::Uri>()
        .is_ok_and(|uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some())
}

/// serde_json's maps are sorted by key, so equal content gives equal bytes whatever the order it came in.
fn fingerprint(fields: &Map<String, Value>) -> String {
    const KNOWN: [&str; 6] = [
        "modelId",
        "userAddress",
        "tokenName",
        "tokenSymbol",
        "initialSupply",
        "metadata",
    ];
    let known: Map<String, Value> = KNOWN
        .iter()
        .filter_map(|field| fields.get_key_value(*field))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    hex::encode(Sha256::digest(Value::Object(known).to_string()))
}
