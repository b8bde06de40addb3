// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";

/// @title Plug-in: may this worker take a seat now, and at what price
/// @notice Pinned by address in the terms. Asked once, at `take`; must be a pure function of its arguments and of what
/// was on chain before `draw.opensAt` (D1), and must not loop over workers. The board itself checks class, age,
/// capacity, stake and siblings; a scheduler only draws and prices.
interface IScheduler {
    /// @notice The board whose seats it draws; `post` refuses a scheduler of another board.
    function BOARD() external view returns (address);

    /// @notice Whether it draws. If not, seats are given by offers in the posting transaction, and by nothing else.
    function DRAWS() external view returns (bool);

    /// @param candidate as the board has just read it (off-chain callers: WorkerRegistry and StakeVault.allocationOf)
    /// @param time the moment asked about (the board passes block.timestamp; off-chain callers may look ahead)
    /// @return may true: the worker may take a seat at `time`. Once true it stays true until `draw.closesAt`.
    /// @return price pay-token units for this seat, never above `terms.price`
    function quote(JobTerms calldata terms, Draw calldata draw, Candidate calldata candidate, uint40 time)
        external
        view
        returns (bool may, uint128 price);
}
