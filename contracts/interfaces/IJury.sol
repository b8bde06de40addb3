// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId} from "../types/JobTypes.sol";

/// @title Judges for one case, as verifiers see them
/// @notice A jury decides who was right; it moves no job's money, and nobody can overrule it. How jurors are drawn, vote and
/// are paid: IJurySeats.
interface IJury {
    enum Decision {
        Pending,
        Accused, // the accused was wrong
        Accuser, // the accuser was wrong
        Hung // not filled, not agreed or not decided in time: nobody is slashed
    }

    error CaseOpen(JobId id);
    error UnknownCase(JobId id);

    /// @notice What the loser pays for a case, in units of `token`; zero: cases in this token are not heard.
    function fee(address token) external view returns (uint128);
    /// @notice Longest time from `open` to a decision, appeal included, in seconds.
    function DECISION_TIME() external view returns (uint40);
    /// @notice Where the loser's fee and the finder's share of a slash go, so that no case is paid from another's: credit
    /// this address in Escrow and StakeVault. Zero: the fee goes to the jury's own address, and all of a slash is burned.
    /// @param verifier who opened the case
    function purseOf(address verifier, JobId id) external view returns (address);

    /// @notice As verifier: open a case. Must be decided within DECISION_TIME; the caller's own address and `id` name it.
    /// @param hardwareClass what was bought: jurors have it, whatever class the accused says that he is of by now
    /// @param evidence what the accused has committed to
    /// @dev reverts CaseOpen
    function open(JobId id, address accuser, address accused, bytes32 hardwareClass, bytes32 evidence) external;

    /// @param verifier who opened it
    function decisionOf(address verifier, JobId id) external view returns (Decision);
}
