// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IReputation} from "../interfaces/IReputation.sol";

/// @title Reputation, as IReputation says
contract Reputation is IReputation {
    /// @dev A Score, read once and written once.
    struct Record {
        uint256 word; // from the lowest bit: points 128, at 40, wins 32, faults 32
    }

    /// @inheritdoc IReputation
    uint40 public immutable HALF_LIFE;

    /// @dev Scores saturate here instead of reverting: a score must never be what keeps a job from settling.
    uint256 private constant MOST = uint128(type(int128).max);

    mapping(address reporter => mapping(address worker => Record)) private _records;

    error HalfLifeZero();

    constructor(uint40 halfLife) {
        require(halfLife > 0, HalfLifeZero());
        HALF_LIFE = halfLife;
    }

    /// @inheritdoc IReputation
    function addWin(address worker, uint256 points) external {
        Record storage record = _records[msg.sender][worker];
        uint256 word = record.word;
        int256 before = _decayed(word);
        record.word = _pack(before + int256(Math.min(points, MOST)), _wins(word) + 1, _faults(word));
    }

    /// @inheritdoc IReputation
    function addFault(address worker, uint256 points) external {
        Record storage record = _records[msg.sender][worker];
        uint256 word = record.word;
        int256 before = _decayed(word);
        if (before > 0) before /= 2;
        record.word = _pack(before - int256(Math.min(points, MOST)), _wins(word), _faults(word) + 1);
    }

    /// @inheritdoc IReputation
    function pointsOf(address reporter, address worker) external view returns (int256) {
        return _decayed(_records[reporter][worker].word);
    }

    /// @inheritdoc IReputation
    function scoreOf(address reporter, address worker) external view returns (Score memory) {
        uint256 word = _records[reporter][worker].word;
        return Score({points: _points(word), at: _at(word), wins: _wins(word), faults: _faults(word)});
    }

    function _decayed(uint256 word) private view returns (int256) {
        int256 points = _points(word);
        if (points == 0) return 0;
        uint256 size = SignedMath.abs(points);
        uint256 age = block.timestamp - _at(word);
        size >>= age / HALF_LIFE;
        // Within a half-life the curve is a straight line from `size` to half of it; what is taken away rounds up.
        size -= Math.ceilDiv(size * (age % HALF_LIFE), 2 * uint256(HALF_LIFE));
        return points < 0 ? -int256(size) : int256(size);
    }

    /// @dev With `points` as of now.
    function _pack(int256 points, uint256 wins, uint256 faults) private view returns (uint256) {
        points = SignedMath.max(SignedMath.min(points, int256(MOST)), -int256(MOST));
        return uint128(int128(points)) | block.timestamp << 128 | wins << 168 | faults << 200;
    }

    function _points(uint256 word) private pure returns (int128) {
        return int128(uint128(word));
    }

    function _at(uint256 word) private pure returns (uint40) {
        return uint40(word >> 128);
    }

    function _wins(uint256 word) private pure returns (uint32) {
        return uint32(word >> 168);
    }

    function _faults(uint256 word) private pure returns (uint32) {
        return uint32(word >> 200);
    }
}
