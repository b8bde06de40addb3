// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Who is told when the parameters change
/// @notice Changes are rare and postings are not, so Parameters tells its boards instead of being asked at every posting.
interface IVersioned {
    /// @notice As Parameters: what was admitted before holds no longer.
    /// @param version 0: paused
    function adopt(uint32 version) external;
}
