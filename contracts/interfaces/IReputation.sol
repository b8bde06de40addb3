// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Scores, one namespace per reporter
/// @notice Whoever reports writes only under its own address, so a board's scores are worth what the board is worth.
/// Points come only from drawn and checked jobs, weighted by the fee burned times a governed weight. Time decays them.
interface IReputation {
    /// @notice One slot.
    struct Score {
        int128 points; // as of `at`
        uint40 at;
        uint32 wins;
        uint32 faults;
    }

    /// @notice Points decay by half in this many seconds (whole periods shift, the rest is linear; rounds towards zero).
    function HALF_LIFE() external view returns (uint40);

    /// @notice The points as of now, decayed.
    function pointsOf(address reporter, address worker) external view returns (int256);
    function scoreOf(address reporter, address worker) external view returns (Score memory);

    /// @notice As reporter: a checked success worth `points`.
    function addWin(address worker, uint256 points) external;
    /// @notice As reporter: a fault; halves what is positive, then subtracts `points`.
    function addFault(address worker, uint256 points) external;
}
