// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// What readiness asks of a DeltaVerifier: who has the submitter's role. As OpenZeppelin's AccessControl.
contract DeltaVerifier {
    bytes32 public constant SUBMITTER_ROLE = keccak256("SUBMITTER_ROLE");
    mapping(bytes32 => mapping(address => bool)) public hasRole;

    function grantRole(bytes32 role, address account) external {
        hasRole[role][account] = true;
    }

    function revokeRole(bytes32 role, address account) external {
        hasRole[role][account] = false;
    }
}
