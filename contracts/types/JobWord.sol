// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Job, JobId, JobState, Seat} from "./JobTypes.sol";

/// @notice A Job in one storage slot. From the lowest bit: state 3, folded 1, silent 1, contested 1, spare 2, taken 3,
/// committed 5, sequence 16, clock 32, round 32, digest 160. Clock and round fit until the year 2106 and round 2^32.
type JobWord is uint256;

using {unpack} for JobWord global;

function unpack(JobWord packed) pure returns (Job memory job) {
    uint256 word = JobWord.unwrap(packed);
    job.state = JobState(word & 7);
    job.folded = word >> 3 & 1 != 0;
    job.silent = word >> 4 & 1 != 0;
    job.contested = word >> 5 & 1 != 0;
    job.taken = uint8(word >> 8 & 7);
    job.committed = uint8(word >> 11 & 31);
    job.sequence = uint16(word >> 16);
    job.clock = uint32(word >> 32);
    job.round = uint32(word >> 64);
    job.digest = bytes20(uint160(word >> 96));
}

function pack(Job memory job) pure returns (JobWord) {
    uint256 word = uint256(job.state) | uint256(job.taken) << 8 | uint256(job.committed) << 11
        | uint256(job.sequence) << 16 | uint256(uint32(job.clock)) << 32 | uint256(uint32(job.round)) << 64
        | uint256(uint160(job.digest)) << 96;
    if (job.folded) word |= 1 << 3;
    if (job.silent) word |= 1 << 4;
    if (job.contested) word |= 1 << 5;
    return JobWord.wrap(word);
}

/// @notice Where a requester's jobs of one lane are kept, one after the other.
function laneOf(address requester, uint256 nonce) pure returns (bytes32) {
    return keccak256(abi.encode(requester, nonce >> 16));
}

/// @notice Digest of a job whose seats have slots of their own, or that has none yet. 160 bits: another job that fits
/// costs 2^160 tries, two that fit one another cost the requester 2^80.
function bareDigest(JobId id) pure returns (bytes20) {
    return bytes20(JobId.unwrap(id));
}

/// @notice Digest of a job and all its seats.
function foldedDigest(JobId id, Seat[] memory seats) pure returns (bytes20) {
    return bytes20(keccak256(abi.encode(id, seats)));
}

/// @notice A seat in one slot: 1 in the highest byte, 64 bits that tell providers apart within the job, 184 of its digest.
function seatWord(JobId id, Seat memory seat) pure returns (uint256) {
    uint256 digest = uint256(keccak256(abi.encode(seat))) >> 72;
    return 1 << 248 | uint256(providerTag(id, seat.provider)) << 184 | digest;
}

function tagIn(uint256 word) pure returns (uint64) {
    return uint64(word >> 184);
}

/// @notice Keyed by the job, so that none can be ground in advance to shut another provider out.
function providerTag(JobId id, address provider) pure returns (uint64) {
    return uint64(uint256(keccak256(abi.encode(id, provider))));
}
