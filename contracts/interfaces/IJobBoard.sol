// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {
    Candidate,
    Fault,
    Job,
    JobId,
    JobRef,
    JobState,
    JobTerms,
    Offer,
    Order,
    Ruling,
    Seat,
    Signature,
    SignedTake
} from "../types/JobTypes.sol";
import {IBoardLedgers} from "./IBoardLedgers.sol";
import {IVersioned} from "./IVersioned.sol";
import {JobWord} from "../types/JobWord.sol";

/// @title The job's state machine, and nothing else
/// @notice Terms and seats are passed to every call and recognised by their digest; the board stores one slot per lane of a
/// requester (jobs of a lane follow one another), and one per seat only where seats change one at a time. Money waits in
/// the Escrow, stake in the StakeVault; the board alone locks, pays and slashes, after asking the scheduler and the verifier
/// that the terms name. Every state has a deadline and a closer that anyone may call (J2).
///
/// `held`, everywhere: the job's seats, seat n at index n - 1, as JobTaken and JobSealed have shown them. A job whose seats
/// were all given in one call is folded: its digest covers them, and `held` must be complete. It unfolds by itself as soon
/// as its seats change one at a time. Where a job is not folded, entries that a call does not need may be left empty.
interface IJobBoard is IBoardLedgers, IVersioned {
    event JobPosted(JobId indexed id, JobTerms terms, uint40 round);
    event OrderRelayed(JobId indexed id, address indexed relayer, uint256 fee);
    event NonceRetired(address indexed requester, uint256 nonce);
    /// @param workBy with the last first-round seat work begins, until this time; 0 with every other seat
    event JobTaken(
        JobId indexed id,
        address indexed worker,
        uint8 number,
        address provider,
        address payee,
        uint128 price,
        uint40 workBy
    );
    /// @notice Its seats were lost, and are given out anew: it is Posted again, without seats.
    /// @param round that draws them; the job's seed stays that of the round named at posting
    /// @param takeBy until when they may be taken
    /// @param count how often it was opened again by now
    event JobReopened(JobId indexed id, uint40 round, uint40 takeBy, uint8 count);
    event JobProgress(JobId indexed id, address indexed worker, bytes32 digest);
    /// @param since with the last first-round seal the job is Committed, since this time; 0 with every other seal
    event JobSealed(JobId indexed id, address indexed worker, bytes32 commitment, uint40 since);
    /// @notice Committed without the seals of all: `closeWork`.
    /// @param since settles by settleTime later
    event JobCommitted(JobId indexed id, uint40 since);
    event JobContested(JobId indexed id);
    event JobSettled(JobId indexed id, address indexed closer, uint256 paid, uint256 fee, uint256 returned);
    /// @notice One per worker of a settled or expired job (J4). A no-show has lost `terms.noShowBond`, who is slashed
    /// `terms.stake`.
    event WorkerSettled(JobId indexed id, address indexed worker, uint256 pay, Fault fault, bool agreed);
    event JobCancelled(JobId indexed id, uint256 returned);
    event JobExpired(JobId indexed id, address indexed closer, uint256 returned);

