// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ExtraSeats, JobId, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";

/// @title Plug-in: was the work right
/// @notice Pinned by address in the terms. Reveals, audits and disputes live in the verifier; money, stake and states
/// live in the board, which asks. A verifier moves nothing of a job.
interface IVerifier {
    /// @notice What terms must provide so that extra seats are always funded and fit the clocks.
    struct Needs {
        uint32 reserveBps; // least reserve, in hundredths of a percent of the price of one seat, rounded up
        uint40 settleTime; // least settle time, in seconds
        bool silent; // silence is consent: uncontested, a job pays by its terms once the first clock has passed
    }

    /// @notice The board whose jobs it judges; `post` refuses a verifier of another board.
    function BOARD() external view returns (address);

    /// @notice Asked when a policy is admitted, so the answer may depend on the policy part of the terms only (from
    /// `payToken` on).
    /// @dev reverts with a named error when the terms do not fit this verifier at all
    function needs(JobTerms calldata terms) external view returns (Needs memory);

    /// @notice Extra seats open for taking or for work. `count` 0: none.
    function seats(JobTerms calldata terms, JobId id) external view returns (ExtraSeats memory);

    /// @notice The judgement. At and after the job's settle deadline it must be final.
    /// @param job as it stands
    /// @param held all its seats, seat n at index n - 1
    /// @return done false: pending, the rest is empty
    /// @return rulings one per entry of `held`
    function verdict(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        external
        view
        returns (bool done, Ruling[] memory rulings);
}
