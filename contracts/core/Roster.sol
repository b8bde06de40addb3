// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {Job, JobId, JobState, JobTerms, Seat, hashOf} from "../types/JobTypes.sol";
import {JobWord, bareDigest, foldedDigest, laneOf as laneKey, pack, seatWord} from "../types/JobWord.sol";
import {BoardBase} from "./BoardBase.sol";

/// @title What the board remembers: one slot per lane, and one per seat where seats change one at a time
/// @notice Jobs of a lane follow one another and overwrite one another's slots, so storage does not grow with jobs. A seat's
/// slot counts only up to `job.taken`: `take` writes it anew in every job.
abstract contract Roster is BoardBase, EIP712 {
    mapping(bytes32 lane => JobWord) private _jobs;
    mapping(bytes32 lane => mapping(uint256 number => uint256)) private _seats;

    /// @dev A job being worked on: where it is kept, who it is, how it stands.
    struct Entry {
        bytes32 lane;
        JobId id;
        Job job;
    }

    function _idOf(bytes32 termsHash) internal view returns (JobId) {
        return JobId.wrap(_hashTypedDataV4(termsHash));
    }

    /// @dev The lane's slot as it is, whoever it belongs to.
    function _load(bytes32 lane) internal view returns (Job memory) {
        return _jobs[lane].unpack();
    }

    function _lastOf(bytes32 lane) internal view returns (JobState state, uint16 sequence) {
        Job memory last = _load(lane);
        return (last.state, last.sequence);
    }

    function _store(Entry memory entry) internal {
        _jobs[entry.lane] = pack(entry.job);
    }

    /// @dev The job of these terms. Its digest is still to be compared: `_check`.
    function _find(JobTerms calldata terms) internal view returns (Entry memory) {
        return _find(terms.requester, terms.nonce, hashOf(terms));
    }

    function _find(address requester, uint256 nonce, bytes32 termsHash) internal view returns (Entry memory entry) {
        entry.id = _idOf(termsHash);
        entry.lane = laneKey(requester, nonce);
        entry.job = _load(entry.lane);
        // INVARIANT (J1): a lane holds one job at a time, so what it held before can never be moved again.
        require(entry.job.state != JobState.None && entry.job.sequence == uint16(nonce), UnknownJob(entry.id));
    }

    function _expect(Entry memory entry, JobState need) internal pure {
        require(entry.job.state == need, WrongState(entry.id, entry.job.state, need));
    }

    /// @dev Whether job and seats are the ones remembered. Not folded: empty entries are passed over.
    function _check(Entry memory entry, Seat[] memory held) internal view {
        if (entry.job.folded) {
            require(entry.job.digest == foldedDigest(entry.id, held), WrongSeats(entry.id, 0));
            return;
        }
        require(entry.job.digest == bareDigest(entry.id), UnknownJob(entry.id));
        for (uint256 i = 0; i < held.length; ++i) {
            if (held[i].worker != address(0)) _checkSeat(entry, held[i], i + 1);
        }
    }

    /// @dev As `_check`, and that no seat is missing.
    function _checkAll(Entry memory entry, Seat[] memory held) internal view {
        require(held.length == entry.job.taken, WrongSeats(entry.id, held.length + 1));
        _check(entry, held);
        for (uint256 i = 0; i < held.length; ++i) {
            require(held[i].worker != address(0), WrongSeats(entry.id, i + 1));
        }
    }

    /// @dev Of a job that is not folded.
    function _checkSeat(Entry memory entry, Seat memory seat, uint256 number) internal view {
        bool known = number > 0 && number <= entry.job.taken && _seats[entry.lane][number] == seatWord(entry.id, seat);
        require(known, WrongSeats(entry.id, number));
    }

    function _writeSeat(Entry memory entry, Seat memory seat, uint256 number) internal {
        _seats[entry.lane][number] = seatWord(entry.id, seat);
    }

    function _seatIn(Entry memory entry, uint256 number) internal view returns (uint256) {
        return _seats[entry.lane][number];
    }

    /// @dev All seats under the job's own digest. The caller stores the job.
    function _fold(Entry memory entry, Seat[] memory seats) internal pure {
        entry.job.folded = true;
        entry.job.digest = foldedDigest(entry.id, seats);
    }

    /// @dev A slot for each seat, so that they can change one at a time without hindering one another. `seats` has been
    /// checked; the caller stores the job.
    function _unfold(Entry memory entry, Seat[] memory seats) internal {
        entry.job.folded = false;
        entry.job.digest = bareDigest(entry.id);
        for (uint256 i = 0; i < seats.length; ++i) {
            _writeSeat(entry, seats[i], i + 1);
        }
    }
}
