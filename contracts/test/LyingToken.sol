// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title LyingToken
/// @notice Test double: while it is broken nothing moves, nothing reverts, and it answers what it was told to.
contract LyingToken is TestToken {
    bool public broken;
    bool public answer;

    constructor() TestToken("lies", "LIE", 6) {}

    function set(bool broken_, bool answer_) external {
        (broken, answer) = (broken_, answer_);
    }

    function transfer(address to, uint256 value) public override returns (bool) {
        return broken ? answer : super.transfer(to, value);
    }

    function transferFrom(address from, address to, uint256 value) public override returns (bool) {
        return broken ? answer : super.transferFrom(from, to, value);
    }
}
