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

/// @notice A job's life. Every arrow is taken by `JobBoard`; every state is left by a deadline through a call that anyone
/// may make (J2).
///
///     None --post--> Posted --last take--> Assigned --last commit / closeWork--> Committed --settle--> Settled
///       |              | cancel               | expire: nobody committed by the work deadline
///       |              | (draw not fixed)     v
///       |              +--> Cancelled      Expired <-- expire: a seat still empty at takeBy -- Posted
///       +--post with an offer--> Assigned
///
/// Assigned --reopen / abandon--> Posted, as often as `reopens` says: nobody committed, or the only worker gave it back.
/// Extra seats (replication's second round; later auditors and jurors) open and fill inside Committed.
enum JobState {
    None,
    Posted,
    Assigned,
    Committed,
    Settled,
    Cancelled,
    Expired,
    Superseded // only read, never stored: ended, and a later job of the same lane has taken the record over
}

/// @notice What requester and workers agree on. Travels as calldata and in `JobPosted`; only its hash is remembered.
/// Every field is static, so the EIP-712 struct hash is keccak256(abi.encode(TYPEHASH, terms)). From `payToken` on lies
/// what governance admits (the policy); a policy is checked once, not once per job.
struct JobTerms {
    address requester; // pays; owns the result
    uint256 nonce; // lane << 16 | sequence: jobs of one lane follow one another, each with a higher sequence than the last
    bytes32 specDigest; // sha256 inside the raw CIDv1 of the JobSpec
    uint128 price; // the most per worker, in pay-token units; what a seat really costs is fixed when it is taken
    uint128 reserve; // for extra seats, in pay-token units; unspent, it comes back
    uint128 bounty; // for whoever closes a job that paid nobody
    uint40 takeBy; // timestamp: all seats taken by then, or Expired
    address payToken; // a plain ERC-20 on the allow-list
    Bps feeBps; // protocol fee on what is really paid out, on top, burned
    uint128 noShowBond; // in stake-token units; burned of a worker who takes and never commits
    uint8 reopens; // how often a lost seat may be given again
    uint8 workers; // first-round seats
    uint128 stake; // locked per worker, in stake-token units (an amount: no oracle anywhere)
    bytes32 hardwareClass; // what is bought; on the governed list
    address scheduler; // IScheduler, pinned by address
    address verifier; // IVerifier, pinned by address
    bytes32 verifierParams; // packed as the verifier's interface says; the lowest 32 bits are its first clock, in seconds
    uint32 workTime; // seconds from the last take to the work deadline
    uint32 settleTime; // seconds from Committed to the settle deadline
}

bytes32 constant TERMS_TYPEHASH = keccak256(
    "JobTerms(address requester,uint256 nonce,bytes32 specDigest,uint128 price,uint128 reserve,uint128 bounty,"
    "uint40 takeBy,address payToken,uint16 feeBps,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,"
    "bytes32 hardwareClass,address scheduler,address verifier,bytes32 verifierParams,uint32 workTime,uint32 settleTime)"
);

// Words of JobTerms, and the first of them that belongs to the policy.
uint256 constant TERMS_WORDS = 19;
uint256 constant POLICY_WORD = 7;

/// @notice EIP-712 struct hash of the terms.
/// @dev Hashed as they lie in calldata. Bits that do not belong to a field make another hash, and `post`, which reads every
/// field, refuses them.
function hashOf(JobTerms calldata terms) pure returns (bytes32 hash) {
    bytes32 typehash = TERMS_TYPEHASH;
    assembly ("memory-safe") {
        let free := mload(0x40)
        mstore(free, typehash)
        calldatacopy(add(free, 32), terms, mul(TERMS_WORDS, 32))
        hash := keccak256(free, mul(add(TERMS_WORDS, 1), 32))
    }
}

/// @notice What names a policy: the hash of the terms from `payToken` on.
function policyOf(JobTerms calldata terms) pure returns (bytes32 hash) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(sub(TERMS_WORDS, POLICY_WORD), 32)
        calldatacopy(free, add(terms, mul(POLICY_WORD, 32)), size)
        hash := keccak256(free, size)
    }
}

