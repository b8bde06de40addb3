// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title StubReader
/// @notice For tests: many reads in one call.
contract StubReader {
    function read(address[] calldata targets, bytes[] calldata payloads) external view returns (bytes[] memory answers) {
        answers = new bytes[](targets.length);
        for (uint256 i = 0; i < targets.length; ++i) {
            (, answers[i]) = targets[i].staticcall(payloads[i]);
        }
    }
}
