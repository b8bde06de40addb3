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

    /// @dev An Allocation, read once and written once.
    struct Stake {
        uint256 word; // from the lowest bit: active 96, locked 96, since 40, locks 16, capped 8
    }

    // In a Stake's word: one unit locked, one second of `since`, one job in progress, the mark of a cap.
    uint256 private constant ONE_LOCKED = 1 << 96;
    uint256 private constant ONE_SECOND = 1 << 192;
    uint256 private constant ONE_JOB = 1 << 232;
    uint256 private constant CAPPED = 1 << 248;

    /// @inheritdoc IStakeVault
    address public immutable STAKE_TOKEN;
    /// @inheritdoc IStakeVault
    uint40 public immutable EXIT_DELAY;

    /// @inheritdoc IStakeVault
    mapping(address provider => mapping(address worker => uint256)) public freeOf;
    /// @inheritdoc IStakeVault
    mapping(address finder => uint256) public claimableOf;

    mapping(address provider => mapping(address worker => mapping(address controller => Stake))) private _stakes;
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
        Stake storage stake = _stakes[msg.sender][worker][controller];
        uint256 word = stake.word;
        uint256 active = _active(word) + amount;
        require(active <= type(uint96).max, AmountTooLarge(active));
        freeOf[msg.sender][worker] = free - amount;
        // INVARIANT: more stake does not shorten a rest.
        uint256 since = Math.max(block.timestamp, _since(word));
        stake.word = word + amount + (since - _since(word)) * ONE_SECOND;
        emit Allocated(msg.sender, worker, controller, amount);
    }

    /// @inheritdoc IStakeVault
    function requestExit(address worker, address controller, uint256 amount) external {
        require(amount > 0, ZeroAmount());
        Stake storage stake = _stakes[msg.sender][worker][controller];
        uint256 active = _active(stake.word);
        require(active >= amount, StakeTooSmall(worker, active, amount));
        Exit storage exit = _exits[msg.sender][worker][controller];
        uint256 leaving = exit.amount + amount;
        require(leaving <= type(uint96).max, AmountTooLarge(leaving));
        uint40 readyAt = uint40(block.timestamp) + EXIT_DELAY;
        // More than is unlocked may be asked for: until a lock ends, what stands in the queue backs it.
        stake.word -= amount;
        (exit.amount, exit.readyAt) = (uint96(leaving), readyAt);
        emit ExitRequested(msg.sender, worker, controller, amount, readyAt);
    }

    /// @inheritdoc IStakeVault
    function finishExit(address worker, address controller) external returns (uint256 amount) {
        Exit storage exit = _exits[msg.sender][worker][controller];
        uint256 leaving = exit.amount;
        require(leaving > 0, NoExit(worker));
        require(block.timestamp >= exit.readyAt, ExitNotReady(worker, exit.readyAt));
        uint256 word = _stakes[msg.sender][worker][controller].word;
        // INVARIANT (S2): what a job has locked stays, however long it has been in the queue.
        amount = Math.min(leaving, _active(word) + leaving - _locked(word));
        exit.amount = uint96(leaving - amount);
        freeOf[msg.sender][worker] += amount;
        emit ExitFinished(msg.sender, worker, controller, amount);
    }

    /// @inheritdoc IStakeVault
    function setLockCap(address worker, address controller, bool capped, uint96 cap) external {
        require(controller != address(0), ZeroAddress());
        Stake storage stake = _stakes[msg.sender][worker][controller];
        if (_isCapped(stake.word) != capped) stake.word ^= CAPPED;
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
        Stake storage stake = _stakes[provider][worker][msg.sender];
        uint256 word = stake.word;
        (since, locks, active) = (_since(word), _locks(word) + 1, _active(word));
        // INVARIANT (S1): a new lock is backed by stake that stays, not by what is on its way out.
        uint256 available = _lockable(word);
        require(available >= amount, StakeTooSmall(worker, available, amount));
        if (_isCapped(word)) _countToday(provider, worker, amount);
        unchecked {
            stake.word = word + amount * ONE_LOCKED + ONE_JOB; // locked + amount <= active; locks + 1 fits, see above
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
        Stake storage stake = _stakes[provider][worker][msg.sender];
        uint256 word = stake.word;
        require(_locked(word) >= amount, LockedTooSmall(worker, _locked(word), amount));
        // INVARIANT: no job costs more than was locked for it.
        require(amount >= slashed, LockedTooSmall(worker, amount, slashed));
        require(_locks(word) > 0, LockedTooSmall(worker, 0, amount));
        unchecked {
            word -= amount * ONE_LOCKED + ONE_JOB; // locked >= amount, locks >= 1
        }
        if (slashed > 0) word -= _slash(provider, worker, _active(word), slashed, finder, finderShare);
        stake.word = word;
    }

    /// @inheritdoc IStakeVault
    function rest(address provider, address worker, uint40 until) external {
        Stake storage stake = _stakes[provider][worker][msg.sender];
        uint256 word = stake.word;
        if (until <= _since(word)) return;
        stake.word = word + (until - _since(word)) * ONE_SECOND;
        emit Rested(provider, worker, msg.sender, until);
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
        uint256 word = _stakes[provider][worker][controller].word;
        return Allocation({
            active: _active(word),
            locked: uint96(_locked(word)),
            since: _since(word),
            locks: _locks(word),
            capped: _isCapped(word)
        });
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
        uint256 word = _stakes[provider][worker][controller].word;
        uint256 available = _lockable(word);
        if (!_isCapped(word)) return available;
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
    /// @return fromActive what the caller has to take off the active stake
    function _slash(
        address provider,
        address worker,
        uint256 active,
        uint256 slashed,
        address finder,
        uint256 finderShare
    ) private returns (uint256 fromActive) {
        // Lost is what is active first, then what is in the exit queue, whose places later stake never fills again.
        fromActive = Math.min(active, slashed);
        // INVARIANT (S1): other jobs' locks stay covered: active + exiting loses no more than the locks have lost.
        if (fromActive < slashed) _exits[provider][worker][msg.sender].amount -= uint96(slashed - fromActive);

        // INVARIANT (S3): slashed = finder's share + burned, burned >= half, rounded towards burning.
        uint256 share = finder == address(0) ? 0 : Math.min(finderShare, slashed / 2);
        _burned += slashed - share;
        if (share > 0) claimableOf[finder] += share;
        emit Slashed(provider, worker, msg.sender, slashed - share, finder, share);
    }

    function _active(uint256 word) private pure returns (uint96) {
        return uint96(word);
    }

    function _locked(uint256 word) private pure returns (uint256) {
        return uint96(word >> 96);
    }

    function _since(uint256 word) private pure returns (uint40) {
        return uint40(word >> 192);
    }

    function _locks(uint256 word) private pure returns (uint16) {
        return uint16(word >> 232);
    }

    function _isCapped(uint256 word) private pure returns (bool) {
        return word >> 248 != 0;
    }

    function _lockable(uint256 word) private pure returns (uint256) {
        return Math.saturatingSub(_active(word), _locked(word));
    }
}
