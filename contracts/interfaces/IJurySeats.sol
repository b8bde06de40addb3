// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId} from "../types/JobTypes.sol";
import {IJury} from "./IJury.sol";

/// @title A jury of drawn workers
/// @notice Five seats per case, given by tickets of a beacon round that was in the future when the case was opened, among
/// workers of the job's hardware class who have allocated stake to this contract as controller before. Each vote is
/// committed to before any is shown; four equal ones of five decide. The loser may appeal once, with a bond that pays 21
/// other seats, of which 14 decide; that is final, and an appeal that is not filled or not agreed leaves the first answer
/// standing: nobody buys a hung jury.
///
///     open -> seats are taken -> votes are committed -> votes are shown -> decided or hung -> (appeal: the same once more)
///
/// Every step has a deadline that follows from when the round was opened, and is over by itself: nobody has to say so.
///
/// Money. A juror earns the same whatever he says. First round: what the loser has brought into the case's purse is shared
/// by those who voted with the final decision; of a slash each gets at most REWARD, and the rest is burned. Appeal: each of
/// those gets one seat's fee of the appellant's bond, whoever is right in the end; the rest is the appellant's again, and so
/// is the purse where nobody in the first round was right. Who voted otherwise earns nothing and loses nothing. Who took a
/// seat of a round that was filled and shows no vote loses NO_SHOW_BOND, burned.
///
/// Case ids: a job's id where the job's verifier opens the case itself, a match's key where `Bisection` does.
interface IJurySeats is IJury {
    /// @notice Clocks in seconds, stake in stake-token units.
    struct Rules {
        uint32 takeTime; // to take the seats of a round
        uint32 voteTime; // from then on, to commit to votes
        uint32 revealTime; // from then on, to show them
        uint32 appealTime; // from a round's end
        uint128 jurorStake; // locked per seat
        uint128 noShowBond; // of it, burned of who shows no vote
        uint128 reward; // the most that a first-round seat earns of a slash
    }

    /// @notice What a seat costs, in units of a pay token.
    struct Fee {
        address token;
        uint128 perSeat;
    }

    enum Phase {
        Filling,
        Voting,
        Showing,
        Over
    }

    /// @notice One slot.
    struct Round {
        uint40 openedAt; // 0: there is none
        uint40 draw; // the beacon round
        uint40 endedAt; // when the last vote was shown; 0: not all are
        uint8 size;
        uint8 taken;
        uint8 committed;
        uint8 revealed;
        uint8 accused; // votes that the accused was wrong
        uint8 accuser;
        bool released; // its jurors' stake
    }

    struct Juror {
        address worker;
        uint88 tag; // tells providers apart within the round
        IJury.Decision vote; // Pending: not shown
        bytes32 commitment;
    }

    /// @notice All that is to be replayed. `evidence` and what it binds are in the verifier's own events of the same
    /// transaction: the job's commitment, or the step of a match (IBisection.MatchReferred).
    event CaseOpened(
        address indexed verifier,
        JobId indexed id,
        address accuser,
        address accused,
        bytes32 hardwareClass,
        bytes32 evidence
    );
    /// @param appeal false: the first round
    /// @param draw the beacon round that draws its seats
    event RoundOpened(
        address indexed verifier, JobId indexed id, bool appeal, uint8 size, uint40 draw, uint40 takeBy
    );
    event JurorSeated(
        address indexed verifier, JobId indexed id, bool appeal, uint8 number, address indexed worker, address provider
    );
    event VoteCommitted(address indexed verifier, JobId indexed id, bool appeal, uint8 number, bytes32 commitment);
    event VoteShown(address indexed verifier, JobId indexed id, bool appeal, uint8 number, IJury.Decision vote);
    event Appealed(address indexed verifier, JobId indexed id, address appellant, address token, uint256 bond);
    event RoundReleased(address indexed verifier, JobId indexed id, bool appeal, IJury.Decision decision, uint8 silent);
    /// @param each what every one of `winners` was credited
    event PurseShared(
        address indexed verifier, JobId indexed id, address token, uint256 amount, uint256 winners, uint256 each
    );
    event AppealPaid(address indexed verifier, JobId indexed id, uint256 winners, uint256 paid, uint256 returned);

