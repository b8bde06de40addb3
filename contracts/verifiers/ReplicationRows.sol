// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Fault, MAX_SEATS, Ruling, Seat} from "../types/JobTypes.sol";
import {RevealWord} from "../types/RevealWord.sol";

// What replicas are due, by what they have shown: the rows of protocol.md, section 5. A seat is paid its own price.

// A first round of so many seats is decided by their score too.
uint8 constant PAIR = 2;

/// @notice Every result shown is the same, and there are at least two.
function isAgreed(RevealWord reveals) pure returns (bool) {
    uint256 shown = reveals.shown();
    return reveals.groups() == 1 && shown & (shown - 1) != 0;
}

/// @notice Something was shown, and it does not decide the first round of `workers` seats.
function isUndecided(RevealWord reveals, uint256 workers) pure returns (bool) {
    if (reveals.groups() == 0) return false;
    // INVARIANT: two without a third settle nothing unless the past of both is worth more than what a lie would bring them.
    return !isAgreed(reveals) || (workers == PAIR && !reveals.isCovered());
}

/// @notice Of a job whose rounds are over.
function rule(RevealWord reveals, Seat[] calldata held) pure returns (Ruling[] memory rulings) {
    (uint256 group, uint256 size) = largestGroup(reveals);
    // INVARIANT: no bare majority slashes anybody. Three equal, or two when nothing else was shown, are paid; only four
    // against one prove the one wrong.
    bool wins = size >= 3 || isAgreed(reveals);
    rulings = new Ruling[](held.length);
    for (uint256 i = 0; i < held.length; ++i) {
        uint256 own = reveals.groupOf(i + 1);
        if (held[i].commitment == 0) {
            rulings[i].fault = Fault.NoShow;
        } else if (own == 0) {
            rulings[i].fault = Fault.Slashed;
        } else if (!wins) {
            rulings[i].pay = held[i].price / 2;
        } else if (own == group) {
            (rulings[i].pay, rulings[i].agreed) = (held[i].price, true);
        } else if (size >= 4 && !reveals.isLimit(own) && !reveals.isLimit(group)) {
            rulings[i].fault = Fault.Slashed;
        }
    }
}

/// @notice The first of the largest groups, and how many seats are in it.
function largestGroup(RevealWord reveals) pure returns (uint256 group, uint256 size) {
    for (uint256 candidate = 1; candidate <= reveals.groups(); ++candidate) {
        uint256 count;
        for (uint256 number = 1; number <= MAX_SEATS; ++number) {
            if (reveals.groupOf(number) == candidate) ++count;
        }
        if (count > size) (group, size) = (candidate, count);
    }
}
