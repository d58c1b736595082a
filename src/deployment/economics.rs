//! What a token is made with: how much of it, for whom, and the parameters the contract asks for.
//!
//! Takes the configured policy and a requested supply, gives the two allocations. Exact integer arithmetic in the
//! token's smallest unit (10⁻¹⁸ of a token, "wei"). Pure.

use super::chain::{Address, H256, U256};

/// A token has 18 decimals.
const DECIMALS: usize = 18;

/// The largest amount accepted anywhere, so that the product of two of them fits 256 bits.
const AMOUNT_BITS_MAX: usize = 127;

/// The policy every token is launched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Economics {
    /// The supplier's part when no supply is asked for, in wei.
    pub supplier_wei: U256,
    /// The investors' part when no supply is asked for, in wei.
    pub investor_wei: U256,
    /// The most a request may ask for in total, in wei.
    pub supply_wei_max: U256,
    /// Tokens minted per point of model improvement, in wei.
    pub tokens_per_delta_one_wei: U256,
    /// Share of revenue kept for infrastructure, in basis points.
    pub infrastructure_accrual_bps: u16,
    /// The first oracle price, in millionths of a US dollar as the contract reads it.
    pub oracle_price_per_thousand_usd: U256,
    /// Hash of the model's licence.
    pub license_hash: H256,
    /// Where the licence is.
    pub license_uri: String,
    /// Who may change the parameters later; never zero.
    pub governor: Address,
    /// How the supplier's part is released.
    pub vesting: Vesting,
}

/// How the supplier's part is released.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vesting {
    /// All at once.
    Immediate,
    /// A part at once, the rest linearly.
    Linear {
        /// The part released at once, in basis points.
        immediate_bps: u16,
        /// Until all is released.
        duration_seconds: u64,
        /// Before the linear part begins.
        cliff_seconds: u64,
    },
}

/// What one token starts with, in wei. Both parts are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocations {
    /// For the recipient named in the request.
    pub supplier_wei: U256,
    /// For investors, held by the contract.
    pub investor_wei: U256,
}

/// Why a supply cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SupplyProblem {
    /// Not digits with at most one point between them.
    #[error("must be a valid decimal number as string")]
    NotDecimal,
    /// More than 18 digits after the point.
    #[error("must have at most {DECIMALS} decimal places")]
    TooFine,
    /// Beyond the configured maximum, or beyond what can be calculated with.
    #[error("exceeds the maximum")]
    TooLarge,
    /// So small that one of the two parts would be zero.
    #[error("is too small to be divided into its allocations")]
    TooSmall,
}

impl Economics {
    /// Divides a supply in the configured proportion; the supplier's part is rounded down and the investors' part is the
    /// rest, so that the sum is exact. No supply means the configured amounts.
    ///
    /// # Errors
    /// [`SupplyProblem::TooLarge`] beyond the maximum, [`SupplyProblem::TooSmall`] when a part would be zero.
    pub fn allocations(&self, supply_wei: Option<U256>) -> Result<Allocations, SupplyProblem> {
        let Some(supply) = supply_wei else {
            return Ok(Allocations {
                supplier_wei: self.supplier_wei,
                investor_wei: self.investor_wei,
            });
        };
        if supply > self.supply_wei_max {
            return Err(SupplyProblem::TooLarge);
        }
        let whole = self.supplier_wei + self.investor_wei;
        let supplier_wei = supply
            .checked_mul(self.supplier_wei)
            .and_then(|product| product.checked_div(whole))
            .ok_or(SupplyProblem::TooLarge)?;
        let investor_wei = supply - supplier_wei;
        if supplier_wei.is_zero() || investor_wei.is_zero() {
            return Err(SupplyProblem::TooSmall);
        }
        Ok(Allocations {
            supplier_wei,
            investor_wei,
        })
    }
}

/// Whether an amount is small enough to be calculated with exactly.
pub fn is_calculable(amount: U256) -> bool {
    amount.bits() <= AMOUNT_BITS_MAX
}

