// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobTerms, Offer, Seat, TERMS_WORDS} from "./JobTypes.sol";

// Terms, seats and offers are passed on as they lie in calldata. Taking them apart and putting them together again, as
// the compiler would, costs three times the gas of the copy. Whoever reads a field checks it.

/// @notice Ask a plug-in `selector(terms, ...)`.
/// @param rest the ABI encoding of the other arguments, offsets counted from the beginning of `terms`
/// @return answer what it answered; its revert is passed on
function ask(address plugin, bytes4 selector, JobTerms calldata terms, bytes memory rest)
    view
    returns (bytes memory answer)
{
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(TERMS_WORDS, 32)
        mstore(free, selector)
        calldatacopy(add(free, 4), terms, size)
        let more := mload(rest)
        mcopy(add(free, add(size, 4)), add(rest, 32), more)
        let done := staticcall(gas(), plugin, free, add(add(size, 4), more), 0, 0)
        answer := free
        mstore(answer, returndatasize())
        returndatacopy(add(answer, 32), 0, returndatasize())
        if iszero(done) { revert(add(answer, 32), returndatasize()) }
        // the next free word, at a multiple of 32
        mstore(0x40, and(add(add(answer, returndatasize()), 63), not(31)))
    }
}

/// @notice Call `selector(terms, ...)`, which answers nothing. As `ask`.
function tell(address target, bytes4 selector, JobTerms calldata terms, bytes memory rest) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(TERMS_WORDS, 32)
        mstore(free, selector)
        calldatacopy(add(free, 4), terms, size)
        let more := mload(rest)
        mcopy(add(free, add(size, 4)), add(rest, 32), more)
        if iszero(call(gas(), target, 0, free, add(add(size, 4), more), 0, 0)) {
            returndatacopy(free, 0, returndatasize())
            revert(free, returndatasize())
        }
    }
}

/// @notice Call a ledger, which answers nothing. Unlike the compiler's own call it does not look first whether there is code, at
/// 100 gas a time: the caller's constructor has.
function order(address ledger, bytes memory payload) {
    assembly ("memory-safe") {
        if iszero(call(gas(), ledger, 0, add(payload, 32), mload(payload), 0, 0)) {
            let free := mload(0x40)
            returndatacopy(free, 0, returndatasize())
            revert(free, returndatasize())
        }
    }
}

/// @notice `JobPosted(id, terms, round)`.
function announce(bytes32 topic, bytes32 id, JobTerms calldata terms, uint256 round) {
    assembly ("memory-safe") {
        let free := mload(0x40)
        let size := mul(TERMS_WORDS, 32)
        calldatacopy(free, terms, size)
        mstore(add(free, size), round)
        log2(free, add(size, 32), topic, id)
    }
}

function rawSeats(Seat[] calldata seats) pure returns (bytes calldata raw) {
    assembly ("memory-safe") {
        raw.offset := seats.offset
        raw.length := mul(seats.length, 160)
    }
}

function rawOffers(Offer[] calldata offers) pure returns (bytes calldata raw) {
    assembly ("memory-safe") {
        raw.offset := offers.offset
        raw.length := mul(offers.length, 224)
    }
}

// Where the first argument behind terms and `words` more words begins, counted from the terms.
function behind(uint256 words) pure returns (uint256) {
    return (TERMS_WORDS + words) * 32;
}
