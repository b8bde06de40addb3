// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IScheduler} from "../interfaces/IScheduler.sol";
import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";
import {ticketWins} from "../types/Tickets.sol";

/// @title LotteryScheduler
/// @notice Every worker has one ticket per draw, uniform in [0, 1): keccak256(seed, worker). It wins once it lies below
/// stake * T, where stake is counted in multiples of what the job locks and T doubles sixteen times, from 2^-16 to 1, over
/// the first three quarters of the window (straight lines between the doublings). While few have won, a worker's chance to
/// be first is as its stake; in the last quarter every eligible worker has won. The price is the terms' price.
///
/// Stake that is leaving the vault does not count. What counts can hence only fall after the draw has opened (a rise resets
/// the age that the board checks), so nothing done after the seed is known raises a chance (D1).
contract LotteryScheduler is IScheduler {
    /// @inheritdoc IScheduler
    address public immutable BOARD;
    /// @inheritdoc IScheduler
    bool public constant DRAWS = true;

    constructor(address board) {
        BOARD = board;
    }

    /// @inheritdoc IScheduler
    function quote(JobTerms calldata terms, Draw calldata draw, Candidate calldata candidate, uint40 time)
        external
        pure
        returns (bool may, uint128 price)
    {
        price = terms.price;
        if (draw.seed == 0 || time < draw.opensAt || time > draw.closesAt) return (false, price);

        may = ticketWins(
            draw.seed, candidate.worker, candidate.stake, terms.stake, time - draw.opensAt, draw.closesAt - draw.opensAt
        );
    }
}
