//! What a token is made with: how much of it, for whom, and the parameters the contract asks for.
//!
//! Takes the configured policy and a requested supply, gives the two allocations. Exact integer arithmetic in the
//! token's smallest unit (10⁻¹⁸ of a token, "wei"). The bounds are those of the contract (`HokusaiParams`), so that what is configured can be
//! deployed. Pure.

use super::chain::{Address, H256, U256};
use serde::{Deserialize, Serialize};

/// A token has 18 decimals.
const DECIMALS: usize = 18;

/// The largest amount there can be, so that the product of two of them fits 256 bits.
const AMOUNT_BITS_MAX: usize = 127;

/// An amount of tokens in their smallest unit, at most 2^127: it is not wei of the chain's coin, and not whole tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "U256", into = "U256")]
pub struct TokenWei(U256);

/// Hundredths of a per cent, 0 to 10000.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bps(u16);

/// What the contract allows `tokens_per_delta_one_wei` to be: 100 to 10,000,000 tokens. It multiplies values up to 10⁷ by 10¹⁸ itself, a trap for amounts
/// given in tokens, which these bounds exclude.
pub const TOKENS_PER_DELTA_ONE: std::ops::RangeInclusive<TokenWei> =
    TokenWei::tokens(100)..=TokenWei::tokens(10_000_000);
/// What the contract allows `infrastructure_accrual_bps` to be.
pub const INFRASTRUCTURE_ACCRUAL: std::ops::RangeInclusive<Bps> = Bps(1000)..=Bps::WHOLE;
/// The most that the contract allows `oracle_price_per_thousand_usd` to be.
pub const ORACLE_PRICE_MAX: u64 = 1_000_000_000_000;

/// The policy every token is launched with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Economics {
    /// The supplier's part when no supply is asked for.
    pub supplier_wei: TokenWei,
    /// The investors' part when no supply is asked for.
    pub investor_wei: TokenWei,
    /// The most a request may ask for in total.
    pub supply_wei_max: TokenWei,
    /// Tokens minted per point of model improvement, within [`TOKENS_PER_DELTA_ONE`].
    pub tokens_per_delta_one_wei: TokenWei,
    /// Share of revenue kept for infrastructure, within [`INFRASTRUCTURE_ACCRUAL`].
    pub infrastructure_accrual_bps: Bps,
    /// The first oracle price, in millionths of a US dollar as the contract reads it; at most [`ORACLE_PRICE_MAX`].
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
        /// The part released at once.
        immediate_bps: Bps,
        /// Until all is released.
        duration_seconds: u64,
        /// Before the linear part begins.
        cliff_seconds: u64,
    },
}

/// What one token starts with. Both parts are above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allocations {
    /// For the recipient named in the request.
    pub supplier_wei: TokenWei,
    /// For investors, held by the contract.
    pub investor_wei: TokenWei,
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

impl TokenWei {
    /// `None` above 2^127.
    pub fn new(wei: U256) -> Option<Self> {
        (wei.bits() <= AMOUNT_BITS_MAX).then_some(Self(wei))
    }

    /// So many whole tokens.
    pub const fn tokens(tokens: u32) -> Self {
        // U256's multiplication is not const; 10^18 · 2^32 fits two of its four words.
        let wei = tokens as u128 * 1_000_000_000_000_000_000;
        Self(U256([wei as u64, (wei >> 64) as u64, 0, 0]))
    }

    /// The number, for arithmetic and for the contract.
    pub fn get(self) -> U256 {
        self.0
    }
}

impl From<TokenWei> for U256 {
    fn from(amount: TokenWei) -> Self {
        amount.0
    }
}

impl TryFrom<U256> for TokenWei {
    type Error = &'static str;

    fn try_from(wei: U256) -> Result<Self, Self::Error> {
        Self::new(wei).ok_or("more than 2^127")
    }
}

impl Bps {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// All of it.
    pub const WHOLE: Self = Self(10_000);

    /// `None` above 10000.
    pub fn new(bps: u16) -> Option<Self> {
        Some(Self(bps)).filter(|bps| *bps <= Self::WHOLE)
    }

