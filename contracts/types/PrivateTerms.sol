// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BPS_WHOLE} from "./Money.sol";

// The top 48 bits of `terms.verifierParams`, of the tiers that know private jobs: uint32 wrapTime, seconds that the requester
// has from the last take to hand the job's key to whoever sits; uint16 shareBps, what a worker gets of his price who was
// handed none. All zero: the job is public.

uint256 constant PRIVATE_AT = 208;

function isPrivate(bytes32 params) pure returns (bool) {
    return uint256(params) >> PRIVATE_AT != 0;
}

function wrapTimeOf(bytes32 params) pure returns (uint32) {
    return uint32(uint256(params) >> PRIVATE_AT);
}

/// @notice What a worker without a key is paid. Rounds down, as pay does.
function missedPay(bytes32 params, uint256 price) pure returns (uint128) {
    return uint128(price * (uint256(params) >> PRIVATE_AT + 32) / BPS_WHOLE);
}

/// @notice Whether the terms can be kept: a worker never works for less than half of his time, and gets no more than all.
/// @param least of every clock of the network
function isKeepable(bytes32 params, uint256 workTime, uint256 least) pure returns (bool) {
    uint256 wrapTime = wrapTimeOf(params);
    return wrapTime >= least && wrapTime <= workTime / 2 && uint256(params) >> PRIVATE_AT + 32 <= BPS_WHOLE;
}
