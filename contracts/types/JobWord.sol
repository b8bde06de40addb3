// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Job, JobId, JobState} from "./JobTypes.sol";

/// @notice A Job in one storage slot, worked on as it is: unpacking it into memory costs more than most calls need of it.
/// From the lowest bit: state 3, folded 1, silent 1, contested 1, floored 1, reopened 1, taken 3, committed 5, sequence 16,
/// clock 32, round 32, digest 160. Clock and round fit until the year 2106 and round 2^32.
type JobWord is uint256;

using {
    state,
    taken,
    committed,
    sequence,
    clock,
    round,
    digest,
    isFolded,
    isSilent,
    isContested,
    isFloored,
    isReopened,
    isFree,
    withState,
    withTaken,
    withSealed,
    withClock,
    withDigest,
    withContest,
    withFloor,
    openedAgain,
    unpack
} for JobWord global;

uint256 constant FOLDED = 1 << 3;
uint256 constant SILENT = 1 << 4;
uint256 constant CONTESTED = 1 << 5;
uint256 constant FLOORED = 1 << 6;
uint256 constant REOPENED = 1 << 7;
uint256 constant TAKEN_AT = 8;
uint256 constant COMMITTED_AT = 11;
uint256 constant SEQUENCE_AT = 16;
uint256 constant CLOCK_AT = 32;
uint256 constant ROUND_AT = 64;
uint256 constant DIGEST_AT = 96;

/// @notice The word of a job that was just posted: no seats, nothing sealed.
function postedWord(JobId id, uint256 nonce, uint256 round_, bool silent) view returns (JobWord) {
    return JobWord.wrap(
        uint256(JobState.Posted) | (silent ? SILENT : 0) | uint256(uint16(nonce)) << SEQUENCE_AT
            | uint256(uint32(block.timestamp)) << CLOCK_AT | uint256(uint32(round_)) << ROUND_AT
            | uint256(uint160(bareDigest(id))) << DIGEST_AT
    );
}

/// @notice The word of a lane whose nonce was given up: an end, of no job.
function retiredWord(uint256 nonce) pure returns (JobWord) {
    return JobWord.wrap(uint256(JobState.Cancelled) | uint256(uint16(nonce)) << SEQUENCE_AT);
}

function state(JobWord job) pure returns (JobState) {
    return JobState(JobWord.unwrap(job) & 7);
}

function taken(JobWord job) pure returns (uint256) {
    return JobWord.unwrap(job) >> TAKEN_AT & 7;
}

/// @notice Bit n-1: seat n has a commitment.
function committed(JobWord job) pure returns (uint256) {
    return JobWord.unwrap(job) >> COMMITTED_AT & 31;
}

function sequence(JobWord job) pure returns (uint16) {
    return uint16(JobWord.unwrap(job) >> SEQUENCE_AT);
}

function clock(JobWord job) pure returns (uint40) {
    return uint32(JobWord.unwrap(job) >> CLOCK_AT);
}

function round(JobWord job) pure returns (uint40) {
    return uint32(JobWord.unwrap(job) >> ROUND_AT);
}

function digest(JobWord job) pure returns (bytes20) {
    return bytes20(uint160(JobWord.unwrap(job) >> DIGEST_AT));
}

function isFolded(JobWord job) pure returns (bool) {
    return JobWord.unwrap(job) & FOLDED != 0;
}

function isSilent(JobWord job) pure returns (bool) {
    return JobWord.unwrap(job) & SILENT != 0;
}

function isContested(JobWord job) pure returns (bool) {
    return JobWord.unwrap(job) & CONTESTED != 0;
}

/// @notice Whether the lane may be taken over: there was no job, or it has ended.
function isFree(JobWord job) pure returns (bool) {
    JobState own = job.state();
    return own == JobState.None || own >= JobState.Settled;
}

/// @notice Whether sequences above this job's own were retired while it ran.
function isFloored(JobWord job) pure returns (bool) {
    return JobWord.unwrap(job) & FLOORED != 0;
}

/// @notice Whether its seats were lost and given out anew: `clock` says since when they are open, `round` draws them.
function isReopened(JobWord job) pure returns (bool) {
    return JobWord.unwrap(job) & REOPENED != 0;
}

function withState(JobWord job, JobState state_) pure returns (JobWord) {
    return JobWord.wrap(JobWord.unwrap(job) & ~uint256(7) | uint256(state_));
}

function withTaken(JobWord job, uint256 count) pure returns (JobWord) {
    return JobWord.wrap(JobWord.unwrap(job) & ~(uint256(7) << TAKEN_AT) | count << TAKEN_AT);
}

/// @param number of the seat that has committed, 1 to 5
function withSealed(JobWord job, uint256 number) pure returns (JobWord) {
    return JobWord.wrap(JobWord.unwrap(job) | 1 << (COMMITTED_AT + number - 1));
}

function withClock(JobWord job, uint256 time) pure returns (JobWord) {
    uint256 rest = JobWord.unwrap(job) & ~(uint256(type(uint32).max) << CLOCK_AT);
    return JobWord.wrap(rest | uint256(uint32(time)) << CLOCK_AT);
}

function withDigest(JobWord job, bytes20 digest_, bool folded) pure returns (JobWord) {
    uint256 rest = JobWord.unwrap(job) & ((1 << DIGEST_AT) - 1) & ~FOLDED;
    return JobWord.wrap(rest | (folded ? FOLDED : 0) | uint256(uint160(digest_)) << DIGEST_AT);
}

function withContest(JobWord job) pure returns (JobWord) {
    return JobWord.wrap(JobWord.unwrap(job) | CONTESTED);
}

function withFloor(JobWord job) pure returns (JobWord) {
    return JobWord.wrap(JobWord.unwrap(job) | FLOORED);
}

/// @notice The word of a job that was taken and given up: posted as of now, without seats, to be drawn by `round_`.
function openedAgain(JobWord job, JobId id, uint256 round_) view returns (JobWord) {
    uint256 kept = uint256(type(uint16).max) << SEQUENCE_AT | SILENT | FLOORED;
    return JobWord.wrap(
        JobWord.unwrap(job) & kept | REOPENED | uint256(JobState.Posted) | uint256(uint32(block.timestamp)) << CLOCK_AT
            | uint256(uint32(round_)) << ROUND_AT | uint256(uint160(bareDigest(id))) << DIGEST_AT
    );
}

/// @notice For readers.
function unpack(JobWord word) pure returns (Job memory job) {
    job.state = word.state();
    job.taken = uint8(word.taken());
    job.committed = uint8(word.committed());
    job.contested = word.isContested();
    job.silent = word.isSilent();
    job.folded = word.isFolded();
    job.sequence = word.sequence();
    job.clock = word.clock();
    job.round = word.round();
    job.digest = word.digest();
    job.reopened = word.isReopened();
}

/// @notice Digest of a job whose seats have slots of their own, or that has none yet. 160 bits: another job that fits
/// costs 2^160 tries. Two that fit one another cost the requester 2^80; the second of them was never admitted and could name
/// any price and verifier, so that what such a pair could win is all that its workers have locked under the board.
function bareDigest(JobId id) pure returns (bytes20) {
    return bytes20(JobId.unwrap(id));
}

/// @notice Where a requester's jobs of one lane are kept, one after the other.
function laneOf(address requester, uint256 nonce) pure returns (bytes32 lane) {
    assembly ("memory-safe") {
        mstore(0, and(requester, 0xffffffffffffffffffffffffffffffffffffffff))
        mstore(32, shr(16, nonce))
        lane := keccak256(0, 64)
    }
}
