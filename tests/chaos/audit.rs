//! The invariants I1 to I8, as one pure judgement over the evidence of a run.
//!
//! Takes an [`Evidence`] and what the run's fault makes unavoidable, gives every violation. I5 is about webhooks here; event
//! streams are held to it by row 37 itself. [`crate::doctored`] proves that each of the others can be violated.

use crate::evidence::{Answer, Evidence, Record, Transaction, hash_of};
use crate::support::api::SECRETS;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// What a fault makes unavoidable. By default nothing.
#[derive(Debug, Clone, Default)]
pub struct Granted {
    /// Transactions of our account that are not ours, by hash.
    pub foreign: BTreeSet<String>,
    /// Models whose transaction may be reverted, since a stranger was faster.
    pub reverted: BTreeSet<String>,
    /// Models that may be given a second nonce, since a stranger used the first, or Redis lost it.
    pub rebound: BTreeSet<String>,
    /// Models whose token a reorganisation deeper than the confirmations took from the chain.
    pub undone: BTreeSet<String>,
    /// Redis has lost data: an id may be unknown, and a token may have no record.
    pub redis_lost: bool,
}

/// Something that must not be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    pub invariant: &'static str,
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: {}", self.invariant, self.what)
    }
}

/// Everything that is wrong with a run.
pub fn audit(evidence: &Evidence, granted: &Granted) -> Vec<Violation> {
    let mut found = Vec::new();
    one_transaction_per_model(evidence, granted, &mut found);
    nothing_is_lost(evidence, granted, &mut found);
    no_gap(evidence, granted, &mut found);
    answers_are_true(evidence, granted, &mut found);
    changes_are_told(evidence, granted, &mut found);
    everything_is_final(evidence, &mut found);
    one_job_per_key(evidence, &mut found);
    no_secret(evidence, &mut found);
    found
}

/// I1: at most one successful deployment per job, and never two live nonces.
fn one_transaction_per_model(evidence: &Evidence, granted: &Granted, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I1",
            what,
        })
    };
    let mut tokens: BTreeMap<&str, usize> = BTreeMap::new();
    for token in &evidence.tokens {
        *tokens.entry(&token.model_hash).or_default() += 1;
    }
    for (model, count) in tokens.iter().filter(|(_, count)| **count > 1) {
        violated(format!(
            "{count} tokens of the model whose id hashes to {model}"
        ));
    }
    for transaction in evidence
        .mined
        .iter()
        .filter(|transaction| !transaction.succeeded)
    {
        let model = transaction.model.as_deref().unwrap_or_default();
        if !granted.foreign.contains(&transaction.hash) && !granted.reverted.contains(model) {
            violated(format!(
                "{} for {model:?} was reverted: its gas is wasted",
                transaction.hash
            ));
        }
    }
    let mut nonces: BTreeMap<&str, BTreeSet<u64>> = BTreeMap::new();
    for transaction in evidence.sent.iter().chain(&evidence.mined) {
        if let Some(model) = &transaction.model {
            nonces.entry(model).or_default().insert(transaction.nonce);
        }
    }
    let saved: BTreeSet<&String> = evidence
        .records
        .iter()
        .flat_map(|record| &record.attempts)
        .collect();
    let unsaved = evidence
        .sent
        .iter()
        .filter(|sent| !saved.contains(&sent.hash));
    for transaction in unsaved.filter(|_| !granted.redis_lost) {
        violated(format!(
            "{transaction:?} was sent and is in no record: after a crash it would be unknown"
        ));
    }
    for (model, nonces) in nonces.iter().filter(|(_, nonces)| nonces.len() > 1) {
        if !granted.rebound.contains(*model) {
            violated(format!("{model} was sent with the nonces {nonces:?}"));
        }
    }
}

