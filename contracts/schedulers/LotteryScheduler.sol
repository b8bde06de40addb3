// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IScheduler} from "../interfaces/IScheduler.sol";
import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";

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

    uint256 private constant DOUBLINGS = 16;
    uint256 private constant ONE = 1e18; // stake of one job
    uint256 private constant TICKET_BITS = 96; // of the hash; keeps every product below 2^256

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

        uint256 ramp = uint256(draw.closesAt - draw.opensAt) * 3 / 4;
        uint256 passed = time - draw.opensAt;
        if (passed >= ramp) return (true, price);

        uint256 ticket = uint256(keccak256(abi.encode(draw.seed, candidate.worker))) >> (256 - TICKET_BITS);
        // T = 2^(step - 16) * (1 + rest / ramp); both sides of ticket < stake * T are scaled by 2^16 * ramp.
        uint256 step = DOUBLINGS * passed / ramp;
        uint256 rest = DOUBLINGS * passed - step * ramp;
        uint256 won = _weight(terms.stake, candidate.stake) * ((ramp + rest) << step);
        may = ticket * ONE * (ramp << DOUBLINGS) < won << TICKET_BITS;
    }

    /// @dev Stake in multiples of what the job locks (1e18: once), at most 2^16 times.
    function _weight(uint256 locked, uint256 stake) private pure returns (uint256) {
        if (locked == 0) return ONE;
        return Math.min(stake, locked << DOUBLINGS) * ONE / locked;
    }
}
