// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// How the items of a batch and their outputs are hashed. The first byte tells the kinds of hashes apart: 0x00 and 0x01 are the
// leaves and nodes of a result (domain/results.py), 0x07 is an item. Item i of a batch is counted from 0.

uint256 constant MOST_ITEMS = 10_000; // so that an index has four digits, and no loop over a batch's bits is long

/// @notice Leaf of an item's arguments.
/// @param digest BLAKE3 of the packed item
function itemLeaf(uint256 index, bytes32 digest) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(7), uint32(index), digest));
}

/// @notice Leaf of an item's output in the result of its slice: a tensor of bytes that is named by the index in eight digits.
/// @param size of the packed output, in bytes
/// @param digest BLAKE3 of it
function outputLeaf(uint256 index, uint64 size, bytes32 digest) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(0), uint32(8), eightDigits(index), uint8(2), "U8", uint8(1), size, digest));
}

/// @notice The index in decimal, with leading zeros.
function eightDigits(uint256 index) pure returns (bytes8) {
    uint64 digits;
    for (uint256 at = 0; at < 64; at += 8) {
        digits |= uint64(48 + index % 10) << uint64(at);
        index /= 10;
    }
    return bytes8(digits);
}

/// @notice The root of `width` leaves of which `leaves` are those from `from` on, one beside the other. An odd last node moves up
/// unchanged. Overwrites `leaves`.
/// @param nodes what is left and right of them on the way up, from below; the left one first
/// @return root zero where there are fewer or more nodes than that takes
function rangeRoot(bytes32[] memory leaves, uint256 from, uint256 width, bytes32[] calldata nodes)
    pure
    returns (bytes32 root)
{
    (uint256 count, uint256 used) = (leaves.length, 0);
    for (; width > 1; (from, width) = (from / 2, (width + 1) / 2)) {
        bool left = from % 2 == 1;
        bool right = (from + count) % 2 == 1 && from + count < width;
        uint256 needs = used + (left ? 1 : 0) + (right ? 1 : 0);
        if (needs > nodes.length) return 0;
        (uint256 read, uint256 write) = (0, 0);
        if (left) leaves[write++] = _node(nodes[used], leaves[read++]);
        while (read + 1 < count) {
            leaves[write++] = _node(leaves[read], leaves[read + 1]);
            read += 2;
        }
        if (read < count) leaves[write++] = right ? _node(leaves[read], nodes[needs - 1]) : leaves[read];
        (count, used) = (write, needs);
    }
    return used == nodes.length ? leaves[0] : bytes32(0);
}

function _node(bytes32 left, bytes32 right) pure returns (bytes32) {
    return keccak256(abi.encodePacked(uint8(1), left, right));
}
