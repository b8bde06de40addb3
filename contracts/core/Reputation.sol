// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SignedMath} from "@openzeppelin/contracts/utils/math/SignedMath.sol";

import {IReputation} from "../interfaces/IReputation.sol";

/// @title Reputation, as IReputation says
contract Reputation is IReputation {
    /// @inheritdoc IReputation
    uint40 public immutable HALF_LIFE;

    /// @dev Scores saturate here instead of reverting: a score must never be what keeps a job from settling.
    uint256 private constant MOST = uint128(type(int128).max);

    mapping(address reporter => mapping(address worker => Score)) private _scores;

    error HalfLifeZero();

    constructor(uint40 halfLife) {
        require(halfLife > 0, HalfLifeZero());
        HALF_LIFE = halfLife;
    }

    /// @inheritdoc IReputation
    function addWin(address worker, uint256 points) external {
        Score memory score = _scores[msg.sender][worker];
        score.wins += 1;
        _write(worker, score, _decayed(score) + int256(Math.min(points, MOST)));
    }

    /// @inheritdoc IReputation
    function addFault(address worker, uint256 points) external {
        Score memory score = _scores[msg.sender][worker];
        int256 before = _decayed(score);
        score.faults += 1;
        _write(worker, score, (before > 0 ? before / 2 : before) - int256(Math.min(points, MOST)));
    }

    /// @inheritdoc IReputation
    function pointsOf(address reporter, address worker) external view returns (int256) {
        return _decayed(_scores[reporter][worker]);
    }

    /// @inheritdoc IReputation
    function scoreOf(address reporter, address worker) external view returns (Score memory) {
        return _scores[reporter][worker];
    }

    function _write(address worker, Score memory score, int256 points) private {
        score.points = int128(SignedMath.max(SignedMath.min(points, int256(MOST)), -int256(MOST)));
        score.at = uint40(block.timestamp);
        _scores[msg.sender][worker] = score;
    }

    function _decayed(Score memory score) private view returns (int256) {
        uint256 size = SignedMath.abs(score.points);
        if (size == 0) return 0;
        uint256 age = block.timestamp - score.at;
        size >>= age / HALF_LIFE;
        // Within a half-life the curve is a straight line from `size` to half of it; what is taken away rounds up.
        size -= Math.ceilDiv(size * (age % HALF_LIFE), 2 * uint256(HALF_LIFE));
        return score.points < 0 ? -int256(size) : int256(size);
    }
}
