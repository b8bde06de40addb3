// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice Must be REFUTED by halmos, which proves that a false property is found out.
contract CanarySymbolic {
    function check_canary_mustBeRefuted(uint256 x) external pure {
        assert(x != 0x7465736e6f72);
    }
}
