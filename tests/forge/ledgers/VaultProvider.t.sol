// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {FeeToken} from "../../../contracts/test/FeeToken.sol";
import {ReentrantToken} from "../../../contracts/test/ReentrantToken.sol";
import {IllBehavedToken} from "../base/IllBehavedToken.sol";
import {VaultBase} from "./VaultBase.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice A provider's own doors: deposit, allocate, the exit queue, withdraw.
contract VaultProviderTest is VaultBase {
    function test_constructor_remembersTokenAndDelay() external {
        vm.assertEq(vault.STAKE_TOKEN(), address(token));
        vm.assertEq(vault.EXIT_DELAY(), DELAY);
        refused(IStakeVault.ZeroAddress.selector);
        deployVault(address(0));
    }

    // ---- deposit

    function test_S1_deposit_belongsToTheCallerAndTheWorker(uint256 amount) external {
        amount = bound(amount, 1, 9 * STAKE);
        vm.expectEmit(address(vault));
        emit IStakeVault.Deposited(provider, worker, amount);
        vm.prank(provider);
        vm.assertEq(vault.deposit(worker, amount), amount);
        expectFree(amount);
        vm.assertEq(vault.freeOf(stranger, worker), 0);
        vm.assertEq(vault.freeOf(provider, stranger), 0);
        vm.assertEq(token.balanceOf(address(vault)), STAKE + amount);
        fund(provider, 7);
        deposit(7);
        expectFree(amount + 7);
    }

    function test_deposit_refusesZeroes() external {
        vm.startPrank(provider);
        refused(IStakeVault.ZeroAddress.selector);
        vault.deposit(address(0), 1);
        refused(IStakeVault.ZeroAmount.selector);
        vault.deposit(worker, 0);
    }

    function test_S1_deposit_creditsWhatArrived() external {
        FeeToken feeToken = new FeeToken();
        StakeVault other = deployVault(address(feeToken));
        feeToken.mint(provider, 1000);
        vm.startPrank(provider);
        feeToken.approve(address(other), 1000);
        vm.expectEmit(address(other));
        emit IStakeVault.Deposited(provider, worker, 990);
        vm.assertEq(other.deposit(worker, 1000), 990);
        vm.assertEq(other.freeOf(provider, worker), 990);
        other.withdraw(worker, 990, provider);
        vm.assertEq(feeToken.balanceOf(address(other)), 0);
    }

    function test_deposit_refusesWhatNeverArrived() external {
        IllBehavedToken bad = new IllBehavedToken();
        bad.set(IllBehavedToken.Habit.TakesAll);
        StakeVault other = deployVault(address(bad));
        refused(IStakeVault.ZeroAmount.selector);
        other.deposit(worker, 5);
    }

    // ---- allocate

    function test_S1_allocate_movesFreeToActiveAndRestartsItsAge(uint256 amount) external {
        amount = bound(amount, 1, 500);
        deposit(500);
        vm.warp(born + 77);
        vm.expectEmit(address(vault));
        emit IStakeVault.Allocated(provider, worker, controller, amount);
        allocate(amount);
        expectStake(STAKE + amount, 0, 0);
        expectFree(500 - amount);
        vm.assertEq(vault.allocationOf(provider, worker, controller).since, born + 77);
        vm.assertEq(vault.allocationOf(provider, worker, stranger).active, 0);
    }

    function test_allocate_leavesLocksAndCapAsTheyAre() external {
        deposit(500);
        setCap(true, 900);
        lock(300);
        vm.warp(born + 5);
        allocate(500);
        expectStake(STAKE + 500, 300, 1);
        vm.assertEq(vault.allocationOf(provider, worker, controller).capped, true);
        vm.assertEq(vault.allocationOf(provider, worker, controller).since, born + 5);
    }

    function test_allocate_refuses() external {
        vm.startPrank(provider);
        refused(IStakeVault.ZeroAddress.selector);
        vault.allocate(worker, address(0), 1);
        refused(IStakeVault.ZeroAmount.selector);
        vault.allocate(worker, controller, 0);
        vault.deposit(worker, 10);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.FreeTooSmall.selector, provider, worker, 10, 11));
        vault.allocate(worker, controller, 11);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.FreeTooSmall.selector, stranger, worker, 0, 1));
        vm.prank(stranger);
        vault.allocate(worker, controller, 1);
    }

    function test_allocate_refusesMoreThanFitsTheSlot() external {
        uint256 most = type(uint96).max;
        fund(provider, most);
        deposit(most);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.AmountTooLarge.selector, most + 1));
        vault.allocate(worker, controller, most - STAKE + 1);
        allocate(most - STAKE);
        expectStake(most, 0, 0);
        expectLockable(most);
    }

    // ---- leaving

    function test_S2_requestExit_queuesWhatIsActive(uint256 first, uint256 second) external {
        first = bound(first, 1, STAKE - 1);
        second = bound(second, 1, STAKE - first);
        vm.warp(born + 10);
        vm.expectEmit(address(vault));
        emit IStakeVault.ExitRequested(provider, worker, controller, first, born + 10 + DELAY);
        requestExit(first);
        expectStake(STAKE - first, 0, 0);
        expectExit(first, born + 10 + DELAY);
        expectLockable(STAKE - first);
        vm.warp(born + 400);
        requestExit(second);
        expectExit(first + second, born + 400 + DELAY);
        expectStake(STAKE - first - second, 0, 0);
        expectFree(0);
    }

    function test_requestExit_refuses() external {
        vm.startPrank(provider);
        refused(IStakeVault.ZeroAmount.selector);
        vault.requestExit(worker, controller, 0);
        refused(IStakeVault.StakeTooSmall.selector, STAKE, STAKE + 1);
        vault.requestExit(worker, controller, STAKE + 1);
        vault.requestExit(worker, controller, STAKE - 1);
        refused(IStakeVault.StakeTooSmall.selector, 1, 2);
        vault.requestExit(worker, controller, 2);
    }

    function test_requestExit_keepsTheAge() external {
        vm.warp(born + 9);
        requestExit(1);
        vm.assertEq(vault.allocationOf(provider, worker, controller).since, born);
    }

    function test_requestExit_refusesMoreThanTheQueueHolds() external {
        uint256 most = type(uint96).max;
        fund(provider, most);
        requestExit(STAKE);
        deposit(most);
        allocate(most);
        vm.prank(provider);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.AmountTooLarge.selector, most + 1));
        vault.requestExit(worker, controller, most + 1 - STAKE);
        requestExit(most - STAKE);
        expectExit(most, born + DELAY);
    }

    function test_S2_finishExit_notASecondBeforeTheDelay(uint256 early) external {
        requestExit(400);
        early = bound(early, born, born + DELAY - 1);
        vm.warp(early);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.ExitNotReady.selector, worker, born + DELAY));
        vm.prank(provider);
        vault.finishExit(worker, controller);
        vm.warp(born + DELAY);
        vm.expectEmit(address(vault));
        emit IStakeVault.ExitFinished(provider, worker, controller, 400);
        vm.assertEq(finishExit(), 400);
        expectFree(400);
        expectStake(600, 0, 0);
        expectExit(0, born + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NoExit.selector, worker));
        vm.prank(provider);
        vault.finishExit(worker, controller);
    }

    function test_S2_finishExit_leavesWhatIsLocked(uint256 locked, uint256 leaving) external {
        locked = bound(locked, 1, STAKE);
        leaving = bound(leaving, 1, STAKE);
        lock(locked);
        requestExit(leaving);
        vm.warp(born + DELAY);
        uint256 may = min(leaving, STAKE - locked);
        vm.assertEq(finishExit(), may);
        expectFree(may);
        expectStake(STAKE - leaving, locked, 1);
        expectExit(leaving - may, born + DELAY);
        // the rest is ready as soon as the job has ended
        release(locked, 0, address(0), 0);
        if (may < leaving) vm.assertEq(finishExit(), leaving - may);
        expectFree(leaving);
    }

    function test_S2_finishExit_isTheProvidersOnly() external {
        requestExit(400);
        vm.warp(born + DELAY);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.NoExit.selector, worker));
        vm.prank(worker);
        vault.finishExit(worker, controller);
    }

    // ---- withdraw

    function test_S1_withdraw_sendsWhatIsFree(uint256 amount) external {
        deposit(500);
        amount = bound(amount, 1, 500);
        vm.expectEmit(address(vault));
        emit IStakeVault.Withdrawn(provider, worker, amount, stranger);
        vm.prank(provider);
        vault.withdraw(worker, amount, stranger);
        expectFree(500 - amount);
        vm.assertEq(token.balanceOf(stranger), amount);
        expectStake(STAKE, 0, 0);
    }

    function test_withdraw_refuses() external {
        deposit(500);
        vm.startPrank(provider);
        refused(IStakeVault.ZeroAddress.selector);
        vault.withdraw(worker, 1, address(0));
        refused(IStakeVault.ZeroAmount.selector);
        vault.withdraw(worker, 0, provider);
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.FreeTooSmall.selector, provider, worker, 500, 501));
        vault.withdraw(worker, 501, provider);
        vm.stopPrank();
        vm.expectRevert(abi.encodeWithSelector(IStakeVault.FreeTooSmall.selector, worker, worker, 0, 1));
        vm.prank(worker);
        vault.withdraw(worker, 1, worker);
    }

    // ---- reentrancy

    function test_reentrancy_everyDoorThatMovesTokensIsShut() external {
        ReentrantToken back = new ReentrantToken();
        StakeVault other = deployVault(address(back));
        back.mint(provider, 1000);
        vm.startPrank(provider);
        back.approve(address(other), 1000);
        other.deposit(worker, 500);
        other.allocate(worker, provider, 100);
        other.lock(provider, worker, 100);
        other.release(provider, worker, 100, 100, provider, 50);
        bytes[] memory doors = new bytes[](4);
        doors[0] = abi.encodeCall(IStakeVault.deposit, (worker, 1));
        doors[1] = abi.encodeCall(IStakeVault.withdraw, (worker, 1, stranger));
        doors[2] = abi.encodeCall(IStakeVault.claim, (stranger));
        doors[3] = abi.encodeCall(IStakeVault.flushBurned, ());
        for (uint256 i = 0; i < doors.length; ++i) {
            back.arm(address(other), doors[i]);
            other.deposit(worker, 10);
            _expectShut(back);
            back.arm(address(other), doors[i]);
            other.withdraw(worker, 10, provider);
            _expectShut(back);
        }
        back.arm(address(other), doors[0]);
        vm.assertEq(other.claim(provider), 50);
        _expectShut(back);
        back.arm(address(other), doors[1]);
        vm.assertEq(other.flushBurned(), 50);
        _expectShut(back);
    }

    function _expectShut(ReentrantToken back) private view {
        vm.assertTrue(back.called() && !back.succeeded(), "the door is open");
        vm.assertEq(
            bytes32(back.answer()), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }
}
