// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {
    Draw,
    ExtraSeats,
    Fault,
    Job,
    JobId,
    JobState,
    JobTerms,
    MAX_SEATS,
    Ruling,
    Seat,
    SeatState,
    TERMS_TYPEHASH
} from "../types/JobTypes.sol";
import {BoardBase} from "./BoardBase.sol";
import {Outcomes} from "./Outcomes.sol";

/// @title JobBoard, as IJobBoard says
/// @dev Every function reads: identify, check, write, emit, call out. What is called out to cannot come back: ledgers,
/// registry and beacon call nobody (tokens move only in the ledgers' own deposits and withdrawals), schedulers and
/// verifiers are asked by static calls.
contract JobBoard is Outcomes, EIP712 {
    mapping(JobId id => Job) private _jobs;
    mapping(JobId id => uint256) private _tags; // 48 bits per seat given: who its provider is
    mapping(JobId id => mapping(address worker => Seat)) private _seats;

    constructor(
        address escrow,
        address vault,
        address registry,
        address reputation,
        address parameters,
        address beacon
    ) BoardBase(escrow, vault, registry, reputation, parameters, beacon) EIP712("tensorgrid", "1") {}

    // ---- the requester

    /// @inheritdoc IJobBoard
    function post(JobTerms calldata terms) external returns (JobId id) {
        id = idOf(terms);
        require(msg.sender == terms.requester, NotRequester(id, msg.sender));
        // INVARIANT (J1): an id is used once; ended jobs keep their record, so none replays.
        require(_jobs[id].state == JobState.None, JobExists(id));
        _checkTerms(terms);

        Job memory job;
        job.postedAt = uint40(block.timestamp);
        job.round = IBeacon(BEACON).next();
        job.deadline = terms.takeBy;
        _move(id, job, JobState.Posted);
        emit JobPosted(id, terms, job.round);
        IEscrow(ESCROW).hold(terms.payToken, terms.requester, escrowFor(terms));
    }

    /// @inheritdoc IJobBoard
    function cancel(JobTerms calldata terms) external {
        (JobId id, Job memory job) = _inState(terms, JobState.Posted);
        require(msg.sender == terms.requester, NotRequester(id, msg.sender));
        // INVARIANT (D1): a requester who can know the draw can no longer throw it away for another.
        require(!IBeacon(BEACON).isDue(job.round), DrawFixed(id, job.round));
        _move(id, job, JobState.Cancelled);
        emit JobCancelled(id, _giveBack(terms));
    }

    // ---- the worker

    /// @inheritdoc IJobBoard
    function take(JobTerms calldata terms) external {
        JobId id = idOf(terms);
        Job memory job = _jobs[id];
        Draw memory draw = _openDraw(terms, id, job);
        address provider = _checkTaker(terms, id, draw);
        (bool may, uint128 price) = IScheduler(terms.scheduler).quote(terms, draw, msg.sender, uint40(block.timestamp));
        require(may, NotDrawn(id, msg.sender));
        require(price == terms.price, PriceUnsupported(price, terms.price));

        _tagSeat(id, job.taken, provider);
        uint8 number = ++job.taken;
        _seats[id][msg.sender] = Seat({state: SeatState.Taken, number: number, seal: 0});
        emit JobTaken(id, msg.sender, number, price);
        if (job.state == JobState.Posted && number == terms.workers) {
            job.deadline = uint40(block.timestamp) + terms.workTime;
            _move(id, job, JobState.Assigned);
            emit JobAssigned(id, job.deadline);
        } else {
            _jobs[id] = job;
        }
        IStakeVault(VAULT).lock(provider, msg.sender, terms.stake);
    }

    /// @inheritdoc IJobBoard
    function progress(JobId id, bytes32 digest) external {
        require(_seats[id][msg.sender].state != SeatState.None, NotSeated(id, msg.sender));
        emit JobProgress(id, msg.sender, digest);
    }

    /// @inheritdoc IJobBoard
    function commit(JobTerms calldata terms, bytes32 commitment) external {
        JobId id = idOf(terms);
        Seat memory seat = _seats[id][msg.sender];
        require(seat.state != SeatState.None, NotSeated(id, msg.sender));
        require(seat.state == SeatState.Taken, AlreadyCommitted(id, msg.sender));
        bool extra = seat.number > terms.workers;
        Job memory job = _expect(id, extra ? JobState.Committed : JobState.Assigned);
        uint40 workBy = extra ? IVerifier(terms.verifier).seats(terms, id).workBy : job.deadline;
        require(block.timestamp <= workBy, DeadlinePassed(id, workBy));

        seat.state = SeatState.Committed;
        seat.seal = bytes30(commitment);
        _seats[id][msg.sender] = seat;
        emit JobSealed(id, msg.sender, seat.seal);
        if (extra) {
            ++job.extraCommitted;
        } else if (++job.committed == terms.workers) {
            _enterCommitted(terms, id, job);
            return;
        }
        _jobs[id] = job;
    }

    // ---- anyone

    /// @inheritdoc IJobBoard
    function closeWork(JobTerms calldata terms) external {
        (JobId id, Job memory job) = _inState(terms, JobState.Assigned);
        require(block.timestamp > job.deadline, DeadlineNotPassed(id, job.deadline));
        require(job.committed > 0, NothingCommitted(id));
        // INVARIANT (J2): a job lives no longer than MAX_LIFE, however late somebody comes to close it.
        uint40 closeBy = job.deadline + terms.settleTime;
        require(block.timestamp <= closeBy, DeadlinePassed(id, closeBy));
        _enterCommitted(terms, id, job);
    }

    /// @inheritdoc IJobBoard
    function settle(JobTerms calldata terms, address[] calldata workers) external {
        (JobId id, Job memory job) = _inState(terms, JobState.Committed);
        Seat[] memory held = _seatsOf(id, job, workers);
        Ruling[] memory rulings =
            block.timestamp > job.deadline ? _lateRulings(terms, workers) : _rulings(terms, id, held);
        _move(id, job, JobState.Settled);
        Payees memory payees = _payees(workers);
        (uint256 paid, uint256 fee, uint256 returned) = _payOut(terms, payees, rulings);
        _judge(terms, id, workers, payees, rulings);
        emit JobSettled(id, msg.sender, paid, fee, returned);
    }

    /// @inheritdoc IJobBoard
    function expire(JobTerms calldata terms, address[] calldata workers) external {
        JobId id = idOf(terms);
        Job memory job = _jobs[id];
        require(job.state != JobState.None, UnknownJob(id));
        bool assigned = job.state == JobState.Assigned;
        require(assigned || job.state == JobState.Posted, WrongState(id, job.state, JobState.Posted));
        // What somebody committed to may still be closed and settled; that has its own time.
        uint40 deadline = job.committed == 0 ? job.deadline : job.deadline + terms.settleTime;
        require(block.timestamp > deadline, DeadlineNotPassed(id, deadline));
        Seat[] memory held = _seatsOf(id, job, workers);
        Ruling[] memory rulings = new Ruling[](workers.length);
        for (uint256 i = 0; assigned && i < workers.length; ++i) {
            // A seat still empty at takeBy is no taker's fault; an empty hand at the work deadline is.
            if (held[i].state == SeatState.Taken) rulings[i].fault = Fault.NoShow;
        }
        _move(id, job, JobState.Expired);
        Payees memory payees = _payees(workers);
        (,, uint256 returned) = _payOut(terms, payees, rulings);
        _judge(terms, id, workers, payees, rulings);
        emit JobExpired(id, msg.sender, returned);
    }

    /// @inheritdoc IJobBoard
    function contest(JobTerms calldata terms) external {
        (JobId id, Job memory job) = _inState(terms, JobState.Committed);
        require(msg.sender == terms.verifier, NotVerifier(id, msg.sender));
        job.contested = true;
        _jobs[id] = job;
        emit JobContested(id);
    }

    // ---- reading

    /// @inheritdoc IJobBoard
    function judgement(JobTerms calldata terms, address[] calldata workers) external view returns (Ruling[] memory) {
        (JobId id, Job memory job) = _inState(terms, JobState.Committed);
        return _rulings(terms, id, _seatsOf(id, job, workers));
    }

    /// @inheritdoc IJobBoard
    function idOf(JobTerms calldata terms) public view returns (JobId) {
        return JobId.wrap(_hashTypedDataV4(keccak256(abi.encode(TERMS_TYPEHASH, terms))));
    }

    /// @inheritdoc IJobBoard
    function jobOf(JobId id) external view returns (Job memory) {
        return _jobs[id];
    }

    /// @inheritdoc IJobBoard
    function seatOf(JobId id, address worker) external view returns (Seat memory) {
        return _seats[id][worker];
    }

    /// @inheritdoc IJobBoard
    function seedOf(JobId id) external view returns (bytes32) {
        bytes32 value = IBeacon(BEACON).valueOf(_jobs[id].round);
        return value == 0 ? bytes32(0) : _seed(id, value);
    }

    // ---- states

    function _inState(JobTerms calldata terms, JobState need) private view returns (JobId id, Job memory job) {
        id = idOf(terms);
        job = _expect(id, need);
    }

    function _expect(JobId id, JobState need) private view returns (Job memory job) {
        job = _jobs[id];
        require(job.state != JobState.None, UnknownJob(id));
        require(job.state == need, WrongState(id, job.state, need));
    }

    /// @dev The only writer of `state`; stores the rest of the record with it.
    function _move(JobId id, Job memory job, JobState to) private {
        job.state = to;
        _jobs[id] = job;
    }

    function _enterCommitted(JobTerms calldata terms, JobId id, Job memory job) private {
        job.committedAt = uint40(block.timestamp);
        job.deadline = uint40(block.timestamp) + terms.settleTime;
        _move(id, job, JobState.Committed);
        emit JobCommitted(id, job.deadline);
    }

    // ---- seats

    /// @dev The drawing that is open now: the first round in Posted, the verifier's extra seats in Committed.
    function _openDraw(JobTerms calldata terms, JobId id, Job memory job) private returns (Draw memory) {
        require(job.state != JobState.None, UnknownJob(id));
        if (job.state == JobState.Posted) {
            require(block.timestamp <= terms.takeBy, DeadlinePassed(id, terms.takeBy));
            return Draw({
                seed: _seed(id, IBeacon(BEACON).store(job.round, "")),
                opensAt: job.postedAt,
                closesAt: terms.takeBy
            });
        }
        require(job.state == JobState.Committed, WrongState(id, job.state, JobState.Posted));
        ExtraSeats memory extra = IVerifier(terms.verifier).seats(terms, id);
        require(job.taken < terms.workers + extra.count && job.taken < MAX_SEATS, SeatsFull(id));
        require(block.timestamp <= extra.takeBy, DeadlinePassed(id, extra.takeBy));
        return Draw({
            seed: _seed(id, IBeacon(BEACON).store(extra.round, "")),
            opensAt: extra.opensAt,
            closesAt: extra.takeBy
        });
    }

    /// @dev All filters that are the same for every scheduler. Returns the taker's provider.
    function _checkTaker(JobTerms calldata terms, JobId id, Draw memory draw) private view returns (address) {
        (address provider, uint40 since, uint16 capacity, bytes32 class) =
            IWorkerRegistry(REGISTRY).standing(msg.sender);
        require(provider != address(0), UnknownWorker(msg.sender));
        require(class == terms.hardwareClass, WrongClass(msg.sender, class, terms.hardwareClass));
        // INVARIANT (D1): neither a registration nor stake made after the draw was committed to counts in it.
        require(since < draw.opensAt, WorkerTooYoung(msg.sender, since, draw.opensAt));
        IStakeVault.Allocation memory stake = IStakeVault(VAULT).allocationOf(provider, msg.sender, address(this));
        require(stake.since < draw.opensAt, WorkerTooYoung(msg.sender, stake.since, draw.opensAt));
        require(msg.sender != terms.requester && provider != terms.requester, OwnJob(id, msg.sender));
        require(_seats[id][msg.sender].state == SeatState.None, AlreadySeated(id, msg.sender));
        require(stake.locks < capacity, CapacityReached(msg.sender, capacity));
        return provider;
    }

    /// @dev One seat per provider and job. Tags are keyed by the job, so that none can be ground in advance to shut another
    /// provider out.
    function _tagSeat(JobId id, uint8 taken, address provider) private {
        uint256 tags = _tags[id];
        uint256 tag = uint256(keccak256(abi.encode(id, provider))) >> 208;
        for (uint256 i = 0; i < taken; ++i) {
            require(uint48(tags >> (48 * i)) != tag, SiblingSeated(id, msg.sender, provider));
        }
        _tags[id] = tags | (tag << (48 * taken));
    }

    /// @dev The job's seats, if `workers` are all its workers in the order of their seats.
    function _seatsOf(JobId id, Job memory job, address[] calldata workers) private view returns (Seat[] memory held) {
        require(workers.length == job.taken, WrongSeats(id, workers.length, job.taken));
        held = new Seat[](workers.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            held[i] = _seats[id][workers[i]];
            require(held[i].number == i + 1, WrongSeats(id, held[i].number, i + 1));
        }
    }

    function _seed(JobId id, bytes32 value) private pure returns (bytes32) {
        return keccak256(abi.encode(id, value));
    }
}
