// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBeacon} from "../interfaces/IBeacon.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ExtraSeats, JobId, JobRef, JobTerms, Seat, Signature, hashOf} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {AuditPlan, planOf} from "../types/AuditPlan.sol";
import {AuditWord, CONFIRMED, VOID, begunWord} from "../types/AuditWord.sol";
import {ask} from "../types/RawCalls.sol";
import {auditRoot, isLimit} from "../types/TraceHash.sol";
import {AuditBase} from "./AuditBase.sol";
import {AuditCase} from "./AuditCase.sol";
import {shareSize} from "./AuditDraw.sol";
import {AuditVerdict} from "./AuditVerdict.sol";

/// @title Who audits: sittings opened, served and confirmed
abstract contract AuditSittings is AuditBase {
    // ---- beginning

    /// @inheritdoc IAuditVerifier
    function begin(JobTerms calldata terms, Seat[] calldata held, Opening calldata opening) external {
        AuditCase memory c = _find(terms, held);
        require(c.audit.sitting() == 0, AuditAlreadyBegun(c.id));
        uint40 until = c.job.clock() + c.plan.respondTime;
        require(block.timestamp <= until, IJobBoard.DeadlinePassed(c.id, until));
        require(held.length > 0, IJobBoard.WrongSeats(c.id, 1));
        address worker = held[0].worker;
        require(_commitment(c.id, worker, opening) == held[0].commitment, CommitmentMismatch(c.id, worker));
        _begin(c.id, c.job.round(), terms, worker, opening);
    }

    /// @inheritdoc IAuditVerifier
    function commitAndBegin(
        JobTerms calldata terms,
        Seat[] calldata held,
        Signature calldata signature,
        Opening calldata opening
    ) external {
        (JobId id, JobWord job) = _look(terms, held);
        require(held.length > 0, IJobBoard.WrongSeats(id, 1));
        bytes32[] memory commitments = new bytes32[](1);
        Signature[] memory signatures = new Signature[](1);
        (commitments[0], signatures[0]) = (_commitment(id, held[0].worker, opening), signature);
        // The board compares terms, seat and signature, and takes one commitment only: whatever was audited in this lane before
        // was another job's.
        JobRef memory ref = JobRef(terms.requester, terms.nonce, hashOf(terms));
        IJobBoard(BOARD).commitMany(ref, held, commitments, signatures);
        _begin(id, job.round(), terms, held[0].worker, opening);
    }

    function _commitment(JobId id, address worker, Opening calldata opening) internal pure returns (bytes32) {
        bytes32 root = auditRoot(id, opening.resultRoot, opening.traceRoot, opening.done);
        bytes32 shown = keccak256(abi.encode(root));
        return keccak256(abi.encode(id, worker, opening.salt, shown, opening.receiptDigest));
    }

    /// @param round that has drawn the worker
    function _begin(JobId id, uint40 round, JobTerms calldata terms, address worker, Opening calldata opening) private {
        AuditPlan memory plan = planOf(terms.verifierParams);
        uint16 most = uint16(plan.segments);
        require(opening.done > 0 && opening.done <= most, SegmentsOutOfRange(id, opening.done, most));
        // A replay does not end where a clock or a full memory has ended the run: such a segment is nobody's to judge, or to pay.
        uint16 done = isLimit(id, opening.resultRoot) ? opening.done - 1 : opening.done;
        // INVARIANT: what the worker computes on was fixed before he could know that he is drawn, and who audits him; changing it
        // later shuts nobody out.
        Record memory record;
        record.fingerprint = _machineOf(id, worker, round);
        AuditWord audit = begunWord(uint16(terms.nonce), done, _next(), _digest(id, record));
        _audits[laneOf(terms.requester, terms.nonce)] = audit;
        emit AuditBegun(id, worker, opening, record.fingerprint);
        _announce(id, audit, plan, plan.chairs(done));
    }

    function _announce(JobId id, AuditWord audit, AuditPlan memory plan, uint256 count) private {
        uint40 takeBy = audit.clock() + plan.takeTime;
        emit SittingOpened(id, uint8(audit.sitting()), uint8(audit.since()), uint8(count), audit.round(), takeBy);
    }

    // ---- serving

    /// @inheritdoc IAuditVerifier
    function serve(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        bytes32 manifestDigest,
        bytes32[] calldata checks
    ) external {
        AuditCase memory c = _begun(terms, held);
        require(held.length > 0 && held[0].worker == msg.sender, IJobBoard.NotSeated(c.id, msg.sender));
        require(!c.audit.isServed(), AlreadyServed(c.id));
        _checkRecord(c, record);
        uint256 seated = c.seated();
        bool closed = seated == c.seatCount() || (seated > 0 && block.timestamp > c.takeBy());
        require(closed, SeatsStillOpen(c.id, c.takeBy()));
        require(block.timestamp <= c.serveBy(), IJobBoard.DeadlinePassed(c.id, c.serveBy()));
        require(checks.length == seated, ChecksMismatch(c.id, checks.length, seated));

        bytes32[] memory added = _added(c, record.checks.length, checks);
        Record memory grown = _grown(c, record, added);
        c.audit = c.audit.withServed(_digest(c.id, grown));
        _audits[c.lane] = c.audit;
        emit Served(c.id, manifestDigest, grown.seed, grown.fresh, added, c.auditBy());
    }

    /// @dev The checks of this sitting, behind an empty one for every seat that was never served.
    function _added(AuditCase memory c, uint256 known, bytes32[] calldata checks)
        private
        pure
        returns (bytes32[] memory added)
    {
        uint256 unserved = c.audit.since() - 2 - known;
        added = new bytes32[](unserved + checks.length);
        for (uint256 i = 0; i < checks.length; ++i) {
            added[unserved + i] = checks[i];
        }
    }

    /// @dev The record with this sitting's seed and checks.
    function _grown(AuditCase memory c, Record calldata record, bytes32[] memory added)
        private
        view
        returns (Record memory grown)
    {
        bytes32 seed = keccak256(abi.encode(c.id, IBeacon(BEACON).read(c.audit.round())));
        // INVARIANT: the first draw is drawn once. Where nobody came to see it, the first who is served draws it.
        grown.seed = record.seed == 0 ? seed : record.seed;
        grown.fresh = c.audit.sitting() == 3 ? seed : bytes32(0);
        grown.fingerprint = record.fingerprint;
        uint256 known = record.checks.length;
        grown.checks = new bytes32[](known + added.length);
        for (uint256 i = 0; i < grown.checks.length; ++i) {
            grown.checks[i] = i < known ? record.checks[i] : added[i - known];
        }
    }

    // ---- confirming

    /// @inheritdoc IAuditVerifier
    function confirm(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bytes32[] calldata roots
    ) external {
        AuditCase memory c = _begun(terms, held);
        _checkAnswerer(c, held, record, number);
        require(c.audit.answerOf(number) == 0, AlreadyAnswered(c.id, msg.sender));
        bool same = keccak256(abi.encodePacked(roots)) == record.checks[number - 2];
        require(same, RootsMismatch(c.id, msg.sender));
        c.audit = c.audit.withAnswer(number, CONFIRMED);
        emit Confirmed(c.id, msg.sender, number);
        _keep(c);
    }

    /// @dev After an answer: with the last of them, a round is named that decides whether all is looked at again.
    function _keep(AuditCase memory c) internal {
        if (c.audit.sitting() < 3 && _isSpotless(c)) {
            c.audit = c.audit.withClean(_next());
            emit AuditClean(c.id, c.audit.round());
        }
        _audits[c.lane] = c.audit;
    }

    /// @inheritdoc IAuditVerifier
    function decline(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bool suspicion
    ) external {
        AuditCase memory c = _begun(terms, held);
        _checkAnswerer(c, held, record, number);
        require(c.audit.answerOf(number) == 0, AlreadyAnswered(c.id, msg.sender));
        bytes32 own = _machineOf(c.id, msg.sender, c.audit.round());
        require(own != record.fingerprint, FingerprintSame(msg.sender, own));
        c.audit = c.audit.withAnswer(number, VOID);
        _audits[c.lane] = suspicion ? c.audit.withSuspicion() : c.audit;
        emit Declined(c.id, msg.sender, number, suspicion);
    }

    /// @dev The caller has a seat of the present sitting, and its time runs.
    function _checkAnswerer(AuditCase memory c, Seat[] calldata held, Record calldata record, uint8 number) internal view {
        _checkSeated(c, held, record, number);
        require(block.timestamp <= c.auditBy(), IJobBoard.DeadlinePassed(c.id, c.auditBy()));
    }

    /// @dev The same, whatever the time.
    function _checkSeated(AuditCase memory c, Seat[] calldata held, Record calldata record, uint8 number) internal view {
        require(c.audit.isServed(), NotServed(c.id));
        bool seated = number >= c.audit.since() && number <= held.length && held[number - 1].worker == msg.sender;
        require(seated, IJobBoard.NotSeated(c.id, msg.sender));
        _checkRecord(c, record);
    }

    /// @dev Everything that was drawn is confirmed, and nobody has accused.
    function _isSpotless(AuditCase memory c) private pure returns (bool) {
        for (uint256 number = 2; number <= c.job.taken(); ++number) {
            uint256 answer = c.audit.answerOf(number);
            // What was left undone once is done by the replacement.
            bool left = (answer == 0 || answer == VOID) && number < c.audit.since();
            if (answer != CONFIRMED && !left) return false;
        }
        // With a replacement all is done; without one, the first sitting must have been full.
        return c.audit.sitting() == 2 || c.seated() == c.seatCount();
    }

    // ---- later sittings

    /// @inheritdoc IAuditVerifier
    function advance(JobTerms calldata terms, Seat[] calldata held) external {
        AuditCase memory c = _begun(terms, held);
        (uint256 sitting, bool reaudit) = _following(c, terms);
        require(sitting > 0, SittingNotNeeded(c.id));
        uint256 number = c.job.taken() + 1;
        // Where the round that had to draw a sitting is lost, whoever sits there can do nothing, and has no part in it.
        for (uint256 i = c.audit.since(); i < number && !c.audit.isServed(); ++i) {
            c.audit = c.audit.withAnswer(i, VOID);
        }
        c.audit = c.audit.withSitting(sitting, number, _next(), reaudit);
        _audits[c.lane] = c.audit;
        _announce(c.id, c.audit, c.plan, 1);
        // INVARIANT (J2): what a sitting can lead to, a dispute and all, ends before the job settles by its deadline.
        uint40 share = c.plan.turns(shareSize(c.audit, c.plan, sitting, number));
        uint40 dispute = IBisection(BISECTION).MAX_TIME(c.plan.steps, c.plan.moveTime);
        bool fits = c.serveBy() + share + c.plan.claimTime() + dispute <= c.settleBy;
        require(fits, SittingTooLate(c.id, c.settleBy));
    }

    /// @inheritdoc IAuditVerifier
    function following(JobTerms calldata terms, Seat[] calldata held) external view returns (uint256, bool) {
        return _following(_begun(terms, held), terms);
    }

    function _following(AuditCase memory c, JobTerms calldata terms) private view returns (uint256, bool) {
        bytes memory rest = abi.encodePacked(c.id.asBytes(), JobWord.unwrap(c.job), AuditWord.unwrap(c.audit));
        return abi.decode(ask(address(VERDICT), AuditVerdict.following.selector, terms, rest), (uint256, bool));
    }

    /// @inheritdoc IVerifier
    function seats(JobTerms calldata terms, JobId) external view returns (ExtraSeats memory extra) {
        AuditWord audit = _auditOf(laneOf(terms.requester, terms.nonce), terms.nonce);
        if (audit.sitting() == 0 || audit.isServed()) return extra;
        AuditPlan memory plan = planOf(terms.verifierParams);
        uint256 chairs = audit.sitting() == 1 ? plan.chairs(audit.done()) : 1;
        extra.count = uint8(audit.since() - 2 + chairs);
        extra.round = audit.round();
        extra.opensAt = audit.clock();
        extra.takeBy = audit.clock() + plan.takeTime;
        // Nobody commits to anything here: auditors answer to this contract.
    }
}
