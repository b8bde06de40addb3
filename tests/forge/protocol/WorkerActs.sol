// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IReplicationVerifier} from "../../../contracts/interfaces/IReplicationVerifier.sol";
import {ExtraSeats, Job, JobState, JobTerms, Seat, Signature, SignedTake} from "../../../contracts/types/JobTypes.sol";
import {RequesterActs} from "./RequesterActs.sol";

/// @notice Workers: they take, commit and reveal, alone or carried by somebody. One in four answers is another one.
abstract contract WorkerActs is RequesterActs {
    bytes32 internal constant RECEIPT = keccak256("receipt");

    function act_take(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Posted);
        if (!found) return;
        JobTerms memory terms = jobs[index].terms;
        uint256 worker = seed / 3 % workers.length;
        if (!_drawReady(index, worker)) return;
        vm.prank(workers[worker]);
        board.take(terms, none);
        remember(index, worker, terms.price);
        did("take");
    }

    function act_takeMany(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Posted);
        if (found) takeMany(index, seed);
    }

    function takeMany(uint256 index, uint256 seed) internal {
        JobTerms memory terms = jobs[index].terms;
        uint256 missing = terms.workers - jobs[index].seats.length;
        SignedTake[] memory list = new SignedTake[](missing);
        uint256[] memory who = new uint256[](missing);
        uint256 n;
        for (uint256 i = 0; i < workers.length && n < missing; ++i) {
            uint256 worker = (seed / 3 + i) % workers.length;
            if (!_drawReady(index, worker)) continue;
            who[n] = worker;
            list[n++] = _signedTake(index, worker);
        }
        if (n < missing) return;
        vm.prank(stranger);
        board.takeMany(terms, list);
        for (uint256 i = 0; i < n; ++i) {
            remember(index, who[i], terms.price);
        }
        did("takeMany");
    }

    function _signedTake(uint256 index, uint256 worker) private view returns (SignedTake memory) {
        uint40 until = takeBy(index);
        return SignedTake(until, signed(roles[worker], board.takeDigest(jobs[index].id, until)));
    }

    function act_takeExtra(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Committed);
        if (found) takeExtra(index, seed);
    }

    function takeExtra(uint256 index, uint256 seed) internal {
        JobTerms memory terms = jobs[index].terms;
        if (terms.verifier != address(replication)) return;
        ExtraSeats memory extra = replication.seats(terms, jobs[index].id);
        uint256 worker = seed / 3 % workers.length;
        Seat[] memory seats = seatsOf(index);
        if (extra.count == 0 || seats.length >= 5 || block.timestamp > extra.takeBy) return;
        if (!mayTake(index, worker) || !stakeOld(worker, extra.opensAt)) return;
        while (!beacon.isDue(extra.round)) vm.roll(vm.getBlockNumber() + 1);
        uint256 open = extra.opensAt + uint256(EXTRA_TAKE) * 3 / 4;
        if (block.timestamp < open) vm.warp(open);
        vm.prank(workers[worker]);
        board.take(terms, seats);
        remember(index, worker, terms.price);
        did("takeExtra");
    }

    function act_commit(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Assigned);
        if (!found || block.timestamp > jobAt(index).clock) return;
        Seat[] memory seats = seatsOf(index);
        uint256 seat = seed / 3 % seats.length;
        if (seats[seat].commitment != 0) return;
        bytes32 commitment = _commitment(index, seat);
        vm.prank(seats[seat].worker);
        board.commit(refOf(jobs[index].terms), uint8(seat + 1), seats, commitment);
        rememberSeal(index, seat, commitment);
        did("commit");
    }

    function act_commitMany(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Assigned);
        if (found) commitMany(index, seed);
    }

    function commitMany(uint256 index, uint256 seed) internal {
        if (block.timestamp > jobAt(index).clock) return;
        Seat[] memory seats = seatsOf(index);
        bytes32[] memory commitments = new bytes32[](seats.length);
        Signature[] memory list = new Signature[](seats.length);
        uint256 n;
        for (uint256 i = 0; i < seats.length; ++i) {
            // one in eight stays silent
            if (seats[i].commitment != 0 || uint256(keccak256(abi.encode(seed, i))) % 8 == 0) continue;
            ++n;
            commitments[i] = _commitment(index, i);
            list[i] = signed(roles[indexOf(seats[i].worker)], board.sealDigest(jobs[index].id, commitments[i]));
        }
        if (n == 0) return;
        vm.prank(stranger);
        board.commitMany(refOf(jobs[index].terms), seats, commitments, list);
        for (uint256 i = 0; i < seats.length; ++i) {
            if (commitments[i] != 0) rememberSeal(index, i, commitments[i]);
        }
        did("commitMany");
    }

    function act_commitExtra(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Committed);
        if (found) commitExtra(index, seed);
    }

    function commitExtra(uint256 index, uint256 seed) internal {
        JobTerms memory terms = jobs[index].terms;
        Seat[] memory seats = seatsOf(index);
        if (seats.length <= terms.workers) return;
        if (block.timestamp > replication.seats(terms, jobs[index].id).workBy) return;
        uint256 seat = terms.workers + seed / 3 % (seats.length - terms.workers);
        if (seats[seat].commitment != 0) return;
        bytes32 commitment = _commitment(index, seat);
        vm.prank(seats[seat].worker);
        board.commitExtra(terms, uint8(seat + 1), seats, commitment);
        rememberSeal(index, seat, commitment);
        did("commitExtra");
    }

    function act_reveal(uint256 seed, bool extra) external {
        (bool found, uint256 index) = pick(seed, JobState.Committed);
        if (found) reveal(index, seed, extra);
    }

    /// @dev Opens what can be opened of one round; openings that are too late or too early are refused, which is no failure.
    function reveal(uint256 index, uint256 seed, bool extra) internal {
        if (jobs[index].terms.verifier != address(replication)) return;
        Seat[] memory seats = seatsOf(index);
        uint8[5] memory group = replication.tallyOf(requester, jobs[index].terms.nonce).group;
        IReplicationVerifier.Opening[] memory all = new IReplicationVerifier.Opening[](5);
        uint256 n;
        for (uint256 i = 0; i < seats.length; ++i) {
            // one in eight stays silent
            bool silent = uint256(keccak256(abi.encode(seed, i))) % 8 == 0;
            if (i >= 3 != extra || seats[i].commitment == 0 || group[i] != 0 || silent) continue;
            all[n++] = IReplicationVerifier.Opening(uint8(i + 1), _salt(index, i), _shown(index, i), RECEIPT);
        }
        if (n == 0) return;
        assembly {
            mstore(all, n)
        }
        try replication.reveal(jobs[index].terms, seats, all) {
            if (stateOf(index) == JobState.Settled) rememberEnd(index, JobState.Settled);
            did(extra ? "revealExtra" : "reveal");
        } catch {}
    }

    // ---- what a seat answers

    function _commitment(uint256 index, uint256 seat) private view returns (bytes32) {
        address worker = jobs[index].seats[seat].worker;
        return keccak256(abi.encode(jobs[index].id, worker, _salt(index, seat), _shown(index, seat), RECEIPT));
    }

    function _salt(uint256 index, uint256 seat) private pure returns (bytes32) {
        return keccak256(abi.encode("salt", index, seat));
    }

    /// @dev First seats show the hash of the root, extra seats the root.
    function _shown(uint256 index, uint256 seat) private pure returns (bytes32) {
        bytes32 root = keccak256(abi.encode("root", uint256(_salt(index, seat)) % 4 == 0));
        return seat < 3 ? keccak256(abi.encode(root)) : root;
    }

    /// @dev Brings the draw to where every eligible worker has won. False: he is not eligible, or it is too late.
    function _drawReady(uint256 index, uint256 worker) private returns (bool) {
        Job memory job = jobAt(index);
        uint40 until = takeBy(index);
        if (block.timestamp > until || !mayTake(index, worker) || !stakeOld(worker, job.clock)) return false;
        while (!beacon.isDue(job.round)) vm.roll(vm.getBlockNumber() + 1);
        uint256 open = job.clock + uint256(until - job.clock) * 3 / 4;
        if (block.timestamp < open) vm.warp(open);
        // the double asks what it was told last
        stubScheduler.set(true, jobs[index].terms.price);
        return true;
    }
}
