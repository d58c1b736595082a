//! The part of the TokenManager's interface that is used, as bytes.
//!
//! Takes our types, gives call data; takes returned data and logs, gives our types. Pure. The selectors and the event's topic are
//! computed from the signatures and compared with the deployed contract's in the tests.

use super::era::Era;
use super::{Address, H256, Log, U256};
use crate::deployment::economics::{Allocations, Bps, Economics, Vesting};
use crate::deployment::request::{DeploymentRequest, ModelId};
use ethers::abi::{ParamType, Token, decode, encode};
use ethers::utils::{id, keccak256};

const TOKEN_DEPLOYED: &str = "TokenDeployed(string,address,address,string,string,uint256)";

const REGISTER: &str = "registerModel(uint256,address,string)";

/// Call data of the deployment, for the TokenManager of this era.
///
/// Where it takes one supply, that is the sum of the allocations; where it takes no recipient, the contract decides who gets it.
pub fn deploy_call(
    era: Era,
    request: &DeploymentRequest,
    allocations: Allocations,
    economics: &Economics,
) -> Vec<u8> {
    let Allocations {
        supplier_wei,
        investor_wei,
    } = allocations;
    let mut arguments = vec![
        Token::String(request.model_id.as_str().into()),
        Token::String(request.token_name.as_str().into()),
        Token::String(request.token_symbol.as_str().into()),
    ];
    let supply = Token::Uint(supplier_wei.get() + investor_wei.get());
    let split = [
        Token::Uint(supplier_wei.get()),
        Token::Address(request.recipient),
        Token::Uint(investor_wei.get()),
    ];
    match era {
        Era::Allocations => {
            arguments.extend(split);
            arguments.push(parameters(economics));
        }
        Era::Params => arguments.extend([supply, parameters(economics)]),
        Era::EarlyAllocations => {
            arguments.extend(split);
            arguments.push(early_parameters(economics));
        }
        Era::Plain => arguments.push(supply),
    }
    call(era.signature(), &arguments)
}

fn parameters(economics: &Economics) -> Token {
    // The contract refuses disabled vesting with a duration or a cliff, and takes an all-zero vesting for its own default.
    let vesting = match economics.vesting {
        Vesting::Immediate => (false, Bps::WHOLE, 0, 0),
        Vesting::Linear {
            immediate_bps,
            duration_seconds,
            cliff_seconds,
        } => (true, immediate_bps, duration_seconds, cliff_seconds),
    };
    Token::Tuple(vec![
        Token::Uint(economics.tokens_per_delta_one_wei.get()),
        Token::Uint(economics.infrastructure_accrual_bps.get().into()),
        Token::Uint(economics.oracle_price_per_thousand_usd),
        Token::FixedBytes(economics.license_hash.as_bytes().to_vec()),
        Token::String(economics.license_uri.clone()),
        Token::Address(economics.governor),
        Token::Tuple(vec![
            Token::Bool(vesting.0),
            Token::Uint(vesting.1.get().into()),
            Token::Uint(vesting.2.into()),
            Token::Uint(vesting.3.into()),
        ]),
    ])
}

fn early_parameters(economics: &Economics) -> Token {
    Token::Tuple(vec![
        Token::Uint(economics.tokens_per_delta_one_wei.get()),
        Token::Uint(economics.infrastructure_accrual_bps.get().into()),
        Token::FixedBytes(economics.license_hash.as_bytes().to_vec()),
        Token::String(economics.license_uri.clone()),
        Token::Address(economics.governor),
    ])
}

/// Call data of `modelTokens(string)`: the model's token, zero if it has none.
pub fn model_tokens_call(model: &ModelId) -> Vec<u8> {
    call(
        "modelTokens(string)",
        &[Token::String(model.as_str().into())],
    )
}

/// Call data of `deploymentFee()`, in wei.
pub fn deployment_fee_call() -> Vec<u8> {
    call("deploymentFee()", &[])
}

/// Call data of a beacon's `implementation()`.
pub fn implementation_call() -> Vec<u8> {
    call("implementation()", &[])
}

/// Call data of `ModelRegistry.isRegistered(uint256)`.
pub fn is_registered_call(id: U256) -> Vec<u8> {
    call("isRegistered(uint256)", &[Token::Uint(id)])
}

