// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {ACCUSED} from "../types/AuditWord.sol";
import {JobId} from "../types/JobTypes.sol";
import {AuditCase} from "./AuditCase.sol";

/// @title What has come of the claims
/// @dev The caller is the verifier, which keeps them.
abstract contract AuditTally {
    enum Result {
        None,
        Pending, // a clock runs
        Running, // a dispute
        Fallen, // shown to be as the auditor says
        Hit, // stands, and nobody contests it any more
        Proven, // the worker has lost the dispute
        Refuted, // the auditor has
        Hung
    }

    /// @dev Of all claims of a job. Masks: bit n for seat n.
    struct Tally {
        uint256 pending;
        uint256 running;
        uint256 hits;
        uint256 proven;
        uint256 hung;
        bool unshown; // he has not shown that his result is the last state's model, which takes no more than a proof
        uint256 hitSeats;
        uint256 provenSeats;
        uint256 refutedSeats;
        uint256 liable; // seats that have confirmed what was proven wrong
        uint256 finder; // the first seat whose claim stands; 0: none
        uint256 foundAt;
    }

    IBisection internal immutable BISECTION;

    constructor(IBisection bisection) {
        BISECTION = bisection;
    }

    function _tally(AuditCase memory c) internal view returns (Tally memory tally) {
        for (uint256 number = 2; number <= c.job.taken(); ++number) {
            if (c.audit.answerOf(number) != ACCUSED) continue;
            IAuditVerifier.Claim memory one = _claimOf(c.id, number, 0);
            IAuditVerifier.Claim memory other = _claimOf(c.id, number, 1);
            (Result first, Result second) = (_resultOf(c, one, number, 0), _resultOf(c, other, number, 1));
            _count(tally, number, one, first, second);
            _count(tally, number, other, second, first);
        }
    }

    /// @param beside what has come of the seat's other claim
    function _count(
        Tally memory tally,
        uint256 number,
        IAuditVerifier.Claim memory claim,
        Result result,
        Result beside
    ) private pure {
        uint256 bit = 1 << number;
        if (result == Result.Pending) ++tally.pending;
        else if (result == Result.Running) ++tally.running;
        else if (result == Result.Refuted) tally.refutedSeats |= bit;
        else if (result == Result.Hung) ++tally.hung;
        if (result != Result.Hit && result != Result.Proven) return;
        // INVARIANT: the word of a seat that a jury has found wrong counts for nothing, nor while the jury may still find that. What
        // the worker could disprove without a jury is not a matter of its word.
        bool doubted = beside == Result.Refuted || beside == Result.Running;
        if (result == Result.Hit && claim.index > 0 && doubted) return;

        if (result == Result.Hit) {
            (tally.hits, tally.hitSeats) = (tally.hits + 1, tally.hitSeats | bit);
            if (claim.index == 0) tally.unshown = true;
        } else {
            (tally.proven, tally.provenSeats) = (tally.proven + 1, tally.provenSeats | bit);
            // INVARIANT: who has confirmed a segment answers for what was decided about it, never for what its worker let stand.
            if (claim.liable != 0) tally.liable |= 1 << claim.liable;
        }
        if (tally.finder == 0 || claim.at < tally.foundAt) (tally.finder, tally.foundAt) = (number, claim.at);
    }

    function _resultOf(AuditCase memory c, IAuditVerifier.Claim memory claim, uint256 number, uint256 which)
        private
        view
        returns (Result)
    {
        IAuditVerifier.ClaimState state = claim.state;
        if (state == IAuditVerifier.ClaimState.None) return Result.None;
        if (state == IAuditVerifier.ClaimState.Fallen) return Result.Fallen;
        if (state == IAuditVerifier.ClaimState.Contested) return _disputed(c, number, which);
        uint40 from = state == IAuditVerifier.ClaimState.Open ? claim.at : claim.answeredAt;
        return block.timestamp > from + c.plan.answerTime() ? Result.Hit : Result.Pending;
    }

    function _disputed(AuditCase memory c, uint256 number, uint256 which) private view returns (Result) {
        IBisection.Outcome outcome = BISECTION.outcomeOf(msg.sender, c.id, uint8(number), uint8(which));
        if (outcome == IBisection.Outcome.Defender) return Result.Refuted;
        if (outcome == IBisection.Outcome.Challenger) return Result.Proven;
        // A dispute that still runs when the job must settle counts as hung: nobody is slashed.
        bool hung = outcome == IBisection.Outcome.Hung || block.timestamp >= c.settleBy;
        return hung ? Result.Hung : Result.Running;
    }

    /// @dev The worker has lost, whatever else may come. INVARIANT: what only he could contest, and did not, counts against him
    /// once two seats say it; one alone, however often, is a suspicion. Save a re-audit's: nobody can count on being drawn for one,
    /// and no seat is left to ask.
    function _isLost(AuditCase memory c, Tally memory tally) internal pure returns (bool) {
        if (tally.proven > 0 || tally.unshown) return true;
        return _several(tally.hitSeats) || (c.audit.isReaudit() && tally.hits > 1);
    }

    function _claimOf(JobId id, uint256 number, uint256 which) internal view returns (IAuditVerifier.Claim memory) {
        return IAuditVerifier(msg.sender).claimOf(id, uint8(number), uint8(which));
    }

    /// @dev More than one bit.
    function _several(uint256 mask) private pure returns (bool) {
        return mask != 0 && mask & (mask - 1) != 0;
    }
}
