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
        Balance storage balance = _balances[msg.sender][token][account];
        (uint256 free, uint256 held) = (balance.free, balance.held);
        require(free >= amount, FreeTooSmall(msg.sender, token, account, free, amount));
        unchecked {
            // amount <= free, and both parts are below 2^128
            (balance.free, balance.held) = (uint128(free - amount), _to128(held + amount));
        }
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
        mapping(address account => Balance) storage balances = _balances[msg.sender][token];
        uint256 paid = _creditAll(balances, accounts, amounts);

        // INVARIANT (E1, E3): what leaves `held` of this controller's payer is exactly what becomes free, there or elsewhere.
        // Read after the credits: the payer may be among those paid.
        Balance storage balance = balances[payer];
        (uint256 free, uint256 held) = (balance.free, balance.held);
        uint256 leaving = paid + released;
        require(held >= leaving, HeldTooSmall(msg.sender, token, payer, held, leaving));
        unchecked {
            // released <= leaving <= held, and both parts are below 2^128
            (balance.free, balance.held) = (_to128(free + released), uint128(held - leaving));
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

    function _creditAll(
        mapping(address account => Balance) storage balances,
        address[] calldata accounts,
        uint256[] calldata amounts
    ) private returns (uint256 sum) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint256 amount = amounts[i];
            if (amount == 0) continue;
            Balance storage balance = balances[accounts[i]];
            balance.free = _to128(balance.free + amount);
            unchecked {
                sum += amount; // each is below 2^128 by now
            }
        }
    }

    function _to128(uint256 amount) private pure returns (uint128) {
        require(amount <= type(uint128).max, AmountTooLarge(amount));
        return uint128(amount);
    }
}
