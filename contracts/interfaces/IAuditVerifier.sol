// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, JobTerms, Seat, Signature} from "../types/JobTypes.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title Audits: a few drawn segments of a training are done again
/// @notice One worker commits to a trace: a state after each segment. A future beacon round then draws segments, auditors take
/// seats and replay theirs. An auditor shows that he did by showing the states at the ends of his segments, of which the worker
/// has published a hash before: what nobody can copy, since no two seats have the same segments.
///
/// `terms.verifierParams`, from the lowest bits: uint32 respondTime, takeTime, auditTime (one seat's first share), moveTime (each
/// party's clock in a dispute), in seconds; uint16 segments promised (N); uint8 segments drawn per auditor (m); uint8 auditors
/// (A, 1 or 2); uint16 auditBps (fee per replayed segment, of a segment's price); uint16 reauditBps; uint16 steps per segment; and of a
/// private job what types/PrivateTerms.sol says. A times m is at most 64. A private job whose worker was handed no key (IKeyBox) has
/// its verdict at once.
///
/// Sittings, one after another, each with a round of its own: the first auditors; one replacement for all that was left
/// undone, at twice the fee; and one last seat, either `further` (where one seat alone finds a difference, paid by the worker) or a
/// re-audit (a random part of clean audits). A sitting goes: open, take, serve, answer (confirm or accuse), and for each claim
/// respond and contest. A clock that runs out decides against whoever it ran for.
interface IAuditVerifier is IVerifier {
    /// @notice What opens the worker's commitment. Its `shown` is keccak256(auditRoot), where
    /// auditRoot = keccak256(0x03 || JobId || resultRoot || traceRoot || uint16 done).
    struct Opening {
        bytes32 salt;
        bytes32 resultRoot;
        bytes32 receiptDigest;
        bytes32 traceRoot;
        uint16 done; // segments, 1 to N
    }

    /// @notice What the audits of a job have fixed so far. Only a digest of it is stored (144 bits, keyed by the job); whoever
    /// needs it passes it back as AuditBegun and Served have shown it.
    struct Record {
        bytes32 seed; // of the first draw; zero until somebody is served
        bytes32 fresh; // of the last sitting's; zero until it is served
        bytes32 fingerprint; // the worker's, when he began
        bytes32[] checks; // seat n at n - 2: keccak256 of the states at the ends of its segments, ascending
    }

    /// @notice What the worker shows of a segment i that an auditor doubts. R_i = keccak256(0x06 || R_(i-1) || uint32 i ||
    /// state_i || metricsDigest_i) is the leaf of a segment, R_0 = keccak256(0x05 || specDigest || jobSeed || state_0).
    struct Shown {
        bytes32 before; // R_(i-2); i = 1: R_0, looked at only where the job's seed can no longer be had
        bytes32 start; // state_(i-1)
        bytes32 startMetrics; // metricsDigest_(i-1); i = 1: not looked at
        bytes32 end; // state_i
        bytes32 metrics; // metricsDigest_i
        bytes32[] startProof; // of R_(i-1) under the trace root; i = 1: empty
        bytes32[] endProof; // of R_i
        bytes32[] roots; // all that the seat's check was made of
    }

    /// @notice What the worker shows of his last segment, to prove that his result is its model.
    struct ShownResult {
        bytes32 before; // R_(n-1)
        bytes32 metrics; // metricsDigest_n
        bytes32 state; // state_n, where the user's code failed
        bytes32[4] parts; // roots of model, optimiser, random numbers and cursor; all zero: it failed
        bytes32[] proof; // of R_n
    }

    enum ClaimState {
        None,
        Open, // the worker is to show the segment
        Fallen, // he has shown what the auditor says he should have
        Differs, // he has shown something else
        Contested // he says that the auditor is wrong
    }

    /// @notice What an auditor says of one segment.
    struct Claim {
        uint16 index; // 0: the result is not the last state's model
        uint8 position; // among the segments of the seat
        ClaimState state;
        uint8 liable; // the seat that has confirmed this segment before; 0: none
        bool again; // the seat's second accusation: what it said first has fallen
        bool matched; // the auditor showed every state that the seat's check was made of
        uint40 at;
        uint40 answeredAt; // when it fell, or was shown to differ
        bytes32 mine; // the state that he ends with
    }

    /// @notice How the audit stands. One slot per lane.
    struct Audit {
        uint16 done; // segments that count: those of the opening, less one that a limit of time or memory has ended
        uint8 sitting; // 1 to 3; 0: not begun
        bool served;
        uint40 clock; // when the sitting was opened, or served
        uint40 round; // that draws the sitting; once clean, the one that decides whether there is a re-audit
        // Of seats 2 to 5. 0: none, 1: confirmed, 2: accused, 3: nothing that counts (declined; never served, as the round was lost;
        // or all that it said has fallen)
        uint8[4] answers;
        uint8 replacementSeat; // 0: none opened
        uint8 lastSeat;
        bool clean;
        bool reaudit;
        bool suspect; // once clean, it is audited again
    }

