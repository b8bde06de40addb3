// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId} from "../types/JobTypes.sol";

/// @title How far a training has come, told while it runs
/// @notice A worker who publishes the head of his trace every few segments cannot make up the segments before it later: what he
/// commits to in the end is compared with it by whoever reads. Nothing is stored, asked or paid here, and no contract looks.
contract Snapshots {
    /// @param worker the caller; readers take it from the holder of the job's first seat alone
    /// @param upTo segments done so far
    /// @param head R_upTo of the trace (IAuditVerifier)
    event Snapshot(JobId indexed id, address indexed worker, uint16 upTo, bytes32 head);

    /// @notice Anyone, under his own name: an event.
    function snapshot(JobId id, uint16 upTo, bytes32 head) external {
        emit Snapshot(id, msg.sender, upTo, head);
    }
}
