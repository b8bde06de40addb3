// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title StubController
/// @notice Test double: a contract that calls whatever it is told to, as itself, several calls in one block if need be.
contract StubController {
    function runAll(address[] calldata targets, bytes[] calldata payloads) external {
        for (uint256 i = 0; i < targets.length; ++i) {
            run(targets[i], payloads[i]);
        }
    }

    function run(address target, bytes calldata payload) public returns (bytes memory) {
        (bool good, bytes memory answer) = target.call(payload);
        if (!good) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }
}
