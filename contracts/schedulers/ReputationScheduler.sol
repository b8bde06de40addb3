// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";
import {ScoredScheduler} from "./ScoredScheduler.sol";

/// @title ReputationScheduler
/// @notice A score bar that falls with time. It begins at TOP points, halves sixteen times over the first half of the window,
/// and is gone then. Whoever reaches it is in the lot from that moment on: LotteryScheduler's, squeezed into what is left of
/// the first three quarters, so among equals stake decides, and splitting a stake or a score never helps. From three quarters
/// on every eligible worker may take. The price is the terms' price.
contract ReputationScheduler is ScoredScheduler {
    /// @notice Points from which on more of them do not help.
    uint128 public immutable TOP;

    uint256 private constant HALVINGS = 16;

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
        uint256 ramp = window * 3 / 4;
        if (passed >= ramp) return (true, price);
        uint256 start = window * halvings(_pointsAt(candidate.worker, draw.opensAt)) / (2 * HALVINGS);
        if (passed < start) return (false, price);
        // The window three quarters of which are what is left of the ramp: rounded up, they are exactly that.
        uint256 rest = Math.ceilDiv((ramp - start) * 4, 3);
        may = ticketWins(draw.seed, candidate.worker, candidate.stake, terms.stake, passed - start, rest);
    }
}
