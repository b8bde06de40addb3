// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";

/// @notice Registers as many workers as a test wants there to be. Each is an account of its own, and its own provider.
contract Crowd {
    function hire(IWorkerRegistry registry, IWorkerRegistry.Profile calldata profile, uint256 count) external {
        for (uint256 i = 0; i < count; ++i) {
            new Hand(registry, profile);
        }
    }
}

contract Hand {
    constructor(IWorkerRegistry registry, IWorkerRegistry.Profile memory profile) {
        registry.register(address(this), profile, "");
    }
}
