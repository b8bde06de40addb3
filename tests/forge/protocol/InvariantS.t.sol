// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Stateful} from "./Stateful.sol";

contract InvariantSTest is Stateful {
    function invariant_S_stake() external view {
        network.checkS();
    }
}
