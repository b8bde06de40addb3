// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Stake that can be lost
/// @notice One immutable plain ERC-20. Stake belongs to a (provider, worker) pair: paid and owned by the provider's cold
/// key, at risk for what the worker's hot key does. The provider allocates it to a controller, which is the consent;
/// only that controller may lock it per job and slash what it locked. Exits wait EXIT_DELAY, longer than any job can last.
///
/// S1: per pair, the sum over controllers of allocated <= staked; locked <= allocated. S2: nothing leaves while slashable.
/// S3: slashed = finder's share + burned, burned >= half, rounded towards burning.
interface IStakeVault {
    /// @notice One slot per (provider, worker, controller).
    struct Allocation {
        uint96 active; // lockable or locked; what is exiting is counted apart, and backs locks all the same
        uint96 locked; // <= active + exiting
        uint40 since; // last time `active` grew, or until when it rests: stake younger than a draw does not count in it
        uint16 locks; // jobs in progress under this controller
        bool capped; // the provider has set a daily lock cap
    }

    struct Exit {
        uint96 amount; // exiting
        uint40 readyAt;
    }

    /// @notice How much a worker's hot key may put at risk per day (a day: block.timestamp / 1 days).
    struct LockCap {
        uint96 cap; // per day, in stake-token units
        uint96 used; // locked on `day`
        uint40 day;
    }

    event Deposited(address indexed provider, address indexed worker, uint256 amount);
    event Withdrawn(address indexed provider, address indexed worker, uint256 amount, address to);
    event Allocated(address indexed provider, address indexed worker, address indexed controller, uint256 amount);
    event ExitRequested(
        address indexed provider, address indexed worker, address indexed controller, uint256 amount, uint40 readyAt
    );
    event ExitFinished(address indexed provider, address indexed worker, address indexed controller, uint256 amount);
    event Slashed(
        address indexed provider,
        address indexed worker,
        address indexed controller,
        uint256 burned,
        address finder,
        uint256 finderShare
    );
    event LockCapSet(address indexed provider, address indexed worker, address indexed controller, bool capped, uint96 cap);
    event Rested(address indexed provider, address indexed worker, address indexed controller, uint40 until);
    event Claimed(address indexed finder, uint256 amount, address to);
    event Burned(uint256 amount);

    error ZeroAddress();
    error ZeroAmount();
    error AmountTooLarge(uint256 amount);
    error FreeTooSmall(address provider, address worker, uint256 have, uint256 need);
    /// @param have active, less locked
    error StakeTooSmall(address worker, uint256 have, uint256 need);
    error LockedTooSmall(address worker, uint256 have, uint256 need);
    /// @notice More than the provider lets this worker lock today.
    error LockCapReached(address worker, uint256 left, uint256 need);
    error ExitNotReady(address worker, uint40 readyAt);
    error NoExit(address worker);

    function STAKE_TOKEN() external view returns (address);
    /// @notice Seconds between asking to leave and leaving.
    function EXIT_DELAY() external view returns (uint40);

    function freeOf(address provider, address worker) external view returns (uint256);
    function allocationOf(address provider, address worker, address controller) external view returns (Allocation memory);
    function exitOf(address provider, address worker, address controller) external view returns (Exit memory);
    function capOf(address provider, address worker, address controller) external view returns (LockCap memory);
    /// @notice What `controller` could lock now: active - locked, and no more than the cap leaves today.
    function lockable(address provider, address worker, address controller) external view returns (uint256);
    function claimableOf(address finder) external view returns (uint256);

    /// @notice Provider: add stake for `worker` (credited: what arrived).
    function deposit(address worker, uint256 amount) external returns (uint256 credited);
    /// @notice Provider: let `controller` lock and slash `amount` more. Resets the allocation's `since`.
    function allocate(address worker, address controller, uint256 amount) external;
    /// @notice Provider: ask for `amount` back from `controller`. Still slashable, no longer lockable. A second request
    /// adds up and restarts the clock.
    function requestExit(address worker, address controller, uint256 amount) external;
    /// @notice Provider: after EXIT_DELAY, make it free. Gives what is neither locked nor slashed meanwhile; a rest that is
    /// still locked stays in the queue, ready.
    function finishExit(address worker, address controller) external returns (uint256 amount);
    /// @notice Provider: send free stake to `to`.
    function withdraw(address worker, uint256 amount, address to) external;

    /// @notice Provider: let the worker's jobs under `controller` lock at most `cap` per day, or end such a cap.
    function setLockCap(address worker, address controller, bool capped, uint96 cap) external;

    /// @notice As controller: lock `amount` for one job. No event: the controller's own tells.
    /// @return since as in Allocation
    /// @return locks jobs in progress including this one (compared with the registered capacity by the caller)
    /// @return active as in Allocation
    /// @dev reverts StakeTooSmall, LockCapReached
    function lock(address provider, address worker, uint256 amount)
        external
        returns (uint40 since, uint16 locks, uint96 active);
    /// @notice As controller: end one job's lock of `amount`, of which `slashed` is lost. `finderShare` of it, at most
    /// half rounded down, is credited to `finder`; the rest is burned.
    /// @dev reverts LockedTooSmall; a share above half is cut to half
    function release(address provider, address worker, uint256 amount, uint256 slashed, address finder, uint256 finderShare)
        external;

    /// @notice As controller: this worker's stake under you counts as made at `until`, unless it is younger already, so that no
    /// draw that opened before takes it.
    function rest(address provider, address worker, uint40 until) external;

    function claim(address to) external returns (uint256 amount);
    /// @notice Really send what was burned to the burn address; anyone may.
    function flushBurned() external returns (uint256 amount);
}