/// Call data of `ModelRegistry.getTokenAddress(uint256)`, which reverts for what is not registered.
pub fn registered_token_call(id: U256) -> Vec<u8> {
    call("getTokenAddress(uint256)", &[Token::Uint(id)])
}

/// Call data of OpenZeppelin's `hasRole(bytes32,address)`.
pub fn has_role_call(role: &str, account: Address) -> Vec<u8> {
    let role = Token::FixedBytes(keccak256(role).to_vec());
    call("hasRole(bytes32,address)", &[role, Token::Address(account)])
}

/// Call data of `owner()`.
pub fn owner_call() -> Vec<u8> {
    call("owner()", &[])
}

/// Call data of `ModelRegistry.registerModel(uint256,address,string)`, for its owner only.
pub fn register_call(id: U256, token: Address, metric: &str) -> Vec<u8> {
    call(
        REGISTER,
        &[
            Token::Uint(id),
            Token::Address(token),
            Token::String(metric.into()),
        ],
    )
}

/// The first topic of the log that a deployment leaves.
pub fn token_deployed_topic() -> H256 {
    keccak256(TOKEN_DEPLOYED).into()
}

/// A model as that log names it.
pub fn model_topic(model: &ModelId) -> H256 {
    keccak256(model.as_str()).into()
}

fn call(signature: &str, arguments: &[Token]) -> Vec<u8> {
    let mut data = id(signature).to_vec();
    data.extend(encode(arguments));
    data
}

/// An `address` return value; `None` when it is not one.
pub fn read_address(data: &[u8]) -> Option<Address> {
    decode(&[ParamType::Address], data)
        .ok()?
        .pop()?
        .into_address()
}

/// A `uint256` return value; `None` when it is not one.
pub fn read_uint(data: &[u8]) -> Option<U256> {
    decode(&[ParamType::Uint(256)], data)
        .ok()?
        .pop()?
        .into_uint()
}

/// The token made for `model` by `deployer`, if one of the logs says so and the manager itself wrote it.
///
/// All of it is compared, since any contract can write a log that looks like this one.
pub fn deployed_token(
    logs: &[Log],
    manager: Address,
    model: &ModelId,
    deployer: Address,
) -> Option<Address> {
    let event = token_deployed_topic();
    let model = model_topic(model);
    logs.iter()
        .filter(|log| log.address == manager)
        .find_map(|log| match log.topics.as_slice() {
            [topic, log_model, token, log_deployer]
                if *topic == event
                    && *log_model == model
                    && *log_deployer == H256::from(deployer) =>
            {
                Some(Address::from(*token)).filter(|token| !token.is_zero())
            }
            _ => None,
        })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn selectors_and_topic_are_those_of_the_deployed_contract() {
        assert_eq!(hex::encode(id("modelTokens(string)")), "89a2e605");
        assert_eq!(hex::encode(id("deploymentFee()")), "f2cff57f");
        assert_eq!(hex::encode(id(REGISTER)), "0a394c46");
        assert_eq!(hex::encode(id("getTokenAddress(uint256)")), "67ccdf38");
        assert_eq!(
            hex::encode(keccak256(TOKEN_DEPLOYED)),
            "8bc86e2085f2cb40fd388378b4717f9fe8a5ad8d2b05643adeda5662f1eb59a3"
        );
    }

    #[test]
    fn only_the_managers_own_log_for_this_model_and_deployer_counts() {
        let model = ModelId::try_from("m-1".to_string()).unwrap();
        let (manager, token, us) = (
            Address::repeat_byte(1),
            Address::repeat_byte(2),
            Address::repeat_byte(3),
        );
        let genuine = Log {
            address: manager,
            topics: vec![
                keccak256(TOKEN_DEPLOYED).into(),
                keccak256("m-1").into(),
                token.into(),
                us.into(),
            ],
        };
        let found = |log: &Log| deployed_token(std::slice::from_ref(log), manager, &model, us);
        assert_eq!(found(&genuine), Some(token));

        let mut forgeries = vec![Log {
            address: token,
            ..genuine.clone()
        }];
        for topic in 0..4 {
            let mut topics = genuine.topics.clone();
            topics[topic] = H256::zero();
            forgeries.push(Log {
                topics,
                ..genuine.clone()
            });
        }
        forgeries.push(Log {
            topics: genuine.topics[..3].to_vec(),
            ..genuine.clone()
        });
        for forgery in &forgeries {
            assert_eq!(found(forgery), None, "{forgery:?}");
        }
    }
}
