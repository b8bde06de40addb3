// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A token that needs no approval and has every bad habit that can be chosen.
contract IllBehavedToken {
    enum Habit {
        None,
        TakesAll, // nothing arrives
        ReturnsNothing, // no boolean
        ReturnsFalse // and moves nothing
    }

    mapping(address => uint256) public balanceOf;
    Habit private habit;

    function set(Habit habit_) external {
        habit = habit_;
    }

    function transferFrom(address, address to, uint256 amount) external {
        _move(to, amount);
    }

    function transfer(address to, uint256 amount) external {
        _move(to, amount);
    }

    function _move(address to, uint256 amount) private {
        if (habit != Habit.TakesAll && habit != Habit.ReturnsFalse) balanceOf[to] += amount;
        if (habit == Habit.ReturnsNothing) return;
        bool answer = habit != Habit.ReturnsFalse;
        assembly {
            mstore(0, answer)
            return(0, 32)
        }
    }
}
