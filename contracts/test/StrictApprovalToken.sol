// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title StrictApprovalToken
/// @notice Test double: an allowance can be changed from zero and to zero only.
contract StrictApprovalToken is TestToken {
    error AllowanceThere(uint256 allowance);

    constructor() TestToken("is strict", "STRICT", 6) {}

    function approve(address spender, uint256 value) public override returns (bool) {
        uint256 allowed = allowance(msg.sender, spender);
        require(value == 0 || allowed == 0, AllowanceThere(allowed));
        return super.approve(spender, value);
    }
}
