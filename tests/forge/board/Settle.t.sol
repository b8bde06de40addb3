// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IParameters} from "../../../contracts/interfaces/IParameters.sol";
import {IReputation} from "../../../contracts/interfaces/IReputation.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {IVerifier} from "../../../contracts/interfaces/IVerifier.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {
    ExtraSeats, Fault, Job, JobId, JobState, JobTerms, Offer, Ruling, Seat
} from "../../../contracts/types/JobTypes.sol";
import {JobWord} from "../../../contracts/types/JobWord.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Verdicts carried out, to the wei; and what happens when none comes.
contract SettleTest is BoardWorld {
    // ---- paid

    function test_E2_settle_paysFeesAndReturnsTheRest(uint128 pay) external {
        JobTerms memory terms = _three();
        pay = uint128(bound(pay, 1, PRICE));
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule(pay, Fault.None, address(0));
        uint256 paid = 3 * uint256(pay);
        uint256 fee = feeOn(paid);
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(board));
            emit IJobBoard.WorkerSettled(id, workers[i], pay, Fault.None, true);
        }
        vm.expectEmit(address(board));
        emit IJobBoard.JobSettled(id, closer, paid, fee, escrowed(terms) - paid - fee);
        settle(terms, seats);

        expectState(terms, JobState.Settled);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(free(providers[i]), pay);
            vm.assertEq(stakeOf(i).locked, 0);
            vm.assertEq(stakeOf(i).locks, 0);
            vm.assertEq(stakeOf(i).active, ALLOCATED);
        }
        vm.assertEq(free(BURN), fee);
        vm.assertEq(free(closer), 0);
        vm.assertEq(held(requester), 0);
        vm.assertEq(free(requester), FUNDS - paid - fee);
    }

    function test_E2_settle_neverPaysMoreThanIsEscrowed() external {
        JobTerms memory terms = _three();
        terms.reserve = 10;
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule((3 * PRICE + 10) / 3 + 1, Fault.None, address(0));
        refused(IJobBoard.VerdictBroken.selector, id);
        board.settle(terms, seats);
        rule((3 * PRICE + 10) / 3, Fault.None, address(0));
        settle(terms, seats);
        terms = plain();
        seats = committed(terms);
        rule(PRICE, Fault.None, address(0)); // exactly all of it
        settle(terms, seats);
        expectState(terms, JobState.Settled);
    }

    function test_E2_settle_paysNobodyThenTheCloserGetsTheBounty() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule(0, Fault.Slashed, address(0));
        vm.expectEmit(address(board));
        emit IJobBoard.JobSettled(id, closer, 0, 0, escrowed(terms) - BOUNTY);
        settle(terms, seats);
        vm.assertEq(free(closer), BOUNTY);
        vm.assertEq(free(BURN), 0);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
        vm.assertEq(held(requester), 0);
    }

    // ---- stake

    function test_S3_settle_slashesAllThatTheJobLocked() external {
        JobTerms memory terms = plain();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule(0, Fault.Slashed, finder);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[0], 0, Fault.Slashed, false);
        vm.expectCall(
            address(vault),
            abi.encodeCall(IStakeVault.release, (providers[0], workers[0], STAKE, STAKE, finder, STAKE / 2)),
            1
        );
        settle(terms, seats);
        vm.assertEq(stakeOf(0).active, ALLOCATED - STAKE);
        vm.assertEq(stakeOf(0).locked, 0);
        vm.assertEq(vault.claimableOf(finder), STAKE / 2);
        vm.assertEq(vault.flushBurned(), STAKE / 2);
    }

    function test_S3_settle_aNoShowLosesHisBond() external {
        JobTerms memory terms = plain();
        terms.stake = STAKE + 1;
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule(3, Fault.NoShow, address(0));
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[0], 3, Fault.NoShow, false);
        settle(terms, seats);
        vm.assertEq(stakeOf(0).active, ALLOCATED - BOND);
        vm.assertEq(vault.flushBurned(), BOND);
    }

    // ---- score

    function test_settle_aSuccessCountsTheFeeThatItBurned() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        rule(7_777, Fault.None, address(0));
        settle(terms, seats);
        IReputation.Score memory score = reputation.scoreOf(address(board), workers[0]);
        vm.assertEq(uint128(score.points), 78 * SCORE_WEIGHT / 1e18);
        vm.assertEq(score.wins, 1);
        vm.assertEq(score.faults, 0);
    }

    function test_settle_aFaultCostsTheFeeOnTheWholePrice() external {
        JobTerms memory terms = plain();
        terms.price = 9_999;
        stubScheduler.set(true, 5_000);
        post(terms);
        passBlocks(3);
        take(terms, 0);
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(0, 5_000);
        seal(terms, 0, seats);
        rule(0, Fault.Slashed, address(0));
        settle(terms, seats);
        IReputation.Score memory score = reputation.scoreOf(address(board), workers[0]);
        vm.assertEq(uint128(-score.points), 100 * SCORE_WEIGHT / 1e18);
        vm.assertEq(score.faults, 1);
        vm.assertEq(score.wins, 0);
    }

    function test_settle_aSuccessThatBurnedNothingCountsForNothing() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        rule(0, Fault.None, address(0));
        settle(terms, seats);
        vm.assertEq(reputation.scoreOf(address(board), workers[0]).wins, 0);
    }

    function test_settle_asksNobodyForTheWeight() external {
        stubVerifier.setNeeds(IVerifier.Needs({reserveBps: 0, settleTime: 0, silent: true}));
        JobTerms memory terms = _silent();
        Seat[] memory seats = committed(terms);
        vm.warp(jobOf(terms).clock + WINDOW + 1);
        vm.expectCall(address(parameters), abi.encodeWithSelector(IParameters.tokenRule.selector), 0);
        settle(terms, seats);
        vm.assertEq(reputation.scoreOf(address(board), workers[0]).wins, 0);
        vm.assertEq(reputation.scoreOf(address(board), workers[0]).at, 0);
    }

    function test_settle_aNewWeightCountsFromTheNextAdmissionOn() external {
        JobTerms memory first = plain();
        JobTerms memory second = plain();
        Seat[] memory seatsOfFirst = committed(first);
        Seat[] memory seatsOfSecond = committed(second);
        rule(PRICE, Fault.None, address(0));
        uint256 fee = feeOn(PRICE);

        _weigh(5 * SCORE_WEIGHT);
        settle(first, seatsOfFirst);
        vm.assertEq(_points(0), fee * SCORE_WEIGHT / 1e18, "nobody has posted since");

        JobTerms memory third = plain();
        post(third);
        settle(second, seatsOfSecond);
        vm.assertEq(_points(0), fee * SCORE_WEIGHT / 1e18 + fee * 5 * SCORE_WEIGHT / 1e18, "a posting has brought it in");
    }

    function test_settle_eachTokenHasItsOwnWeight() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        TestToken other = new TestToken("other", "OTHER", 18);
        parameters.setToken(
            address(other), IParameters.TokenRule({maxEscrow: MAX_ESCROW, scoreWeight: 9 * SCORE_WEIGHT})
        );
        other.mint(address(this), FUNDS);
        other.approve(address(escrow), FUNDS);
        escrow.deposit(address(board), address(other), requester, FUNDS);
        JobTerms memory next = plain();
        next.payToken = address(other);
        post(next);
        rule(PRICE, Fault.None, address(0));
        settle(terms, seats);
        vm.assertEq(_points(0), feeOn(PRICE) * SCORE_WEIGHT / 1e18);
    }

    // ---- as the verifier says, without being asked

    function test_settleAgreed_paysWhoCommittedAndBondsWhoDidNot() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        seal(terms, 0, seats);
        seal(terms, 2, seats);
        vm.warp(jobOf(terms).clock + 1);
        board.closeWork(terms, seats);
        vm.expectCall(address(stubVerifier), abi.encodeWithSelector(IVerifier.verdict.selector), 0);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[0], PRICE, Fault.None, true);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[1], 0, Fault.NoShow, false);
        vm.expectEmit(address(board));
        emit IJobBoard.WorkerSettled(id, workers[2], PRICE, Fault.None, true);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
        expectState(terms, JobState.Settled);
        vm.assertEq(free(providers[0]) + free(providers[1]) + free(providers[2]), 2 * uint256(PRICE));
        vm.assertEq(stakeOf(1).active, ALLOCATED - BOND);
        vm.assertEq(reputation.scoreOf(address(board), workers[0]).wins, 1);
        refusedState(id, JobState.Settled, JobState.Committed);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
    }

    function test_settleAgreed_isThePinnedVerifiersOnly() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        address[4] memory others = [requester, workers[0], address(replication), address(board)];
        for (uint256 i = 0; i < others.length; ++i) {
            vm.expectRevert(abi.encodeWithSelector(IJobBoard.NotVerifier.selector, id, others[i]));
            vm.prank(others[i]);
            board.settleAgreed(terms, seats);
        }
        expectState(terms, JobState.Committed);
    }

    function test_settleAgreed_needsAllSeatsAndACommittedJob() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        refusedState(id, JobState.Assigned, JobState.Committed);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
        for (uint256 i = 0; i < 3; ++i) {
            seal(terms, i, seats);
        }
        Seat[] memory two = new Seat[](2);
        (two[0], two[1]) = (seats[0], seats[1]);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongSeats.selector, id, 3));
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, two);
    }

    function test_E2_settleAgreed_neverPaysMoreThanIsEscrowed() external {
        JobTerms memory terms = plain();
        JobId id = board.idOf(terms);
        Seat[] memory seats = _withExtra(terms);
        uint256 before = held(requester);
        refused(IJobBoard.VerdictBroken.selector, id);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
        expectState(terms, JobState.Committed);
        vm.assertEq(held(requester), before);
        vm.assertEq(free(providers[0]), 0);

        terms = plain();
        terms.reserve = PRICE - 1;
        id = board.idOf(terms);
        seats = _withExtra(terms);
        refused(IJobBoard.VerdictBroken.selector, id);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
    }

    function test_E2_settleAgreed_paysUpToAllThatIsEscrowed() external {
        JobTerms memory terms = plain();
        terms.reserve = PRICE;
        Seat[] memory seats = _withExtra(terms);
        vm.prank(address(stubVerifier));
        board.settleAgreed(terms, seats);
        expectState(terms, JobState.Settled);
        vm.assertEq(free(providers[0]), PRICE);
        vm.assertEq(free(providers[1]), PRICE);
        vm.assertEq(free(BURN), feeOn(2 * uint256(PRICE)));
        vm.assertEq(free(requester), FUNDS - 2 * uint256(PRICE) - feeOn(2 * uint256(PRICE)));
    }

    // ---- when, and what

    function test_settle_onlyOnceCommitted() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = taken(terms);
        refusedState(board.idOf(terms), JobState.Assigned, JobState.Committed);
        board.settle(terms, seats);
        refusedState(board.idOf(terms), JobState.Assigned, JobState.Committed);
        board.judgement(terms, seats);
    }

    function test_J1_settle_once() external {
        JobTerms memory terms = plain();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        rule(PRICE, Fault.None, address(0));
        settle(terms, seats);
        refusedState(id, JobState.Settled, JobState.Committed);
        board.settle(terms, seats);
        refusedState(id, JobState.Settled, JobState.Posted);
        board.expire(terms, seats);
        refusedState(id, JobState.Settled, JobState.Posted);
        vm.prank(requester);
        board.cancel(terms);
        refusedState(id, JobState.Settled, JobState.Assigned);
        board.closeWork(terms, seats);
        refusedState(id, JobState.Settled, JobState.Posted);
        vm.prank(workers[1]);
        board.take(terms, seats);
    }

    function test_settle_needsEverySeat() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        Seat[] memory two = new Seat[](2);
        (two[0], two[1]) = (seats[0], seats[1]);
        refused(IJobBoard.WrongSeats.selector, id, 3);
        board.settle(terms, two);
        refused(IJobBoard.WrongSeats.selector, id, 3);
        board.judgement(terms, two);
        seats[2].payee = stranger;
        refused(IJobBoard.WrongSeats.selector, id, 3);
        board.settle(terms, seats);
    }

    function test_settle_asksTheVerifierAboutTheJobAsItIs() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = committed(terms);
        (JobId id, JobWord job) = board.look(terms, seats);
        vm.expectCall(address(stubVerifier), abi.encodeCall(IVerifier.verdict, (terms, id, job, seats)), 1);
        rule(1, Fault.None, address(0));
        settle(terms, seats);
    }

    function test_settle_waitsForTheVerdict() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        _mood(StubVerifier.Mood.Pending);
        vm.warp(jobOf(terms).clock + SETTLE);
        refused(IJobBoard.VerdictPending.selector, id);
        board.settle(terms, seats);
        _mood(StubVerifier.Mood.TooFew);
        refused(IJobBoard.VerdictBroken.selector, id);
        board.settle(terms, seats);
        _mood(StubVerifier.Mood.Refuse);
        refused(StubVerifier.Sulking.selector);
        board.settle(terms, seats);
    }

    function test_judgement_isWhatSettleWouldCarryOut() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = committed(terms);
        rule(123, Fault.NoShow, finder);
        Ruling[] memory rulings = board.judgement(terms, seats);
        vm.assertEq(rulings.length, 3);
        vm.assertEq(rulings[2].pay, 123);
        vm.assertEq(uint256(rulings[1].fault), uint256(Fault.NoShow));
        vm.assertEq(rulings[0].finder, finder);
    }

    // ---- the default, past the settle deadline

    function test_J2_settle_lateAndNoVerdict_theMoneyGoesBackAndNobodyIsJudged(uint8 mood) external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        _mood(StubVerifier.Mood(bound(mood, uint256(StubVerifier.Mood.Pending), uint256(StubVerifier.Mood.TooFew))));
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        vm.expectEmit(address(board));
        emit IJobBoard.JobSettled(id, closer, 0, 0, escrowed(terms) - BOUNTY);
        settle(terms, seats);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
        for (uint256 i = 0; i < 3; ++i) {
            vm.assertEq(stakeOf(i).active, ALLOCATED);
            vm.assertEq(stakeOf(i).locked, 0);
        }
    }

    function test_J2_settle_lateAndOverspending_theMoneyGoesBack() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = committed(terms);
        rule(PRICE + 1, Fault.None, address(0));
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        settle(terms, seats);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
    }

    function test_settle_aLateVerdictCountsAllTheSame() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        stubVerifier.set(StubVerifier.Mood.Strict, PRICE, Fault.None, address(0));
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE);
    }

    function test_settle_noCallerCanStarveALateVerdict(uint256 gas_) external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        stubVerifier.set(StubVerifier.Mood.Strict, PRICE, Fault.None, address(0));
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        gas_ = bound(gas_, 60_000, 2_600_000);
        try board.settle{gas: gas_}(terms, seats) {
            vm.assertEq(free(providers[0]), PRICE);
        } catch (bytes memory reason) {
            vm.assertEq(held(requester), escrowed(terms));
            vm.assertTrue(
                reason.length == 0 || bytes4(reason) == IJobBoard.GasTooLow.selector, "starved into something else"
            );
        }
    }

    function test_settle_saysHowMuchGasALateVerdictNeeds() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        (, bytes memory gas_) = address(board).staticcall(abi.encodeWithSignature("VERDICT_GAS()"));
        vm.assertEq(abi.decode(gas_, (uint256)), 2_000_000);
        (bool good, bytes memory answer) =
            address(board).call{gas: 1_500_000}(abi.encodeCall(IJobBoard.settle, (terms, seats)));
        vm.assertEq(good, false);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(IJobBoard.GasTooLow.selector));
        uint256 need;
        assembly {
            need := mload(add(answer, 68))
        }
        vm.assertEq(need, 2_062_500);
    }

    // ---- silence is consent

    function test_settle_silencePaysByTheTermsOnceTheWindowIsOver() external {
        JobTerms memory terms = _silent();
        JobId id = board.idOf(terms);
        Seat[] memory seats = committed(terms);
        uint40 until = jobOf(terms).clock + WINDOW;
        vm.expectCall(address(stubVerifier), abi.encodeWithSelector(IVerifier.verdict.selector), 0);
        vm.warp(until);
        refused(IJobBoard.VerdictPending.selector, id);
        board.settle(terms, seats);
        refused(IJobBoard.VerdictPending.selector, id);
        board.judgement(terms, seats);
        vm.warp(until + 1);
        vm.assertEq(board.judgement(terms, seats)[0].pay, PRICE);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE);
        vm.assertEq(free(BURN), feeOn(PRICE));
    }

    function test_settle_silenceIsNotHeldByAWindowBeyondTheDeadline() external {
        JobTerms memory terms = _silent();
        terms.verifierParams = bytes32(uint256(type(uint32).max));
        Seat[] memory seats = committed(terms);
        uint40 settleBy = jobOf(terms).clock + SETTLE;
        vm.warp(settleBy);
        refused(IJobBoard.VerdictPending.selector, board.idOf(terms));
        board.settle(terms, seats);
        vm.warp(settleBy + 1);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE);
    }

    function test_settle_silencePaysWhoCommittedAndBurnsTheBondOfWhoDidNot() external {
        JobTerms memory terms = _silent();
        terms.workers = 2;
        Seat[] memory seats = taken(terms);
        seal(terms, 1, seats);
        vm.warp(jobOf(terms).clock + 1);
        board.closeWork(terms, seats);
        vm.warp(jobOf(terms).clock + WINDOW + 1);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), 0);
        vm.assertEq(free(providers[1]), PRICE);
        vm.assertEq(stakeOf(0).active, ALLOCATED - BOND);
        vm.assertEq(stakeOf(1).active, ALLOCATED);
        vm.assertEq(free(requester), FUNDS - PRICE - feeOn(PRICE));
    }

    function test_settle_aContestedJobAsksTheVerifier() external {
        JobTerms memory terms = _silent();
        Seat[] memory seats = committed(terms);
        stubVerifier.contest(address(board), terms, seats);
        rule(0, Fault.Slashed, address(0));
        settle(terms, seats);
        vm.assertEq(free(providers[0]), 0);
        vm.assertEq(stakeOf(0).active, ALLOCATED - STAKE);
    }

    function test_settle_contestedAndNeverDecidedPaysWhoCommitted() external {
        JobTerms memory terms = _silent();
        Seat[] memory seats = committed(terms);
        stubVerifier.contest(address(board), terms, seats);
        _mood(StubVerifier.Mood.Pending);
        vm.warp(jobOf(terms).clock + SETTLE + 1);
        settle(terms, seats);
        vm.assertEq(free(providers[0]), PRICE);
    }

    // ---- several at once

    function test_settleMany_settlesAll() external {
        JobTerms[] memory terms = new JobTerms[](2);
        Seat[][] memory seats = new Seat[][](2);
        terms[0] = plain();
        seats[0] = committed(terms[0]);
        terms[1] = plain();
        seats[1] = committed(terms[1]);
        rule(PRICE, Fault.None, address(0));
        board.settleMany(terms, seats);
        expectState(terms[0], JobState.Settled);
        expectState(terms[1], JobState.Settled);
        vm.assertEq(free(providers[0]), 2 * PRICE);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.LengthMismatch.selector, 1, 2));
        board.settleMany(terms, new Seat[][](1));
    }

    function test_commitAndSettle_doesBoth() external {
        JobTerms memory earlier = plain();
        Seat[] memory earlierSeats = committed(earlier);
        JobTerms memory terms = plain();
        Seat[] memory seats = taken(terms);
        rule(PRICE, Fault.None, address(0));
        vm.prank(workers[0]);
        board.commitAndSettle(refOf(terms), 1, seats, SEALED, earlier, earlierSeats);
        expectState(earlier, JobState.Settled);
        expectState(terms, JobState.Committed);
    }

    function test_settleAndPost_goesOnWhereTheEarlierHasEnded() external {
        JobTerms memory earlier = plain();
        Seat[] memory seats = committed(earlier);
        rule(PRICE, Fault.None, address(0));
        settle(earlier, seats);
        JobTerms memory terms = accepted();
        Offer[] memory list = one(offerOf(terms, 1, 9_000));
        vm.prank(requester);
        board.settleAndPost(earlier, seats, terms, list);
        expectState(terms, JobState.Assigned);
        vm.assertEq(free(providers[0]), PRICE);
        JobTerms memory next = plain();
        Seat[] memory own = taken(next);
        vm.prank(workers[0]);
        board.commitAndSettle(refOf(next), 1, own, SEALED, earlier, seats);
        expectState(next, JobState.Committed);
        vm.assertEq(free(providers[0]), PRICE);
    }

    function test_settleAndPost_leavesALaterJobOfTheLaneAlone() external {
        JobTerms memory earlier = plain();
        Seat[] memory seats = committed(earlier);
        rule(PRICE, Fault.None, address(0));
        settle(earlier, seats);
        JobTerms memory later = plain();
        later.nonce = earlier.nonce + 1;
        committed(later);
        JobTerms memory terms = accepted();
        Offer[] memory list = one(offerOf(terms, 1, 9_000));
        vm.prank(requester);
        board.settleAndPost(earlier, seats, terms, list);
        expectState(terms, JobState.Assigned);
        expectState(later, JobState.Committed);
    }

    function test_settleAndPost_takesTheLaneOver() external {
        JobTerms memory earlier = plain();
        Seat[] memory seats = committed(earlier);
        rule(PRICE, Fault.None, address(0));
        JobTerms memory terms = accepted();
        terms.nonce = earlier.nonce + 1;
        Offer[] memory list = one(offerOf(terms, 1, 9_000));
        vm.prank(requester);
        vm.assertEq(
            board.settleAndPost(earlier, seats, terms, list).asBytes(), board.idOf(terms).asBytes()
        );
        expectState(earlier, JobState.Superseded);
        expectState(terms, JobState.Assigned);
        vm.assertEq(free(providers[0]), PRICE);
        vm.assertEq(held(requester), escrowed(terms));
    }

    // ---- help

    function _three() private returns (JobTerms memory terms) {
        terms = plain();
        terms.workers = 3;
    }

    function _silent() private returns (JobTerms memory terms) {
        stubVerifier.setNeeds(IVerifier.Needs({reserveBps: 0, settleTime: 0, silent: true}));
        terms = plain();
        terms.verifierParams = bytes32(uint256(WINDOW));
    }

    /// @dev A job of one seat, to which the verifier has added another; both have committed.
    function _withExtra(JobTerms memory terms) private returns (Seat[] memory seats) {
        Seat[] memory first = committed(terms);
        passTime(1);
        uint40 now_ = uint40(vm.getBlockTimestamp());
        stubVerifier.setExtra(
            ExtraSeats({
                count: 1,
                round: uint40(vm.getBlockNumber()),
                opensAt: now_,
                takeBy: now_ + 20,
                workBy: now_ + 30
            })
        );
        passBlocks(1);
        vm.prank(workers[1]);
        board.take(terms, first);
        seats = new Seat[](2);
        (seats[0], seats[1]) = (first[0], seatAt(1, PRICE));
        vm.prank(workers[1]);
        board.commitExtra(terms, 2, seats, SEALED);
        seats[1].commitment = SEALED;
    }

    function _weigh(uint128 weight) private {
        parameters.setToken(address(coin), IParameters.TokenRule({maxEscrow: MAX_ESCROW, scoreWeight: weight}));
    }

    function _points(uint256 index) private view returns (uint256) {
        return uint128(reputation.scoreOf(address(board), workers[index]).points);
    }

    function _mood(StubVerifier.Mood mood) private {
        stubVerifier.set(mood, PRICE, Fault.None, address(0));
    }
}
