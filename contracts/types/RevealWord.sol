// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What the seats of one job have shown, in one storage slot. Groups of equal results are numbered in order of their
/// first reveal; what a seat has shown is its group's number. From the lowest bit: group of each seat 3 x 5 (0: not
/// shown), seats that have shown 5, groups 3, second round opened 1, groups that name a limit 5, seats of a pair whose
/// score covers the job 2, spare 1, sequence of the job 16, spare 44, first group's result 160.
type RevealWord is uint256;

using {
    sequence,
    groupOf,
    shown,
    groups,
    first,
    hasSecond,
    isLimit,
    limits,
    isCovered,
    withShown,
    withFirst,
    withGroup,
    withSecond,
    withLimit,
    withCover
} for RevealWord global;

uint256 constant SHOWN_AT = 15;
uint256 constant GROUPS_AT = 20;
uint256 constant SECOND = 1 << 23;
uint256 constant LIMITS_AT = 24;
uint256 constant COVERED_AT = 29;
uint256 constant SEQUENCE_AT = 32;
uint256 constant FIRST_AT = 96;

/// @notice Of a job of which nothing was shown yet.
function noReveals(uint16 sequence_) pure returns (RevealWord) {
    return RevealWord.wrap(uint256(sequence_) << SEQUENCE_AT);
}

function sequence(RevealWord reveals) pure returns (uint16) {
    return uint16(RevealWord.unwrap(reveals) >> SEQUENCE_AT);
}

/// @param number of the seat, 1 to 5
function groupOf(RevealWord reveals, uint256 number) pure returns (uint256) {
    return RevealWord.unwrap(reveals) >> 3 * (number - 1) & 7;
}

/// @notice Bit n-1: seat n has shown its result.
function shown(RevealWord reveals) pure returns (uint256) {
    return RevealWord.unwrap(reveals) >> SHOWN_AT & 31;
}

/// @notice How many different results were shown.
function groups(RevealWord reveals) pure returns (uint256) {
    return RevealWord.unwrap(reveals) >> GROUPS_AT & 7;
}

/// @notice The first group's result, as `withFirst` was given it.
function first(RevealWord reveals) pure returns (bytes20) {
    return bytes20(uint160(RevealWord.unwrap(reveals) >> FIRST_AT));
}

function hasSecond(RevealWord reveals) pure returns (bool) {
    return RevealWord.unwrap(reveals) & SECOND != 0;
}

function isLimit(RevealWord reveals, uint256 group) pure returns (bool) {
    return RevealWord.unwrap(reveals) >> (LIMITS_AT + group - 1) & 1 != 0;
}

/// @notice Bit g-1: of group g, `isLimit`.
function limits(RevealWord reveals) pure returns (uint256) {
    return RevealWord.unwrap(reveals) >> LIMITS_AT & 31;
}

/// @notice Of two replicas: the score of each covered the job when he showed his result.
function isCovered(RevealWord reveals) pure returns (bool) {
    return RevealWord.unwrap(reveals) >> COVERED_AT & 3 == 3;
}

/// @dev The seat has shown nothing yet.
function withShown(RevealWord reveals, uint256 number, uint256 group) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) | group << 3 * (number - 1) | 1 << (SHOWN_AT + number - 1));
}

/// @dev There is no group yet.
function withFirst(RevealWord reveals, bytes20 result) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) | uint256(uint160(result)) << FIRST_AT | 1 << GROUPS_AT);
}

function withGroup(RevealWord reveals) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) + (1 << GROUPS_AT));
}

function withSecond(RevealWord reveals) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) | SECOND);
}

function withLimit(RevealWord reveals, uint256 group) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) | 1 << (LIMITS_AT + group - 1));
}

/// @param number of the seat, 1 or 2
function withCover(RevealWord reveals, uint256 number) pure returns (RevealWord) {
    return RevealWord.wrap(RevealWord.unwrap(reveals) | 1 << (COVERED_AT + number - 1));
}
