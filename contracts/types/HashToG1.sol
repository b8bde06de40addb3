// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {FIELD, G1, curveAt, sum} from "./Bn254.sol";

// RFC 9380's hash_to_curve for G1 of BN254, suite BN254G1_XMD:KECCAK-256_SVDW_RO_ : a message to a point whose discrete
// logarithm nobody knows. Checked against published signatures in tests/contracts/test_drand_beacon.py.

// Of the map of Shallue and van de Woestijne for y^2 = x^3 + 3 with Z = 1 (RFC 9380, 6.6.1): c1 = g(Z), c2 = -Z / 2,
// c3 = sqrt(-3 g(Z)) with sign 0, c4 = -4 g(Z) / 3.
uint256 constant SVDW_1 = 4;
uint256 constant SVDW_2 = 0x183227397098d014dc2822db40c0ac2ecbc0b548b438e5469e10460b6c3e7ea3;
uint256 constant SVDW_3 = 0x16789af3a83522eb353c98fc6b36d713d5d8d1cc5dffffffa;
uint256 constant SVDW_4 = 0x10216f7ba065e00de81ac1e7808072c9dd2b2385cd7b438469602eb24829a9bd;

/// @param tag the domain separation tag, at most 255 bytes
function hashToG1(bytes32 message, bytes memory tag) view returns (G1 memory) {
    (uint256 first, uint256 second) = hashToField(message, tag);
    return sum(mapToG1(first), mapToG1(second));
}

/// @notice Two field elements: expand_message_xmd to 96 bytes, each half reduced.
function hashToField(bytes32 message, bytes memory tag) pure returns (uint256 first, uint256 second) {
    bytes memory suffix = abi.encodePacked(tag, uint8(bytes(tag).length));
    // keccak's block is 136 bytes
    bytes32 b0 = keccak256(abi.encodePacked(new bytes(136), message, uint16(96), uint8(0), suffix));
    bytes32 b1 = keccak256(abi.encodePacked(b0, uint8(1), suffix));
    bytes32 b2 = keccak256(abi.encodePacked(b0 ^ b1, uint8(2), suffix));
    bytes32 b3 = keccak256(abi.encodePacked(b0 ^ b2, uint8(3), suffix));
    uint256 half = 1 << 128;
    uint256 middle = uint256(b2);
    first = addmod(mulmod(uint256(b1), half, FIELD), middle >> 128, FIELD);
    second = addmod(mulmod(mulmod(middle % half, half, FIELD), half, FIELD), uint256(b3), FIELD);
}

/// @notice map_to_curve of one field element.
function mapToG1(uint256 u) view returns (G1 memory point) {
    uint256 square = mulmod(mulmod(u, u, FIELD), SVDW_1, FIELD);
    uint256 plus = addmod(1, square, FIELD);
    uint256 minus = addmod(1, FIELD - square, FIELD);
    // The inverse of zero is zero here, as the RFC wants it.
    uint256 inverse = Math.modExp(mulmod(plus, minus, FIELD), FIELD - 2, FIELD);
    uint256 shift = mulmod(mulmod(mulmod(u, minus, FIELD), inverse, FIELD), SVDW_3, FIELD);

    bool found;
    // INVARIANT: the first of the three that is on the curve, and one of them always is.
    point.x = addmod(SVDW_2, FIELD - shift, FIELD);
    (found, point.y) = _root(curveAt(point.x));
    if (!found) {
        point.x = addmod(SVDW_2, shift, FIELD);
        (found, point.y) = _root(curveAt(point.x));
    }
    if (!found) {
        uint256 ratio = mulmod(mulmod(plus, plus, FIELD), inverse, FIELD);
        point.x = addmod(1, mulmod(SVDW_4, mulmod(ratio, ratio, FIELD), FIELD), FIELD);
        (found, point.y) = _root(curveAt(point.x));
    }
    assert(found);
    // Of the two roots, the one whose parity is that of u.
    if (point.y % 2 != u % 2) point.y = FIELD - point.y;
}

/// @dev A square root, if there is one: FIELD is 3 mod 4.
function _root(uint256 square) view returns (bool found, uint256 root) {
    root = Math.modExp(square, (FIELD + 1) / 4, FIELD);
    found = mulmod(root, root, FIELD) == square;
}
