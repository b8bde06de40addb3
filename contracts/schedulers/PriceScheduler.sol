// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

import {Bps, BPS_WHOLE} from "../types/Money.sol";
import {Candidate, Draw, JobTerms} from "../types/JobTypes.sol";
import {DOUBLINGS, ONE_SEAT, TICKET_BITS, ticketWeight} from "../types/Tickets.sol";
import {ScoredScheduler} from "./ScoredScheduler.sol";

/// @title PriceScheduler
/// @notice A reverse auction: the price of the seat rises in a straight line from START of the terms' price to all of it, and
/// whoever takes first has the seat at that moment's price. The rest is the requester's.
///
/// For each worker the rise begins a little later, by its ticket of the draw in multiples of its stake: at most a quarter of
/// the ramp, which is the first three quarters of the window. So among workers who ask the same the lot decides, by stake, and
/// not who has the fastest line or the most names. At the ramp's end everybody may take at the whole price.
///
/// Only workers with at least FLOOR points may take, to the end: a job that asks for proven workers expires, with a full
/// refund, rather than go to others. The price never falls, so a take that is mined late, or a signed one that is carried
/// late, is never paid less than when it was sent.
contract PriceScheduler is ScoredScheduler {
    /// @notice Points that a worker must have had when the draw opened; 0: none.
    uint128 public immutable FLOOR;
    /// @notice Where the price begins, as a share of the terms' price.
    Bps public immutable START;

    /// @param bps zero, or more than the whole
    error StartOutOfRange(uint256 bps);

    constructor(address board, uint128 floor, Bps start) ScoredScheduler(board) {
        uint256 bps = start.asUint();
        require(bps > 0 && bps <= BPS_WHOLE, StartOutOfRange(bps));
        (FLOOR, START) = (floor, start);
    }

    function _prefer(
        JobTerms calldata terms,
        Draw calldata draw,
        Candidate calldata candidate,
        uint256 passed,
        uint256 window
    ) internal view override returns (bool may, uint128 price) {
        uint256 ramp = _rampOf(window);
        uint256 lot = ramp / 4;
        uint256 delay = _delay(draw.seed, candidate.worker, ticketWeight(terms.stake, candidate.stake), lot);
        may = passed >= delay && _isFit(candidate.worker, draw.opensAt);
        price = _priceAfter(terms.price, passed > delay ? passed - delay : 0, ramp - lot);
    }

    function _isFit(address worker, uint256 moment) internal view override returns (bool) {
        return FLOOR == 0 || _pointsAt(worker, moment) >= FLOOR;
    }

    /// @notice `most` times the part of its ramp after which LotteryScheduler would let the worker in, seconds, rounded down:
    /// nothing below a ratio of ticket and weight of 2^-16, then a sixteenth for each doubling, and straight lines in between.
    function _delay(bytes32 seed, address worker, uint256 weight, uint256 most) private pure returns (uint256) {
        uint256 ticket = uint256(keccak256(abi.encode(seed, worker))) >> (256 - TICKET_BITS);
        if (weight == 0) return most;
        // 2^16 times the ratio, with 96 bits behind the point
        uint256 ratio = ((ticket * ONE_SEAT) << DOUBLINGS) / weight;
        if (ratio >> TICKET_BITS == 0) return 0;
        uint256 size = Math.log2(ratio);
        uint256 step = size - TICKET_BITS;
        uint256 rest = (ratio - (1 << size)) >> (size - 32);
        return Math.min(most, (most * ((step << 32) + rest)) / (DOUBLINGS << 32));
    }

    /// @dev Rounded up: a seat that has a price is never given for nothing.
    function _priceAfter(uint256 whole, uint256 passed, uint256 rise) private view returns (uint128) {
        if (passed >= rise) return uint128(whole);
        uint256 start = START.asUint();
        // 128 bits of money, 40 of time and 14 of share: no overflow
        uint256 parts = start * rise + (BPS_WHOLE - start) * passed;
        uint256 all = BPS_WHOLE * rise;
        return uint128((whole * parts + all - 1) / all);
    }
}
