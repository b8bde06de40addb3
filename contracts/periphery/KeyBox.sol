// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IKeyBox} from "../interfaces/IKeyBox.sol";
import {JobId, JobState, JobTerms, Seat} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {isPrivate, wrapTimeOf} from "../types/PrivateTerms.sol";
import {ask, behind, rawSeats} from "../types/RawCalls.sol";

/// @title KeyBox, as IKeyBox says
/// @dev Holds nobody's money and moves no job.
contract KeyBox is IKeyBox {
    /// @inheritdoc IKeyBox
    address public immutable BOARD;
    /// @inheritdoc IKeyBox
    uint256 public constant MOST_WRAPPED = 1024;

    /// @inheritdoc IKeyBox
    mapping(address requester => address) public delegateOf;

    uint256 private constant OWN = type(uint48).max;
    uint256 private constant MISSED = 1 << 48; // bit 48 + n: seat n was handed its key

    /// @dev Reused by the jobs of a lane: 16 bits of sequence, 32 of the round that drew the seats, then the bits above.
    /// INVARIANT: counts for that job and that drawing only. Whoever takes a seat that was lost was handed nothing yet,
    /// and missed nothing.
    mapping(bytes32 lane => uint256) private _keys;

    constructor(address board) {
        BOARD = board;
    }

    /// @inheritdoc IKeyBox
    function setDelegate(address delegate) external {
        delegateOf[msg.sender] = delegate;
        emit DelegateSet(msg.sender, delegate);
    }

    /// @inheritdoc IKeyBox
    function hand(JobTerms calldata terms, Seat[] calldata held, bytes[] calldata wrapped) external {
        (JobId id, JobWord job) = _assigned(terms, held);
        bool may = msg.sender == terms.requester || msg.sender == delegateOf[terms.requester];
        require(may, IJobBoard.NotRequester(id, msg.sender));
        require(wrapped.length == held.length, IJobBoard.LengthMismatch(wrapped.length, held.length));
        uint40 deadline = _handBy(terms, job);
        require(block.timestamp <= deadline, IJobBoard.DeadlinePassed(id, deadline));

        (bytes32 lane, uint256 keys) = _keysOf(terms.requester, terms.nonce, job.round());
        for (uint256 i = 0; i < held.length; ++i) {
            if (wrapped[i].length > 0) keys = _hand(id, keys, held[i].worker, i + 1, wrapped[i]);
        }
        _keys[lane] = keys;
    }

    /// @inheritdoc IKeyBox
    function miss(JobTerms calldata terms, Seat[] calldata held, uint8 number) external {
        (JobId id, JobWord job) = _assigned(terms, held);
        require(number > 0 && number <= held.length, IJobBoard.WrongSeats(id, number));
        address worker = held[number - 1].worker;
        require(worker != address(0), IJobBoard.NotSeated(id, worker));
        uint40 deadline = _handBy(terms, job);
        require(block.timestamp > deadline, IJobBoard.DeadlineNotPassed(id, deadline));
        require(block.timestamp <= job.clock(), IJobBoard.DeadlinePassed(id, job.clock()));

        (bytes32 lane, uint256 keys) = _keysOf(terms.requester, terms.nonce, job.round());
        require(keys & MISSED << number == 0, KeyAlreadyHanded(id, worker));
        _keys[lane] = keys | MISSED;
        emit KeyMissed(id, worker);
    }

    // ---- reading

    /// @inheritdoc IKeyBox
    function isMissed(address requester, uint256 nonce) external view returns (bool) {
        uint256 keys = _keysNow(requester, nonce);
        return keys & MISSED != 0;
    }

    /// @inheritdoc IKeyBox
    function isHanded(address requester, uint256 nonce, uint8 number) external view returns (bool) {
        uint256 keys = _keysNow(requester, nonce);
        return number > 0 && keys & MISSED << number != 0;
    }

    // ---- within

    function _hand(JobId id, uint256 keys, address worker, uint256 number, bytes calldata wrapped)
        private
        returns (uint256)
    {
        // INVARIANT: an entry without a worker was left empty, and not compared with what the board remembers.
        require(worker != address(0), IJobBoard.NotSeated(id, worker));
        require(wrapped.length <= MOST_WRAPPED, WrappedTooLong(wrapped.length, MOST_WRAPPED));
        require(keys & MISSED << number == 0, KeyAlreadyHanded(id, worker));
        emit KeyHanded(id, worker, wrapped);
        return keys | MISSED << number;
    }

    /// @dev A private job whose workers are at work, and these of its seats.
    function _assigned(JobTerms calldata terms, Seat[] calldata held) private view returns (JobId id, JobWord job) {
        bytes memory rest = abi.encodePacked(behind(1), held.length, rawSeats(held));
        (id, job) = abi.decode(ask(BOARD, IJobBoard.look.selector, terms, rest), (JobId, JobWord));
        require(isPrivate(terms.verifierParams), NotPrivate(id));
        JobState state = job.state();
        require(state == JobState.Assigned, IJobBoard.WrongState(id, state, JobState.Assigned));
    }

    /// @dev The last take is not kept; the work deadline is, and lies workTime behind it.
    function _handBy(JobTerms calldata terms, JobWord job) private pure returns (uint40) {
        return job.clock() - terms.workTime + wrapTimeOf(terms.verifierParams);
    }

    function _keysNow(address requester, uint256 nonce) private view returns (uint256 keys) {
        (, keys) = _keysOf(requester, nonce, IJobBoard(BOARD).jobOf(requester, nonce).round);
    }

    function _keysOf(address requester, uint256 nonce, uint40 round)
        private
        view
        returns (bytes32 lane, uint256 keys)
    {
        lane = laneOf(requester, nonce);
        keys = _keys[lane];
        uint256 own = uint256(uint32(round)) << 16 | uint16(nonce);
        if (keys & OWN != own) keys = own;
    }
}
