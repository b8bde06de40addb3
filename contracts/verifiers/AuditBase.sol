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
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobId, JobState, JobTerms, Seat} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {planOf} from "../types/AuditPlan.sol";
import {AuditWord, RECORD_AT} from "../types/AuditWord.sol";
import {ask, behind, rawSeats} from "../types/RawCalls.sol";
import {AuditCase} from "./AuditCase.sol";
import {AuditSums} from "./AuditSums.sol";
import {AuditVerdict} from "./AuditVerdict.sol";

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
    AuditVerdict internal immutable VERDICT;

    // The beacon's schedule, for ever: how a round compares with a time or a block.
    uint40 private immutable ORIGIN;
    uint40 private immutable PERIOD;


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
        VERDICT = new AuditVerdict(IBeacon(BEACON), IBisection(bisection));
        (ORIGIN, PERIOD,) = IBeacon(BEACON).schedule();
    }

    /// @dev What the job of this lane and sequence has been audited; nothing, where the slot is another job's.
    function _auditOf(bytes32 lane, uint256 nonce) internal view returns (AuditWord audit) {
        audit = _audits[lane];
        if (audit.sequence() != uint16(nonce)) return AuditWord.wrap(uint16(nonce));
    }

    /// @dev The job, as the board knows it, of a verifier that is this one.
    function _look(JobTerms calldata terms, Seat[] calldata held) internal view returns (JobId id, JobWord job) {
        bytes memory rest = abi.encodePacked(behind(1), held.length, rawSeats(held));
        (id, job) = abi.decode(ask(BOARD, IJobBoard.look.selector, terms, rest), (JobId, JobWord));
        require(terms.verifier == address(this), IJobBoard.NotVerifier(id, address(this)));
    }

    /// @dev The same, while it is Committed.
    function _find(JobTerms calldata terms, Seat[] calldata held) internal view returns (AuditCase memory c) {
        (c.id, c.job) = _look(terms, held);
        JobState state = c.job.state();
        require(state == JobState.Committed, IJobBoard.WrongState(c.id, state, JobState.Committed));
        _fill(c, terms);
    }

    /// @dev As `_find`, of an audit that has begun.
    function _begun(JobTerms calldata terms, Seat[] calldata held) internal view returns (AuditCase memory c) {
        c = _find(terms, held);
        require(c.audit.sitting() > 0, AuditNotBegun(c.id));
    }

    /// @dev Id and job are there already.
    function _fill(AuditCase memory c, JobTerms calldata terms) internal view {
        c.lane = laneOf(terms.requester, terms.nonce);
        c.audit = _auditOf(c.lane, terms.nonce);
        c.plan = planOf(terms.verifierParams);
        c.settleBy = c.job.clock() + terms.settleTime;
    }

    // ---- the record

    /// @dev 143 bits: two records that fit one digest cost 2^71 tries, and the one who could look for them, the worker, knows the
    /// seed that must be in one of them only while his time to serve runs.
    function _digest(JobId id, Record memory record) internal pure returns (uint256) {
        return uint256(keccak256(abi.encode(id, record))) >> RECORD_AT;
    }

    function _checkRecord(AuditCase memory c, Record calldata record) internal pure {
        require(_digest(c.id, record) == c.audit.digest(), RecordMismatch(c.id));
    }

    // ---- machines

    /// @dev What the worker computes on, which has not changed since this round was named: before its value could be known.
    function _machineOf(JobId id, address worker, uint40 round) internal view returns (bytes32 fingerprint) {
        uint40 time;
        uint40 number;
        (fingerprint, time, number) = IWorkerRegistry(REGISTRY).machineOf(worker);
        bool older = PERIOD == 0 ? number < round : time < ORIGIN + PERIOD * round;
        require(older, ProfileChanged(id, worker));
    }

    // ---- disputes

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
