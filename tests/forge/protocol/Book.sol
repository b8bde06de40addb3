// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Job, JobId, JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice What the stateful suite remembers beside the contracts: every job, its seats, and every wei that came or went.
/// Acts of the network's people are in the contracts above this one; each act does what it may do now, or nothing.
abstract contract Book is BoardWorld {
    struct Tracked {
        JobTerms terms;
        JobId id;
        Seat[] seats;
        uint256 committed; // bits, as the board keeps them
        bool ended;
        JobState end;
        bytes32 seed; // as first seen
        uint40 round; // of the first draw
        uint256 reopened; // how often
        address[] lost; // workers who had a seat and lost it
    }

    uint256 internal constant LANES = 4;
    uint256 internal constant MAX_JOBS = 400;

    Tracked[] internal jobs;
    uint16[LANES] internal sequences;

    uint256 public moneyIn; // arrived in the escrow under the board and the acceptance verifier
    uint256 public moneyOut;
    uint256 public donated;
    uint256 public stakeIn;
    uint256 public stakeOut;
    uint256 public stakeDonated;
    uint256 public slashed; // lost by workers, all in all
    mapping(string => uint256) public count; // how often an act did something

    /// @dev Everybody who can own money in the escrow.
    function accounts() public view returns (address[] memory list) {
        uint256 n = providers.length;
        list = new address[](n + 6);
        for (uint256 i = 0; i < n; ++i) {
            list[i] = providers[i];
        }
        (list[n], list[n + 1], list[n + 2]) = (requester, closer, stranger);
        (list[n + 3], list[n + 4], list[n + 5]) = (BURN, address(replication), address(jury));
    }

    function jobCount() external view returns (uint256) {
        return jobs.length;
    }

    // ---- picking

    /// @dev The open jobs in this state, and which of them `seed` means. Found: false when there is none.
    function pick(uint256 seed, JobState state) internal view returns (bool found, uint256 index) {
        uint256[] memory fit = new uint256[](jobs.length);
        uint256 n;
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (!jobs[i].ended && stateOf(i) == state) fit[n++] = i;
        }
        return n == 0 ? (false, 0) : (true, fit[seed % n]);
    }

    function pickOpen(uint256 seed) internal view returns (bool found, uint256 index) {
        uint256[] memory open = new uint256[](jobs.length);
        uint256 n;
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (!jobs[i].ended) open[n++] = i;
        }
        return n == 0 ? (false, 0) : (true, open[seed % n]);
    }

    function stateOf(uint256 index) public view returns (JobState) {
        return board.jobOf(jobs[index].terms.requester, jobs[index].terms.nonce).state;
    }

    function seatsOf(uint256 index) internal view returns (Seat[] memory) {
        return jobs[index].seats;
    }

    // ---- remembering

    /// @dev Terms with the next nonce of a free lane. Found: false when all lanes are busy.
    function freshTerms(uint256 seed, JobTerms memory terms) internal view returns (bool found, JobTerms memory) {
        for (uint256 i = 0; i < LANES; ++i) {
            uint256 lane = (seed % LANES + i) % LANES;
            (JobState state,) = board.laneOf(requester, lane);
            if (state != JobState.None && state < JobState.Settled) continue;
            terms.nonce = lane << 16 | (sequences[lane] + 1);
            return (jobs.length < MAX_JOBS, terms);
        }
        return (false, terms);
    }

    function remember(JobTerms memory terms) internal returns (uint256 index) {
        index = jobs.length;
        Tracked storage job = jobs.push();
        job.terms = terms;
        job.id = board.idOf(terms);
        job.round = jobAt(index).round;
        sequences[terms.nonce >> 16] = uint16(terms.nonce);
    }

    function remember(uint256 index, uint256 worker, uint128 price) internal {
        jobs[index].seats.push(seatAt(worker, price));
    }

    function rememberSeal(uint256 index, uint256 seat, bytes32 commitment) internal {
        jobs[index].seats[seat].commitment = commitment;
        jobs[index].committed |= 1 << seat;
    }

    function rememberEnd(uint256 index, JobState end) internal {
        vm.assertEq(jobs[index].ended, false);
        (jobs[index].ended, jobs[index].end) = (true, end);
        vm.assertEq(uint256(stateOf(index)), uint256(end), "an end");
    }

    /// @dev The seats are open again, and who had them is out of it.
    function rememberReopened(uint256 index) internal {
        Tracked storage job = jobs[index];
        for (uint256 i = 0; i < job.seats.length; ++i) {
            job.lost.push(job.seats[i].worker);
        }
        delete job.seats;
        ++job.reopened;
        vm.assertEq(uint256(stateOf(index)), uint256(JobState.Posted), "opened again");
        vm.assertTrue(jobAt(index).round > job.round, "D1: the round of an earlier draw");
        vm.assertTrue(!beacon.isDue(jobAt(index).round), "D1: drawn by a round that is known");
    }

    function did(string memory act) internal {
        ++count[act];
    }

    /// @dev The worker's place in `workers`.
    function indexOf(address worker) internal view returns (uint256 index) {
        while (workers[index] != worker) ++index;
    }

    /// @dev Whether a provider may be seated in this job: no sibling, no seat of it lost, room in his capacity, stake to lock.
    function mayTake(uint256 index, uint256 worker) internal view returns (bool) {
        Seat[] memory seats = seatsOf(index);
        for (uint256 i = 0; i < seats.length; ++i) {
            if (seats[i].worker == workers[worker]) return false;
        }
        address[] memory lost = jobs[index].lost;
        for (uint256 i = 0; i < lost.length; ++i) {
            if (lost[i] == workers[worker]) return false;
        }
        return stakeOf(worker).locks < CAPACITY
            && vault.lockable(providers[worker], workers[worker], address(board)) >= jobs[index].terms.stake;
    }

    /// @dev Until when first seats may be taken.
    function takeBy(uint256 index) internal view returns (uint40) {
        return jobs[index].reopened > 0 ? jobAt(index).clock + REOPEN_TIME : jobs[index].terms.takeBy;
    }

    function stakeOld(uint256 worker, uint256 opensAt) internal view returns (bool) {
        return stakeOf(worker).since < opensAt;
    }

    /// @dev All that the ledger owes under the board, to everybody.
    function owed() public view returns (uint256 sum) {
        address[] memory all = accounts();
        for (uint256 i = 0; i < all.length; ++i) {
            sum += free(all[i]) + held(all[i]);
        }
    }

    function jobAt(uint256 index) internal view returns (Job memory) {
        return board.jobOf(requester, jobs[index].terms.nonce);
    }
}
