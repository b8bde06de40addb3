// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "./Vm.sol";

/// @notice All that a test contract needs to be one.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev An account by its role: requester, provider, worker, stranger.
    function actor(string memory role) internal pure returns (address) {
        return vm.addr(keyOf(role));
    }

    function keyOf(string memory role) internal pure returns (uint256) {
        return uint256(keccak256(bytes(role)));
    }

    /// @dev `x` brought into [low, high].
    function bound(uint256 x, uint256 low, uint256 high) internal pure returns (uint256) {
        if (x >= low && x <= high) return x;
        uint256 size = high - low;
        return size == type(uint256).max ? x : low + x % (size + 1);
    }

    function min(uint256 a, uint256 b) internal pure returns (uint256) {
        return a < b ? a : b;
    }
}
