// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJury} from "../../../contracts/interfaces/IJury.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {Fault, JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {ReopenActs} from "./ReopenActs.sol";

/// @notice Anyone who closes what can be closed; and the verifiers' side: verdicts, rejections, second rounds.
abstract contract CloserActs is ReopenActs {
    function act_openExtra(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Committed);
        if (found) openExtra(index);
    }

    function openExtra(uint256 index) internal {
        if (jobs[index].terms.verifier != address(replication)) return;
        Seat[] memory seats = seatsOf(index);
        if (!replication.extraNeeded(jobs[index].terms, seats)) return;
        try replication.openExtra(jobs[index].terms, seats) {
            did("openExtra");
        } catch {} // too late for a second round
    }

    function act_verdict(uint256 seed, uint128 pay) external {
        stubVerifier.set(
            StubVerifier.Mood(seed % 7 < 4 ? 0 : seed % 7), // half the time it pays
            uint128(bound(pay, 0, PRICE)),
            Fault(seed / 7 % 3),
            seed % 2 == 0 ? stranger : address(0)
        );
        did("verdict");
    }

    function act_reject(uint256 seed) external {
        (bool found, uint256 index) = _silentJob(seed);
        if (!found) return;
        if (jobAt(index).contested || block.timestamp > jobAt(index).clock + WINDOW) return;
        // the bond lies under the acceptance verifier
        coin.mint(requester, 500);
        vm.startPrank(requester);
        coin.approve(address(escrow), 500);
        escrow.deposit(address(acceptance), address(coin), requester, 500);
        acceptance.reject(jobs[index].terms, seatsOf(index));
        vm.stopPrank();
        moneyIn += 500;
        did("reject");
    }

    function act_decide(uint256 seed) external {
        (bool found, uint256 index) = _silentJob(seed);
        if (!found || !jobAt(index).contested) return;
        jury.decide(address(acceptance), jobs[index].id, IJury.Decision(seed / 3 % 4));
        did("decide");
    }

    /// @dev A job of the acceptance tier in Committed.
    function _silentJob(uint256 seed) private view returns (bool found, uint256 index) {
        for (uint256 i = 0; i < LANES && !found; ++i) {
            (found, index) = pick(seed % LANES + i, JobState.Committed);
            found = found && jobs[index].terms.verifier == address(acceptance);
        }
    }

    function act_close(uint256 seed) external {
        if (jobs.length == 0) return;
        // the newest jobs are the open ones
        uint256 index = jobs.length - 1 - seed % min(jobs.length, LANES + 2);
        if (!jobs[index].ended) close(index);
    }

    /// @dev The next natural step of some open job. Without it few jobs would get far within a run.
    function act_forward(uint256 seed, uint256 what) external {
        (bool found, uint256 index) = pickOpen(seed);
        if (!found) return;
        JobState state = stateOf(index);
        // now and then it is closed instead, if its time is over
        if (what % 4 == 0) close(index);
        else if (state == JobState.Posted) takeMany(index, seed);
        else if (state == JobState.Assigned && what % 16 == 1) reopen(index);
        else if (state == JobState.Assigned) commitMany(index, seed);
        else if (jobs[index].terms.verifier == address(replication)) _judge(index, seed);
        else close(index);
    }

    /// @dev First round, second round, settlement: the furthest that can be done now.
    function _judge(uint256 index, uint256 seed) private {
        uint256 open = replication.seats(jobs[index].terms, jobs[index].id).count;
        if (open == 0) {
            openExtra(index);
            reveal(index, seed, false);
        } else if (seed / 31 % 2 == 0) {
            takeExtra(index, seed);
        } else {
            commitExtra(index, seed);
            reveal(index, seed, true);
        }
        if (!jobs[index].ended) close(index);
    }

    function act_closeCommitted(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Committed);
        if (found) close(index);
    }

    /// @dev Closes the job if it may be closed now. What `settle` refuses for lack of a verdict before the deadline is no
    /// failure; everything else that may be closed must be (J2).
    function close(uint256 index) internal {
        JobState state = stateOf(index);
        JobTerms memory terms = jobs[index].terms;
        Seat[] memory seats = seatsOf(index);
        uint40 clock = jobAt(index).clock;
        bool assigned = state == JobState.Assigned;
        uint256 deadline = state == JobState.Posted ? takeBy(index) : clock;
        if (assigned && jobs[index].committed != 0) {
            if (block.timestamp <= clock) return;
            if (block.timestamp <= clock + terms.settleTime) {
                board.closeWork(terms, seats);
                did("closeWork");
                return;
            }
            deadline += terms.settleTime;
        } else if (assigned && jobs[index].reopened < terms.reopens) {
            deadline += REOPEN_TIME; // who would have it done comes first
        }
        uint256[] memory before = _money();
        if (state == JobState.Committed) {
            vm.prank(closer);
            if (block.timestamp > clock + terms.settleTime) {
                board.settle(terms, seats);
            } else {
                try board.settle(terms, seats) {} catch {
                    return;
                }
            }
            rememberEnd(index, JobState.Settled);
            did("settle");
        } else {
            if (block.timestamp <= deadline) return;
            vm.prank(closer);
            board.expire(terms, seats);
            rememberEnd(index, JobState.Expired);
            did("expire");
        }
        _checkEnd(index, before);
    }

    /// @dev E2, to the wei: what the job escrowed is what workers, fire, closer and requester have more than before.
    function _checkEnd(uint256 index, uint256[] memory before) private view {
        JobTerms memory terms = jobs[index].terms;
        uint256[] memory afterwards = _money();
        uint256 n = providers.length;
        uint256 paid;
        for (uint256 i = 0; i < n; ++i) {
            paid += afterwards[i] - before[i];
        }
        uint256 fee = afterwards[n] - before[n];
        uint256 bounty = afterwards[n + 1] - before[n + 1];
        uint256 returned = afterwards[n + 2] - before[n + 2];
        vm.assertEq(paid + fee + bounty + returned, escrowed(terms), "E2");
        vm.assertEq(fee, feeOn(paid), "fee");
        vm.assertEq(bounty, paid == 0 ? terms.bounty : 0, "bounty");
        vm.assertEq(before[n + 3] - afterwards[n + 3], escrowed(terms), "held");
        vm.assertLe(paid, uint256(terms.price) * terms.workers + terms.reserve, "budget");
    }

    /// @dev Free balances of the providers, of fire, closer and requester, and what is held of the requester.
    function _money() private view returns (uint256[] memory list) {
        uint256 n = providers.length;
        list = new uint256[](n + 4);
        for (uint256 i = 0; i < n; ++i) {
            list[i] = free(providers[i]);
        }
        (list[n], list[n + 1], list[n + 2], list[n + 3]) =
            (free(BURN), free(closer), free(requester), held(requester));
    }
}
