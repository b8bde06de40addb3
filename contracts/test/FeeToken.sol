// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title FeeToken
/// @notice Test double: one hundredth of every transfer disappears on the way.
contract FeeToken is TestToken {
    constructor() TestToken("fee on transfer", "FEE", 6) {}

    function _update(address from, address to, uint256 value) internal override {
        uint256 tax = from == address(0) || to == address(0) ? 0 : value / 100;
        if (tax > 0) super._update(from, address(0), tax);
        super._update(from, to, value - tax);
    }
}
