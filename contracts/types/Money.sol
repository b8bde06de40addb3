// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

/// @notice A share in hundredths of a percent: 10_000 is the whole.
type Bps is uint16;

using {feeOn, asUint} for Bps global;

uint256 constant BPS_WHOLE = 10_000;

// Where burned money goes. A plain ERC-20 need not have `burn`, so burning is a credit that only this
// address, whose key nobody holds, could ever spend.
address constant BURN = 0x000000000000000000000000000000000000dEaD;

/// @notice The fee on `amount`. Rounds UP, against the payer: a fee is never avoided by paying in small pieces.
function feeOn(Bps share, uint256 amount) pure returns (uint256) {
    return (amount * Bps.unwrap(share) + BPS_WHOLE - 1) / BPS_WHOLE;
}

function asUint(Bps share) pure returns (uint256) {
    return Bps.unwrap(share);
}

/// @notice What `done` of `total` segments of a job earn. Rounds DOWN; the dust is the requester's, who gets back whatever
/// is not paid.
function segmentPay(uint128 price, uint32 done, uint32 total) pure returns (uint128) {
    if (done >= total) return price;
    return uint128(uint256(price) * done / total);
}
