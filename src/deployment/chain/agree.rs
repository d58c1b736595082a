//! What several endpoints that need not be honest, whole or up to date say of one transaction together.
//!
//! Takes their answers, gives what may be acted on. Pure.
//!
//! A positive answer counts when more than half of those that answered give the same one; a single one against silence counts when another endpoint knows
//! its block. The negative one counts only when every endpoint that was asked gives it. Anything else is "wait": two endpoints that contradict each
//! other are never decided between.

use super::{H256, Receipt};

/// What is known of a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sight {
    /// It is in this block.
    Here(Receipt),
    /// No healthy endpoint has it in a block.
    Nowhere,
    /// Some did not answer, or they contradict each other: nothing follows.
    Unclear,
}

/// [`Sight`], before the one question that may have to be asked again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Agreement {
    /// Nothing more to ask.
    Settled(Sight),
    /// Some have it, at least as many do not, and none has it otherwise: it counts if another of them knows the block.
    Alone(Receipt),
}

/// What one endpoint says: `None` is no answer, `Some(None)` that it has no receipt.
pub(super) type Word = Option<Option<Receipt>>;

/// What they say together.
pub(super) fn agree(words: &[Word]) -> Agreement {
    let answered = words.iter().flatten().count();
    // A receipt of a transaction that is still pending names no block.
    let receipts: Vec<&Receipt> = words
        .iter()
        .flatten()
        .flatten()
        .filter(|receipt| receipt.block_hash.is_some() && receipt.block_number.is_some())
        .collect();
    let votes = |receipt: &Receipt| {
        let same = receipts.iter().filter(|other| is_same(receipt, other));
        same.count()
    };
    let Some(best) = receipts
        .iter()
        .copied()
        .max_by_key(|receipt| votes(receipt))
    else {
        let unanimous = answered == words.len() && answered > 0;
        return Agreement::Settled(if unanimous {
            Sight::Nowhere
        } else {
            Sight::Unclear
        });
    };
    if votes(best) * 2 > answered {
        Agreement::Settled(Sight::Here(best.clone()))
    } else if votes(best) == receipts.len() {
        Agreement::Alone(best.clone())
    } else {
        Agreement::Settled(Sight::Unclear)
    }
}

/// The same in all that is decided upon; what it cost may be left out by some nodes.
fn is_same(a: &Receipt, b: &Receipt) -> bool {
    let key = |receipt: &Receipt| (receipt.block_hash, receipt.block_number, receipt.status);
    key(a) == key(b) && a.logs == b.logs && a.transaction_hash == b.transaction_hash
}

/// What most of those that answered say; `None` without a majority.
pub(super) fn majority<T: Clone>(words: &[T], key: impl Fn(&T) -> H256) -> Option<T> {
    let votes = |word: &T| words.iter().filter(|other| key(other) == key(word)).count();
    let best = words.iter().max_by_key(|word| votes(word))?;
    (votes(best) * 2 > words.len()).then(|| best.clone())
}

/// The highest count that at least half of those that answered have reached, 0 without any: of three, one that is behind and one that is
/// ahead of the truth are both outvoted. Too low a nonce is refused by every node and costs a moment; too high a one would leave a gap that
/// nothing fills.
pub(super) fn reached_by_half(mut counts: Vec<u64>) -> u64 {
    counts.sort_unstable_by(|a, b| b.cmp(a));
    let half = counts.len().div_ceil(2);
    let place = half.saturating_sub(1);
    counts.get(place).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::deployment::chain::U256;

    fn receipt(block: u64, status: u64) -> Receipt {
        Receipt {
            transaction_hash: H256::repeat_byte(5),
            block_number: Some(block.into()),
            block_hash: Some(H256::from_low_u64_be(block)),
            status: Some(status.into()),
            gas_used: U256::one(),
            effective_gas_price: U256::one(),
            logs: Vec::new(),
        }
    }

    #[test]
    fn only_agreement_is_acted_on() {
        let silent: Word = None;
        let absent: Word = Some(None);
        let here = |block| -> Word { Some(Some(receipt(block, 1))) };
        let reverted: Word = Some(Some(receipt(7, 0)));
        let pending: Word = Some(Some(Receipt {
            block_hash: None,
            ..receipt(7, 1)
        }));
        let settled_here = Agreement::Settled(Sight::Here(receipt(7, 1)));
        let nowhere = Agreement::Settled(Sight::Nowhere);
        let unclear = Agreement::Settled(Sight::Unclear);
        let alone = Agreement::Alone(receipt(7, 1));
        for (words, expected) in [
            (vec![], &unclear),
            (vec![silent.clone()], &unclear),
            (vec![absent.clone()], &nowhere),
            (vec![pending.clone(), absent.clone()], &nowhere),
            (vec![here(7)], &settled_here),
            (vec![here(7), silent.clone()], &settled_here),
            // One that does not answer may be the one that has it.
            (vec![absent.clone(), silent.clone()], &unclear),
            (
                vec![absent.clone(), absent.clone(), absent.clone()],
                &nowhere,
            ),
            (vec![here(7), absent.clone()], &alone),
            (vec![absent.clone(), here(7), absent.clone()], &alone),
            (vec![here(7), here(7), absent.clone()], &settled_here),
            // A liar among three is outvoted, whatever it says.
            (vec![here(7), here(7), reverted.clone()], &settled_here),
            (vec![here(7), here(7), here(8)], &settled_here),
            // Of two, nobody can say which.
            (vec![here(7), reverted.clone()], &unclear),
            (vec![here(7), here(8)], &unclear),
            (vec![here(7), here(8), absent.clone()], &unclear),
        ] {
            assert_eq!(&agree(&words), expected, "{words:?}");
        }
    }

    #[test]
    fn a_count_is_reached_by_half_of_the_endpoints() {
        for (counts, reached) in [
            (vec![], 0),
            (vec![5], 5),
            // Of two, one that is behind is the more likely.
            (vec![5, 0], 5),
            (vec![5, 0, 5], 5),
            (vec![5, 9, 5], 5),
            (vec![0, 5, 9], 5),
            (vec![5, 5, 9, 9], 9),
            (vec![5, 5, 5, 9], 5),
        ] {
            assert_eq!(reached_by_half(counts.clone()), reached, "{counts:?}");
        }
    }

    #[test]
    fn a_majority_is_more_than_half() {
        let of = |words: &[u64]| majority(words, |word| H256::from_low_u64_be(*word));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[1]), Some(1));
        assert_eq!(of(&[1, 2]), None);
        assert_eq!(of(&[2, 1, 2]), Some(2));
    }
}
