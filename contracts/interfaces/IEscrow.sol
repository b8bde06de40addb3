// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @title Money that waits
/// @notice Balances of plain ERC-20 tokens per (controller, token, account), each split into free and held. Depositing
/// for a controller is the consent: that controller may hold the free part and pay out what it holds. Withdrawing the
/// free part revokes it, at any time, and never touches what is held. No owner, no role, no pause (G1).
/// What a controller holds and pays, its own events tell; here only what enters and leaves.
///
/// Assumed of tokens: a supply below 2^128, no rebase, no transfer callback that must succeed. What arrives is measured and
/// credited, so a fee on transfer costs the depositor, nobody else. Which tokens new jobs may use is the board's allow-list.
///
/// E1: per token, the sum of all balances <= the token balance of this contract. E3: a controller moves only what it holds.
interface IEscrow {
    struct Balance {
        uint128 free;
        uint128 held;
    }

    event Deposited(address indexed controller, address indexed token, address indexed account, uint256 amount);
    event Withdrawn(address indexed controller, address indexed token, address indexed account, uint256 amount, address to);
    event Burned(address indexed controller, address indexed token, uint256 amount);

    error ZeroAddress();
    error ZeroAmount();
    error FreeTooSmall(address controller, address token, address account, uint256 have, uint256 need);
    error HeldTooSmall(address controller, address token, address account, uint256 have, uint256 need);
    error AmountTooLarge(uint256 amount);
    error LengthMismatch(uint256 accounts, uint256 amounts);

    function balanceOf(address controller, address token, address account) external view returns (Balance memory);

    /// @notice Take `amount` of `token` from the caller and credit what arrived to `account`, for `controller`.
    /// @dev reverts ZeroAddress, ZeroAmount (also when nothing arrived), AmountTooLarge
    /// @return credited what arrived
    function deposit(address controller, address token, address account, uint256 amount) external returns (uint256 credited);

    /// @notice As `deposit`, with an EIP-2612 permit. A permit that fails or that somebody used first is no failure as
    /// long as the allowance is there.
    function depositWithPermit(
        address controller,
        address token,
        address account,
        uint256 amount,
        uint256 deadline,
        uint8 v,
        bytes32 r,
        bytes32 s
    ) external returns (uint256 credited);

    /// @notice Send the caller's own free balance under `controller` to `to`. Nobody can stop it.
    /// @dev reverts FreeTooSmall, ZeroAddress, ZeroAmount
    function withdraw(address controller, address token, uint256 amount, address to) external;

    /// @notice As controller: move `amount` of `account` from free to held.
    /// @dev reverts FreeTooSmall
    function hold(address token, address account, uint256 amount) external;

    /// @notice As controller: out of what is held of `payer`, credit `amounts[i]` to `accounts[i]` (free, under the same
    /// controller) and give `released` back to the payer's free balance. Credits only: no receiver can stall it.
    /// @dev For controllers that pay many at once, such as the fees of an audit's or a jury's seats; the job board pays seat by
    /// seat with `pay`. reverts HeldTooSmall, LengthMismatch, AmountTooLarge
    function distribute(address token, address payer, address[] calldata accounts, uint256[] calldata amounts, uint256 released)
        external;

    /// @notice As `distribute`, to one account and to the burn address: what most jobs need, for less.
    /// @dev reverts HeldTooSmall, AmountTooLarge
    function pay(address token, address payer, address account, uint256 amount, uint256 burned, uint256 released) external;

    /// @notice Really send what was credited to the burn address there; anyone may.
    function flushBurned(address controller, address token) external returns (uint256 amount);
}