/// I2: an answered 202 is never lost.
fn nothing_is_lost(evidence: &Evidence, granted: &Granted, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I2",
            what,
        })
    };
    let stored: BTreeSet<&str> = evidence
        .records
        .iter()
        .map(|record| record.id.as_str())
        .collect();
    for accepted in &evidence.accepted {
        let known = matches!(evidence.answers.get(&accepted.id), Some(Some(_)));
        if !granted.redis_lost && (!known || !stored.contains(accepted.id.as_str())) {
            violated(format!(
                "{} was accepted for {} and is unknown",
                accepted.id, accepted.model
            ));
        }
    }
}

/// I3: every nonce that was given out is used.
fn no_gap(evidence: &Evidence, granted: &Granted, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I3",
            what,
        })
    };
    let used: BTreeSet<u64> = evidence
        .mined
        .iter()
        .map(|transaction| transaction.nonce)
        .collect();
    if !used.iter().copied().eq(0..used.len() as u64) {
        violated(format!(
            "the nonces in the chain are not contiguous: {used:?}"
        ));
    }
    if !granted.undone.is_empty() {
        return;
    }
    let open = evidence.sent.iter().map(|transaction| transaction.nonce);
    let open: BTreeSet<u64> = open.filter(|nonce| !used.contains(nonce)).collect();
    if !open.is_empty() {
        violated(format!("the nonces {open:?} were given out and never used"));
    }
    if evidence.pooled > 0 {
        violated(format!(
            "{} transactions are left in the pool",
            evidence.pooled
        ));
    }
}

/// I4: what is said is what the chain says, and a final answer never changes.
fn answers_are_true(evidence: &Evidence, granted: &Granted, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I4",
            what,
        })
    };
    for (id, seen) in &evidence.finals {
        match evidence.answers.get(id) {
            Some(Some(now)) if now != seen => {
                violated(format!("{id} was {seen:?} and is now {now:?}"))
            }
            _ => {}
        }
    }
    let mut claimed = BTreeSet::new();
    for accepted in &evidence.accepted {
        let Some(Some(answer)) = evidence.answers.get(&accepted.id) else {
            continue;
        };
        let hash = hash_of(&accepted.model);
        let token = evidence
            .tokens
            .iter()
            .find(|token| token.model_hash == hash);
        match (answer.status.as_str(), token) {
            ("deployed", Some(token)) => {
                let told = (answer.token.as_ref(), answer.transaction.as_ref());
                if told != (Some(&token.address), Some(&token.transaction)) {
                    violated(format!(
                        "{} says {told:?} and the chain says {token:?}",
                        accepted.id
                    ));
                }
                claimed.insert(hash);
            }
            ("deployed", None) if !granted.undone.contains(&accepted.model) => {
                violated(format!(
                    "{} is deployed and {} has no token of ours",
                    accepted.id, accepted.model
                ));
            }
            // Several requests for one model: only the one that made the token may say so.
            ("failed" | "cancelled", Some(token))
                if !is_anothers(evidence, &accepted.id, &accepted.model) =>
            {
                violated(format!(
                    "{} is {} and made {token:?}",
                    accepted.id, answer.status
                ));
            }
            ("deployed", None) | ("failed" | "cancelled", _) => {}
            // I6 complains of those that are not final.
            _ => {
                claimed.insert(hash);
            }
        }
    }
    for token in &evidence.tokens {
        let recorded = evidence
            .records
            .iter()
            .any(|record| record.state == "deployed" && hash_of(&record.model) == token.model_hash);
        if !recorded && !claimed.contains(&token.model_hash) && !granted.redis_lost {
            violated(format!("nobody is told of {token:?}"));
        }
    }
    for record in evidence
        .records
        .iter()
        .filter(|record| record.state == "deployed")
    {
        let hash = hash_of(&record.model);
        let made = evidence
            .tokens
            .iter()
            .find(|token| token.model_hash == hash);
        if made.is_none() && !granted.undone.contains(&record.model) {
            violated(format!(
                "the record {} says deployed and the chain has no token",
                record.id
            ));
        }
    }
}

