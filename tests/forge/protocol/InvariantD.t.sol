// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stateful} from "./Stateful.sol";

contract InvariantDTest is Stateful {
    function invariant_D_draws() external {
        network.checkD();
    }
}
