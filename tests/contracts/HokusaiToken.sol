// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

/// The token a TokenManager makes: an ERC-20 with a fixed supply. Burning, minting and vesting of the real one are not modelled.
contract HokusaiToken {
    string public name;
    string public symbol;
    uint8 public constant decimals = 18;
    uint256 public immutable totalSupply;
    address public immutable controller;
    address public immutable governor;
    address public immutable modelSupplierRecipient;

    mapping(address => uint256) public balanceOf;
    mapping(address => mapping(address => uint256)) public allowance;

    event Transfer(address indexed from, address indexed to, uint256 value);
    event Approval(address indexed owner, address indexed spender, uint256 value);

    constructor(
        string memory name_,
        string memory symbol_,
        address governor_,
        address recipient,
        uint256 supplierAllocation,
        uint256 investorAllocation
    ) {
        name = name_;
        symbol = symbol_;
        controller = msg.sender;
        governor = governor_;
        modelSupplierRecipient = recipient;
        totalSupply = supplierAllocation + investorAllocation;
        balanceOf[recipient] += supplierAllocation;
        emit Transfer(address(0), recipient, supplierAllocation);
        balanceOf[msg.sender] += investorAllocation;
        emit Transfer(address(0), msg.sender, investorAllocation);
    }

    function transfer(address to, uint256 value) external returns (bool) {
        move(msg.sender, to, value);
        return true;
    }

    function approve(address spender, uint256 value) external returns (bool) {
        allowance[msg.sender][spender] = value;
        emit Approval(msg.sender, spender, value);
        return true;
    }

    function transferFrom(address from, address to, uint256 value) external returns (bool) {
        allowance[from][msg.sender] -= value;
        move(from, to, value);
        return true;
    }

    function move(address from, address to, uint256 value) private {
        balanceOf[from] -= value;
        balanceOf[to] += value;
        emit Transfer(from, to, value);
    }
}
