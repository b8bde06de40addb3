// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Permit.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {BURN} from "../types/Money.sol";

/// @title Escrow, as IEscrow says
contract Escrow is IEscrow, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    mapping(address controller => mapping(address token => mapping(address account => Balance))) private _balances;

    /// @inheritdoc IEscrow
    function deposit(address controller, address token, address account, uint256 amount)
        external
        nonReentrant
        returns (uint256)
    {
        return _deposit(controller, token, account, amount);
    }

    /// @inheritdoc IEscrow
    function depositWithPermit(
        address controller,
        address token,
        address account,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external nonReentrant returns (uint256) {
        // A permit travels in the open: somebody may have used it first, and then the allowance is there all the same.
        try IERC20Permit(token).permit(msg.sender, address(this), amount, deadline, v, r, s) {} catch {}
        return _deposit(controller, token, account, amount);
    }

    /// @inheritdoc IEscrow
    function withdraw(address controller, address token, uint256 amount, address to) external nonReentrant {
        require(to != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        Balance storage balance = _balances[controller][token][msg.sender];
        uint256 free = balance.free;
        require(free >= amount, FreeTooSmall(controller, token, msg.sender, free, amount));
        balance.free = uint128(free - amount);
        emit Withdrawn(controller, token, msg.sender, amount, to);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IEscrow
    function hold(address token, address account, uint256 amount) external {
        Balance memory balance = _balances[msg.sender][token][account];
        require(balance.free >= amount, FreeTooSmall(msg.sender, token, account, balance.free, amount));
        _balances[msg.sender][token][account] =
            Balance({free: uint128(balance.free - amount), held: _to128(balance.held + amount)});
        emit Held(msg.sender, token, account, amount);
    }

    /// @inheritdoc IEscrow
    function distribute(
        address token,
        address payer,
        address[] calldata accounts,
        uint256[] calldata amounts,
        uint256 released
    ) external {
        require(accounts.length == amounts.length, LengthMismatch(accounts.length, amounts.length));
        uint256 paid;
        for (uint256 i = 0; i < amounts.length; ++i) {
            paid += amounts[i];
        }

        // INVARIANT (E1, E3): what leaves `held` of this controller's payer is exactly what becomes free, there or elsewhere.
        Balance memory balance = _balances[msg.sender][token][payer];
        require(balance.held >= paid + released, HeldTooSmall(msg.sender, token, payer, balance.held, paid + released));
        _balances[msg.sender][token][payer] =
            Balance({free: _to128(balance.free + released), held: uint128(balance.held - paid - released)});
        emit Distributed(msg.sender, token, payer, paid, released);

        for (uint256 i = 0; i < amounts.length; ++i) {
            if (amounts[i] > 0) _credit(msg.sender, token, accounts[i], amounts[i]);
        }
    }

    /// @inheritdoc IEscrow
    function flushBurned(address controller, address token) external nonReentrant returns (uint256 amount) {
        Balance storage balance = _balances[controller][token][BURN];
        amount = balance.free;
        require(amount > 0, ZeroAmount());
        balance.free = 0;
        emit Burned(controller, token, amount);
        IERC20(token).safeTransfer(BURN, amount);
    }

    /// @inheritdoc IEscrow
    function balanceOf(address controller, address token, address account) external view returns (Balance memory) {
        return _balances[controller][token][account];
    }

    function _deposit(address controller, address token, address account, uint256 amount)
        private
        returns (uint256 credited)
    {
        require(controller != address(0) && account != address(0), ZeroAddress());
        require(amount > 0, ZeroAmount());
        uint256 before = IERC20(token).balanceOf(address(this));
        IERC20(token).safeTransferFrom(msg.sender, address(this), amount);
        credited = IERC20(token).balanceOf(address(this)) - before;
        require(credited > 0, ZeroAmount());
        _balances[controller][token][account].free = _to128(_balances[controller][token][account].free + credited);
        emit Deposited(controller, token, account, credited);
    }

    function _credit(address controller, address token, address account, uint256 amount) private {
        Balance storage balance = _balances[controller][token][account];
        balance.free = _to128(balance.free + amount);
        emit Credited(controller, token, account, amount);
    }

    function _to128(uint256 amount) private pure returns (uint128) {
        require(amount <= type(uint128).max, AmountTooLarge(amount));
        return uint128(amount);
    }
}
