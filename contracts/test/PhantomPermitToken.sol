// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";

/// @title PhantomPermitToken
/// @notice Test double: knows no permit, and swallows the call without a word, as wrapped ether does.
contract PhantomPermitToken is ERC20 {
    constructor() ERC20("swallows", "GULP") {}

    fallback() external {}

    function mint(address account, uint256 amount) external {
        _mint(account, amount);
    }
}
