// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Escrow} from "../../../contracts/core/Escrow.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {Base} from "../base/Base.sol";

/// @notice What a controller can do with the money deposited for it, and what it cannot.
contract EscrowControllerTest is Base {
    uint256 private constant FUNDS = 1_000_000;

    Escrow private escrow;
    TestToken private coin;
    address private requester = actor("requester");
    address private worker = actor("worker");
    address private controller = actor("controller");

    function setUp() external {
        escrow = Escrow(make("Escrow", ""));
        coin = new TestToken("coin", "COIN", 6);
        coin.mint(address(this), FUNDS);
        coin.approve(address(escrow), FUNDS);
        escrow.deposit(controller, address(coin), requester, FUNDS);
    }

    // ---- hold

    function test_E3_hold_movesFreeToHeld(uint256 amount, uint256 second) external {
        amount = bound(amount, 0, FUNDS);
        second = bound(second, 0, FUNDS - amount);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, amount);
        _expect(requester, FUNDS - amount, amount);
        escrow.hold(address(coin), requester, second);
        _expect(requester, FUNDS - amount - second, amount + second);
    }

    function test_E3_hold_neverMoreThanIsFree(uint256 held, uint256 amount) external {
        held = bound(held, 0, FUNDS);
        amount = bound(amount, FUNDS - held + 1, type(uint256).max);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, held);
        vm.expectRevert(_freeTooSmall(controller, requester, FUNDS - held, amount));
        escrow.hold(address(coin), requester, amount);
    }

    function test_E3_hold_anotherControllerFindsNothing() external {
        vm.expectRevert(_freeTooSmall(worker, requester, 0, 1));
        vm.prank(worker);
        escrow.hold(address(coin), requester, 1);
    }

    // ---- distribute

    function test_E1_distribute_whatLeavesHeldIsWhatIsCredited(uint256 held, uint256 a, uint256 b, uint256 released)
        external
    {
        held = bound(held, 0, FUNDS);
        a = bound(a, 0, held);
        b = bound(b, 0, held - a);
        released = bound(released, 0, held - a - b);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, held);
        escrow.distribute(address(coin), requester, _two(worker, address(this)), _two(a, b), released);
        _expect(requester, FUNDS - held + released, held - a - b - released);
        _expect(worker, a, 0);
        _expect(address(this), b, 0);
    }

    function test_distribute_addsToWhatIsThere() external {
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 100);
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(30), 20), 10);
        escrow.distribute(address(coin), requester, _two(worker, requester), _two(uint256(5), 15), 20);
        _expect(worker, 55, 0);
        _expect(requester, FUNDS - 100 + 10 + 15 + 20, 0);
    }

    function test_distribute_keepsWhatTheReceiverHasHeld() external {
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 100);
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(50), 0), 0);
        escrow.hold(address(coin), worker, 20);
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(7), 0), 0);
        _expect(worker, 37, 20);
        _expect(requester, FUNDS - 100, 43);
    }

    function test_E3_distribute_neverMoreThanIsHeld(uint256 held, uint256 a, uint256 released) external {
        held = bound(held, 0, FUNDS - 1);
        a = bound(a, 0, held + 1);
        released = bound(released, held + 1 - a, type(uint128).max);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, held);
        vm.expectRevert(_heldTooSmall(controller, held, a + released));
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(a, 0), released);
    }

    function test_E3_distribute_anotherControllerFindsNothing() external {
        vm.prank(controller);
        escrow.hold(address(coin), requester, 100);
        vm.expectRevert(_heldTooSmall(worker, 0, 1));
        vm.prank(worker);
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(1), 0), 0);
    }

    function test_distribute_refusesListsOfUnequalLength() external {
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.LengthMismatch.selector, 2, 1));
        escrow.distribute(address(coin), requester, _two(worker, worker), new uint256[](1), 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.LengthMismatch.selector, 0, 2));
        escrow.distribute(address(coin), requester, new address[](0), _two(uint256(1), 1), 0);
    }

    function test_distribute_noReceiversGivesAllBack() external {
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 100);
        escrow.distribute(address(coin), requester, new address[](0), new uint256[](0), 100);
        _expect(requester, FUNDS, 0);
    }

    function test_distribute_sumsThatOverflowAreRefused() external {
        uint256 most = type(uint256).max;
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 100);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most));
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(most, 2), 0);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(1), most), 0);
        vm.expectRevert(abi.encodeWithSignature("Panic(uint256)", 0x11));
        escrow.distribute(address(coin), requester, _two(worker, worker), _two(uint256(1), 0), most);
    }

    function test_distribute_refusesMoreThanABalanceHolds() external {
        uint256 most = type(uint128).max;
        TestToken other = new TestToken("other", "OTHER", 18);
        other.mint(address(this), 3 * most);
        other.approve(address(escrow), type(uint256).max);
        escrow.deposit(controller, address(other), requester, most);
        escrow.deposit(controller, address(other), worker, most);
        vm.startPrank(controller);
        escrow.hold(address(other), requester, 10);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most + 1));
        escrow.distribute(address(other), requester, _two(worker, worker), _two(uint256(1), 0), 0);
        vm.stopPrank();
        escrow.deposit(controller, address(other), requester, 10);
        vm.startPrank(controller);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most + 1));
        escrow.distribute(address(other), requester, new address[](0), new uint256[](0), 1);
        // what is held may grow as large as what is free
        escrow.hold(address(other), requester, most - 10);
        vm.stopPrank();
        escrow.deposit(controller, address(other), requester, 5);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most + 5));
        vm.prank(controller);
        escrow.hold(address(other), requester, 5);
    }

    // ---- help

    function _expect(address account, uint256 free, uint256 held) private view {
        IEscrow.Balance memory balance = escrow.balanceOf(controller, address(coin), account);
        vm.assertEq(balance.free, free, "free");
        vm.assertEq(balance.held, held, "held");
    }

    function _freeTooSmall(address by, address account, uint256 have, uint256 need)
        private
        view
        returns (bytes memory)
    {
        return abi.encodeWithSelector(IEscrow.FreeTooSmall.selector, by, address(coin), account, have, need);
    }

    function _heldTooSmall(address by, uint256 have, uint256 need) private view returns (bytes memory) {
        return abi.encodeWithSelector(IEscrow.HeldTooSmall.selector, by, address(coin), requester, have, need);
    }

    function _two(address a, address b) private pure returns (address[] memory list) {
        list = new address[](2);
        (list[0], list[1]) = (a, b);
    }

    function _two(uint256 a, uint256 b) private pure returns (uint256[] memory list) {
        list = new uint256[](2);
        (list[0], list[1]) = (a, b);
    }
}
