// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {WorkerActs} from "./WorkerActs.sol";

/// @notice Seats that are lost: left by who had them, or opened again by anyone because nobody has delivered.
abstract contract ReopenActs is WorkerActs {
    function act_reopen(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Assigned);
        if (!found) return;
        // the time to do it is short; now and then somebody is there in time
        uint40 deadline = jobAt(index).clock;
        if (seed / 3 % 4 == 0 && block.timestamp <= deadline) vm.warp(deadline + 1);
        reopen(index);
    }

    /// @dev If it may be done now. Everybody's bond is burned; the money waits for the next ones.
    function reopen(uint256 index) internal {
        JobTerms memory terms = jobs[index].terms;
        uint40 deadline = jobAt(index).clock;
        bool may = jobs[index].committed == 0 && jobs[index].reopened < terms.reopens && block.timestamp > deadline
            && block.timestamp <= deadline + REOPEN_TIME;
        if (!may) return;
        Seat[] memory seats = seatsOf(index);
        (uint256 money, uint256 stake) = (held(requester), _stakeOf(seats));
        vm.prank(stranger);
        board.reopen(terms, seats);
        vm.assertEq(held(requester), money, "E3: reopening moved money");
        vm.assertEq(stake - _stakeOf(seats), terms.noShowBond * seats.length, "S: what no-shows lose");
        rememberReopened(index);
        did("reopen");
    }

    /// @dev Who works alone leaves in time: half the bond, rounded up, and the seat is open at once or the job over.
    function act_abandon(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Assigned);
        JobTerms memory terms;
        if (found) terms = jobs[index].terms;
        if (!found || terms.workers != 1 || seed / 3 % 4 != 0 || block.timestamp > jobAt(index).clock) return;
        Seat[] memory seats = seatsOf(index);
        (uint256 money, uint256 stake) = (free(requester), _stakeOf(seats));
        vm.prank(seats[0].worker);
        board.abandon(terms, seats);
        vm.assertEq(stake - _stakeOf(seats), (uint256(terms.noShowBond) + 1) / 2, "S: what leaving costs");
        if (jobs[index].reopened < terms.reopens) {
            vm.assertEq(free(requester), money, "E3: reopening moved money");
            rememberReopened(index);
        } else {
            // E2: all of it, the bounty too: nobody earns it by leaving
            vm.assertEq(free(requester), money + escrowed(terms), "refund");
            rememberEnd(index, JobState.Expired);
        }
        did("abandon");
    }

    /// @dev Of those who have these seats, leaving or not.
    function _stakeOf(Seat[] memory seats) private view returns (uint256 sum) {
        for (uint256 i = 0; i < seats.length; ++i) {
            (address provider, address worker) = (seats[i].provider, seats[i].worker);
            IStakeVault.Exit memory exit = vault.exitOf(provider, worker, address(board));
            sum += uint256(vault.allocationOf(provider, worker, address(board)).active) + exit.amount;
        }
    }
}
