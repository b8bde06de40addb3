// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fault, Job, JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";

/// @title The job's state machine, and nothing else
/// @notice Terms are passed to every call and recognised by their hash. Money waits in the Escrow, stake in the
/// StakeVault; the board alone locks, pays and slashes, after asking the scheduler and the verifier that the terms name.
/// Every state has a deadline stored once and a closer that anyone may call (J2).
interface IJobBoard {
    event JobPosted(JobId indexed id, JobTerms terms, uint40 round);
    event JobTaken(JobId indexed id, address indexed worker, uint8 number, uint128 price);
    event JobAssigned(JobId indexed id, uint40 workBy);
    event JobProgress(JobId indexed id, address indexed worker, bytes32 digest);
    event JobSealed(JobId indexed id, address indexed worker, bytes30 seal);
    event JobCommitted(JobId indexed id, uint40 settleBy);
    event JobContested(JobId indexed id);
    event JobSettled(JobId indexed id, address indexed closer, uint256 paid, uint256 fee, uint256 returned);
    /// @notice One per worker of a settled or expired job (J4).
    event WorkerSettled(JobId indexed id, address indexed worker, uint256 pay, Fault fault, uint256 slashed);
    event JobCancelled(JobId indexed id, uint256 returned);
    event JobExpired(JobId indexed id, address indexed closer, uint256 returned);

    error UnknownJob(JobId id);
    error JobExists(JobId id);
    error WrongState(JobId id, JobState have, JobState need);
    error NotRequester(JobId id, address caller);
    error NotVerifier(JobId id, address caller);
    error Paused();
    error TokenNotAllowed(address token);
    error SchedulerNotAllowed(address scheduler);
    error VerifierNotAllowed(address verifier);
    error ClassNotAllowed(bytes32 hardwareClass);
    /// @notice A scheduler or verifier that was made for another board.
    error ForeignPlugin(address plugin, address board);
    error EscrowAboveLimit(uint256 amount, uint256 limit);
    error PriceZero();
    error WrongFee(uint16 have, uint16 need);
    error StakeBelowMinimum(uint256 have, uint256 need);
    error BondBelowMinimum(uint256 have, uint256 need);
    error BondAboveStake(uint256 bond, uint256 stake);
    error SeatsOutOfRange(uint8 have, uint8 max);
    error ReopensOutOfRange(uint8 have, uint8 max);
    /// @param what "takeTime", "workTime" or "settleTime"
    error TimeOutOfRange(string what, uint256 have, uint256 min, uint256 max);
    error ReserveTooSmall(uint256 have, uint256 need);
    error DrawFixed(JobId id, uint40 round);
    error DeadlinePassed(JobId id, uint40 deadline);
    error DeadlineNotPassed(JobId id, uint40 deadline);
    error SeatsFull(JobId id);
    error AlreadySeated(JobId id, address worker);
    error SiblingSeated(JobId id, address worker, address provider);
    error OwnJob(JobId id, address worker);
    error UnknownWorker(address worker);
    error WrongClass(address worker, bytes32 have, bytes32 need);
    error WorkerTooYoung(address worker, uint40 since, uint40 drawnAt);
    error CapacityReached(address worker, uint16 capacity);
    error NotDrawn(JobId id, address worker);
    error PriceUnsupported(uint128 quoted, uint128 terms);
    error NotSeated(JobId id, address worker);
    error AlreadyCommitted(JobId id, address worker);
    error NothingCommitted(JobId id);
    error VerdictPending(JobId id);
    /// @notice The verifier ruled on a wrong number of seats, or pays more than the terms escrow.
    error VerdictBroken(JobId id);
    error WrongSeats(JobId id, uint256 have, uint256 need);
    error GasTooLow(uint256 have, uint256 need);
    /// @notice At construction: stake could leave the vault before a job that it backs has ended.
    error ExitDelayTooShort(uint40 have, uint40 life);

    /// @notice Lock the money and open the seats. Caller: `terms.requester`, who has deposited in the Escrow for this board.
    /// Held: (workers * price + reserve), the fee on it rounded up, and the bounty. Names the beacon round of the draw.
    /// @dev reverts Paused, JobExists, NotRequester, *NotAllowed, *OutOfRange, EscrowAboveLimit, IEscrow.FreeTooSmall, and
    /// whatever the verifier's `needs` says
    function post(JobTerms calldata terms) external returns (JobId id);

