//! What is offered for gas: estimated from what was paid lately, raised to take a transaction's place, never above the cap.
//!
//! Takes what nodes say of fees, gives offers in wei per gas. Pure: it asks nobody and has no clock. Chains before London (EIP-1559) have one
//! price; it is treated as a fee cap and a tip that are equal, as nodes themselves do when they compare the two kinds.

use super::chain::U256;
use serde::{Deserialize, Serialize};

/// The least tip: what geth and op-geth ask by default (0.001 gwei, `params.GWei / 1000` in geth's miner defaults). Less is
/// not propagated; and it is nothing beside any base fee, on an L2 too.
const TIP_WEI_MIN: u64 = 1_000_000;

/// What gas costs now, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeeFacts {
    /// A chain with base fees.
    Dynamic {
        /// The next block's base fee.
        base_fee_wei: U256,
        /// What is usually paid on top.
        tip_wei: U256,
    },
    /// A chain without.
    Legacy {
        /// What is usually paid.
        price_wei: U256,
    },
}

/// What we offer, in wei per gas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fees {
    /// A type 2 transaction.
    Dynamic {
        /// `maxFeePerGas`.
        fee_cap_wei: U256,
        /// `maxPriorityFeePerGas`; never above the fee cap.
        tip_wei: U256,
    },
    /// A transaction as before London.
    Legacy {
        /// `gasPrice`.
        price_wei: U256,
    },
}

/// `eth_feeHistory`, as far as it is used.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct FeeHistory {
    /// One more than blocks were asked for: the last is the next block's.
    #[serde(default)]
    pub base_fee_per_gas: Vec<U256>,
    /// Per block, the tips at the percentiles asked for. All zero for an empty block.
    #[serde(default)]
    pub reward: Option<Vec<Vec<U256>>>,
    /// Per block, how full it was, 0 to 1.
    #[serde(default)]
    pub gas_used_ratio: Vec<f64>,
}

/// Gas costs more than the cap allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("gas costs {price_wei} wei and the cap is {cap_wei} wei")]
pub struct FeeAboveCap {
    /// What it would take, in wei per gas.
    pub price_wei: U256,
    /// What is allowed, in wei per gas.
    pub cap_wei: U256,
}

impl Fees {
    /// The most that is paid per gas, in wei: what the account must be able to pay.
    pub fn per_gas_wei_max(self) -> U256 {
        self.cap_and_tip().0
    }

    fn cap_and_tip(self) -> (U256, U256) {
        match self {
            Self::Dynamic {
                fee_cap_wei,
                tip_wei,
            } => (fee_cap_wei, tip_wei),
            Self::Legacy { price_wei } => (price_wei, price_wei),
        }
    }
}

impl FeeFacts {
    /// The next block's price, and an offer with room for a doubled base fee (about six full blocks), with its tip.
    fn price_and_offer(self) -> (U256, U256, U256) {
        match self {
            Self::Dynamic {
                base_fee_wei,
                tip_wei,
            } => {
                let price_wei = base_fee_wei.saturating_add(tip_wei);
                (price_wei, price_wei.saturating_add(base_fee_wei), tip_wei)
            }
            // Nothing is burnt, so what is offered is paid: no room is added.
            Self::Legacy { price_wei } => (price_wei, price_wei, price_wei),
        }
    }
}

/// The usual tip: the median of the blocks' own medians. Empty blocks say nothing; with nothing but those, `suggested_wei`
/// (`eth_maxPriorityFeePerGas`) is believed.
pub fn usual_tip(history: &FeeHistory, suggested_wei: Option<U256>) -> U256 {
    let rewards = history.reward.iter().flatten();
    let mut tips: Vec<U256> = rewards
        .zip(&history.gas_used_ratio)
        .filter(|(_, ratio)| **ratio > 0.0)
        .filter_map(|(tips, _)| tips.first().copied())
        .collect();
    tips.sort_unstable();
    let median = tips.get(tips.len() / 2).copied();
    let tip_wei = median.or(suggested_wei).unwrap_or_default();
    tip_wei.max(U256::from(TIP_WEI_MIN))
}

