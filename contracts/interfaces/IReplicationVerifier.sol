// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, JobTerms, Seat} from "../types/JobTypes.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title Replication: two or three do the same work, unequal answers bring more, up to five
/// @notice `terms.verifierParams`, from the lowest bits: uint32 revealTime, uint32 grace, uint32 extraTakeTime, seconds;
/// with two workers also uint112 scoreRate, points per 1e18 units of price; zeros above.
///
/// First round. From Committed until revealTime + grace each committed worker opens (salt, keccak256(resultRoot),
/// receiptDigest). Three equal, or two equal with the third silent: done. Nothing revealed: done. Anything else opens the
/// seats that are missing to five, drawn by a new future round; the reveal that completes an undecided round does so itself,
/// otherwise anyone.
///
/// Two workers are enough when they answer the same, and the score of each covers the job as he reveals: it is at least
/// price * scoreRate / 1e18. The rate is at least what a unit of burned fee is worth as score when the policy is admitted,
/// so each of them has burned at least the price in fees, as far as time has not decayed it. Two equal answers of less
/// score, unequal ones, or one alone open three seats more, and the rows for five hold.
///
/// Second round. Clocks run from the opening: take for extraTakeTime, work for terms.workTime more, reveal for
/// revealTime + grace more. Extra seats commit to the result root itself in place of its hash, which the first round has
/// made public, and reveal it only when no extra seat can commit any more: nothing on chain can be copied.
///
/// An opening needs no signature: only its worker knows the salt, and the commitment names him. Whoever was given openings
/// may post them; the ones that complete an agreed round settle the job in the same transaction.
interface IReplicationVerifier is IVerifier {
    event Revealed(JobId indexed id, address indexed worker, bytes32 rootHash, bytes32 receiptDigest);
    event ExtraSeatsOpened(JobId indexed id, uint40 round, uint40 takeBy, uint40 workBy, uint40 revealBy);

    /// @param need the usual number; 2 is the other one
    error WorkersUnsupported(uint8 have, uint8 need);
    error ParamsInvalid(bytes32 params);
    /// @notice Two replicas paid in a token whose fees give no score.
    error TokenUnweighted(address token);
    /// @notice Two replicas whose score would cover more than it has cost.
    error ScoreRateTooLow(uint256 have, uint256 need);
    /// @notice A reveal or extra-take time below LEAST_CLOCK: a requester could slash honest workers by their slowness.
    error ClockTooShort(uint32 have, uint32 least);
    error NotCommitted(JobId id, address worker);
    error AlreadyRevealed(JobId id, address worker);
    error RevealTooEarly(JobId id);
    error RevealTooLate(JobId id, uint40 deadline);
    error CommitmentMismatch(JobId id, address worker);
    /// @notice An extra seat must show the root itself, a first-round seat must not.
    error RootExpected(JobId id, address worker);
    error ExtraNotNeeded(JobId id);
    error TooLateForExtra(JobId id, uint40 settleBy);

    struct Clocks {
        uint32 revealTime;
        uint32 grace;
        uint32 extraTakeTime;
    }

    /// @notice One slot per job.
    struct Tally {
        uint8[5] group; // by seat number - 1; 0: not revealed, else 1-based group of equal results
        uint8 groups; // distinct results so far
        uint8 limits; // bit g-1: group g is the exit class wall limit or memory limit
        uint8 revealed;
        uint40 extraOpenedAt; // 0: no second round
        uint40 extraRound;
    }

    /// @notice What opens a commitment.
    struct Opening {
        uint8 number; // of the seat
        bytes32 salt;
        bytes32 shown; // keccak256(resultRoot) in a first seat, resultRoot in an extra one
        bytes32 receiptDigest;
    }

    /// @notice Anyone: open commitments of one round. When that completes the first round with all results equal, the job is
    /// settled at once, provided that `held` is complete (otherwise, and after a second round, anyone settles later).
    /// @param held the job's seats as IJobBoard says; those of the openings, and all for settling at once
    /// @dev An opening of a seat that is shown already is passed over. reverts NotCommitted, AlreadyRevealed (all of them),
    /// RevealTooEarly, RevealTooLate, CommitmentMismatch, RootExpected (seats of
    /// both rounds mixed), IJobBoard.UnknownJob, IJobBoard.WrongSeats
    function reveal(JobTerms calldata terms, Seat[] calldata held, Opening[] calldata openings) external;

    /// @notice Anyone, when the first round is over by its deadline and was not decided.
    /// @dev reverts ExtraNotNeeded, RevealTooEarly (round still open), TooLateForExtra
    function openExtra(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Of the job that the lane of this nonce holds now, if it is this nonce's; else all zero.
    function tallyOf(address requester, uint256 nonce) external view returns (Tally memory);
    /// @notice Points that each of two workers needs for their agreement to be enough; 0 with three workers.
    function scoreNeeded(JobTerms calldata terms) external pure returns (uint256);
    function clocksOf(bytes32 params) external pure returns (Clocks memory);
    /// @notice Whether the first round is over and undecided, and extra seats are still to be opened.
    function extraNeeded(JobTerms calldata terms, Seat[] calldata held) external view returns (bool);
    /// @notice Least reveal and extra-take time: the network's least take time, a hard bound.
    function LEAST_CLOCK() external view returns (uint32);
    function BEACON() external view returns (address);
}
