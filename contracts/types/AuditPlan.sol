// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BPS_WHOLE} from "./Money.sol";

/// @notice `terms.verifierParams` of the audit tier, taken apart.
struct AuditPlan {
    uint40 respondTime;
    uint40 takeTime;
    uint40 auditTime;
    uint32 moveTime;
    uint256 segments; // promised
    uint256 drawn; // per auditor
    uint256 auditors;
    uint256 auditBps;
    uint256 reauditBps;
    uint32 steps; // per segment
}

using {first, chairs, further, repeated, fee, turns, answerTime, claimTime} for AuditPlan global;

uint256 constant MOST_SEGMENTS = 4096;
uint256 constant MOST_FURTHER = 30;
uint256 constant MOST_DRAWN = 64; // of the first sitting: bounds every loop over what was drawn

function planOf(bytes32 params) pure returns (AuditPlan memory) {
    uint256 packed = uint256(params);
    return AuditPlan({
        respondTime: uint32(packed),
        takeTime: uint32(packed >> 32),
        auditTime: uint32(packed >> 64),
        moveTime: uint32(packed >> 96),
        segments: uint16(packed >> 128),
        drawn: uint8(packed >> 144),
        auditors: uint8(packed >> 152),
        auditBps: uint16(packed >> 160),
        reauditBps: uint16(packed >> 176),
        steps: uint16(packed >> 192)
    });
}

/// @notice Segments of the first draw: no two beside one another, so never more than every other one.
/// @param done segments that there are
function first(AuditPlan memory plan, uint256 done) pure returns (uint256) {
    return _least(plan.auditors * plan.drawn, (done + 1) / 2);
}

/// @notice Seats of the first sitting: none without a segment.
function chairs(AuditPlan memory plan, uint256 done) pure returns (uint256) {
    return _least(plan.auditors, plan.first(done));
}

/// @notice Segments of the second round: as many as cost the worker at most half his price, of those that are left.
function further(AuditPlan memory plan, uint256 done) pure returns (uint256) {
    uint256 most = plan.segments * BPS_WHOLE / (2 * plan.auditBps);
    return _least(_least(MOST_FURTHER, most), done - plan.first(done));
}

/// @notice Fresh segments of a re-audit.
function repeated(AuditPlan memory plan, uint256 done) pure returns (uint256) {
    return _least(plan.first(done), done - plan.first(done));
}

/// @notice What replaying `count` segments earns. Rounds UP, as fees do.
function fee(AuditPlan memory plan, uint256 price, uint256 count) pure returns (uint256) {
    uint256 whole = BPS_WHOLE * plan.segments;
    return (price * count * plan.auditBps + whole - 1) / whole;
}

/// @notice Seconds to replay `count` segments.
function turns(AuditPlan memory plan, uint256 count) pure returns (uint40) {
    return plan.auditTime * uint40((count + plan.drawn - 1) / plan.drawn);
}

/// @notice Seconds to say something to a claim: to answer, and to make the segment's states again.
function answerTime(AuditPlan memory plan) pure returns (uint40) {
    return plan.respondTime + plan.auditTime;
}

/// @notice Seconds from a sitting's last accusation until nobody can say anything to claims any more: it is answered, made once
/// more, answered, and contested.
function claimTime(AuditPlan memory plan) pure returns (uint40) {
    return plan.respondTime + 3 * plan.answerTime();
}

function _least(uint256 a, uint256 b) pure returns (uint256) {
    return a < b ? a : b;
}
