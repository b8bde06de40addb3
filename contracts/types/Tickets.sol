// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

// How seats are drawn by lot, of jobs and of juries. Everybody has one ticket per draw, uniform in [0, 1). It wins once it
// lies below stake * T, where stake is counted in multiples of what the seat locks and T doubles sixteen times, from 2^-16
// to 1, over the first three quarters of the window (straight lines between the doublings). Nobody gains by splitting a
// stake, and in the last quarter everybody has won.

uint256 constant DOUBLINGS = 16;
uint256 constant ONE_SEAT = 1e18; // the stake that one seat locks
uint256 constant TICKET_BITS = 96; // of the hash; keeps every product below 2^256

/// @param seed of the draw
/// @param stake what the candidate can lose, in stake-token units
/// @param locked what the seat locks, in stake-token units
/// @param passed seconds since the window opened
/// @param window its length, in seconds
function ticketWins(bytes32 seed, address candidate, uint256 stake, uint256 locked, uint256 passed, uint256 window)
    pure
    returns (bool)
{
    uint256 ramp = window * 3 / 4;
    if (passed >= ramp) return true;
    uint256 ticket = uint256(keccak256(abi.encode(seed, candidate))) >> (256 - TICKET_BITS);
    // T = 2^(step - 16) * (1 + rest / ramp); both sides of ticket < stake * T are scaled by 2^16 * ramp.
    uint256 step = DOUBLINGS * passed / ramp;
    uint256 rest = DOUBLINGS * passed - step * ramp;
    uint256 won = ticketWeight(locked, stake) * ((ramp + rest) << step);
    return ticket * ONE_SEAT * (ramp << DOUBLINGS) < won << TICKET_BITS;
}

/// @notice Stake in multiples of what the seat locks (1e18: once), at most 2^16 times.
function ticketWeight(uint256 locked, uint256 stake) pure returns (uint256) {
    if (locked == 0) return ONE_SEAT;
    return Math.min(stake, locked << DOUBLINGS) * ONE_SEAT / locked;
}