    event AuditBegun(JobId indexed id, address indexed worker, Opening opening, bytes32 fingerprint);
    /// @param from number of its first seat
    event SittingOpened(JobId indexed id, uint8 sitting, uint8 from, uint8 count, uint40 round, uint40 takeBy);
    /// @param manifestDigest sha256 inside the raw CIDv1 of what the auditors need, sealed to them
    /// @param checks what the record's grow by: the sitting's, behind a zero for each seat whose sitting's round was lost
    event Served(JobId indexed id, bytes32 manifestDigest, bytes32 seed, bytes32 fresh, bytes32[] checks, uint40 auditBy);
    event Confirmed(JobId indexed id, address indexed auditor, uint8 number);
    event Declined(JobId indexed id, address indexed auditor, uint8 number, bool suspicion);
    event AuditClean(JobId indexed id, uint40 round);
    event Accused(JobId indexed id, address indexed auditor, uint8 number, uint8 claim, uint16 index, bytes32 mine);
    event Answered(JobId indexed id, uint8 number, uint8 claim, bool fallen, bytes32 end);
    /// @param matched he had found all that the worker has promised, so that he has confirmed it; else he has said nothing
    event ClaimsFallen(JobId indexed id, uint8 number, bool matched);
    event DisputeOpened(JobId indexed id, uint8 number, uint8 claim, uint128 bond);
    /// @param to the worker, or the jurors' purse where they have found him wrong
    event DisputeBondReleased(JobId indexed id, address indexed to, uint128 bond);

    error WorkersUnsupported(uint8 have, uint8 need);
    error ParamsInvalid(bytes32 params);
    error ClockTooShort(uint32 have, uint32 least);
    error TokenNotHeard(address token);
    error CommitmentMismatch(JobId id, address worker);
    /// @notice Auditors are drawn, or the worker would choose them.
    error DrawNeeded(address scheduler);
    error SegmentsOutOfRange(JobId id, uint16 have, uint16 most);
    error AuditNotBegun(JobId id);
    error AuditAlreadyBegun(JobId id);
    error RecordMismatch(JobId id);
    error AlreadyServed(JobId id);
    error NotServed(JobId id);
    /// @notice Seats of the sitting can still be taken, or none was.
    error SeatsStillOpen(JobId id, uint40 takeBy);
    error ChecksMismatch(JobId id, uint256 have, uint256 need);
    error AlreadyAnswered(JobId id, address auditor);
    /// @notice These are not the states that the worker's check was made of.
    error RootsMismatch(JobId id, address auditor);
    error FingerprintDiffers(address worker, bytes32 have, bytes32 need);
    /// @notice He computes on what the worker does, so that he can tell.
    error FingerprintSame(address auditor, bytes32 have);
    /// @notice He has changed class or fingerprint after the round that has drawn his seat was named.
    error ProfileChanged(JobId id, address worker);
    /// @notice One or two different segments of the seat.
    error ClaimsInvalid(JobId id, uint8 number);
    error ClaimClosed(JobId id, uint8 number, uint8 claim);
    error TraceMismatch(JobId id, uint16 index);
    error SittingNotNeeded(JobId id);
    error SittingTooLate(JobId id, uint40 settleBy);
    error NoDispute(JobId id, uint8 number, uint8 claim);
    error DisputeUndecided(JobId id, uint8 number, uint8 claim);

    // ---- the worker, or anyone for him

    /// @notice Anyone who knows the salt, until respondTime after Committed: open the worker's commitment and the first
    /// auditors' seats. A worker whose commitment is never opened loses his stake, and so does one who changes class or
    /// fingerprint between the draw of his seat and here.
    /// @param held `held[0]` is the worker's seat
    /// @dev reverts ProfileChanged, CommitmentMismatch, SegmentsOutOfRange, AuditAlreadyBegun, IJobBoard.DeadlinePassed, IJobBoard.WrongState
    function begin(JobTerms calldata terms, Seat[] calldata held, Opening calldata opening) external;

    /// @notice Anyone: commit with the worker's signature over EIP-712 Seal, and `begin`, in one transaction. The worker never
    /// needs to wait in between: an opened commitment gives nobody anything to copy.
    /// @param held the worker's seat, without commitment
    /// @dev reverts as IJobBoard.commitMany and `begin`
    function commitAndBegin(
        JobTerms calldata terms,
        Seat[] calldata held,
        Signature calldata signature,
        Opening calldata opening
    ) external;

