// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AuditPlan} from "../types/AuditPlan.sol";
import {AuditWord} from "../types/AuditWord.sol";
import {JobId} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {shareSize} from "./AuditDraw.sol";

/// @notice A job and its audit, read once per call.
struct AuditCase {
    JobId id;
    JobWord job;
    bytes32 lane;
    AuditWord audit;
    AuditPlan plan;
    uint40 settleBy;
}

using {takeBy, serveBy, auditBy, againBy, seated, seatCount} for AuditCase global;

/// @notice Until when seats of the sitting can be taken; not served yet.
function takeBy(AuditCase memory c) pure returns (uint40) {
    return c.audit.clock() + c.plan.takeTime;
}

/// @notice Until when the worker may serve. He need not have kept any state: there is time to make them all again.
function serveBy(AuditCase memory c) pure returns (uint40) {
    return c.takeBy() + c.plan.respondTime + c.plan.turns(_size(c, c.plan.auditors * c.plan.drawn));
}

/// @notice Until when the sitting's auditors may answer; served.
function auditBy(AuditCase memory c) pure returns (uint40) {
    // The first seats have at most one share each, and all have its time.
    return c.audit.clock() + c.plan.turns(_size(c, c.plan.drawn));
}

/// @notice Until when a seat may accuse once more whose claims have fallen, the last of them then.
/// INVARIANT: the worker chooses when he answers, so that his answer must leave its auditor time of its own.
function againBy(AuditCase memory c, uint40 fallenAt) pure returns (uint40) {
    return lastOf(c.auditBy(), fallenAt + c.plan.respondTime);
}

function lastOf(uint40 a, uint40 b) pure returns (uint40) {
    return a > b ? a : b;
}

/// @notice Seats of the sitting that were taken.
function seated(AuditCase memory c) pure returns (uint256) {
    return c.job.taken() + 1 - c.audit.since();
}

/// @notice Seats that the sitting has.
function seatCount(AuditCase memory c) pure returns (uint256) {
    return c.audit.sitting() == 1 ? c.plan.chairs(c.audit.done()) : 1;
}

/// @dev Segments of the one seat that a later sitting has.
function _size(AuditCase memory c, uint256 first) pure returns (uint256) {
    uint256 sitting = c.audit.sitting();
    return sitting == 1 ? first : shareSize(c.audit, c.plan, sitting, c.audit.since());
}
