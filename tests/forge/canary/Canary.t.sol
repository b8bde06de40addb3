// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Base} from "../base/Base.sol";

/// @notice These must FAIL. tests/forge/test_gates.py runs them and fails when they do not: a gate that lets them pass would let
/// anything pass.
contract CanaryTest is Base {
    function test_canary_mustFail() external pure {
        vm.assertEq(uint256(1), uint256(2));
    }

    function test_canary_fuzzMustFail(uint256 x) external pure {
        vm.assertTrue(x < 1 << 128, "half of all words are above");
    }
}

contract CanaryCounter {
    uint256 public count;

    function count_up() external {
        ++count;
    }
}

contract CanaryInvariantTest is Base {
    CanaryCounter private counter;

    function setUp() external {
        counter = new CanaryCounter();
    }

    function targetContracts() external view returns (address[] memory targets) {
        targets = new address[](1);
        targets[0] = address(counter);
    }

    function invariant_canary_mustFail() external view {
        vm.assertLe(counter.count(), 3, "the handlers are called more often");
    }
}
