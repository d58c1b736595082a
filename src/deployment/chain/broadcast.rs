//! Sending signed bytes, and what the endpoints' answers mean together.
//!
//! Takes bytes that were recorded before; gives [`Sent`]. Doubt is never taken for a refusal.

use super::Chain;
use super::rpc::{Fault, Reply, RpcError};
use crate::deployment::transaction::{Refusal, classify};
use serde_json::{Value, json};

/// What became of bytes that were sent.
#[derive(Debug)]
pub enum Sent {
    /// A node has them.
    Accepted,
    /// The nonce is used: by these very bytes, or by others. Receipts tell.
    NonceUsed,
    /// A node has certainly not taken them.
    NotSent(Refusal),
    /// Nobody knows: they must be taken for sent, and sent again.
    Unknown(RpcError),
}

impl Chain {
    /// Sends signed bytes to every endpoint that answers. Sending them again is harmless.
    ///
    /// It is over with the first acceptance, and the other endpoints still get them. Only if *all* of them refuse for sure is it sure.
    pub async fn broadcast(&self, raw: &str) -> Sent {
        let method = "eth_sendRawTransaction";
        let read = |reply: Result<Reply, Fault>| match reply {
            Err(fault) => Sent::Unknown(self.rpc.unanswered(method, fault)),
            // Whatever it says is not an error, so the bytes were taken.
            Ok(reply) => match reply.read::<Value>(method) {
                Ok(_) => Sent::Accepted,
                Err(error) => sent(error),
            },
        };
        let taken = |sent: &Sent| matches!(sent, Sent::Accepted);
        let outcomes = self.rpc.race((method, json!([raw])), read, taken).await;
        outcomes
            .into_iter()
            .reduce(together)
            .unwrap_or_else(|| Sent::Unknown(self.rpc.unanswered(method, Fault::Unreachable)))
    }
}

/// What a refusal of signed bytes means.
fn sent(error: RpcError) -> Sent {
    let RpcError::Refused {
        method: _,
        code,
        ref message,
    } = error
    else {
        return Sent::Unknown(error);
    };
    match classify(code, message) {
        Some(Refusal::AlreadyKnown) => Sent::Accepted,
        Some(Refusal::NonceUsed) => Sent::NonceUsed,
        Some(
            refusal @ (Refusal::InsufficientFunds
            | Refusal::FeeTooLow
            | Refusal::Reverts
            | Refusal::Invalid),
        ) => Sent::NotSent(refusal),
        None => Sent::Unknown(error),
    }
}

/// What two endpoints' outcomes mean together: one acceptance is enough, one doubt spoils a certainty, and a used nonce says more than a refusal.
fn together(a: Sent, b: Sent) -> Sent {
    let rank = |sent: &Sent| match sent {
        Sent::Accepted => 0,
        Sent::Unknown(_) => 1,
        Sent::NonceUsed => 2,
        Sent::NotSent(_) => 3,
    };
    if rank(&b) < rank(&a) { b } else { a }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_certainly_not_sent_only_if_every_endpoint_is_certain() {
        let make = [
            || Sent::Accepted,
            || Sent::NonceUsed,
            || Sent::NotSent(Refusal::Invalid),
            || Sent::Unknown(RpcError::Malformed { method: "" }),
        ];
        let name = |sent: Sent| match sent {
            Sent::Accepted => "accepted",
            Sent::NonceUsed => "nonce used",
            Sent::NotSent(_) => "not sent",
            Sent::Unknown(_) => "unknown",
        };
        let expected = [
            ["accepted", "accepted", "accepted", "accepted"],
            ["accepted", "nonce used", "nonce used", "unknown"],
            ["accepted", "nonce used", "not sent", "unknown"],
            ["accepted", "unknown", "unknown", "unknown"],
        ];
        for (a, row) in make.iter().zip(expected) {
            for (b, expected) in make.iter().zip(row) {
                assert_eq!(name(together(a(), b())), expected);
            }
        }
    }
}
