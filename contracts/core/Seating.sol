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
    Candidate, Draw, ExtraSeats, JobId, JobState, JobTerms, MAX_SEATS, Offer, Seat, Signature
} from "../types/JobTypes.sol";
import {providerTag, tagIn} from "../types/JobWord.sol";
import {Outcomes} from "./Outcomes.sol";

/// @title Who works: seats given by draw or by offer
/// @notice All filters that are the same for every scheduler are here; schedulers only draw and price.
abstract contract Seating is Outcomes {
    bytes32 private constant TAKE_TYPEHASH = keccak256("Take(bytes32 job)");

    /// @inheritdoc IJobBoard
    function take(JobTerms calldata terms, Seat[] calldata held) external {
        address[] memory workers = new address[](1);
        workers[0] = msg.sender;
        _take(terms, _find(terms), held, workers);
    }

    /// @inheritdoc IJobBoard
    function takeMany(JobTerms calldata terms, Signature[] calldata signatures) external {
        Entry memory entry = _find(terms);
        // INVARIANT: who signed for the first round is never seated in the second, whose clocks he has not seen.
        _expect(entry, JobState.Posted);
        bytes32 digest = takeDigest(entry.id);
        address[] memory workers = new address[](signatures.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            workers[i] = ECDSA.recover(digest, signatures[i].r, signatures[i].vs);
        }
        _take(terms, entry, new Seat[](0), workers);
    }

    /// @inheritdoc IJobBoard
    function takeDigest(JobId id) public view returns (bytes32) {
        return _hashTypedDataV4(keccak256(abi.encode(TAKE_TYPEHASH, id)));
    }

    /// @inheritdoc IJobBoard
    function seedOf(JobTerms calldata terms) external view returns (bytes32) {
        Entry memory entry = _find(terms);
        bytes32 value = IBeacon(BEACON).valueOf(entry.job.round);
        return value == 0 ? bytes32(0) : _seed(entry.id, value);
    }

    /// @inheritdoc IJobBoard
    function candidateOf(address worker) external view returns (Candidate memory candidate) {
        candidate.worker = worker;
        candidate.provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        candidate.stake = IStakeVault(VAULT).allocationOf(candidate.provider, worker, address(this)).active;
    }

    /// @dev Matches a job that was just opened with the first offer that serves, and starts it.
    function _match(JobTerms calldata terms, Entry memory entry, Offer[] calldata offers, address[] memory allowed)
        internal
    {
        require(terms.workers == 1, OneSeatOnly(entry.id, terms.workers));
        (address worker, uint128 price) = IOfferScheduler(terms.scheduler).choose(terms, offers, allowed);
        require(price <= terms.price, PriceAboveTerms(price, terms.price));
        Seat[] memory given = new Seat[](1);
        // Nothing is drawn, so any age will do, as long as the worker was there before this block.
        (given[0],) = _seat(terms, entry.id, worker, uint40(block.timestamp));
        given[0].price = price;
        emit JobTaken(entry.id, worker, 1, given[0].provider, given[0].payee, price);
        entry.job.taken = 1;
        _fold(entry, given);
        _assign(terms, entry);
    }

    function _take(JobTerms calldata terms, Entry memory entry, Seat[] memory held, address[] memory workers) private {
        _check(entry, held);
        Draw memory draw = _openDraw(terms, entry, workers.length);
        if (entry.job.folded) _unfold(entry, held);

        uint256 before = entry.job.taken;
        uint64[] memory tags = _tags(entry, workers.length);
        Seat[] memory given = new Seat[](workers.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            Seat memory seat = _draw(terms, entry.id, draw, workers[i]);
            _seatApart(entry.id, tags, before + i, seat);
            given[i] = seat;
            emit JobTaken(entry.id, seat.worker, uint8(before + i + 1), seat.provider, seat.payee, seat.price);
        }

        entry.job.taken = uint8(before + given.length);
        if (before == 0 && given.length == terms.workers) {
            _fold(entry, given);
        } else {
            for (uint256 i = 0; i < given.length; ++i) {
                _writeSeat(entry, given[i], before + i + 1);
            }
        }
        if (entry.job.state == JobState.Posted && entry.job.taken == terms.workers) _assign(terms, entry);
        _store(entry);
    }

    /// @dev The caller stores the job.
    function _assign(JobTerms calldata terms, Entry memory entry) private {
        entry.job.state = JobState.Assigned;
        entry.job.clock = uint40(block.timestamp) + terms.workTime;
        emit JobAssigned(entry.id, entry.job.clock);
    }

    /// @dev The drawing that is open for `count` takes now: first-round seats in Posted, the verifier's seats in Committed.
    function _openDraw(JobTerms calldata terms, Entry memory entry, uint256 count) private view returns (Draw memory draw) {
        uint40 round = entry.job.round;
        uint256 seats = terms.workers;
        if (entry.job.state == JobState.Posted) {
            (draw.opensAt, draw.closesAt) = (entry.job.clock, terms.takeBy);
        } else {
            require(entry.job.state == JobState.Committed, WrongState(entry.id, entry.job.state, JobState.Posted));
            ExtraSeats memory extra = IVerifier(terms.verifier).seats(terms, entry.id);
            (draw.opensAt, draw.closesAt, round) = (extra.opensAt, extra.takeBy, extra.round);
            seats += extra.count;
        }
        require(entry.job.taken + count <= seats && entry.job.taken + count <= MAX_SEATS, SeatsFull(entry.id));
        require(block.timestamp <= draw.closesAt, DeadlinePassed(entry.id, draw.closesAt));
        draw.seed = _seed(entry.id, IBeacon(BEACON).read(round));
    }

    /// @dev One drawn worker's seat.
    function _draw(JobTerms calldata terms, JobId id, Draw memory draw, address worker)
        private
        returns (Seat memory seat)
    {
        Candidate memory candidate;
        (seat, candidate.stake) = _seat(terms, id, worker, draw.opensAt);
        (candidate.worker, candidate.provider) = (worker, seat.provider);
        (bool may, uint128 price) = IScheduler(terms.scheduler).quote(terms, draw, candidate, uint40(block.timestamp));
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

    /// @dev The marks of the providers seated so far, with room for `count` more.
    function _tags(Entry memory entry, uint256 count) private view returns (uint64[] memory tags) {
        tags = new uint64[](entry.job.taken + count);
        for (uint256 i = 0; i < entry.job.taken; ++i) {
            tags[i] = tagIn(_seatIn(entry, i + 1));
        }
    }

    /// @dev One seat per provider and job.
    function _seatApart(JobId id, uint64[] memory tags, uint256 taken, Seat memory seat) private pure {
        uint64 tag = providerTag(id, seat.provider);
        for (uint256 i = 0; i < taken; ++i) {
            require(tags[i] != tag, SiblingSeated(id, seat.worker, seat.provider));
        }
        tags[taken] = tag;
    }

    function _seed(JobId id, bytes32 value) private pure returns (bytes32) {
        return keccak256(abi.encode(id, value));
    }
}
