// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";

/// @title What one case has brought its jury
/// @notice An address of its own per case, so that no case, opened by whomever, can be paid with another's money. It is known
/// before it is made, and made when there is something to fetch.
contract Purse {
    address private immutable JURY;

    error NotJury(address caller);

    modifier onlyJury() {
        require(msg.sender == JURY, NotJury(msg.sender));
        _;
    }

    constructor() {
        JURY = msg.sender;
    }

    /// @notice As jury: all that the vault has credited goes there.
    function fromVault(address vault) external onlyJury returns (uint256 amount) {
        return IStakeVault(vault).claim(JURY);
    }

    /// @notice As jury: all that the escrow has credited under `controller`.
    function fromEscrow(address escrow, address controller, address token) external onlyJury {
        uint256 amount = IEscrow(escrow).balanceOf(controller, token, address(this)).free;
        IEscrow(escrow).withdraw(controller, token, amount, JURY);
    }
}
