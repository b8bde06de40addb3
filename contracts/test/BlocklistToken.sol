// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {TestToken} from "./TestToken.sol";

/// @title BlocklistToken
/// @notice Test double: refuses every transfer from and to accounts that its issuer dislikes.
contract BlocklistToken is TestToken {
    mapping(address account => bool) public blocked;

    constructor() TestToken("blocks", "BLOCK", 6) {}

    function setBlocked(address account, bool blocked_) external {
        blocked[account] = blocked_;
    }

    function _update(address from, address to, uint256 value) internal override {
        require(!blocked[from], ERC20InvalidSender(from));
        require(!blocked[to], ERC20InvalidReceiver(to));
        super._update(from, to, value);
    }
}