    /// @notice Never posted, or not the job that its lane holds now.
    error UnknownJob(JobId id);
    /// @notice The lane has seen this sequence or a higher one: a job is posted once, and an old order is dead.
    error NonceUsed(address requester, uint256 nonce);
    /// @notice The job before this one in its lane has not ended; take another lane.
    error LaneBusy(address requester, uint256 lane);
    error WrongState(JobId id, JobState have, JobState need);
    error NotRequester(JobId id, address caller);
    error NotRelayer(JobId id, address caller);
    error NotVerifier(JobId id, address caller);
    error OrderExpired(JobId id, uint40 postBy);
    /// @notice The order's signature is not the requester's (ERC-1271 for contracts), or was made for another chain or board.
    error BadSignature(JobId id, address signer);
    /// @notice A relayed seal that was signed by somebody else than the seat's worker.
    error WrongSigner(JobId id, address have, address need);
    error LengthMismatch(uint256 have, uint256 need);
    /// @notice No new jobs: the parameters are paused, or do not know this board (IParameters.addBoard).
    error Paused();
    error NotParameters(address caller);
    error PriceZero();
    error EscrowAboveLimit(uint256 amount, uint256 limit);
    error ReserveTooSmall(uint256 have, uint256 need);
    /// @param what "takeTime"
    error TimeOutOfRange(string what, uint256 have, uint256 min, uint256 max);
    error DrawFixed(JobId id, uint40 round);
    error DeadlinePassed(JobId id, uint40 deadline);
    error DeadlineNotPassed(JobId id, uint40 deadline);
    /// @notice A signed take whose time has passed.
    error TakeExpired(JobId id, uint40 until);
    error SeatsFull(JobId id);
    /// @notice He, or another worker of his provider, had a seat of this job and lost it.
    error SeatWasLost(JobId id, address worker, address provider);
    /// @notice The job was opened again as often as its terms say.
    error NoReopenLeft(JobId id, uint8 reopens);
    /// @notice Somebody has committed, so the work is closed and not begun anew.
    error WorkToClose(JobId id);
    /// @notice Others work on the job too: only who works alone can give it back.
    error OthersAtWork(JobId id, uint8 workers);
    error SiblingSeated(JobId id, address worker, address provider);
    error OwnJob(JobId id, address worker);
    error UnknownWorker(address worker);
    error WrongClass(address worker, bytes32 need);
    error WorkerTooYoung(address worker, uint40 since, uint40 drawnAt);
    error CapacityReached(address worker, uint16 capacity);
    error NotDrawn(JobId id, address worker);
    /// @notice The scheduler draws and takes no offers, or it takes offers and none was passed.
    error WrongScheduler(JobId id, bool draws);
    /// @notice Offers serve jobs of one seat.
    error OneSeatOnly(JobId id, uint8 workers);
    /// @notice The scheduler asks more than the terms offer.
    error PriceAboveTerms(uint128 quoted, uint128 most);
    error NotSeated(JobId id, address worker);
    error AlreadyCommitted(JobId id, address worker);
    error CommitmentZero(JobId id);
    error NothingCommitted(JobId id);
    error VerdictPending(JobId id);
    /// @notice The verifier ruled on a wrong number of seats, or pays more than the terms escrow.
    error VerdictBroken(JobId id);
    /// @notice `held` is not what the board remembers; `number` is the first wrong seat, 0: the folded job's seats as a whole.
    error WrongSeats(JobId id, uint256 number);
    error GasTooLow(uint256 have, uint256 need);
    /// @notice At construction: stake could leave the vault before a job that it backs has ended.
    error ExitDelayTooShort(uint40 have, uint40 life);

    // ---- the requester, or a relayer for him

    /// @notice Lock the money and open the seats. Caller: `terms.requester`, who has deposited in the Escrow for this board.
    /// Held: (workers * price + reserve), the fee on it rounded up, and the bounty. Names the beacon round of the draw.
    /// @dev reverts Paused, NonceUsed, LaneBusy, NotRequester, *OutOfRange, EscrowAboveLimit, ReserveTooSmall,
    /// IEscrow.FreeTooSmall, and whatever IParameters.admit says
    function post(JobTerms calldata terms) external returns (JobId id);

    /// @notice As `post`, and seat the worker of the first offer that serves, at its price: work starts at once.
    /// @dev also reverts OneSeatOnly, and whatever `take` and the offer scheduler say
    function postWithOffers(JobTerms calldata terms, Offer[] calldata offers) external returns (JobId id);

    /// @notice `settle` an earlier job, unless that has ended already, and `postWithOffers` the next, in one transaction.
    /// The next may take the earlier one's lane over.
    function settleAndPost(
        JobTerms calldata earlier,
        Seat[] calldata earlierHeld,
        JobTerms calldata terms,
        Offer[] calldata offers
    ) external returns (JobId id);

    /// @notice Relayer: post what the requester has signed (EIP-712, or ERC-1271). Without `offers` the seats are drawn.
    /// @dev also reverts NotRelayer, OrderExpired, BadSignature
    function postFor(
        JobTerms calldata terms,
        Order calldata order,
        bytes calldata signature,
        Offer[] calldata offers
    ) external returns (JobId id);

    /// @notice Requester: orders signed with this nonce, or a lower one of its lane, can no longer be posted. While a job of
    /// the lane runs, too: that one goes on, and the next has to have a higher sequence.
    /// @dev reverts NonceUsed
    function retire(uint256 nonce) external;

    /// @notice Requester: take it back, all of it, until the draw is fixed.
    /// @dev reverts WrongState, NotRequester, DrawFixed
    function cancel(JobTerms calldata terms) external;

