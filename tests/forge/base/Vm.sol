// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What we use of forge's cheatcodes. forge-std is not on npm, and this much of it is all we need.
interface Vm {
    struct Log {
        bytes32[] topics;
        bytes data;
        address emitter;
    }

    function deployCode(string calldata artifact, bytes calldata arguments) external returns (address);
    function envOr(string calldata name, bool otherwise) external view returns (bool);
    function addr(uint256 key) external pure returns (address);
    function sign(uint256 key, bytes32 digest) external pure returns (uint8 v, bytes32 r, bytes32 s);
    function prank(address sender) external;
    function startPrank(address sender) external;
    function stopPrank() external;
    function warp(uint256 timestamp) external;
    function getBlockTimestamp() external view returns (uint256);
    function getBlockNumber() external view returns (uint256);
    function roll(uint256 number) external;
    function setBlockhash(uint256 number, bytes32 hash) external;
    function chainId(uint256 id) external;
    function assume(bool condition) external pure;
    function expectRevert(bytes calldata reason) external;
    function expectEmit(address emitter) external;
    function expectCall(address target, bytes calldata payload, uint64 count) external;
    function recordLogs() external;
    function getRecordedLogs() external returns (Log[] memory);
    function snapshotState() external returns (uint256);
    function revertToState(uint256 snapshot) external returns (bool);
    function mockCall(address target, bytes calldata payload, bytes calldata answer) external;
    function clearMockedCalls() external;
    function load(address target, bytes32 slot) external view returns (bytes32);
    function assertEq(uint256 have, uint256 need) external pure;
    function assertEq(uint256 have, uint256 need, string calldata what) external pure;
    function assertEq(address have, address need) external pure;
    function assertEq(bytes32 have, bytes32 need) external pure;
    function assertEq(bool have, bool need) external pure;
    function assertTrue(bool condition, string calldata what) external pure;
    function assertLe(uint256 small, uint256 large, string calldata what) external pure;
}
