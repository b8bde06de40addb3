// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bps} from "./Money.sol";

/// @notice EIP-712 hash of the job's terms under the domain (chain id, board). Whoever holds the terms can recompute it.
type JobId is bytes32;

using {asBytes, sameAs} for JobId global;

function asBytes(JobId id) pure returns (bytes32) {
    return JobId.unwrap(id);
}

function sameAs(JobId a, JobId b) pure returns (bool) {
    return JobId.unwrap(a) == JobId.unwrap(b);
}

// The most seats a job can have, first round and extra together.
uint8 constant MAX_SEATS = 5;

/// @notice A job's life. Every arrow is taken by `JobBoard._move`; every state is left by a stored deadline through a
/// call that anyone may make (J2).
///
///     None --post--> Posted --last take--> Assigned --last commit / closeWork--> Committed --settle--> Settled
///                      | cancel               | expire: nobody committed by the work deadline
///                      | (draw not fixed)     v
///                      +--> Cancelled      Expired <-- expire: a seat still empty at takeBy -- Posted
///
/// Extra seats (replication's second round; later auditors and jurors) open and fill inside Committed.
enum JobState {
    None,
    Posted,
    Assigned,
    Committed,
    Settled,
    Cancelled,
    Expired
}

/// @notice What requester and workers agree on. Travels as calldata and in `JobPosted`; only its hash is remembered.
/// Every field is static, so the EIP-712 struct hash is keccak256(abi.encode(TYPEHASH, terms)).
struct JobTerms {
    address requester; // pays; owns the result
    uint256 nonce; // chosen by the requester; a used JobId never replays
    bytes32 specDigest; // sha256 inside the raw CIDv1 of the JobSpec
    address payToken; // a plain ERC-20 on the allow-list
    uint128 price; // per worker, in pay-token units
    uint128 reserve; // for extra seats, in pay-token units; unspent, it comes back
    Bps feeBps; // protocol fee on what is really paid out, on top, burned
    uint128 bounty; // for whoever closes a job that paid nobody
    uint128 noShowBond; // in stake-token units; burned of a worker who takes and never commits
    uint8 reopens; // how often a lost seat may be given again
    uint8 workers; // first-round seats
    uint128 stake; // locked per worker, in stake-token units (an amount: no oracle anywhere)
    bytes32 hardwareClass; // what is bought; on the governed list
    address scheduler; // IScheduler, pinned by address
    address verifier; // IVerifier, pinned by address
    bytes32 verifierParams; // packed as the verifier's interface says
    uint40 takeBy; // timestamp: all seats taken by then, or Expired
    uint32 workTime; // seconds from the last take to the work deadline
    uint32 settleTime; // seconds from Committed to the settle deadline
}

bytes32 constant TERMS_TYPEHASH = keccak256(
    "JobTerms(address requester,uint256 nonce,bytes32 specDigest,address payToken,uint128 price,uint128 reserve,"
    "uint16 feeBps,uint128 bounty,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,bytes32 hardwareClass,"
    "address scheduler,address verifier,bytes32 verifierParams,uint40 takeBy,uint32 workTime,uint32 settleTime)"
);

/// @notice One storage slot per job: 208 of 256 bits.
struct Job {
    JobState state; // 8
    uint8 taken; // first-round and extra seats given
    uint8 committed; // first-round seats with a commitment
    uint8 extraCommitted; // extra seats with a commitment
    bool contested; // set by the pinned verifier's `contest`
    uint8 reopened; // seats given again so far
    uint40 postedAt; // registrations and stake younger than this do not count
    uint40 round; // the beacon round named at posting
    uint40 deadline; // leaves the current state: takeBy | work deadline | settleBy
    uint40 committedAt; // when Committed was entered; 0 before
}

enum SeatState {
    None,
    Taken,
    Committed
}

/// @notice One storage slot per worker of a job. The commitment is kept as its first 30 bytes: 240 bits against a
/// second preimage, 120 against a collision by the committer himself, and no second slot.
struct Seat {
    SeatState state;
    uint8 number; // 1-based, in order of taking; > terms.workers: an extra seat
    bytes30 seal;
}

/// @notice One drawing of seats: who may take depends on the seed and on how much of the window has passed.
struct Draw {
    bytes32 seed; // keccak256(JobId, value of the round)
    uint40 opensAt; // the round was committed to here: younger stake and registrations do not count
    uint40 closesAt; // seats not taken by then stay empty
}

/// @notice Seats that a verifier has opened inside Committed.
struct ExtraSeats {
    uint8 count; // 0: none open
    uint40 round; // the beacon round that draws them
    uint40 opensAt;
    uint40 takeBy;
    uint40 workBy;
}

/// @notice What a seat's holder did wrong, if anything.
enum Fault {
    None, // the locked stake is released
    NoShow, // took and never committed: the no-show bond is burned, the rest released
    Slashed // all stake locked for this job is taken, at least half of it burned
}

/// @notice A verifier's judgement of one seat.
struct Ruling {
    uint128 pay; // pay-token units, <= what the terms escrow in sum
    Fault fault;
    bool agreed; // counts as a checked success for the worker's score
    address finder; // receives the unburned part of a slash; zero: all is burned
}

/// @notice Exit class of a run, part of the result root: "the user's code failed" can be agreed on.
/// Result root = keccak256(0x02 || JobId || class || merkleRoot), merkleRoot zero unless class is Ok.
enum ExitClass {
    Ok,
    Raised,
    WallLimit,
    MemoryLimit,
    OutputTooLarge
}
