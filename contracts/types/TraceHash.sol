// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ExitClass, JobId} from "./JobTypes.sol";

// What a worker commits to when he is audited: the state after each segment, chained, under one root. The first byte tells the
// kinds of hashes apart; 0x00 and 0x01 are leaves and nodes, 0x02 is a result.

function auditRoot(JobId id, bytes32 resultRoot, bytes32 traceRoot, uint16 done) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(3), id.asBytes(), resultRoot, traceRoot, done));
}

function stateRoot(bytes32[4] calldata parts) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(4), parts[0], parts[1], parts[2], parts[3]));
}

/// @notice R_0.
function traceStart(bytes32 specDigest, bytes32 jobSeed, bytes32 state) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(5), specDigest, jobSeed, state));
}

/// @notice R_index.
function traceLeaf(bytes32 before, uint256 index, bytes32 state, bytes32 metrics) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(6), before, uint32(index), state, metrics));
}

/// @notice Result root of a run that ended so; `merkle` is zero unless the class is Ok.
function resultOf(JobId id, ExitClass class, bytes32 merkle) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(2), id.asBytes(), uint8(class), merkle));
}

/// @notice Whether the user's code failed in a way that has a name.
function isFailure(JobId id, bytes32 resultRoot) pure returns (bool) {
    for (uint256 class = 1; class <= uint256(type(ExitClass).max); ++class) {
        if (resultOf(id, ExitClass(class), 0) == resultRoot) return true;
    }
    return false;
}

/// @notice Whether the run was ended by a limit of time or memory: what its last segment came to depends on the machine's day.
function isLimit(JobId id, bytes32 resultRoot) pure returns (bool) {
    return resultRoot == resultOf(id, ExitClass.WallLimit, 0) || resultRoot == resultOf(id, ExitClass.MemoryLimit, 0);
}

/// @notice Whether `leaf` is the index-th of `count` leaves under `root`, counted from 1. An odd last node moves up unchanged.
function isUnder(bytes32 root, bytes32 leaf, uint256 index, uint256 count, bytes32[] calldata proof)
    pure
    returns (bool)
{
    if (index == 0 || index > count) return false;
    uint256 used;
    for (uint256 at = index - 1; count > 1; (at, count) = (at / 2, (count + 1) / 2)) {
        if (at % 2 == 0 && at + 1 == count) continue;
        if (used == proof.length) return false;
        bytes32 other = proof[used++];
        leaf = at % 2 == 0
            ? keccak256(abi.encodePacked(uint8(1), leaf, other))
            : keccak256(abi.encodePacked(uint8(1), other, leaf));
    }
    return used == proof.length && leaf == root;
}
