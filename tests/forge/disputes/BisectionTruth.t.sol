// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Base} from "../base/Base.sol";
import {BisectionPlay} from "./BisectionPlay.sol";

/// @notice Who tells the truth and moves in time wins, against every liar and beside any number of other matches.
contract BisectionTruthTest is Base {
    struct FuzzSelector {
        address addr;
        bytes4[] selectors;
    }

    BisectionPlay private _play;

    function setUp() external {
        _play = new BisectionPlay();
        _play.setUp();
    }

    function targetContracts() external view returns (address[] memory list) {
        list = new address[](1);
        list[0] = address(_play);
    }

    function targetSelectors() external view returns (FuzzSelector[] memory list) {
        list = new FuzzSelector[](1);
        list[0] = FuzzSelector({addr: address(_play), selectors: _play.acts()});
    }

    function invariant_theTruthInTimeWins() external view {
        _play.check();
    }

    /// @dev The acts do what they are there for.
    function test_everyActDoesSomething() external {
        bytes4[] memory acts = _play.acts();
        for (uint256 i = 0; i < 600; ++i) {
            uint256 which = uint256(keccak256(abi.encode(i)));
            (bool good,) = address(_play).call(
                abi.encodeWithSelector(acts[which % acts.length], which / 8, uint256(keccak256(abi.encode(which))))
            );
            vm.assertTrue(good, "an act failed");
        }
        string[6] memory names = ["open", "split", "pick", "referred", "timeout", "wrongMove"];
        for (uint256 i = 0; i < names.length; ++i) {
            vm.assertTrue(_play.count(names[i]) > 0, string.concat("nothing was done by ", names[i]));
        }
        _play.check();
    }
}
