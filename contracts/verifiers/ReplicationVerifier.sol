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
    Seat,
    SeatState
} from "../types/JobTypes.sol";

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

    /// @dev `Tally` in one slot: an array inside a stored struct would take a slot of its own.
    struct Record {
        uint40 groupBySeat; // 8 bits per seat, seat 1 lowest
        uint8 groups;
        uint8 limits;
        uint8 revealed;
        uint40 extraOpenedAt;
        uint40 extraRound;
    }

    mapping(JobId id => Record) private _records;
    mapping(JobId id => mapping(uint256 group => bytes32)) private _rootHashes;

    constructor(address board) {
        BOARD = board;
        BEACON = IJobBoard(board).BEACON();
        LEAST_CLOCK = IParameters(IJobBoard(board).PARAMETERS()).bounds().minTakeTime;
    }

    // ---- revealing

    /// @inheritdoc IReplicationVerifier
    function reveal(JobTerms calldata terms, bytes32 salt, bytes32 rootHash, bytes32 receiptDigest) external {
        (JobId id, Job memory job) = _committed(terms);
        Seat memory seat = _unrevealed(id);
        require(seat.number <= terms.workers, RootExpected(id, msg.sender));
        uint40 deadline = _firstDeadline(terms, job);
        require(block.timestamp <= deadline, RevealTooLate(id, deadline));

        _checkSeal(id, seat, salt, rootHash, receiptDigest);
        Record memory record = _record(id, seat, rootHash, receiptDigest);
        // The reveal that completes an undecided round goes on by itself: no second transaction, nobody to wait for.
        if (record.revealed == job.committed && !_agreed(record)) _open(terms, id, record);
        _records[id] = record;
    }

    /// @inheritdoc IReplicationVerifier
    function revealRoot(JobTerms calldata terms, bytes32 salt, bytes32 resultRoot, bytes32 receiptDigest) external {
        (JobId id, Job memory job) = _committed(terms);
        Seat memory seat = _unrevealed(id);
        require(seat.number > terms.workers, RootExpected(id, msg.sender));
        // INVARIANT: roots show only when no extra seat can commit any more, so none can be copied into a commitment.
        ExtraSeats memory extra = seats(terms, id);
        require(_extraSealed(terms, job, extra), RevealTooEarly(id));
        uint40 deadline = _extraDeadline(terms, extra);
        require(block.timestamp <= deadline, RevealTooLate(id, deadline));

        // INVARIANT: sealed over the root, not over its hash, which the first round has made public: whoever only read the
        // chain when he committed cannot open, not even after another extra seat has shown the root.
        _checkSeal(id, seat, salt, resultRoot, receiptDigest);
        _records[id] = _record(id, seat, keccak256(abi.encode(resultRoot)), receiptDigest);
    }

    /// @inheritdoc IReplicationVerifier
    function openExtra(JobTerms calldata terms) external {
        (JobId id, Job memory job) = _committed(terms);
        Record memory record = _records[id];
        require(record.extraOpenedAt == 0, ExtraNotNeeded(id));
        require(_firstOver(terms, job, record), RevealTooEarly(id));
        require(record.revealed > 0 && !_agreed(record), ExtraNotNeeded(id));
        _open(terms, id, record);
        _records[id] = record;
        // INVARIANT (J2): a second round ends, reveals and all, before the job settles by its deadline.
        uint40 end = _extraDeadline(terms, seats(terms, id));
        require(end < job.deadline, TooLateForExtra(id, job.deadline));
    }

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (uint128 reserve, uint40 settleTime) {
        require(terms.workers == FIRST_SEATS, WorkersUnsupported(terms.workers, FIRST_SEATS));
        Clocks memory clocks = clocksOf(terms.verifierParams);
        require(uint256(terms.verifierParams) >> 96 == 0, ParamsInvalid(terms.verifierParams));
        // INVARIANT: nobody can be given less time to reveal, and so to keep his stake, than a job must give to be taken.
        require(clocks.revealTime >= LEAST_CLOCK, ClockTooShort(clocks.revealTime, LEAST_CLOCK));
        require(clocks.extraTakeTime >= LEAST_CLOCK, ClockTooShort(clocks.extraTakeTime, LEAST_CLOCK));
        reserve = terms.price * EXTRA_SEATS;
        // Two rounds of revealing, one of taking and one of working; and as long again as the taking for somebody to
        // notice that a silent first round has to be reopened.
        settleTime = 2 * (uint40(clocks.revealTime) + clocks.grace + clocks.extraTakeTime) + terms.workTime;
    }

    /// @inheritdoc IVerifier
    function seats(JobTerms calldata terms, JobId id) public view returns (ExtraSeats memory extra) {
        Record memory record = _records[id];
        if (record.extraOpenedAt == 0) return extra;
        extra.count = EXTRA_SEATS;
        extra.round = record.extraRound;
        extra.opensAt = record.extraOpenedAt;
        extra.takeBy = record.extraOpenedAt + clocksOf(terms.verifierParams).extraTakeTime;
        extra.workBy = extra.takeBy + terms.workTime;
    }

    /// @inheritdoc IVerifier
    function verdict(JobTerms calldata terms, JobId id, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory)
    {
        Record memory record = _records[id];
        if (!_final(terms, id, record)) return (false, new Ruling[](0));
        return (true, _rule(terms.price, record, held));
    }

    // ---- reading

    /// @inheritdoc IReplicationVerifier
    function extraNeeded(JobTerms calldata terms) external view returns (bool) {
        JobId id = IJobBoard(BOARD).idOf(terms);
        Job memory job = IJobBoard(BOARD).jobOf(id);
        Record memory record = _records[id];
        return job.state == JobState.Committed && record.extraOpenedAt == 0 && record.revealed > 0
            && _firstOver(terms, job, record) && !_agreed(record);
    }

    /// @inheritdoc IReplicationVerifier
    function tallyOf(JobId id) external view returns (Tally memory tally) {
        Record memory record = _records[id];
        for (uint8 number = 1; number <= MAX_SEATS; ++number) {
            tally.group[number - 1] = _groupOf(record, number);
        }
        tally.groups = record.groups;
        tally.limits = record.limits;
        tally.revealed = record.revealed;
        tally.extraOpenedAt = record.extraOpenedAt;
        tally.extraRound = record.extraRound;
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

    function _committed(JobTerms calldata terms) private view returns (JobId id, Job memory job) {
        id = IJobBoard(BOARD).idOf(terms);
        job = IJobBoard(BOARD).jobOf(id);
        // Before all have committed nothing may show; after the end nothing counts.
        require(job.state >= JobState.Committed, RevealTooEarly(id));
        require(job.state == JobState.Committed, RevealTooLate(id, job.deadline));
    }

    function _unrevealed(JobId id) private view returns (Seat memory seat) {
        seat = IJobBoard(BOARD).seatOf(id, msg.sender);
        require(seat.state == SeatState.Committed, NotCommitted(id, msg.sender));
        require(_groupOf(_records[id], seat.number) == 0, AlreadyRevealed(id, msg.sender));
    }

    /// @param shown the root's hash in a first seat, the root itself in an extra one
    function _checkSeal(JobId id, Seat memory seat, bytes32 salt, bytes32 shown, bytes32 receiptDigest) private view {
        // INVARIANT (J3): a commitment binds job, worker and salt; another's, repeated, opens for nobody.
        bytes32 commitment = keccak256(abi.encode(id, msg.sender, salt, shown, receiptDigest));
        require(bytes30(commitment) == seat.seal, CommitmentMismatch(id, msg.sender));
    }

    /// @dev The tally with this reveal in it; the caller stores it.
    function _record(JobId id, Seat memory seat, bytes32 rootHash, bytes32 receiptDigest)
        private
        returns (Record memory record)
    {
        record = _records[id];
        uint8 group = 1;
        while (group <= record.groups && _rootHashes[id][group] != rootHash) {
            ++group;
        }
        if (group > record.groups) {
            record.groups = group;
            _rootHashes[id][group] = rootHash;
            if (_isLimit(id, rootHash)) record.limits |= uint8(1 << (group - 1));
        }
        record.groupBySeat |= uint40(group) << (8 * (seat.number - 1));
        ++record.revealed;
        emit Revealed(id, msg.sender, rootHash, receiptDigest);
    }

    /// @dev Fills the record in; the caller stores it.
    function _open(JobTerms calldata terms, JobId id, Record memory record) private {
        record.extraOpenedAt = uint40(block.timestamp);
        record.extraRound = IBeacon(BEACON).next();
        uint40 takeBy = record.extraOpenedAt + clocksOf(terms.verifierParams).extraTakeTime;
        uint40 workBy = takeBy + terms.workTime;
        emit ExtraSeatsOpened(id, record.extraRound, takeBy, workBy, _revealBy(terms, workBy));
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

    /// @dev Every revealed first-round result is the same, and there are at least two.
    function _agreed(Record memory record) private pure returns (bool) {
        return record.revealed >= 2 && record.groups == 1;
    }

    function _firstOver(JobTerms calldata terms, Job memory job, Record memory record) private view returns (bool) {
        return record.revealed == job.committed || block.timestamp > _firstDeadline(terms, job);
    }

    function _firstDeadline(JobTerms calldata terms, Job memory job) private pure returns (uint40) {
        return _revealBy(terms, job.committedAt);
    }

    function _extraDeadline(JobTerms calldata terms, ExtraSeats memory extra) private pure returns (uint40) {
        return _revealBy(terms, extra.workBy);
    }

    function _revealBy(JobTerms calldata terms, uint40 from) private pure returns (uint40) {
        Clocks memory clocks = clocksOf(terms.verifierParams);
        return from + clocks.revealTime + clocks.grace;
    }

    /// @dev No extra seat can be taken any more, and none that was taken can still commit.
    function _extraSealed(JobTerms calldata terms, Job memory job, ExtraSeats memory extra)
        private
        view
        returns (bool)
    {
        uint8 taken = job.taken - terms.workers;
        return (taken == extra.count || block.timestamp > extra.takeBy)
            && (job.extraCommitted == taken || block.timestamp > extra.workBy);
    }

    function _final(JobTerms calldata terms, JobId id, Record memory record) private view returns (bool) {
        Job memory job = IJobBoard(BOARD).jobOf(id);
        // A job that is not ours, or not that far, has no deadline to be past.
        if (job.state != JobState.Committed) return false;
        if (block.timestamp >= job.deadline) return true;
        if (record.extraOpenedAt == 0) {
            return _firstOver(terms, job, record) && (record.revealed == 0 || _agreed(record));
        }
        ExtraSeats memory extra = seats(terms, id);
        if (block.timestamp > _extraDeadline(terms, extra)) return true;
        uint8 extraRevealed;
        for (uint8 number = terms.workers + 1; number <= MAX_SEATS; ++number) {
            if (_groupOf(record, number) != 0) ++extraRevealed;
        }
        return _extraSealed(terms, job, extra) && extraRevealed == job.extraCommitted;
    }

    // ---- the rows of protocol.md, section 5

    function _rule(uint128 price, Record memory record, Seat[] calldata held)
        private
        pure
        returns (Ruling[] memory rulings)
    {
        (uint8 group, uint8 size) = _largest(record);
        // INVARIANT: no bare majority slashes anybody. Three equal, or two when nothing else was shown, are paid; only four
        // against one prove the one wrong.
        bool wins = size >= 3 || _agreed(record);
        rulings = new Ruling[](held.length);
        for (uint256 i = 0; i < held.length; ++i) {
            uint8 own = _groupOf(record, held[i].number);
            if (held[i].state == SeatState.Taken) {
                rulings[i].fault = Fault.NoShow;
            } else if (own == 0) {
                rulings[i].fault = Fault.Slashed;
            } else if (!wins) {
                rulings[i].pay = price / 2;
            } else if (own == group) {
                rulings[i].pay = price;
                rulings[i].agreed = true;
            } else if (size >= 4 && !_eitherLimit(record, own, group)) {
                rulings[i].fault = Fault.Slashed;
            }
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
        return uint8(record.groupBySeat >> (8 * (number - 1)));
    }
}
