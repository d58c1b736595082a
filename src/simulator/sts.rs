//! Who is calling.

use serde_json::json;

use super::call::{Answer, Call};
use super::world::World;

/// Answers an STS call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let account = &world.account;
            let root = || format!("arn:aws:iam::{account}:root");
            let arn = call.principal.clone().unwrap_or_else(root);
            // A user has an id of its own and the root user the account's number; a user's is made from its name here.
            let user = arn.split_once(":user/").map(|(_, name)| name);
            let id = user.map_or_else(|| account.clone(), user_id);
            Ok(json!({ "Account": account, "Arn": arn, "UserId": id }))
        }
        _ => Err(call.unknown_operation()),
    }
}

/// `AIDA` and seventeen capital letters or digits.
fn user_id(name: &str) -> String {
    let letters = name.bytes().filter(u8::is_ascii_alphanumeric);
    let letters: String = letters
        .map(|byte| char::from(byte.to_ascii_uppercase()))
        .take(17)
        .collect();
    format!("AIDA{letters:0<17}")
}
