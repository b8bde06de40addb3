// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice The nearest round whose value nobody can know or choose yet, of a beacon whose rounds follow time or blocks.
/// @param origin timestamp or block of round 0
/// @param period seconds per round; 0: one round per block
/// @param ahead rounds between the present one and the one named
function nextRound(uint40 origin, uint40 period, uint40 ahead) view returns (uint40) {
    uint256 present = period == 0 ? block.number - origin : (block.timestamp - origin) / period;
    return uint40(present) + ahead;
}
