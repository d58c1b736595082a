// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The registry's canonical interface. A deployment does not touch it; it must only be there.
contract ModelRegistry {
    address public immutable owner = msg.sender;
    mapping(uint256 => address) private tokenOf;

    event ModelRegistered(uint256 indexed modelId, address indexed tokenAddress, string performanceMetric);

    function registerModel(uint256 modelId, address token, string calldata metric) external {
        require(msg.sender == owner, "Ownable: caller is not the owner");
        require(tokenOf[modelId] == address(0), "Model already registered");
        tokenOf[modelId] = token;
        emit ModelRegistered(modelId, token, metric);
    }

    function isRegistered(uint256 modelId) external view returns (bool) {
        return tokenOf[modelId] != address(0);
    }

    function getTokenAddress(uint256 modelId) external view returns (address) {
        require(tokenOf[modelId] != address(0), "Model not registered");
        return tokenOf[modelId];
    }
}
