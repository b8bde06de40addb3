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

    /// @dev A Balance, read once and written once.
    struct Purse {
        uint256 word; // held in the upper half, free in the lower
    }

    mapping(address controller => mapping(address token => mapping(address account => Purse))) private _purses;

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
        Purse storage purse = _purses[controller][token][msg.sender];
        uint256 free = _free(purse.word);
        require(free >= amount, FreeTooSmall(controller, token, msg.sender, free, amount));
        purse.word -= amount;
        emit Withdrawn(controller, token, msg.sender, amount, to);
        IERC20(token).safeTransfer(to, amount);
    }

    /// @inheritdoc IEscrow
    function hold(address token, address account, uint256 amount) external {
        Purse storage purse = _purses[msg.sender][token][account];
        uint256 word = purse.word;
        require(_free(word) >= amount, FreeTooSmall(msg.sender, token, account, _free(word), amount));
        unchecked {
            _check128(_held(word) + amount); // amount <= free < 2^128
            purse.word = word - amount + (amount << 128);
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
        mapping(address account => Purse) storage purses = _purses[msg.sender][token];
        _leave(purses[payer], token, payer, _creditAll(purses, accounts, amounts), released);
    }

    /// @inheritdoc IEscrow
    function pay(address token, address payer, address account, uint256 amount, uint256 burned, uint256 released)
        external
    {
        mapping(address account => Purse) storage purses = _purses[msg.sender][token];
        if (amount > 0) _credit(purses[account], amount);
        if (burned > 0) _credit(purses[BURN], burned);
        unchecked {
            _leave(purses[payer], token, payer, amount + burned, released); // each is below 2^128 by now
        }
    }

    /// @inheritdoc IEscrow
    function flushBurned(address controller, address token) external nonReentrant returns (uint256 amount) {
        Purse storage purse = _purses[controller][token][BURN];
        amount = _free(purse.word);
        require(amount > 0, ZeroAmount());
        purse.word -= amount;
        emit Burned(controller, token, amount);
        IERC20(token).safeTransfer(BURN, amount);
    }

    /// @inheritdoc IEscrow
    function balanceOf(address controller, address token, address account) external view returns (Balance memory) {
        uint256 word = _purses[controller][token][account].word;
        return Balance({free: uint128(word), held: uint128(word >> 128)});
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
        _credit(_purses[controller][token][account], credited);
        emit Deposited(controller, token, account, credited);
    }

    function _creditAll(
        mapping(address account => Purse) storage purses,
        address[] calldata accounts,
        uint256[] calldata amounts
    ) private returns (uint256 sum) {
        for (uint256 i = 0; i < amounts.length; ++i) {
            uint256 amount = amounts[i];
            if (amount == 0) continue;
            _credit(purses[accounts[i]], amount);
            unchecked {
                sum += amount; // each is below 2^128 by now
            }
        }
    }

    function _credit(Purse storage purse, uint256 amount) private {
        uint256 word = purse.word;
        _check128(_free(word) + amount);
        unchecked {
            purse.word = word + amount; // the lower half has room
        }
    }

    /// @dev Takes out of the payer's purse what others were credited, and gives `released` back to him.
    function _leave(Purse storage purse, address token, address payer, uint256 credited, uint256 released) private {
        // INVARIANT (E1, E3): what leaves `held` of this controller's payer is exactly what becomes free, there or elsewhere.
        // Read after the credits: the payer may be among those paid.
        uint256 leaving = released + credited;
        uint256 word = purse.word;
        require(_held(word) >= leaving, HeldTooSmall(msg.sender, token, payer, _held(word), leaving));
        unchecked {
            _check128(_free(word) + released); // released <= leaving <= held < 2^128
            purse.word = word + released - (leaving << 128);
        }
    }

    function _free(uint256 word) private pure returns (uint256) {
        return uint128(word);
    }

    function _held(uint256 word) private pure returns (uint256) {
        return word >> 128;
    }

    function _check128(uint256 amount) private pure {
        require(amount <= type(uint128).max, AmountTooLarge(amount));
    }
}
