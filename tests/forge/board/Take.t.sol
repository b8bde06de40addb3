// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../../../contracts/interfaces/IBeacon.sol";
import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IScheduler} from "../../../contracts/interfaces/IScheduler.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../../../contracts/interfaces/IWorkerRegistry.sol";
import {
    Candidate, Draw, ExtraSeats, Job, JobId, JobState, JobTerms, Seat, Signature, SignedTake
} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Who gets a seat, and what is checked before.
contract TakeTest is BoardWorld {
    // ---- one seat at a time

    function test_take_locksStakeAndFillsSeats() external {
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        for (uint256 i = 0; i < 3; ++i) {
            expectState(terms, JobState.Posted);
            vm.expectEmit(address(board));
            _takenNext(id, i);
            take(terms, i);
            vm.assertEq(stakeOf(i).locked, STAKE);
            vm.assertEq(jobOf(terms).taken, i + 1);
        }
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Assigned));
        vm.assertEq(job.clock, vm.getBlockTimestamp() + WORK);
        vm.assertEq(job.folded, false);
        board.look(terms, _seats(3));
    }

    function test_take_aJobOfOneSeatIsFolded() external {
        JobTerms memory terms = plain();
        JobId id = board.idOf(terms);
        taken(terms);
        Job memory job = jobOf(terms);
        vm.assertEq(job.folded, true);
        vm.assertEq(uint256(job.state), uint256(JobState.Assigned));
        vm.assertTrue(job.digest != bytes20(id.asBytes()), "digest of the job alone");
        Seat[] memory seats = _seats(1);
        board.look(terms, seats);
        refused(IJobBoard.WrongSeats.selector, id, 0);
        board.look(terms, none);
        seats[0].payee = stranger;
        refused(IJobBoard.WrongSeats.selector, id, 0);
        board.look(terms, seats);
    }

    function test_take_asksTheSchedulerOfTheJob() external {
        JobTerms memory terms = plain();
        JobId id = post(terms);
        passBlocks(3);
        Job memory job = jobOf(terms);
        bytes32 seed = keccak256(abi.encode(id, blockhash(job.round)));
        vm.assertEq(board.seedOf(terms), seed);
        vm.expectCall(
            address(stubScheduler),
            abi.encodeCall(
                IScheduler.quote,
                (
                    terms,
                    Draw({seed: seed, opensAt: job.clock, closesAt: terms.takeBy}),
                    Candidate({worker: workers[0], provider: providers[0], stake: ALLOCATED}),
                    uint40(vm.getBlockTimestamp())
                )
            ),
            1
        );
        take(terms, 0);
    }

    function test_take_atWhatTheSchedulerAsks() external {
        JobTerms memory terms = plain();
        post(terms);
        passBlocks(3);
        stubScheduler.set(true, PRICE + 1);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.PriceAboveTerms.selector, PRICE + 1, PRICE));
        stubScheduler.set(true, 17);
        take(terms, 0);
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(0, 17);
        board.look(terms, seats);
    }

    function test_take_onlyWhoIsDrawn() external {
        JobTerms memory terms = plain();
        JobId id = post(terms);
        passBlocks(3);
        stubScheduler.set(false, PRICE);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.NotDrawn.selector, id, workers[0]));
    }

    // ---- when

    function test_D1_take_notBeforeTheRoundIsDue() external {
        JobTerms memory terms = plain();
        post(terms);
        uint40 round = jobOf(terms).round;
        vm.roll(round);
        _refusedTake(terms, 0, abi.encodeWithSelector(IBeacon.RoundNotDue.selector, round));
        vm.roll(round + 1);
        take(terms, 0);
    }

    function test_take_untilTakeBy() external {
        JobTerms memory terms = plain();
        JobId id = post(terms);
        passBlocks(3);
        vm.warp(terms.takeBy + 1);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, id, terms.takeBy));
        vm.warp(terms.takeBy);
        take(terms, 0);
    }

    function test_take_notOnceAllSeatsAreTaken() external {
        JobTerms memory terms = plain();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        refusedState(id, JobState.Assigned, JobState.Posted);
        vm.prank(workers[1]);
        board.take(terms, seats);
    }

    function test_take_onlyThisJob() external {
        JobTerms memory terms = plain();
        post(terms);
        passBlocks(3);
        terms.price -= 1;
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.UnknownJob.selector, board.idOf(terms)));
        SignedTake[] memory signatures = takesBy(terms, 1);
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        board.takeMany(terms, signatures);
    }

    // ---- who

    function test_take_onlyKnownWorkers() external {
        JobTerms memory terms = plain();
        post(terms);
        passBlocks(3);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.UnknownWorker.selector, stranger));
        vm.prank(stranger);
        board.take(terms, none);
    }

    function test_take_onlyTheClassThatIsBought() external {
        JobTerms memory terms = plain();
        post(terms);
        IWorkerRegistry.Profile memory card = profile(providers[0]);
        card.hardwareClass = keccak256("gpu");
        vm.prank(providers[0]);
        registry.update(workers[0], card);
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.WrongClass.selector, workers[0], CPU));
    }

    function test_D1_take_noRegistrationFromTheDrawsOwnSecond() external {
        IWorkerRegistry.Profile memory card = profile(providers[0]);
        card.hardwareClass = keccak256("gpu");
        vm.prank(providers[0]);
        registry.update(workers[0], card);
        card.hardwareClass = CPU;
        vm.prank(providers[0]);
        registry.update(workers[0], card); // a new registration, in this second
        JobTerms memory terms = plain();
        post(terms);
        uint40 now_ = uint40(vm.getBlockTimestamp());
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.WorkerTooYoung.selector, workers[0], now_, now_));
    }

    function test_D1_take_noStakeFromTheDrawsOwnSecond() external {
        JobTerms memory terms = plain();
        uint40 now_ = uint40(vm.getBlockTimestamp());
        stakeFor(providers[0], workers[0], 1);
        post(terms);
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.WorkerTooYoung.selector, workers[0], now_, now_));
    }

    function test_D1_take_stakeOfTheSecondBeforeCounts() external {
        stakeFor(providers[0], workers[0], 1);
        passTime(1);
        taken(plain());
    }

    function test_take_neverOnesOwnJob() external {
        JobTerms memory terms = plain();
        terms.requester = workers[0];
        fund(workers[0], FUNDS);
        JobId id = post(terms);
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.OwnJob.selector, id, workers[0]));
        terms = plain();
        terms.requester = providers[0];
        fund(providers[0], FUNDS);
        id = post(terms);
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.OwnJob.selector, id, workers[0]));
    }

    function test_S1_take_onlyWithStake() external {
        JobTerms memory terms = plain();
        terms.stake = uint128(ALLOCATED + 1);
        post(terms);
        passBlocks(3);
        _refusedTake(
            terms, 0, abi.encodeWithSelector(IStakeVault.StakeTooSmall.selector, workers[0], ALLOCATED, ALLOCATED + 1)
        );
    }

    function test_take_onlyWithinTheRegisteredCapacity() external {
        for (uint256 i = 0; i < CAPACITY; ++i) {
            taken(plain());
        }
        JobTerms memory terms = plain();
        post(terms);
        passBlocks(3);
        _refusedTake(terms, 0, abi.encodeWithSelector(IJobBoard.CapacityReached.selector, workers[0], CAPACITY));
    }

    function test_take_oneSeatPerProvider() external {
        _siblings();
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        take(terms, 2);
        take(terms, 0);
        bytes memory reason =
            abi.encodeWithSelector(IJobBoard.SiblingSeated.selector, id, workers[6], providers[0]);
        vm.expectRevert(reason);
        vm.prank(workers[6]);
        board.take(terms, none);
        _refusedTake(terms, 2, abi.encodeWithSelector(IJobBoard.SiblingSeated.selector, id, workers[2], providers[2]));
        take(terms, 1);
    }

    // ---- many at once

    function test_takeMany_seatsAllWhoSigned() external {
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        SignedTake[] memory signatures = takesBy(terms, 3);
        for (uint256 i = 0; i < 3; ++i) {
            vm.expectEmit(address(board));
            _takenNext(id, i);
        }
        vm.prank(stranger);
        board.takeMany(terms, signatures);
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Assigned));
        vm.assertEq(job.folded, true);
        vm.assertEq(job.taken, 3);
        board.look(terms, _seats(3));
        vm.assertEq(stakeOf(2).locks, 1);
    }

    function test_takeMany_someOfTheSeats() external {
        JobTerms memory terms = _three();
        post(terms);
        passBlocks(3);
        board.takeMany(terms, takesBy(terms, 2));
        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Posted));
        vm.assertEq(job.folded, false);
        vm.assertEq(job.taken, 2);
        take(terms, 2);
        board.look(terms, _seats(3));
        expectState(terms, JobState.Assigned);
    }

    function test_takeMany_theRestAfterOneOfHisOwn() external {
        JobTerms memory terms = _three();
        post(terms);
        passBlocks(3);
        take(terms, 0);
        SignedTake[] memory all = takesBy(terms, 3);
        SignedTake[] memory rest = new SignedTake[](2);
        (rest[0], rest[1]) = (all[1], all[2]);
        board.takeMany(terms, rest);
        vm.assertEq(jobOf(terms).folded, false);
        board.look(terms, _seats(3));
        expectState(terms, JobState.Assigned);
    }

    function test_takeMany_notMoreThanThereAreSeats() external {
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        SignedTake[] memory signatures = takesBy(terms, 4);
        refused(IJobBoard.SeatsFull.selector, id);
        board.takeMany(terms, signatures);
    }

    function test_takeMany_oneSeatPerProvider() external {
        _siblings();
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        bytes32 digest = board.takeDigest(id, terms.takeBy);
        SignedTake[] memory signatures = new SignedTake[](3);
        signatures[0] = SignedTake(terms.takeBy, signed(roles[0], digest));
        signatures[1] = SignedTake(terms.takeBy, signed(roles[1], digest));
        signatures[2] = SignedTake(terms.takeBy, signed("sibling", digest));
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.SiblingSeated.selector, id, workers[6], providers[0]));
        board.takeMany(terms, signatures);
        signatures[2] = signatures[1];
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.SiblingSeated.selector, id, workers[1], providers[1]));
        board.takeMany(terms, signatures);
    }

    function test_takeMany_aSignatureForAnotherJobIsAStrangers() external {
        JobTerms memory other = _three();
        JobTerms memory terms = _three();
        post(terms);
        passBlocks(3);
        SignedTake[] memory signatures = takesBy(other, 1);
        bytes32 digest = board.takeDigest(board.idOf(terms), other.takeBy);
        address nobody = ecrecover(
            digest,
            uint8(uint256(signatures[0].signature.vs) >> 255) + 27,
            signatures[0].signature.r,
            bytes32(uint256(signatures[0].signature.vs) << 1 >> 1)
        );
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.UnknownWorker.selector, nobody));
        board.takeMany(terms, signatures);
    }

    function test_takeMany_untilTheConsentHasRunOut() external {
        JobTerms memory terms = _three();
        JobId id = post(terms);
        passBlocks(3);
        SignedTake[] memory signatures = takesBy(terms, 2);
        uint40 until = uint40(vm.getBlockTimestamp()) + 2;
        signatures[1] = SignedTake(until, signed(roles[1], board.takeDigest(id, until)));
        passTime(3);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.TakeExpired.selector, id, until));
        board.takeMany(terms, signatures);
        vm.warp(until);
        board.takeMany(terms, signatures);
        vm.assertEq(jobOf(terms).taken, 2);
    }

    function test_takeMany_isSignedAsEip712Says() external {
        JobId id = JobId.wrap(keccak256("a job"));
        vm.assertEq(
            board.takeDigest(id, 77),
            typed(keccak256(abi.encode(keccak256("Take(bytes32 job,uint40 until)"), id.asBytes(), 77)))
        );
        vm.assertEq(
            board.sealDigest(id, SEALED),
            typed(keccak256(abi.encode(keccak256("Seal(bytes32 job,bytes32 commitment)"), id.asBytes(), SEALED)))
        );
    }

    function test_takeMany_neverASecondRoundSeat() external {
        JobTerms memory terms = _three();
        committed(terms);
        _openExtra(2, uint40(vm.getBlockNumber()), uint40(vm.getBlockTimestamp() + 20));
        SignedTake[] memory all = takesBy(terms, 4);
        SignedTake[] memory late = new SignedTake[](1);
        late[0] = all[3];
        refusedState(board.idOf(terms), JobState.Committed, JobState.Posted);
        board.takeMany(terms, late);
    }

    // ---- extra seats

    function test_take_anExtraSeatThatTheVerifierOpened() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = committed(terms);
        JobId id = board.idOf(terms);
        refused(IJobBoard.SeatsFull.selector, id);
        vm.prank(workers[3]);
        board.take(terms, seats);
        passTime(1);
        uint40 round = uint40(vm.getBlockNumber());
        _openExtra(2, round, uint40(vm.getBlockTimestamp() + 20));
        vm.expectRevert(abi.encodeWithSelector(IBeacon.RoundNotDue.selector, round));
        vm.prank(workers[3]);
        board.take(terms, seats);
        passBlocks(1);
        vm.expectEmit(address(board));
        emit IJobBoard.JobTaken(id, workers[3], 4, providers[3], providers[3], PRICE, 0);
        vm.prank(workers[3]);
        board.take(terms, seats);
        vm.assertEq(jobOf(terms).taken, 4);
        expectState(terms, JobState.Committed);
        vm.prank(workers[4]);
        board.take(terms, none);
        refused(IJobBoard.SeatsFull.selector, id);
        vm.prank(workers[5]);
        board.take(terms, none);
        Seat[] memory five = new Seat[](5);
        for (uint256 i = 0; i < 5; ++i) {
            five[i] = seatAt(i, PRICE);
            if (i < 3) five[i].commitment = SEALED;
        }
        board.look(terms, five);
    }

    function test_take_anExtraSeatUnfoldsTheJob() external {
        JobTerms memory terms = plain();
        Seat[] memory seats = committed(terms);
        vm.assertEq(jobOf(terms).folded, true);
        passTime(1);
        _openExtra(1, uint40(vm.getBlockNumber()), uint40(vm.getBlockTimestamp() + 20));
        passBlocks(1);
        JobId id = board.idOf(terms);
        refused(IJobBoard.WrongSeats.selector, id, 0);
        vm.prank(workers[1]);
        board.take(terms, none);
        vm.prank(workers[1]);
        board.take(terms, seats);
        Job memory job = jobOf(terms);
        vm.assertEq(job.folded, false);
        vm.assertEq(bytes32(job.digest), bytes32(bytes20(id.asBytes())));
        Seat[] memory two = new Seat[](2);
        (two[0], two[1]) = (seats[0], seatAt(1, PRICE));
        board.look(terms, two);
    }

    function test_take_neverMoreThanFiveSeats() external {
        JobTerms memory terms = plain();
        terms.workers = 5;
        Seat[] memory seats = committed(terms);
        passTime(1);
        _openExtra(1, uint40(vm.getBlockNumber()), uint40(vm.getBlockTimestamp() + 20));
        passBlocks(1);
        refused(IJobBoard.SeatsFull.selector, board.idOf(terms));
        vm.prank(workers[5]);
        board.take(terms, seats);
    }

    function test_D1_take_extraSeatsHaveADrawOfTheirOwn() external {
        JobTerms memory terms = _three();
        Seat[] memory seats = committed(terms);
        passTime(1);
        uint40 opensAt = uint40(vm.getBlockTimestamp());
        uint40 round = uint40(vm.getBlockNumber());
        _openExtra(2, round, opensAt + 20);
        stakeFor(providers[3], workers[3], 1);
        passBlocks(1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WorkerTooYoung.selector, workers[3], opensAt, opensAt));
        vm.prank(workers[3]);
        board.take(terms, seats);
        vm.expectCall(
            address(stubScheduler),
            abi.encodeCall(
                IScheduler.quote,
                (
                    terms,
                    Draw({
                        seed: keccak256(abi.encode(board.idOf(terms), blockhash(round))),
                        opensAt: opensAt,
                        closesAt: opensAt + 20
                    }),
                    Candidate({worker: workers[4], provider: providers[4], stake: ALLOCATED}),
                    uint40(vm.getBlockTimestamp())
                )
            ),
            1
        );
        vm.prank(workers[4]);
        board.take(terms, seats);
        vm.warp(opensAt + 21);
        vm.expectRevert(
            abi.encodeWithSelector(IJobBoard.DeadlinePassed.selector, board.idOf(terms), opensAt + 20)
        );
        vm.prank(workers[5]);
        board.take(terms, seats);
    }

    // ---- reading

    function test_candidateOf_showsWhatASchedulerWouldSee() external {
        vm.prank(providers[0]);
        vault.requestExit(workers[0], address(board), 400);
        Candidate memory candidate = board.candidateOf(workers[0]);
        vm.assertEq(candidate.worker, workers[0]);
        vm.assertEq(candidate.provider, providers[0]);
        vm.assertEq(candidate.stake, ALLOCATED - 400);
        vm.assertEq(board.candidateOf(stranger).stake, 0);
    }

    function test_look_findsWrongSeatsOut() external {
        JobTerms memory terms = _three();
        JobId id = board.idOf(terms);
        Seat[] memory seats = taken(terms);
        board.look(terms, none);
        seats[1].worker = address(0); // left empty: passed over
        board.look(terms, seats);
        seats[2].provider = stranger;
        refused(IJobBoard.WrongSeats.selector, id, 3);
        board.look(terms, seats);
        Seat[] memory four = new Seat[](4);
        four[3] = seatAt(2, PRICE);
        refused(IJobBoard.WrongSeats.selector, id, 4);
        board.look(terms, four);
    }

    function test_look_aSeatOfTheLanesLastJobDoesNotCount() external {
        JobTerms memory terms = _three();
        taken(terms);
        vm.warp(vm.getBlockTimestamp() + WORK + 1);
        expire(terms, _seats(3));
        JobTerms memory next = _three();
        next.nonce = terms.nonce + 1;
        JobId id = post(next);
        refused(IJobBoard.WrongSeats.selector, id, 1);
        board.look(next, _seats(1));
        refused(IJobBoard.UnknownJob.selector, board.idOf(terms));
        board.look(terms, none);
    }

    // ---- help

    function _three() private returns (JobTerms memory terms) {
        terms = plain();
        terms.workers = 3;
    }

    function _seats(uint256 count) private view returns (Seat[] memory seats) {
        seats = new Seat[](count);
        for (uint256 i = 0; i < count; ++i) {
            seats[i] = seatAt(i, PRICE);
        }
    }

    function _openExtra(uint8 count, uint40 round, uint40 takeBy) private {
        stubVerifier.setExtra(
            ExtraSeats({
                count: count,
                round: round,
                opensAt: uint40(vm.getBlockTimestamp()),
                takeBy: takeBy,
                workBy: takeBy + 10
            })
        );
    }

    /// @dev A second worker of the first provider, `workers[6]`.
    function _siblings() private {
        workers.push(actor("sibling"));
        bytes32 digest = registry.consentDigest(workers[6], providers[0]);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("sibling"), digest);
        vm.prank(providers[0]);
        registry.register(workers[6], profile(providers[0]), abi.encodePacked(r, s, v));
        stakeFor(providers[0], workers[6], ALLOCATED);
        passTime(1);
    }

    /// @dev Of three seats, the worker's of this index.
    function _takenNext(JobId id, uint256 i) private {
        uint40 workBy = i == 2 ? uint40(vm.getBlockTimestamp() + WORK) : 0;
        emit IJobBoard.JobTaken(id, workers[i], uint8(i + 1), providers[i], providers[i], PRICE, workBy);
    }

    function _refusedTake(JobTerms memory terms, uint256 index, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(workers[index]);
        board.take(terms, none);
    }
}
