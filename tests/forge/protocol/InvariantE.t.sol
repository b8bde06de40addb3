// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stateful} from "./Stateful.sol";

contract InvariantETest is Stateful {
    function invariant_E_money() external view {
        network.checkE();
    }
}
