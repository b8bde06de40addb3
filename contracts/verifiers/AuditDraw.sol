// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AuditPlan} from "../types/AuditPlan.sol";
import {AuditWord, CONFIRMED, VOID} from "../types/AuditWord.sol";

// Which segments a seat replays. Computed only where somebody is accused, and by readers.

/// @notice `count` of the segments 1 to `done`, no two beside one another, ascending: as many of `done` - count + 1 places,
/// spread out again.
function drawFirst(bytes32 seed, uint256 done, uint256 count) pure returns (uint256[] memory drawn) {
    drawn = _sample(seed, done - count + 1, count);
    for (uint256 i = 0; i < count; ++i) {
        drawn[i] += i + 1;
    }
}

/// @notice `count` of the segments 1 to `done` that are not among `drawn`, ascending.
function drawFresh(bytes32 seed, uint256 done, uint256[] memory drawn, uint256 count)
    pure
    returns (uint256[] memory fresh)
{
    fresh = _sample(seed, done - drawn.length, count);
    for (uint256 i = 0; i < count; ++i) {
        uint256 index = fresh[i] + 1;
        for (uint256 j = 0; j < drawn.length && drawn[j] <= index; ++j) {
            ++index;
        }
        fresh[i] = index;
    }
}

/// @notice Both lists, which have nothing in common, as one; ascending.
function merged(uint256[] memory a, uint256[] memory b) pure returns (uint256[] memory all) {
    all = new uint256[](a.length + b.length);
    (uint256 i, uint256 j) = (0, 0);
    for (uint256 k = 0; k < all.length; ++k) {
        bool fromA = j == b.length || (i < a.length && a[i] < b[j]);
        all[k] = fromA ? a[i++] : b[j++];
    }
}

/// @notice Whether the position of the first draw was left undone in the first sitting: its seat was never taken,
/// silent, or has said nothing that counts.
/// @param seats number of the first seat that was not of the first sitting
function isMissing(AuditWord audit, uint256 chairs, uint256 seats, uint256 position) pure returns (bool) {
    uint256 number = 2 + position % chairs;
    if (number >= seats) return true;
    uint256 answer = audit.answerOf(number);
    return answer == 0 || answer == VOID;
}

/// @notice The first seat behind the first sitting's, where a later one was opened.
function firstEnd(AuditWord audit) pure returns (uint256) {
    uint256 next = audit.replacement();
    return next == 0 ? audit.last() : next;
}

/// @notice Which seat has confirmed what stands at this position of the first draw; 0: none.
/// @param seats as in isMissing
function confirmerOf(AuditWord audit, uint256 chairs, uint256 seats, uint256 position) pure returns (uint256 number) {
    number = 2 + position % chairs;
    if (isMissing(audit, chairs, seats, position)) number = audit.replacement();
    if (number == 0 || audit.answerOf(number) != CONFIRMED) return 0;
}

/// @notice How many segments the seat replays. `sitting`: the one that it belongs to.
function shareSize(AuditWord audit, AuditPlan memory plan, uint256 sitting, uint256 number) pure returns (uint256 size) {
    (uint256 all, uint256 chairs) = (plan.first(audit.done()), plan.chairs(audit.done()));
    if (sitting == 3) return audit.isReaudit() ? all + plan.repeated(audit.done()) : plan.further(audit.done());
    if (sitting == 1) return (all + chairs - 1 - (number - 2)) / chairs;
    uint256 seats = firstEnd(audit);
    for (uint256 position = 0; position < all; ++position) {
        if (isMissing(audit, chairs, seats, position)) ++size;
    }
}

/// @notice The segments of a seat, ascending.
function shareOf(
    AuditWord audit,
    AuditPlan memory plan,
    uint256 sitting,
    uint256 number,
    bytes32 seed,
    bytes32 fresh
) pure returns (uint256[] memory share) {
    uint256 done = audit.done();
    uint256 chairs = plan.chairs(done);
    uint256[] memory drawn = drawFirst(seed, done, plan.first(done));
    if (sitting == 3) {
        uint256 count = audit.isReaudit() ? plan.repeated(done) : plan.further(done);
        share = drawFresh(fresh, done, drawn, count);
        return audit.isReaudit() ? merged(drawn, share) : share;
    }
    share = new uint256[](shareSize(audit, plan, sitting, number));
    uint256 seats = sitting == 1 ? 0 : firstEnd(audit);
    uint256 size;
    for (uint256 at = 0; at < drawn.length; ++at) {
        bool own = sitting == 1 ? at % chairs == number - 2 : isMissing(audit, chairs, seats, at);
        if (own) share[size++] = drawn[at];
    }
}

/// @dev `count` different numbers below `places`, ascending. Floyd's way: one hash each, and nothing is drawn twice.
function _sample(bytes32 seed, uint256 places, uint256 count) pure returns (uint256[] memory taken) {
    taken = new uint256[](count);
    for (uint256 i = 0; i < count; ++i) {
        uint256 j = places - count + i;
        uint256 pick = uint256(keccak256(abi.encode(seed, j))) % (j + 1);
        for (uint256 k = 0; k < i; ++k) {
            if (taken[k] == pick) pick = j;
        }
        uint256 at = i;
        for (; at > 0 && taken[at - 1] > pick; --at) {
            taken[at] = taken[at - 1];
        }
        taken[at] = pick;
    }
}
