// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IVersioned} from "../interfaces/IVersioned.sol";

/// @title StubBoard
/// @notice Test double: remembers what it was told of versions, and by whom, while it is in the mood to listen.
contract StubBoard is IVersioned {
    address public teller;
    uint32 public version;
    uint256 public times;
    Mood public mood;

    enum Mood {
        Listens,
        Refuses,
        Dawdles
    }

    function turn(Mood mood_) external {
        mood = mood_;
    }

    function adopt(uint32 version_) external {
        require(mood != Mood.Refuses);
        while (mood == Mood.Dawdles) {}
        (teller, version, times) = (msg.sender, version_, times + 1);
    }
}
