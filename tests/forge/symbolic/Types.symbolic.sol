// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Job, JobId, JobState} from "../../../contracts/types/JobTypes.sol";
import {JobWord, bareDigest, postedWord, retiredWord} from "../../../contracts/types/JobWord.sol";
import {Base} from "../base/Base.sol";

/// @notice Proved by halmos for all inputs: a job in one slot says what was put into it, and no field runs into another.
contract TypesSymbolic is Base {
    function check_JobWord_aPostedJobReadsAsPosted(bytes32 id, uint256 nonce, uint32 round, bool silent) external view {
        Job memory job = postedWord(JobId.wrap(id), nonce, round, silent).unpack();
        assert(job.state == JobState.Posted);
        assert(job.taken == 0 && job.committed == 0 && !job.contested && !job.folded);
        assert(job.silent == silent);
        assert(job.sequence == uint16(nonce));
        assert(job.clock == uint32(block.timestamp));
        assert(job.round == round);
        assert(job.digest == bareDigest(JobId.wrap(id)));
    }

    function check_JobWord_aRetiredNonceIsAnEndOfNoJob(uint256 nonce) external pure {
        Job memory job = retiredWord(nonce).unpack();
        assert(job.state == JobState.Cancelled);
        assert(job.sequence == uint16(nonce));
        assert(job.taken == 0 && job.committed == 0 && job.digest == 0);
    }

    /// @dev Every setter changes its own field, to what it was given, and no other.
    function check_JobWord_settersKeepToTheirField(uint256 word, uint8 state, uint8 count, uint32 time, bytes20 digest)
        external
        pure
    {
        vm.assume(word & 7 <= uint8(type(JobState).max) && state <= uint8(type(JobState).max) && count < 8);
        JobWord job = JobWord.wrap(word);
        Job memory before = job.unpack();

        Job memory changed = job.withState(JobState(state)).unpack();
        assert(uint8(changed.state) == state);
        changed.state = before.state;
        _same(changed, before);

        changed = job.withTaken(count).unpack();
        assert(changed.taken == count);
        changed.taken = before.taken;
        _same(changed, before);

        changed = job.withClock(time).unpack();
        assert(changed.clock == time);
        changed.clock = before.clock;
        _same(changed, before);

        changed = job.withContest().unpack();
        assert(changed.contested);
        changed.contested = before.contested;
        _same(changed, before);

        changed = job.withDigest(digest, true).unpack();
        assert(changed.digest == digest && changed.folded);
        (changed.digest, changed.folded) = (before.digest, before.folded);
        _same(changed, before);

        changed = job.withDigest(digest, false).unpack();
        assert(changed.digest == digest && !changed.folded);
        (changed.digest, changed.folded) = (before.digest, before.folded);
        _same(changed, before);
    }

    /// @dev J3: what has committed stays committed, and sealing one seat seals no other.
    function check_J3_JobWord_sealsOnlyGrow(uint256 word, uint8 number) external pure {
        vm.assume(word & 7 <= uint8(type(JobState).max) && number >= 1 && number <= 5);
        Job memory before = JobWord.wrap(word).unpack();
        Job memory changed = JobWord.wrap(word).withSealed(number).unpack();
        assert(changed.committed == before.committed | 1 << (number - 1));
        changed.committed = before.committed;
        _same(changed, before);
    }

    function _same(Job memory a, Job memory b) private pure {
        assert(a.state == b.state && a.taken == b.taken && a.committed == b.committed);
        assert(a.contested == b.contested && a.silent == b.silent && a.folded == b.folded);
        assert(a.sequence == b.sequence && a.clock == b.clock && a.round == b.round && a.digest == b.digest);
    }
}
