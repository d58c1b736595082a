//! Which TokenManager is deployed, told from its bytecode.
//!
//! Takes code as a node gives it, gives the [`Era`] whose deploying function it has, or where the code really is when it is a proxy. Pure. The eras are those
//! of the contract's history (docs/architecture.md): the function changed its parameters, and so its selector, several times.

use super::Address;

/// A TokenManager by the function that deploys. All of them know models by text and leave the same `TokenDeployed` log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Era {
    /// Since 2026-04-28: two allocations, a recipient, parameters with vesting. What is deployed on mainnet.
    Allocations,
    /// Since 2026-04-28, where the former is missing: one supply, no recipient, parameters with vesting.
    Params,
    /// 2026-04-02 to 2026-04-27: two allocations, a recipient, parameters without vesting or oracle price.
    EarlyAllocations,
    /// 2025-09-18 to 2026-04-27: one supply, no recipient, no parameters.
    Plain,
}

/// Newest first: a contract that has several of the functions is used by the newest.
pub const ERAS: [Era; 4] = [
    Era::Allocations,
    Era::Params,
    Era::EarlyAllocations,
    Era::Plain,
];

/// Deploying functions that are known and not used, and why.
pub const UNUSED: [(Selector, &str); 2] = [
    (
        [0x3a, 0x93, 0xba, 0xbb],
        "deployToken(string,string,uint256) of 2025-09-11, which knows models by number",
    ),
    (
        [0xe1, 0x4d, 0xfd, 0x01],
        "deployTokenWithParams with five parameters, one of which changed its meaning under the same selector",
    ),
];

/// The first four bytes of a function's hash.
pub type Selector = [u8; 4];

/// What is at an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// A TokenManager.
    Manager(Era),
    /// A minimal proxy (EIP-1167 or EIP-7511) of the code at this address.
    MinimalProxy(Address),
    /// Something else: perhaps a proxy that names its code in storage (EIP-1967).
    Other {
        /// The deploying function it has, if it is one of [`UNUSED`].
        unused: Option<&'static str>,
    },
}

impl Era {
    /// The deploying function.
    pub fn signature(self) -> &'static str {
        match self {
            Self::Allocations => {
                "deployTokenWithAllocations(string,string,string,uint256,address,uint256,(uint256,uint16,uint256,bytes32,string,address,(bool,uint16,uint64,uint64)))"
            }
            Self::Params => {
                "deployTokenWithParams(string,string,string,uint256,(uint256,uint16,uint256,bytes32,string,address,(bool,uint16,uint64,uint64)))"
            }
            Self::EarlyAllocations => {
                "deployTokenWithAllocations(string,string,string,uint256,address,uint256,(uint256,uint16,bytes32,string,address))"
            }
            Self::Plain => "deployToken(string,string,string,uint256)",
        }
    }

    /// Its selector.
    pub fn selector(self) -> Selector {
        match self {
            Self::Allocations => [0xcb, 0xb1, 0x03, 0x6c],
            Self::Params => [0x7b, 0x17, 0xaf, 0x35],
            Self::EarlyAllocations => [0xeb, 0xc8, 0x12, 0xc3],
            Self::Plain => [0xa1, 0xc9, 0x97, 0x3a],
        }
    }

    /// Whether the recipient of a request can be told to the contract. Otherwise the whole supply goes where the contract puts it.
    pub fn takes_recipient(self) -> bool {
        match self {
            Self::Allocations | Self::EarlyAllocations => true,
            Self::Params | Self::Plain => false,
        }
    }
}

/// What this code is. Empty code is [`Found::Other`].
pub fn recognise(code: &[u8]) -> Found {
    if let Some(target) = minimal_proxy(code) {
        return Found::MinimalProxy(target);
    }
    let compared = compared_selectors(code);
    match ERAS.iter().find(|era| compared.contains(&era.selector())) {
        Some(era) => Found::Manager(*era),
        None => Found::Other {
            unused: UNUSED
                .iter()
                .find(|(selector, _)| compared.contains(selector))
                .map(|(_, what)| *what),
        },
    }
}

/// The selectors that the code compares its caller's with: four bytes pushed, and compared within two instructions, as compilers dispatch. A
/// selector that is merely called (pushed and shifted) is not among them.
fn compared_selectors(code: &[u8]) -> Vec<Selector> {
    const PUSH1: u8 = 0x60;
    const PUSH4: u8 = 0x63;
    const PUSH32: u8 = 0x7f;
    let is_compare = |opcode: u8| matches!(opcode, 0x03 | 0x14 | 0x18); // SUB, EQ, XOR
    let is_shuffle = |opcode: u8| matches!(opcode, 0x80..=0x9f); // DUPn, SWAPn
    let mut selectors = Vec::new();
    let mut at = 0;
    while let Some(&opcode) = code.get(at) {
        let pushed = match opcode {
            PUSH1..=PUSH32 => usize::from(opcode - PUSH1) + 1,
            _ => 0,
        };
        let next = at + 1 + pushed;
        if opcode == PUSH4
            && let Some(selector) = code
                .get(at + 1..next)
                .and_then(|bytes| Selector::try_from(bytes).ok())
        {
            let after = code.get(next).copied().unwrap_or_default();
            let then = code.get(next + 1).copied().unwrap_or_default();
            if is_compare(after) || (is_shuffle(after) && is_compare(then)) {
                selectors.push(selector);
            }
        }
        at = next;
    }
    selectors
}

