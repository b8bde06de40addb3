// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Escrow} from "../../../contracts/core/Escrow.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {BURN} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";
import {PlainToken} from "../base/PlainToken.sol";

/// @notice Proved by halmos for all amounts: what a controller can do with money, and what it cannot.
contract EscrowSymbolic is Base {
    address private constant REQUESTER = address(0x1001);
    address private constant WORKER = address(0x1002);
    address private constant CONTROLLER = address(0x1003);
    address private constant OTHER = address(0x1004);

    Escrow private escrow;
    PlainToken private coin;

    function setUp() public {
        escrow = new Escrow();
        coin = new PlainToken();
    }

    function check_E3_holdMovesFreeToHeldAndNothingElse(uint128 funds, uint256 amount) external {
        _deposit(CONTROLLER, REQUESTER, funds);
        bool good = _hold(amount);
        assert(good == (amount <= funds));
        IEscrow.Balance memory balance = _of(CONTROLLER, REQUESTER);
        assert(uint256(balance.free) + balance.held == funds);
        assert(balance.held == (good ? amount : 0));
    }

    /// @dev What each has afterwards, exactly; so the sum is what it was.
    function check_E1_distributeConserves(uint128 held, uint128 paid, uint128 released) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held));
        vm.assume(paid <= held && released <= held - paid);
        assert(_distribute(CONTROLLER, paid, 0, released));
        IEscrow.Balance memory payer = _of(CONTROLLER, REQUESTER);
        IEscrow.Balance memory worker = _of(CONTROLLER, WORKER);
        assert(payer.held == held - paid - released);
        assert(payer.free == released);
        assert(worker.free == paid && worker.held == 0);
    }

    function check_E3_distributeNeverExceedsWhatIsHeld(uint128 held, uint128 a, uint128 b, uint128 released) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held));
        vm.assume(uint256(a) + b + released > held);
        assert(!_distribute(CONTROLLER, a, b, released));
        assert(_of(CONTROLLER, REQUESTER).held == held && _of(CONTROLLER, WORKER).free == 0);
    }

    function check_E3_noDoublePay(uint128 held, uint256 released, uint256 again) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held) && released <= held && again > 0);
        assert(_distribute(CONTROLLER, held - released, 0, released));
        assert(!_distribute(CONTROLLER, again, 0, 0));
        assert(!_distribute(CONTROLLER, 0, again, 0));
    }

    function check_E3_noRefundAfterPay(uint128 held, uint256 paid, uint256 refund) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held) && paid <= held && refund > held - paid);
        assert(_distribute(CONTROLLER, paid, 0, 0));
        assert(!_distribute(CONTROLLER, 0, 0, refund));
    }

    /// @dev As `distribute`, for the way that the board pays.
    function check_E1_payConserves(uint128 held, uint128 paid, uint128 burned, uint128 released) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held));
        vm.assume(uint256(paid) + burned + released <= held);
        assert(_pay(CONTROLLER, paid, burned, released));
        IEscrow.Balance memory payer = _of(CONTROLLER, REQUESTER);
        assert(payer.held == held - paid - burned - released);
        assert(payer.free == released);
        assert(_of(CONTROLLER, WORKER).free == paid && _of(CONTROLLER, WORKER).held == 0);
        assert(_of(CONTROLLER, BURN).free == burned && _of(CONTROLLER, BURN).held == 0);
    }

    /// @dev Whole words: no sum wraps around below what is held.
    function check_E3_payNeverExceedsWhatIsHeld(uint128 held, uint256 paid, uint256 burned, uint256 released) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held));
        vm.assume(paid > held || burned > held - paid || released > held - paid - burned);
        assert(!_pay(CONTROLLER, paid, burned, released));
        assert(_of(CONTROLLER, REQUESTER).held == held && _of(CONTROLLER, REQUESTER).free == 0);
        assert(_of(CONTROLLER, WORKER).free == 0 && _of(CONTROLLER, BURN).free == 0);
    }

    function check_E3_payOnce(uint128 held, uint256 burned, uint256 released, uint256 again) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held) && released <= held && burned <= held - released && again > 0);
        assert(_pay(CONTROLLER, held - released - burned, burned, released));
        assert(!_pay(CONTROLLER, again, 0, 0));
        assert(!_pay(CONTROLLER, 0, again, 0));
        assert(!_pay(CONTROLLER, 0, 0, again));
    }

    function check_E3_anotherControllerPaysNothing(uint128 held, uint256 paid, uint256 burned, uint256 released) external {
        _deposit(CONTROLLER, REQUESTER, held);
        vm.assume(_hold(held));
        assert(!_pay(OTHER, paid, burned, released) || (paid == 0 && burned == 0 && released == 0));
        assert(_of(CONTROLLER, REQUESTER).held == held && _of(CONTROLLER, REQUESTER).free == 0);
    }

    function check_E3_anotherControllerMovesNothing(uint128 funds, uint128 held, uint256 a, uint256 released) external {
        _deposit(CONTROLLER, REQUESTER, funds);
        vm.assume(_hold(held));
        vm.prank(OTHER);
        (bool good,) = address(escrow).call(abi.encodeCall(IEscrow.hold, (address(coin), REQUESTER, a)));
        assert(!good || a == 0);
        assert(!_distribute(OTHER, a, 0, released) || a + released == 0);
        IEscrow.Balance memory balance = _of(CONTROLLER, REQUESTER);
        assert(balance.held == held && balance.free == funds - held);
    }

    function check_E3_withdrawNeverTouchesHeld(uint128 funds, uint128 held, uint256 amount) external {
        _deposit(CONTROLLER, REQUESTER, funds);
        vm.assume(_hold(held));
        vm.prank(REQUESTER);
        (bool good,) = address(escrow).call(
            abi.encodeCall(IEscrow.withdraw, (CONTROLLER, address(coin), amount, REQUESTER))
        );
        assert(good == (amount > 0 && amount <= funds - held));
        assert(_of(CONTROLLER, REQUESTER).held == held);
        // E1: what the ledger owes is there
        uint256 owed = uint256(_of(CONTROLLER, REQUESTER).free) + held;
        assert(coin.balanceOf(address(escrow)) == owed);
    }

    function _deposit(address controller, address account, uint128 amount) private {
        vm.assume(amount > 0);
        coin.mint(address(this), amount);
        escrow.deposit(controller, address(coin), account, amount);
    }

    function _hold(uint256 amount) private returns (bool good) {
        vm.prank(CONTROLLER);
        (good,) = address(escrow).call(abi.encodeCall(IEscrow.hold, (address(coin), REQUESTER, amount)));
    }

    function _distribute(address controller, uint256 a, uint256 b, uint256 released) private returns (bool good) {
        address[] memory accounts = new address[](2);
        uint256[] memory amounts = new uint256[](2);
        (accounts[0], accounts[1]) = (WORKER, OTHER);
        (amounts[0], amounts[1]) = (a, b);
        vm.prank(controller);
        (good,) = address(escrow).call(
            abi.encodeCall(IEscrow.distribute, (address(coin), REQUESTER, accounts, amounts, released))
        );
    }

    function _pay(address controller, uint256 paid, uint256 burned, uint256 released) private returns (bool good) {
        vm.prank(controller);
        (good,) = address(escrow).call(
            abi.encodeCall(IEscrow.pay, (address(coin), REQUESTER, WORKER, paid, burned, released))
        );
    }

    function _of(address controller, address account) private view returns (IEscrow.Balance memory) {
        return escrow.balanceOf(controller, address(coin), account);
    }
}
