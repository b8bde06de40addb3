// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId, JobTerms, Seat} from "../types/JobTypes.sol";
import {IVerifier} from "./IVerifier.sol";

/// @title Acceptance: silence is consent, a rejection costs a bond and asks a jury
/// @notice `terms.verifierParams`: uint32 window, seconds from Committed in which the requester may reject. No check is made
/// of work that nobody rejects: this tier says so plainly, and gives no score. One seat, no extra seats.
///
/// The bond is the jury's fee in the pay token, held of the requester's Escrow balance under THIS contract as controller.
/// Worker wrong: money back, his stake slashed, bond back; the finder's share of the slash is the jury's purse for this case, and
/// where the jury has none all is burned (a requester gains nothing by rejecting). Requester wrong: the worker is paid, the
/// bond goes to that purse, or to the jury's own address. Hung, or no decision in time: half the price is paid
/// (rounded down), stake released, bond back.
interface IAcceptanceVerifier is IVerifier {
    event Rejected(JobId indexed id, address indexed worker, uint256 bond);
    event BondReturned(JobId indexed id, address indexed requester, uint256 bond);
    /// @param jury its purse for this case, or itself
    event BondForfeited(JobId indexed id, address indexed jury, uint256 bond);

    error WorkersUnsupported(uint8 have, uint8 need);
    error ParamsInvalid(bytes32 params);
    /// @notice A window below LEAST_WINDOW or above the network's longest settle time.
    error WindowOutOfRange(uint32 have, uint32 least);
    error TokenNotHeard(address token);
    error NotRequester(JobId id, address caller);
    error NothingToReject(JobId id); // nothing was committed
    error WindowOver(JobId id, uint40 until);
    error AlreadyRejected(JobId id);
    error NotRejected(JobId id);
    error CaseUndecided(JobId id);

    /// @notice Requester, within the window: lock the bond, flag the job, open the case.
    /// @dev reverts NotRequester, WindowOver, AlreadyRejected, IEscrow.FreeTooSmall, IJobBoard.WrongSeats
    function reject(JobTerms calldata terms, Seat[] calldata held) external;

    /// @notice Anyone, once the jury has decided or its time is over: the bond goes where the decision sends it.
    /// @dev reverts NotRejected, CaseUndecided
    function releaseBond(JobTerms calldata terms) external;

    function JURY() external view returns (address);
    function LEAST_WINDOW() external view returns (uint32);
    /// @notice What rejecting locks of the requester, in units of the terms' pay token.
    function bondFor(JobTerms calldata terms) external view returns (uint128);
    /// @notice The bond still held for a job, and since when (0: none).
    function bondOf(JobId id) external view returns (uint128 bond, uint40 since);
}
