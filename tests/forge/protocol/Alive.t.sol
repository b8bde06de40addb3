// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Base} from "../base/Base.sol";
import {Network} from "./Network.sol";

/// @notice The acts of the stateful suite do what they are there for: a fixed walk in which each does something, and all
/// that must hold holds at its end. A suite whose acts always give up would pass for ever.
contract AliveTest is Base {
    uint256 private constant STEPS = 5000;

    event Did(string act, uint256 times);

    function test_everyActDoesSomething() external {
        Network network = new Network();
        network.setUp();
        bytes4[] memory acts = network.acts();
        for (uint256 i = 0; i < STEPS; ++i) {
            (uint256 which, uint256 a, uint256 b) = (_random(i, 0) % acts.length, _random(i, 1), _random(i, 2));
            (bool good,) = address(network).call(abi.encodeWithSelector(acts[which], a, b % 1e6, b % 300));
            // arguments that do not fit the act's types are refused by its decoder: a boolean above 1
            if (!good) {
                (good,) = address(network).call(abi.encodeWithSelector(acts[which], a, b % 2));
                vm.assertTrue(good, "an act failed");
            }
        }
        string[32] memory names = [
            "deposit", "withdraw", "post", "postWithOffer", "postFor", "cancel", "retire", "take", "takeMany",
            "takeExtra", "commit", "commitMany", "commitExtra", "reveal", "revealExtra", "openExtra", "verdict",
            "reject", "decide", "closeWork", "settle", "expire", "stake", "requestExit", "finishExit", "withdrawStake",
            "lockCap", "claim", "flush", "replay", "reopen", "abandon"
        ];
        for (uint256 i = 0; i < names.length; ++i) {
            emit Did(names[i], network.count(names[i]));
            vm.assertTrue(network.count(names[i]) > 0, string.concat("nothing was done by ", names[i]));
        }
        network.checkE();
        network.checkS();
        network.checkJ();
        network.checkD();
        network.checkG();
        network.checkAllEnds();
    }

    function _random(uint256 step, uint256 salt) private pure returns (uint256) {
        return uint256(keccak256(abi.encode(step, salt)));
    }
}
