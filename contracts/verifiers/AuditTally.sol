// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBisection} from "../interfaces/IBisection.sol";
import {ACCUSED} from "../types/AuditWord.sol";
import {isMissing} from "./AuditDraw.sol";
import {AuditBase} from "./AuditBase.sol";

/// @title What has come of the claims, and what may follow
abstract contract AuditTally is AuditBase {
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
        uint256 hits; // a result that is not the last state's model counts twice: nothing else can explain it
        uint256 proven;
        uint256 hung;
        uint256 hitSeats;
        uint256 provenSeats;
        uint256 refutedSeats;
        uint256 hungSeats;
        uint256 hitLiable; // seats that have confirmed what was hit
        uint256 provenLiable;
        uint256 finder; // the first seat whose claim stands; 0: none
        uint256 foundAt;
    }

    uint256 internal constant ENOUGH = 2; // hits

    function _tally(Case memory c) internal view returns (Tally memory tally) {
        for (uint256 number = 2; number <= c.job.taken(); ++number) {
            if (c.audit.answerOf(number) != ACCUSED) continue;
            _count(c, tally, number, 0);
            _count(c, tally, number, 1);
        }
    }

    function _count(Case memory c, Tally memory tally, uint256 number, uint256 which) private view {
        Claim storage claim = _claims[c.id][number][which];
        Result result = _resultOf(c, claim, number, which);
        uint256 bit = 1 << number;
        if (result == Result.Pending) ++tally.pending;
        else if (result == Result.Running) ++tally.running;
        else if (result == Result.Refuted) tally.refutedSeats |= bit;
        else if (result == Result.Hung) (tally.hung, tally.hungSeats) = (tally.hung + 1, tally.hungSeats | bit);
        if (result != Result.Hit && result != Result.Proven) return;

        uint256 liable = claim.liable == 0 ? 0 : 1 << claim.liable;
        if (result == Result.Hit) {
            tally.hits += claim.index == 0 ? ENOUGH : 1;
            (tally.hitSeats, tally.hitLiable) = (tally.hitSeats | bit, tally.hitLiable | liable);
        } else {
            ++tally.proven;
            (tally.provenSeats, tally.provenLiable) = (tally.provenSeats | bit, tally.provenLiable | liable);
        }
        if (tally.finder == 0 || claim.at < tally.foundAt) (tally.finder, tally.foundAt) = (number, claim.at);
    }

    function _resultOf(Case memory c, Claim storage claim, uint256 number, uint256 which)
        private
        view
        returns (Result)
    {
        ClaimState state = claim.state;
        if (state == ClaimState.None) return Result.None;
        if (state == ClaimState.Fallen) return Result.Fallen;
        if (state == ClaimState.Contested) return _disputed(c, number, which);
        uint40 from = state == ClaimState.Open ? claim.at : claim.answeredAt;
        return block.timestamp > from + c.plan.respondTime ? Result.Hit : Result.Pending;
    }

    function _disputed(Case memory c, uint256 number, uint256 which) private view returns (Result) {
        IBisection.Outcome outcome = _outcomeOf(c.id, number, which);
        if (outcome == IBisection.Outcome.Defender) return Result.Refuted;
        if (outcome == IBisection.Outcome.Challenger) return Result.Proven;
        // A dispute that still runs when the job must settle counts as hung: nobody is slashed.
        bool hung = outcome == IBisection.Outcome.Hung || block.timestamp >= c.settleBy;
        return hung ? Result.Hung : Result.Running;
    }

    /// @dev The worker has lost, whatever else may come.
    function _isLost(Tally memory tally) internal pure returns (bool) {
        return tally.proven > 0 || tally.hits >= ENOUGH;
    }

    // ---- what may follow

    /// @dev Which sitting anybody may open now; 0: none.
    function _following(Case memory c) internal view returns (uint256 sitting, bool reaudit) {
        if (c.audit.sitting() == 3 || !_isOver(c) || _isWithheld(c)) return (0, false);
        if (c.audit.isClean()) {
            (, reaudit) = _isDrawn(c);
            return (reaudit ? 3 : 0, reaudit);
        }
        Tally memory tally = _tally(c);
        if (_isLost(tally)) return (0, false);
        bool further = tally.hits == 1 && tally.pending == 0 && c.plan.further(c.audit.done()) > 0;
        if (further) return (3, false);
        return (c.audit.sitting() == 1 && _isUndone(c) ? 2 : 0, false);
    }

    /// @dev Something of the first draw was answered by nobody; the first sitting is over.
    function _isUndone(Case memory c) internal pure returns (bool) {
        uint256 chairs = _chairs(c);
        for (uint256 position = 0; position < chairs; ++position) {
            if (isMissing(c.audit, chairs, c.job.taken() + 1, position)) return true;
        }
        return false;
    }
}
