// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stateful} from "./Stateful.sol";

contract InvariantGTest is Stateful {
    function invariant_G_governance() external view {
        network.checkG();
    }
}
