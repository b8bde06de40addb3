// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BPS_WHOLE, Bps, segmentPay} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";

/// @notice How fees and parts are rounded. Run with cvc5 over integers: products and quotients of bit vectors are beyond
/// the other solvers. The shares are the ends of the range and what networks use; the fuzz tests take any.
contract MoneySymbolic is Base {
    function check_Money_feeRoundsUpByLessThanOneUnit_1(uint128 amount) external pure {
        _roundsUp(1, amount);
    }

    function check_Money_feeRoundsUpByLessThanOneUnit_100(uint128 amount) external pure {
        _roundsUp(100, amount);
    }

    function check_Money_feeRoundsUpByLessThanOneUnit_500(uint128 amount) external pure {
        _roundsUp(500, amount);
    }

    function check_Money_noFeeIsNoFeeAndTheWholeIsTheWhole(uint128 amount) external pure {
        assert(Bps.wrap(0).feeOn(amount) == 0);
        assert(Bps.wrap(uint16(BPS_WHOLE)).feeOn(amount) == amount);
    }

    /// @dev What is escrowed for the fee covers the fee on whatever is paid in the end.
    function check_E2_feeGrowsWithTheAmount(uint136 paid, uint136 most) external pure {
        vm.assume(paid <= most);
        assert(Bps.wrap(100).feeOn(paid) <= Bps.wrap(100).feeOn(most));
    }

    function check_Money_noFeeIsAvoidedByPayingInPieces(uint128 a, uint128 b) external pure {
        assert(Bps.wrap(100).feeOn(a) + Bps.wrap(100).feeOn(b) >= Bps.wrap(100).feeOn(uint256(a) + b));
    }

    function check_E2_segmentsNeverEarnMoreThanThePrice(uint128 price, uint32 done) external pure {
        uint32 total = 100;
        assert(segmentPay(price, done, total) <= price);
        assert(done < total || segmentPay(price, done, total) == price);
    }

    function _roundsUp(uint16 share, uint256 amount) private pure {
        uint256 fee = Bps.wrap(share).feeOn(amount);
        unchecked {
            assert(fee * BPS_WHOLE >= amount * share);
            assert(fee * BPS_WHOLE < amount * share + BPS_WHOLE);
        }
    }
}
