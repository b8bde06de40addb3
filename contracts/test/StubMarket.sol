// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IReputation} from "../interfaces/IReputation.sol";
import {Job, JobState} from "../types/JobTypes.sol";

/// @title StubMarket
/// @notice Test double: as much of a board as a scheduler asks, with scores and a state of one's choice.
contract StubMarket {
    address public immutable REPUTATION;
    JobState public state = JobState.Posted;

    constructor(address reputation) {
        REPUTATION = reputation;
    }

    function set(JobState state_) external {
        state = state_;
    }

    function win(address worker, uint256 points) external {
        IReputation(REPUTATION).addWin(worker, points);
    }

    function fault(address worker, uint256 points) external {
        IReputation(REPUTATION).addFault(worker, points);
    }

    function jobOf(address, uint256) external view returns (Job memory job) {
        job.state = state;
    }

    /// @notice What a call costs, its calldata left out.
    function gasOf(address target, bytes calldata data) external view returns (uint256 used) {
        used = gasleft();
        (bool done,) = target.staticcall(data);
        require(done);
        used -= gasleft();
    }
}
