// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {Address} from "@openzeppelin/contracts/utils/Address.sol";

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {Fault, JobId, JobState, JobTerms, MAX_SEATS, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord, bareDigest} from "../types/JobWord.sol";
import {Reopening} from "../types/Reopening.sol";
import {nextRound} from "../types/Rounds.sol";
import {providerTag, seatWord} from "../types/SeatHash.sol";
import {BoardBase} from "./BoardBase.sol";
import {Outcomes} from "./Outcomes.sol";

/// @title The calls of a job board that most jobs never need
/// @notice Code of a JobBoard that has no room in it. The board creates it and calls it by `delegatecall`: what runs here
/// runs in the board's name, on the board's storage, for the board's caller. It has the bases of the board that hold
/// storage, in the same order, hence the same layout, and adds none of its own. Called by itself it knows no job and holds
/// nothing.
contract BoardRest is Outcomes {
    constructor(
        address escrow,
        address vault,
        address registry,
        address reputation,
        address parameters,
        address beacon
    ) BoardBase(escrow, vault, registry, reputation, parameters, beacon) EIP712("tensorgrid", "1") {}

    /// @dev As IJobBoard.cancel.
    function cancel(JobTerms calldata terms) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Posted);
        require(job.digest() == bareDigest(id), IJobBoard.UnknownJob(id));
        require(msg.sender == terms.requester, IJobBoard.NotRequester(id, msg.sender));
        // INVARIANT (D1): a requester who can know a draw can no longer throw it away for another. Of a job that was
        // opened again, the first draw is long known.
        require(
            !job.isReopened() && !IBeacon(BEACON).isDue(job.round()), IJobBoard.DrawFixed(id, job.round())
        );
        _jobs[lane] = job.withState(JobState.Cancelled);
        emit IJobBoard.JobCancelled(id, _giveBack(terms));
    }

    /// @dev As IJobBoard.closeWork.
    function closeWork(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Assigned);
        _check(lane, id, job, held);
        uint40 deadline = job.clock();
        require(block.timestamp > deadline, IJobBoard.DeadlineNotPassed(id, deadline));
        require(job.committed() > 0, IJobBoard.NothingCommitted(id));
        // INVARIANT (J2): a job lives no longer than MAX_LIFE, however late somebody comes to close it.
        uint40 closeBy = deadline + terms.settleTime;
        require(block.timestamp <= closeBy, IJobBoard.DeadlinePassed(id, closeBy));
        emit IJobBoard.JobCommitted(id, uint40(block.timestamp));
        _jobs[lane] = _endWork(job);
    }

    /// @dev As IJobBoard.expire.
    function expire(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms);
        _checkAll(lane, id, job, held);
        bool assigned = job.state() == JobState.Assigned;
        if (!assigned) _expect(id, job, JobState.Posted);
        uint40 deadline = assigned ? job.clock() : _takeBy(terms, job);
        // What somebody committed to may still be closed and settled, what nobody did be opened again. Each has its time.
        if (job.committed() > 0) deadline += terms.settleTime;
        else if (assigned && _reopeningOf(lane, job).count() < terms.reopens) deadline += REOPEN_TIME;
        require(block.timestamp > deadline, IJobBoard.DeadlineNotPassed(id, deadline));

        Ruling[] memory rulings = new Ruling[](held.length);
        for (uint256 i = 0; assigned && i < held.length; ++i) {
            // A seat still empty at takeBy is no taker's fault; an empty hand at the work deadline is.
            if (held[i].commitment == 0) rulings[i].fault = Fault.NoShow;
        }
        _jobs[lane] = job.withState(JobState.Expired);
        (,, uint256 returned) = _payOut(terms, held, rulings);
        _judge(terms, id, held, rulings);
        emit IJobBoard.JobExpired(id, msg.sender, returned);
    }

    /// @dev As IJobBoard.reopen.
    function reopen(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Assigned);
        _checkAll(lane, id, job, held);
        uint40 deadline = job.clock();
        require(block.timestamp > deadline, IJobBoard.DeadlineNotPassed(id, deadline));
        require(job.committed() == 0, IJobBoard.WorkToClose(id));
        uint40 reopenBy = deadline + REOPEN_TIME;
        // INVARIANT (J2): a job lives no longer than MAX_LIFE, however late somebody comes to open it again.
        require(block.timestamp <= reopenBy, IJobBoard.DeadlinePassed(id, reopenBy));
        require(_reopeningOf(lane, job).count() < terms.reopens, IJobBoard.NoReopenLeft(id, terms.reopens));

        Ruling[] memory rulings = new Ruling[](held.length);
        for (uint256 i = 0; i < held.length; ++i) {
            rulings[i].fault = Fault.NoShow;
        }
        // The seats are judged before it is told that they are open: events are read in their order.
        _judge(terms, id, held, rulings);
        _openAgain(lane, id, job, held);
    }

    /// @dev As IJobBoard.abandon.
    function abandon(JobTerms calldata terms, Seat[] calldata held) external {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Assigned);
        _checkAll(lane, id, job, held);
        // A seat of several is not given back alone: the others' work goes on, and they would wait for a stranger's.
        require(terms.workers == 1, IJobBoard.OthersAtWork(id, terms.workers));
        Seat calldata seat = held[0];
        require(seat.worker == msg.sender, IJobBoard.NotSeated(id, msg.sender));
        // INVARIANT: past the deadline he is a no-show like any other, and cannot buy himself off at half the bond.
        require(block.timestamp <= job.clock(), IJobBoard.DeadlinePassed(id, job.clock()));

        // Rounded up: what is burned is never less than half.
        uint256 burned = (uint256(terms.noShowBond) + 1) / 2;
        IStakeVault(VAULT).release(seat.provider, seat.worker, terms.stake, burned, address(0), 0);
        _rest(terms, seat);
        emit IJobBoard.WorkerSettled(id, seat.worker, 0, Fault.Abandoned, false);
        if (_reopeningOf(lane, job).count() < terms.reopens) {
            _openAgain(lane, id, job, held);
            return;
        }
        _jobs[lane] = job.withState(JobState.Expired);
        // The bounty is for whoever ends what others have left. This one leaves it himself.
        emit IJobBoard.JobExpired(id, msg.sender, _giveBack(terms));
    }

    /// @dev As IJobBoard.multicall. The board calls itself, so each call finds its own way to the code that does it.
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results) {
        results = new bytes[](calls.length);
        for (uint256 i = 0; i < calls.length; ++i) {
            // INVARIANT: the board takes no ether, so no payment can be counted in two of the calls.
            results[i] = Address.functionDelegateCall(address(this), calls[i]);
        }
    }

    /// @dev Posted again, without seats, to be drawn by a round that nobody knows yet (D1). Who had seats is remembered.
    function _openAgain(bytes32 lane, JobId id, JobWord job, Seat[] calldata held) private {
        Reopening before = _reopeningOf(lane, job);
        for (uint256 i = 0; i < held.length; ++i) {
            _seats[lane][MAX_SEATS + before.lost() + i + 1] = seatWord(providerTag(id, held[i].provider), 0);
        }
        Reopening now_ = before.again(held.length);
        _seats[lane][0] = Reopening.unwrap(now_);
        uint40 round = nextRound(ORIGIN, PERIOD, AHEAD);
        _jobs[lane] = job.openedAgain(id, round);
        uint40 takeBy = uint40(block.timestamp) + REOPEN_TIME;
        emit IJobBoard.JobReopened(id, round, takeBy, uint8(now_.count()));
    }
}
