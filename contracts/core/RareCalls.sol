// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {JobTerms, Seat} from "../types/JobTypes.sol";
import {BoardRest} from "./BoardRest.sol";
import {Seating} from "./Seating.sol";

/// @title The board's rare calls, handed on to the code that it has made for them
/// @notice A contract may have 24,576 bytes, and the calls that every job makes fill them. The address is fixed at
/// construction: nobody can ever put other code there.
abstract contract RareCalls is Seating {
    /// @inheritdoc IJobBoard
    address public immutable REST;

    constructor() {
        REST = address(new BoardRest(ESCROW, VAULT, REGISTRY, REPUTATION, PARAMETERS, BEACON));
    }

    /// @inheritdoc IJobBoard
    function cancel(JobTerms calldata) external {
        _handOn();
    }

    /// @inheritdoc IJobBoard
    function closeWork(JobTerms calldata, Seat[] calldata) external {
        _handOn();
    }

    /// @inheritdoc IJobBoard
    function expire(JobTerms calldata, Seat[] calldata) external {
        _handOn();
    }

    /// @inheritdoc IJobBoard
    function reopen(JobTerms calldata, Seat[] calldata) external {
        _handOn();
    }

    /// @inheritdoc IJobBoard
    function abandon(JobTerms calldata, Seat[] calldata) external {
        _handOn();
    }

    /// @inheritdoc IJobBoard
    function multicall(bytes[] calldata) external returns (bytes[] memory) {
        _handOn();
    }

    /// @dev The call as it came, in the board's name and on its storage. Ends it: with what comes back.
    function _handOn() private {
        address rest = REST;
        assembly ("memory-safe") {
            let free := mload(0x40)
            calldatacopy(free, 0, calldatasize())
            let done := delegatecall(gas(), rest, free, calldatasize(), 0, 0)
            returndatacopy(free, 0, returndatasize())
            if iszero(done) { revert(free, returndatasize()) }
            return(free, returndatasize())
        }
    }
}
