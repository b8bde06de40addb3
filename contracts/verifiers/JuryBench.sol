// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IJury} from "../interfaces/IJury.sol";
import {IJurySeats} from "../interfaces/IJurySeats.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobId} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";

/// @title Seats of a jury: who gets them, what their holders vote, when a round is over
/// @dev Phases follow from the clock and from counts; none is stored.
abstract contract JuryBench is IJurySeats {
    /// @inheritdoc IJurySeats
    uint8 public constant SEATS = 5;
    /// @inheritdoc IJurySeats
    uint8 public constant APPEAL_SEATS = 21;

    address internal immutable REGISTRY;
    address internal immutable VAULT;
    address internal immutable BEACON;

    uint32 internal immutable TAKE_TIME;
    uint32 internal immutable VOTE_TIME;
    uint32 internal immutable REVEAL_TIME;
    uint32 internal immutable APPEAL_TIME;
    uint128 internal immutable JUROR_STAKE;
    uint128 internal immutable NO_SHOW_BOND;
    uint128 internal immutable REWARD;

    /// @dev Four slots; the last two of a case that was appealed only.
    struct Case {
        address accuser;
        bytes5 classTag; // as WorkerRegistry.standing
        address accused;
        Round first;
        Round second;
    }

    mapping(bytes32 key => Case) internal _cases;
    mapping(bytes32 key => mapping(bool appeal => mapping(uint256 number => Juror))) internal _jurors;

    constructor(address board, Rules memory wanted) {
        REGISTRY = IJobBoard(board).REGISTRY();
        VAULT = IJobBoard(board).VAULT();
        BEACON = IJobBoard(board).BEACON();
        bool timed = wanted.takeTime > 0 && wanted.voteTime > 0 && wanted.revealTime > 0 && wanted.appealTime > 0;
        require(timed && wanted.noShowBond > 0 && wanted.noShowBond <= wanted.jurorStake, RulesInvalid());
        (TAKE_TIME, VOTE_TIME) = (wanted.takeTime, wanted.voteTime);
        (REVEAL_TIME, APPEAL_TIME) = (wanted.revealTime, wanted.appealTime);
        (JUROR_STAKE, NO_SHOW_BOND, REWARD) = (wanted.jurorStake, wanted.noShowBond, wanted.reward);
    }

    // ---- jurors

    /// @inheritdoc IJurySeats
    function take(address verifier, JobId id) external {
        bytes32 key = _keyOf(verifier, id);
        Case storage case_ = _caseOf(key, id);
        (Round storage stored, bool appeal_) = _running(case_);
        Round memory round = stored;
        _expect(id, _phaseOf(round), Phase.Filling);
        address provider = _admit(case_, id, round);
        _checkDrawn(key, id, appeal_, round, provider);
        uint88 tag = uint88(uint256(keccak256(abi.encode(key, appeal_, provider))));
        _checkAlone(key, id, appeal_, round.taken, tag, provider);

        uint8 number = ++stored.taken;
        Juror storage juror = _jurors[key][appeal_][number];
        (juror.worker, juror.tag) = (msg.sender, tag);
        emit JurorSeated(verifier, id, appeal_, number, msg.sender, provider);
    }

    /// @inheritdoc IJurySeats
    function vote(address verifier, JobId id, uint8 number, bytes32 commitment) external {
        bytes32 key = _keyOf(verifier, id);
        (Round storage round, bool appeal_) = _running(_caseOf(key, id));
        Juror storage juror = _jurors[key][appeal_][number];
        require(juror.worker == msg.sender, NotJuror(id, number, msg.sender));
        // Who has looked already need not wait for the others to sit down.
        Phase phase = _phaseOf(round);
        require(phase == Phase.Filling || phase == Phase.Voting, WrongPhase(id, phase, Phase.Voting));
        require(juror.commitment == 0 && commitment != 0, AlreadyVoted(id, number));
        juror.commitment = commitment;
        ++round.committed;
        emit VoteCommitted(verifier, id, appeal_, number, commitment);
    }

    /// @inheritdoc IJurySeats
    function show(address verifier, JobId id, uint8 number, IJury.Decision decision, bytes32 salt) external {
        bytes32 key = _keyOf(verifier, id);
        (Round storage round, bool appeal_) = _running(_caseOf(key, id));
        Juror storage juror = _jurors[key][appeal_][number];
        // INVARIANT: no vote is shown while another can still be cast, so none can follow another.
        _expect(id, _phaseOf(round), Phase.Showing);
        bool isVote = decision == IJury.Decision.Accused || decision == IJury.Decision.Accuser;
        require(isVote, VoteInvalid(decision));
        require(juror.vote == IJury.Decision.Pending, AlreadyVoted(id, number));
        bytes32 shown = commitmentOf(verifier, id, appeal_, juror.worker, decision, salt);
        require(juror.commitment == shown, VoteMismatch(id, number));

        juror.vote = decision;
        if (decision == IJury.Decision.Accused) ++round.accused;
        else ++round.accuser;
        if (++round.revealed == round.size) round.endedAt = uint40(block.timestamp);
        emit VoteShown(verifier, id, appeal_, number, decision);
    }

    // ---- anyone

    /// @inheritdoc IJurySeats
    function release(address verifier, JobId id, bool appeal_) external {
        bytes32 key = _keyOf(verifier, id);
        Case storage case_ = _caseOf(key, id);
        Round storage stored = appeal_ ? case_.second : case_.first;
        Round memory round = stored;
        require(!appeal_ || round.openedAt != 0, NotAppealed(id));
        _expect(id, _phaseOf(round), Phase.Over);
        require(!round.released, AlreadyReleased(id));
        stored.released = true;
        // Where seats stayed empty there was nothing to vote on: nobody who came was silent.
        bool full = round.taken == round.size;
        emit RoundReleased(verifier, id, appeal_, _answerOf(round), full ? round.size - round.revealed : 0);
        for (uint256 number = 1; number <= round.taken; ++number) {
            Juror storage juror = _jurors[key][appeal_][number];
            uint256 lost = full && juror.vote == IJury.Decision.Pending ? NO_SHOW_BOND : 0;
            address provider = IWorkerRegistry(REGISTRY).providerOf(juror.worker);
            IStakeVault(VAULT).release(provider, juror.worker, JUROR_STAKE, lost, address(0), 0);
        }
    }

    // ---- reading

    /// @inheritdoc IJurySeats
    function commitmentOf(
        address verifier,
        JobId id,
        bool appeal_,
        address juror,
        IJury.Decision decision,
        bytes32 salt
    ) public pure returns (bytes32) {
        return keccak256(abi.encode(verifier, id, appeal_, juror, decision, salt));
    }

    /// @inheritdoc IJurySeats
    function drawn(address verifier, JobId id, address worker, uint40 time) external view returns (bool) {
        bytes32 key = _keyOf(verifier, id);
        (Round storage round, bool appeal_) = _running(_caseOf(key, id));
        bytes32 value = IBeacon(BEACON).valueOf(round.draw);
        if (value == 0 || time < round.openedAt || time > round.openedAt + TAKE_TIME) return false;
        address provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        return _wins(_seed(key, appeal_, value), worker, provider, time - round.openedAt);
    }

    /// @inheritdoc IJurySeats
    function roundOf(address verifier, JobId id, bool appeal_) external view returns (Round memory round, Phase phase) {
        Case storage case_ = _caseOf(_keyOf(verifier, id), id);
        round = appeal_ ? case_.second : case_.first;
        require(round.openedAt != 0, NotAppealed(id));
        phase = _phaseOf(round);
    }

    /// @inheritdoc IJurySeats
    function jurorOf(address verifier, JobId id, bool appeal_, uint8 number) external view returns (Juror memory) {
        return _jurors[_keyOf(verifier, id)][appeal_][number];
    }

    /// @inheritdoc IJurySeats
    function rules() external view returns (Rules memory) {
        return Rules({
            takeTime: TAKE_TIME,
            voteTime: VOTE_TIME,
            revealTime: REVEAL_TIME,
            appealTime: APPEAL_TIME,
            jurorStake: JUROR_STAKE,
            noShowBond: NO_SHOW_BOND,
            reward: REWARD
        });
    }

    // ---- who may sit

    /// @dev Locks the caller's stake.
    function _admit(Case storage case_, JobId id, Round memory round) private returns (address provider) {
        uint40 since;
        uint16 capacity;
        bytes5 classTag;
        (provider,, since, capacity, classTag) = IWorkerRegistry(REGISTRY).standing(msg.sender);
        require(provider != address(0), IJobBoard.UnknownWorker(msg.sender));
        require(classTag == case_.classTag, IJobBoard.WrongClass(msg.sender, case_.classTag));
        _checkApart(case_.accused, id, provider);
        _checkApart(case_.accuser, id, provider);
        uint40 openedAt = round.openedAt;
        require(since < openedAt, IJobBoard.WorkerTooYoung(msg.sender, since, openedAt));
        uint16 locks;
        (since, locks,) = IStakeVault(VAULT).lock(provider, msg.sender, JUROR_STAKE);
        // INVARIANT (D1): nothing that was done after the round was named raises a chance in it.
        require(since < openedAt, IJobBoard.WorkerTooYoung(msg.sender, since, openedAt));
        require(locks <= capacity, IJobBoard.CapacityReached(msg.sender, capacity));
    }

    /// @dev A party may be a worker, or anybody else.
    function _checkApart(address party, JobId id, address provider) private view {
        bool own = msg.sender == party || provider == party;
        require(!own && IWorkerRegistry(REGISTRY).providerOf(party) != provider, PartyToCase(id, msg.sender));
    }

    function _checkDrawn(bytes32 key, JobId id, bool appeal_, Round memory round, address provider) private {
        bytes32 seed = _seed(key, appeal_, IBeacon(BEACON).store(round.draw, ""));
        bool wins = _wins(seed, msg.sender, provider, block.timestamp - round.openedAt);
        require(wins, IJobBoard.NotDrawn(id, msg.sender));
    }

    function _wins(bytes32 seed, address worker, address provider, uint256 passed) private view returns (bool) {
        uint256 stake = IStakeVault(VAULT).allocationOf(provider, worker, address(this)).active;
        return ticketWins(seed, worker, stake, JUROR_STAKE, passed, TAKE_TIME);
    }

    /// @dev One seat per provider, and none in an appeal for who has judged already.
    function _checkAlone(bytes32 key, JobId id, bool appeal_, uint256 taken, uint88 tag, address provider) private view {
        for (uint256 number = 1; number <= taken; ++number) {
            require(_jurors[key][appeal_][number].tag != tag, IJobBoard.SiblingSeated(id, msg.sender, provider));
        }
        if (!appeal_) return;
        uint88 before = uint88(uint256(keccak256(abi.encode(key, false, provider))));
        for (uint256 number = 1; number <= SEATS; ++number) {
            require(_jurors[key][false][number].tag != before, IJobBoard.SiblingSeated(id, msg.sender, provider));
        }
    }

    // ---- rounds

    function _openRound(address verifier, JobId id, Round storage round, bool appeal_) internal {
        (round.openedAt, round.draw) = (uint40(block.timestamp), IBeacon(BEACON).next());
        round.size = appeal_ ? APPEAL_SEATS : SEATS;
        emit RoundOpened(verifier, id, appeal_, round.size, round.draw, uint40(block.timestamp) + TAKE_TIME);
    }

    function _running(Case storage case_) private view returns (Round storage, bool appeal_) {
        appeal_ = case_.second.openedAt != 0;
        return (appeal_ ? case_.second : case_.first, appeal_);
    }

    function _phaseOf(Round memory round) internal view returns (Phase) {
        uint256 passed = block.timestamp - round.openedAt;
        if (round.taken < round.size) return passed > TAKE_TIME ? Phase.Over : Phase.Filling;
        if (round.revealed == round.size) return Phase.Over;
        uint256 voteBy = uint256(TAKE_TIME) + VOTE_TIME;
        if (passed <= voteBy && round.committed < round.size) return Phase.Voting;
        return passed > voteBy + REVEAL_TIME ? Phase.Over : Phase.Showing;
    }

    /// @dev The last second of a round that is over.
    function _endOf(Round memory round) internal view returns (uint40) {
        if (round.endedAt != 0) return round.endedAt;
        uint40 takeBy = round.openedAt + TAKE_TIME;
        return round.taken < round.size ? takeBy : takeBy + VOTE_TIME + REVEAL_TIME;
    }

    /// @dev Of a round that is over: 2/3 of all seats, silent ones included.
    function _answerOf(Round memory round) internal pure returns (IJury.Decision) {
        uint256 need = (uint256(round.size) * 2 + 2) / 3;
        if (round.accused >= need) return IJury.Decision.Accused;
        return round.accuser >= need ? IJury.Decision.Accuser : IJury.Decision.Hung;
    }

    // ---- cases

    function _caseOf(bytes32 key, JobId id) internal view returns (Case storage case_) {
        case_ = _cases[key];
        require(case_.first.openedAt != 0, UnknownCase(id));
    }

    function _keyOf(address verifier, JobId id) internal pure returns (bytes32) {
        return keccak256(abi.encode(verifier, id));
    }

    function _seed(bytes32 key, bool appeal_, bytes32 value) private pure returns (bytes32) {
        return keccak256(abi.encode(key, appeal_, value));
    }

    function _expect(JobId id, Phase have, Phase need) internal pure {
        require(have == need, WrongPhase(id, have, need));
    }
}
