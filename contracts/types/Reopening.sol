// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice What a job remembers that was opened again, in one slot. Counts only where the job's word says `reopened`.
/// From the lowest bit: count 8, lost 8, first round 32.
type Reopening is uint256;

using {count, lost, firstRound, again} for Reopening global;

/// @notice Of a job that is opened again for the first time; nothing counted yet.
/// @param round named at posting: its value makes the job's seed for ever
function firstReopening(uint40 round) pure returns (Reopening) {
    return Reopening.wrap(uint256(uint32(round)) << 16);
}

/// @notice How often the job was opened again.
function count(Reopening own) pure returns (uint256) {
    return uint8(Reopening.unwrap(own));
}

/// @notice Seats that were lost in all; as many tags of their providers are kept behind the seats. Fits, since Parameters
/// admits no more reopenings.
function lost(Reopening own) pure returns (uint256) {
    return uint8(Reopening.unwrap(own) >> 8);
}

function firstRound(Reopening own) pure returns (uint40) {
    return uint32(Reopening.unwrap(own) >> 16);
}

/// @notice Once more, `seats` lost with it.
function again(Reopening own, uint256 seats) pure returns (Reopening) {
    return Reopening.wrap(Reopening.unwrap(own) + 1 + (seats << 8));
}
