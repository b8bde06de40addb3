// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReplicationVerifier} from "../interfaces/IReplicationVerifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {
    ExitClass,
    ExtraSeats,
    Fault,
    Job,
    JobId,
    JobState,
    JobTerms,
    MAX_SEATS,
    Ruling,
    Seat
} from "../types/JobTypes.sol";
import {laneOf} from "../types/JobWord.sol";

/// @title ReplicationVerifier, as IReplicationVerifier says
/// @dev Groups are numbered in order of their first reveal; what a seat revealed is its group's number.
contract ReplicationVerifier is IReplicationVerifier {
    /// @inheritdoc IVerifier
    address public immutable BOARD;
    /// @inheritdoc IReplicationVerifier
    address public immutable BEACON;

    /// @inheritdoc IReplicationVerifier
    uint32 public immutable LEAST_CLOCK;

    uint8 private constant FIRST_SEATS = 3;
    uint8 private constant EXTRA_SEATS = MAX_SEATS - FIRST_SEATS;
    uint8 private constant FIRST_MASK = 7; // their bits in `Job.committed`

    /// @dev One slot, reused by the jobs of a lane. It counts for the job of its sequence only; what else the lane keeps
    /// (`_roots`, `_seconds`) counts only as far as this slot says that the same job has written it.
    struct Record {
        bytes20 root; // of the first group, as `_short` makes it
        uint16 sequence; // of the job's nonce
        uint16 groupBySeat; // 3 bits per seat, seat 1 lowest; 0: not revealed
        uint8 groups;
        uint8 limits;
        bool second; // the second round was opened
    }

    struct Second {
        uint40 openedAt;
        uint40 round;
    }

    mapping(bytes32 lane => Record) private _records;
    mapping(bytes32 lane => mapping(uint256 group => bytes20)) private _roots; // from the second group on
    mapping(bytes32 lane => Second) private _seconds;

    /// @dev The job that this transaction is settling because its first round has just agreed, as a whole. Such a job needs
    /// no record. Zero between calls.
    bytes32 private transient _agreedNow;

    constructor(address board) {
        BOARD = board;
        BEACON = IJobBoard(board).BEACON();
        LEAST_CLOCK = IParameters(IJobBoard(board).PARAMETERS()).bounds().minTakeTime;
    }

    // ---- revealing

    /// @inheritdoc IReplicationVerifier
    function reveal(JobTerms calldata terms, Seat[] calldata held, Opening[] calldata openings) external {
        (JobId id, Job memory job) = _committed(terms, held);
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        Record memory record = _recordOf(lane, job.sequence);
        require(openings.length > 0, NotCommitted(id, address(0)));
        bool extra = openings[0].number > FIRST_SEATS;
        _checkTime(terms, id, job, lane, record, extra);
        for (uint256 i = 0; i < openings.length; ++i) {
            _open(id, lane, record, held, openings[i], extra);
        }

        bool over = !extra && _firstShown(job, record);
        bool agreed = over && _agreed(record);
        // Agreed, somebody is paid, so no closer's bounty is at stake that would end up with this contract.
        if (agreed && _canSettle(job, held)) return _settleAgreed(terms, id, held);
        // The reveal that completes an undecided round goes on by itself: no second transaction, nobody to wait for.
        if (over && !agreed) _openSecond(terms, id, lane, record);
        _records[lane] = record;
    }

    /// @inheritdoc IReplicationVerifier
    function openExtra(JobTerms calldata terms, Seat[] calldata held) external {
        (JobId id, Job memory job) = _committed(terms, held);
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        Record memory record = _recordOf(lane, job.sequence);
        require(!record.second, ExtraNotNeeded(id));
        require(_firstOver(terms, job, record), RevealTooEarly(id));
        require(_isUndecided(record), ExtraNotNeeded(id));
        _openSecond(terms, id, lane, record);
        _records[lane] = record;
        // INVARIANT (J2): a second round ends, reveals and all, before the job settles by its deadline.
        uint40 settleBy = job.clock + terms.settleTime;
        require(_revealBy(terms, _extraOf(terms, lane, record).workBy) < settleBy, TooLateForExtra(id, settleBy));
    }

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (Needs memory) {
        require(terms.workers == FIRST_SEATS, WorkersUnsupported(terms.workers, FIRST_SEATS));
        Clocks memory clocks = clocksOf(terms.verifierParams);
        require(uint256(terms.verifierParams) >> 96 == 0, ParamsInvalid(terms.verifierParams));
        // INVARIANT: nobody can be given less time to reveal, and so to keep his stake, than a job must give to be taken.
        require(clocks.revealTime >= LEAST_CLOCK, ClockTooShort(clocks.revealTime, LEAST_CLOCK));
        require(clocks.extraTakeTime >= LEAST_CLOCK, ClockTooShort(clocks.extraTakeTime, LEAST_CLOCK));
        return Needs({
            reserveBps: uint32(EXTRA_SEATS) * 10_000,
            // Two rounds of revealing, one of taking and one of working; and as long again as the taking for somebody to
            // notice that a silent first round has to be reopened.
            settleTime: 2 * (uint40(clocks.revealTime) + clocks.grace + clocks.extraTakeTime) + terms.workTime,
            silent: false
        });
    }

    /// @inheritdoc IVerifier
    function seats(JobTerms calldata terms, JobId) external view returns (ExtraSeats memory) {
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        return _extraOf(terms, lane, _recordOf(lane, uint16(terms.nonce)));
    }

    /// @inheritdoc IVerifier
    /// @dev Answers nobody but the board: records are kept by lane, and another board's jobs have lanes of the same names.
    function verdict(JobTerms calldata terms, JobId id, Job calldata job, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory)
    {
        if (msg.sender != BOARD) return (false, new Ruling[](0));
        if (_agreedNow == id.asBytes()) return (true, _rule(_allAgreed(job), held));
        bytes32 lane = laneOf(terms.requester, terms.nonce);
        Record memory record = _recordOf(lane, job.sequence);
        if (!_final(terms, lane, job, record)) return (false, new Ruling[](0));
        return (true, _rule(record, held));
    }

    // ---- reading

    /// @inheritdoc IReplicationVerifier
    function extraNeeded(JobTerms calldata terms, Seat[] calldata held) external view returns (bool) {
        (, Job memory job) = IJobBoard(BOARD).look(terms, held);
        Record memory record = _recordOf(laneOf(terms.requester, terms.nonce), job.sequence);
        return job.state == JobState.Committed && !record.second && _firstOver(terms, job, record)
            && _isUndecided(record);
    }

    /// @inheritdoc IReplicationVerifier
    function tallyOf(address requester, uint256 nonce) external view returns (Tally memory tally) {
        // The reveals that decide a job are not recorded any more, so that of an ended one only its events tell all.
        if (IJobBoard(BOARD).jobOf(requester, nonce).state != JobState.Committed) return tally;
        bytes32 lane = laneOf(requester, nonce);
        Record memory record = _recordOf(lane, uint16(nonce));
        for (uint8 number = 1; number <= MAX_SEATS; ++number) {
            tally.group[number - 1] = _groupOf(record, number);
        }
        tally.groups = record.groups;
        tally.limits = record.limits;
        tally.revealed = _revealed(record, 1);
        if (record.second) (tally.extraOpenedAt, tally.extraRound) = (_seconds[lane].openedAt, _seconds[lane].round);
    }

    /// @inheritdoc IReplicationVerifier
    function clocksOf(bytes32 params) public pure returns (Clocks memory) {
        uint256 packed = uint256(params);
        return Clocks({
            revealTime: uint32(packed),
            grace: uint32(packed >> 32),
            extraTakeTime: uint32(packed >> 64)
        });
    }

    // ---- one reveal

    function _committed(JobTerms calldata terms, Seat[] calldata held) private view returns (JobId id, Job memory job) {
        (id, job) = IJobBoard(BOARD).look(terms, held);
        // Before all have committed nothing may show; after the end nothing counts.
        require(job.state >= JobState.Committed, RevealTooEarly(id));
        require(job.state == JobState.Committed, RevealTooLate(id, job.clock));
    }

    /// @dev The lane's record, empty where it is another job's.
    function _recordOf(bytes32 lane, uint16 sequence) private view returns (Record memory record) {
        record = _records[lane];
        if (record.sequence == sequence) return record;
        Record memory empty;
        empty.sequence = sequence;
        return empty;
    }

    function _checkTime(
        JobTerms calldata terms,
        JobId id,
        Job memory job,
        bytes32 lane,
        Record memory record,
        bool extra
    ) private view {
        uint40 deadline = _firstDeadline(terms, job);
        if (extra) {
            // INVARIANT: roots show only when no extra seat can commit any more, so none can be copied into a commitment.
            ExtraSeats memory seats_ = _extraOf(terms, lane, record);
            require(record.second && _extraSealed(job, seats_), RevealTooEarly(id));
            deadline = _revealBy(terms, seats_.workBy);
        }
        require(block.timestamp <= deadline, RevealTooLate(id, deadline));
    }

    /// @dev Enters one opening into the record, which the caller stores.
    function _open(
        JobId id,
        bytes32 lane,
        Record memory record,
        Seat[] calldata held,
        Opening calldata opening,
        bool extra
    ) private {
        uint8 number = opening.number;
        // Where the job is not folded, an entry that was left empty is nobody's.
        require(number > 0 && number <= held.length, NotCommitted(id, address(0)));
        Seat calldata seat = held[number - 1];
        require(seat.commitment != 0, NotCommitted(id, seat.worker));
        require(_groupOf(record, number) == 0, AlreadyRevealed(id, seat.worker));
        require((number > FIRST_SEATS) == extra, RootExpected(id, seat.worker));

        // INVARIANT (J3): a commitment binds job, worker and salt; another's, repeated, opens for nobody. An extra seat's is
        // made over the root, not over its hash, which the first round has made public: whoever only read the chain when
        // he committed cannot open, not even after another extra seat has shown the root.
        bytes32 sealed_ = keccak256(abi.encode(id, seat.worker, opening.salt, opening.shown, opening.receiptDigest));
        require(sealed_ == seat.commitment, CommitmentMismatch(id, seat.worker));
        bytes32 rootHash = extra ? keccak256(abi.encode(opening.shown)) : opening.shown;
        _enter(id, lane, record, number, rootHash);
        emit Revealed(id, seat.worker, rootHash, opening.receiptDigest);
    }

    function _enter(JobId id, bytes32 lane, Record memory record, uint8 number, bytes32 rootHash) private {
        bytes20 short = bytes20(rootHash);
        uint8 group = 1;
        while (group <= record.groups && (group == 1 ? record.root : _roots[lane][group]) != short) {
            ++group;
        }
        if (group > record.groups) {
            record.groups = group;
            if (group == 1) record.root = short;
            else _roots[lane][group] = short;
            if (_isLimit(id, rootHash)) record.limits |= uint8(1 << (group - 1));
        }
        record.groupBySeat |= uint16(group) << (3 * (number - 1));
    }

    /// @dev Fills the record in; the caller stores it.
    function _openSecond(JobTerms calldata terms, JobId id, bytes32 lane, Record memory record) private {
        record.second = true;
        _seconds[lane] = Second({openedAt: uint40(block.timestamp), round: IBeacon(BEACON).next()});
        ExtraSeats memory extra = _extraOf(terms, lane, record);
        emit ExtraSeatsOpened(id, extra.round, extra.takeBy, extra.workBy, _revealBy(terms, extra.workBy));
    }

    /// @dev Settles a job whose committed seats have all shown the same. The board asks back within this call.
    function _settleAgreed(JobTerms calldata terms, JobId id, Seat[] calldata held) private {
        _agreedNow = id.asBytes();
        IJobBoard(BOARD).settle(terms, held);
        // INVARIANT: what was seen here is forgotten here, so no later job of the same transaction can lean on it.
        _agreedNow = 0;
    }

    /// @dev Whether the revealed result is the exit class "wall limit" or "memory limit": machines may honestly differ there.
    function _isLimit(JobId id, bytes32 rootHash) private pure returns (bool) {
        return rootHash == _classHash(id, ExitClass.WallLimit) || rootHash == _classHash(id, ExitClass.MemoryLimit);
    }

    function _classHash(JobId id, ExitClass class) private pure returns (bytes32) {
        bytes32 root = keccak256(abi.encodePacked(uint8(2), JobId.unwrap(id), uint8(class), bytes32(0)));
        return keccak256(abi.encode(root));
    }

    // ---- rounds

    /// @dev Every revealed result is the same, and there are at least two.
    function _agreed(Record memory record) private pure returns (bool) {
        return record.groups == 1 && _revealed(record, 1) >= 2;
    }

    /// @dev Something was revealed, and it does not decide the first round.
    function _isUndecided(Record memory record) private pure returns (bool) {
        return record.groups > 0 && !_agreed(record);
    }

    /// @dev Every first seat that committed has revealed.
    function _firstShown(Job memory job, Record memory record) private pure returns (bool) {
        return _revealed(record, 1) - _revealed(record, FIRST_SEATS + 1) == _count(job.committed & FIRST_MASK);
    }

    /// @dev Every extra seat that committed has revealed.
    function _secondShown(Job memory job, Record memory record) private pure returns (bool) {
        return _revealed(record, FIRST_SEATS + 1) == _count(job.committed >> FIRST_SEATS);
    }

    function _firstOver(JobTerms calldata terms, Job memory job, Record memory record) private view returns (bool) {
        return _firstShown(job, record) || block.timestamp > _firstDeadline(terms, job);
    }

    function _firstDeadline(JobTerms calldata terms, Job memory job) private pure returns (uint40) {
        return _revealBy(terms, job.clock);
    }

    function _revealBy(JobTerms calldata terms, uint40 from) private pure returns (uint40) {
        Clocks memory clocks = clocksOf(terms.verifierParams);
        return from + clocks.revealTime + clocks.grace;
    }

    function _extraOf(JobTerms calldata terms, bytes32 lane, Record memory record)
        private
        view
        returns (ExtraSeats memory extra)
    {
        if (!record.second) return extra;
        Second memory second = _seconds[lane];
        extra.count = EXTRA_SEATS;
        extra.round = second.round;
        extra.opensAt = second.openedAt;
        extra.takeBy = second.openedAt + clocksOf(terms.verifierParams).extraTakeTime;
        extra.workBy = extra.takeBy + terms.workTime;
    }

    /// @dev No extra seat can be taken any more, and none that was taken can still commit.
    function _extraSealed(Job memory job, ExtraSeats memory extra) private view returns (bool) {
        uint8 taken = job.taken - FIRST_SEATS;
        return (taken == extra.count || block.timestamp > extra.takeBy)
            && (_count(job.committed >> FIRST_SEATS) == taken || block.timestamp > extra.workBy);
    }

    function _final(JobTerms calldata terms, bytes32 lane, Job memory job, Record memory record)
        private
        view
        returns (bool)
    {
        if (job.state != JobState.Committed) return false;
        if (block.timestamp >= job.clock + terms.settleTime) return true;
        if (!record.second) return _firstOver(terms, job, record) && !_isUndecided(record);
        ExtraSeats memory extra = _extraOf(terms, lane, record);
        if (block.timestamp > _revealBy(terms, extra.workBy)) return true;
        return _extraSealed(job, extra) && _secondShown(job, record);
    }

    /// @dev `held` names every seat, as `settle` wants it. Seats so cheap that half of their price is nothing are left to
    /// others: a job that pays nobody has a bounty for who settles it, and this contract could not spend it.
    function _canSettle(Job memory job, Seat[] calldata held) private pure returns (bool) {
        if (held.length != job.taken) return false;
        for (uint256 i = 0; i < held.length; ++i) {
            if (held[i].worker == address(0) || held[i].price < 2) return false;
        }
        return true;
    }

    // ---- the rows of protocol.md, section 5

    function _rule(Record memory record, Seat[] calldata held) private pure returns (Ruling[] memory rulings) {
        (uint8 group, uint8 size) = _largest(record);
        // INVARIANT: no bare majority slashes anybody. Three equal, or two when nothing else was shown, are paid; only four
        // against one prove the one wrong.
        bool wins = size >= 3 || _agreed(record);
        rulings = new Ruling[](held.length);
        for (uint256 i = 0; i < held.length; ++i) {
            uint8 own = _groupOf(record, uint8(i + 1));
            if (held[i].commitment == 0) {
                rulings[i].fault = Fault.NoShow;
            } else if (own == 0) {
                rulings[i].fault = Fault.Slashed;
            } else if (!wins) {
                rulings[i].pay = held[i].price / 2;
            } else if (own == group) {
                rulings[i].pay = held[i].price;
                rulings[i].agreed = true;
            } else if (size >= 4 && !_eitherLimit(record, own, group)) {
                rulings[i].fault = Fault.Slashed;
            }
        }
    }

    /// @dev The record of a job whose committed seats have all revealed the same.
    function _allAgreed(Job calldata job) private pure returns (Record memory record) {
        record.groups = 1;
        for (uint8 i = 0; i < FIRST_SEATS; ++i) {
            record.groupBySeat |= uint16(job.committed >> i & 1) << (3 * i);
        }
    }

    function _largest(Record memory record) private pure returns (uint8 group, uint8 size) {
        for (uint8 candidate = 1; candidate <= record.groups; ++candidate) {
            uint8 count;
            for (uint8 number = 1; number <= MAX_SEATS; ++number) {
                if (_groupOf(record, number) == candidate) ++count;
            }
            if (count > size) (group, size) = (candidate, count);
        }
    }

    function _eitherLimit(Record memory record, uint8 one, uint8 other) private pure returns (bool) {
        return record.limits >> (one - 1) & 1 != 0 || record.limits >> (other - 1) & 1 != 0;
    }

    function _groupOf(Record memory record, uint8 number) private pure returns (uint8) {
        return uint8(record.groupBySeat >> (3 * (number - 1)) & 7);
    }

    /// @dev How many seats have revealed, from this number on.
    function _revealed(Record memory record, uint8 from) private pure returns (uint8 count) {
        for (uint8 number = from; number <= MAX_SEATS; ++number) {
            if (_groupOf(record, number) != 0) ++count;
        }
    }

    function _count(uint8 bits) private pure returns (uint8 count) {
        for (; bits != 0; bits &= bits - 1) {
            ++count;
        }
    }
}
