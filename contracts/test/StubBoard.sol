// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVersioned} from "../interfaces/IVersioned.sol";

/// @title StubBoard
/// @notice Test double: remembers what it was told of versions, and by whom.
contract StubBoard is IVersioned {
    address public teller;
    uint32 public version;
    uint256 public times;

    function adopt(uint32 version_) external {
        (teller, version, times) = (msg.sender, version_, times + 1);
    }
}
