// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {Candidate, Draw, JobState, JobTerms} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";

/// @title What schedulers share that prefer somebody
/// @notice A preference decides only about a seat that nobody else's seat checks: the one seat of a first round. Seats that
/// check each other (several replicas) or the worker (auditors, a second round) are drawn by lot at the terms' price, as
/// LotteryScheduler does, whatever the preference: who is best placed by score or price would else be his own auditor.
/// (ReputationScheduler has a rule for pairs, which are believed for their score.)
///
/// From three quarters of the window on everybody may take at the terms' price, as far as a strategy does not ask for more.
///
/// A score counts as it stood when the draw opened. One that was written since counts as none, because what stood there
/// before is gone: so nothing done after the seed is known raises a chance (D1).
abstract contract ScoredScheduler is IScheduler {
    /// @inheritdoc IScheduler
    address public immutable BOARD;
    /// @inheritdoc IScheduler
    bool public constant DRAWS = true;

    address private immutable REPUTATION;
    uint256 private immutable HALF_LIFE;

    constructor(address board) {
        BOARD = board;
        REPUTATION = IJobBoard(board).REPUTATION();
        HALF_LIFE = IReputation(REPUTATION).HALF_LIFE();
    }

    /// @inheritdoc IScheduler
    function quote(JobTerms calldata terms, Draw calldata draw, Candidate calldata candidate, uint40 time)
        external
        view
        returns (bool may, uint128 price)
    {
        price = terms.price;
        if (draw.seed == 0 || time < draw.opensAt || time > draw.closesAt) return (false, price);
        uint256 passed = time - draw.opensAt;
        uint256 window = draw.closesAt - draw.opensAt;
        if (!_prefers(terms) || _isSecondRound(terms)) {
            may = ticketWins(draw.seed, candidate.worker, candidate.stake, terms.stake, passed, window);
            return (may, price);
        }
        if (passed >= _rampOf(window)) return (_isFit(candidate.worker, draw.opensAt), price);
        return _prefer(terms, draw, candidate, passed, window);
    }

    /// @dev `quote` for a seat of a first round that is given by preference, `passed` seconds into the window, within its ramp.
    function _prefer(
        JobTerms calldata terms,
        Draw calldata draw,
        Candidate calldata candidate,
        uint256 passed,
        uint256 window
    ) internal view virtual returns (bool may, uint128 price);

    /// @dev Whether the seats of a first round of these terms are given by preference.
    function _prefers(JobTerms calldata terms) internal pure virtual returns (bool) {
        return terms.workers == 1;
    }

    /// @dev What a strategy asks of a worker to the end of the window.
    function _isFit(address, uint256) internal view virtual returns (bool) {
        return true;
    }

    /// @dev The part of the window in which a preference holds, in seconds.
    function _rampOf(uint256 window) internal pure returns (uint256) {
        return window * 3 / 4;
    }

    /// @dev The worker's points at `board` as they stood at `moment`; 0 for none, for less, and for later ones.
    function _pointsAt(address worker, uint256 moment) internal view returns (uint256 points) {
        IReputation.Score memory score = IReputation(REPUTATION).scoreOf(BOARD, worker);
        if (score.points <= 0 || score.at >= moment) return 0;
        points = uint128(score.points);
        // Reputation's own curve: halved once per half-life, straight in between, what is taken away rounds up.
        uint256 age = moment - score.at;
        points = age / HALF_LIFE < 128 ? points >> (age / HALF_LIFE) : 0;
        points -= Math.ceilDiv(points * (age % HALF_LIFE), 2 * HALF_LIFE);
    }

    /// @dev The board is asked which round it is: its clocks do not tell them apart, since a worker chooses by his commitment
    /// when a second round ends.
    function _isSecondRound(JobTerms calldata terms) private view returns (bool) {
        return IJobBoard(BOARD).jobOf(terms.requester, terms.nonce).state == JobState.Committed;
    }
}
