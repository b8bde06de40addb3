// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// The pairing-friendly curve of EIP-196 and EIP-197: G1 is y^2 = x^3 + 3 over the integers mod FIELD and has no other points
// than its own group; G2 lies over the quadratic extension, whose elements are written imaginary part first.

uint256 constant FIELD = 0x30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47;

/// @notice A point of G1; (0, 0) stands for infinity.
struct G1 {
    uint256 x;
    uint256 y;
}

/// @notice A point of G2; all zero stands for infinity.
struct G2 {
    uint256 xImaginary;
    uint256 xReal;
    uint256 yImaginary;
    uint256 yReal;
}

/// @notice Whether the point is one of the group other than infinity, in its only encoding.
function isPoint(G1 memory p) pure returns (bool) {
    return p.x < FIELD && p.y < FIELD && mulmod(p.y, p.y, FIELD) == curveAt(p.x);
}

/// @notice x^3 + 3.
function curveAt(uint256 x) pure returns (uint256) {
    return addmod(mulmod(mulmod(x, x, FIELD), x, FIELD), 3, FIELD);
}

/// @dev Of points of the group: the precompile then fails for want of gas only.
function sum(G1 memory a, G1 memory b) view returns (G1 memory) {
    (bool done, bytes memory answer) = address(6).staticcall(abi.encode(a, b));
    assert(done);
    return abi.decode(answer, (G1));
}

/// @notice Whether the key is a point of the group G2 other than infinity.
/// @dev The precompile alone knows the group: it refuses what is not in it, paired with infinity too.
function isKey(G2 memory key) view returns (bool) {
    bool infinite = (key.xImaginary | key.xReal | key.yImaginary | key.yReal) == 0;
    (bool done,) = address(8).staticcall(abi.encode(uint256(0), uint256(0), key));
    return done && !infinite;
}

/// @notice Whether `signature` is `hashed` times the secret of `key`: e(signature, generator) = e(hashed, key).
/// @dev Of points of the groups: the precompile then fails for want of gas only.
function isSigned(G1 memory hashed, G1 memory signature, G2 memory key) view returns (bool) {
    G2 memory negated = G2({
        xImaginary: 0x198e9393920d483a7260bfb731fb5d25f1aa493335a9e71297e485b7aef312c2,
        xReal: 0x1800deef121f1e76426a00665e5c4479674322d4f75edadd46debd5cd992f6ed,
        yImaginary: FIELD - 0x090689d0585ff075ec9e99ad690c3395bc4b313370b38ef355acdadcd122975b,
        yReal: FIELD - 0x12c85ea5db8c6deb4aab71808dcb408fe3d1e7690c43d37b4ce6cc0166fa7daa
    });
    (bool done, bytes memory answer) = address(8).staticcall(abi.encode(signature, negated, hashed, key));
    assert(done);
    return abi.decode(answer, (bool));
}
