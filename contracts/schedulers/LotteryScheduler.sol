// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Draw, JobTerms} from "../types/JobTypes.sol";

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
    address private immutable VAULT;
    address private immutable REGISTRY;

    uint256 private constant DOUBLINGS = 16;
    uint256 private constant ONE = 1e18; // stake of one job
    uint256 private constant TICKET_BITS = 96; // of the hash; keeps every product below 2^256

    constructor(address board) {
        BOARD = board;
        VAULT = IJobBoard(board).VAULT();
        REGISTRY = IJobBoard(board).REGISTRY();
    }

    /// @inheritdoc IScheduler
    function quote(JobTerms calldata terms, Draw calldata draw, address worker, uint40 time)
        external
        view
        returns (bool may, uint128 price)
    {
        price = terms.price;
        if (draw.seed == 0 || time < draw.opensAt || time > draw.closesAt) return (false, price);

        uint256 ramp = uint256(draw.closesAt - draw.opensAt) * 3 / 4;
        uint256 passed = time - draw.opensAt;
        if (passed >= ramp) return (true, price);

        uint256 ticket = uint256(keccak256(abi.encode(draw.seed, worker))) >> (256 - TICKET_BITS);
        // T = 2^(step - 16) * (1 + rest / ramp); both sides of ticket < stake * T are scaled by 2^16 * ramp.
        uint256 step = DOUBLINGS * passed / ramp;
        uint256 rest = DOUBLINGS * passed - step * ramp;
        uint256 won = stakeOf(terms, worker) * ((ramp + rest) << step);
        may = ticket * ONE * (ramp << DOUBLINGS) < won << TICKET_BITS;
    }

    /// @notice The worker's stake that counts, in multiples of what the job locks (1e18: once), at most 2^16 times.
    function stakeOf(JobTerms calldata terms, address worker) public view returns (uint256) {
        if (terms.stake == 0) return ONE;
        address provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        uint256 allocated = IStakeVault(VAULT).allocationOf(provider, worker, BOARD).allocated;
        uint256 leaving = IStakeVault(VAULT).exitOf(provider, worker, BOARD).amount;
        return Math.min(Math.saturatingSub(allocated, leaving) * ONE / terms.stake, ONE << DOUBLINGS);
    }
}
