// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Escrow} from "../../../contracts/core/Escrow.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";

/// @notice The way that every job of the board is paid: one account, what is burned, and what the payer gets back.
contract EscrowPayTest is Base {
    uint256 private constant FUNDS = 1_000_000;
    uint256 private constant MOST = type(uint128).max;

    Escrow private escrow;
    TestToken private coin;
    address private requester = actor("requester");
    address private worker = actor("worker");
    address private controller = actor("controller");

    function setUp() external {
        escrow = Escrow(make("Escrow", ""));
        coin = new TestToken("coin", "COIN", 6);
        coin.mint(address(this), 4 * MOST);
        coin.approve(address(escrow), type(uint256).max);
        escrow.deposit(controller, address(coin), requester, FUNDS);
    }

    function test_E1_pay_whatLeavesHeldIsWhatIsCredited(uint256 held, uint256 amount, uint256 burned, uint256 released)
        external
    {
        held = bound(held, 0, FUNDS);
        amount = bound(amount, 0, held);
        burned = bound(burned, 0, held - amount);
        released = bound(released, 0, held - amount - burned);
        _hold(held);
        _pay(worker, amount, burned, released);
        _expect(requester, FUNDS - held + released, held - amount - burned - released);
        _expect(worker, amount, 0);
        _expect(BURN, burned, 0);
    }

    function test_pay_addsToWhatIsThere() external {
        _hold(100);
        _pay(worker, 30, 4, 10);
        _pay(worker, 5, 1, 20);
        _expect(worker, 35, 0);
        _expect(BURN, 5, 0);
        _expect(requester, FUNDS - 100 + 30, 30);
    }

    function test_pay_toThePayerHimself_countsOnce() external {
        _hold(100);
        _pay(requester, 15, 0, 20);
        _expect(requester, FUNDS - 100 + 35, 65);
    }

    function test_pay_toTheBurnAddress_burnsBoth() external {
        _hold(100);
        _pay(BURN, 15, 20, 0);
        _expect(BURN, 35, 0);
        _expect(requester, FUNDS - 100, 65);
    }

    function test_pay_keepsWhatTheReceiverHasHeld() external {
        _hold(100);
        _pay(worker, 50, 0, 0);
        vm.prank(controller);
        escrow.hold(address(coin), worker, 20);
        _pay(worker, 7, 0, 0);
        _expect(worker, 37, 20);
    }

    function test_pay_nothingChangesNothing() external {
        _hold(100);
        _pay(worker, 0, 0, 0);
        _expect(worker, 0, 0);
        _expect(BURN, 0, 0);
        _expect(requester, FUNDS - 100, 100);
    }

    function test_pay_tellsNobody() external {
        _hold(100);
        vm.recordLogs();
        _pay(worker, 50, 3, 2);
        vm.assertEq(vm.getRecordedLogs().length, 0);
    }

    function test_E3_pay_neverMoreThanIsHeld(uint256 held, uint256 amount, uint256 burned, uint256 released) external {
        held = bound(held, 0, FUNDS - 1);
        amount = bound(amount, 0, held + 1);
        burned = bound(burned, 0, held + 1 - amount);
        released = bound(released, held + 1 - amount - burned, type(uint128).max);
        _hold(held);
        _refuse(_heldTooSmall(controller, held, amount + burned + released));
        escrow.pay(address(coin), requester, worker, amount, burned, released);
        _expect(worker, 0, 0);
        _expect(requester, FUNDS - held, held);
    }

    function test_E3_pay_once() external {
        _hold(100);
        _pay(worker, 60, 10, 30);
        _refuse(_heldTooSmall(controller, 0, 1));
        escrow.pay(address(coin), requester, worker, 1, 0, 0);
        _refuse(_heldTooSmall(controller, 0, 1));
        escrow.pay(address(coin), requester, worker, 0, 1, 0);
        _refuse(_heldTooSmall(controller, 0, 1));
        escrow.pay(address(coin), requester, worker, 0, 0, 1);
    }

    function test_E3_pay_anotherControllerFindsNothing() external {
        _hold(100);
        vm.expectRevert(_heldTooSmall(worker, 0, 1));
        vm.prank(worker);
        escrow.pay(address(coin), requester, worker, 1, 0, 0);
    }

    function test_pay_sumsThatOverflowAreRefused() external {
        uint256 all = type(uint256).max;
        _hold(100);
        _refuse(_tooLarge(all));
        escrow.pay(address(coin), requester, worker, all, 0, 0);
        _refuse(_tooLarge(all));
        escrow.pay(address(coin), requester, worker, 1, all, 0);
        _refuse(_tooLarge(MOST + 1));
        escrow.pay(address(coin), requester, worker, MOST + 1, 0, 0);
        _refuse(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.pay(address(coin), requester, worker, 1, 0, all);
        _refuse(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.pay(address(coin), requester, worker, 0, 1, all);
    }

    function test_pay_refusesMoreThanABalanceHolds() external {
        escrow.deposit(controller, address(coin), worker, MOST);
        escrow.deposit(controller, address(coin), BURN, MOST);
        _hold(10);
        _refuse(_tooLarge(MOST + 1));
        escrow.pay(address(coin), requester, worker, 1, 0, 0);
        _refuse(_tooLarge(MOST + 1));
        escrow.pay(address(coin), requester, controller, 0, 1, 0);
        escrow.deposit(controller, address(coin), requester, MOST - FUNDS + 10);
        _refuse(_tooLarge(MOST + 1));
        escrow.pay(address(coin), requester, controller, 0, 0, 1);
        _pay(controller, 10, 0, 0);
        _expect(controller, 10, 0);
    }

    // ---- help

    function _hold(uint256 amount) private {
        vm.prank(controller);
        escrow.hold(address(coin), requester, amount);
    }

    function _pay(address account, uint256 amount, uint256 burned, uint256 released) private {
        vm.prank(controller);
        escrow.pay(address(coin), requester, account, amount, burned, released);
    }

    /// @dev The controller's next call.
    function _refuse(bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(controller);
    }

    function _expect(address account, uint256 free, uint256 held) private view {
        IEscrow.Balance memory balance = escrow.balanceOf(controller, address(coin), account);
        vm.assertEq(balance.free, free, "free");
        vm.assertEq(balance.held, held, "held");
    }

    function _heldTooSmall(address by, uint256 have, uint256 need) private view returns (bytes memory) {
        return abi.encodeWithSelector(IEscrow.HeldTooSmall.selector, by, address(coin), requester, have, need);
    }

    function _tooLarge(uint256 amount) private pure returns (bytes memory) {
        return abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, amount);
    }
}