/// A first offer: it lasts while the base fee doubles, and is never above the cap.
///
/// # Errors
/// [`FeeAboveCap`] when even the next block would cost more: nothing is signed until it falls.
pub fn offer(facts: FeeFacts, cap_wei: U256) -> Result<Fees, FeeAboveCap> {
    let (price_wei, offer_wei, tip_wei) = facts.price_and_offer();
    if price_wei > cap_wei {
        return Err(FeeAboveCap { price_wei, cap_wei });
    }
    Ok(match facts {
        FeeFacts::Dynamic { .. } => Fees::Dynamic {
            fee_cap_wei: offer_wei.min(cap_wei),
            tip_wei,
        },
        FeeFacts::Legacy { .. } => Fees::Legacy { price_wei },
    })
}

/// An offer that takes the place of `previous` at its nonce: both fields at least an eighth higher, and at least today's offer.
///
/// An eighth is what the strictest client asks for (OpenEthereum's 12.5 %; geth, erigon, reth, besu and Nethermind ask for 10 %), and both fields
/// count: <https://github.com/ethereum/go-ethereum/blob/master/core/txpool/legacypool/list.go>. It keeps `previous`' kind.
///
/// # Errors
/// [`FeeAboveCap`] when an eighth more is above the cap: the old offer then stands, and its bytes are sent again.
pub fn replacement(previous: Fees, facts: FeeFacts, cap_wei: U256) -> Result<Fees, FeeAboveCap> {
    let (_, offer_wei, tip_wei) = facts.price_and_offer();
    let (old_cap_wei, old_tip_wei) = previous.cap_and_tip();
    let fee_cap_wei = raised(old_cap_wei).max(offer_wei.min(cap_wei));
    let tip_wei = raised(old_tip_wei).max(tip_wei.min(fee_cap_wei));
    if fee_cap_wei > cap_wei {
        return Err(FeeAboveCap {
            price_wei: fee_cap_wei,
            cap_wei,
        });
    }
    Ok(match previous {
        Fees::Dynamic { .. } => Fees::Dynamic {
            fee_cap_wei,
            tip_wei,
        },
        Fees::Legacy { .. } => Fees::Legacy {
            price_wei: fee_cap_wei,
        },
    })
}

/// An eighth more, rounded up, and always more: 1 wei cannot be raised by an eighth.
fn raised(wei: U256) -> U256 {
    let eighth = wei / 8 + U256::from(u8::from(!(wei % 8).is_zero()));
    wei.saturating_add(eighth.max(U256::one()))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::print_stdout)]
mod tests {
    use super::*;

    fn gwei(amount: u64) -> U256 {
        U256::from(amount) * U256::exp10(9)
    }

    fn dynamic(base: u64, tip: u64) -> FeeFacts {
        FeeFacts::Dynamic {
            base_fee_wei: gwei(base),
            tip_wei: gwei(tip),
        }
    }

    #[test]
    fn an_offer_leaves_room_for_a_doubled_base_fee_and_stops_at_the_cap() {
        for (base, tip, expected) in [
            (10, 2, Some(22)),
            (300, 2, Some(500)),
            (498, 2, Some(500)),
            (499, 2, None),
        ] {
            let offered = offer(dynamic(base, tip), gwei(500)).ok();
            let expected = expected.map(|cap| Fees::Dynamic {
                fee_cap_wei: gwei(cap),
                tip_wei: gwei(tip),
            });
            assert_eq!(offered, expected, "base {base}");
        }
        let largest = FeeFacts::Dynamic {
            base_fee_wei: U256::MAX,
            tip_wei: U256::MAX,
        };
        assert!(offer(largest, gwei(500)).is_err());
        let legacy = |price| FeeFacts::Legacy {
            price_wei: gwei(price),
        };
        let price = |price| Fees::Legacy {
            price_wei: gwei(price),
        };
        assert_eq!(offer(legacy(30), gwei(500)), Ok(price(30)));
        assert!(offer(legacy(501), gwei(500)).is_err());
    }

    fn history(rewards: &[(f64, u64)]) -> FeeHistory {
        FeeHistory {
            base_fee_per_gas: vec![U256::one(); rewards.len() + 1],
            reward: Some(
                rewards
                    .iter()
                    .map(|(_, tip)| vec![U256::from(*tip)])
                    .collect(),
            ),
            gas_used_ratio: rewards.iter().map(|(ratio, _)| *ratio).collect(),
        }
    }

