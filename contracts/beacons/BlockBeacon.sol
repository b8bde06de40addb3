// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Blockhash} from "@openzeppelin/contracts/utils/Blockhash.sol";

import {IBeacon} from "../interfaces/IBeacon.sol";
import {nextRound} from "../types/Rounds.sol";

/// @title BlockBeacon
/// @notice A round is a block number, its value that block's hash: to be had for 8,191 blocks (256 on chains without
/// EIP-2935), and for ever if somebody stores it in that time. Whoever builds the block can throw away a hash he dislikes at
/// the price of the block: for devnets, and below a value cap only.
contract BlockBeacon is IBeacon {
    /// @notice Blocks between naming a round and its block.
    uint40 public immutable DELAY;

    mapping(uint40 round => bytes32) private _values;

    error DelayZero();

    constructor(uint40 delay) {
        require(delay > 0, DelayZero());
        DELAY = delay;
    }

    /// @inheritdoc IBeacon
    function store(uint40 round, bytes calldata) external returns (bytes32 value) {
        value = read(round);
        if (_values[round] != 0) return value;
        _values[round] = value;
        emit RoundStored(round, value);
    }

    /// @inheritdoc IBeacon
    function next() external view returns (uint40) {
        return nextRound(0, 0, DELAY);
    }

    /// @inheritdoc IBeacon
    function schedule() external view returns (uint40 origin, uint40 period, uint40 ahead) {
        return (0, 0, DELAY);
    }

    /// @inheritdoc IBeacon
    function read(uint40 round) public view returns (bytes32 value) {
        value = valueOf(round);
        if (value != 0) return value;
        require(isDue(round), RoundNotDue(round));
        // INVARIANT: one value per round, for ever: what was let slip for too long is lost, never drawn again.
        revert RoundLost(round);
    }

    /// @inheritdoc IBeacon
    function valueOf(uint40 round) public view returns (bytes32 value) {
        // The last 256 hashes cost next to nothing, a stored one is the same: look there before storage and history.
        value = blockhash(round);
        if (value == 0) value = _values[round];
        if (value == 0) value = Blockhash.blockHash(round);
    }

    /// @inheritdoc IBeacon
    function isLost(uint40 round) external view returns (bool) {
        return isDue(round) && valueOf(round) == 0;
    }

    /// @inheritdoc IBeacon
    function isDue(uint40 round) public view returns (bool) {
        return block.number > round;
    }
}
