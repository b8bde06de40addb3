// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Base} from "../base/Base.sol";
import {Network} from "./Network.sol";

/// @notice A campaign over the whole network. The fuzzer calls nothing but its acts.
abstract contract Stateful is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    Network internal network;

    function setUp() external {
        network = new Network();
        network.setUp();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(network);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0] = FuzzSelector({addr: address(network), selectors: network.acts()});
    }
}
