// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Escrow} from "../../../contracts/core/Escrow.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {FeeToken} from "../../../contracts/test/FeeToken.sol";
import {ReentrantToken} from "../../../contracts/test/ReentrantToken.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";
import {IllBehavedToken} from "../base/IllBehavedToken.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

/// @notice What enters the Escrow and what leaves it.
contract EscrowMoneyTest is Base {
    uint256 private constant FUNDS = 1_000_000;

    Escrow private escrow;
    TestToken private coin;
    address private requester = actor("requester");
    address private stranger = actor("stranger");
    address private controller = actor("controller");

    function setUp() external {
        escrow = Escrow(make("Escrow", ""));
        coin = new TestToken("coin", "COIN", 6);
        _fund(coin, requester, FUNDS);
    }

    // ---- deposit

    function test_deposit_creditsTheAccountUnderTheController(uint256 amount, uint256 second) external {
        amount = bound(amount, 1, FUNDS - 1);
        second = bound(second, 1, FUNDS - amount);
        vm.expectEmit(address(escrow));
        emit IEscrow.Deposited(controller, address(coin), stranger, amount);
        vm.prank(requester);
        vm.assertEq(escrow.deposit(controller, address(coin), stranger, amount), amount);
        _expectBalance(stranger, amount, 0);
        _expectBalance(requester, 0, 0);
        vm.assertEq(coin.balanceOf(address(escrow)), amount);
        vm.assertEq(coin.balanceOf(requester), FUNDS - amount);

        vm.prank(requester);
        escrow.deposit(controller, address(coin), stranger, second);
        _expectBalance(stranger, amount + second, 0);
        vm.assertEq(escrow.balanceOf(stranger, address(coin), stranger).free, 0);
    }

    function test_deposit_refusesZeroes() external {
        vm.startPrank(requester);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAddress.selector));
        escrow.deposit(address(0), address(coin), requester, 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAddress.selector));
        escrow.deposit(controller, address(coin), address(0), 1);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAmount.selector));
        escrow.deposit(controller, address(coin), requester, 0);
    }

    function test_E1_deposit_creditsWhatArrivedOfATokenWithAFee() external {
        FeeToken token = new FeeToken();
        _fund(token, requester, 1000);
        vm.startPrank(requester);
        vm.assertEq(escrow.deposit(controller, address(token), requester, 1000), 990);
        vm.assertEq(escrow.balanceOf(controller, address(token), requester).free, 990);
        vm.assertEq(token.balanceOf(address(escrow)), 990);
        escrow.withdraw(controller, address(token), 990, requester);
        vm.assertEq(token.balanceOf(address(escrow)), 0);
    }

    function test_deposit_refusesWhatNeverArrived() external {
        IllBehavedToken token = new IllBehavedToken();
        token.set(IllBehavedToken.Habit.TakesAll);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAmount.selector));
        escrow.deposit(controller, address(token), requester, 5);
    }

    function test_deposit_refusesMoreThanABalanceHolds() external {
        uint256 most = type(uint128).max;
        _fund(coin, stranger, most + 1);
        vm.startPrank(stranger);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most + 1));
        escrow.deposit(controller, address(coin), stranger, most + 1);
        escrow.deposit(controller, address(coin), stranger, most);
        _expectBalance(stranger, most, 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.AmountTooLarge.selector, most + 1));
        escrow.deposit(controller, address(coin), stranger, 1);
    }

    function test_deposit_takesTokensThatReturnNothing() external {
        IllBehavedToken token = new IllBehavedToken();
        token.set(IllBehavedToken.Habit.ReturnsNothing);
        vm.assertEq(escrow.deposit(controller, address(token), requester, 5), 5);
        vm.prank(requester);
        escrow.withdraw(controller, address(token), 5, stranger);
        vm.assertEq(token.balanceOf(stranger), 5);
    }

    function test_deposit_refusesTokensThatSayNo() external {
        IllBehavedToken token = new IllBehavedToken();
        token.set(IllBehavedToken.Habit.ReturnsFalse);
        vm.expectRevert(abi.encodeWithSignature("SafeERC20FailedOperation(address)", address(token)));
        escrow.deposit(controller, address(token), requester, 5);
    }

    // ---- permit

    function test_depositWithPermit_usesTheSignature() external {
        coin.mint(actor("signer"), 70);
        (uint8 v, bytes32 r, bytes32 s) = _permit("signer", 70, block.timestamp);
        vm.expectEmit(address(escrow));
        emit IEscrow.Deposited(controller, address(coin), requester, 70);
        vm.prank(actor("signer"));
        vm.assertEq(escrow.depositWithPermit(controller, address(coin), requester, 70, block.timestamp, v, r, s), 70);
        _expectBalance(requester, 70, 0);
    }

    function test_depositWithPermit_somebodyUsedItFirst_isNoFailure() external {
        coin.mint(actor("signer"), 70);
        (uint8 v, bytes32 r, bytes32 s) = _permit("signer", 70, block.timestamp);
        vm.prank(stranger);
        coin.permit(actor("signer"), address(escrow), 70, block.timestamp, v, r, s);
        vm.prank(actor("signer"));
        escrow.depositWithPermit(controller, address(coin), actor("signer"), 70, block.timestamp, v, r, s);
        _expectBalance(actor("signer"), 70, 0);
    }

    function test_depositWithPermit_aWrongOneGivesNoAllowance() external {
        coin.mint(actor("signer"), 70);
        (uint8 v, bytes32 r, bytes32 s) = _permit("signer", 69, block.timestamp);
        vm.expectRevert(
            abi.encodeWithSignature("ERC20InsufficientAllowance(address,uint256,uint256)", address(escrow), 0, 70)
        );
        vm.prank(actor("signer"));
        escrow.depositWithPermit(controller, address(coin), actor("signer"), 70, block.timestamp, v, r, s);
    }

    // ---- withdraw

    function test_withdraw_sendsOwnFreeBalance(uint256 amount) external {
        amount = bound(amount, 1, 600);
        _deposit(600);
        vm.expectEmit(address(escrow));
        emit IEscrow.Withdrawn(controller, address(coin), requester, amount, stranger);
        vm.prank(requester);
        escrow.withdraw(controller, address(coin), amount, stranger);
        _expectBalance(requester, 600 - amount, 0);
        vm.assertEq(coin.balanceOf(stranger), amount);
    }

    function test_E3_withdraw_neverTouchesWhatIsHeld() external {
        _deposit(600);
        vm.prank(controller);
        escrow.hold(address(coin), requester, 450);
        vm.startPrank(requester);
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrow.FreeTooSmall.selector, controller, address(coin), requester, uint256(150), uint256(151)
            )
        );
        escrow.withdraw(controller, address(coin), 151, requester);
        escrow.withdraw(controller, address(coin), 150, requester);
        _expectBalance(requester, 0, 450);
    }

    function test_withdraw_refusesZeroesAndStrangers() external {
        _deposit(600);
        vm.startPrank(requester);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAddress.selector));
        escrow.withdraw(controller, address(coin), 1, address(0));
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAmount.selector));
        escrow.withdraw(controller, address(coin), 0, requester);
        vm.stopPrank();
        vm.expectRevert(
            abi.encodeWithSelector(
                IEscrow.FreeTooSmall.selector, controller, address(coin), stranger, uint256(0), uint256(1)
            )
        );
        vm.prank(stranger);
        escrow.withdraw(controller, address(coin), 1, stranger);
    }

    // ---- burning

    function test_flushBurned_sendsAllOfItOnce() external {
        _deposit(600);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 40);
        escrow.distribute(address(coin), requester, _one(BURN), _one(33), 7);
        vm.stopPrank();
        vm.expectEmit(address(escrow));
        emit IEscrow.Burned(controller, address(coin), 33);
        vm.prank(stranger);
        vm.assertEq(escrow.flushBurned(controller, address(coin)), 33);
        vm.assertEq(coin.balanceOf(BURN), 33);
        _expectBalance(BURN, 0, 0);
        _expectBalance(requester, 567, 0);
        vm.expectRevert(abi.encodeWithSelector(IEscrow.ZeroAmount.selector));
        escrow.flushBurned(controller, address(coin));
    }

    function test_flushBurned_leavesWhatIsHeld() external {
        _deposit(600);
        vm.startPrank(controller);
        escrow.hold(address(coin), requester, 40);
        escrow.distribute(address(coin), requester, _one(BURN), _one(40), 0);
        escrow.hold(address(coin), BURN, 15);
        vm.assertEq(escrow.flushBurned(controller, address(coin)), 25);
        _expectBalance(BURN, 0, 15);
    }

    function test_oneUnitPassesEveryDoor() external {
        _deposit(2);
        vm.prank(requester);
        escrow.deposit(controller, address(coin), BURN, 1);
        vm.prank(requester);
        vm.assertEq(escrow.deposit(controller, address(coin), requester, 1), 1);
        vm.prank(requester);
        escrow.withdraw(controller, address(coin), 1, stranger);
        vm.assertEq(coin.balanceOf(stranger), 1);
        _expectBalance(requester, 2, 0);
        vm.assertEq(escrow.flushBurned(controller, address(coin)), 1);
        vm.assertEq(coin.balanceOf(BURN), 1);
    }

    // ---- reentrancy

    function test_reentrancy_everyDoorThatMovesTokensIsShut() external {
        ReentrantToken token = new ReentrantToken();
        _fund(token, requester, 300);
        vm.startPrank(requester);
        escrow.deposit(address(token), address(token), requester, 100);
        escrow.deposit(address(this), address(token), BURN, 10);
        bytes[] memory doors = new bytes[](4);
        doors[0] = abi.encodeCall(IEscrow.deposit, (controller, address(token), requester, 1));
        doors[1] = abi.encodeCall(
            IEscrow.depositWithPermit, (controller, address(token), requester, 1, 0, 0, bytes32(0), bytes32(0))
        );
        doors[2] = abi.encodeCall(IEscrow.withdraw, (controller, address(token), 1, stranger));
        doors[3] = abi.encodeCall(IEscrow.flushBurned, (address(this), address(token)));
        for (uint256 i = 0; i < doors.length; ++i) {
            token.arm(address(escrow), doors[i]);
            escrow.deposit(address(token), address(token), requester, 10);
            _expectShut(token);
            token.arm(address(escrow), doors[i]);
            escrow.depositWithPermit(address(token), address(token), requester, 10, 0, 0, 0, 0);
            _expectShut(token);
            token.arm(address(escrow), doors[i]);
            escrow.withdraw(address(token), address(token), 5, requester);
            _expectShut(token);
        }
        token.arm(address(escrow), doors[2]);
        escrow.flushBurned(address(this), address(token));
        _expectShut(token);
    }

    // ---- help

    function _expectShut(ReentrantToken token) private view {
        vm.assertTrue(token.called() && !token.succeeded(), "the door is open");
        vm.assertEq(
            bytes32(token.answer()), bytes32(ReentrancyGuardTransient.ReentrancyGuardReentrantCall.selector)
        );
    }

    function _fund(TestToken token, address account, uint256 amount) private {
        token.mint(account, amount);
        vm.prank(account);
        token.approve(address(escrow), type(uint256).max);
    }

    function _deposit(uint256 amount) private {
        vm.prank(requester);
        escrow.deposit(controller, address(coin), requester, amount);
    }

    function _expectBalance(address account, uint256 free, uint256 held) private view {
        IEscrow.Balance memory balance = escrow.balanceOf(controller, address(coin), account);
        vm.assertEq(balance.free, free, "free");
        vm.assertEq(balance.held, held, "held");
    }

    function _permit(string memory role, uint256 amount, uint256 deadline)
        private
        view
        returns (uint8 v, bytes32 r, bytes32 s)
    {
        bytes32 typehash =
            keccak256("Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)");
        bytes32 data = keccak256(abi.encode(typehash, actor(role), address(escrow), amount, 0, deadline));
        return vm.sign(keyOf(role), keccak256(abi.encodePacked("\x19\x01", coin.DOMAIN_SEPARATOR(), data)));
    }

    function _one(address account) private pure returns (address[] memory list) {
        list = new address[](1);
        list[0] = account;
    }

    function _one(uint256 amount) private pure returns (uint256[] memory list) {
        list = new uint256[](1);
        list[0] = amount;
    }
}
