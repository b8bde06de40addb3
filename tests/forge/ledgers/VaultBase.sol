// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {Base} from "../base/Base.sol";

/// @notice A vault, and a provider with 1000 units allocated for its worker to a controller.
abstract contract VaultBase is Base {
    uint40 internal constant DELAY = 12_000;
    uint256 internal constant STAKE = 1000;

    StakeVault internal vault;
    TestToken internal token;
    address internal provider = actor("provider");
    address internal worker = actor("worker");
    address internal controller = actor("controller");
    address internal finder = actor("finder");
    address internal stranger = actor("stranger");
    uint40 internal born;

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        token = new TestToken("stake", "STK", 18);
        vault = deployVault(address(token));
        fund(provider, 10 * STAKE);
        deposit(STAKE);
        allocate(STAKE);
        born = uint40(block.timestamp);
    }

    function deployVault(address stakeToken) internal returns (StakeVault) {
        return StakeVault(make("StakeVault", abi.encode(stakeToken, DELAY)));
    }

    function fund(address account, uint256 amount) internal {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(vault), type(uint256).max);
    }

    function deposit(uint256 amount) internal {
        vm.prank(provider);
        vault.deposit(worker, amount);
    }

    function allocate(uint256 amount) internal {
        vm.prank(provider);
        vault.allocate(worker, controller, amount);
    }

    function lock(uint256 amount) internal {
        vm.prank(controller);
        vault.lock(provider, worker, amount);
    }

    function release(uint256 amount, uint256 slashed, address finder_, uint256 share) internal {
        vm.prank(controller);
        vault.release(provider, worker, amount, slashed, finder_, share);
    }

    function requestExit(uint256 amount) internal {
        vm.prank(provider);
        vault.requestExit(worker, controller, amount);
    }

    function finishExit() internal returns (uint256) {
        vm.prank(provider);
        return vault.finishExit(worker, controller);
    }

    function setCap(bool capped, uint96 cap) internal {
        vm.prank(provider);
        vault.setLockCap(worker, controller, capped, cap);
    }

    function expectStake(uint256 active, uint256 locked, uint256 locks) internal view {
        IStakeVault.Allocation memory have = vault.allocationOf(provider, worker, controller);
        vm.assertEq(have.active, active, "active");
        vm.assertEq(have.locked, locked, "locked");
        vm.assertEq(have.locks, locks, "locks");
    }

    function expectExit(uint256 amount, uint256 readyAt) internal view {
        IStakeVault.Exit memory have = vault.exitOf(provider, worker, controller);
        vm.assertEq(have.amount, amount, "exiting");
        vm.assertEq(have.readyAt, readyAt, "readyAt");
    }

    function expectFree(uint256 amount) internal view {
        vm.assertEq(vault.freeOf(provider, worker), amount, "free");
    }

    function expectLockable(uint256 amount) internal view {
        vm.assertEq(vault.lockable(provider, worker, controller), amount, "lockable");
    }

    function refused(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function refused(bytes4 selector, uint256 have, uint256 need) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, worker, have, need));
    }
}
