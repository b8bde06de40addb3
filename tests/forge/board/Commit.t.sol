// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {
    ExtraSeats, Fault, Job, JobId, JobRef, JobState, JobTerms, Seat, Signature
} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Commitments: one per seat, by its own worker, in time.
contract CommitTest is BoardWorld {
    // ---- one at a time

    function test_J3_commit_sealsOwnSeatAndTheLastEndsTheWork() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        for (uint256 i = 0; i < 3; ++i) {
            expectState(terms, JobState.Assigned);
            vm.assertEq(jobOf(terms).committed, (1 << i) - 1);
            passTime(1);
            Seat[] memory own = new Seat[](1);
            own[0] = seats[i];
            vm.expectEmit(address(board));
            emit IJobBoard.JobSealed(id, workers[i], SEALED, i == 2 ? uint40(vm.getBlockTimestamp()) : 0);
            vm.prank(workers[i]);
            board.commit(refOf(terms), uint8(i + 1), own, SEALED);
            seats[i].commitment = SEALED;
        }
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Committed));
        vm.assertEq(job.committed, 7);
        vm.assertEq(job.clock, vm.getBlockTimestamp());
        board.look(terms, seats);
        seats[1].commitment = 0;
        refused(IJobBoard.WrongSeats.selector, id, 2);
        board.look(terms, seats);
    }

    function test_commit_aJobOfOneSeatStaysFolded() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        Job memory job = jobOf(terms);
        vm.assertEq(job.folded, true);
        vm.assertEq(uint256(job.state), uint256(JobState.Committed));
        vm.assertEq(job.committed, 1);
        board.look(terms, seats);
        seats[0].commitment = 0;
        refused(IJobBoard.WrongSeats.selector, board.idOf(terms), 0);
        board.look(terms, seats);
    }

    function test_commit_ofAFoldedJobUnfoldsIt() external {
        (JobTerms memory terms, Seat[] memory seats) = _folded();
        seal(terms, 1, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(job.folded, false);
        vm.assertEq(bytes32(job.digest), bytes32(bytes20(board.idOf(terms).asBytes())));
        vm.assertEq(job.committed, 2);
        board.look(terms, seats);
        // who still passes all seats, as it was folded, is right too
        seal(terms, 0, seats);
        seal(terms, 2, seats);
        expectState(terms, JobState.Committed);
        board.look(terms, seats);
    }

    function test_commit_ofAFoldedJobNeedsAllSeats() external {
        (JobTerms memory terms, Seat[] memory seats) = _folded();
        JobId id = board.idOf(terms);
        Seat[] memory own = new Seat[](1);
        own[0] = seats[0];
        refused(IJobBoard.WrongSeats.selector, id, 0);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, own, SEALED);
        refused(IJobBoard.WrongSeats.selector, id, 4);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 4, seats, SEALED);
        refused(IJobBoard.WrongSeats.selector, id, 0);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 0, seats, SEALED);
    }

    function test_commit_refusesWrongSeats() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        JobRef memory ref = refOf(terms);
        vm.startPrank(workers[0]);
        refused(IJobBoard.WrongSeats.selector, id, 1);
        board.commit(ref, 1, none, SEALED);
        refused(IJobBoard.WrongSeats.selector, id, 0);
        board.commit(ref, 0, seats, SEALED);
        refused(IJobBoard.WrongSeats.selector, id, 4);
        board.commit(ref, 4, seats, SEALED);
        Seat[] memory own = new Seat[](1);
        own[0] = seats[0];
        refused(IJobBoard.WrongSeats.selector, id, 2);
        board.commit(ref, 2, own, SEALED);
        own[0].price -= 1;
        refused(IJobBoard.WrongSeats.selector, id, 1);
        board.commit(ref, 1, own, SEALED);
    }

    function test_J3_commit_isTheSeatsWorkersOnly() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        refused(IJobBoard.NotSeated.selector, id, workers[1]);
        vm.prank(workers[1]);
        board.commit(refOf(terms), 1, seats, SEALED);
    }

    function test_J3_commit_once() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 0, seats);
        refused(IJobBoard.AlreadyCommitted.selector, id, workers[0]);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, keccak256("another"));
        seats[0].commitment = 0;
        refused(IJobBoard.WrongSeats.selector, id, 1);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, keccak256("another"));
    }

    function test_commit_notZero() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        refused(IJobBoard.CommitmentZero.selector, board.idOf(terms));
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, 0);
    }

    function test_commit_untilTheWorkDeadline() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        uint40 workBy = jobOf(terms).clock;
        vm.warp(workBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, board.idOf(terms), workBy));
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, SEALED);
        vm.warp(workBy);
        seal(terms, 0, seats);
    }

    function test_commit_onlyWhileAssigned() external {
        JobTerms memory terms = _three();
        JobId id = post(terms);
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(0, PRICE);
        refusedState(id, JobState.Posted, JobState.Assigned);
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, SEALED);
        terms.nonce += 1;
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        vm.prank(workers[0]);
        board.commit(refOf(terms), 1, seats, SEALED);
    }

    function test_commit_onlyThisJob() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        JobRef memory ref = refOf(terms);
        bytes32[] memory commitments = new bytes32[](3);
        // several, so that some ids lie above the job's and some below
        for (uint256 i = 0; i < 6; ++i) {
            ref.termsHash = bytes32(uint256(ref.termsHash) + 1);
            vm.expectRevert(abi.encodeWithSelector(IJobBoard.UnknownJob.selector, typed(ref.termsHash)));
            vm.prank(workers[0]);
            board.commit(ref, 1, seats, SEALED);
            vm.expectRevert(abi.encodeWithSelector(IJobBoard.UnknownJob.selector, typed(ref.termsHash)));
            board.commitMany(ref, seats, commitments, new Signature[](3));
        }
    }

    // ---- many at once

    function test_commitMany_sealsWhoSigned() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        bytes32[] memory commitments = new bytes32[](3);
        (commitments[0], commitments[2]) = (SEALED, keccak256("third"));
        vm.expectEmit(address(board));
        emit IJobBoard.JobSealed(id, workers[0], SEALED, 0);
        vm.expectEmit(address(board));
        emit IJobBoard.JobSealed(id, workers[2], keccak256("third"), 0);
        board.commitMany(refOf(terms), seats, commitments, _seals(id, commitments));
        (seats[0].commitment, seats[2].commitment) = (SEALED, keccak256("third"));
        board.look(terms, seats);
        vm.assertEq(jobOf(terms).committed, 5);
        expectState(terms, JobState.Assigned);
        seal(terms, 1, seats);
        expectState(terms, JobState.Committed);
    }

    function test_commitMany_ofAllSeatsKeepsAFoldedJobFolded() external {
        (JobTerms memory terms, Seat[] memory seats) = _folded();
        JobId id = board.idOf(terms);
        bytes32[] memory commitments = new bytes32[](3);
        (commitments[0], commitments[1], commitments[2]) = (SEALED, keccak256("second"), SEALED);
        passTime(2);
        Signature[] memory signatures = _seals(id, commitments);
        vm.expectEmit(address(board));
        emit IJobBoard.JobSealed(id, workers[2], SEALED, uint40(vm.getBlockTimestamp()));
        board.commitMany(refOf(terms), seats, commitments, signatures);
        for (uint256 i = 0; i < 3; ++i) {
            seats[i].commitment = commitments[i];
        }
        board.look(terms, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Committed));
        vm.assertEq(job.clock, vm.getBlockTimestamp());
        vm.assertEq(job.folded, true);
        vm.assertEq(job.committed, 7);
    }

    function test_commitMany_ofSomeSeatsUnfoldsTheJob() external {
        (JobTerms memory terms, Seat[] memory seats) = _folded();
        JobId id = board.idOf(terms);
        bytes32[] memory commitments = new bytes32[](3);
        (commitments[0], commitments[1]) = (SEALED, SEALED);
        board.commitMany(refOf(terms), seats, commitments, _seals(id, commitments));
        (seats[0].commitment, seats[1].commitment) = (SEALED, SEALED);
        board.look(terms, seats);
        vm.assertEq(jobOf(terms).folded, false);
        vm.assertEq(jobOf(terms).committed, 3);
        seal(terms, 2, seats);
        expectState(terms, JobState.Committed);
        board.look(terms, seats);
    }

    function test_commitMany_whoHasCommittedMeanwhileHoldsUpNobody() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        bytes32[] memory commitments = new bytes32[](3);
        (commitments[0], commitments[1]) = (keccak256("late"), SEALED);
        Signature[] memory signatures = _seals(id, commitments);
        seal(terms, 0, seats);
        seats[0].commitment = 0; // as the relayer knew them
        board.commitMany(refOf(terms), seats, commitments, signatures);
        (seats[0].commitment, seats[1].commitment) = (SEALED, SEALED);
        board.look(terms, seats);
        vm.assertEq(jobOf(terms).committed, 3);
    }

    function test_J3_commitMany_refusesOthersSignatures() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        bytes32[] memory commitments = new bytes32[](3);
        (commitments[0], commitments[1]) = (SEALED, SEALED);
        Signature[] memory signatures = _seals(id, commitments);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongSigner.selector, id, workers[1], workers[0]));
        board.commitMany(refOf(terms), seats, commitments, signatures);
    }

    function test_J3_commitMany_once() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 0, seats);
        bytes32[] memory commitments = new bytes32[](3);
        commitments[0] = keccak256("another");
        Signature[] memory signatures = _seals(id, commitments);
        refused(IJobBoard.AlreadyCommitted.selector, id, workers[0]);
        board.commitMany(refOf(terms), seats, commitments, signatures);
    }

    function test_commitMany_refusesWhatDoesNotFit() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        JobRef memory ref = refOf(terms);
        bytes32[] memory commitments = new bytes32[](3);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.LengthMismatch.selector, 2, 3));
        board.commitMany(ref, seats, new bytes32[](2), new Signature[](3));
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.LengthMismatch.selector, 4, 3));
        board.commitMany(ref, seats, commitments, new Signature[](4));
        Seat[] memory two = new Seat[](2);
        (two[0], two[1]) = (seats[0], seats[1]);
        refused(IJobBoard.WrongSeats.selector, id, 3);
        board.commitMany(ref, two, new bytes32[](2), new Signature[](2));
        refused(IJobBoard.NothingCommitted.selector, id);
        board.commitMany(ref, seats, commitments, new Signature[](3));
        seats[1].price -= 1;
        commitments[1] = SEALED;
        Signature[] memory signatures = _seals(id, commitments);
        refused(IJobBoard.WrongSeats.selector, id, 2);
        board.commitMany(ref, seats, commitments, signatures);
        ref.termsHash = bytes32(uint256(ref.termsHash) + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.UnknownJob.selector, typed(ref.termsHash)));
        board.commitMany(ref, seats, commitments, signatures);
    }

    function test_commitMany_untilTheWorkDeadline() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        uint40 workBy = jobOf(terms).clock;
        bytes32[] memory commitments = new bytes32[](3);
        commitments[0] = SEALED;
        Signature[] memory signatures = _seals(board.idOf(terms), commitments);
        vm.warp(workBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, board.idOf(terms), workBy));
        board.commitMany(refOf(terms), seats, commitments, signatures);
        vm.warp(workBy);
        board.commitMany(refOf(terms), seats, commitments, signatures);
    }

    // ---- extra seats

    function test_commitExtra_sealsAnExtraSeat() external {
        (JobTerms memory terms, Seat[] memory seats) = _withExtra();
        JobId id = board.idOf(terms);
        uint40 since = jobOf(terms).clock;
        vm.expectEmit(address(board));
        emit IJobBoard.JobSealed(id, workers[3], SEALED, 0);
        vm.prank(workers[3]);
        board.commitExtra(terms, 4, seats, SEALED);
        seats[3].commitment = SEALED;
        board.look(terms, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(job.committed, 15);
        vm.assertEq(job.clock, since);
        vm.assertEq(uint256(job.state), uint256(JobState.Committed));
        refused(IJobBoard.AlreadyCommitted.selector, id, workers[3]);
        vm.prank(workers[3]);
        board.commitExtra(terms, 4, seats, SEALED);
    }

    function test_commitExtra_neverAFirstSeat() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        seal(terms, 0, seats);
        vm.warp(jobOf(terms).clock + 1);
        board.closeWork(terms, seats);
        JobId id = board.idOf(terms);
        stubVerifier.setExtra(
            ExtraSeats({count: 1, round: 1, opensAt: 1, takeBy: 1, workBy: uint40(vm.getBlockTimestamp() + 5)})
        );
        refused(IJobBoard.NotSeated.selector, id, workers[2]);
        vm.prank(workers[2]);
        board.commitExtra(terms, 3, seats, SEALED);
    }

    function test_commitExtra_untilTheExtraDeadline() external {
        (JobTerms memory terms, Seat[] memory seats) = _withExtra();
        uint40 workBy = stubVerifier.seats(terms, board.idOf(terms)).workBy;
        vm.warp(workBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, board.idOf(terms), workBy));
        vm.prank(workers[3]);
        board.commitExtra(terms, 4, seats, SEALED);
        vm.warp(workBy);
        vm.prank(workers[3]);
        board.commitExtra(terms, 4, seats, SEALED);
    }

    function test_commitExtra_onlyInCommitted() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        refusedState(board.idOf(terms), JobState.Assigned, JobState.Committed);
        vm.prank(workers[0]);
        board.commitExtra(terms, 4, seats, SEALED);
    }

    // ---- going on without the others

    function test_closeWork_goesOnWithWhoCommitted() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 1, seats);
        uint40 workBy = jobOf(terms).clock;
        vm.warp(workBy);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlineNotPassed.selector, id, workBy));
        board.closeWork(terms, seats);
        vm.warp(workBy + 1);
        vm.expectEmit(address(board));
        emit IJobBoard.JobCommitted(id, workBy + 1);
        vm.prank(stranger);
        board.closeWork(terms, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Committed));
        vm.assertEq(job.clock, workBy + 1);
        refusedState(id, JobState.Committed, JobState.Assigned);
        board.closeWork(terms, seats);
    }

    function test_J2_closeWork_forAsLongAsSettlingTakes() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 1, seats);
        uint40 closeBy = jobOf(terms).clock + SETTLE;
        vm.warp(closeBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, id, closeBy));
        board.closeWork(terms, seats);
        vm.warp(closeBy);
        board.closeWork(terms, seats);
    }

    function test_closeWork_onlyWhenSomebodyCommitted() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        vm.warp(jobOf(terms).clock + 1);
        refused(IJobBoard.NothingCommitted.selector, board.idOf(terms));
        board.closeWork(terms, seats);
    }

    function test_closeWork_recognisesTheSeats() external {
        (JobTerms memory terms, Seat[] memory seats) = _folded();
        bytes32[] memory commitments = new bytes32[](3);
        commitments[0] = SEALED;
        board.commitMany(refOf(terms), seats, commitments, _seals(board.idOf(terms), commitments));
        vm.warp(jobOf(terms).clock + 1);
        refused(IJobBoard.WrongSeats.selector, board.idOf(terms), 1);
        board.closeWork(terms, seats);
        seats[0].commitment = SEALED;
        board.closeWork(terms, seats);
        expectState(terms, JobState.Committed);
    }

    // ---- progress and contest

    function test_progress_isAnEventUnderTheCallersName() external {
        JobId id = JobId.wrap(keccak256("any"));
        vm.expectEmit(address(board));
        emit IJobBoard.JobProgress(id, stranger, SEALED);
        vm.prank(stranger);
        board.progress(id, SEALED);
    }

    function test_contest_flagsAndMovesNothing() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        Job memory before = jobOf(terms);
        refused(IJobBoard.NotVerifier.selector, id, stranger);
        vm.prank(stranger);
        board.contest(terms, seats);
        vm.expectEmit(address(board));
        emit IJobBoard.JobContested(id);
        stubVerifier.contest(address(board), terms, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(job.contested, true);
        job.contested = false;
        vm.assertEq(keccak256(abi.encode(job)), keccak256(abi.encode(before)));
        seats[0].price += 1;
        refused(IJobBoard.WrongSeats.selector, id, 1);
        stubVerifier.contest(address(board), terms, seats);
    }

    function test_contest_onlyInCommitted() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        refusedState(board.idOf(terms), JobState.Assigned, JobState.Committed);
        stubVerifier.contest(address(board), terms, seats);
    }

    // ---- help

    function _three() private returns (JobTerms memory terms) {
        terms = plain();
        terms.workers = 3;
    }

    /// @dev Three seats, all given in one call.
    function _folded() private returns (JobTerms memory terms, Seat[] memory seats) {
        terms = _three();
        post(terms);
        passBlocks(3);
        board.takeMany(terms, takesBy(terms, 3));
        seats = new Seat[](3);
        for (uint256 i = 0; i < 3; ++i) {
            seats[i] = seatAt(i, PRICE);
        }
    }

    /// @dev Three seats have committed, a fourth is taken.
    function _withExtra() private returns (JobTerms memory terms, Seat[] memory seats) {
        terms = _three();
        Seat[] memory first = committed(terms);
        passTime(1);
        uint40 now_ = uint40(vm.getBlockTimestamp());
        stubVerifier.setExtra(
            ExtraSeats({
                count: 2,
                round: uint40(vm.getBlockNumber()),
                opensAt: now_,
                takeBy: now_ + 20,
                workBy: now_ + 30
            })
        );
        passBlocks(1);
        vm.prank(workers[3]);
        board.take(terms, first);
        seats = new Seat[](4);
        (seats[0], seats[1], seats[2], seats[3]) = (first[0], first[1], first[2], seatAt(3, PRICE));
    }

    function _seals(JobId id, bytes32[] memory commitments) private view returns (Signature[] memory list) {
        list = new Signature[](commitments.length);
        for (uint256 i = 0; i < list.length; ++i) {
            list[i] = signed(roles[i], board.sealDigest(id, commitments[i]));
        }
    }
}
