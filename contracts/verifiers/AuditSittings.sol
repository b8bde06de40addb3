// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBeacon} from "../interfaces/IBeacon.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {ExtraSeats, JobId, JobRef, JobTerms, Seat, Signature, hashOf} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {AuditPlan, planOf} from "../types/AuditPlan.sol";
import {AuditWord, CONFIRMED, begunWord} from "../types/AuditWord.sol";
import {auditRoot} from "../types/TraceHash.sol";
import {firstEnd, isMissing, shareSize} from "./AuditDraw.sol";
import {AuditTally} from "./AuditTally.sol";

/// @title Who audits: sittings opened, served and confirmed
abstract contract AuditSittings is AuditTally {
    // ---- beginning

    /// @inheritdoc IAuditVerifier
    function begin(JobTerms calldata terms, Seat[] calldata held, Opening calldata opening) external {
        Case memory c = _find(terms, held);
        require(c.audit.sitting() == 0, AuditAlreadyBegun(c.id));
        uint40 until = c.job.clock() + c.plan.respondTime;
        require(block.timestamp <= until, IJobBoard.DeadlinePassed(c.id, until));
        require(held.length > 0, IJobBoard.WrongSeats(c.id, 1));
        address worker = held[0].worker;
        require(_commitment(c.id, worker, opening) == held[0].commitment, CommitmentMismatch(c.id, worker));
        _begin(c.id, c.lane, terms, worker, opening);
    }

    /// @inheritdoc IAuditVerifier
    function commitAndBegin(
        JobTerms calldata terms,
        Seat[] calldata held,
        Signature calldata signature,
        Opening calldata opening
    ) external {
        JobId id = IJobBoard(BOARD).idOf(terms);
        require(terms.verifier == address(this), IJobBoard.NotVerifier(id, address(this)));
        require(held.length > 0, IJobBoard.WrongSeats(id, 1));
        bytes32[] memory commitments = new bytes32[](1);
        Signature[] memory signatures = new Signature[](1);
        (commitments[0], signatures[0]) = (_commitment(id, held[0].worker, opening), signature);
        // The board compares terms, seat and signature, and takes one commitment only: whatever was audited in this lane before
        // was another job's.
        JobRef memory ref = JobRef(terms.requester, terms.nonce, hashOf(terms));
        IJobBoard(BOARD).commitMany(ref, held, commitments, signatures);
        _begin(id, laneOf(terms.requester, terms.nonce), terms, held[0].worker, opening);
    }

    function _commitment(JobId id, address worker, Opening calldata opening) internal pure returns (bytes32) {
        bytes32 root = auditRoot(id, opening.resultRoot, opening.traceRoot, opening.done);
        bytes32 shown = keccak256(abi.encode(root));
        return keccak256(abi.encode(id, worker, opening.salt, shown, opening.receiptDigest));
    }

    function _begin(JobId id, bytes32 lane, JobTerms calldata terms, address worker, Opening calldata opening) private {
        AuditPlan memory plan = planOf(terms.verifierParams);
        uint16 most = uint16(plan.segments);
        require(opening.done > 0 && opening.done <= most, SegmentsOutOfRange(id, opening.done, most));
        // INVARIANT: what the worker computes on is fixed before he can know who audits him; changing it later shuts nobody out.
        Record memory record;
        record.fingerprint = IWorkerRegistry(REGISTRY).profileOf(worker).fingerprint;
        AuditWord audit = begunWord(uint16(terms.nonce), opening.done, _next(), _digest(id, record));
        _audits[lane] = audit;
        emit AuditBegun(id, worker, opening, record.fingerprint);
        _announce(id, audit, plan, plan.chairs(opening.done));
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
        Case memory c = _begun(terms, held);
        require(held.length > 0 && held[0].worker == msg.sender, IJobBoard.NotSeated(c.id, msg.sender));
        require(!c.audit.isServed(), AlreadyServed(c.id));
        _checkRecord(c, record);
        uint256 seated = _seated(c);
        bool closed = seated == _chairs(c) || (seated > 0 && block.timestamp > _takeBy(c));
        require(closed, SeatsStillOpen(c.id, _takeBy(c)));
        require(block.timestamp <= _serveBy(c), IJobBoard.DeadlinePassed(c.id, _serveBy(c)));
        require(checks.length == seated, ChecksMismatch(c.id, checks.length, seated));

        Record memory grown = _grown(c, record, checks);
        c.audit = c.audit.withServed(_digest(c.id, grown));
        _audits[c.lane] = c.audit;
        emit Served(c.id, manifestDigest, grown.seed, grown.fresh, checks, _auditBy(c));
    }

    /// @dev The record with this sitting's seed and checks.
    function _grown(Case memory c, Record calldata record, bytes32[] calldata checks)
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
        grown.checks = new bytes32[](known + checks.length);
        for (uint256 i = 0; i < grown.checks.length; ++i) {
            grown.checks[i] = i < known ? record.checks[i] : checks[i - known];
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
        Case memory c = _begun(terms, held);
        _checkAnswerer(c, held, record, number);
        require(c.audit.answerOf(number) == 0, AlreadyAnswered(c.id, msg.sender));
        bool same = keccak256(abi.encodePacked(roots)) == record.checks[number - 2];
        require(same, RootsMismatch(c.id, msg.sender));
        c.audit = c.audit.withAnswer(number, CONFIRMED);
        emit Confirmed(c.id, msg.sender, number);
        if (c.audit.sitting() < 3 && _isSpotless(c)) {
            c.audit = c.audit.withClean(_next());
            emit AuditClean(c.id, c.audit.round());
        }
        _audits[c.lane] = c.audit;
    }

    /// @dev The caller has a seat of the present sitting, and his time runs.
    function _checkAnswerer(Case memory c, Seat[] calldata held, Record calldata record, uint8 number) internal view {
        require(c.audit.isServed(), NotServed(c.id));
        bool seated = number >= c.audit.since() && number <= held.length && held[number - 1].worker == msg.sender;
        require(seated, IJobBoard.NotSeated(c.id, msg.sender));
        _checkRecord(c, record);
        require(block.timestamp <= _auditBy(c), IJobBoard.DeadlinePassed(c.id, _auditBy(c)));
    }

    /// @dev Everything that was drawn is confirmed, and nobody has accused.
    function _isSpotless(Case memory c) private pure returns (bool) {
        for (uint256 number = 2; number <= c.job.taken(); ++number) {
            uint256 answer = c.audit.answerOf(number);
            bool left = answer == 0 && number < c.audit.since(); // silent once, and done by the replacement
            if (answer != CONFIRMED && !left) return false;
        }
        // With a replacement all is done; without one, the first sitting must have been full.
        return c.audit.sitting() == 2 || _seated(c) == _chairs(c);
    }

    // ---- later sittings

    /// @inheritdoc IAuditVerifier
    function advance(JobTerms calldata terms, Seat[] calldata held) external {
        Case memory c = _begun(terms, held);
        (uint256 sitting, bool reaudit) = _following(c);
        require(sitting > 0, SittingNotNeeded(c.id));
        uint256 number = c.job.taken() + 1;
        c.audit = c.audit.withSitting(sitting, number, _next(), reaudit);
        _audits[c.lane] = c.audit;
        _announce(c.id, c.audit, c.plan, 1);
        // INVARIANT (J2): what a sitting can lead to, a dispute and all, ends before the job settles by its deadline.
        uint40 share = c.plan.turns(shareSize(c.audit, c.plan, sitting, number));
        uint40 dispute = IBisection(BISECTION).MAX_TIME(c.plan.steps, c.plan.moveTime);
        require(_serveBy(c) + share + 2 * c.plan.respondTime + dispute <= c.settleBy, SittingTooLate(c.id, c.settleBy));
    }

    /// @inheritdoc IAuditVerifier
    function following(JobTerms calldata terms, Seat[] calldata held) external view returns (uint256, bool) {
        return _following(_begun(terms, held));
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
