// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {Base} from "../base/Base.sol";
import {PlainToken} from "../base/PlainToken.sol";

/// @notice Proved by halmos for all amounts and times: what can happen to stake, and what cannot.
contract VaultSymbolic is Base {
    address private constant PROVIDER = address(0x2001);
    address private constant WORKER = address(0x2002);
    address private constant CONTROLLER = address(0x2003);
    address private constant FINDER = address(0x2004);
    address private constant OTHER = address(0x2005);
    uint40 private constant DELAY = 12_000;
    uint256 private constant NOW = 1_800_000_000;

    StakeVault private vault;
    PlainToken private token;

    function setUp() public {
        vm.warp(NOW);
        token = new PlainToken();
        vault = new StakeVault(address(token), DELAY);
    }

    function check_S1_lockNeverExceedsWhatIsActive(uint96 stake, uint256 first, uint256 second) external {
        _stake(stake);
        bool a = _lock(first);
        bool b = _lock(second);
        assert(a == (first <= stake));
        IStakeVault.Allocation memory have = _of();
        assert(have.locked <= have.active && have.active == stake);
        assert(have.locked == (a ? first : 0) + (b ? second : 0));
        assert(have.locks == (a ? 1 : 0) + (b ? 1 : 0));
    }

    function check_S1_slashNeverExceedsTheJobsLock(uint96 stake, uint96 locked, uint256 amount, uint256 slashed)
        external
    {
        _stake(stake);
        vm.assume(_lock(locked));
        bool good = _release(CONTROLLER, amount, slashed, FINDER, 0);
        assert(good == (amount <= locked && slashed <= amount));
        IStakeVault.Allocation memory have = _of();
        assert(have.active == stake - (good ? slashed : 0));
        assert(have.locked == locked - (good ? amount : 0));
    }

    function check_S3_burnedIsAtLeastHalfAndNothingIsLost(uint96 stake, uint96 slashed, uint256 share) external {
        vm.assume(slashed > 0);
        _stake(stake);
        vm.assume(_lock(slashed));
        assert(_release(CONTROLLER, slashed, slashed, FINDER, share));
        uint256 gets = vault.claimableOf(FINDER);
        uint256 burned = vault.flushBurned();
        assert(gets + burned == slashed);
        assert(burned >= gets);
        assert(gets <= share);
        assert(_of().active == stake - slashed);
    }

    function check_S2_nothingLeavesBeforeTheDelay(uint96 stake, uint96 leaving, uint40 waited) external {
        _stake(stake);
        vm.assume(_requestExit(leaving));
        vm.warp(NOW + waited);
        vm.prank(PROVIDER);
        (bool good,) = address(vault).call(abi.encodeCall(IStakeVault.finishExit, (WORKER, CONTROLLER)));
        assert(good == (waited >= DELAY));
        assert(vault.freeOf(PROVIDER, WORKER) == (good ? leaving : 0));
    }

    /// @dev Everything in the queue, everything locked: nothing leaves, and all can still be slashed.
    function check_S2_whatIsLockedNeverLeaves(uint96 stake, uint96 locked) external {
        _stake(stake);
        vm.assume(_lock(locked) && _requestExit(stake));
        vm.warp(NOW + 10 * DELAY);
        vm.prank(PROVIDER);
        vault.finishExit(WORKER, CONTROLLER);
        assert(vault.freeOf(PROVIDER, WORKER) == stake - locked);
        assert(vault.exitOf(PROVIDER, WORKER, CONTROLLER).amount == locked);
        assert(_release(CONTROLLER, locked, locked, address(0), 0));
    }

    /// @dev Two jobs, everything else in the queue, the first is slashed: the second stays covered.
    function check_S1_otherLocksStayCovered(uint96 a, uint96 b, uint96 slashed) external {
        vm.assume(a < 1 << 95 && b < 1 << 95 && slashed > 0 && slashed <= a);
        _stake(a + b);
        assert(_lock(a) && _lock(b) && _requestExit(a + b));
        assert(_release(CONTROLLER, a, slashed, address(0), 0));
        assert(_of().locked == b && _of().active == 0);
        assert(vault.exitOf(PROVIDER, WORKER, CONTROLLER).amount == a + b - slashed);
    }

    function check_S1_anotherControllerTouchesNothing(uint96 stake, uint96 locked, uint256 amount, uint256 slashed)
        external
    {
        _stake(stake);
        vm.assume(_lock(locked) && amount > 0);
        assert(!_release(OTHER, amount, slashed, OTHER, slashed));
        vm.prank(OTHER);
        (bool good,) = address(vault).call(abi.encodeCall(IStakeVault.lock, (PROVIDER, WORKER, amount)));
        assert(!good);
        assert(_of().active == stake && _of().locked == locked && vault.claimableOf(OTHER) == 0);
    }

    function check_S1_aDaysCapIsNeverExceeded(uint96 stake, uint96 cap, uint96 first, uint96 second) external {
        _stake(stake);
        vm.prank(PROVIDER);
        vault.setLockCap(WORKER, CONTROLLER, true, cap);
        uint256 used;
        if (_lock(first)) used += first;
        if (used > 0) _release(CONTROLLER, first, 0, address(0), 0);
        if (_lock(second)) used += second;
        assert(used <= cap);
    }

    function check_G1_onlyTheProviderMovesFreeStake(uint96 stake, address caller, uint256 amount) external {
        vm.assume(caller != PROVIDER && amount > 0);
        _deposit(stake);
        vm.startPrank(caller);
        (bool a,) = address(vault).call(abi.encodeCall(IStakeVault.withdraw, (WORKER, amount, caller)));
        (bool b,) = address(vault).call(abi.encodeCall(IStakeVault.allocate, (WORKER, caller, amount)));
        vm.stopPrank();
        assert(!a && !b);
        assert(vault.freeOf(PROVIDER, WORKER) == stake);
    }

    function _deposit(uint96 amount) private {
        vm.assume(amount > 0);
        token.mint(PROVIDER, amount);
        vm.prank(PROVIDER);
        vault.deposit(WORKER, amount);
    }

    function _stake(uint96 amount) private {
        _deposit(amount);
        vm.prank(PROVIDER);
        vault.allocate(WORKER, CONTROLLER, amount);
    }

    function _lock(uint256 amount) private returns (bool good) {
        vm.prank(CONTROLLER);
        (good,) = address(vault).call(abi.encodeCall(IStakeVault.lock, (PROVIDER, WORKER, amount)));
    }

    function _release(address by, uint256 amount, uint256 slashed, address finder, uint256 share)
        private
        returns (bool good)
    {
        vm.prank(by);
        (good,) = address(vault).call(
            abi.encodeCall(IStakeVault.release, (PROVIDER, WORKER, amount, slashed, finder, share))
        );
    }

    function _requestExit(uint256 amount) private returns (bool good) {
        vm.prank(PROVIDER);
        (good,) = address(vault).call(abi.encodeCall(IStakeVault.requestExit, (WORKER, CONTROLLER, amount)));
    }

    function _of() private view returns (IStakeVault.Allocation memory) {
        return vault.allocationOf(PROVIDER, WORKER, CONTROLLER);
    }
}
