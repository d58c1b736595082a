//! Who is calling: one identity, the account's administrator.

use serde_json::json;

use super::call::{Answer, Call};
use super::world::World;

/// Answers an STS call.
pub fn answer(world: &mut World, call: &Call) -> Answer {
    match call.operation.as_str() {
        "GetCallerIdentity" => {
            let account = &world.account;
            let arn = format!("arn:aws:iam::{account}:user/simulator");
            Ok(json!({ "Account": account, "Arn": arn, "UserId": "AIDASIMULATOR00000000" }))
        }
        _ => Err(call.unknown_operation()),
    }
}
