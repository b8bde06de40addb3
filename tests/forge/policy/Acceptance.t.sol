// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAcceptanceVerifier} from "../../../contracts/interfaces/IAcceptanceVerifier.sol";
import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IJury} from "../../../contracts/interfaces/IJury.sol";
import {StubJury} from "../../../contracts/test/StubJury.sol";
import {JobId, JobState, JobTerms, Offer, Ruling, Seat} from "../../../contracts/types/JobTypes.sol";
import {JobWord} from "../../../contracts/types/JobWord.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Silence is consent; a rejection is heard by a jury, whose answer decides job and bond alike.
contract AcceptanceTest is BoardWorld {
    uint128 private constant FEE = 500;

    // ---- what terms must be

    function test_needs_refuses() external {
        JobTerms memory terms = accepted();
        vm.assertEq(acceptance.needs(terms).settleTime, uint256(WINDOW) + JURY_TIME + MIN_TAKE);
        terms.workers = 2;
        vm.expectRevert(abi.encodeWithSelector(IAcceptanceVerifier.WorkersUnsupported.selector, 2, 1));
        acceptance.needs(terms);
        terms = accepted();
        terms.verifierParams = bytes32(uint256(1 << 32 | WINDOW));
        vm.expectRevert(abi.encodeWithSelector(IAcceptanceVerifier.ParamsInvalid.selector, terms.verifierParams));
        acceptance.needs(terms);
        terms.verifierParams = bytes32(uint256(MIN_TAKE - 1));
        vm.expectRevert(
            abi.encodeWithSelector(IAcceptanceVerifier.WindowOutOfRange.selector, MIN_TAKE - 1, MIN_TAKE)
        );
        acceptance.needs(terms);
        terms.verifierParams = bytes32(uint256(3601));
        vm.expectRevert(abi.encodeWithSelector(IAcceptanceVerifier.WindowOutOfRange.selector, 3601, MIN_TAKE));
        acceptance.needs(terms);
        terms = accepted();
        jury.setFee(address(coin), 0);
        vm.expectRevert(abi.encodeWithSelector(IAcceptanceVerifier.TokenNotHeard.selector, address(coin)));
        acceptance.needs(terms);
    }

    function test_constructor_remembers() external view {
        vm.assertEq(acceptance.BOARD(), address(board));
        vm.assertEq(acceptance.JURY(), address(jury));
        vm.assertEq(acceptance.LEAST_WINDOW(), MIN_TAKE);
        JobTerms memory terms;
        vm.assertEq(acceptance.seats(terms, JobId.wrap(0)).count, 0);
    }

    // ---- rejecting

    function test_reject_locksTheBondAndOpensTheCase() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _committed();
        _fundBond();
        vm.expectEmit(address(acceptance));
        emit IAcceptanceVerifier.Rejected(id, workers[0], FEE);
        vm.prank(requester);
        acceptance.reject(terms, seats);
        vm.assertEq(jobOf(terms).contested, true);
        (uint128 bond, uint40 since) = acceptance.bondOf(id);
        vm.assertEq(bond, FEE);
        vm.assertEq(since, vm.getBlockTimestamp());
        vm.assertEq(_bondHeld(), FEE);
        (address accuser, address accused, bytes32 evidence,,) = jury.caseOf(address(acceptance), id);
        vm.assertEq(accuser, requester);
        vm.assertEq(accused, workers[0]);
        vm.assertEq(evidence, SEALED);
        refused(IAcceptanceVerifier.AlreadyRejected.selector, id);
        vm.prank(requester);
        acceptance.reject(terms, seats);
    }

    function test_reject_refuses() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _committed();
        refused(IAcceptanceVerifier.NotRequester.selector, id, stranger);
        vm.prank(stranger);
        acceptance.reject(terms, seats);
        uint40 until = jobOf(terms).clock + WINDOW;
        vm.warp(until + 1);
        vm.expectRevert(abi.encodeWithSelector(IAcceptanceVerifier.WindowOver.selector, id, until));
        vm.prank(requester);
        acceptance.reject(terms, seats);
        vm.warp(until);
        _fundBond();
        vm.prank(requester);
        acceptance.reject(terms, seats);
        // and silence does not pay in that very second
        refused(IJobBoard.VerdictPending.selector, id);
        board.settle(terms, seats);
    }

    function test_reject_nothingWasCommitted() external {
        JobTerms memory terms = accepted();
        Seat[] memory seats = _posted(terms);
        refused(IAcceptanceVerifier.NothingToReject.selector, board.idOf(terms));
        vm.prank(requester);
        acceptance.reject(terms, seats);
    }

    function test_reject_needsTheSeat() external {
        JobTerms memory terms = accepted();
        terms.scheduler = address(stubScheduler);
        terms.workers = 1;
        post(terms);
        passBlocks(3);
        take(terms, 0);
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(0, PRICE);
        seal(terms, 0, seats);
        refused(IJobBoard.WrongSeats.selector, board.idOf(terms), 0);
        vm.prank(requester);
        acceptance.reject(terms, none);
    }

    // ---- what the jury says

    function test_E2_decision_workerWrong() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _rejected();
        refused(IAcceptanceVerifier.CaseUndecided.selector, id);
        acceptance.releaseBond(terms);
        jury.decide(address(acceptance), id, IJury.Decision.Accused);
        settle(terms, seats);
        vm.assertEq(stakeOf(0).active, ALLOCATED - STAKE);
        vm.assertEq(vault.flushBurned(), STAKE);
        vm.assertEq(free(providers[0]), 0);
        vm.expectEmit(address(acceptance));
        emit IAcceptanceVerifier.BondReturned(id, requester, FEE);
        acceptance.releaseBond(terms);
        vm.assertEq(_bondHeld(), 0);
        (uint128 bond, uint40 since) = acceptance.bondOf(id);
        vm.assertEq(uint256(bond) + since, 0);
        refused(IAcceptanceVerifier.NotRejected.selector, id);
        acceptance.releaseBond(terms);
    }

    function test_E2_decision_requesterWrong() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _rejected();
        jury.decide(address(acceptance), id, IJury.Decision.Accuser);
        vm.expectEmit(address(acceptance));
        emit IAcceptanceVerifier.BondForfeited(id, address(jury), FEE);
        acceptance.releaseBond(terms);
        vm.assertEq(escrow.balanceOf(address(acceptance), address(coin), address(jury)).free, FEE);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE);
        vm.assertEq(stakeOf(0).active, ALLOCATED);
    }

    function test_E2_decision_hungPaysHalf() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _rejected();
        jury.decide(address(acceptance), id, IJury.Decision.Hung);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE / 2);
        acceptance.releaseBond(terms);
        vm.assertEq(_bondHeld(), 0);
    }

    function test_J2_aJuryThatNeverAnswersCountsAsHung(uint8 mood) external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _rejected();
        jury.setMood(StubJury.Mood(bound(mood, 1, 2))); // reverts, or answers what is no decision
        (, uint40 since) = acceptance.bondOf(id);
        vm.warp(since + JURY_TIME + MIN_TAKE - 1);
        refused(IAcceptanceVerifier.CaseUndecided.selector, id);
        acceptance.releaseBond(terms);
        refused(IJobBoard.VerdictPending.selector, id);
        board.settle(terms, seats);
        vm.warp(since + JURY_TIME + MIN_TAKE);
        acceptance.releaseBond(terms);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE / 2);
        vm.assertEq(_bondHeld(), 0);
    }

    function test_verdict_ofAJobThatWasNotContestedIsPending() external {
        (JobTerms memory terms, Seat[] memory seats, JobId id) = _committed();
        (, JobWord job) = board.look(terms, seats);
        (bool done, Ruling[] memory rulings) = acceptance.verdict(terms, id, job, seats);
        vm.assertEq(done, false);
        vm.assertEq(rulings.length, 0);
    }

    // ---- help

    function _posted(JobTerms memory terms) private returns (Seat[] memory seats) {
        Offer[] memory list = one(offerOf(terms, 0, PRICE));
        vm.prank(requester);
        board.postWithOffers(terms, list);
        seats = new Seat[](1);
        seats[0] = seatAt(0, PRICE);
    }

    function _committed() private returns (JobTerms memory terms, Seat[] memory seats, JobId id) {
        terms = accepted();
        seats = _posted(terms);
        seal(terms, 0, seats);
        id = board.idOf(terms);
        expectState(terms, JobState.Committed);
    }

    function _rejected() private returns (JobTerms memory terms, Seat[] memory seats, JobId id) {
        (terms, seats, id) = _committed();
        _fundBond();
        vm.prank(requester);
        acceptance.reject(terms, seats);
    }

    function _fundBond() private {
        coin.mint(requester, FEE);
        vm.startPrank(requester);
        coin.approve(address(escrow), FEE);
        escrow.deposit(address(acceptance), address(coin), requester, FEE);
        vm.stopPrank();
    }

    function _bondHeld() private view returns (uint256) {
        return escrow.balanceOf(address(acceptance), address(coin), requester).held;
    }
}
