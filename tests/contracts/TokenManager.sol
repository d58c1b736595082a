// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HokusaiToken} from "./HokusaiToken.sol";

error EmptyString(string context);
error ZeroAddress(string context);
error InvalidAmount(string context);

struct VestingConfig {
    bool enabled;
    uint16 immediateUnlockBps;
    uint64 vestingDurationSeconds;
    uint64 cliffSeconds;
}

struct InitialParams {
    uint256 tokensPerDeltaOne;
    uint16 infrastructureAccrualBps;
    uint256 initialOraclePricePerThousandUsd;
    bytes32 licenseHash;
    string licenseURI;
    address governor;
    VestingConfig vestingConfig;
}

/// The TokenManager's current interface (selector 0xcbb1036c) with the checks that decide whether a deployment goes through.
/// As in the real one, anybody may deploy and a model has one token for ever.
contract TokenManager {
    address public immutable registry;
    address public immutable owner;
    uint256 public deploymentFee;

    mapping(string => address) public modelTokens;
    mapping(address => string) public tokenToModel;
    /// What each token was made with, so that tests can read it back.
    mapping(string => InitialParams) private paramsOf;

    event TokenDeployed(
        string indexed modelId,
        address indexed tokenAddress,
        address indexed deployer,
        string name,
        string symbol,
        uint256 totalSupply
    );

    constructor(address registry_) {
        if (registry_ == address(0)) revert ZeroAddress("registry");
        registry = registry_;
        owner = msg.sender;
    }

    function setDeploymentFee(uint256 fee) external {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        deploymentFee = fee;
    }

    function deployTokenWithAllocations(
        string calldata modelId,
        string calldata name,
        string calldata symbol,
        uint256 modelSupplierAllocation,
        address modelSupplierRecipient,
        uint256 investorAllocation,
        InitialParams calldata params
    ) external payable returns (address) {
        if (bytes(modelId).length == 0) revert EmptyString("model ID");
        if (bytes(name).length == 0) revert EmptyString("token name");
        if (bytes(symbol).length == 0) revert EmptyString("token symbol");
        if (modelSupplierAllocation == 0) revert InvalidAmount("model supplier allocation");
        if (modelSupplierRecipient == address(0)) revert ZeroAddress("model supplier recipient");
        if (investorAllocation == 0) revert InvalidAmount("investor allocation");
        require(modelTokens[modelId] == address(0), "Token already deployed for this model");
        require(msg.value >= deploymentFee, "Insufficient deployment fee");
        checkParams(params);

        HokusaiToken token = new HokusaiToken(
            name, symbol, params.governor, modelSupplierRecipient, modelSupplierAllocation, investorAllocation
        );
        modelTokens[modelId] = address(token);
        tokenToModel[address(token)] = modelId;
        paramsOf[modelId] = params;
        emit TokenDeployed(
            modelId, address(token), msg.sender, name, symbol, modelSupplierAllocation + investorAllocation
        );
        if (msg.value > deploymentFee) {
            (bool refunded,) = msg.sender.call{value: msg.value - deploymentFee}("");
            require(refunded, "Refund failed");
        }
        return address(token);
    }

    function getTokenAddress(string calldata modelId) external view returns (address) {
        require(modelTokens[modelId] != address(0), "Token not deployed for this model");
        return modelTokens[modelId];
    }

    function hasToken(string calldata modelId) external view returns (bool) {
        return modelTokens[modelId] != address(0);
    }

    function modelParams(string calldata modelId) external view returns (InitialParams memory) {
        return paramsOf[modelId];
    }

    /// The bounds of the real HokusaiParams.
    function checkParams(InitialParams calldata params) private pure {
        if (params.governor == address(0)) revert ZeroAddress("governor");
        if (params.tokensPerDeltaOne < 100e18 || params.tokensPerDeltaOne > 10_000_000e18) {
            revert InvalidAmount("tokens per delta one");
        }
        if (params.infrastructureAccrualBps < 1000 || params.infrastructureAccrualBps > 10_000) {
            revert InvalidAmount("infrastructure accrual");
        }
        if (params.initialOraclePricePerThousandUsd > 1e12) revert InvalidAmount("oracle price");
        VestingConfig calldata vesting = params.vestingConfig;
        if (vesting.immediateUnlockBps > 10_000) revert InvalidAmount("immediate unlock");
        if (!vesting.enabled && (vesting.vestingDurationSeconds != 0 || vesting.cliffSeconds != 0)) {
            revert InvalidAmount("vesting");
        }
        if (vesting.enabled && (vesting.vestingDurationSeconds == 0 || vesting.cliffSeconds > vesting.vestingDurationSeconds)) {
            revert InvalidAmount("vesting");
        }
    }
}
