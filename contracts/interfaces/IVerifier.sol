// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ExtraSeats, JobId, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";

/// @title Plug-in: was the work right
/// @notice Pinned by address in the terms. Reveals, audits and disputes live in the verifier; money, stake and states
/// live in the board, which asks. A verifier moves nothing.
interface IVerifier {
    /// @notice The board whose jobs it judges; `post` refuses a verifier of another board.
    function BOARD() external view returns (address);

    /// @notice What terms must provide so that extra seats are always funded and fit the clocks. Checked by `post`.
    /// @dev reverts with a named error when the terms do not fit this verifier at all
    /// @return reserve least reserve, in pay-token units
    /// @return settleTime least settle time, in seconds
    function needs(JobTerms calldata terms) external view returns (uint128 reserve, uint40 settleTime);

    /// @notice Extra seats open for taking or for work. `count` 0: none.
    function seats(JobTerms calldata terms, JobId id) external view returns (ExtraSeats memory);

    /// @notice The judgement. At and after the job's settle deadline it must be final.
    /// @param held the job's seats in order of their numbers, taken ones only
    /// @return done false: pending, the rest is empty
    /// @return rulings one per entry of `held`
    function verdict(JobTerms calldata terms, JobId id, Seat[] calldata held)
        external
        view
        returns (bool done, Ruling[] memory rulings);
}
