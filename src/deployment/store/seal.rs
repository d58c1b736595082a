//! What makes a record ours: a keyed hash, so that writing to Redis is not a way to make this service sign.
//!
//! Takes a secret, gives seals over records and the ids of requests that carry an idempotency key. A record whose seal is wrong is never
//! acted on. An old record with its own old seal can be put back by whoever writes to Redis; the chain is asked before every signature, so
//! that makes no second token.

use crate::secret::Secret;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

/// A key for records, and the account they belong to: a record of one account is worth nothing for another.
#[derive(Debug, Clone)]
pub struct Seal {
    key: Secret<[u8; 32]>,
}

impl Seal {
    /// From any secret that all replicas share. The secret itself cannot be found from what this makes.
    pub fn new(secret: &[u8]) -> Self {
        let mut key = [0; 32];
        key.copy_from_slice(&digest(secret, &[b"contracts-api records v1"]));
        Self {
            key: Secret::new(key),
        }
    }

    /// The seal of a record, hex.
    pub fn of(&self, owner: &str, id: Uuid, revision: u64, record: &str) -> String {
        let revision = revision.to_be_bytes();
        hex::encode(digest(
            self.key.expose(),
            &[
                b"record",
                owner.as_bytes(),
                id.as_bytes(),
                &revision,
                record.as_bytes(),
            ],
        ))
    }

    /// Whether `seal` is this record's; in constant time.
    pub fn is_of(&self, seal: &str, owner: &str, id: Uuid, revision: u64, record: &str) -> bool {
        use subtle::ConstantTimeEq as _;
        let expected = self.of(owner, id, revision, record);
        expected.as_bytes().ct_eq(seal.as_bytes()).into()
    }

    /// The id of what `caller` asks for under an idempotency key: the same at every replica, and after every record is lost. Laid out as a
    /// version 4 UUID, which is what clients check for.
    pub fn id_for(&self, owner: &str, caller: &str, idempotency_key: &str) -> Uuid {
        let parts: [&[u8]; 4] = [
            b"request",
            owner.as_bytes(),
            caller.as_bytes(),
            idempotency_key.as_bytes(),
        ];
        let digest = digest(self.key.expose(), &parts);
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&digest[..16]);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}

/// HMAC-SHA256 over the parts, each with its length before it, so that no two lists of parts are the same bytes.
fn digest(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key)
        .unwrap_or_else(|_| Hmac::<Sha256>::new(&Default::default()));
    for part in parts {
        mac.update(&(part.len() as u64).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_of_one_record_of_one_account_at_one_revision_under_one_key() {
        let (seal, other) = (Seal::new(b"a secret"), Seal::new(b"another"));
        let id = Uuid::from_u128(7);
        let made = seal.of("cd:{1:0x}", id, 1, "{}");
        assert!(seal.is_of(&made, "cd:{1:0x}", id, 1, "{}"));
        for wrong in [
            other.is_of(&made, "cd:{1:0x}", id, 1, "{}"),
            seal.is_of(&made, "cd:{2:0x}", id, 1, "{}"),
            seal.is_of(&made, "cd:{1:0x}", Uuid::from_u128(8), 1, "{}"),
            seal.is_of(&made, "cd:{1:0x}", id, 2, "{}"),
            seal.is_of(&made, "cd:{1:0x}", id, 1, "{} "),
            seal.is_of("", "cd:{1:0x}", id, 1, "{}"),
        ] {
            assert!(!wrong);
        }
    }

    #[test]
    fn an_idempotency_key_gives_one_version_4_id_per_caller() {
        let seal = Seal::new(b"a secret");
        let id = seal.id_for("cd:{1:0x}", "frontend", "key");
        assert_eq!(
            id,
            Seal::new(b"a secret").id_for("cd:{1:0x}", "frontend", "key")
        );
        assert_eq!(id.get_version_num(), 4);
        assert_eq!(id.get_variant(), uuid::Variant::RFC4122);
        assert_ne!(id, seal.id_for("cd:{1:0x}", "backend", "key"));
        // What is one part and what is the next is not a matter of taste.
        assert_ne!(
            seal.id_for("cd:{1:0x}", "ab", "c"),
            seal.id_for("cd:{1:0x}", "a", "bc")
        );
    }
}
