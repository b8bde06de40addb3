// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IParameters} from "../../../contracts/interfaces/IParameters.sol";
import {IVerifier} from "../../../contracts/interfaces/IVerifier.sol";
import {Fault, Job, JobId, JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice How a job enters the board, and what keeps it out.
contract PostTest is BoardWorld {
    function test_S2_constructor_refusesAVaultThatLetsStakeOutTooEarly() external {
        uint40 life = parameters.MAX_LIFE();
        vm.assertEq(life, uint256(3600) + 600 + 2 * 3600 + REOPENS * (2 * REOPEN_TIME + 600));
        StakeVault quick = deployVault(life);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.ExitDelayTooShort.selector, life, life));
        deployBoard(quick);
        deployBoard(deployVault(life + 1));
    }

    function test_constructor_remembersWhatItStandsOn() external view {
        vm.assertEq(board.ESCROW(), address(escrow));
        vm.assertEq(board.VAULT(), address(vault));
        vm.assertEq(board.REGISTRY(), address(registry));
        vm.assertEq(board.REPUTATION(), address(reputation));
        vm.assertEq(board.PARAMETERS(), address(parameters));
        vm.assertEq(board.BEACON(), address(beacon));
    }

    // ---- what posting does

    function test_E2_post_holdsTheMostTheJobCanCost(uint128 price, uint128 reserve, uint128 bounty) external {
        JobTerms memory terms = replicated();
        terms.price = uint128(bound(price, 1, 100_000));
        terms.reserve = uint128(bound(reserve, 2 * uint256(terms.price), 300_000));
        terms.bounty = uint128(bound(bounty, 0, 50_000));
        vm.assertEq(board.escrowFor(terms), escrowed(terms));
        post(terms);
        vm.assertEq(held(requester), escrowed(terms));
        vm.assertEq(free(requester), FUNDS - escrowed(terms));
    }

    function test_post_namesAFutureRoundAndRemembersTheJob() external {
        JobTerms memory terms = replicated();
        JobId id = board.idOf(terms);
        vm.assertEq(id.asBytes(), typed(structHash(terms)));
        vm.expectEmit(address(board));
        emit IJobBoard.JobPosted(id, terms, uint40(vm.getBlockNumber()) + BEACON_DELAY);
        vm.prank(requester);
        vm.assertEq(board.post(terms).asBytes(), id.asBytes());
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Posted));
        vm.assertEq(job.sequence, uint16(terms.nonce));
        vm.assertEq(job.clock, vm.getBlockTimestamp());
        vm.assertEq(job.round, vm.getBlockNumber() + BEACON_DELAY);
        vm.assertEq(bytes32(job.digest), bytes32(bytes20(id.asBytes())));
        vm.assertEq(job.taken, 0);
        vm.assertEq(job.committed, 0);
        vm.assertEq(job.silent, false);
        vm.assertEq(job.folded, false);
        vm.assertEq(job.contested, false);
        vm.assertEq(board.seedOf(terms), 0);
    }

    function test_post_remembersASilentTier() external {
        stubVerifier.setNeeds(IVerifier.Needs({reserveBps: 0, settleTime: 0, silent: true}));
        JobTerms memory terms = plain();
        post(terms);
        vm.assertEq(jobOf(terms).silent, true);
    }

    // ---- who

    function test_post_isTheRequestersOnly() external {
        JobTerms memory terms = replicated();
        address[3] memory others = [stranger, address(1), address(type(uint160).max)];
        for (uint256 i = 0; i < others.length; ++i) {
            refused(IJobBoard.NotRequester.selector, board.idOf(terms), others[i]);
            vm.prank(others[i]);
            board.post(terms);
        }
    }

    function test_E3_post_takesWhatIsFreeAndNoMore() external {
        JobTerms memory terms = replicated();
        vm.prank(requester);
        escrow.withdraw(address(board), address(coin), FUNDS - escrowed(terms) + 1, requester);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrow.FreeTooSmall.selector,
                address(board),
                address(coin),
                requester,
                escrowed(terms) - 1,
                escrowed(terms)
            )
        );
        vm.prank(requester);
        board.post(terms);
        expectState(terms, JobState.None);
    }

    // ---- once

    function test_J1_post_usesANonceOnce() external {
        JobTerms memory terms = replicated();
        post(terms);
        _refusedNonce(terms);
        vm.prank(requester);
        board.cancel(terms);
        _refusedNonce(terms);
    }

    function test_J1_post_sequencesOnlyRise() external {
        JobTerms memory terms = replicated();
        terms.nonce = 7 << 16 | 5;
        post(terms);
        vm.prank(requester);
        board.cancel(terms);
        JobTerms memory lower = replicated();
        lower.nonce = 7 << 16 | 4;
        _refusedNonce(lower);
        JobTerms memory higher = replicated();
        higher.nonce = 7 << 16 | 6;
        post(higher);
        expectState(terms, JobState.Superseded);
        expectState(lower, JobState.Superseded);
        expectState(higher, JobState.Posted);
        higher.nonce = 7 << 16 | 7;
        expectState(higher, JobState.None);
    }

    function test_post_sequenceZeroIsNobodys() external {
        JobTerms memory terms = replicated();
        terms.nonce = 9 << 16;
        _refusedNonce(terms);
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        board.look(terms, none);
    }

    function test_post_lanesDoNotHinderOneAnother() external {
        JobTerms memory terms = replicated();
        terms.nonce = 7 << 16 | 5;
        post(terms);
        JobTerms memory same = replicated();
        same.nonce = 7 << 16 | 6;
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.LaneBusy.selector, requester, 7));
        vm.prank(requester);
        board.post(same);
        same.nonce = 8 << 16 | 6;
        post(same);
        (JobState state, uint16 sequence) = board.laneOf(requester, 7);
        vm.assertEq(uint256(state), uint256(JobState.Posted));
        vm.assertEq(sequence, 5);
        (state, sequence) = board.laneOf(requester, 9);
        vm.assertEq(uint256(state), uint256(JobState.None));
        vm.assertEq(sequence, 0);
    }

    // ---- what the job's own terms must be

    function test_post_refusesAPriceOfZero() external {
        JobTerms memory terms = plain();
        terms.price = 0;
        _refusedPost(terms, abi.encodeWithSelector(IJobBoard.PriceZero.selector));
    }

    function test_post_refusesMoreThanOneJobMayEscrow() external {
        JobTerms memory terms = plain();
        terms.bounty = uint128(MAX_ESCROW - PRICE - feeOn(PRICE));
        post(terms);
        vm.assertEq(held(requester), MAX_ESCROW);
        terms = plain();
        terms.bounty = uint128(MAX_ESCROW - PRICE - feeOn(PRICE) + 1);
        _refusedPost(
            terms, abi.encodeWithSelector(IJobBoard.EscrowAboveLimit.selector, MAX_ESCROW + uint256(1), MAX_ESCROW)
        );
    }

    function test_post_refusesAReserveThatCannotFundItsSeats() external {
        stubVerifier.setNeeds(IVerifier.Needs({reserveBps: 15_001, settleTime: 0, silent: false}));
        JobTerms memory terms = plain();
        terms.price = 101;
        stubScheduler.set(true, 101);
        terms.reserve = 151; // 151.5101 rounded up
        _refusedPost(terms, abi.encodeWithSelector(IJobBoard.ReserveTooSmall.selector, 151, 152));
        terms.reserve = 152;
        post(terms);
    }

    function test_post_refusesTakeTimesOutOfBounds() external {
        JobTerms memory terms = plain();
        uint256 now_ = vm.getBlockTimestamp();
        terms.takeBy = uint40(now_ + MIN_TAKE - 1);
        _refusedTake(terms, MIN_TAKE - 1);
        terms.takeBy = uint40(now_ - 5);
        _refusedTake(terms, 0);
        terms.takeBy = uint40(now_ + 3601);
        _refusedTake(terms, 3601);
        terms.takeBy = uint40(2 * now_ + TAKE);
        _refusedTake(terms, now_ + TAKE);
        terms.takeBy = type(uint40).max;
        _refusedTake(terms, type(uint40).max - now_);
        terms.takeBy = uint40(now_ + 3600);
        post(terms);
        terms = plain();
        terms.takeBy = uint40(now_ + MIN_TAKE);
        post(terms);
    }

    function test_post_refusesASchedulerThatTakesOffers() external {
        JobTerms memory terms = accepted();
        _refusedPost(terms, abi.encodeWithSelector(IJobBoard.WrongScheduler.selector, board.idOf(terms), false));
    }

    // ---- what the policy must be: asked once per version

    function test_post_asksOncePerPolicyAndVersion() external {
        JobTerms memory terms = replicated();
        vm.expectCall(address(parameters), abi.encodeWithSelector(IParameters.admit.selector), 2);
        post(terms);
        terms = replicated();
        post(terms); // remembered
        parameters.setHardwareClass(keccak256("gpu"), true);
        terms = replicated();
        post(terms); // a new version
        terms = replicated();
        post(terms);
    }

    function test_post_anotherPolicyIsAskedAnew() external {
        post(replicated());
        JobTerms memory terms = replicated();
        terms.hardwareClass = keccak256("gpu");
        _refusedPost(terms, abi.encodeWithSelector(IParameters.ClassNotAllowed.selector, terms.hardwareClass));
    }

    function test_G2_post_whatIsNoLongerAllowedIsRefusedAndPostedJobsGoOn() external {
        JobTerms memory terms = plain();
        post(terms);
        parameters.setVerifier(address(stubVerifier), false);
        JobTerms memory late = plain();
        _refusedPost(late, abi.encodeWithSelector(IParameters.VerifierNotAllowed.selector, address(stubVerifier)));
        passBlocks(3);
        take(terms, 0);
        expectState(terms, JobState.Assigned);
    }

    function test_post_isRefusedWhilePaused() external {
        parameters.pause();
        _refusedPost(plain(), abi.encodeWithSelector(IJobBoard.Paused.selector));
        parameters.unpause();
        post(plain());
    }

    function test_post_isRefusedByABoardThatTheParametersDoNotKnow() external {
        IJobBoard other = deployBoard(vault);
        JobTerms memory terms = plain();
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.Paused.selector));
        other.post(terms);
    }

    function test_G1_adopt_isTheParametersOnly() external {
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.NotParameters.selector, stranger));
        vm.prank(stranger);
        board.adopt(1);
    }

    // ---- giving a nonce up

    function test_J1_retire_endsAllNoncesUpToIt() external {
        JobTerms memory terms = plain();
        terms.nonce = 7 << 16 | 5;
        vm.expectEmit(address(board));
        emit IJobBoard.NonceRetired(requester, 7 << 16 | 5);
        vm.startPrank(requester);
        board.retire(terms.nonce);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.NonceUsed.selector, requester, terms.nonce));
        board.retire(terms.nonce);
        vm.stopPrank();
        _refusedNonce(terms);
        expectState(terms, JobState.Cancelled);
        (JobState state, uint16 sequence) = board.laneOf(requester, 7);
        vm.assertEq(uint256(state), uint256(JobState.Cancelled));
        vm.assertEq(sequence, 5);
        terms.nonce = 7 << 16 | 6;
        post(terms);
    }

    function test_J1_retire_whileAJobOfTheLaneRuns() external {
        JobTerms memory terms = plain();
        terms.nonce = 7 << 16 | 6;
        Seat[] memory seats = committed(terms);
        Job memory before = jobOf(terms);
        _retire(5, true);
        _retire(6, true);
        vm.expectEmit(address(board));
        emit IJobBoard.NonceRetired(requester, 7 << 16 | 9);
        _retire(9, false);
        _retire(9, true);
        _retire(8, true);
        _retire(10, false);

        vm.assertEq(keccak256(abi.encode(jobOf(terms))), keccak256(abi.encode(before)));
        (JobState state, uint16 sequence) = board.laneOf(requester, 7);
        vm.assertEq(uint256(state), uint256(JobState.Committed));
        vm.assertEq(sequence, 10);
        rule(PRICE, Fault.None, address(0));
        settle(terms, seats);
        expectState(terms, JobState.Settled);

        for (terms.nonce = 7 << 16 | 7; uint16(terms.nonce) < 11; ++terms.nonce) {
            expectState(terms, JobState.Cancelled);
            _refusedNonce(terms);
        }
        expectState(terms, JobState.None);
        post(terms);
        _retire(12, false);
        vm.prank(requester);
        board.cancel(terms);
        _retire(12, true);
        _retire(13, false);
        terms.nonce = 7 << 16 | 14;
        post(terms);
        (, sequence) = board.laneOf(requester, 7);
        vm.assertEq(sequence, 14);
    }

    function _retire(uint256 sequence, bool used) private {
        if (used) vm.expectRevert(abi.encodeWithSelector(IJobBoard.NonceUsed.selector, requester, 7 << 16 | sequence));
        vm.prank(requester);
        board.retire(7 << 16 | sequence);
    }

    function test_retire_isNobodyElses() external {
        JobTerms memory terms = plain();
        vm.prank(stranger);
        board.retire(terms.nonce);
        post(terms);
    }

    // ---- cancelling

    function test_E2_cancel_givesAllBackUntilTheDrawIsFixed() external {
        JobTerms memory terms = replicated();
        JobId id = post(terms);
        vm.roll(vm.getBlockNumber() + BEACON_DELAY); // the round's own block: its hash is not known in it
        vm.expectEmit(address(board));
        emit IJobBoard.JobCancelled(id, escrowed(terms));
        vm.prank(requester);
        board.cancel(terms);
        vm.assertEq(free(requester), FUNDS);
        vm.assertEq(held(requester), 0);
        expectState(terms, JobState.Cancelled);
        refusedState(id, JobState.Cancelled, JobState.Posted);
        vm.prank(requester);
        board.cancel(terms);
    }

    function test_D1_cancel_isRefusedOnceTheDrawCanBeKnown() external {
        JobTerms memory terms = replicated();
        JobId id = post(terms);
        uint40 round = jobOf(terms).round;
        vm.roll(round + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.DrawFixed.selector, id, round));
        vm.prank(requester);
        board.cancel(terms);
    }

    function test_cancel_isTheRequestersOnly() external {
        JobTerms memory terms = replicated();
        JobId id = post(terms);
        address[3] memory others = [stranger, address(1), address(type(uint160).max)];
        for (uint256 i = 0; i < others.length; ++i) {
            refused(IJobBoard.NotRequester.selector, id, others[i]);
            vm.prank(others[i]);
            board.cancel(terms);
        }
    }

    function test_cancel_recognisesTheJobByAllItsTerms() external {
        JobTerms memory terms = replicated();
        post(terms);
        // several, so that some ids lie above the job's and some below
        for (uint256 i = 0; i < 6; ++i) {
            terms.bounty += 1;
            refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
            vm.prank(requester);
            board.cancel(terms);
        }
        terms.nonce += 1;
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        vm.prank(requester);
        board.cancel(terms);
    }

    // ---- help

    function _refusedNonce(JobTerms memory terms) private {
        _refusedPost(terms, abi.encodeWithSelector(IJobBoard.NonceUsed.selector, requester, terms.nonce));
    }

    function _refusedTake(JobTerms memory terms, uint256 have) private {
        _refusedPost(
            terms, abi.encodeWithSelector(IJobBoard.TimeOutOfRange.selector, "takeTime", have, MIN_TAKE, 3600)
        );
    }

    function _refusedPost(JobTerms memory terms, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(terms.requester);
        board.post(terms);
    }
}
