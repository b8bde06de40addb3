// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IOfferScheduler} from "../interfaces/IOfferScheduler.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {
    Candidate, Draw, ExtraSeats, JobId, JobState, JobTerms, MAX_SEATS, Offer, Seat, SignedTake
} from "../types/JobTypes.sol";
import {JobWord, bareDigest} from "../types/JobWord.sol";
import {ask, behind, rawOffers} from "../types/RawCalls.sol";
import {newDigest, newFoldedDigest, providerTag, seatWord, tagIn} from "../types/SeatHash.sol";
import {Outcomes} from "./Outcomes.sol";

/// @title Who works: seats given by draw or by offer
/// @notice All filters that are the same for every scheduler are here; schedulers only draw and price.
abstract contract Seating is Outcomes, IJobBoard {
    bytes32 private constant TAKE_TYPEHASH = keccak256("Take(bytes32 job,uint40 until)");

    /// @inheritdoc IJobBoard
    function take(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms);
        _check(lane, id, job, held);
        if (job.isFolded()) job = _unfold(lane, id, job, held);
        address[] memory workers = new address[](1);
        workers[0] = msg.sender;
        _take(terms, lane, id, job, workers);
    }

    /// @inheritdoc IJobBoard
    function takeMany(JobTerms calldata terms, SignedTake[] calldata takes) external {
        // INVARIANT: who signed for the first round is never seated in the second, whose clocks he has not seen.
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Posted);
        require(job.digest() == bareDigest(id), UnknownJob(id));
        address[] memory workers = new address[](takes.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            uint40 until = takes[i].until;
            // INVARIANT: a consent that was kept back locks nobody's stake after the time that he has named.
            require(block.timestamp <= until, TakeExpired(id, until));
            workers[i] = ECDSA.recover(takeDigest(id, until), takes[i].signature.r, takes[i].signature.vs);
        }
        _take(terms, lane, id, job, workers);
    }

    /// @inheritdoc IJobBoard
    function takeDigest(JobId id, uint40 until) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(TAKE_TYPEHASH, id, until)));
    }

    /// @inheritdoc IJobBoard
    function seedOf(JobTerms calldata terms) external view returns (bytes32) {
        (bytes32 lane, JobId id, JobWord job) = _find(terms);
        // INVARIANT: whoever works on it, and whenever, the job is the same: its seed is the first round's.
        bytes32 value = IBeacon(BEACON).valueOf(_reopeningOf(lane, job).firstRound());
        return value == 0 ? bytes32(0) : _seed(id, value);
    }

    /// @inheritdoc IJobBoard
    function candidateOf(address worker) external view returns (Candidate memory candidate) {
        candidate.worker = worker;
        candidate.provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        candidate.stake = IStakeVault(VAULT).allocationOf(candidate.provider, worker, address(this)).active;
    }

    /// @dev Matches a job that was just opened with the first offer that serves, and starts it. The caller stores the job.
    function _match(
        JobTerms calldata terms,
        JobId id,
        JobWord job,
        Offer[] calldata offers,
        address[] memory allowed
    ) internal returns (JobWord) {
        require(terms.workers == 1, OneSeatOnly(id, terms.workers));
        (address worker, uint128 price) = _choose(terms, offers, allowed);
        require(price <= terms.price, PriceAboveTerms(price, terms.price));
        Seat[] memory given = new Seat[](1);
        // Nothing is drawn, so any age will do, as long as the worker was there before this block.
        (given[0],) = _seat(terms, id, worker, uint40(block.timestamp));
        given[0].price = price;
        _announceSeat(id, given[0], 1, _workBy(terms));
        return _assign(terms, job.withTaken(1).withDigest(newFoldedDigest(id, given), true));
    }

    function _choose(JobTerms calldata terms, Offer[] calldata offers, address[] memory allowed)
        private
        view
        returns (address, uint128)
    {
        uint256 first = behind(2);
        uint256 second = first + 32 + rawOffers(offers).length;
        bytes memory rest = abi.encodePacked(first, second, offers.length, rawOffers(offers), allowed.length, allowed);
        return abi.decode(ask(terms.scheduler, IOfferScheduler.choose.selector, terms, rest), (address, uint128));
    }

    /// @dev Of a job that is not folded, and that has been checked.
    function _take(JobTerms calldata terms, bytes32 lane, JobId id, JobWord job, address[] memory workers) private {
        Draw memory draw = _openDraw(terms, id, job, workers.length);
        uint256 before = job.taken();
        Seat[] memory given = new Seat[](workers.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            Seat memory seat = _draw(terms, id, draw, workers[i]);
            _checkApart(lane, id, before, given, i, seat);
            if (job.isReopened()) _checkNew(lane, id, job, seat);
            given[i] = seat;
            // More than these there are only in a second round, which has a clock of its own.
            bool last = before + i + 1 == terms.workers;
            _announceSeat(id, seat, before + i + 1, last ? _workBy(terms) : 0);
        }

        bool first = job.state() == JobState.Posted;
        job = job.withTaken(before + given.length);
        if (first && before == 0 && given.length == terms.workers) {
            job = job.withDigest(newFoldedDigest(id, given), true);
        } else {
            for (uint256 i = 0; i < given.length; ++i) {
                _seats[lane][before + i + 1] = seatWord(providerTag(id, given[i].provider), newDigest(given[i]));
            }
        }
        if (first && before + given.length == terms.workers) job = _assign(terms, job);
        _jobs[lane] = job;
    }

    /// @dev The caller stores the job.
    function _assign(JobTerms calldata terms, JobWord job) private view returns (JobWord) {
        return job.withState(JobState.Assigned).withClock(_workBy(terms));
    }

    /// @dev Until when work goes on that begins now.
    function _workBy(JobTerms calldata terms) private view returns (uint40) {
        return uint40(block.timestamp) + terms.workTime;
    }

    function _announceSeat(JobId id, Seat memory seat, uint256 number, uint40 workBy) private {
        emit JobTaken(id, seat.worker, uint8(number), seat.provider, seat.payee, seat.price, workBy);
    }

    /// @dev The drawing that is open for `count` takes now: first-round seats in Posted, the verifier's seats in Committed.
    function _openDraw(JobTerms calldata terms, JobId id, JobWord job, uint256 count)
        private
        view
        returns (Draw memory draw)
    {
        uint40 round = job.round();
        uint256 seats = terms.workers;
        if (job.state() == JobState.Posted) {
            draw.opensAt = job.clock();
            draw.closesAt = _takeBy(terms, job);
        } else {
            require(job.state() == JobState.Committed, WrongState(id, job.state(), JobState.Posted));
            ExtraSeats memory extra = IVerifier(terms.verifier).seats(terms, id);
            (draw.opensAt, draw.closesAt, round) = (extra.opensAt, extra.takeBy, extra.round);
            seats += extra.count;
        }
        require(job.taken() + count <= seats && job.taken() + count <= MAX_SEATS, SeatsFull(id));
        require(block.timestamp <= draw.closesAt, DeadlinePassed(id, draw.closesAt));
        draw.seed = _seed(id, IBeacon(BEACON).read(round));
    }

    /// @dev One drawn worker's seat.
    function _draw(JobTerms calldata terms, JobId id, Draw memory draw, address worker)
        private
        returns (Seat memory seat)
    {
        Candidate memory candidate;
        (seat, candidate.stake) = _seat(terms, id, worker, draw.opensAt);
        (candidate.worker, candidate.provider) = (worker, seat.provider);
        bytes memory rest = abi.encode(draw, candidate, block.timestamp);
        (bool may, uint128 price) =
            abi.decode(ask(terms.scheduler, IScheduler.quote.selector, terms, rest), (bool, uint128));
        require(may, NotDrawn(id, worker));
        require(price <= terms.price, PriceAboveTerms(price, terms.price));
        seat.price = price;
    }

    /// @dev Checks whether the worker may have a seat at all, and locks his stake. The price is still to be filled in.
    /// @return seat without price
    /// @return stake his stake that counts in a draw
    function _seat(JobTerms calldata terms, JobId id, address worker, uint40 opensAt)
        private
        returns (Seat memory seat, uint256 stake)
    {
        (address provider, address payee, uint40 since, uint16 capacity, bytes5 classTag) =
            IWorkerRegistry(REGISTRY).standing(worker);
        require(provider != address(0), UnknownWorker(worker));
        require(classTag == bytes5(terms.hardwareClass), WrongClass(worker, terms.hardwareClass));
        // INVARIANT (D1): neither a registration nor stake made after the draw was committed to counts in it.
        require(since < opensAt, WorkerTooYoung(worker, since, opensAt));
        require(worker != terms.requester && provider != terms.requester, OwnJob(id, worker));

        uint16 locks;
        (since, locks, stake) = IStakeVault(VAULT).lock(provider, worker, terms.stake);
        require(since < opensAt, WorkerTooYoung(worker, since, opensAt));
        require(locks <= capacity, CapacityReached(worker, capacity));
        (seat.worker, seat.provider, seat.payee) = (worker, provider, payee);
    }

    /// @dev One seat per provider and job: none of the `before` seats that are stored, none of the `count` given in this call.
    function _checkApart(
        bytes32 lane,
        JobId id,
        uint256 before,
        Seat[] memory given,
        uint256 count,
        Seat memory seat
    ) private view {
        bool apart = true;
        for (uint256 i = 0; i < count; ++i) {
            apart = apart && given[i].provider != seat.provider;
        }
        uint64 tag = providerTag(id, seat.provider);
        for (uint256 i = 1; i <= before; ++i) {
            apart = apart && tagIn(_seats[lane][i]) != tag;
        }
        require(apart, SiblingSeated(id, seat.worker, seat.provider));
    }

    /// @dev INVARIANT (D1): who lost a seat, or whose sibling did, has no part in drawing it anew.
    function _checkNew(bytes32 lane, JobId id, JobWord job, Seat memory seat) private view {
        uint64 tag = providerTag(id, seat.provider);
        for (uint256 i = _reopeningOf(lane, job).lost(); i > 0; --i) {
            require(tagIn(_seats[lane][MAX_SEATS + i]) != tag, SeatWasLost(id, seat.worker, seat.provider));
        }
    }

    function _seed(JobId id, bytes32 value) private pure returns (bytes32) {
        return keccak256(abi.encode(id, value));
    }
}
