// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title PausableToken
/// @notice Test double: its issuer can stop every transfer.
contract PausableToken is TestToken {
    bool public paused;

    error Paused();

    constructor() TestToken("stops", "STOP", 6) {}

    function setPaused(bool paused_) external {
        paused = paused_;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!paused, Paused());
        super._update(from, to, value);
    }
}
