//! Everything the simulated account holds: one state per service, one source of identifiers.
//!
//! Plain data behind one lock: no clock, no sockets, no processes. Randomness is seeded, so that the same calls at
//! the same times give the same identifiers.

/// The simulated account.
pub struct World {
    /// The twelve-digit account number.
    pub account: String,
    /// The region every ARN names.
    pub region: String,
    random: fastrand::Rng,
}

impl World {
    /// An empty account whose identifiers follow from `seed`.
    pub fn new(account: impl Into<String>, region: impl Into<String>, seed: u64) -> Self {
        World {
            account: account.into(),
            region: region.into(),
            random: fastrand::Rng::with_seed(seed),
        }
    }

    /// Fresh lower-case hexadecimal digits, as AWS builds ids from (32 for an ECS task, 16 for a target group).
    pub fn hex(&mut self, digits: usize) -> String {
        (0..digits)
            .map(|_| char::from_digit(self.random.u32(0..16), 16).unwrap_or('0'))
            .collect()
    }

    /// `arn:aws:<service>:<region>:<account>:<resource>`.
    pub fn arn(&self, service: &str, resource: &str) -> String {
        format!(
            "arn:aws:{service}:{}:{}:{resource}",
            self.region, self.account
        )
    }
}
