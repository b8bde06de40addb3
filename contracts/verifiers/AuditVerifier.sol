// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ACCUSED, AuditWord, CONFIRMED} from "../types/AuditWord.sol";
import {Fault, JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {segmentPay} from "../types/Money.sol";
import {isPrivate} from "../types/PrivateTerms.sol";
import {ask} from "../types/RawCalls.sol";
import {AuditBase} from "./AuditBase.sol";
import {AuditClaims} from "./AuditClaims.sol";
import {shareSize} from "./AuditDraw.sol";
import {AuditSums} from "./AuditSums.sol";

/// @title AuditVerifier, as IAuditVerifier says
contract AuditVerifier is AuditClaims {
    constructor(address board, address bisection, address keyBox) AuditBase(board, bisection, keyBox) {}

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (Needs memory) {
        return abi.decode(ask(address(SUMS), AuditSums.needs.selector, terms, ""), (Needs));
    }

    /// @inheritdoc IVerifier
    /// @dev Answers nobody but the board: audits are kept by lane, and another board's jobs have lanes of the same names.
    function verdict(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory rulings)
    {
        if (msg.sender != BOARD || job.state() != JobState.Committed) return (false, rulings);
        uint256 missed = isPrivate(terms.verifierParams)
            ? SUMS.missed(terms.verifierParams, terms.requester, terms.nonce, held[0].price)
            : 0;
        Case memory c;
        Tally memory tally;
        if (missed == 0) {
            (c.id, c.job) = (id, job);
            _fill(c, terms);
            tally = _tally(c);
            if (!_isFinal(c, tally)) return (false, rulings);
        }
        rulings = new Ruling[](held.length);
        // The key never came: nobody's fault but the requester's, and nothing to audit.
        if (missed > 0) rulings[0].pay = uint128(missed - 1);
        else _rule(c, tally, terms, held, rulings);
        return (true, rulings);
    }

    function _isFinal(Case memory c, Tally memory tally) private view returns (bool) {
        if (block.timestamp >= c.settleBy) return true;
        if (c.audit.sitting() == 0) return block.timestamp > c.job.clock() + c.plan.respondTime;
        if (!_isOver(c)) return false;
        if (_isWithheld(c)) return true;
        if (tally.pending > 0 || tally.running > 0) return false;
        if (_isLost(tally)) return true;
        if (c.audit.sitting() == 3) return true;
        if (tally.hits > 0) return c.plan.further(c.audit.done()) == 0;
        if (tally.hung > 0) return true;
        if (c.audit.isClean()) {
            (bool due, bool drawn) = _isDrawn(c);
            return due && !drawn;
        }
        return c.audit.sitting() == 2 || !_isUndone(c);
    }

    // ---- the rows of protocol.md, section 5

    function _rule(
        Case memory c,
        Tally memory tally,
        JobTerms calldata terms,
        Seat[] calldata held,
        Ruling[] memory rulings
    ) private view {
        bool withheld = c.audit.sitting() > 0 && _isWithheld(c);
        bool lost = c.audit.sitting() == 0 || withheld || _isLost(tally);
        address finder = tally.finder == 0 ? address(0) : held[tally.finder - 1].worker;
        uint256 liable = tally.provenLiable | (tally.hits >= ENOUGH ? tally.hitLiable : 0);
        uint256 left = uint256(terms.price) + terms.reserve;
        if (lost) (rulings[0].fault, rulings[0].finder) = (Fault.Slashed, finder);
        else _payWorker(c, tally, terms, held[0].price, rulings[0]);
        left -= rulings[0].pay;
        for (uint256 i = 1; i < held.length; ++i) {
            uint256 number = i + 1;
            bool wrong = liable >> number & 1 != 0;
            if (wrong) (rulings[i].fault, rulings[i].finder) = (Fault.Slashed, finder);
            else _ruleAuditor(c, tally, terms, held[0].worker, number, withheld, rulings[i]);
            // What rounding up could take from prices of a few units is nobody's to claim.
            if (rulings[i].pay > left) rulings[i].pay = uint128(left);
            left -= rulings[i].pay;
        }
    }

    /// @dev Not slashed.
    function _payWorker(
        Case memory c,
        Tally memory tally,
        JobTerms calldata terms,
        uint128 price,
        Ruling memory ruling
    ) private pure {
        // A dispute that nobody could decide: no slash, and the price goes back.
        if (tally.hung > 0) return;
        uint32 done = uint32(c.audit.done());
        if (tally.hits == 0) {
            ruling.pay = segmentPay(price, done, uint32(c.plan.segments));
            for (uint256 number = 2; number <= c.job.taken(); ++number) {
                if (c.audit.answerOf(number) == CONFIRMED) ruling.agreed = true;
            }
            return;
        }
        // One segment differs, and no second one was found: he bears it, and what the looking cost.
        uint256 earned = segmentPay(price, done - 1, uint32(c.plan.segments));
        uint256 cost = c.audit.isReaudit() ? 0 : c.plan.fee(terms.price, c.plan.further(done));
        ruling.pay = uint128(earned > cost ? earned - cost : 0);
    }

    /// @dev One who is not liable for what another has found.
    function _ruleAuditor(
        Case memory c,
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
                (ruling.fault, ruling.finder) = (Fault.Slashed, worker);
                return;
            }
            earned = proven || tally.hitSeats >> number & 1 != 0;
            // All that he said has fallen, and he had not found what the worker promised: as good as silent.
            bool open = tally.hungSeats >> number & 1 != 0 || tally.pending > 0;
            if (!earned && !open) ruling.fault = Fault.NoShow;
        }
        if (earned) {
            uint256 sitting = c.audit.sittingOf(number);
            uint256 pay = c.plan.fee(terms.price, shareSize(c.audit, c.plan, sitting, number));
            (ruling.pay, ruling.agreed) = (uint128(sitting == 2 ? 2 * pay : pay), true);
        } else if (answer == 0 && !withheld) {
            bool late = !present || (c.audit.isServed() && block.timestamp > _auditBy(c));
            if (late) ruling.fault = Fault.NoShow;
        }
    }

    // ---- reading

    /// @inheritdoc IAuditVerifier
    function auditOf(address requester, uint256 nonce) external view returns (Audit memory view_) {
        AuditWord audit = _auditOf(laneOf(requester, nonce), nonce);
        if (audit.sitting() == 0) return view_;
        (view_.done, view_.sitting, view_.served) = (uint16(audit.done()), uint8(audit.sitting()), audit.isServed());
        (view_.clock, view_.round) = (audit.clock(), audit.round());
        for (uint256 number = 2; number <= 5; ++number) {
            view_.answers[number - 2] = uint8(audit.answerOf(number));
        }
        (view_.replacementSeat, view_.lastSeat) = (uint8(audit.replacement()), uint8(audit.last()));
        (view_.clean, view_.reaudit) = (audit.isClean(), audit.isReaudit());
    }

    /// @inheritdoc IAuditVerifier
    function claimOf(JobId id, uint8 number, uint8 claim) external view returns (Claim memory) {
        return _claims[id][number][claim];
    }

    /// @inheritdoc IAuditVerifier
    function segmentsOf(JobTerms calldata terms, Record calldata record, uint8 number)
        external
        view
        returns (uint256[] memory)
    {
        AuditWord audit = _auditOf(laneOf(terms.requester, terms.nonce), terms.nonce);
        return SUMS.share(audit, terms.verifierParams, number, record.seed, record.fresh);
    }
}
