// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IBeacon} from "../interfaces/IBeacon.sol";
import {IBisection} from "../interfaces/IBisection.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IJury} from "../interfaces/IJury.sol";
import {IKeyBox} from "../interfaces/IKeyBox.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {JobId, JobState, JobTerms, Seat} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {AuditPlan, planOf} from "../types/AuditPlan.sol";
import {AuditWord} from "../types/AuditWord.sol";
import {ask, behind, rawSeats} from "../types/RawCalls.sol";
import {shareSize} from "./AuditDraw.sol";
import {AuditSums} from "./AuditSums.sol";

/// @title What every step of an audit stands on
abstract contract AuditBase is IAuditVerifier {
    /// @inheritdoc IVerifier
    address public immutable BOARD;
    /// @inheritdoc IAuditVerifier
    address public immutable BEACON;
    /// @inheritdoc IAuditVerifier
    address public immutable BISECTION;
    /// @inheritdoc IAuditVerifier
    address public immutable JURY;

    address internal immutable REGISTRY;
    address internal immutable ESCROW;
    AuditSums internal immutable SUMS;

    /// @dev A job and its audit, read once per call.
    struct Case {
        JobId id;
        JobWord job;
        bytes32 lane;
        AuditWord audit;
        AuditPlan plan;
        uint40 settleBy;
    }

    /// @dev Reused by the jobs of a lane, and counts for the job of its sequence only.
    mapping(bytes32 lane => AuditWord) internal _audits;
    mapping(JobId id => mapping(uint256 number => Claim[2])) internal _claims;

    constructor(address board, address bisection, address keyBox) {
        BOARD = board;
        BISECTION = bisection;
        JURY = IBisection(bisection).JURY();
        BEACON = IJobBoard(board).BEACON();
        REGISTRY = IJobBoard(board).REGISTRY();
        ESCROW = IJobBoard(board).ESCROW();
        uint32 least = IParameters(IJobBoard(board).PARAMETERS()).bounds().minTakeTime;
        SUMS = new AuditSums(least, IBisection(bisection), IKeyBox(keyBox));
    }

    /// @dev What the job of this lane and sequence has been audited; nothing, where the slot is another job's.
    function _auditOf(bytes32 lane, uint256 nonce) internal view returns (AuditWord audit) {
        audit = _audits[lane];
        if (audit.sequence() != uint16(nonce)) return AuditWord.wrap(uint16(nonce));
    }

    /// @dev The job, as the board knows it, of a verifier that is this one, while it is Committed.
    function _find(JobTerms calldata terms, Seat[] calldata held) internal view returns (Case memory c) {
        bytes memory rest = abi.encodePacked(behind(1), held.length, rawSeats(held));
        (c.id, c.job) = abi.decode(ask(BOARD, IJobBoard.look.selector, terms, rest), (JobId, JobWord));
        require(terms.verifier == address(this), IJobBoard.NotVerifier(c.id, address(this)));
        JobState state = c.job.state();
        require(state == JobState.Committed, IJobBoard.WrongState(c.id, state, JobState.Committed));
        _fill(c, terms);
    }

    /// @dev As `_find`, of an audit that has begun.
    function _begun(JobTerms calldata terms, Seat[] calldata held) internal view returns (Case memory c) {
        c = _find(terms, held);
        require(c.audit.sitting() > 0, AuditNotBegun(c.id));
    }

    /// @dev Id and job are there already.
    function _fill(Case memory c, JobTerms calldata terms) internal view {
        c.lane = laneOf(terms.requester, terms.nonce);
        c.audit = _auditOf(c.lane, terms.nonce);
        c.plan = planOf(terms.verifierParams);
        c.settleBy = c.job.clock() + terms.settleTime;
    }

    // ---- the record

    /// @dev 144 bits: two records that fit one digest cost 2^72 tries, and the one who could look for them, the worker, knows the
    /// seed that must be in one of them only while his time to serve runs.
    function _digest(JobId id, Record memory record) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(id, record))) >> 112;
    }

    function _checkRecord(Case memory c, Record calldata record) internal pure {
        require(_digest(c.id, record) == c.audit.digest(), RecordMismatch(c.id));
    }

    // ---- time

    /// @dev Until when seats of the sitting can be taken; not served yet.
    function _takeBy(Case memory c) internal pure returns (uint40) {
        return c.audit.clock() + c.plan.takeTime;
    }

    function _serveBy(Case memory c) internal pure returns (uint40) {
        return _takeBy(c) + c.plan.respondTime;
    }

    /// @dev Until when the sitting's auditors may answer; served.
    function _auditBy(Case memory c) internal pure returns (uint40) {
        // The first seats have at most one share each, and all have its time.
        uint256 sitting = c.audit.sitting();
        uint256 size = sitting == 1 ? c.plan.drawn : shareSize(c.audit, c.plan, sitting, c.audit.since());
        return c.audit.clock() + c.plan.turns(size);
    }

    /// @dev Seats of the sitting that were taken.
    function _seated(Case memory c) internal pure returns (uint256) {
        return c.job.taken() + 1 - c.audit.since();
    }

    /// @dev Seats that the sitting has.
    function _chairs(Case memory c) internal pure returns (uint256) {
        return c.audit.sitting() == 1 ? c.plan.chairs(c.audit.done()) : 1;
    }

    /// @dev Whether nothing can be answered in the sitting any more, or nothing is left to be.
    function _isOver(Case memory c) internal view returns (bool) {
        uint256 seated = _seated(c);
        if (!c.audit.isServed()) return block.timestamp > (seated == 0 ? _takeBy(c) : _serveBy(c));
        if (block.timestamp > _auditBy(c)) return true;
        for (uint256 number = c.audit.since(); number <= c.job.taken(); ++number) {
            if (c.audit.answerOf(number) == 0) return false;
        }
        return true;
    }

    /// @dev An auditor was seated, and the worker has not shown him anything in time.
    function _isWithheld(Case memory c) internal view returns (bool) {
        return !c.audit.isServed() && _seated(c) > 0 && block.timestamp > _serveBy(c);
    }

    // ---- drawn for a re-audit

    /// @dev Whether the round that a clean audit has named is known, and has drawn it. One whose value was lost counts as drawn,
    /// so that nothing is gained by waiting.
    function _isDrawn(Case memory c) internal view returns (bool due, bool drawn) {
        due = IBeacon(BEACON).isDue(c.audit.round());
        if (!due) return (false, false);
        bytes32 value = IBeacon(BEACON).valueOf(c.audit.round());
        drawn = value == 0 || uint256(keccak256(abi.encode(c.id, value))) % 10_000 < c.plan.reauditBps;
        drawn = drawn && c.plan.repeated(c.audit.done()) > 0;
    }

    /// @inheritdoc IAuditVerifier
    function bondFor(JobTerms calldata terms) public view returns (uint128) {
        return IJury(JURY).fee(terms.payToken);
    }

    function _outcomeOf(JobId id, uint256 number, uint256 claim) internal view returns (IBisection.Outcome) {
        return IBisection(BISECTION).outcomeOf(address(this), id, uint8(number), uint8(claim));
    }

    function _next() internal view returns (uint40) {
        return IBeacon(BEACON).next();
    }
}
