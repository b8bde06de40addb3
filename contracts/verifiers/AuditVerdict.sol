// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBeacon} from "../interfaces/IBeacon.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {planOf} from "../types/AuditPlan.sol";
import {ACCUSED, AuditWord, CONFIRMED, VOID} from "../types/AuditWord.sol";
import {Fault, JobId, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {segmentPay} from "../types/Money.sol";
import {AuditCase, lastOf} from "./AuditCase.sol";
import {confirmerOf, firstEnd, isMissing, shareSize} from "./AuditDraw.sol";
import {AuditTally} from "./AuditTally.sol";

/// @title What becomes of an audit: which sitting may follow, whether it is over, and who is paid and slashed
/// @notice Apart from AuditVerifier, so that either keeps below the size that a contract may have. Made by it, for it; has no
/// state, and asks its caller for the claims.
contract AuditVerdict is AuditTally {
    IBeacon private immutable BEACON;

    constructor(IBeacon beacon, IBisection bisection) AuditTally(bisection) {
        BEACON = beacon;
    }

    // ---- what the verifier asks

    /// @notice Which sitting anybody may open now, 2 or 3; 0: none. `reaudit`: of a clean audit.
    /// @param id of the job of these terms, which is Committed
    function following(JobTerms calldata terms, JobId id, JobWord job, AuditWord audit)
        external
        view
        returns (uint256 sitting, bool reaudit)
    {
        AuditCase memory c = _case(terms, id, job, audit);
        if (audit.done() == 0 || audit.sitting() == 3 || !_isOver(c) || _isWithheld(c)) return (0, false);
        if (audit.isClean()) {
            (, reaudit) = _isDrawn(c);
            return (reaudit ? 3 : 0, reaudit);
        }
        Tally memory tally = _tally(c);
        // INVARIANT: nothing that was said in a sitting can change once the next is open, nor what is left undone.
        if (_isLost(c, tally) || tally.pending > 0) return (0, false);
        if (tally.hits > 0) return (c.plan.further(audit.done()) > 0 ? 3 : 0, false);
        if (audit.sitting() == 1) return (_isUndone(c) ? 2 : 0, false);
        return _isAvoided(c) ? (3, true) : (0, false);
    }

    /// @notice As IVerifier.verdict, of a job that is Committed.
    function rule(JobTerms calldata terms, JobId id, JobWord job, AuditWord audit, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory)
    {
        AuditCase memory c = _case(terms, id, job, audit);
        Tally memory tally = _tally(c);
        if (!_isFinal(c, tally)) return (false, new Ruling[](0));
        return (true, _rule(c, tally, terms, held));
    }

    function _case(JobTerms calldata terms, JobId id, JobWord job, AuditWord audit)
        private
        pure
        returns (AuditCase memory c)
    {
        (c.id, c.job, c.audit, c.plan) = (id, job, audit, planOf(terms.verifierParams));
        c.settleBy = job.clock() + terms.settleTime;
    }

    // ---- how a sitting stands

    /// @dev Whether nothing can be answered in the sitting any more, or nothing is left to be.
    function _isOver(AuditCase memory c) private view returns (bool) {
        if (!c.audit.isServed()) {
            return _isUndrawn(c) || block.timestamp > (c.seated() == 0 ? c.takeBy() : c.serveBy());
        }
        for (uint256 number = c.audit.since(); number <= c.job.taken(); ++number) {
            if (block.timestamp <= _answerBy(c, number)) return false;
        }
        return true;
    }

    /// @dev Until when the seat may still say something; 0: it has said it. One whose first claims have fallen may accuse once more.
    function _answerBy(AuditCase memory c, uint256 number) private view returns (uint40) {
        uint256 answer = c.audit.answerOf(number);
        if (answer != VOID) return answer == 0 ? c.auditBy() : 0;
        IAuditVerifier.Claim memory claim = _claimOf(c.id, number, 0);
        if (claim.state == IAuditVerifier.ClaimState.None || claim.again) return 0;
        return c.againBy(lastOf(claim.answeredAt, _claimOf(c.id, number, 1).answeredAt));
    }

    /// @dev An auditor was seated, and the worker has not shown him anything in time, though he could.
    function _isWithheld(AuditCase memory c) private view returns (bool) {
        return !c.audit.isServed() && c.seated() > 0 && block.timestamp > c.serveBy() && !_isUndrawn(c);
    }

    /// @dev Whether the value that draws the sitting can no longer be had: nobody can be seated or served in it.
    function _isUndrawn(AuditCase memory c) private view returns (bool) {
        return BEACON.isLost(c.audit.round());
    }

    /// @dev Something of the first draw was answered by nobody; the first sitting is over.
    function _isUndone(AuditCase memory c) private pure returns (bool) {
        uint256 chairs = c.seatCount();
        for (uint256 position = 0; position < chairs; ++position) {
            if (isMissing(c.audit, chairs, c.job.taken() + 1, position)) return true;
        }
        return false;
    }

    /// @dev The second sitting is over, something of the first draw is confirmed by nobody, and a seat has said that it cannot tell,
    /// or was never served. INVARIANT: what costs an auditor nothing does not spare the worker; one more looks at all of it.
    function _isAvoided(AuditCase memory c) private view returns (bool) {
        if (_isCovered(c)) return false;
        for (uint256 number = 2; number <= c.job.taken(); ++number) {
            bool void = c.audit.answerOf(number) == VOID;
            if (void && _claimOf(c.id, number, 0).state == IAuditVerifier.ClaimState.None) return true;
        }
        return false;
    }

    /// @dev Whether the round that a clean audit has named is known, and has drawn it. One whose value was lost counts as drawn,
    /// so that nothing is gained by waiting; so does one that somebody on another machine has found suspicious. One that is only
    /// not stored yet decides nothing: who cares stores it.
    function _isDrawn(AuditCase memory c) private view returns (bool known, bool drawn) {
        uint40 round = c.audit.round();
        bytes32 value = BEACON.valueOf(round);
        if (value == 0 && !BEACON.isLost(round)) return (false, false);
        known = true;
        drawn = value == 0 || uint256(keccak256(abi.encode(c.id, value))) % 10_000 < c.plan.reauditBps;
        drawn = (drawn || c.audit.isSuspect()) && c.plan.repeated(c.audit.done()) > 0;
    }

    function _isFinal(AuditCase memory c, Tally memory tally) private view returns (bool) {
        if (block.timestamp >= c.settleBy) return true;
        if (c.audit.sitting() == 0) return block.timestamp > c.job.clock() + c.plan.respondTime;
        if (c.audit.done() == 0) return true;
        if (!_isOver(c)) return false;
        if (_isWithheld(c)) return true;
        if (tally.pending > 0 || tally.running > 0) return false;
        if (_isLost(c, tally) || c.audit.sitting() == 3) return true;
        if (tally.hits > 0) return c.plan.further(c.audit.done()) == 0;
        if (tally.hung > 0) return true;
        if (c.audit.isClean()) {
            (bool known, bool drawn) = _isDrawn(c);
            return known && !drawn;
        }
        return c.audit.sitting() == 1 ? !_isUndone(c) : !_isAvoided(c);
    }

    // ---- the rows of protocol.md, section 5

    function _rule(AuditCase memory c, Tally memory tally, JobTerms calldata terms, Seat[] calldata held)
        private
        view
        returns (Ruling[] memory rulings)
    {
        rulings = new Ruling[](held.length);
        bool withheld = c.audit.sitting() > 0 && _isWithheld(c);
        bool lost = c.audit.sitting() == 0 || withheld || _isLost(c, tally);
        address finder = tally.finder == 0 ? address(0) : held[tally.finder - 1].worker;
        uint256 left = uint256(terms.price) + terms.reserve;
        if (lost) (rulings[0].fault, rulings[0].finder) = (Fault.Slashed, finder);
        else _payWorker(c, tally, terms, held[0].price, rulings[0]);
        left -= rulings[0].pay;
        for (uint256 i = 1; i < held.length; ++i) {
            uint256 number = i + 1;
            bool wrong = tally.liable >> number & 1 != 0;
            if (wrong) (rulings[i].fault, rulings[i].finder) = (Fault.Slashed, finder);
            else _ruleAuditor(c, tally, terms, held[0].worker, number, withheld, rulings[i]);
            // What rounding up could take from prices of a few units is nobody's to claim.
            if (rulings[i].pay > left) rulings[i].pay = uint128(left);
            left -= rulings[i].pay;
        }
    }

    /// @dev Not slashed.
    function _payWorker(
        AuditCase memory c,
        Tally memory tally,
        JobTerms calldata terms,
        uint128 price,
        Ruling memory ruling
    ) private pure {
        // A dispute that nobody could decide: no slash, and the price goes back.
        if (tally.hung > 0) return;
        uint32 done = uint32(c.audit.done());
        if (tally.hits == 0) {
            (ruling.pay, ruling.agreed) = (segmentPay(price, done, uint32(c.plan.segments)), _isCovered(c));
            return;
        }
        // One seat alone finds a difference: he bears a segment, and what the looking cost.
        uint256 earned = segmentPay(price, done - 1, uint32(c.plan.segments));
        uint256 cost = c.audit.isReaudit() ? 0 : c.plan.fee(terms.price, c.plan.further(done));
        ruling.pay = uint128(earned > cost ? earned - cost : 0);
    }

    /// @dev Whether somebody has confirmed each segment of the first draw. A re-auditor has them all.
    function _isCovered(AuditCase memory c) private pure returns (bool) {
        if (c.audit.isReaudit() && c.audit.answerOf(c.audit.last()) == CONFIRMED) return true;
        (uint256 chairs, uint256 seats) = (c.plan.chairs(c.audit.done()), firstEnd(c.audit));
        if (seats == 0) seats = c.job.taken() + 1;
        for (uint256 position = 0; position < chairs; ++position) {
            if (confirmerOf(c.audit, chairs, seats, position) == 0) return false;
        }
        return chairs > 0;
    }

    /// @dev Who has found this auditor wrong. INVARIANT: a jury that is paid where it finds against the worker is paid where it finds
    /// for him; else no juror would. An auditor has one slash: of two such juries the first has it. Where none was asked, it is the
    /// worker, whose clock did not run out.
    function _finderOf(JobId id, uint256 number, address worker) private view returns (address) {
        for (uint8 which = 0; which < 2; ++which) {
            bool won = BISECTION.outcomeOf(msg.sender, id, uint8(number), which) == IBisection.Outcome.Defender;
            address purse = won ? BISECTION.purseOf(msg.sender, id, uint8(number), which) : address(0);
            if (purse != address(0)) return purse;
        }
        return worker;
    }

    /// @dev One who is not liable for what another has found.
    function _ruleAuditor(
        AuditCase memory c,
        Tally memory tally,
        JobTerms calldata terms,
        address worker,
        uint256 number,
        bool withheld,
        Ruling memory ruling
    ) private view {
        uint256 answer = c.audit.answerOf(number);
        bool present = number >= c.audit.since();
        bool earned = answer == CONFIRMED || (withheld && present);
        if (answer == ACCUSED) {
            bool proven = tally.provenSeats >> number & 1 != 0;
            if (!proven && tally.refutedSeats >> number & 1 != 0) {
                (ruling.fault, ruling.finder) = (Fault.Slashed, _finderOf(c.id, number, worker));
                return;
            }
            earned = proven || tally.hitSeats >> number & 1 != 0;
        }
        if (earned) {
            uint256 sitting = c.audit.sittingOf(number);
            uint256 pay = c.plan.fee(terms.price, shareSize(c.audit, c.plan, sitting, number));
            (ruling.pay, ruling.agreed) = (uint128(sitting == 2 ? 2 * pay : pay), true);
        } else if (answer == VOID) {
            // All that he said has fallen, and he had not found what the worker promised: as good as silent. Who said that he
            // cannot tell, or was never served, has no fault.
            if (_claimOf(c.id, number, 0).state != IAuditVerifier.ClaimState.None) ruling.fault = Fault.NoShow;
        } else if (answer == 0 && !withheld) {
            bool late = !present || (c.audit.isServed() && block.timestamp > c.auditBy());
            if (late) ruling.fault = Fault.NoShow;
        }
    }
}
