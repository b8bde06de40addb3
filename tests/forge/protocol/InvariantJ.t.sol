// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stateful} from "./Stateful.sol";

contract InvariantJTest is Stateful {
    function invariant_J_jobs() external view {
        network.checkJ();
    }

    /// @dev J2, at the end of every run: all fall silent, and all ends.
    function afterInvariant() external {
        network.checkAllEnds();
        network.checkE();
        network.checkS();
    }
}
