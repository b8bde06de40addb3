// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IReplicationVerifier} from "../../../contracts/interfaces/IReplicationVerifier.sol";
import {ExtraSeats, JobId, JobState, JobTerms, Ruling, Seat} from "../../../contracts/types/JobTypes.sol";
import {JobWord} from "../../../contracts/types/JobWord.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Three do the same work; unequal answers bring two more. Each refusal of the verifier, and the rows of money.
contract ReplicationTest is BoardWorld {
    bytes32 private constant A = keccak256("answer a");
    bytes32 private constant B = keccak256("answer b");
    bytes32 private constant C = keccak256("answer c");

    JobTerms private terms;
    JobId private id;

    function test_needs_refuses() external {
        JobTerms memory t = replicated();
        vm.assertEq(replication.needs(t).reserveBps, 20_000);
        vm.assertEq(replication.needs(t).settleTime, 2 * (uint256(REVEAL) + GRACE + EXTRA_TAKE) + WORK);
        t.workers = 4;
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.WorkersUnsupported.selector, 4, 3));
        replication.needs(t);
        t.workers = 2;
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.ScoreRateTooLow.selector, 0, SCORE_WEIGHT));
        replication.needs(t);
        t = replicated();
        t.verifierParams = bytes32(uint256(t.verifierParams) | 1 << 96);
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.ParamsInvalid.selector, t.verifierParams));
        replication.needs(t);
        t.verifierParams = bytes32(uint256(MIN_TAKE - 1) | uint256(EXTRA_TAKE) << 64);
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.ClockTooShort.selector, MIN_TAKE - 1, MIN_TAKE));
        replication.needs(t);
        t.verifierParams = bytes32(uint256(MIN_TAKE) | uint256(MIN_TAKE - 1) << 64);
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.ClockTooShort.selector, MIN_TAKE - 1, MIN_TAKE));
        replication.needs(t);
    }

    // ---- the first round

    function test_E2_threeEqualArePaidAtOnce() external {
        Seat[] memory seats = _committed(A, A, A);
        _reveal(seats, 0, 1, 2);
        expectState(terms, JobState.Settled);
        _expectPaid(PRICE, PRICE, PRICE);
        vm.assertEq(free(address(replication)), 0);
    }

    function test_E2_twoEqualAndOneSilent_theSilentIsSlashed() external {
        Seat[] memory seats = _committed(A, A, A);
        _reveal(seats, 0, 1, 1);
        refused(IJobBoard.VerdictPending.selector, id);
        board.settle(terms, seats);
        vm.warp(jobOf(terms).clock + REVEAL + GRACE + 1);
        vm.expectRevert(
            abi.encodeWithSelector(
                IReplicationVerifier.RevealTooLate.selector, id, jobOf(terms).clock + REVEAL + GRACE
            )
        );
        _reveal(seats, 2, 2, 2);
        refused(IReplicationVerifier.ExtraNotNeeded.selector, id);
        replication.openExtra(terms, seats);
        settle(terms, seats);
        _expectPaid(PRICE, PRICE, 0);
        vm.assertEq(stakeOf(2).active, ALLOCATED - STAKE);
    }

    function test_E2_nobodyReveals_allAreSlashedAndTheMoneyGoesBack() external {
        Seat[] memory seats = _committed(A, A, A);
        vm.warp(jobOf(terms).clock + REVEAL + GRACE + 1);
        settle(terms, seats);
        _expectPaid(0, 0, 0);
        vm.assertEq(free(requester), FUNDS - BOUNTY);
        vm.assertEq(vault.flushBurned(), 3 * STAKE);
    }

    function test_J3_reveal_refusesWhatDoesNotOpenTheSeal() external {
        Seat[] memory seats = _committed(A, A, A);
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](1);
        refused(IReplicationVerifier.NotCommitted.selector, id, address(0));
        replication.reveal(terms, seats, new IReplicationVerifier.Opening[](0));
        list[0] = _opening(0, B, false);
        refused(IReplicationVerifier.CommitmentMismatch.selector, id, workers[0]);
        replication.reveal(terms, seats, list);
        list[0] = _opening(0, A, false);
        list[0].number = 0;
        refused(IReplicationVerifier.NotCommitted.selector, id, address(0));
        replication.reveal(terms, seats, list);
        list[0].number = 2; // another's seal
        refused(IReplicationVerifier.CommitmentMismatch.selector, id, workers[1]);
        replication.reveal(terms, seats, list);
        _reveal(seats, 0, 0, 0);
        list[0] = _opening(0, A, false);
        refused(IReplicationVerifier.AlreadyRevealed.selector, id, workers[0]);
        replication.reveal(terms, seats, list);
        vm.assertEq(replication.tallyOf(requester, terms.nonce).revealed, 1);
    }

    function test_reveal_notBeforeAllHaveCommittedNorAfterTheEnd() external {
        terms = replicated();
        terms.scheduler = address(stubScheduler);
        id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](1);
        list[0] = _opening(0, A, false);
        refused(IReplicationVerifier.RevealTooEarly.selector, id);
        replication.reveal(terms, seats, list);
        vm.warp(jobOf(terms).clock + 1);
        expire(terms, seats);
        vm.expectRevert(
            abi.encodeWithSelector(IReplicationVerifier.RevealTooLate.selector, id, jobOf(terms).clock)
        );
        replication.reveal(terms, seats, list);
        vm.assertEq(replication.tallyOf(requester, terms.nonce).revealed, 0);
    }

    // ---- the second round

    function test_unequalAnswersOpenTwoMoreSeats() external {
        Seat[] memory seats = _committed(A, B, A);
        uint40 now_ = uint40(vm.getBlockTimestamp());
        uint40 round = beacon.next();
        vm.expectEmit(address(replication));
        emit IReplicationVerifier.ExtraSeatsOpened(
            id, round, now_ + EXTRA_TAKE, now_ + EXTRA_TAKE + WORK, now_ + EXTRA_TAKE + WORK + REVEAL + GRACE
        );
        _reveal(seats, 0, 1, 2);
        ExtraSeats memory extra = replication.seats(terms, id);
        vm.assertEq(extra.count, 2);
        vm.assertEq(extra.round, round);
        vm.assertEq(extra.opensAt, now_);
        IReplicationVerifier.Tally memory tally = replication.tallyOf(requester, terms.nonce);
        vm.assertEq(tally.groups, 2);
        vm.assertEq(tally.revealed, 3);
        vm.assertEq(tally.extraOpenedAt, now_);
        vm.assertEq(tally.extraRound, round);
        refused(IReplicationVerifier.ExtraNotNeeded.selector, id);
        replication.openExtra(terms, seats);
        vm.assertEq(replication.extraNeeded(terms, seats), false);
    }

    function test_openExtra_anyoneWhereTheRoundEndedInSilence() external {
        Seat[] memory seats = _committed(A, B, A);
        _reveal(seats, 0, 1, 1);
        refused(IReplicationVerifier.RevealTooEarly.selector, id);
        replication.openExtra(terms, seats);
        vm.assertEq(replication.extraNeeded(terms, seats), false);
        vm.warp(jobOf(terms).clock + REVEAL + GRACE + 1);
        vm.assertEq(replication.extraNeeded(terms, seats), true);
        vm.prank(stranger);
        replication.openExtra(terms, seats);
        vm.assertEq(replication.seats(terms, id).count, 2);
    }

    function test_J2_openExtra_notWhenItCouldNotEndInTime() external {
        Seat[] memory seats = _committed(A, B, A);
        _reveal(seats, 0, 1, 1);
        uint40 settleBy = jobOf(terms).clock + SETTLE;
        vm.warp(settleBy - (EXTRA_TAKE + WORK + REVEAL + GRACE));
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.TooLateForExtra.selector, id, settleBy));
        replication.openExtra(terms, seats);
        vm.warp(settleBy);
        settle(terms, seats); // no group of three, no agreement: half each, the silent one slashed
        _expectPaid(PRICE / 2, PRICE / 2, 0);
    }

    function test_S3_fourOfFiveEqual_theOddOneIsSlashed() external {
        Seat[] memory seats = _second(A, B, A, A, A);
        settle(terms, seats);
        _expectPaid(PRICE, 0, PRICE);
        vm.assertEq(free(providers[3]) + free(providers[4]), 2 * PRICE);
        vm.assertEq(stakeOf(1).active, ALLOCATED - STAKE);
        vm.assertEq(stakeOf(0).active, ALLOCATED);
    }

    function test_S3_aBareMajoritySlashesNobody() external {
        Seat[] memory seats = _second(A, B, A, A, B);
        settle(terms, seats);
        _expectPaid(PRICE, 0, PRICE);
        vm.assertEq(free(providers[3]), PRICE);
        vm.assertEq(free(providers[4]), 0);
        for (uint256 i = 0; i < 5; ++i) {
            vm.assertEq(stakeOf(i).active, ALLOCATED);
        }
    }

    function test_E2_noGroupOfThree_eachGetsHalf() external {
        Seat[] memory seats = _second(A, B, C, A, B);
        settle(terms, seats);
        _expectPaid(PRICE / 2, PRICE / 2, PRICE / 2);
        vm.assertEq(free(providers[3]) + free(providers[4]), PRICE);
    }

    function test_S3_limitsOfMachinesSlashNobody() external {
        bytes32 limit = keccak256(abi.encodePacked(uint8(2), id_(), uint8(2), bytes32(0)));
        Seat[] memory seats = _second(A, limit, A, A, A);
        vm.assertEq(replication.tallyOf(requester, terms.nonce).limits, 2);
        settle(terms, seats);
        _expectPaid(PRICE, 0, PRICE);
        vm.assertEq(stakeOf(1).active, ALLOCATED);
    }

    function test_D1_reveal_extraSeatsShowNothingWhileAnotherCouldCopy() external {
        Seat[] memory seats = _opened(A, B, A);
        _takeExtra(seats, 3);
        Seat[] memory four = _with(seats, 3);
        _seal(four, 3, A);
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](1);
        list[0] = _opening(3, A, true);
        refused(IReplicationVerifier.RevealTooEarly.selector, id);
        replication.reveal(terms, four, list);
        IReplicationVerifier.Opening[] memory mixed = new IReplicationVerifier.Opening[](2);
        vm.warp(replication.seats(terms, id).workBy + 1);
        (mixed[0], mixed[1]) = (list[0], _opening(0, A, false));
        mixed[1].number = 1;
        replication.reveal(terms, four, list);
        uint40 by = replication.seats(terms, id).workBy + REVEAL + GRACE;
        vm.warp(by + 1);
        vm.expectRevert(abi.encodeWithSelector(IReplicationVerifier.RevealTooLate.selector, id, by));
        replication.reveal(terms, four, mixed);
        settle(terms, four);
        _expectPaid(PRICE, 0, PRICE);
    }

    function test_reveal_roundsAreNotMixed() external {
        Seat[] memory seats = _committed(A, B, A);
        Seat[] memory five = new Seat[](3);
        (five[0], five[1], five[2]) = (seats[0], seats[1], seats[2]);
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](2);
        (list[0], list[1]) = (_opening(0, A, false), _opening(1, B, false));
        list[1].number = 4;
        refused(IReplicationVerifier.NotCommitted.selector, id, address(0));
        replication.reveal(terms, five, list);
    }

    // ---- who asks

    function test_verdict_answersTheBoardAlone() external {
        Seat[] memory seats = _committed(A, A, A);
        (, JobWord job) = board.look(terms, seats);
        (bool done, Ruling[] memory rulings) = replication.verdict(terms, id, job, seats);
        vm.assertEq(done, false);
        vm.assertEq(rulings.length, 0);
        vm.assertEq(replication.BOARD(), address(board));
        vm.assertEq(replication.BEACON(), address(beacon));
        vm.assertEq(replication.LEAST_CLOCK(), MIN_TAKE);
    }

    // ---- help

    bytes32[5] private answers;

    function id_() private returns (bytes32) {
        // the id of the terms that the next call of replicated() will make
        uint256 kept = lastNonce;
        JobTerms memory t = replicated();
        t.scheduler = address(stubScheduler);
        lastNonce = kept;
        return board.idOf(t).asBytes();
    }

    function _committed(bytes32 a, bytes32 b, bytes32 c) private returns (Seat[] memory seats) {
        (answers[0], answers[1], answers[2]) = (a, b, c);
        terms = replicated();
        terms.scheduler = address(stubScheduler);
        id = board.idOf(terms);
        seats = taken(terms);
        for (uint256 i = 0; i < 3; ++i) {
            _seal(seats, i, answers[i]);
        }
    }

    function _opened(bytes32 a, bytes32 b, bytes32 c) private returns (Seat[] memory seats) {
        seats = _committed(a, b, c);
        _reveal(seats, 0, 1, 2);
    }

    /// @dev Five seats have shown what they have; ready to settle.
    function _second(bytes32 a, bytes32 b, bytes32 c, bytes32 d, bytes32 e) private returns (Seat[] memory seats) {
        seats = _opened(a, b, c);
        (answers[3], answers[4]) = (d, e);
        for (uint256 i = 3; i < 5; ++i) {
            _takeExtra(seats, i);
            seats = _with(seats, i);
        }
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](2);
        for (uint256 i = 3; i < 5; ++i) {
            _seal(seats, i, answers[i]);
            list[i - 3] = _opening(i, answers[i], true);
        }
        replication.reveal(terms, seats, list);
    }

    function _takeExtra(Seat[] memory seats, uint256 index) private {
        passBlocks(3);
        vm.prank(workers[index]);
        board.take(terms, seats);
    }

    function _with(Seat[] memory seats, uint256 index) private view returns (Seat[] memory more) {
        more = new Seat[](index + 1);
        for (uint256 i = 0; i < index; ++i) {
            more[i] = seats[i];
        }
        more[index] = seatAt(index, PRICE);
    }

    function _seal(Seat[] memory seats, uint256 index, bytes32 answer) private {
        IReplicationVerifier.Opening memory o = _opening(index, answer, index >= 3);
        bytes32 sealed_ = keccak256(abi.encode(id, workers[index], o.salt, o.shown, o.receiptDigest));
        vm.prank(workers[index]);
        if (index < 3) board.commit(refOf(terms), uint8(index + 1), seats, sealed_);
        else board.commitExtra(terms, uint8(index + 1), seats, sealed_);
        seats[index].commitment = sealed_;
    }

    function _opening(uint256 index, bytes32 answer, bool extra)
        private
        pure
        returns (IReplicationVerifier.Opening memory)
    {
        bytes32 shown = extra ? answer : keccak256(abi.encode(answer));
        return IReplicationVerifier.Opening(uint8(index + 1), bytes32(index), shown, keccak256("receipt"));
    }

    /// @dev First seats, given by their places; the same twice counts once.
    function _reveal(Seat[] memory seats, uint256 a, uint256 b, uint256 c) private {
        IReplicationVerifier.Opening[] memory list = new IReplicationVerifier.Opening[](3);
        list[0] = _opening(a, answers[a], false);
        list[1] = _opening(b, answers[b], false);
        list[2] = _opening(c, answers[c], false);
        replication.reveal(terms, seats, list);
    }

    function _expectPaid(uint256 a, uint256 b, uint256 c) private view {
        vm.assertEq(free(providers[0]), a);
        vm.assertEq(free(providers[1]), b);
        vm.assertEq(free(providers[2]), c);
    }
}
