// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title RebasingToken
/// @notice Test double: everybody's balance grows and shrinks with an index, without any transfer.
contract RebasingToken is TestToken {
    uint256 private constant ONE = 100;

    uint256 public index = ONE; // hundredths of a token that one share is worth

    constructor() TestToken("rebases", "BASE", 6) {}

    function setIndex(uint256 index_) external {
        index = index_;
    }

    function balanceOf(address account) public view override returns (uint256) {
        return super.balanceOf(account) * index / ONE;
    }

    function totalSupply() public view override returns (uint256) {
        return super.totalSupply() * index / ONE;
    }

    /// @dev Rounds up, so that nobody sends more than he loses.
    function _update(address from, address to, uint256 value) internal override {
        super._update(from, to, (value * ONE + index - 1) / index);
    }
}