fn minimal_proxy(code: &[u8]) -> Option<Address> {
    const FORMS: [(&[u8], &[u8]); 2] = [
        // EIP-1167
        (
            &[0x36, 0x3d, 0x3d, 0x37, 0x3d, 0x3d, 0x3d, 0x36, 0x3d, 0x73],
            &[
                0x5a, 0xf4, 0x3d, 0x82, 0x80, 0x3e, 0x90, 0x3d, 0x91, 0x60, 0x2b, 0x57, 0xfd, 0x5b,
                0xf3,
            ],
        ),
        // EIP-7511, with PUSH0
        (
            &[0x36, 0x5f, 0x5f, 0x37, 0x5f, 0x5f, 0x36, 0x5f, 0x73],
            &[
                0x5a, 0xf4, 0x3d, 0x5f, 0x5f, 0x3e, 0x5f, 0x3d, 0x91, 0x60, 0x2a, 0x57, 0xfd, 0x5b,
                0xf3,
            ],
        ),
    ];
    FORMS.iter().find_map(|(head, tail)| {
        let target = code.strip_prefix(*head)?.strip_suffix(*tail)?;
        (target.len() == 20).then(|| Address::from_slice(target))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use ethers::utils::id;

    #[test]
    fn every_selector_is_that_of_its_signature() {
        for era in ERAS {
            assert_eq!(id(era.signature()), era.selector(), "{era:?}");
        }
        let numbered = "deployToken(string,string,uint256)";
        assert_eq!(id(numbered), UNUSED[0].0);
        let five = "deployTokenWithParams(string,string,string,uint256,(uint256,uint16,bytes32,string,address))";
        assert_eq!(id(five), UNUSED[1].0);
    }

    fn push4(selector: Selector, rest: &[u8]) -> Vec<u8> {
        [&[0x80, 0x63], selector.as_slice(), rest].concat()
    }

    #[test]
    fn a_function_counts_where_it_is_dispatched_and_not_where_it_is_called_or_lies_in_data() {
        let current = Era::Allocations.selector();
        let manager = Found::Manager(Era::Allocations);
        let other = Found::Other { unused: None };
        // EQ, DUP2 EQ, SUB, XOR.
        for compare in [&[0x14_u8][..], &[0x81, 0x14], &[0x03], &[0x18]] {
            assert_eq!(recognise(&push4(current, compare)), manager);
        }
        // Pushed, shifted left and called.
        assert_eq!(recognise(&push4(current, &[0x60, 0xe0, 0x1b])), other);
        // The same bytes inside a longer constant.
        let inside = [&[0x7f, 0x63], current.as_slice(), &[0x14; 27]].concat();
        assert_eq!(recognise(&inside), other);
        // The newest of several; and cut off in the middle.
        let both = [
            push4(Era::Plain.selector(), &[0x14]),
            push4(current, &[0x14]),
        ]
        .concat();
        assert_eq!(recognise(&both), manager);
        assert_eq!(
            recognise(&push4(Era::Plain.selector(), &[0x14])),
            Found::Manager(Era::Plain)
        );
        assert_eq!(recognise(&[0x63, 0xcb]), other);
        assert_eq!(recognise(&[]), other);
    }

    #[test]
    fn known_functions_that_are_not_used_are_named() {
        for (selector, what) in UNUSED {
            let found = recognise(&push4(selector, &[0x14]));
            assert_eq!(found, Found::Other { unused: Some(what) });
        }
    }

    #[test]
    fn minimal_proxies_name_their_code() {
        let target = Address::repeat_byte(0xab);
        let inner = hex::encode(target);
        for form in [
            format!("363d3d373d3d3d363d73{inner}5af43d82803e903d91602b57fd5bf3"),
            format!("365f5f375f5f365f73{inner}5af43d5f5f3e5f3d91602a57fd5bf3"),
        ] {
            let code = hex::decode(&form).unwrap();
            assert_eq!(recognise(&code), Found::MinimalProxy(target));
            let other = Found::Other { unused: None };
            assert_eq!(recognise(&code[..code.len() - 1]), other, "{form}");
        }
    }
}
