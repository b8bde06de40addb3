// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {nextRound} from "../types/Rounds.sol";

/// @notice A round is a block, as BlockBeacon's. It has no value before somebody stores it, however late, as DrandBeacon's.
contract LateBeacon is IBeacon {
    uint40 public immutable DELAY;

    mapping(uint40 round => bytes32) public valueOf;

    constructor(uint40 delay) {
        DELAY = delay;
    }

    function store(uint40 round, bytes calldata) external returns (bytes32) {
        require(isDue(round), RoundNotDue(round));
        return valueOf[round] = keccak256(abi.encode(round));
    }

    function next() external view returns (uint40) {
        return nextRound(0, 0, DELAY);
    }

    function schedule() external view returns (uint40, uint40, uint40) {
        return (0, 0, DELAY);
    }

    function read(uint40 round) external view returns (bytes32 value) {
        value = valueOf[round];
        require(value != 0, RoundNotDue(round));
    }

    function isLost(uint40) external pure returns (bool) {
        return false;
    }

    function isDue(uint40 round) public view returns (bool) {
        return block.number > round;
    }
}
