// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.0;

/// The smallest ERC-20 that tests need: a supply at the start, transfers,
/// further minting by anybody, and several events in one transaction.
contract Token {
    event Transfer(address indexed from, address indexed to, uint256 value);

    uint256 public totalSupply;
    mapping(address => uint256) public balanceOf;

    constructor() {
        mint(msg.sender, 1000000);
    }

    function mint(address to, uint256 value) public {
        totalSupply += value;
        balanceOf[to] += value;
        emit Transfer(address(0), to, value);
    }

    function transfer(address to, uint256 value) public returns (bool) {
        require(balanceOf[msg.sender] >= value, "balance");
        balanceOf[msg.sender] -= value;
        balanceOf[to] += value;
        emit Transfer(msg.sender, to, value);
        return true;
    }

    /// spread transfers 1 to each of the next count addresses.
    function spread(uint160 first, uint256 count) external {
        for (uint160 i = 0; i < count; i++) {
            transfer(address(first + i), 1);
        }
    }
}