    #[test]
    fn the_usual_tip_is_the_median_of_blocks_that_hold_something() {
        let tip = |rewards: &[(f64, u64)], suggested: Option<u64>| {
            usual_tip(&history(rewards), suggested.map(U256::from)).as_u64()
        };
        let (low, high) = (2_000_000, 9_000_000_000);
        // One block that was bought does not move it.
        assert_eq!(tip(&[(0.5, low), (0.9, high), (0.1, low)], None), low);
        // Empty blocks have no tips, which is not a tip of zero.
        assert_eq!(tip(&[(0.0, 0), (0.0, 0), (0.2, high)], Some(5)), high);
        // An L2 whose blocks hold no tips: the least, not the 3 gwei of the usual libraries.
        assert_eq!(tip(&[(0.1, 0), (0.2, 0)], Some(high)), TIP_WEI_MIN);
        // Nothing to go by but the node's own word.
        assert_eq!(tip(&[(0.0, 0)], Some(high)), high);
        assert_eq!(tip(&[], None), TIP_WEI_MIN);
    }

    #[test]
    fn on_an_l2_with_a_tiny_base_fee_the_offer_is_tiny() {
        let base_fee_wei = U256::from(250);
        let tip_wei = usual_tip(&history(&[(0.3, 0)]), None);
        let offered = offer(
            FeeFacts::Dynamic {
                base_fee_wei,
                tip_wei,
            },
            gwei(500),
        )
        .unwrap();
        assert_eq!(offered.per_gas_wei_max(), U256::from(1_000_500));
    }

    /// Every node's rule, written as geth writes it: both fields above the old ones and at least 112.5 % of them.
    fn takes_the_place(old: Fees, new: Fees) -> bool {
        let pair = |fees: Fees| fees.cap_and_tip();
        let ((old_cap, old_tip), (new_cap, new_tip)) = (pair(old), pair(new));
        let enough = |old: U256, new: U256| new > old && new * 1000 >= old * 1125;
        enough(old_cap, new_cap) && enough(old_tip, new_tip)
    }

    #[test]
    fn a_replacement_takes_the_place_of_any_offer_and_never_passes_the_cap() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut random = fastrand::Rng::with_seed(seed);
        let mut amount = |bits: u32| U256::from(random.u64(..) >> (64 - bits));
        let (mut replaced, mut refused) = (0, 0);
        for round in 0..20_000_u32 {
            let bits = 1 + round % 60;
            let cap_wei = amount(60) + 1;
            let (a, b) = (amount(bits).min(cap_wei), amount(bits).min(cap_wei));
            let previous = if round % 3 == 0 {
                Fees::Legacy { price_wei: a }
            } else {
                Fees::Dynamic {
                    fee_cap_wei: a.max(b),
                    tip_wei: a.min(b),
                }
            };
            let facts = if round % 2 == 0 {
                FeeFacts::Dynamic {
                    base_fee_wei: amount(bits),
                    tip_wei: amount(bits),
                }
            } else {
                FeeFacts::Legacy {
                    price_wei: amount(bits),
                }
            };
            let context = format!("seed {seed} {previous:?} {facts:?} cap {cap_wei}");
            match replacement(previous, facts, cap_wei) {
                Ok(next) => {
                    replaced += 1;
                    assert!(takes_the_place(previous, next), "{context} {next:?}");
                    let (cap, tip) = next.cap_and_tip();
                    assert!(tip <= cap && cap <= cap_wei, "{context} {next:?}");
                    let wanted = facts.price_and_offer().1.min(cap_wei);
                    assert!(cap >= wanted, "{context} {next:?}");
                    assert_eq!(
                        matches!(previous, Fees::Legacy { .. }),
                        matches!(next, Fees::Legacy { .. })
                    );
                }
                // Only because an eighth more is too much.
                Err(FeeAboveCap { price_wei, .. }) => {
                    refused += 1;
                    assert_eq!(price_wei, raised(previous.per_gas_wei_max()), "{context}");
                }
            }
        }
        assert!(replaced > 1000 && refused > 100, "{replaced} {refused}");
    }
}
