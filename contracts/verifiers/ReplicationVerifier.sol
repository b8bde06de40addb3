// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReplicationVerifier} from "../interfaces/IReplicationVerifier.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {
    ExitClass,
    ExtraSeats,
    JobId,
    JobState,
    JobTerms,
    MAX_SEATS,
    Ruling,
    Seat
} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {ask, behind, rawSeats, tell} from "../types/RawCalls.sol";
import {RevealWord} from "../types/RevealWord.sol";
import {ReplicationRounds} from "./ReplicationRounds.sol";
import {PAIR, isUndecided, rule} from "./ReplicationRows.sol";

/// @title ReplicationVerifier, as IReplicationVerifier says
contract ReplicationVerifier is ReplicationRounds {
    uint8 private constant TRIO = 3;
    uint256 private constant ONE = 1e18; // a score rate is points per so many units of price

    /// @dev From the second group on; counts as far as the lane's RevealWord says that the same job has written it.
    mapping(bytes32 lane => mapping(uint256 group => bytes20)) private _results;

    constructor(address board) ReplicationRounds(board) {}

    // ---- revealing

    /// @inheritdoc IReplicationVerifier
    function reveal(JobTerms calldata terms, Seat[] calldata held, Opening[] calldata openings) external {
        (JobId id, JobWord job) = _committed(terms, held);
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        RevealWord reveals = _revealsOf(lane, job.sequence());
        require(openings.length > 0, NotCommitted(id, address(0)));
        bool extra = openings[0].number > terms.workers;
        _checkTime(terms, id, job, lane, reveals, extra);
        RevealWord before = reveals;
        for (uint256 i = 0; i < openings.length; ++i) {
            reveals = _open(terms, id, lane, reveals, held, openings[i], extra);
        }
        // Where nothing new was shown, nothing follows from it a second time.
        bool anyNew = RevealWord.unwrap(reveals) != RevealWord.unwrap(before);
        require(anyNew, AlreadyRevealed(id, held[openings[0].number - 1].worker));
        if (!extra && _firstShown(terms, job, reveals)) {
            bool decided = !isUndecided(reveals, terms.workers);
            if (decided && _canSettle(job, held)) return _settleAgreed(terms, held);
            // The reveal that completes an undecided round goes on by itself: no second transaction, nobody to wait for.
            if (!decided) reveals = _openSecond(terms, id, lane, reveals);
        }
        _reveals[lane] = reveals;
    }

    /// @inheritdoc IReplicationVerifier
    function openExtra(JobTerms calldata terms, Seat[] calldata held) external {
        (JobId id, JobWord job) = _committed(terms, held);
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        RevealWord reveals = _revealsOf(lane, job.sequence());
        require(!reveals.hasSecond(), ExtraNotNeeded(id));
        require(_firstOver(terms, job, reveals), RevealTooEarly(id));
        require(isUndecided(reveals, terms.workers), ExtraNotNeeded(id));
        reveals = _openSecond(terms, id, lane, reveals);
        _reveals[lane] = reveals;
        // INVARIANT (J2): a second round ends, reveals and all, before the job settles by its deadline.
        uint40 settleBy = job.clock() + terms.settleTime;
        require(_revealBy(terms, _extraOf(terms, lane, reveals).workBy) < settleBy, TooLateForExtra(id, settleBy));
    }

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (Needs memory) {
        require(terms.workers == PAIR || terms.workers == TRIO, WorkersUnsupported(terms.workers, TRIO));
        Clocks memory clocks = clocksOf(terms.verifierParams);
        _checkRate(terms);
        // INVARIANT: nobody can be given less time to reveal, and so to keep his stake, than a job must give to be taken.
        require(clocks.revealTime >= LEAST_CLOCK, ClockTooShort(clocks.revealTime, LEAST_CLOCK));
        require(clocks.extraTakeTime >= LEAST_CLOCK, ClockTooShort(clocks.extraTakeTime, LEAST_CLOCK));
        return Needs({
            reserveBps: uint32(MAX_SEATS - terms.workers) * 10_000,
            // Two rounds of revealing, one of taking and one of working; and as long again as the taking for somebody to
            // notice that a silent first round has to be reopened.
            settleTime: 2 * (uint40(clocks.revealTime) + clocks.grace + clocks.extraTakeTime) + terms.workTime,
            silent: false
        });
    }

    /// @inheritdoc IVerifier
    function seats(JobTerms calldata terms, JobId) external view returns (ExtraSeats memory) {
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        return _extraOf(terms, lane, _revealsOf(lane, uint16(terms.nonce)));
    }

    /// @inheritdoc IVerifier
    /// @dev Answers nobody but the board: reveals are kept by lane, and another board's jobs have lanes of the same names.
    function verdict(JobTerms calldata terms, JobId, JobWord job, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory)
    {
        if (msg.sender != BOARD) return (false, new Ruling[](0));
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        RevealWord reveals = _revealsOf(lane, job.sequence());
        if (!_final(terms, lane, job, reveals)) return (false, new Ruling[](0));
        return (true, rule(reveals, held));
    }

    // ---- reading

    /// @inheritdoc IReplicationVerifier
    function extraNeeded(JobTerms calldata terms, Seat[] calldata held) external view returns (bool) {
        (, JobWord job) = _look(terms, held);
        RevealWord reveals = _revealsOf(laneOf(terms.requester, terms.nonce), job.sequence());
        return job.state() == JobState.Committed && !reveals.hasSecond() && _firstOver(terms, job, reveals)
            && isUndecided(reveals, terms.workers);
    }

    /// @inheritdoc IReplicationVerifier
    function tallyOf(address requester, uint256 nonce) external view returns (Tally memory tally) {
        // The reveals that decide a job are not recorded any more, so that of an ended one only its events tell all.
        if (IJobBoard(BOARD).jobOf(requester, nonce).state != JobState.Committed) return tally;
        bytes32 lane = laneOf(requester, nonce);
        RevealWord reveals = _revealsOf(lane, uint16(nonce));
        for (uint256 number = 1; number <= MAX_SEATS; ++number) {
            tally.group[number - 1] = uint8(reveals.groupOf(number));
            if (reveals.groupOf(number) != 0) ++tally.revealed;
        }
        tally.groups = uint8(reveals.groups());
        tally.limits = uint8(reveals.limits());
        if (reveals.hasSecond()) {
            (tally.extraOpenedAt, tally.extraRound) = (_seconds[lane].openedAt, _seconds[lane].round);
        }
    }

    /// @inheritdoc IReplicationVerifier
    function scoreNeeded(JobTerms calldata terms) public pure returns (uint256) {
        // Rounded up, so that no price is so low that no score at all would do.
        return Math.ceilDiv(uint256(terms.price) * _rateOf(terms.verifierParams), ONE);
    }

    // ---- the board, asked with what the caller has passed

    function _look(JobTerms calldata terms, Seat[] calldata held) private view returns (JobId, JobWord) {
        return abi.decode(ask(BOARD, IJobBoard.look.selector, terms, _withSeats(held)), (JobId, JobWord));
    }

    /// @dev The second and last argument behind terms.
    function _withSeats(Seat[] calldata held) private pure returns (bytes memory) {
        return abi.encodePacked(behind(1), held.length, rawSeats(held));
    }

    /// @dev Of the policy alone, as it is admitted.
    function _checkRate(JobTerms calldata terms) private view {
        uint256 rate = _rateOf(terms.verifierParams);
        bool fits = uint256(terms.verifierParams) >> 208 == 0 && (terms.workers == PAIR || rate == 0);
        require(fits, ParamsInvalid(terms.verifierParams));
        if (terms.workers != PAIR) return;
        uint256 least = IParameters(PARAMETERS).tokenRule(terms.payToken).scoreWeight;
        // INVARIANT: a score that covers a job has cost at least its price in burned fees.
        require(least > 0, TokenUnweighted(terms.payToken));
        require(rate >= least, ScoreRateTooLow(rate, least));
    }

    function _rateOf(bytes32 params) private pure returns (uint256) {
        return uint112(uint256(params) >> 96);
    }

    // ---- one reveal

    function _committed(JobTerms calldata terms, Seat[] calldata held) private view returns (JobId id, JobWord job) {
        (id, job) = _look(terms, held);
        require(terms.verifier == address(this), IJobBoard.NotVerifier(id, address(this)));
        // Before all have committed nothing may show; after the end nothing counts.
        JobState state = job.state();
        require(state >= JobState.Committed, RevealTooEarly(id));
        require(state == JobState.Committed, RevealTooLate(id, job.clock()));
    }

    function _checkTime(
        JobTerms calldata terms,
        JobId id,
        JobWord job,
        bytes32 lane,
        RevealWord reveals,
        bool extra
    ) private view {
        uint40 deadline = _firstDeadline(terms, job);
        if (extra) {
            // INVARIANT: roots show only when no extra seat can commit any more, so none can be copied into a commitment.
            ExtraSeats memory second = _extraOf(terms, lane, reveals);
            require(reveals.hasSecond() && _extraSealed(terms, job, second), RevealTooEarly(id));
            deadline = _revealBy(terms, second.workBy);
        }
        require(block.timestamp <= deadline, RevealTooLate(id, deadline));
    }

    /// @dev One opening. The caller stores what this makes of `reveals`.
    function _open(
        JobTerms calldata terms,
        JobId id,
        bytes32 lane,
        RevealWord reveals,
        Seat[] calldata held,
        Opening calldata opening,
        bool extra
    ) private returns (RevealWord) {
        uint256 number = opening.number;
        require(number > 0 && number <= held.length, NotCommitted(id, address(0)));
        Seat calldata seat = held[number - 1];
        address worker = seat.worker;
        // INVARIANT: an entry without a worker was left empty, and not compared with what the board remembers.
        require(worker != address(0) && seat.commitment != 0, NotCommitted(id, worker));
        // INVARIANT: openings are nobody's secret once they are under way. Whoever copies one of several out of a transaction and
        // shows it first keeps none of the others from being shown.
        if (reveals.groupOf(number) != 0) return reveals;
        require((number > terms.workers) == extra, RootExpected(id, worker));

        // INVARIANT (J3): a commitment binds job, worker and salt; another's, repeated, opens for nobody. An extra seat's is
        // made over the root, not over its hash, which the first round has made public: whoever only read the chain when
        // he committed cannot open, not even after another extra seat has shown the root.
        bytes32 shown = opening.shown;
        bytes32 receiptDigest = opening.receiptDigest;
        bytes32 sealed_ = keccak256(abi.encode(id, worker, opening.salt, shown, receiptDigest));
        require(sealed_ == seat.commitment, CommitmentMismatch(id, worker));
        if (extra) shown = keccak256(abi.encode(shown));
        emit Revealed(id, worker, shown, receiptDigest);
        if (terms.workers == PAIR && !extra && _covers(terms, worker)) reveals = reveals.withCover(number);
        return _enter(id, lane, reveals, number, bytes20(shown));
    }

    /// @dev Read as he shows his result, not when he took the seat: what he was found guilty of meanwhile counts, and where
    /// both have shown, nothing that comes later changes what follows from it.
    function _covers(JobTerms calldata terms, address worker) private view returns (bool) {
        return IReputation(REPUTATION).pointsOf(BOARD, worker) >= int256(scoreNeeded(terms));
    }

    /// @param result hash of the root, as far as it is kept: who finds another with the same 160 bits, 2^80 tries, has two
    /// results that count as equal, and gains what he gains by showing the same one twice
    function _enter(JobId id, bytes32 lane, RevealWord reveals, uint256 number, bytes20 result)
        private
        returns (RevealWord)
    {
        uint256 known = reveals.groups();
        if (known == 0) return reveals.withFirst(result).withShown(number, 1);
        if (reveals.first() == result) return reveals.withShown(number, 1);
        uint256 group = 2;
        while (group <= known && _results[lane][group] != result) {
            ++group;
        }
        if (group > known) {
            _results[lane][group] = result;
            reveals = reveals.withGroup();
            if (_isLimit(id, result)) reveals = reveals.withLimit(group);
            // Limits count only where results differ, so the first group is looked at when there is a second one.
            if (group == 2 && _isLimit(id, reveals.first())) reveals = reveals.withLimit(1);
        }
        return reveals.withShown(number, group);
    }

    /// @dev Settles a job whose committed seats have all shown the same. The reveals that decide it need no record: the board
    /// settles it now, or refuses all of this.
    function _settleAgreed(JobTerms calldata terms, Seat[] calldata held) private {
        tell(BOARD, IJobBoard.settleAgreed.selector, terms, _withSeats(held));
    }

    /// @dev Whether the result is the exit class "wall limit" or "memory limit": machines may honestly differ there.
    function _isLimit(JobId id, bytes20 result) private pure returns (bool) {
        return result == _classResult(id, ExitClass.WallLimit) || result == _classResult(id, ExitClass.MemoryLimit);
    }

    function _classResult(JobId id, ExitClass class) private pure returns (bytes20) {
        bytes32 root = keccak256(abi.encodePacked(uint8(2), id.asBytes(), uint8(class), bytes32(0)));
        return bytes20(keccak256(abi.encode(root)));
    }

    /// @dev `held` names every seat, as `settle` wants it, and none is given away: a job that pays nobody has a bounty for who
    /// settles it, and this contract could not spend it.
    function _canSettle(JobWord job, Seat[] calldata held) private pure returns (bool) {
        if (held.length != job.taken()) return false;
        for (uint256 i = 0; i < held.length; ++i) {
            if (held[i].worker == address(0) || held[i].price == 0) return false;
        }
        return true;
    }
}
