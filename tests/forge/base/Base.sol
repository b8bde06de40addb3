// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Vm} from "./Vm.sol";

/// @notice All that a test contract needs to be one.
abstract contract Base {
    Vm internal constant vm = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    /// @dev A contract as it is shipped: the bytecode in the SDK's artifacts, which tests/test_abi_in_sync.py holds equal to
    /// the sources. Mutation puts mutants there. With FORGE_FROM_SOURCE, for coverage, what forge has compiled itself.
    function make(string memory name, bytes memory arguments) internal returns (address) {
        if (vm.envOr("FORGE_FROM_SOURCE", false)) return double(name, arguments);
        return vm.deployCode(string.concat("sdk/tensorgrid/artifacts/", name, ".json"), arguments);
    }

    /// @dev A contract that is not shipped, by name: tests stay small.
    function double(string memory name, bytes memory arguments) internal returns (address) {
        return vm.deployCode(string.concat(name, ".sol:", name), arguments);
    }

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