    /// @notice Requester: take it back, all of it, until the draw is fixed.
    /// @dev reverts WrongState, NotRequester, DrawFixed
    function cancel(JobTerms calldata terms) external;

    /// @notice Worker: take a seat. In Posted a first-round seat; in Committed an extra seat that the verifier has opened.
    /// Being drawn is not consent; this call is. Locks `terms.stake`. Work starts at `JobAssigned` (extra seats: at once).
    /// @dev reverts WrongState, DeadlinePassed, IBeacon.RoundNotDue, NotDrawn, UnknownWorker, WrongClass, WorkerTooYoung,
    /// CapacityReached, AlreadySeated, SiblingSeated, OwnJob, SeatsFull, IStakeVault.StakeTooSmall
    function take(JobTerms calldata terms) external;

    /// @notice Worker with a seat: publish the CID digest of sealed progress. An event, nothing is stored.
    /// @dev reverts NotSeated
    function progress(JobId id, bytes32 digest) external;

    /// @notice Worker with a seat: commit to a result.
    /// @param commitment keccak256(abi.encode(JobId, worker, salt, shown, receiptDigest)), of which 30 bytes are kept; `shown` is
    /// what the verifier will want to see: for replication keccak256(resultRoot) in a first seat, resultRoot in an extra one
    /// @dev reverts NotSeated, AlreadyCommitted, WrongState, DeadlinePassed
    function commit(JobTerms calldata terms, bytes32 commitment) external;

    /// @notice Anyone, after the work deadline, when at least one worker committed: go on without the others. Until settleTime
    /// has passed since; a job that nobody wanted to go on with by then expires.
    /// @dev reverts WrongState, DeadlineNotPassed, DeadlinePassed, NothingCommitted
    function closeWork(JobTerms calldata terms) external;

    /// @notice The pinned verifier: flag the job, for tiers in which silence is consent: a flagged job is judged by verdict.
    /// Moves nothing. (Today every job is.)
    /// @dev reverts WrongState, NotVerifier
    function contest(JobTerms calldata terms) external;

    /// @notice Anyone: ask the verifier and carry its verdict out. Past the settle deadline, when the verdict reverts, is
    /// still pending or breaks the budget, the default applies: money back, stake released, nobody judged.
    /// @param workers the job's workers in seat order (as in `JobTaken`)
    /// @dev reverts WrongState, WrongSeats, VerdictPending, GasTooLow (a caller cannot starve the verifier into the default)
    function settle(JobTerms calldata terms, address[] calldata workers) external;

    /// @notice What `settle` would carry out now, one ruling per worker; nothing changes.
    /// @dev reverts WrongState, WrongSeats, VerdictPending, VerdictBroken, and whatever the verifier says
    function judgement(JobTerms calldata terms, address[] calldata workers) external view returns (Ruling[] memory);

    /// @notice Anyone: when a seat is still empty past takeBy (takers go unharmed), when nobody committed by the work deadline,
    /// or when somebody did and nobody called `closeWork` for settleTime after it. Who took and did not commit is a no-show,
    /// who committed goes unharmed. Money back; the bounty goes to the caller.
    /// @dev reverts WrongState, WrongSeats, DeadlineNotPassed
    function expire(JobTerms calldata terms, address[] calldata workers) external;

    function idOf(JobTerms calldata terms) external view returns (JobId);
    function jobOf(JobId id) external view returns (Job memory);
    function seatOf(JobId id, address worker) external view returns (Seat memory);
    /// @notice keccak256(abi.encode(JobId, value of the round named at posting)); zero until that round is stored.
    function seedOf(JobId id) external view returns (bytes32);
    /// @notice What `post` would hold of the requester.
    function escrowFor(JobTerms calldata terms) external pure returns (uint256);

    function ESCROW() external view returns (address);
    function VAULT() external view returns (address);
    function REGISTRY() external view returns (address);
    function REPUTATION() external view returns (address);
    function PARAMETERS() external view returns (address);
    function BEACON() external view returns (address);
}
