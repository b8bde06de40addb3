// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJury} from "../../../contracts/interfaces/IJury.sol";
import {IJurySeats} from "../../../contracts/interfaces/IJurySeats.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {JobId} from "../../../contracts/types/JobTypes.sol";
import {World} from "../base/World.sol";

/// @notice Five jurors who do as the fuzzer says. The test is the verifier.
contract JuryVotesTest is World {
    uint32 private constant TAKING = 40;
    uint32 private constant VOTING = 30;
    uint32 private constant SHOWING = 20;
    uint32 private constant APPEALING = 25;
    uint128 private constant JUROR_STAKE = 100;
    uint128 private constant LOST = 7;
    uint128 private constant PER_SEAT = 11;
    uint256 private constant SEATS = 5;
    JobId private constant ID = JobId.wrap(keccak256("a case"));

    enum Plan {
        Silent,
        Accused,
        Accuser,
        Hidden // votes, and never shows it
    }

    IJurySeats private _court;
    Plan[] private _plans; // by juror

    function setUp() public override {
        super.setUp();
        IJurySeats.Fee[] memory fees = new IJurySeats.Fee[](1);
        fees[0] = IJurySeats.Fee(address(coin), PER_SEAT);
        IJurySeats.Rules memory rules = IJurySeats.Rules({
            takeTime: TAKING,
            voteTime: VOTING,
            revealTime: SHOWING,
            appealTime: APPEALING,
            jurorStake: JUROR_STAKE,
            noShowBond: LOST,
            reward: 3
        });
        _court = IJurySeats(make("Jury", abi.encode(address(board), rules, fees)));
        for (uint256 i = 0; i < SEATS; ++i) {
            stakeToken.mint(providers[i], 10 * JUROR_STAKE);
            vm.startPrank(providers[i]);
            stakeToken.approve(address(vault), 10 * JUROR_STAKE);
            vault.deposit(workers[i], 10 * JUROR_STAKE);
            vault.allocate(workers[i], address(_court), 10 * JUROR_STAKE);
            vm.stopPrank();
        }
        passTime(10);
    }

    /// @dev Four of five shown votes decide, each counted once; else it is hung. Who was silent where all had come loses the bond,
    /// and nobody anything else.
    function testFuzz_decision_countsEachVoteOnce(uint256 seed, uint8 come) external {
        uint256 seated = come % 4 == 0 ? come / 4 % SEATS : SEATS;
        uint256 opened = block.timestamp;
        _court.open(ID, requester, closer, CPU, keccak256("evidence"));
        _seat(seated, opened);
        uint256 voted = _vote(seed);
        _refuseEarly(seated, voted);
        bool full = seated == SEATS;
        if (voted < SEATS) warpTo(opened + TAKING + (full ? VOTING : 0) + 1);
        (uint256 accused, uint256 accuser, uint256 shown) = full ? _show() : (0, 0, 0);

        if (shown < SEATS) warpTo(opened + TAKING + VOTING + SHOWING + 1);
        bool decided = accused >= 4 || accuser >= 4;
        _expect(decided ? IJury.Decision.Pending : IJury.Decision.Hung);
        _release(full ? SEATS - shown : 0);
        warpTo(block.timestamp + APPEALING + 1);
        if (decided) _expect(accused >= 4 ? IJury.Decision.Accused : IJury.Decision.Accuser);
        vm.assertLe(block.timestamp, opened + _court.DECISION_TIME(), "decided in time");
    }

    /// @dev The answer of a first round stands where nobody hears the appeal; the bond of it comes back whole.
    function testFuzz_appeal_thatNobodyHears_changesNothing(bool forAccused) external {
        uint256 opened = block.timestamp;
        _court.open(ID, requester, closer, CPU, keccak256("evidence"));
        _seat(SEATS, opened);
        for (uint256 i = 0; i < SEATS; ++i) {
            _plans[i] = forAccused ? Plan.Accused : Plan.Accuser;
            _cast(i);
        }
        _show();
        address loser = forAccused ? closer : requester;
        uint256 bond = _court.appealFee(address(coin));
        _deposit(loser, bond);
        vm.prank(loser == closer ? requester : closer);
        vm.expectRevert(abi.encodeWithSelector(IJurySeats.NotLoser.selector, ID, loser == closer ? requester : closer));
        _court.appeal(address(this), ID, address(coin));
        vm.prank(loser);
        _court.appeal(address(this), ID, address(coin));
        _expect(IJury.Decision.Pending);
        warpTo(block.timestamp + TAKING + 1);
        _expect(forAccused ? IJury.Decision.Accused : IJury.Decision.Accuser);
        _court.payAppeal(address(this), ID);
        vm.assertEq(escrow.balanceOf(address(_court), address(coin), loser).free, bond, "the bond of the appeal");
        vm.expectRevert(abi.encodeWithSelector(IJurySeats.NotAppealed.selector, ID));
        _court.payAppeal(address(this), ID);
    }

    // ---- what jurors do

    /// @dev Everybody is drawn; nobody sits twice.
    function _seat(uint256 seated, uint256 opened) private {
        (IJurySeats.Round memory round,) = _court.roundOf(address(this), ID, false);
        while (!beacon.isDue(round.draw)) vm.roll(vm.getBlockNumber() + 1);
        warpTo(opened + TAKING * 3 / 4);
        for (uint256 i = 0; i < seated; ++i) {
            vm.prank(workers[i]);
            _court.take(address(this), ID);
            _plans.push(Plan.Silent);
            if (i + 1 == SEATS) continue;
            vm.prank(workers[i]);
            (bool good,) = address(_court).call(abi.encodeCall(IJurySeats.take, (address(this), ID)));
            vm.assertTrue(!good, "two seats for one juror");
        }
        while (_plans.length < SEATS) _plans.push(Plan.Silent);
    }

    function _vote(uint256 seed) private returns (uint256 voted) {
        for (uint256 i = 0; i < SEATS; ++i) {
            (IJurySeats.Round memory round,) = _court.roundOf(address(this), ID, false);
            // Unanimous ones would be rare otherwise.
            uint256 plan = uint256(keccak256(abi.encode(seed, i))) % 8;
            _plans[i] = plan < 5 ? Plan(1 + seed % 2) : Plan(plan - 4);
            if (seed / 2 % 4 == 0 && plan == 7) _plans[i] = Plan.Silent;
            if (i >= round.taken || _plans[i] == Plan.Silent) continue;
            _cast(i);
            ++voted;
        }
    }

    function _cast(uint256 i) private {
        bytes32 sealed_ =
            _court.commitmentOf(address(this), ID, false, workers[i], _voteOf(i), keccak256(abi.encode(i)));
        bytes memory call = abi.encodeCall(IJurySeats.vote, (address(this), ID, uint8(i + 1), sealed_));
        vm.prank(workers[(i + 1) % SEATS]);
        (bool good,) = address(_court).call(call);
        vm.assertTrue(!good, "a vote in another's seat");
        vm.prank(workers[i]);
        (good,) = address(_court).call(call);
        vm.assertTrue(good, "a vote in time is refused");
        vm.prank(workers[i]);
        (good,) = address(_court).call(call);
        vm.assertTrue(!good, "a vote cast twice");
    }

    /// @dev As long as a vote may still be cast, none is shown.
    function _refuseEarly(uint256 seated, uint256 voted) private {
        if (seated == SEATS && voted == SEATS) return;
        for (uint256 i = 0; i < seated; ++i) {
            vm.assertTrue(!_open(i, _voteOf(i)), "a vote shown while others may still vote");
        }
    }

    function _show() private returns (uint256 accused, uint256 accuser, uint256 shown) {
        for (uint256 i = 0; i < SEATS; ++i) {
            Plan plan = _plans[i];
            IJury.Decision other =
                _voteOf(i) == IJury.Decision.Accused ? IJury.Decision.Accuser : IJury.Decision.Accused;
            vm.assertTrue(!_open(i, other), "another vote than was cast");
            if (plan == Plan.Silent) vm.assertTrue(!_open(i, _voteOf(i)), "a vote that was never cast");
            if (plan == Plan.Silent || plan == Plan.Hidden) continue;
            vm.assertTrue(_open(i, _voteOf(i)), "a vote cannot be shown");
            vm.assertTrue(!_open(i, _voteOf(i)), "a vote counted twice");
            ++shown;
            if (plan == Plan.Accused) ++accused;
            else ++accuser;
        }
    }

    function _open(uint256 i, IJury.Decision decision) private returns (bool good) {
        vm.prank(stranger);
        (good,) = address(_court).call(
            abi.encodeCall(IJurySeats.show, (address(this), ID, uint8(i + 1), decision, keccak256(abi.encode(i))))
        );
    }

    // ---- what comes of it

    /// @dev Once, by anyone: all stake is free, and only the silent have lost of it.
    function _release(uint256 silent) private {
        uint256 before = _staked();
        _court.release(address(this), ID, false);
        vm.assertEq(before - _staked(), silent * LOST, "burned of the silent");
        for (uint256 i = 0; i < SEATS; ++i) {
            IStakeVault.Allocation memory stake = vault.allocationOf(providers[i], workers[i], address(_court));
            vm.assertEq(uint256(stake.locked) + stake.locks, 0, "stake of a juror is kept");
        }
        vm.expectRevert(abi.encodeWithSelector(IJurySeats.AlreadyReleased.selector, ID));
        _court.release(address(this), ID, false);
    }

    function _expect(IJury.Decision decision) private view {
        vm.assertEq(uint256(_court.decisionOf(address(this), ID)), uint256(decision), "decision");
    }

    function _staked() private view returns (uint256 sum) {
        for (uint256 i = 0; i < SEATS; ++i) {
            sum += vault.allocationOf(providers[i], workers[i], address(_court)).active;
        }
    }

    function _voteOf(uint256 i) private view returns (IJury.Decision) {
        return _plans[i] == Plan.Accuser ? IJury.Decision.Accuser : IJury.Decision.Accused;
    }

    function _deposit(address account, uint256 amount) private {
        coin.mint(account, amount);
        vm.startPrank(account);
        coin.approve(address(escrow), amount);
        escrow.deposit(address(_court), address(coin), account, amount);
        vm.stopPrank();
    }
}