    /// The number, for the contract.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl Economics {
    /// Divides a supply in the configured proportion; the supplier's part is rounded down and the investors' part is the
    /// rest, so that the sum is exact. No supply means the configured amounts.
    ///
    /// # Errors
    /// [`SupplyProblem::TooLarge`] beyond the maximum, [`SupplyProblem::TooSmall`] when a part would be zero.
    pub fn allocations(&self, supply_wei: Option<TokenWei>) -> Result<Allocations, SupplyProblem> {
        let Some(supply) = supply_wei else {
            return Ok(Allocations {
                supplier_wei: self.supplier_wei,
                investor_wei: self.investor_wei,
            });
        };
        if supply > self.supply_wei_max {
            return Err(SupplyProblem::TooLarge);
        }
        // Each factor is below 2^128, so nothing overflows.
        let whole = self.supplier_wei.0 + self.investor_wei.0;
        let supplier_wei = (supply.0 * self.supplier_wei.0)
            .checked_div(whole)
            .ok_or(SupplyProblem::TooSmall)?;
        let investor_wei = supply.0 - supplier_wei;
        if supplier_wei.is_zero() || investor_wei.is_zero() {
            return Err(SupplyProblem::TooSmall);
        }
        Ok(Allocations {
            supplier_wei: TokenWei(supplier_wei),
            investor_wei: TokenWei(investor_wei),
        })
    }
}

/// Tokens as people write them (`"12.5"`) into wei.
///
/// # Errors
/// [`SupplyProblem::NotDecimal`], [`SupplyProblem::TooFine`] or [`SupplyProblem::TooLarge`].
pub fn parse_tokens(text: &str) -> Result<TokenWei, SupplyProblem> {
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
        return Ok(TokenWei(U256::zero()));
    }
    // An overflow of 256 bits is as much too large as 2^127.
    U256::from_dec_str(significant)
        .ok()
        .and_then(TokenWei::new)
        .ok_or(SupplyProblem::TooLarge)
}

/// Wei as people write tokens: no trailing zeros, no point when whole.
pub fn print_tokens(amount: TokenWei) -> String {
    let (whole, fraction) = amount.0.div_mod(U256::exp10(DECIMALS));
    let text = format!("{whole}.{:0>DECIMALS$}", fraction.to_string());
    text.trim_end_matches('0').trim_end_matches('.').to_string()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wei(wei: u64) -> TokenWei {
        TokenWei(U256::from(wei))
    }

    fn economics(supplier: u64, investor: u64, max: u64) -> Economics {
        Economics {
            supplier_wei: wei(supplier),
            investor_wei: wei(investor),
            supply_wei_max: wei(max),
            tokens_per_delta_one_wei: TokenWei::tokens(5000),
            infrastructure_accrual_bps: Bps(8000),
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
                Ok(TokenWei(U256::from_dec_str(wei).unwrap())),
                "{text}"
            );
        }
        assert_eq!(print_tokens(parse_tokens("12500000").unwrap()), "12500000");
        assert_eq!(print_tokens(parse_tokens("0.050").unwrap()), "0.05");
        assert_eq!(print_tokens(wei(0)), "0");
        assert_eq!(print_tokens(TokenWei::tokens(u32::MAX)), "4294967295");
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
            let parts = policy.allocations(Some(wei(supply))).unwrap();
            assert_eq!(parts.supplier_wei, wei(supply / 5));
            assert_eq!(parts.investor_wei, wei(supply - supply / 5));
        }
        assert_eq!(
            policy.allocations(Some(wei(4))),
            Err(SupplyProblem::TooSmall)
        );
        assert_eq!(
            policy.allocations(Some(wei(1_000_001))),
            Err(SupplyProblem::TooLarge)
        );
    }

    #[test]
    fn no_supply_means_the_configured_amounts() {
        let parts = economics(25, 100, 1).allocations(None).unwrap();
        assert_eq!(
            (parts.supplier_wei, parts.investor_wei),
            (wei(25), wei(100))
        );
    }
}
