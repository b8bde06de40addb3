// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IParameters} from "../../../contracts/interfaces/IParameters.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {Fault, JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BURN, Bps} from "../../../contracts/types/Money.sol";
import {CloserActs} from "./CloserActs.sol";

/// @notice The rest of the people: providers, governance, donors, replayers, and time. This is what the fuzzer calls.
contract Network is CloserActs {
    function setUp() public override {
        super.setUp();
        moneyIn = FUNDS;
        stakeIn = ALLOCATED * workers.length;
    }

    // ---- time

    function act_passTime(uint256 time) external {
        passTime(bound(time, 1, 30));
    }

    function act_passBlocks(uint256 blocks) external {
        passBlocks(bound(blocks, 1, 4));
    }

    function act_passAges(uint256 seed) external {
        if (seed % 8 == 0) passTime(seed % 16 == 0 ? EXIT_DELAY : SETTLE);
    }

    // ---- providers

    function act_stake(uint256 seed, uint256 amount) external {
        uint256 i = seed % workers.length;
        amount = bound(amount, 1, 3 * STAKE);
        stakeFor(providers[i], workers[i], amount);
        stakeIn += amount;
        did("stake");
    }

    function act_requestExit(uint256 seed, uint256 amount) external {
        uint256 i = seed % workers.length;
        uint256 active = stakeOf(i).active;
        if (active == 0) return;
        vm.prank(providers[i]);
        vault.requestExit(workers[i], address(board), bound(amount, 1, active / 8 + 1));
        did("requestExit");
    }

    /// @dev S2: never a second early, never what is locked.
    function act_finishExit(uint256 seed) external {
        uint256 i = seed % workers.length;
        IStakeVault.Exit memory exit = vault.exitOf(providers[i], workers[i], address(board));
        if (exit.amount == 0) return;
        if (seed / 7 % 8 == 0 && block.timestamp < exit.readyAt) vm.warp(exit.readyAt);
        vm.prank(providers[i]);
        try vault.finishExit(workers[i], address(board)) {
            vm.assertLe(exit.readyAt, block.timestamp, "left too early");
            IStakeVault.Allocation memory left = stakeOf(i);
            uint256 exiting = vault.exitOf(providers[i], workers[i], address(board)).amount;
            vm.assertLe(left.locked, uint256(left.active) + exiting, "left a lock without cover");
            did("finishExit");
        } catch {
            vm.assertTrue(block.timestamp < exit.readyAt, "an exit that is ready cannot be refused");
        }
    }

    function act_withdrawStake(uint256 seed, uint256 amount) external {
        uint256 i = seed % workers.length;
        for (uint256 n = 0; n < workers.length && vault.freeOf(providers[i], workers[i]) == 0; ++n) {
            i = (i + 1) % workers.length;
        }
        uint256 have = vault.freeOf(providers[i], workers[i]);
        if (have == 0) return;
        amount = bound(amount, 1, have);
        vm.prank(providers[i]);
        vault.withdraw(workers[i], amount, providers[i]);
        stakeOut += amount;
        did("withdrawStake");
    }

    function act_lockCap(uint256 seed, uint96 cap) external {
        uint256 i = seed % workers.length;
        vm.prank(providers[i]);
        vault.setLockCap(workers[i], address(board), seed % 3 == 0, uint96(bound(cap, 2 * STAKE, 2 * ALLOCATED)));
        did("lockCap");
    }

    function act_claim() external {
        uint256 amount = vault.claimableOf(stranger);
        if (amount == 0) return;
        vm.prank(stranger);
        vault.claim(stranger);
        stakeOut += amount;
        did("claim");
    }

    function act_flush() external {
        uint256 burned = free(BURN);
        if (burned > 0) {
            escrow.flushBurned(address(board), address(coin));
            moneyOut += burned;
        }
        uint256 before = stakeToken.balanceOf(BURN);
        try vault.flushBurned() {
            stakeOut += stakeToken.balanceOf(BURN) - before;
            did("flush");
        } catch {}
    }

    // ---- donors

    function act_donate(uint256 amount, bool ofStake) external {
        amount = bound(amount, 1, 1000);
        if (ofStake) {
            stakeToken.mint(address(vault), amount);
            stakeDonated += amount;
        } else {
            coin.mint(address(escrow), amount);
            donated += amount;
        }
        did("donate");
    }

    // ---- governance (G1, G2): changes the future, moves nothing

    function act_govern(uint256 seed) external {
        (uint256 money, uint256 stake) = (owed(), _staked());
        bytes32 jobs_ = _fingerprint();
        uint256 what = seed % 6;
        if (what == 0) parameters.setVerifier(address(stubVerifier), seed % 4 != 0);
        if (what == 1) parameters.setScheduler(address(lottery), seed % 4 != 0);
        if (what == 2) parameters.setToken(address(coin), IParameters.TokenRule(MAX_ESCROW, uint128(seed)));
        if (what == 3) seed % 4 == 0 ? parameters.pause() : parameters.unpause();
        if (what == 4) parameters.setHardwareClass(keccak256(abi.encode(seed)), true);
        if (what == 5) _setValues(uint128(bound(seed, STAKE, 2 * STAKE)));
        vm.assertEq(owed(), money, "G1: money moved");
        vm.assertEq(_staked(), stake, "G1: stake moved");
        vm.assertEq(_fingerprint(), jobs_);
        _allowAll();
        did("govern");
    }

    function _setValues(uint128 minStake) private {
        IParameters.Values memory values_ = values();
        values_.minStake = minStake;
        parameters.setValues(values_);
        vm.assertEq(parameters.values().minStake, minStake);
    }

    /// @dev Back to where jobs can be posted, so that runs do not end in a paused network.
    function _allowAll() private {
        parameters.setVerifier(address(stubVerifier), true);
        parameters.setScheduler(address(lottery), true);
        parameters.setValues(values());
    }

    // ---- replayers (J1): nothing moves an ended job

    function act_replay(uint256 seed) external {
        if (jobs.length == 0) return;
        uint256 index = seed % jobs.length;
        if (!jobs[index].ended) return;
        JobTerms memory terms = jobs[index].terms;
        Seat[] memory seats = seatsOf(index);
        bytes[8] memory calls = [
            abi.encodeCall(board.settle, (terms, seats)),
            abi.encodeCall(board.expire, (terms, seats)),
            abi.encodeCall(board.closeWork, (terms, seats)),
            abi.encodeCall(board.cancel, (terms)),
            abi.encodeCall(board.post, (terms)),
            abi.encodeCall(board.take, (terms, seats)),
            abi.encodeCall(board.reopen, (terms, seats)),
            abi.encodeCall(board.abandon, (terms, seats))
        ];
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(i < 5 ? requester : seats.length > 0 ? seats[0].worker : workers[seed % workers.length]);
            (bool good,) = address(board).call(calls[i]);
            vm.assertTrue(!good, "an ended job moved");
        }
        did("replay");
    }

    // ---- what must hold: E

    /// @dev E1, E3: the ledger owes what came in less what went out, has it, and holds what open jobs escrow.
    function checkE() external view {
        uint256 owed_ = owed();
        uint256 bonds = _bonds();
        vm.assertEq(owed_ + bonds, moneyIn - moneyOut, "E1: owed");
        vm.assertEq(coin.balanceOf(address(escrow)), owed_ + bonds + donated, "E1: there");
        uint256 open;
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (!jobs[i].ended) open += escrowed(jobs[i].terms);
        }
        vm.assertEq(held(requester), open, "E3: held");
    }

    function _bonds() private view returns (uint256) {
        return uint256(escrow.balanceOf(address(acceptance), address(coin), requester).free)
            + escrow.balanceOf(address(acceptance), address(coin), requester).held;
    }

    // ---- what must hold: S

    /// @dev S1, S3: every unit of stake is somewhere; locks are those of open seats, and covered.
    function checkS() external view {
        uint256 lost = vault.claimableOf(stranger) + vault.claimableOf(address(0));
        uint256 burnedLeast = stakeToken.balanceOf(BURN);
        vm.assertEq(
            stakeToken.balanceOf(address(vault)), stakeIn - stakeOut + stakeDonated, "S1: the vault's own balance"
        );
        // what is not staked any more was slashed: claimed or burned, and burned >= half (S3)
        uint256 gone = stakeIn - stakeOut - _staked();
        vm.assertLe(lost, gone, "S3: finders get what was lost");
        uint256 claimed = stakeToken.balanceOf(stranger) + lost;
        vm.assertLe(claimed, gone - lost + burnedLeast, "S3: burned less than half");
        for (uint256 i = 0; i < workers.length; ++i) {
            _checkLocks(i);
        }
    }

    function _checkLocks(uint256 worker) private view {
        uint256 locked;
        uint256 locks;
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (jobs[i].ended) continue;
            for (uint256 n = 0; n < jobs[i].seats.length; ++n) {
                if (jobs[i].seats[n].worker != workers[worker]) continue;
                locked += jobs[i].terms.stake;
                ++locks;
            }
        }
        IStakeVault.Allocation memory have = stakeOf(worker);
        uint256 exiting = vault.exitOf(providers[worker], workers[worker], address(board)).amount;
        vm.assertEq(have.locked, locked, "S1: locked");
        vm.assertEq(have.locks, locks, "S1: locks");
        vm.assertLe(locked, uint256(have.active) + exiting, "S2: a lock without cover");
    }

    function _staked() private view returns (uint256 sum) {
        for (uint256 i = 0; i < workers.length; ++i) {
            sum += vault.freeOf(providers[i], workers[i]) + stakeOf(i).active
                + vault.exitOf(providers[i], workers[i], address(board)).amount;
        }
    }

    // ---- what must hold: J

    /// @dev J1, J3: ended jobs stay ended; what the board remembers of open ones is what was done, no more and no less.
    function checkJ() external view {
        for (uint256 i = 0; i < jobs.length; ++i) {
            JobState state = stateOf(i);
            if (jobs[i].ended) {
                vm.assertTrue(state == jobs[i].end || state == JobState.Superseded, "J1: an ended job moved");
                continue;
            }
            vm.assertTrue(state > JobState.None && state < JobState.Settled, "J1: an open job is lost");
            board.look(jobs[i].terms, seatsOf(i)); // reverts where a seat or a commitment is another (J3)
            vm.assertEq(jobAt(i).taken, jobs[i].seats.length, "J3: taken");
            vm.assertEq(jobAt(i).committed, jobs[i].committed, "J3: committed");
        }
    }

    /// @dev J2: everybody has fallen silent. Whoever comes by ends every job, and all money and stake is free.
    function checkAllEnds() external {
        for (uint256 round = 0; round < 3; ++round) {
            for (uint256 i = 0; i < jobs.length; ++i) {
                if (!jobs[i].ended) close(i);
            }
            passTime(parameters.MAX_LIFE() / 2);
        }
        for (uint256 i = 0; i < jobs.length; ++i) {
            vm.assertTrue(jobs[i].ended, "J2: a job without an end");
        }
        vm.assertEq(held(requester), 0, "J2: money kept");
        for (uint256 i = 0; i < workers.length; ++i) {
            vm.assertEq(uint256(stakeOf(i).locked) + stakeOf(i).locks, 0, "J2: stake kept");
        }
    }

    // ---- what must hold: D

    /// @dev D1: a seed, once there is one, is the same for ever, whoever works; the round is the one named at posting.
    function checkD() external {
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (jobs[i].ended) continue;
            bytes32 seed = board.seedOf(jobs[i].terms);
            if (jobs[i].seed == 0) jobs[i].seed = seed;
            vm.assertTrue(seed == 0 || seed == jobs[i].seed, "D1: another seed");
            vm.assertTrue(seed == 0 || beacon.isDue(jobs[i].round), "D1: a seed before its round");
        }
    }

    // ---- what must hold: G

    /// @dev G1: nobody who governs owns, holds or has lent anything; G2: what is posted still counts by its own terms.
    function checkG() external view {
        address[3] memory rulers = [address(this), address(manager), address(parameters)];
        for (uint256 i = 0; i < rulers.length; ++i) {
            vm.assertEq(free(rulers[i]) + held(rulers[i]), 0, "G1: a ruler has money");
            vm.assertEq(vault.claimableOf(rulers[i]), 0, "G1: a ruler has stake");
        }
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (!jobs[i].ended) vm.assertEq(board.escrowFor(jobs[i].terms), escrowed(jobs[i].terms), "G2: terms");
        }
    }

    /// @dev All that the board remembers of open jobs.
    function _fingerprint() private view returns (bytes32 hash) {
        for (uint256 i = 0; i < jobs.length; ++i) {
            if (!jobs[i].ended) hash = keccak256(abi.encode(hash, jobAt(i)));
        }
    }

    /// @notice What the fuzzer may call, as often as it should.
    function acts() external pure returns (bytes4[] memory list) {
        bytes4[34] memory once = [
            this.act_deposit.selector,
            this.act_withdraw.selector,
            this.act_post.selector,
            this.act_postWithOffer.selector,
            this.act_postFor.selector,
            this.act_cancel.selector,
            this.act_retire.selector,
            this.act_take.selector,
            this.act_takeMany.selector,
            this.act_takeExtra.selector,
            this.act_commit.selector,
            this.act_commitMany.selector,
            this.act_commitExtra.selector,
            this.act_reopen.selector,
            this.act_abandon.selector,
            this.act_reveal.selector,
            this.act_openExtra.selector,
            this.act_verdict.selector,
            this.act_reject.selector,
            this.act_decide.selector,
            this.act_close.selector,
            this.act_passTime.selector,
            this.act_passBlocks.selector,
            this.act_passAges.selector,
            this.act_stake.selector,
            this.act_requestExit.selector,
            this.act_finishExit.selector,
            this.act_withdrawStake.selector,
            this.act_lockCap.selector,
            this.act_claim.selector,
            this.act_flush.selector,
            this.act_donate.selector,
            this.act_govern.selector,
            this.act_replay.selector
        ];
        // half of all steps carry jobs on
        list = new bytes4[](2 * once.length);
        for (uint256 i = 0; i < once.length; ++i) {
            list[i] = once[i];
            list[once.length + i] = this.act_forward.selector;
            if (i % 8 == 0) list[once.length + i] = this.act_post.selector;
            if (i % 8 == 4) list[once.length + i] = this.act_passTime.selector;
        }
    }
}