    /// @notice Worker: publish what the sitting's auditors need, once all its seats are taken, or takeTime has passed and one
    /// is; until respondTime and the time to replay the sitting's segments after that. Who does not loses his stake, unless the
    /// round that draws the sitting is lost.
    /// @param record as it stood
    /// @param checks one per seat of the sitting that was taken
    /// @dev reverts AuditNotBegun, RecordMismatch, AlreadyServed, SeatsStillOpen, ChecksMismatch, IBeacon.RoundLost,
    /// IJobBoard.NotSeated, IJobBoard.DeadlinePassed
    function serve(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        bytes32 manifestDigest,
        bytes32[] calldata checks
    ) external;

    // ---- an auditor

    /// @notice Auditor: all his segments end as the worker says.
    /// @param held all entries up to his own; only his own is needed
    /// @param roots the states at the ends of his segments, ascending
    /// @dev reverts NotServed, RecordMismatch, AlreadyAnswered, RootsMismatch, IJobBoard.NotSeated, IJobBoard.DeadlinePassed
    function confirm(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bytes32[] calldata roots
    ) external;

    /// @notice Auditor who computes on something else than the worker did: he cannot tell. His seat is left undone, without pay and
    /// without fault, and can be replaced at once.
    /// @param suspicion what he found lies further from the trace than machines do from one another: if all is confirmed in the
    /// end, it is audited again
    /// @dev reverts as `confirm` save RootsMismatch, and FingerprintSame, ProfileChanged
    function decline(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bool suspicion
    ) external;

    /// @notice Auditor: one or two of his segments do not end as the trace says, or he was not shown that they do.
    /// Once more, if all that he said before has fallen: while his time runs, and respondTime after it fell at least.
    /// @param roots the states that he found at the ends of his segments, ascending
    /// @param positions which of them he accuses, counted from 0; 255: the result is not the last state's model
    /// @dev reverts as `confirm` save RootsMismatch, and FingerprintDiffers, ProfileChanged, ClaimsInvalid
    function accuse(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        uint8 number,
        bytes32[] calldata roots,
        uint8[] calldata positions
    ) external;

    // ---- the worker, accused

    /// @notice Anyone, until respondTime and auditTime after the accusation: show the segment. Equal to what the auditor found: the claim has
    /// fallen. Otherwise it is a hit, unless contested.
    /// @dev reverts ClaimClosed, RecordMismatch, CommitmentMismatch, RootsMismatch, TraceMismatch, IJobBoard.DeadlinePassed
    function respond(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        Opening calldata opening,
        uint8 number,
        uint8 claim,
        Shown calldata shown
    ) external;

    /// @notice Anyone, as `respond`, of a claim that the result is not the last state's model: show that it is.
    function respondResult(
        JobTerms calldata terms,
        Seat[] calldata held,
        Opening calldata opening,
        uint8 number,
        uint8 claim,
        ShownResult calldata shown
    ) external;

    /// @notice Worker, in his time to respond or for as long after responding: have the segment bisected. Holds `bondFor`
    /// of what he has deposited in the Escrow for this contract.
    /// @dev reverts as `respond`, ClaimsInvalid (there is nothing to bisect), IJobBoard.NotSeated, IEscrow.FreeTooSmall
    function contest(
        JobTerms calldata terms,
        Seat[] calldata held,
        Record calldata record,
        Opening calldata opening,
        uint8 number,
        uint8 claim,
        Shown calldata shown
    ) external;

    // ---- anyone

    /// @notice Open the next sitting, of one seat. After the first sitting, for all that was left undone: a replacement, at twice
    /// the fee. After either, when hits of exactly one seat stand: as many further segments as cost the worker half his price.
    /// After a clean audit that was drawn for it, or found suspicious, and where after the second something is still undone
    /// and a seat has declined, or could not be served: all segments once more, and as much again.
    /// @dev reverts SittingNotNeeded, SittingTooLate
    function advance(JobTerms calldata terms, Seat[] calldata held) external;
    /// @notice Once a dispute is decided, or its time over: the worker's bond goes back, or to the jury where he was wrong.
    /// @dev reverts NoDispute, DisputeUndecided
    function releaseBond(JobId id, uint8 number, uint8 claim) external;

    // ---- reading

    /// @notice Of the job that the lane of this nonce holds now, if it is this nonce's; else all zero.
    function auditOf(address requester, uint256 nonce) external view returns (Audit memory);
    function claimOf(JobId id, uint8 number, uint8 claim) external view returns (Claim memory);
    /// @notice Which sitting `advance` would open now, 2 or 3 (0: none), and whether that is a re-audit.
    function following(JobTerms calldata terms, Seat[] calldata held) external view returns (uint256 sitting, bool reaudit);
    /// @notice The segments of a seat, ascending.
    function segmentsOf(JobTerms calldata terms, Record calldata record, uint8 number)
        external
        view
        returns (uint256[] memory);
    /// @notice What a worker puts at risk with a dispute, in pay-token units.
    function bondFor(JobTerms calldata terms) external view returns (uint128);
    function BEACON() external view returns (address);
    function BISECTION() external view returns (address);
    function JURY() external view returns (address);
}
