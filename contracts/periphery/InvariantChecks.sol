// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {INetworkLens} from "../interfaces/INetworkLens.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobId, JobState} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";

/// @title The lens' `check`
/// @notice Every comparison reads `have <= most`, so that pages can be added up.
abstract contract InvariantChecks is INetworkLens {
    /// @inheritdoc INetworkLens
    address public immutable BOARD;
    /// @inheritdoc INetworkLens
    uint256 public constant MOST_READS = 1500;

    address internal immutable ESCROW;
    address internal immutable VAULT;
    address internal immutable REGISTRY;
    address internal immutable PARAMETERS;

    /// @dev Rows so far; there is room for every row that a scope can make.
    struct Rows {
        Finding[] list;
        uint256 count;
    }

    constructor(address board) {
        BOARD = board;
        ESCROW = IJobBoard(board).ESCROW();
        VAULT = IJobBoard(board).VAULT();
        REGISTRY = IJobBoard(board).REGISTRY();
        PARAMETERS = IJobBoard(board).PARAMETERS();
    }

    /// @inheritdoc INetworkLens
    function check(Scope calldata scope) external view returns (Finding[] memory) {
        uint256 size = readsOf(
            scope.tokens.length,
            scope.controllers.length,
            scope.accounts.length,
            scope.workers.length,
            scope.jobs.length
        );
        require(size <= MOST_READS, TooMany(size, MOST_READS));
        _checkAscending("tokens", scope.tokens);
        _checkAscending("controllers", scope.controllers);
        _checkAscending("accounts", scope.accounts);
        _checkAscending("workers", scope.workers);

        Rows memory rows = Rows(new Finding[](size + 2), 0);
        _checkMoney(scope, rows);
        _checkStake(scope, rows);
        _checkJobs(scope, rows);
        Finding[] memory found = new Finding[](rows.count);
        for (uint256 i = 0; i < found.length; ++i) {
            found[i] = rows.list[i];
        }
        return found;
    }

    /// @inheritdoc INetworkLens
    function readsOf(
        uint256 tokens,
        uint256 controllers,
        uint256 accounts,
        uint256 workers_,
        uint256 jobs_
    ) public pure returns (uint256) {
        // Balances under each controller and under the board; claims; stake under each controller, and free; two looks at a job.
        return tokens * (controllers * accounts + accounts + 1) + accounts + workers_ * (2 * controllers + 2) + 2 * jobs_;
    }

    // ---- money

    function _checkMoney(Scope calldata scope, Rows memory rows) private view {
        for (uint256 i = 0; i < scope.tokens.length; ++i) {
            address token = scope.tokens[i];
            uint256 sum = 0;
            for (uint256 j = 0; j < scope.controllers.length; ++j) {
                sum += _balances(scope.controllers[j], token, scope.accounts);
            }
            _row(rows, "E1", _word(ESCROW), _word(token), sum, IERC20(token).balanceOf(ESCROW));
            for (uint256 j = 0; j < scope.accounts.length; ++j) {
                _checkHeld(scope, rows, token, scope.accounts[j]);
            }
        }
    }

    function _balances(address controller, address token, address[] calldata accounts)
        private
        view
        returns (uint256 sum)
    {
        for (uint256 i = 0; i < accounts.length; ++i) {
            IEscrow.Balance memory balance = IEscrow(ESCROW).balanceOf(controller, token, accounts[i]);
            sum += uint256(balance.free) + balance.held;
        }
    }

    /// @dev A job's escrow stays held, all of it, until the job ends.
    function _checkHeld(Scope calldata scope, Rows memory rows, address token, address account) private view {
        uint256 sum = 0;
        for (uint256 i = 0; i < scope.jobs.length; ++i) {
            OpenJob calldata job = scope.jobs[i];
            if (job.terms.requester != account || job.terms.payToken != token) continue;
            sum += IJobBoard(BOARD).escrowFor(job.terms);
        }
        if (sum == 0) return; // what is held beyond these jobs is not theirs to explain
        _row(rows, "E2", _word(account), _word(token), sum, IEscrow(ESCROW).balanceOf(BOARD, token, account).held);
    }

    // ---- stake

    function _checkStake(Scope calldata scope, Rows memory rows) private view {
        uint40 delay = IStakeVault(VAULT).EXIT_DELAY();
        _row(rows, "S2", _word(VAULT), 0, IParameters(PARAMETERS).MAX_LIFE(), delay == 0 ? 0 : delay - 1);
        uint256 sum = 0;
        for (uint256 i = 0; i < scope.workers.length; ++i) {
            sum += _checkWorker(scope, rows, scope.workers[i]);
        }
        for (uint256 i = 0; i < scope.accounts.length; ++i) {
            sum += IStakeVault(VAULT).claimableOf(scope.accounts[i]);
        }
        address token = IStakeVault(VAULT).STAKE_TOKEN();
        _row(rows, "S1", _word(VAULT), _word(token), sum, IERC20(token).balanceOf(VAULT));
    }

    /// @return sum all stake of the worker, free and allocated
    function _checkWorker(Scope calldata scope, Rows memory rows, address worker) private view returns (uint256 sum) {
        address provider = IWorkerRegistry(REGISTRY).providerOf(worker);
        sum = IStakeVault(VAULT).freeOf(provider, worker);
        for (uint256 i = 0; i < scope.controllers.length; ++i) {
            address controller = scope.controllers[i];
            IStakeVault.Allocation memory stake = IStakeVault(VAULT).allocationOf(provider, worker, controller);
            uint256 backing = uint256(stake.active) + IStakeVault(VAULT).exitOf(provider, worker, controller).amount;
            sum += backing;
            _row(rows, "S1", _word(worker), _word(controller), stake.locked, backing);
            if (controller == BOARD) _row(rows, "S2", _word(worker), _word(BOARD), _seated(scope, worker), stake.locked);
        }
    }

    /// @dev What these jobs have locked of the worker's stake.
    function _seated(Scope calldata scope, address worker) private pure returns (uint256 sum) {
        for (uint256 i = 0; i < scope.jobs.length; ++i) {
            OpenJob calldata job = scope.jobs[i];
            for (uint256 j = 0; j < job.held.length; ++j) {
                if (job.held[j].worker == worker) sum += job.terms.stake;
            }
        }
    }

    // ---- jobs

    function _checkJobs(Scope calldata scope, Rows memory rows) private view {
        bytes32 last = 0;
        for (uint256 i = 0; i < scope.jobs.length; ++i) {
            OpenJob calldata job = scope.jobs[i];
            bytes32 id = JobId.unwrap(IJobBoard(BOARD).idOf(job.terms));
            require(id > last, NotAscending("jobs", i));
            last = id;
            // Its row counts the record itself, so that one that is right is told as well.
            _row(rows, "J1", id, 0, _isAsShown(job) ? 0 : 1, 0);
        }
    }

    function _isAsShown(OpenJob calldata job) private view returns (bool) {
        try IJobBoard(BOARD).look(job.terms, job.held) returns (JobId, JobWord word) {
            JobState state = word.state();
            bool open = state == JobState.Posted || state == JobState.Assigned || state == JobState.Committed;
            return open && word.taken() == job.held.length;
        } catch {
            return false;
        }
    }

    // ---- rows

    function _row(Rows memory rows, bytes2 invariant, bytes32 subject, bytes32 about, uint256 have, uint256 most)
        private
        pure
    {
        if (have == 0 && most == 0 && invariant != "J1") return;
        rows.list[rows.count++] = Finding(invariant, subject, about, have, most, have <= most);
    }

    function _checkAscending(string memory name, address[] calldata list) private pure {
        for (uint256 i = 1; i < list.length; ++i) {
            require(list[i] > list[i - 1], NotAscending(name, i));
        }
    }

    function _word(address account) private pure returns (bytes32) {
        return bytes32(uint256(uint160(account)));
    }
}
