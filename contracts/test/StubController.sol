// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title StubController
/// @notice Test double: a contract that calls whatever it is told to, as itself.
contract StubController {
    function run(address target, bytes calldata payload) external returns (bytes memory) {
        (bool good, bytes memory answer) = target.call(payload);
        if (!good) {
            assembly {
                revert(add(answer, 32), mload(answer))
            }
        }
        return answer;
    }
}
