// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {HokusaiToken} from "./HokusaiToken.sol";
import {InitialParams} from "./TokenManager.sol";

/// What the TokenManagers before the current one have in common. Anybody may deploy and a model has one token for ever.
abstract contract Early {
    uint256 public deploymentFee;
    mapping(string => address) public modelTokens;

    event TokenDeployed(
        string indexed modelId,
        address indexed tokenAddress,
        address indexed deployer,
        string name,
        string symbol,
        uint256 totalSupply
    );

    function hasToken(string calldata modelId) external view returns (bool) {
        return modelTokens[modelId] != address(0);
    }

    /// `supplier` of the supply goes to `recipient`, the rest to this contract.
    function make(
        string calldata modelId,
        string calldata name,
        string calldata symbol,
        address governor,
        address recipient,
        uint256 supplier,
        uint256 investor
    ) internal returns (address) {
        require(bytes(modelId).length > 0 && bytes(name).length > 0 && bytes(symbol).length > 0, "Empty text");
        require(supplier + investor > 0, "No supply");
        require(modelTokens[modelId] == address(0), "Token already deployed for this model");
        require(msg.value >= deploymentFee, "Insufficient deployment fee");
        address token = address(new HokusaiToken(name, symbol, governor, recipient, supplier, investor));
        modelTokens[modelId] = token;
        emit TokenDeployed(modelId, token, msg.sender, name, symbol, supplier + investor);
        return token;
    }
}

/// Selector 0xa1c9973a: of 2025-09-18.
contract PlainTokenManager is Early {
    function deployToken(string calldata modelId, string calldata name, string calldata symbol, uint256 totalSupply)
        external
        payable
        returns (address)
    {
        return make(modelId, name, symbol, msg.sender, msg.sender, totalSupply, 0);
    }
}

struct EarlyParams {
    uint256 tokensPerDeltaOne;
    uint16 infrastructureAccrualBps;
    bytes32 licenseHash;
    string licenseURI;
    address governor;
}

/// Selectors 0xe14dfd01 and 0xebc812c3: of 2026-04-02.
contract EarlyAllocationsTokenManager is Early {
    function deployTokenWithParams(
        string calldata modelId,
        string calldata name,
        string calldata symbol,
        uint256 totalSupply,
        EarlyParams calldata params
    ) external payable returns (address) {
        check(params);
        return make(modelId, name, symbol, params.governor, msg.sender, totalSupply, 0);
    }

    function deployTokenWithAllocations(
        string calldata modelId,
        string calldata name,
        string calldata symbol,
        uint256 modelSupplierAllocation,
        address modelSupplierRecipient,
        uint256 investorAllocation,
        EarlyParams calldata params
    ) external payable returns (address) {
        check(params);
        require(modelSupplierRecipient != address(0), "Zero recipient");
        return make(
            modelId,
            name,
            symbol,
            params.governor,
            modelSupplierRecipient,
            modelSupplierAllocation,
            investorAllocation
        );
    }

    function check(EarlyParams calldata params) private pure {
        require(params.governor != address(0), "Zero governor");
        require(params.tokensPerDeltaOne >= 100e18 && params.tokensPerDeltaOne <= 10_000_000e18, "Tokens per delta one");
        require(params.infrastructureAccrualBps >= 1000 && params.infrastructureAccrualBps <= 10_000, "Accrual");
    }
}

/// Selector 0x7b17af35 without 0xcbb1036c: of 2026-04-28.
contract ParamsTokenManager is Early {
    function deployTokenWithParams(
        string calldata modelId,
        string calldata name,
        string calldata symbol,
        uint256 totalSupply,
        InitialParams calldata params
    ) external payable returns (address) {
        require(params.governor != address(0), "Zero governor");
        return make(modelId, name, symbol, params.governor, msg.sender, totalSupply, 0);
    }
}

/// Selector 0x3a93babb: of 2025-09-11. Models are numbers, which this service does not speak.
contract NumberedTokenManager {
    uint256 public deploymentFee;
    mapping(uint256 => address) public modelTokens;

    event TokenDeployed(
        uint256 indexed modelId, address indexed tokenAddress, address indexed deployer, string name, string symbol
    );

    function deployToken(string calldata name, string calldata symbol, uint256 modelId)
        external
        payable
        returns (address)
    {
        require(modelTokens[modelId] == address(0), "Token already deployed for this model");
        address token = address(new HokusaiToken(name, symbol, msg.sender, msg.sender, 1 ether, 0));
        modelTokens[modelId] = token;
        emit TokenDeployed(modelId, token, msg.sender, name, symbol);
        return token;
    }
}

/// A contract that calls the current manager and is none.
contract Caller {
    uint256 public deploymentFee;

    function deployFor(address manager, bytes calldata arguments) external returns (bool made) {
        (made,) = manager.call(bytes.concat(bytes4(0xcbb1036c), arguments));
    }
}

/// A proxy as EIP-1967 describes: the code's address is in the slot that all of them use.
contract Proxy {
    constructor(address implementation) {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
        assembly {
            sstore(slot, implementation)
        }
    }

    fallback() external payable {
        bytes32 slot = bytes32(uint256(keccak256("eip1967.proxy.implementation")) - 1);
        assembly {
            let implementation := sload(slot)
            calldatacopy(0, 0, calldatasize())
            let done := delegatecall(gas(), implementation, 0, calldatasize(), 0, 0)
            returndatacopy(0, 0, returndatasize())
            switch done
            case 0 { revert(0, returndatasize()) }
            default { return(0, returndatasize()) }
        }
    }
}
