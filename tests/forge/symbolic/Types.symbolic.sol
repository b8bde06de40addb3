// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Job, JobId, JobState, Seat} from "../../../contracts/types/JobTypes.sol";
import {JobWord, bareDigest, pack, providerTag, seatWord, tagIn} from "../../../contracts/types/JobWord.sol";
import {BPS_WHOLE, Bps} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";

/// @notice Proved by halmos for all inputs: how jobs are packed and how fees are rounded.
contract TypesSymbolic is Base {
    uint256 private constant SPARE = 3 << 6;

    function check_JobWord_whatIsPackedIsUnpacked(Job memory job) external pure {
        vm.assume(job.taken < 8 && job.committed < 32);
        vm.assume(job.clock <= type(uint32).max && job.round <= type(uint32).max);
        Job memory again = pack(job).unpack();
        assert(again.state == job.state);
        assert(again.taken == job.taken);
        assert(again.committed == job.committed);
        assert(again.contested == job.contested);
        assert(again.silent == job.silent);
        assert(again.folded == job.folded);
        assert(again.sequence == job.sequence);
        assert(again.clock == job.clock);
        assert(again.round == job.round);
        assert(again.digest == job.digest);
    }

    function check_JobWord_whatIsUnpackedIsPackedAgain(uint256 word) external pure {
        assert(JobWord.unwrap(pack(JobWord.wrap(word).unpack())) == word & ~SPARE);
    }

    function check_JobWord_aSeatIsNeverEmptyAndShowsItsProvider(bytes32 id, Seat memory seat) external pure {
        uint256 word = seatWord(JobId.wrap(id), seat);
        assert(word >> 248 == 1);
        assert(tagIn(word) == providerTag(JobId.wrap(id), seat.provider));
    }

    function check_Money_feeRoundsUpByLessThanOneUnit(uint16 share, uint256 amount) external pure {
        vm.assume(share <= BPS_WHOLE && amount <= type(uint136).max);
        uint256 fee = Bps.wrap(share).feeOn(amount);
        assert(fee * BPS_WHOLE >= amount * share);
        assert(fee * BPS_WHOLE < amount * share + BPS_WHOLE);
        assert(fee <= amount);
    }

    function check_Money_noFeeIsAvoidedByPayingInPieces(uint16 share, uint128 a, uint128 b) external pure {
        vm.assume(share <= BPS_WHOLE);
        Bps bps = Bps.wrap(share);
        assert(bps.feeOn(a) + bps.feeOn(b) >= bps.feeOn(uint256(a) + b));
    }

    /// @dev What is escrowed for the fee always covers the fee on what is really paid.
    function check_Money_feeGrowsWithTheAmount(uint16 share, uint136 paid, uint136 most) external pure {
        vm.assume(share <= BPS_WHOLE && paid <= most);
        assert(Bps.wrap(share).feeOn(paid) <= Bps.wrap(share).feeOn(most));
    }
}