    // ---- the worker, or anyone for him

    /// @notice Worker: take a seat. In Posted a first-round seat; in Committed an extra seat that the verifier has opened.
    /// Being drawn is not consent; this call is. Locks `terms.stake`. Work starts with the last seat's (extra seats: at once).
    /// @param held needed for an extra seat of a folded job; else empty
    /// @dev reverts WrongState, DeadlinePassed, IBeacon.RoundNotDue, NotDrawn, UnknownWorker, WrongClass, WorkerTooYoung,
    /// CapacityReached, SiblingSeated, SeatWasLost, OwnJob, SeatsFull, PriceAboveTerms, IStakeVault.StakeTooSmall,
    /// IStakeVault.LockCapReached
    function take(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Anyone: as many first-round takes as there are signatures, all or none.
    /// @dev reverts as `take`, and TakeExpired; a wrong signature recovers to a stranger: UnknownWorker
    function takeMany(JobTerms calldata terms, SignedTake[] calldata takes) external;

    /// @notice The job's only worker, until the work deadline: give the seat back. Half of `terms.noShowBond`, rounded up, is
    /// burned, and he takes no other seat for `terms.workTime`; his score is left alone. The seat is opened again at once if
    /// reopens are left; else the job has Expired, and all its money, the bounty too, goes back.
    /// @dev reverts WrongState, WrongSeats, OthersAtWork, NotSeated, DeadlinePassed
    function abandon(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Anyone: publish the CID digest of sealed progress. An event under the caller's name, nothing is stored or
    /// checked: readers take it from those who hold seats.
    function progress(JobId id, bytes32 digest) external;

    /// @notice Worker with a first-round seat: commit to a result.
    /// @param number the seat
    /// @param held the job's seats; not folded: `held[0]` is the caller's seat, the rest is not needed
    /// @param commitment not zero: keccak256(abi.encode(JobId, worker, salt, shown, receiptDigest)); `shown` is what the verifier
    /// will want to see: for replication keccak256(resultRoot) in a first seat, resultRoot in an extra one. Where nothing is ever
    /// revealed (accept tier): the digest of the receipt itself, so that the requester finds what was delivered
    /// @dev reverts UnknownJob, WrongState, DeadlinePassed, WrongSeats, NotSeated, AlreadyCommitted, CommitmentZero
    function commit(JobRef calldata ref, uint8 number, Seat[] calldata held, bytes32 commitment) external;

    /// @notice Anyone: commit for the workers who have signed EIP-712 Seal(bytes32 job,bytes32 commitment).
    /// @param held all seats of the job
    /// @param commitments one per seat; zero: that seat is left as it is, and so is one that has committed already
    /// @param signatures one per seat
    /// @dev reverts as `commit` (AlreadyCommitted only when nothing new is sealed), and WrongSigner, LengthMismatch, NothingCommitted
    function commitMany(
        JobRef calldata ref,
        Seat[] calldata held,
        bytes32[] calldata commitments,
        Signature[] calldata signatures
    ) external;

    /// @notice Worker with an extra seat: commit to a result.
    /// @param held as in `commit`
    /// @dev reverts as `commit`
    function commitExtra(JobTerms calldata terms, uint8 number, Seat[] calldata held, bytes32 commitment) external;

    /// @notice `commit`, and `settle` an earlier job in the same transaction, unless that has ended already.
    function commitAndSettle(
        JobRef calldata ref,
        uint8 number,
        Seat[] calldata held,
        bytes32 commitment,
        JobTerms calldata earlier,
        Seat[] calldata earlierHeld
    ) external;

    // ---- anyone

    /// @notice Anyone, within Parameters.REOPEN_TIME after the work deadline, when nobody committed: all seats' holders are
    /// no-shows, and the seats are given out anew, drawn by a new future round, within REOPEN_TIME from now. As often as
    /// `terms.reopens`. A provider who lost a seat gets none of this job again, and a no-show takes no other seat for
    /// `terms.workTime`. Where somebody has committed, `closeWork` goes on with that, and the verifier's own extra seats stand
    /// in for the others.
    /// @dev reverts WrongState, WrongSeats, DeadlineNotPassed, DeadlinePassed, WorkToClose, NoReopenLeft
    function reopen(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Anyone, after the work deadline, when at least one worker committed: go on without the others. Until settleTime
    /// has passed since; a job that nobody wanted to go on with by then expires.
    /// @dev reverts WrongState, WrongSeats, DeadlineNotPassed, DeadlinePassed, NothingCommitted
    function closeWork(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice The pinned verifier: flag the job, for tiers in which silence is consent: a flagged job is judged by verdict.
    /// Moves nothing.
    /// @dev reverts WrongState, WrongSeats, NotVerifier
    function contest(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Anyone: carry the outcome out. An uncontested job of a silent tier pays by its terms once its first clock has
    /// passed, and asks nobody. Any other is judged by the verifier. Past the settle deadline, when the verdict reverts, is still
    /// pending or breaks the budget, the default applies: in a silent tier who committed is paid, elsewhere money back, stake
    /// released, nobody judged.
    /// @dev reverts WrongState, WrongSeats, VerdictPending, GasTooLow (a caller cannot starve the verifier into the default)
    function settle(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice The pinned verifier, of a job whose committed seats have all agreed: `settle`, without being asked for the
    /// verdict. Who committed is paid his price and has agreed, who did not is a no-show.
    /// @dev reverts WrongState, WrongSeats, NotVerifier, VerdictBroken
    function settleAgreed(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice `settle`, job by job, all or none.
    /// @dev reverts LengthMismatch
    function settleMany(JobTerms[] calldata terms, Seat[][] calldata held) external;

    /// @notice Anyone: when a seat is still empty past takeBy (takers go unharmed), when nobody committed by the work deadline
    /// (and REOPEN_TIME has passed since, where it could be opened again), or when somebody did and nobody called `closeWork`
    /// for settleTime after it. Who took and did not commit is a no-show,
    /// who committed goes unharmed. Money back; the bounty goes to the caller.
    /// @dev reverts WrongState, WrongSeats, DeadlineNotPassed
    function expire(JobTerms calldata terms, Seat[] calldata held) external;

    // ---- many at once

    /// @notice Any of the calls above, as if the caller had sent them one by one, all or none. What one reverts with is
    /// passed on.
    /// @param calls each the calldata of a call of this board
    /// @return results what they have returned
    function multicall(bytes[] calldata calls) external returns (bytes[] memory results);

    // ---- reading

    /// @notice The job, after checking `held` as the calls do (not folded: its non-empty entries).
    /// @dev reverts UnknownJob, WrongSeats
    function look(JobTerms calldata terms, Seat[] calldata held) external view returns (JobId id, JobWord job);

    /// @notice What `settle` would carry out now, one ruling per worker; nothing changes.
    /// @dev reverts WrongState, WrongSeats, VerdictPending, VerdictBroken, and whatever the verifier says
    function judgement(JobTerms calldata terms, Seat[] calldata held) external view returns (Ruling[] memory);

    function idOf(JobTerms calldata terms) external view returns (JobId);
    /// @notice The job posted with this nonce. State None: not posted yet. Superseded: ended (or never posted, and passed over),
    /// and overwritten by the lane's next job, so that only its events tell how. A retired nonce reads as Cancelled.
    function jobOf(address requester, uint256 nonce) external view returns (Job memory);
    /// @notice What the lane holds: the state of its last job, and the highest sequence that is used up, by a job or by
    /// `retire`. Free to post above it when the state is an end or None.
    function laneOf(address requester, uint256 lane) external view returns (JobState state, uint16 sequence);
    /// @notice keccak256(abi.encode(JobId, value of the round named at posting)), whoever works on it; zero while that value
    /// cannot be had.
    function seedOf(JobTerms calldata terms) external view returns (bytes32);
    /// @notice What `post` would hold of the requester.
    function escrowFor(JobTerms calldata terms) external pure returns (uint256);
    /// @notice The worker as a scheduler would be shown him.
    function candidateOf(address worker) external view returns (Candidate memory);
    /// @notice EIP-712 digests that a relayed order, take and seal are signed over.
    function orderDigest(JobTerms calldata terms, Order calldata order) external view returns (bytes32);
    function takeDigest(JobId id, uint40 until) external view returns (bytes32);
    function sealDigest(JobId id, bytes32 commitment) external view returns (bytes32);

    /// @notice Where the board's rare calls are carried out, in the board's name and on its storage. Made by the board, for
    /// ever, and nobody's: called by itself it knows no job.
    function REST() external view returns (address);
}
