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
        uint256 allocated = allocation.allocated + amount;
        require(allocated <= type(uint96).max, AmountTooLarge(allocated));
        freeOf[msg.sender][worker] = free - amount;
        allocation.allocated = uint96(allocated);
        allocation.since = uint40(block.timestamp);
        emit Allocated(msg.sender, worker, controller, amount);
    }

    /// @inheritdoc IStakeVault
    function requestExit(address worker, address controller, uint256 amount) external {
        require(amount > 0, ZeroAmount());
        Exit storage exit = _exits[msg.sender][worker][controller];
        uint256 staying = uint256(_allocations[msg.sender][worker][controller].allocated) - exit.amount;
        require(staying >= amount, StakeTooSmall(worker, staying, amount));
        uint40 readyAt = uint40(block.timestamp) + EXIT_DELAY;
        exit.amount += uint96(amount);
        exit.readyAt = readyAt;
        emit ExitRequested(msg.sender, worker, controller, amount, readyAt);
    }

    /// @inheritdoc IStakeVault
    function finishExit(address worker, address controller) external returns (uint256 amount) {
        Exit storage exit = _exits[msg.sender][worker][controller];
        require(exit.amount > 0, NoExit(worker));
        require(block.timestamp >= exit.readyAt, ExitNotReady(worker, exit.readyAt));
        Allocation storage allocation = _allocations[msg.sender][worker][controller];
        // INVARIANT (S2): what a job has locked stays, however long it has been in the queue.
        amount = Math.min(exit.amount, uint256(allocation.allocated) - allocation.locked);
        exit.amount -= uint96(amount);
        allocation.allocated -= uint96(amount);
        freeOf[msg.sender][worker] += amount;
        emit ExitFinished(msg.sender, worker, controller, amount);
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
    function lock(address provider, address worker, uint256 amount) external returns (uint16 locks) {
        uint256 available = lockable(provider, worker, msg.sender);
        require(available >= amount, StakeTooSmall(worker, available, amount));
        Allocation storage allocation = _allocations[provider][worker][msg.sender];
        locks = allocation.locks + 1;
        allocation.locked += uint96(amount);
        allocation.locks = locks;
        emit Locked(provider, worker, msg.sender, amount);
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
        allocation.locked = uint96(locked - amount);
        allocation.locks -= 1;
        emit Released(provider, worker, msg.sender, amount);
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
    function lockable(address provider, address worker, address controller) public view returns (uint256) {
        Allocation storage allocation = _allocations[provider][worker][controller];
        uint256 busy = uint256(allocation.locked) + _exits[provider][worker][controller].amount;
        return Math.saturatingSub(allocation.allocated, busy);
    }

    /// @dev The job's lock is gone already; the caller has seen that `slashed` is part of it.
    function _slash(address provider, address worker, uint256 slashed, address finder, uint256 finderShare) private {
        // INVARIANT (S3): slashed = finder's share + burned, burned >= half, rounded towards burning.
        uint256 share = finder == address(0) ? 0 : Math.min(finderShare, slashed / 2);
        Allocation storage allocation = _allocations[provider][worker][msg.sender];
        uint96 allocated = allocation.allocated - uint96(slashed);
        allocation.allocated = allocated;
        // Lost stake leaves the exit queue too, or what is allocated later would inherit its place there.
        Exit storage exit = _exits[provider][worker][msg.sender];
        if (exit.amount > allocated) exit.amount = allocated;
        _burned += slashed - share;
        if (share > 0) claimableOf[finder] += share;
        emit Slashed(provider, worker, msg.sender, slashed - share, finder, share);
    }
}
