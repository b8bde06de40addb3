// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IKeyBox} from "../../../contracts/interfaces/IKeyBox.sol";
import {JobState, JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice A private job's key: handed in time by the requester or his delegate, or missed. What is remembered is of one
/// drawing; a seat that is given anew knows of nothing.
contract KeyBoxTest is BoardWorld {
    uint32 private constant WRAP = 30;
    uint256 private constant STEPS = 24;

    IKeyBox private _box;
    address private _delegate = actor("delegate");
    JobTerms private _terms;
    Seat[] private _seats;
    uint256 private _next; // worker
    bool private _handed;
    bool private _missed;

    function setUp() public override {
        super.setUp();
        _box = IKeyBox(make("KeyBox", abi.encode(address(board))));
        vm.prank(requester);
        _box.setDelegate(_delegate);
        _terms = plain();
        _terms.reopens = REOPENS;
        _terms.verifierParams = bytes32(uint256(WRAP) << 208 | uint256(5000) << 240);
        post(_terms);
        _take();
    }

    /// @dev Any order of handing, missing, leaving and waiting, by anybody.
    function testFuzz_key_isHandedOrMissedNeverBoth(uint256 seed) external {
        for (uint256 step = 0; step < STEPS && jobOf(_terms).state == JobState.Assigned; ++step) {
            uint256 act = uint256(keccak256(abi.encode(seed, step)));
            if (act % 8 < 3) _hand(act / 8 % 4);
            else if (act % 8 < 6) _miss();
            else if (act % 8 == 6) passTime(1 + act / 8 % 20);
            else if (act / 8 % 3 == 0) _leave();
            _check();
        }
    }

    function testFuzz_hand_wantsASeat(uint8 number) external {
        Seat[] memory held = _seats;
        bytes[] memory wrapped = new bytes[](1);
        wrapped[0] = "key";
        held[0].worker = address(0);
        vm.prank(requester);
        (bool good,) = address(_box).call(abi.encodeCall(IKeyBox.hand, (_terms, held, wrapped)));
        vm.assertTrue(!good, "a key for nobody");
        warpTo(jobOf(_terms).clock - WORK + WRAP + 1);
        if (number == 1) return;
        (good,) = address(_box).call(abi.encodeCall(IKeyBox.miss, (_terms, _seats, number)));
        vm.assertTrue(!good, "a seat that is not there has missed a key");
        vm.assertEq(_box.isHanded(requester, _terms.nonce, number), false);
    }

    // ---- acts

    function _hand(uint256 who) private {
        bytes[] memory wrapped = new bytes[](1);
        wrapped[0] = "key";
        address sender = [requester, _delegate, stranger, _seats[0].worker][who];
        bool may = who < 2 && !_handed && block.timestamp <= _handBy();
        vm.prank(sender);
        (bool good,) = address(_box).call(abi.encodeCall(IKeyBox.hand, (_terms, _seats, wrapped)));
        vm.assertEq(good, may);
        _handed = _handed || good;
    }

    function _miss() private {
        bool may = !_handed && block.timestamp > _handBy() && block.timestamp <= jobOf(_terms).clock;
        vm.prank(stranger);
        (bool good,) = address(_box).call(abi.encodeCall(IKeyBox.miss, (_terms, _seats, 1)));
        vm.assertEq(good, may);
        _missed = _missed || good;
    }

    /// @dev The worker gives the job back, key or not; another takes it.
    function _leave() private {
        if (block.timestamp > jobOf(_terms).clock) return;
        vm.prank(_seats[0].worker);
        board.abandon(_terms, _seats);
        if (jobOf(_terms).state != JobState.Posted) return;
        delete _seats;
        (_handed, _missed) = (false, false);
        _check();
        _take();
    }

    function _take() private {
        while (!beacon.isDue(jobOf(_terms).round)) vm.roll(vm.getBlockNumber() + 1);
        take(_terms, _next);
        _seats.push(seatAt(_next, PRICE));
        ++_next;
    }

    // ---- what must hold

    function _check() private view {
        vm.assertTrue(!(_handed && _missed), "handed and missed");
        vm.assertEq(_box.isHanded(requester, _terms.nonce, 1), _handed);
        vm.assertEq(_box.isMissed(requester, _terms.nonce), _missed);
        vm.assertEq(_box.isMissed(requester, _terms.nonce + 1), false);
        vm.assertEq(_box.isMissed(stranger, _terms.nonce), false);
    }

    function _handBy() private view returns (uint256) {
        return jobOf(_terms).clock - WORK + WRAP;
    }
}
