// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {VaultBase} from "./VaultBase.sol";

/// @notice A controller's doors: lock, release, slash; and where slashed stake goes.
contract VaultControllerTest is VaultBase {
    // ---- lock

    function test_S1_lock_countsJobsAndStake(uint256 a, uint256 b) external {
        a = bound(a, 0, STAKE);
        b = bound(b, 0, STAKE - a);
        vm.startPrank(controller);
        (uint40 since, uint16 locks, uint96 active) = vault.lock(provider, worker, a);
        vm.assertEq(since, born);
        vm.assertEq(locks, 1);
        vm.assertEq(active, STAKE);
        (since, locks, active) = vault.lock(provider, worker, b);
        vm.assertEq(locks, 2);
        vm.assertEq(active, STAKE);
        vm.stopPrank();
        expectStake(STAKE, a + b, 2);
        expectLockable(STAKE - a - b);
        vm.assertEq(vault.allocationOf(provider, worker, controller).since, born);
    }

    function test_S1_lock_neverMoreThanIsActive(uint256 locked, uint256 amount) external {
        locked = bound(locked, 0, STAKE);
        amount = bound(amount, STAKE - locked + 1, type(uint256).max);
        lock(locked);
        vm.startPrank(controller);
        refused(IStakeVault.StakeTooSmall.selector, STAKE - locked, amount);
        vault.lock(provider, worker, amount);
    }

    function test_S2_lock_isNotBackedByWhatLeaves(uint256 locked, uint256 leaving) external {
        locked = bound(locked, 0, STAKE);
        leaving = bound(leaving, 1, STAKE);
        lock(locked);
        requestExit(leaving);
        uint256 left = STAKE - leaving > locked ? STAKE - leaving - locked : 0;
        expectLockable(left);
        vm.startPrank(controller);
        refused(IStakeVault.StakeTooSmall.selector, left, left + 1);
        vault.lock(provider, worker, left + 1);
        vault.lock(provider, worker, left);
    }

    function test_S1_lock_anotherControllerFindsNothing() external {
        refused(IStakeVault.StakeTooSmall.selector, 0, 1);
        vm.prank(stranger);
        vault.lock(provider, worker, 1);
    }

    // ---- the daily cap

    function test_lockCap_boundsWhatADayPutsAtRisk() external {
        vm.expectEmit(address(vault));
        emit IStakeVault.LockCapSet(provider, worker, controller, true, 300);
        setCap(true, 300);
        expectLockable(300);
        lock(200);
        expectLockable(100);
        release(200, 0, address(0), 0);
        // what ended counts all the same
        expectLockable(100);
        vm.startPrank(controller);
        refused(IStakeVault.LockCapReached.selector, 100, 101);
        vault.lock(provider, worker, 101);
        vault.lock(provider, worker, 100);
        vm.stopPrank();
        expectLockable(0);
        _expectCap(300, 300, born / 1 days);
        vm.assertEq(vault.allocationOf(provider, worker, controller).capped, true);
        expectStake(STAKE, 100, 1);
    }

    function test_lockCap_aNewDayCountsAnew() external {
        setCap(true, 300);
        lock(300);
        uint256 midnight = (born / 1 days + 1) * 1 days;
        vm.warp(midnight - 1);
        expectLockable(0);
        vm.warp(midnight);
        expectLockable(300);
        lock(250);
        _expectCap(300, 250, midnight / 1 days);
        expectLockable(50);
    }

    function test_lockCap_neverAboveTheStake() external {
        setCap(true, 5000);
        expectLockable(STAKE);
        vm.startPrank(controller);
        refused(IStakeVault.StakeTooSmall.selector, STAKE, STAKE + 1);
        vault.lock(provider, worker, STAKE + 1);
    }

    function test_lockCap_isNoSecondHelping() external {
        setCap(true, 300);
        lock(200);
        setCap(true, 250);
        expectLockable(50);
        setCap(true, 100);
        expectLockable(0);
        vm.startPrank(controller);
        refused(IStakeVault.LockCapReached.selector, 0, 1);
        vault.lock(provider, worker, 1);
        vm.stopPrank();
        _expectCap(100, 200, born / 1 days);
    }

    function test_lockCap_canBeEndedAndSetAgain() external {
        setCap(true, 300);
        lock(300);
        vm.expectEmit(address(vault));
        emit IStakeVault.LockCapSet(provider, worker, controller, false, 0);
        setCap(false, 0);
        vm.assertEq(vault.allocationOf(provider, worker, controller).capped, false);
        expectLockable(STAKE - 300);
        setCap(false, 0);
        vm.assertEq(vault.allocationOf(provider, worker, controller).capped, false);
        lock(500);
        // uncapped locks do not count
        _expectCap(0, 300, born / 1 days);
        setCap(true, 400);
        expectLockable(100);
        expectStake(STAKE, 800, 2);
    }

    function test_lockCap_isTheProvidersOnly() external {
        vm.prank(worker);
        vault.setLockCap(worker, controller, true, 1);
        expectLockable(STAKE);
        refused(IStakeVault.ZeroAddress.selector);
        vm.prank(provider);
        vault.setLockCap(worker, address(0), true, 1);
    }

    // ---- release

    function test_S1_release_endsOneLock(uint256 a, uint256 b) external {
        a = bound(a, 0, STAKE);
        b = bound(b, 0, STAKE - a);
        lock(a);
        lock(b);
        release(a, 0, address(0), 0);
        expectStake(STAKE, b, 1);
        release(b, 0, finder, 0);
        expectStake(STAKE, 0, 0);
        expectLockable(STAKE);
        vm.assertEq(vault.claimableOf(finder), 0);
    }

    function test_release_withoutALossSaysNothing() external {
        lock(400);
        vm.recordLogs();
        release(400, 0, finder, 200);
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_S1_release_neverMoreThanIsLocked(uint256 locked, uint256 amount) external {
        locked = bound(locked, 0, STAKE);
        amount = bound(amount, locked + 1, type(uint256).max);
        lock(locked);
        vm.startPrank(controller);
        refused(IStakeVault.LockedTooSmall.selector, locked, amount);
        vault.release(provider, worker, amount, 0, address(0), 0);
    }

    function test_S1_release_neverMoreSlashedThanThisJobLocked(uint256 amount, uint256 slashed) external {
        amount = bound(amount, 0, 400);
        slashed = bound(slashed, amount + 1, type(uint256).max);
        lock(400);
        lock(500);
        vm.startPrank(controller);
        refused(IStakeVault.LockedTooSmall.selector, amount, slashed);
        vault.release(provider, worker, amount, slashed, finder, 0);
    }

    function test_release_neverMoreJobsThanWereLocked() external {
        vm.startPrank(controller);
        refused(IStakeVault.LockedTooSmall.selector, 0, 0);
        vault.release(provider, worker, 0, 0, address(0), 0);
        vault.lock(provider, worker, 0);
        vault.release(provider, worker, 0, 0, address(0), 0);
        refused(IStakeVault.LockedTooSmall.selector, 0, 0);
        vault.release(provider, worker, 0, 0, address(0), 0);
    }

    function test_S1_release_anotherControllerFindsNothing() external {
        lock(400);
        refused(IStakeVault.LockedTooSmall.selector, 0, 1);
        vm.prank(stranger);
        vault.release(provider, worker, 1, 1, stranger, 0);
    }

    // ---- slashing

    function test_S3_slash_isFindersShareAndBurnedAtLeastHalf(uint256 locked, uint256 slashed, uint256 share) external {
        locked = bound(locked, 1, STAKE);
        slashed = bound(slashed, 1, locked);
        share = bound(share, 0, 2 * STAKE);
        uint256 gets = min(share, slashed / 2);
        lock(locked);
        vm.expectEmit(address(vault));
        emit IStakeVault.Slashed(provider, worker, controller, slashed - gets, finder, gets);
        release(locked, slashed, finder, share);
        expectStake(STAKE - slashed, 0, 0);
        expectExit(0, 0);
        vm.assertEq(vault.claimableOf(finder), gets);
        vm.assertEq(vault.flushBurned(), slashed - gets);
        vm.assertEq(token.balanceOf(BURN), slashed - gets);
    }

    function test_S3_slash_withoutAFinderBurnsAll() external {
        lock(101);
        vm.expectEmit(address(vault));
        emit IStakeVault.Slashed(provider, worker, controller, 101, address(0), 0);
        release(101, 101, address(0), 50);
        vm.assertEq(vault.claimableOf(address(0)), 0);
        vm.assertEq(vault.flushBurned(), 101);
    }

    function test_S1_slash_takesActiveFirstThenTheQueue(uint256 leaving, uint256 locked, uint256 slashed) external {
        locked = bound(locked, 1, STAKE);
        leaving = bound(leaving, 1, STAKE);
        slashed = bound(slashed, 1, locked);
        lock(locked);
        requestExit(leaving);
        release(locked, slashed, address(0), 0);
        uint256 active = STAKE - leaving;
        uint256 fromActive = min(active, slashed);
        expectStake(active - fromActive, 0, 0);
        expectExit(leaving - (slashed - fromActive), born + DELAY);
    }

    function test_S1_slash_leavesOtherLocksCovered(uint256 a, uint256 b, uint256 leaving) external {
        a = bound(a, 1, STAKE);
        b = bound(b, 0, STAKE - a);
        leaving = bound(leaving, 0, STAKE);
        lock(a);
        lock(b);
        if (leaving > 0) requestExit(leaving);
        release(a, a, finder, 0);
        IStakeVault.Allocation memory left = vault.allocationOf(provider, worker, controller);
        vm.assertEq(left.locked, b);
        vm.assertEq(left.locks, 1);
        uint256 exiting = vault.exitOf(provider, worker, controller).amount;
        vm.assertEq(uint256(left.active) + exiting, STAKE - a);
        vm.assertLe(b, uint256(left.active) + exiting, "a lock without cover");
    }

    function test_S3_slashes_addUpForFinderAndFire() external {
        lock(400);
        lock(300);
        release(400, 100, finder, 50);
        release(300, 300, finder, 150);
        vm.assertEq(vault.claimableOf(finder), 200);
        expectStake(STAKE - 400, 0, 0);
        vm.assertEq(vault.flushBurned(), 200);
    }

    // ---- what slashed stake becomes

    function test_claim_paysTheFinderOnce() external {
        lock(400);
        release(400, 400, finder, 200);
        refused(IStakeVault.ZeroAddress.selector);
        vm.prank(finder);
        vault.claim(address(0));
        refused(IStakeVault.ZeroAmount.selector);
        vm.prank(stranger);
        vault.claim(stranger);
        vm.expectEmit(address(vault));
        emit IStakeVault.Claimed(finder, 200, stranger);
        vm.prank(finder);
        vm.assertEq(vault.claim(stranger), 200);
        vm.assertEq(token.balanceOf(stranger), 200);
        vm.assertEq(vault.claimableOf(finder), 0);
        refused(IStakeVault.ZeroAmount.selector);
        vm.prank(finder);
        vault.claim(finder);
    }

    function test_flushBurned_burnsOnce() external {
        refused(IStakeVault.ZeroAmount.selector);
        vault.flushBurned();
        lock(400);
        release(400, 400, finder, 100);
        vm.expectEmit(address(vault));
        emit IStakeVault.Burned(300);
        vm.prank(stranger);
        vm.assertEq(vault.flushBurned(), 300);
        vm.assertEq(token.balanceOf(BURN), 300);
        vm.assertEq(token.balanceOf(address(vault)), STAKE - 300);
        refused(IStakeVault.ZeroAmount.selector);
        vault.flushBurned();
    }

    function test_oneUnitPassesEveryDoor() external {
        deposit(1);
        allocate(1);
        lock(2);
        release(2, 2, finder, 1);
        vm.prank(finder);
        vm.assertEq(vault.claim(finder), 1);
        vm.assertEq(vault.flushBurned(), 1);
        lock(1);
        release(1, 1, finder, 1);
        // of one unit, half rounded down is nothing
        vm.assertEq(vault.claimableOf(finder), 0);
        vm.assertEq(vault.flushBurned(), 1);
        requestExit(1);
        vm.warp(born + DELAY);
        vm.assertEq(finishExit(), 1);
        vm.prank(provider);
        vault.withdraw(worker, 1, stranger);
        vm.assertEq(token.balanceOf(stranger), 1);
    }

    function _expectCap(uint256 cap, uint256 used, uint256 day) private view {
        IStakeVault.LockCap memory have = vault.capOf(provider, worker, controller);
        vm.assertEq(have.cap, cap, "cap");
        vm.assertEq(have.used, used, "used");
        vm.assertEq(have.day, day, "day");
    }
}
