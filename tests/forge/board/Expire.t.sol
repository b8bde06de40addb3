// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {Fault, JobId, JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Jobs that came to nothing: closed by anyone, for the bounty.
contract ExpireTest is BoardWorld {
    function test_E2_expire_aSeatStillEmptyAtTakeByIsNoTakersFault() external {
        JobTerms memory terms = plain();
        terms.workers = 3;
        JobId id = post(terms);
        passBlocks(3);
        take(terms, 0);
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(0, PRICE);
        vm.warp(terms.takeBy);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlineNotPassed.selector, id, terms.takeBy));
        board.expire(terms, seats);
        vm.warp(terms.takeBy + 1);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[0], 0, Fault.None, false);
        vm.expectEmit(address(board));
        emit IJobBoard.JobExpired(id, closer, escrowed(terms) - BOUNTY);
        expire(terms, seats);
        expectState(terms, JobState.Expired);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
        vm.assertEq(held(requester), 0);
        vm.assertEq(free(closer), BOUNTY);
        vm.assertEq(stakeOf(0).active, ALLOCATED);
        vm.assertEq(stakeOf(0).locked, 0);
        vm.assertEq(stakeOf(0).locks, 0);
        vm.assertEq(reputation.scoreOf(address(board), workers[0]).faults, 0);
    }

    function test_E2_expire_aJobNobodyTook() external {
        JobTerms memory terms = plain();
        post(terms);
        vm.warp(terms.takeBy + 1);
        expire(terms, none);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
        vm.assertEq(free(closer), BOUNTY);
    }

    function test_S3_expire_whoTookAndNeverCommittedLosesHisBond() external {
        JobTerms memory terms = plain();
        terms.workers = 2;
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        uint40 workBy = jobOf(terms).clock;
        vm.warp(workBy);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlineNotPassed.selector, id, workBy));
        board.expire(terms, seats);
        vm.warp(workBy + 1);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[0], 0, Fault.NoShow, false);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[1], 0, Fault.NoShow, false);
        expire(terms, seats);
        for (uint256 i = 0; i < 2; ++i) {
            vm.assertEq(stakeOf(i).active, ALLOCATED - BOND);
            vm.assertEq(stakeOf(i).locked, 0);
            vm.assertEq(reputation.scoreOf(address(board), workers[i]).faults, 1);
        }
        vm.assertEq(vault.flushBurned(), 2 * BOND);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
    }

    function test_J2_expire_whatNobodyWantedToCloseInTime() external {
        JobTerms memory terms = plain();
        terms.workers = 2;
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 0, seats);
        uint40 closeBy = jobOf(terms).clock + SETTLE;
        vm.warp(closeBy);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlineNotPassed.selector, id, closeBy));
        board.expire(terms, seats);
        vm.warp(closeBy + 1);
        expire(terms, seats);
        // who committed goes unharmed, who did not is a no-show
        vm.assertEq(stakeOf(0).active, ALLOCATED);
        vm.assertEq(stakeOf(1).active, ALLOCATED - BOND);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
    }

    function test_expire_neverACommittedJob() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        vm.warp(vm.getBlockTimestamp() + 1 days);
        refusedState(board.idOf(terms), JobState.Committed, JobState.Posted);
        board.expire(terms, seats);
    }

    function test_expire_needsEverySeat() external {
        JobTerms memory terms = plain();
        terms.workers = 2;
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        vm.warp(jobOf(terms).clock + 1);
        refused(IJobBoard.WrongSeats.selector, id, 1);
        board.expire(terms, none);
        seats[1].worker = address(0);
        refused(IJobBoard.WrongSeats.selector, id, 2);
        board.expire(terms, seats);
    }

    function test_J1_expire_once() external {
        JobTerms memory terms = plain();
        JobId id = post(terms);
        vm.warp(terms.takeBy + 1);
        expire(terms, none);
        refusedState(id, JobState.Expired, JobState.Posted);
        board.expire(terms, none);
        terms.bounty += 1;
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        board.expire(terms, none);
    }
}
