// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {BURN} from "../types/Money.sol";

/// @title StakeVault, as IStakeVault says
contract StakeVault is IStakeVault, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IStakeVault
    address public immutable STAKE_TOKEN;
    /// @inheritdoc IStakeVault
    uint40 public immutable EXIT_DELAY;

    /// @inheritdoc IStakeVault
    mapping(address provider => mapping(address worker => uint256)) public freeOf;
    /// @inheritdoc IStakeVault
    mapping(address finder => uint256) public claimableOf;

    mapping(address provider => mapping(address worker => mapping(address controller => Allocation))) private
        _allocations;
    mapping(address provider => mapping(address worker => mapping(address controller => Exit))) private _exits;
    mapping(address provider => mapping(address worker => mapping(address controller => LockCap))) private _caps;
    uint256 private _burned; // slashed, not yet sent to BURN

    constructor(address stakeToken, uint40 exitDelay) {
        require(stakeToken != address(0), ZeroAddress());
        STAKE_TOKEN = stakeToken;
        EXIT_DELAY = exitDelay;
    }

    // ---- the provider

    /// @inheritdoc IStakeVault
    function deposit(address worker, uint256 amount) external nonReentrant returns (uint256 credited) {
        require(worker != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        uint256 before = IERC20(STAKE_TOKEN).balanceOf(address(this));
        IERC20(STAKE_TOKEN).safeTransferFrom(msg.sender, address(this), amount);
        credited = IERC20(STAKE_TOKEN).balanceOf(address(this)) - before;
        require(credited > 0, ZeroAmount());
        freeOf[msg.sender][worker] += credited;
        emit Deposited(msg.sender, worker, credited);
    }

    /// @inheritdoc IStakeVault
    function allocate(address worker, address controller, uint256 amount) external {
        require(controller != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        uint256 free = freeOf[msg.sender][worker];
        require(free >= amount, FreeTooSmall(msg.sender, worker, free, amount));
        Allocation storage allocation = _allocations[msg.sender][worker][controller];
        uint256 active = allocation.active + amount;
        require(active <= type(uint96).max, AmountTooLarge(active));
        freeOf[msg.sender][worker] = free - amount;
        allocation.active = uint96(active);
        allocation.since = uint40(block.timestamp);
        emit Allocated(msg.sender, worker, controller, amount);
    }

    /// @inheritdoc IStakeVault
    function requestExit(address worker, address controller, uint256 amount) external {
        require(amount > 0, ZeroAmount());
        Allocation storage allocation = _allocations[msg.sender][worker][controller];
        uint256 active = allocation.active;
        require(active >= amount, StakeTooSmall(worker, active, amount));
        Exit storage exit = _exits[msg.sender][worker][controller];
        uint256 leaving = exit.amount + amount;
        require(leaving <= type(uint96).max, AmountTooLarge(leaving));
        uint40 readyAt = uint40(block.timestamp) + EXIT_DELAY;
        // More than is unlocked may be asked for: until a lock ends, what stands in the queue backs it.
        allocation.active = uint96(active - amount);
        (exit.amount, exit.readyAt) = (uint96(leaving), readyAt);
        emit ExitRequested(msg.sender, worker, controller, amount, readyAt);
    }

    /// @inheritdoc IStakeVault
    function finishExit(address worker, address controller) external returns (uint256 amount) {
        Exit storage exit = _exits[msg.sender][worker][controller];
        uint256 leaving = exit.amount;
        require(leaving > 0, NoExit(worker));
        require(block.timestamp >= exit.readyAt, ExitNotReady(worker, exit.readyAt));
        Allocation storage allocation = _allocations[msg.sender][worker][controller];
        // INVARIANT (S2): what a job has locked stays, however long it has been in the queue.
        amount = Math.min(leaving, allocation.active + leaving - allocation.locked);
        exit.amount = uint96(leaving - amount);
        freeOf[msg.sender][worker] += amount;
        emit ExitFinished(msg.sender, worker, controller, amount);
    }

    /// @inheritdoc IStakeVault
    function setLockCap(address worker, address controller, bool capped, uint96 cap) external {
        require(controller != address(0), ZeroAddress());
        _allocations[msg.sender][worker][controller].capped = capped;
        // What was locked today under an earlier cap stays counted: a new cap is no second helping.
        _caps[msg.sender][worker][controller].cap = cap;
        emit LockCapSet(msg.sender, worker, controller, capped, cap);
    }

    /// @inheritdoc IStakeVault
    function withdraw(address worker, uint256 amount, address to) external nonReentrant {
        require(to != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        uint256 free = freeOf[msg.sender][worker];
        require(free >= amount, FreeTooSmall(msg.sender, worker, free, amount));
        freeOf[msg.sender][worker] = free - amount;
        emit Withdrawn(msg.sender, worker, amount, to);
        IERC20(STAKE_TOKEN).safeTransfer(to, amount);
    }

    // ---- the controller

    /// @inheritdoc IStakeVault
    function lock(address provider, address worker, uint256 amount)
        external
        returns (uint40 since, uint16 locks, uint96 active)
    {
        Allocation storage allocation = _allocations[provider][worker][msg.sender];
        uint96 locked = allocation.locked;
        (since, locks, active) = (allocation.since, allocation.locks + 1, allocation.active);
        // INVARIANT (S1): a new lock is backed by stake that stays, not by what is on its way out.
        uint256 available = Math.saturatingSub(active, locked);
        require(available >= amount, StakeTooSmall(worker, available, amount));
        if (allocation.capped) _countToday(provider, worker, amount);
        unchecked {
            (allocation.locked, allocation.locks) = (locked + uint96(amount), locks); // locked + amount <= active
        }
    }

    /// @inheritdoc IStakeVault
    function release(
        address provider,
        address worker,
        uint256 amount,
        uint256 slashed,
        address finder,
        uint256 finderShare
    ) external {
        Allocation storage allocation = _allocations[provider][worker][msg.sender];
        uint256 locked = allocation.locked;
        require(locked >= amount, LockedTooSmall(worker, locked, amount));
        // INVARIANT: no job costs more than was locked for it.
        require(amount >= slashed, LockedTooSmall(worker, amount, slashed));
        (allocation.locked, allocation.locks) = (uint96(locked - amount), allocation.locks - 1);
        if (slashed > 0) _slash(provider, worker, slashed, finder, finderShare);
    }

    // ---- anyone

    /// @inheritdoc IStakeVault
    function claim(address to) external nonReentrant returns (uint256 amount) {
        require(to != address(0), ZeroAddress());
        amount = claimableOf[msg.sender];
        require(amount > 0, ZeroAmount());
        claimableOf[msg.sender] = 0;
        emit Claimed(msg.sender, amount, to);
        IERC20(STAKE_TOKEN).safeTransfer(to, amount);
    }

    /// @inheritdoc IStakeVault
    function flushBurned() external nonReentrant returns (uint256 amount) {
        amount = _burned;
        require(amount > 0, ZeroAmount());
        _burned = 0;
        emit Burned(amount);
        IERC20(STAKE_TOKEN).safeTransfer(BURN, amount);
    }

    // ---- reading

    /// @inheritdoc IStakeVault
    function allocationOf(address provider, address worker, address controller)
        external
        view
        returns (Allocation memory)
    {
        return _allocations[provider][worker][controller];
    }

    /// @inheritdoc IStakeVault
    function exitOf(address provider, address worker, address controller) external view returns (Exit memory) {
        return _exits[provider][worker][controller];
    }

    /// @inheritdoc IStakeVault
    function capOf(address provider, address worker, address controller) external view returns (LockCap memory) {
        return _caps[provider][worker][controller];
    }

    /// @inheritdoc IStakeVault
    function lockable(address provider, address worker, address controller) external view returns (uint256) {
        Allocation storage allocation = _allocations[provider][worker][controller];
        uint256 available = Math.saturatingSub(allocation.active, allocation.locked);
        if (!allocation.capped) return available;
        LockCap storage cap = _caps[provider][worker][controller];
        return Math.min(available, Math.saturatingSub(cap.cap, _usedToday(cap)));
    }

    function _countToday(address provider, address worker, uint256 amount) private {
        LockCap storage cap = _caps[provider][worker][msg.sender];
        uint256 used = _usedToday(cap);
        uint256 left = Math.saturatingSub(cap.cap, used);
        // INVARIANT: whoever has the hot key puts no more than this at risk in a day, however often his jobs end in it.
        require(left >= amount, LockCapReached(worker, left, amount));
        (cap.used, cap.day) = (uint96(used + amount), _today());
    }

    function _usedToday(LockCap storage cap) private view returns (uint256) {
        return cap.day == _today() ? cap.used : 0;
    }

    function _today() private view returns (uint40) {
        return uint40(block.timestamp / 1 days);
    }

    /// @dev The job's lock is gone already; the caller has seen that `slashed` is part of it.
    function _slash(address provider, address worker, uint256 slashed, address finder, uint256 finderShare) private {
        _take(provider, worker, slashed);
        // INVARIANT (S3): slashed = finder's share + burned, burned >= half, rounded towards burning.
        uint256 share = finder == address(0) ? 0 : Math.min(finderShare, slashed / 2);
        _burned += slashed - share;
        if (share > 0) claimableOf[finder] += share;
        emit Slashed(provider, worker, msg.sender, slashed - share, finder, share);
    }

    /// @dev Lost stake is active stake first; only what that does not cover leaves the exit queue, whose places are never
    /// filled again by what is allocated later. Other jobs' locks stay covered: active + exiting >= all locks before, and
    /// both sides have lost what this job's lock was, or less on the left.
    function _take(address provider, address worker, uint256 slashed) private {
        Allocation storage allocation = _allocations[provider][worker][msg.sender];
        uint256 fromActive = Math.min(allocation.active, slashed);
        allocation.active -= uint96(fromActive);
        if (fromActive < slashed) _exits[provider][worker][msg.sender].amount -= uint96(slashed - fromActive);
    }
}
