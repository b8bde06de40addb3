// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReplicationVerifier} from "../interfaces/IReplicationVerifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ExtraSeats, JobId, JobState, JobTerms, MAX_SEATS} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {RevealWord, noReveals} from "../types/RevealWord.sol";
import {isUndecided} from "./ReplicationRows.sol";

/// @title Whose turn it is: the two rounds of a replicated job, and their clocks
/// @notice The first round has as many seats as the terms have workers, the second the rest up to MAX_SEATS.
abstract contract ReplicationRounds is IReplicationVerifier {
    /// @inheritdoc IVerifier
    address public immutable BOARD;
    /// @inheritdoc IReplicationVerifier
    address public immutable BEACON;
    /// @inheritdoc IReplicationVerifier
    uint32 public immutable LEAST_CLOCK;

    address internal immutable REPUTATION;
    address internal immutable PARAMETERS;

    struct Second {
        uint40 openedAt;
        uint40 round;
    }

    /// @dev Reused by the jobs of a lane, and counts for the job of its sequence only. What else the lane keeps counts as far
    /// as this slot says that the same job has written it.
    mapping(bytes32 lane => RevealWord) internal _reveals;
    mapping(bytes32 lane => Second) internal _seconds;

    constructor(address board) {
        BOARD = board;
        BEACON = IJobBoard(board).BEACON();
        REPUTATION = IJobBoard(board).REPUTATION();
        PARAMETERS = IJobBoard(board).PARAMETERS();
        LEAST_CLOCK = IParameters(PARAMETERS).bounds().minTakeTime;
    }

    /// @inheritdoc IReplicationVerifier
    function clocksOf(bytes32 params) public pure returns (Clocks memory) {
        uint256 packed = uint256(params);
        return Clocks({
            revealTime: uint32(packed),
            grace: uint32(packed >> 32),
            extraTakeTime: uint32(packed >> 64)
        });
    }

    /// @dev What the job of this sequence has shown; nothing, where the slot is another job's.
    function _revealsOf(bytes32 lane, uint16 sequence) internal view returns (RevealWord reveals) {
        reveals = _reveals[lane];
        if (reveals.sequence() != sequence) return noReveals(sequence);
    }

    /// @dev The caller stores what this makes of `reveals`.
    function _openSecond(JobTerms calldata terms, JobId id, bytes32 lane, RevealWord reveals)
        internal
        returns (RevealWord)
    {
        reveals = reveals.withSecond();
        _seconds[lane] = Second({openedAt: uint40(block.timestamp), round: IBeacon(BEACON).next()});
        ExtraSeats memory extra = _extraOf(terms, lane, reveals);
        emit ExtraSeatsOpened(id, extra.round, extra.takeBy, extra.workBy, _revealBy(terms, extra.workBy));
        return reveals;
    }

    /// @dev Every first seat that committed has revealed.
    function _firstShown(JobTerms calldata terms, JobWord job, RevealWord reveals) internal pure returns (bool) {
        return (reveals.shown() ^ job.committed()) & ((1 << terms.workers) - 1) == 0;
    }

    /// @dev Every extra seat that committed has revealed.
    function _secondShown(JobTerms calldata terms, JobWord job, RevealWord reveals) internal pure returns (bool) {
        return (reveals.shown() ^ job.committed()) >> terms.workers == 0;
    }

    function _firstOver(JobTerms calldata terms, JobWord job, RevealWord reveals) internal view returns (bool) {
        return _firstShown(terms, job, reveals) || block.timestamp > _firstDeadline(terms, job);
    }

    function _firstDeadline(JobTerms calldata terms, JobWord job) internal pure returns (uint40) {
        return _revealBy(terms, job.clock());
    }

    function _revealBy(JobTerms calldata terms, uint40 from) internal pure returns (uint40) {
        uint256 clocks = uint256(terms.verifierParams);
        return from + uint32(clocks) + uint32(clocks >> 32);
    }

    function _extraOf(JobTerms calldata terms, bytes32 lane, RevealWord reveals)
        internal
        view
        returns (ExtraSeats memory extra)
    {
        if (!reveals.hasSecond()) return extra;
        Second memory second = _seconds[lane];
        extra.count = MAX_SEATS - terms.workers;
        extra.round = second.round;
        extra.opensAt = second.openedAt;
        extra.takeBy = second.openedAt + clocksOf(terms.verifierParams).extraTakeTime;
        extra.workBy = extra.takeBy + terms.workTime;
    }

    /// @dev No extra seat can be taken any more, and none that was taken can still commit.
    function _extraSealed(JobTerms calldata terms, JobWord job, ExtraSeats memory extra) internal view returns (bool) {
        uint256 taken = job.taken() - terms.workers;
        bool committed = job.committed() >> terms.workers == (1 << taken) - 1;
        return (taken == extra.count || block.timestamp > extra.takeBy)
            && (committed || block.timestamp > extra.workBy);
    }

    function _final(JobTerms calldata terms, bytes32 lane, JobWord job, RevealWord reveals)
        internal
        view
        returns (bool)
    {
        if (job.state() != JobState.Committed) return false;
        if (block.timestamp >= job.clock() + terms.settleTime) return true;
        if (!reveals.hasSecond()) return _firstOver(terms, job, reveals) && !isUndecided(reveals, terms.workers);
        ExtraSeats memory extra = _extraOf(terms, lane, reveals);
        if (block.timestamp > _revealBy(terms, extra.workBy)) return true;
        return _extraSealed(terms, job, extra) && _secondShown(terms, job, reveals);
    }
}