/// @notice A job named without its terms: enough to recompute its JobId, so that what is emitted cannot be spoofed.
struct JobRef {
    address requester;
    uint256 nonce;
    bytes32 termsHash; // EIP-712 struct hash of the terms
}

/// @notice A job as it stands. One storage slot per lane of a requester (types/JobWord.sol packs it).
struct Job {
    JobState state;
    uint8 taken; // first-round and extra seats given
    uint8 committed; // bit n-1: seat n has a commitment
    bool contested; // set by the pinned verifier's `contest`
    bool silent; // the policy's tier takes silence for consent: uncontested, it settles without asking
    bool folded; // `digest` covers the seats too, and no seat has a slot of its own
    uint16 sequence; // of the nonce
    uint40 clock; // Posted: when posted, or opened again. Assigned: the work deadline. Committed: since when
    uint40 round; // the beacon round that draws its seats
    bytes20 digest; // of the JobId, or of the JobId and all seats
    bool reopened; // its seats were lost, and given out anew
}

/// @notice A seat of a job. Only a digest of it is stored; whoever needs it passes it back, as `JobTaken` and `JobSealed`
/// have shown it.
struct Seat {
    address worker;
    address provider; // whose stake is locked
    address payee; // where the pay is credited, as registered when the seat was taken
    uint128 price; // pay-token units, <= terms.price
    bytes32 commitment; // zero: none yet
}

/// @notice An ECDSA signature in the short form of EIP-2098.
struct Signature {
    bytes32 r;
    bytes32 vs;
}

/// @notice A worker's consent to a seat, signed as EIP-712 Take(bytes32 job,uint40 until), for whoever posts it in time.
struct SignedTake {
    uint40 until; // timestamp
    Signature signature;
}

/// @notice What a requester signs so that somebody else posts his job. Dead once `postBy` has passed, once a job of the
/// lane with the same or a higher sequence was posted, or once the requester has retired the nonce.
struct Order {
    address relayer; // who may post it; zero: anyone
    uint128 relayFee; // to whoever posts it, in pay-token units, on top of what the terms escrow
    uint40 postBy; // timestamp
    address[] workers; // whose offers may be matched; none: anybody's up to terms.price, the rest of which is the requester's
}

bytes32 constant ORDER_TYPEHASH = keccak256(
    "Order(JobTerms terms,address relayer,uint128 relayFee,uint40 postBy,address[] workers)"
    "JobTerms(address requester,uint256 nonce,bytes32 specDigest,uint128 price,uint128 reserve,uint128 bounty,"
    "uint40 takeBy,address payToken,uint16 feeBps,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,"
    "bytes32 hardwareClass,address scheduler,address verifier,bytes32 verifierParams,uint32 workTime,uint32 settleTime)"
);

/// @notice A worker's standing readiness to take one-seat jobs in the posting transaction. Signed as EIP-712
/// Offer(bytes32 hardwareClass,address payToken,uint128 minPrice,uint32 maxWall,uint128 maxStake,uint40 expiry,uint64 epoch)
/// under the domain of an offer scheduler; class and token are the terms', the worker is whom the signature recovers to.
struct Offer {
    uint128 minPrice; // what the seat will cost, in pay-token units
    uint32 maxWall; // the most work time, in seconds
    uint128 maxStake; // the most that is locked, in stake-token units
    uint40 expiry; // timestamp, at most an hour ahead when used
    uint64 epoch; // the worker's epoch at the scheduler; raising it cancels all earlier offers
    Signature signature;
}

/// @notice Who asks for a seat, as read by the board when he does.
struct Candidate {
    address worker;
    address provider;
    uint256 stake; // allocated to the board and not leaving, in stake-token units; includes what other jobs have locked
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
    Slashed, // all stake locked for this job is taken, at least half of it burned
    Abandoned // gave the seat back in time: half the no-show bond is burned, rounded up, and the score is left alone
}

/// @notice A verifier's judgement of one seat.
struct Ruling {
    uint128 pay; // pay-token units; all rulings of a job together <= what its terms escrow
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
