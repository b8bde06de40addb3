// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The audit of one job, in one storage slot. From the lowest bit: sequence of the job 16, segments done 13, sitting 2,
/// served 1, clock 32, round 32, answers of seats 2 to 5 2 x 4, replacement's seat 3, last sitting's seat 3, clean 1,
/// re-audit 1, suspicion 1, digest of the record 143.
type AuditWord is uint256;

using {
    sequence,
    done,
    sitting,
    isServed,
    clock,
    round,
    answerOf,
    replacement,
    last,
    isClean,
    isReaudit,
    isSuspect,
    digest,
    since,
    sittingOf,
    withServed,
    withAnswer,
    withClean,
    withSuspicion,
    withSitting
} for AuditWord global;

uint256 constant DONE_AT = 16;
uint256 constant SITTING_AT = 29;
uint256 constant SERVED = 1 << 31;
uint256 constant AUDIT_CLOCK_AT = 32;
uint256 constant AUDIT_ROUND_AT = 64;
uint256 constant ANSWERS_AT = 96;
uint256 constant REPLACEMENT_AT = 104;
uint256 constant LAST_AT = 107;
uint256 constant CLEAN = 1 << 110;
uint256 constant REAUDIT = 1 << 111;
uint256 constant SUSPECT = 1 << 112;
uint256 constant RECORD_AT = 113;

uint256 constant CONFIRMED = 1;
uint256 constant ACCUSED = 2;
uint256 constant VOID = 3; // nothing that counts: declined, never served, or all that was said has fallen

// What changes as sittings go on: sitting, served, clock, round, clean.
uint256 constant MOVING = 3 << SITTING_AT | SERVED | uint256(type(uint64).max) << AUDIT_CLOCK_AT | CLEAN;

function begunWord(uint16 sequence_, uint16 done_, uint40 round_, uint256 digest_) view returns (AuditWord) {
    uint256 word = sequence_ | uint256(done_) << DONE_AT | 1 << SITTING_AT | digest_ << RECORD_AT;
    return AuditWord.wrap(word | block.timestamp << AUDIT_CLOCK_AT | uint256(uint32(round_)) << AUDIT_ROUND_AT);
}

function sequence(AuditWord audit) pure returns (uint16) {
    return uint16(AuditWord.unwrap(audit));
}

/// @notice Segments that count: those that the worker says he has done, without one that a limit has ended.
function done(AuditWord audit) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> DONE_AT & 0x1fff;
}

function sitting(AuditWord audit) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> SITTING_AT & 3;
}

function isServed(AuditWord audit) pure returns (bool) {
    return AuditWord.unwrap(audit) & SERVED != 0;
}

/// @notice When the sitting was opened, or served.
function clock(AuditWord audit) pure returns (uint40) {
    return uint32(AuditWord.unwrap(audit) >> AUDIT_CLOCK_AT);
}

function round(AuditWord audit) pure returns (uint40) {
    return uint32(AuditWord.unwrap(audit) >> AUDIT_ROUND_AT);
}

/// @param number of an auditor's seat, 2 to 5
function answerOf(AuditWord audit, uint256 number) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> (ANSWERS_AT + 2 * (number - 2)) & 3;
}

function replacement(AuditWord audit) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> REPLACEMENT_AT & 7;
}

function last(AuditWord audit) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> LAST_AT & 7;
}

function isClean(AuditWord audit) pure returns (bool) {
    return AuditWord.unwrap(audit) & CLEAN != 0;
}

function isReaudit(AuditWord audit) pure returns (bool) {
    return AuditWord.unwrap(audit) & REAUDIT != 0;
}

/// @notice Whether somebody on another machine found more of a difference than machines make.
function isSuspect(AuditWord audit) pure returns (bool) {
    return AuditWord.unwrap(audit) & SUSPECT != 0;
}

function digest(AuditWord audit) pure returns (uint256) {
    return AuditWord.unwrap(audit) >> RECORD_AT;
}

/// @notice Number of the present sitting's first seat.
function since(AuditWord audit) pure returns (uint256) {
    uint256 now_ = audit.sitting();
    if (now_ == 1) return 2;
    return now_ == 2 ? audit.replacement() : audit.last();
}

/// @notice Which sitting a seat belongs to.
function sittingOf(AuditWord audit, uint256 number) pure returns (uint256) {
    if (audit.last() != 0 && number >= audit.last()) return 3;
    return audit.replacement() != 0 && number >= audit.replacement() ? 2 : 1;
}

function withServed(AuditWord audit, uint256 digest_) view returns (AuditWord) {
    uint256 kept = AuditWord.unwrap(audit) & ((1 << RECORD_AT) - 1) & ~(uint256(type(uint32).max) << AUDIT_CLOCK_AT);
    return AuditWord.wrap(kept | SERVED | block.timestamp << AUDIT_CLOCK_AT | digest_ << RECORD_AT);
}

function withAnswer(AuditWord audit, uint256 number, uint256 answer) pure returns (AuditWord) {
    uint256 at = ANSWERS_AT + 2 * (number - 2);
    return AuditWord.wrap(AuditWord.unwrap(audit) & ~(uint256(3) << at) | answer << at);
}

/// @param round_ that decides whether there is a re-audit
function withClean(AuditWord audit, uint40 round_) pure returns (AuditWord) {
    uint256 kept = AuditWord.unwrap(audit) & ~(uint256(type(uint32).max) << AUDIT_ROUND_AT);
    return AuditWord.wrap(kept | CLEAN | uint256(uint32(round_)) << AUDIT_ROUND_AT);
}

function withSuspicion(AuditWord audit) pure returns (AuditWord) {
    return AuditWord.wrap(AuditWord.unwrap(audit) | SUSPECT);
}

/// @notice The second or third sitting, opened now, with one seat of this number.
function withSitting(AuditWord audit, uint256 sitting_, uint256 number, uint40 round_, bool reaudit_)
    view
    returns (AuditWord)
{
    uint256 seat = number << (sitting_ == 2 ? REPLACEMENT_AT : LAST_AT) | (reaudit_ ? REAUDIT : 0);
    uint256 word = AuditWord.unwrap(audit) & ~MOVING | sitting_ << SITTING_AT | seat;
    return AuditWord.wrap(word | block.timestamp << AUDIT_CLOCK_AT | uint256(uint32(round_)) << AUDIT_ROUND_AT);
}
