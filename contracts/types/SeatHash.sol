// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, Seat} from "./JobTypes.sol";

// How seats are remembered. A seat is five words, hashed as they lie, in calldata or in memory. Bits that do not belong to a
// field make another hash, which nothing that was remembered ever has.

uint256 constant SEAT_BYTES = 160;
uint256 constant COMMITMENT_AT = 128; // the last word of a seat

/// @notice A seat in one slot: 1 in the highest byte, 64 bits that tell providers apart within the job, 184 of its digest.
function seatWord(uint64 tag, uint256 digest) pure returns (uint256) {
    return 1 << 248 | uint256(tag) << 184 | digest;
}

function tagIn(uint256 word) pure returns (uint64) {
    return uint64(word >> 184);
}

function digestIn(uint256 word) pure returns (uint256) {
    return word & ((1 << 184) - 1);
}

/// @notice Keyed by the job, so that none can be ground in advance to shut another provider out.
function providerTag(JobId id, address provider) pure returns (uint64 tag) {
    assembly ("memory-safe") {
        mstore(0, id)
        mstore(32, and(provider, 0xffffffffffffffffffffffffffffffffffffffff))
        tag := and(keccak256(0, 64), 0xffffffffffffffff)
    }
}

/// @notice 184 bits of a seat's hash: its worker cannot find two commitments that fit it in less than 2^92 tries.
function seatDigest(Seat calldata seat) pure returns (uint256 digest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        calldatacopy(free, seat, SEAT_BYTES)
        digest := shr(72, keccak256(free, SEAT_BYTES))
    }
}

/// @notice As if the seat had this commitment.
function sealedDigest(Seat calldata seat, bytes32 commitment) pure returns (uint256 digest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        calldatacopy(free, seat, COMMITMENT_AT)
        mstore(add(free, COMMITMENT_AT), commitment)
        digest := shr(72, keccak256(free, SEAT_BYTES))
    }
}

function newDigest(Seat memory seat) pure returns (uint256 digest) {
    assembly ("memory-safe") {
        digest := shr(72, keccak256(seat, SEAT_BYTES))
    }
}

/// @notice Digest of a job and all its seats.
function foldedDigest(JobId id, Seat[] calldata seats) pure returns (bytes20 digest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(seats.length, SEAT_BYTES)
        mstore(free, id)
        calldatacopy(add(free, 32), seats.offset, size)
        digest := and(keccak256(free, add(size, 32)), not(0xffffffffffffffffffffffff))
    }
}

/// @notice As if the seats with a commitment here had it; zero leaves a seat as it is. As many as there are seats.
function sealedFoldedDigest(JobId id, Seat[] calldata seats, bytes32[] calldata commitments)
    pure
    returns (bytes20 digest)
{
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(seats.length, SEAT_BYTES)
        mstore(free, id)
        let at := add(free, 32)
        calldatacopy(at, seats.offset, size)
        for { let i := 0 } lt(i, seats.length) { i := add(i, 1) } {
            let commitment := calldataload(add(commitments.offset, mul(i, 32)))
            if commitment { mstore(add(at, add(mul(i, SEAT_BYTES), COMMITMENT_AT)), commitment) }
        }
        digest := and(keccak256(free, add(size, 32)), not(0xffffffffffffffffffffffff))
    }
}

/// @notice As if the only seat had this commitment.
function sealedFoldedDigest(JobId id, Seat calldata seat, bytes32 commitment) pure returns (bytes20 digest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        mstore(free, id)
        calldatacopy(add(free, 32), seat, COMMITMENT_AT)
        mstore(add(free, add(32, COMMITMENT_AT)), commitment)
        digest := and(keccak256(free, add(32, SEAT_BYTES)), not(0xffffffffffffffffffffffff))
    }
}

function newFoldedDigest(JobId id, Seat[] memory seats) pure returns (bytes20 digest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        let count := mload(seats)
        mstore(free, id)
        let at := add(free, 32)
        for { let i := 0 } lt(i, count) { i := add(i, 1) } {
            mcopy(at, mload(add(seats, mul(add(i, 1), 32))), SEAT_BYTES)
            at := add(at, SEAT_BYTES)
        }
        digest := and(keccak256(free, sub(at, free)), not(0xffffffffffffffffffffffff))
    }
}