/// I5: every change reaches the receiver at least once, not before the one before it was taken, under an id that stands for one content; and nothing else
/// reaches it.
fn changes_are_told(evidence: &Evidence, granted: &Granted, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I5",
            what,
        })
    };
    for id in &evidence.untold {
        violated(format!("something of {id} is still to be told"));
    }
    let mut contents: BTreeMap<&str, &str> = BTreeMap::new();
    for webhook in &evidence.webhooks {
        let first = contents.entry(&webhook.id).or_insert(&webhook.body);
        if *first != webhook.body {
            violated(format!("{} came with two contents", webhook.id));
        }
    }
    if granted.redis_lost {
        // What a change was that is no longer recorded cannot be known, nor whether what was to be told is among it.
        return;
    }
    let mut taken: BTreeMap<&str, BTreeSet<(u32, u64)>> = BTreeMap::new();
    for webhook in &evidence.webhooks {
        let Some((deployment, change)) = webhook.change() else {
            violated(format!("{} is not an id", webhook.id));
            continue;
        };
        let records = &mut evidence.records.iter();
        let record = records.find(|record| record.id == deployment);
        match record.filter(|record| record.caller == evidence.listener) {
            None => violated(format!(
                "{} is not of the receiver's deployments",
                webhook.id
            )),
            Some(record) => {
                let taken = taken.entry(deployment).or_default();
                let mut earlier = record.changes.iter().filter(|other| **other < change);
                if !earlier.all(|other| taken.contains(other)) {
                    violated(format!("{} came before an earlier change", webhook.id));
                }
                if !record.changes.contains(&change) {
                    violated(format!("{} is of a change that never was", webhook.id));
                }
                if webhook.taken {
                    taken.insert(change);
                }
            }
        }
    }
    let listened = |record: &&Record| record.caller == evidence.listener;
    for record in evidence.records.iter().filter(listened) {
        let told = taken.get(record.id.as_str()).cloned().unwrap_or_default();
        for (number, _) in record
            .changes
            .iter()
            .filter(|change| !told.contains(change))
        {
            violated(format!("the change {number} of {} was not told", record.id));
        }
    }
}

/// Another accepted request of this model is deployed.
fn is_anothers(evidence: &Evidence, id: &str, model: &str) -> bool {
    evidence.accepted.iter().any(|other| {
        let answer = evidence.answers.get(&other.id);
        other.id != id
            && other.model == model
            && matches!(answer, Some(Some(Answer { status, .. })) if status == "deployed")
    })
}

/// I6: everything becomes final.
fn everything_is_final(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I6",
            what,
        })
    };
    for (id, answer) in &evidence.answers {
        if let Some(answer) = answer.as_ref().filter(|answer| !answer.is_final()) {
            violated(format!("{id} is still {}", answer.status));
        }
    }
    for id in &evidence.waiting {
        violated(format!("{id} still waits in Redis"));
    }
}

/// I7: one idempotency key, one job.
fn one_job_per_key(evidence: &Evidence, found: &mut Vec<Violation>) {
    let mut violated = |what| {
        found.push(Violation {
            invariant: "I7",
            what,
        })
    };
    let mut jobs: BTreeMap<&str, BTreeSet<(&str, &str)>> = BTreeMap::new();
    for accepted in &evidence.accepted {
        if let Some(key) = &accepted.key {
            let job = (accepted.id.as_str(), accepted.model.as_str());
            jobs.entry(key).or_default().insert(job);
        }
    }
    for (key, jobs) in jobs.iter().filter(|(_, jobs)| jobs.len() > 1) {
        violated(format!("the idempotency key {key:?} stands for {jobs:?}"));
    }
}

/// I8: no secret in logs, Redis or answers.
fn no_secret(evidence: &Evidence, found: &mut Vec<Violation>) {
    for (place, text) in &evidence.texts {
        for secret in SECRETS.iter().filter(|secret| text.contains(**secret)) {
            let what = format!("{secret:?} is in {place}");
            found.push(Violation {
                invariant: "I8",
                what,
            });
        }
    }
}

/// Deployments among these: what is not a closed gap.
pub fn deployments(transactions: &[Transaction]) -> usize {
    transactions
        .iter()
        .filter(|transaction| transaction.model.is_some())
        .count()
}
