// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Draw, Job, JobTerms, Seat} from "../types/JobTypes.sol";
import {IParameters} from "./IParameters.sol";
import {IStakeVault} from "./IStakeVault.sol";
import {IWorkerRegistry} from "./IWorkerRegistry.sol";

/// @title A board and its ledgers, read in batches
/// @notice Views alone, no state, no role: whoever trusts nothing here can ask the ledgers one by one, and gets the same.
/// Lists are the caller's, as events have shown them; no contract keeps a list to go through. Each call is bounded, so that
/// an answer fits what nodes let a call cost: longer lists are asked for in pages, of one block.
interface INetworkLens {
    /// @notice A worker with all that decides about its seats. `provider` zero: not registered, and the rest is empty.
    struct WorkerView {
        address worker;
        address provider;
        uint40 since; // registered as it is now
        uint32 wins;
        uint32 faults;
        int256 points; // its score at the board, decayed to now
        uint256 free; // stake deposited and allocated to nobody
        uint256 lockable; // what the board could lock now: active, not locked, and within the daily cap
        IStakeVault.Allocation stake; // under the board
        IStakeVault.Exit leaving; // asked back from the board
        IWorkerRegistry.Profile profile;
    }

    /// @notice What names a job without its terms.
    struct JobKey {
        address requester;
        uint256 nonce;
    }

    /// @notice What a worker would be told if it asked for a seat. `fit`: what the board checks of every taker (class, age,
    /// capacity, stake, not his own job) is met now; `may` and `price` are the scheduler's word alone. Both are needed.
    struct QuoteView {
        address worker;
        bool fit;
        bool may;
        uint128 price; // pay-token units
    }

    struct NetworkView {
        uint256 blockNumber;
        uint40 time;
        uint32 version; // of the parameters; 0: no new jobs
        bool listed; // the board is told of new versions: without that nothing can be posted on it
        IParameters.Values values;
        IParameters.Bounds bounds;
        uint40 maxLife; // seconds
        uint40 exitDelay; // seconds
        uint40 halfLife; // seconds, of scores
        uint40 nextRound; // the beacon's
    }

    /// @notice A job that has not ended, with its seats as `held` of IJobBoard; none missing.
    struct OpenJob {
        JobTerms terms;
        Seat[] held;
    }

    /// @notice What `check` looks at. Every list ascends strictly (jobs by their ids), so that nothing is counted twice.
    struct Scope {
        address[] tokens; // payment tokens
        address[] controllers; // of escrow balances and of stake; the board among them
        address[] accounts; // whose balances are added up; the burn address is one of them
        address[] workers; // registered ones
        OpenJob[] jobs;
    }

    /// @notice One sum or one comparison of an invariant: `have` must not exceed `most`.
    struct Finding {
        bytes2 invariant; // "E1", ... as docs/invariants.md
        bytes32 subject; // an address, or a job id
        bytes32 about; // an address, or zero
        uint256 have;
        uint256 most;
        bool holds;
    }

    error TooMany(uint256 have, uint256 most);
    /// @notice The entry is not above the one before it: sums would count something twice.
    /// @param list "tokens", "controllers", "accounts", "workers" or "jobs"
    error NotAscending(string list, uint256 index);

    function BOARD() external view returns (address);
    /// @notice The longest list of `workers`, `jobs` and `quotes`.
    function MOST() external view returns (uint256);
    /// @notice The most that `readsOf` may say of a scope.
    function MOST_READS() external view returns (uint256);

    function network() external view returns (NetworkView memory);
    /// @dev reverts TooMany
    function workers(address[] calldata list) external view returns (WorkerView[] memory);
    /// @notice As IJobBoard.jobOf, in the order asked.
    /// @dev reverts TooMany
    function jobs(JobKey[] calldata list) external view returns (Job[] memory);
    /// @notice Who of these could take a seat of the job at `time`. Whether his provider has a seat of this job, or lost one, is
    /// not looked at.
    /// @param draw the drawing of the seats that are open: its seed is zero where the round is not known yet, and then nobody may
    /// @dev reverts TooMany, and whatever the scheduler says
    function quotes(JobTerms calldata terms, Draw calldata draw, address[] calldata list, uint40 time)
        external
        view
        returns (QuoteView[] memory);

    /// @notice What can be seen of the invariants in the state as it is, within `scope`:
    ///
    /// E1 per token: the balances (free and held) of these accounts under these controllers, against the Escrow's tokens.
    /// E2 per account and token: what these open jobs have escrowed, against what the board holds of the account.
    /// S1 per worker and controller: locked, against active and leaving; and all stake of these workers, with what these accounts
    /// can claim, against the vault's tokens.
    /// S2 the longest life of a job, against the exit delay; and per worker: what these open jobs have locked of it, against
    /// what the vault says is locked.
    /// J1 per job: 0, or 1 where the board's record is another than the one shown.
    ///
    /// Sums of some of the accounts, workers or jobs are below the whole ones. So what does not hold is violated for certain,
    /// and what holds has been shown for this scope alone: whoever wants the whole passes all that events name, or adds the
    /// `have` of pages that do not overlap, read at one block. Rows in which both sides are zero are left out.
    ///
    /// Not to be seen in any state: how an ended job's money was divided (E2), who moved what (E3, G1), how a slash was split
    /// (S3), who may call what by when (J2), what a commitment binds (J3), how often somebody was judged (J4), draws (D1), votes
    /// (G2). Events and tests show those.
    /// @dev reverts TooMany, NotAscending
    function check(Scope calldata scope) external view returns (Finding[] memory);
    /// @notice How many reads `check` makes for so many of each.
    function readsOf(uint256 tokens, uint256 controllers, uint256 accounts, uint256 workers, uint256 jobs)
        external
        pure
        returns (uint256);
}
