// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {JobId, JobState, JobTerms, Seat, hashOf} from "../types/JobTypes.sol";
import {JobWord, bareDigest, laneOf as laneKey} from "../types/JobWord.sol";
import {Reopening, firstReopening} from "../types/Reopening.sol";
import {digestIn, foldedDigest, providerTag, seatDigest, seatWord} from "../types/SeatHash.sol";
import {BoardBase} from "./BoardBase.sol";

/// @title What the board remembers: one slot per lane, and one per seat where seats change one at a time
/// @notice Jobs of a lane follow one another and overwrite one another's slots, so storage does not grow with jobs. A seat's
/// slot counts only up to `taken`: taking a seat writes it anew in every job.
abstract contract Roster is BoardBase, EIP712 {
    mapping(bytes32 lane => JobWord) internal _jobs;
    /// @dev Of a job that was opened again, number 0 holds its Reopening, those above MAX_SEATS the tags of who lost a seat.
    mapping(bytes32 lane => mapping(uint256 number => uint256)) internal _seats;

    function _idOf(bytes32 termsHash) internal view returns (JobId) {
        return JobId.wrap(_hashTypedDataV4(termsHash));
    }

    /// @dev The job of these terms. Its digest is still to be compared: `_check`.
    function _find(JobTerms calldata terms) internal view returns (bytes32 lane, JobId id, JobWord job) {
        return _find(terms.requester, terms.nonce, hashOf(terms));
    }

    function _find(JobTerms calldata terms, JobState need)
        internal
        view
        returns (bytes32 lane, JobId id, JobWord job)
    {
        (lane, id, job) = _find(terms);
        _expect(id, job, need);
    }

    function _find(address requester, uint256 nonce, bytes32 termsHash)
        internal
        view
        returns (bytes32 lane, JobId id, JobWord job)
    {
        id = _idOf(termsHash);
        lane = laneKey(requester, nonce);
        job = _jobs[lane];
        // INVARIANT (J1): a lane holds one job at a time, so what it held before can never be moved again. Sequence 0 is
        // nobody's: an empty lane has it.
        require(uint16(nonce) != 0 && job.sequence() == uint16(nonce), IJobBoard.UnknownJob(id));
    }

    function _expect(JobId id, JobWord job, JobState need) internal pure {
        JobState have = job.state();
        require(have == need, IJobBoard.WrongState(id, have, need));
    }

    /// @dev Whether job and seats are the ones remembered. Not folded: empty entries are passed over.
    function _check(bytes32 lane, JobId id, JobWord job, Seat[] calldata held) internal view {
        _check(lane, id, job, held, false);
    }

    /// @dev As `_check`, and that no seat is missing.
    function _checkAll(bytes32 lane, JobId id, JobWord job, Seat[] calldata held) internal view {
        require(held.length == job.taken(), IJobBoard.WrongSeats(id, held.length + 1));
        _check(lane, id, job, held, true);
    }

    function _check(bytes32 lane, JobId id, JobWord job, Seat[] calldata held, bool all) private view {
        if (job.isFolded()) {
            require(job.digest() == foldedDigest(id, held), IJobBoard.WrongSeats(id, 0));
            return;
        }
        require(job.digest() == bareDigest(id), IJobBoard.UnknownJob(id));
        for (uint256 i = 0; i < held.length; ++i) {
            if (all || held[i].worker != address(0)) _checkSeat(lane, id, job, held[i], i + 1);
        }
    }

    /// @dev Of a job that is not folded.
    function _checkSeat(bytes32 lane, JobId id, JobWord job, Seat calldata seat, uint256 number) internal view {
        bool given = number > 0 && number <= job.taken();
        require(given && digestIn(_seats[lane][number]) == seatDigest(seat), IJobBoard.WrongSeats(id, number));
    }

    /// @dev Until when the first-round seats of a job in Posted may be taken.
    function _takeBy(JobTerms calldata terms, JobWord job) internal view returns (uint40) {
        return job.isReopened() ? job.clock() + REOPEN_TIME : terms.takeBy;
    }

    /// @dev How often the job was opened again, and what is remembered of it.
    function _reopeningOf(bytes32 lane, JobWord job) internal view returns (Reopening) {
        return job.isReopened() ? Reopening.wrap(_seats[lane][0]) : firstReopening(job.round());
    }

    /// @dev A slot for each seat, so that they can change one at a time without hindering one another. `held` has been
    /// checked; the caller stores the job.
    function _unfold(bytes32 lane, JobId id, JobWord job, Seat[] calldata held) internal returns (JobWord) {
        for (uint256 i = 0; i < held.length; ++i) {
            _seats[lane][i + 1] = seatWord(providerTag(id, held[i].provider), seatDigest(held[i]));
        }
        return job.withDigest(bareDigest(id), false);
    }
}
