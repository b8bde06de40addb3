// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IReplicationVerifier} from "../interfaces/IReplicationVerifier.sol";
import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";
import {ScoredScheduler} from "./ScoredScheduler.sol";

/// @title ReputationScheduler
/// @notice A score bar that falls with time. It begins at TOP points, halves sixteen times over the first half of the window,
/// and is gone then. Whoever reaches it is in the lot from that moment on: LotteryScheduler's, squeezed into what is left of
/// the first three quarters, so among equals stake decides, and splitting a stake or a score never helps. From three quarters
/// on every eligible worker may take. The price is the terms' price.
///
/// Of two replicas (IReplicationVerifier: enough where the score of each covers the job) whoever covers the job is in the lot
/// from the beginning, and everybody else from half of the window on. Their verifier must say what covers a job.
contract ReputationScheduler is ScoredScheduler {
    /// @notice Points from which on more of them do not help.
    uint128 public immutable TOP;

    uint256 private constant HALVINGS = 16;
    uint256 private constant PAIR = 2;

    error TopZero();

    constructor(address board, uint128 top) ScoredScheduler(board) {
        require(top > 0, TopZero());
        TOP = top;
    }

    /// @notice How often the bar halves before a worker with these points reaches it: 0 to 16.
    function halvings(uint256 points) public view returns (uint256) {
        if (points == 0) return HALVINGS;
        return Math.min(Math.log2(Math.ceilDiv(TOP, points), Math.Rounding.Ceil), HALVINGS);
    }

    function _prefer(
        JobTerms calldata terms,
        Draw calldata draw,
        Candidate calldata candidate,
        uint256 passed,
        uint256 window
    ) internal view override returns (bool may, uint128 price) {
        price = terms.price;
        uint256 start = window * _wait(terms, _pointsAt(candidate.worker, draw.opensAt)) / (2 * HALVINGS);
        if (passed < start) return (false, price);
        // The window three quarters of which are what is left of the ramp: rounded up, they are exactly that.
        uint256 rest = Math.ceilDiv((_rampOf(window) - start) * 4, 3);
        may = ticketWins(draw.seed, candidate.worker, candidate.stake, terms.stake, passed - start, rest);
    }

    function _prefers(JobTerms calldata terms) internal pure override returns (bool) {
        return terms.workers <= PAIR;
    }

    /// @dev In halvings of the bar. Of a pair it has one step: more score than covers the job must not help, since two of the
    /// highest in one hand would then be drawn together, again and again.
    function _wait(JobTerms calldata terms, uint256 points) private view returns (uint256) {
        if (terms.workers == 1) return halvings(points);
        return points >= IReplicationVerifier(terms.verifier).scoreNeeded(terms) ? 0 : HALVINGS;
    }
}