/// Tokens as people write them (`"12.5"`) into wei.
///
/// # Errors
/// [`SupplyProblem::NotDecimal`], [`SupplyProblem::TooFine`] or [`SupplyProblem::TooLarge`].
pub fn parse_tokens(text: &str) -> Result<U256, SupplyProblem> {
    let (whole, fraction) = match text.split_once('.') {
        Some((whole, fraction)) if !fraction.is_empty() => (whole, fraction),
        Some(_) => return Err(SupplyProblem::NotDecimal),
        None => (text, ""),
    };
    if whole.is_empty()
        || !whole
            .bytes()
            .chain(fraction.bytes())
            .all(|byte| byte.is_ascii_digit())
    {
        return Err(SupplyProblem::NotDecimal);
    }
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > DECIMALS {
        return Err(SupplyProblem::TooFine);
    }
    let digits = format!("{whole}{fraction:0<DECIMALS$}");
    let significant = digits.trim_start_matches('0');
    if significant.is_empty() {
        return Ok(U256::zero());
    }
    // An overflow of 256 bits is as much too large as what is_calculable refuses.
    let amount = U256::from_dec_str(significant).map_err(|_| SupplyProblem::TooLarge)?;
    if is_calculable(amount) {
        Ok(amount)
    } else {
        Err(SupplyProblem::TooLarge)
    }
}

/// Wei as people write tokens: no trailing zeros, no point when whole.
pub fn print_tokens(wei: U256) -> String {
    let unit = U256::exp10(DECIMALS);
    let fraction = format!("{:0>DECIMALS$}", (wei % unit).to_string());
    let text = format!("{}.{fraction}", wei / unit);
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn economics(supplier: u64, investor: u64, max: u64) -> Economics {
        Economics {
            supplier_wei: U256::from(supplier),
            investor_wei: U256::from(investor),
            supply_wei_max: U256::from(max),
            tokens_per_delta_one_wei: U256::one(),
            infrastructure_accrual_bps: 8000,
            oracle_price_per_thousand_usd: U256::zero(),
            license_hash: H256::zero(),
            license_uri: String::new(),
            governor: Address::repeat_byte(1),
            vesting: Vesting::Immediate,
        }
    }

    #[test]
    fn amounts_are_read_and_written_exactly() {
        for (text, wei) in [
            ("0", "0"),
            ("0.0", "0"),
            ("00012", "12000000000000000000"),
            ("1.5", "1500000000000000000"),
            ("0.000000000000000001", "1"),
            ("1.500000000000000000000000", "1500000000000000000"),
            ("12500000", "12500000000000000000000000"),
        ] {
            assert_eq!(
                parse_tokens(text),
                Ok(U256::from_dec_str(wei).unwrap()),
                "{text}"
            );
        }
        assert_eq!(print_tokens(parse_tokens("12500000").unwrap()), "12500000");
        assert_eq!(print_tokens(parse_tokens("0.050").unwrap()), "0.05");
        assert_eq!(print_tokens(U256::zero()), "0");
    }

    #[test]
    fn what_is_not_an_amount_is_refused() {
        for text in [
            "", ".", "1.", ".5", "-1", "+1", "1e3", "1_000", "0x10", "1.2.3", " 1", "١",
        ] {
            assert_eq!(parse_tokens(text), Err(SupplyProblem::NotDecimal), "{text}");
        }
        assert_eq!(
            parse_tokens("0.0000000000000000001"),
            Err(SupplyProblem::TooFine)
        );
        assert_eq!(
            parse_tokens(&"9".repeat(10_000)),
            Err(SupplyProblem::TooLarge)
        );
    }

    #[test]
    fn a_requested_supply_is_divided_exactly() {
        let policy = economics(25, 100, 1_000_000);
        for supply in [5_u64, 7, 999, 1_000_000] {
            let parts = policy.allocations(Some(U256::from(supply))).unwrap();
            assert_eq!(parts.supplier_wei + parts.investor_wei, U256::from(supply));
            assert_eq!(parts.supplier_wei, U256::from(supply / 5));
        }
        assert_eq!(
            policy.allocations(Some(U256::from(4))),
            Err(SupplyProblem::TooSmall)
        );
        assert_eq!(
            policy.allocations(Some(U256::from(1_000_001))),
            Err(SupplyProblem::TooLarge)
        );
    }

    #[test]
    fn no_supply_means_the_configured_amounts() {
        let parts = economics(25, 100, 1).allocations(None).unwrap();
        assert_eq!(
            (parts.supplier_wei, parts.investor_wei),
            (U256::from(25), U256::from(100))
        );
    }
}
