// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Public randomness: one value per round, for ever
/// @notice A draw names a FUTURE round when it is committed to. Its value is fixed at the round's due time, published
/// or not, so nothing can be re-drawn by stalling, by simulating and reverting, or by cancelling for a better one (D1).
interface IBeacon {
    event RoundStored(uint40 indexed round, bytes32 value);

    /// @param round asked for too early: its value is not fixed yet
    error RoundNotDue(uint40 round);
    /// @param round past due, and its value can no longer be had: draws that named it expire
    error RoundLost(uint40 round);

    /// @notice The nearest round whose value nobody can know or choose yet.
    function next() external view returns (uint40 round);

    /// @notice How rounds follow time or blocks, for ever: what types/Rounds.sol needs to compute `next` without asking.
    /// @return origin timestamp or block of round 0
    /// @return period seconds per round; 0: one round per block
    /// @return ahead rounds between the present one and `next`
    function schedule() external view returns (uint40 origin, uint40 period, uint40 ahead);

    /// @notice Whether the value of `round` is fixed by now (stored or not). Cancelling a draw ends here.
    function isDue(uint40 round) external view returns (bool);

    /// @notice Whether the round is due, and its value can neither be read nor stored any more. One that is only not stored yet
    /// is not lost.
    function isLost(uint40 round) external view returns (bool);

    /// @notice The value of a due round, stored or still to be had without a proof. Stores nothing.
    /// @dev reverts RoundNotDue, RoundLost
    function read(uint40 round) external view returns (bytes32 value);

    /// @notice As `read`, but zero where that reverts.
    function valueOf(uint40 round) external view returns (bytes32 value);

    /// @notice Store a due round's value; anyone may. Returns the stored value when it is there already.
    /// @param proof what the beacon needs to be convinced (BlockBeacon: empty; a signature elsewhere)
    /// @dev reverts RoundNotDue, RoundLost
    function store(uint40 round, bytes calldata proof) external returns (bytes32 value);
}