    error RulesInvalid();
    /// @notice The round is in another phase than what was asked for needs.
    error WrongPhase(JobId id, Phase have, Phase need);
    /// @notice An accuser, an accused, or their providers or workers.
    error PartyToCase(JobId id, address worker);
    error NotJuror(JobId id, uint8 number, address caller);
    error AlreadyVoted(JobId id, uint8 number);
    error VoteMismatch(JobId id, uint8 number);
    error VoteInvalid(IJury.Decision vote);
    error NotLoser(JobId id, address caller);
    error AlreadyAppealed(JobId id);
    error AppealOver(JobId id, uint40 until);
    error NotAppealed(JobId id);
    error TokenUnheard(address token);
    error StillPending(JobId id);
    error AlreadyReleased(JobId id);

    // ---- jurors

    /// @notice As worker: take a seat of the round that is being filled.
    /// @dev reverts WrongPhase, PartyToCase, IBeacon.RoundNotDue, RoundLost, and IJobBoard's UnknownWorker, WrongClass,
    /// WorkerTooYoung, SiblingSeated, CapacityReached, NotDrawn; IStakeVault.StakeTooSmall, LockCapReached
    function take(address verifier, JobId id) external;

    /// @notice As juror: commit to a vote, from taking the seat on; once.
    /// @param number of the seat, from 1
    /// @param commitment as `commitmentOf`
    /// @dev reverts NotJuror, AlreadyVoted, WrongPhase
    function vote(address verifier, JobId id, uint8 number, bytes32 commitment) external;

    /// @notice Anyone who knows the salt, once every seat has committed or the time to is over.
    /// @dev reverts WrongPhase, VoteMismatch, AlreadyVoted
    function show(address verifier, JobId id, uint8 number, IJury.Decision decision, bytes32 salt) external;

    // ---- parties

    /// @notice The loser of the first round, or his provider: a second round, paid of `token` that is free in the Escrow
    /// under this contract as controller.
    /// @dev reverts NotLoser, AlreadyAppealed, AppealOver, StillPending, TokenUnheard, IEscrow.FreeTooSmall
    function appeal(address verifier, JobId id, address token) external;

    // ---- anyone

    /// @notice Unlock the stake of a round's jurors once it is over; burn of those who kept silent.
    /// @dev reverts WrongPhase, AlreadyReleased
    function release(address verifier, JobId id, bool appeal) external;

    /// @notice Share what has come into the purse, once the case is decided.
    /// @param controller under whom the Escrow has credited it; zero: the StakeVault has
    /// @param token ignored where the vault has: the stake token
    /// @dev reverts StillPending, IEscrow.ZeroAmount
    function share(address verifier, JobId id, address controller, address token) external;

    /// @notice Pay the jurors of the appeal, and give the rest of the bond back.
    /// @dev reverts NotAppealed, StillPending
    function payAppeal(address verifier, JobId id) external;

    // ---- reading

    /// @notice keccak256(abi.encode(verifier, id, appeal, juror, decision, salt)): of no use to anybody but this juror.
    function commitmentOf(
        address verifier,
        JobId id,
        bool appeal,
        address juror,
        IJury.Decision decision,
        bytes32 salt
    ) external pure returns (bytes32);
    function roundOf(address verifier, JobId id, bool appeal) external view returns (Round memory, Phase);
    function jurorOf(address verifier, JobId id, bool appeal, uint8 number) external view returns (Juror memory);
    /// @notice Whether this worker's ticket has won by `time`; all else that `take` asks for is the caller's to look at.
    function drawn(address verifier, JobId id, address worker, uint40 time) external view returns (bool);
    /// @notice What an appeal costs, in units of `token`.
    function appealFee(address token) external view returns (uint128);
    function rules() external view returns (Rules memory);
    function SEATS() external view returns (uint8);
    function APPEAL_SEATS() external view returns (uint8);
}
