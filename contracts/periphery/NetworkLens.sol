// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {INetworkLens} from "../interfaces/INetworkLens.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Candidate, Draw, Job, JobTerms} from "../types/JobTypes.sol";
import {InvariantChecks} from "./InvariantChecks.sol";

/// @title NetworkLens, as INetworkLens says
contract NetworkLens is InvariantChecks {
    /// @inheritdoc INetworkLens
    uint256 public constant MOST = 200;

    address private immutable REPUTATION;
    address private immutable BEACON;

    constructor(address board) InvariantChecks(board) {
        REPUTATION = IJobBoard(board).REPUTATION();
        BEACON = IJobBoard(board).BEACON();
    }

    /// @inheritdoc INetworkLens
    function network() external view returns (NetworkView memory found) {
        IParameters parameters = IParameters(PARAMETERS);
        (found.blockNumber, found.time) = (block.number, uint40(block.timestamp));
        (found.version, found.values, found.bounds) = (parameters.version(), parameters.values(), parameters.bounds());
        address[] memory boards = parameters.boards();
        for (uint256 i = 0; i < boards.length; ++i) {
            found.listed = found.listed || boards[i] == BOARD;
        }
        found.maxLife = parameters.MAX_LIFE();
        found.exitDelay = IStakeVault(VAULT).EXIT_DELAY();
        found.halfLife = IReputation(REPUTATION).HALF_LIFE();
        found.nextRound = IBeacon(BEACON).next();
    }

    /// @inheritdoc INetworkLens
    function workers(address[] calldata list) external view returns (WorkerView[] memory found) {
        _checkLength(list.length);
        found = new WorkerView[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            found[i] = _worker(list[i]);
        }
    }

    /// @inheritdoc INetworkLens
    function jobs(JobKey[] calldata list) external view returns (Job[] memory found) {
        _checkLength(list.length);
        found = new Job[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            found[i] = IJobBoard(BOARD).jobOf(list[i].requester, list[i].nonce);
        }
    }

    /// @inheritdoc INetworkLens
    function quotes(JobTerms calldata terms, Draw calldata draw, address[] calldata list, uint40 time)
        external
        view
        returns (QuoteView[] memory found)
    {
        _checkLength(list.length);
        found = new QuoteView[](list.length);
        for (uint256 i = 0; i < list.length; ++i) {
            Candidate memory candidate = IJobBoard(BOARD).candidateOf(list[i]);
            (bool may, uint128 price) = IScheduler(terms.scheduler).quote(terms, draw, candidate, time);
            found[i] = QuoteView(list[i], _isFit(terms, list[i], draw.opensAt), may, price);
        }
    }

    function _worker(address worker) private view returns (WorkerView memory found) {
        found.worker = worker;
        address provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        if (provider == address(0)) return found;
        found.provider = provider;
        found.since = IWorkerRegistry(REGISTRY).registeredAt(worker);
        found.profile = IWorkerRegistry(REGISTRY).profileOf(worker);
        IReputation.Score memory score = IReputation(REPUTATION).scoreOf(BOARD, worker);
        (found.wins, found.faults) = (score.wins, score.faults);
        found.points = IReputation(REPUTATION).pointsOf(BOARD, worker);
        found.free = IStakeVault(VAULT).freeOf(provider, worker);
        found.lockable = IStakeVault(VAULT).lockable(provider, worker, BOARD);
        found.stake = IStakeVault(VAULT).allocationOf(provider, worker, BOARD);
        found.leaving = IStakeVault(VAULT).exitOf(provider, worker, BOARD);
    }

    /// @dev What the board asks of every taker, in `take`.
    function _isFit(JobTerms calldata terms, address worker, uint40 opensAt) private view returns (bool) {
        (address provider,, uint40 since, uint16 capacity, bytes5 classTag) = IWorkerRegistry(REGISTRY).standing(worker);
        if (provider == address(0) || classTag != bytes5(terms.hardwareClass) || since >= opensAt) return false;
        if (worker == terms.requester || provider == terms.requester) return false;
        IStakeVault.Allocation memory stake = IStakeVault(VAULT).allocationOf(provider, worker, BOARD);
        if (stake.since >= opensAt || stake.locks >= capacity) return false;
        return IStakeVault(VAULT).lockable(provider, worker, BOARD) >= terms.stake;
    }

    function _checkLength(uint256 length) private pure {
        require(length <= MOST, TooMany(length, MOST));
    }
}
