// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IReputation} from "../../../contracts/interfaces/IReputation.sol";
import {IWorkerRegistry} from "../../../contracts/interfaces/IWorkerRegistry.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice What is remembered of workers: who they are and how they did.
contract WorkersTest is BoardWorld {
    // ---- registry

    function test_D1_reclass_isTheWorkersOwnAndOnlyAnotherClassIsANewRegistration() external {
        (,, uint40 before,,) = registry.standing(workers[0]);
        passTime(9);
        vm.expectEmit(address(registry));
        emit IWorkerRegistry.WorkerReclassed(workers[0], CPU, 700, 8);
        vm.prank(workers[0]);
        registry.reclass(CPU, 700, 8);
        (,, uint40 since,, bytes5 tag) = registry.standing(workers[0]);
        vm.assertEq(since, before);
        vm.prank(workers[0]);
        registry.reclass(keccak256("other"), 900, 9);
        (,, since,, tag) = registry.standing(workers[0]);
        vm.assertEq(since, vm.getBlockTimestamp());
        vm.assertEq(bytes32(tag), bytes32(bytes5(keccak256("other"))));
        IWorkerRegistry.Profile memory card = registry.profileOf(workers[0]);
        vm.assertEq(card.hardwareClass, keccak256("other"));
        vm.assertEq(card.capability, 900);
        vm.assertEq(card.price, 9);
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.UnknownWorker.selector, stranger));
        vm.prank(stranger);
        registry.reclass(CPU, 1, 1);
    }

    function test_beat_isAnEventOfWorkersOnly() external {
        vm.expectEmit(address(registry));
        emit IWorkerRegistry.WorkerBeat(workers[1], 990);
        vm.prank(workers[1]);
        registry.beat(990);
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.UnknownWorker.selector, stranger));
        vm.prank(stranger);
        registry.beat(990);
    }

    function test_register_asOnesOwnProvider() external {
        vm.prank(stranger);
        registry.register(stranger, profile(finder), "");
        (address provider, address payee, uint40 since, uint16 capacity, bytes5 tag) = registry.standing(stranger);
        vm.assertEq(provider, stranger);
        vm.assertEq(payee, finder);
        vm.assertEq(since, vm.getBlockTimestamp());
        vm.assertEq(registry.registeredAt(stranger), since);
        vm.assertEq(capacity, CAPACITY);
        vm.assertEq(bytes32(tag), bytes32(bytes5(CPU)));
        vm.assertEq(keccak256(abi.encode(registry.profileOf(stranger))), keccak256(abi.encode(profile(finder))));
    }

    function test_register_refuses() external {
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.ZeroAddress.selector));
        registry.register(address(0), profile(stranger), "");
        vm.expectRevert(
            abi.encodeWithSelector(IWorkerRegistry.AlreadyRegistered.selector, workers[0], providers[0])
        );
        registry.register(workers[0], profile(stranger), "");
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf("finder"), registry.consentDigest(stranger, address(this)));
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.BadConsent.selector, stranger));
        registry.register(stranger, profile(stranger), abi.encodePacked(r, s, v));
    }

    function test_update_isTheProvidersOnly() external {
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.UnknownWorker.selector, stranger));
        registry.update(stranger, profile(stranger));
        vm.expectRevert(abi.encodeWithSelector(IWorkerRegistry.UnknownWorker.selector, stranger));
        registry.profileOf(stranger);
        vm.expectRevert(
            abi.encodeWithSelector(IWorkerRegistry.NotProvider.selector, workers[0], providers[0], stranger)
        );
        vm.prank(stranger);
        registry.update(workers[0], profile(stranger));
        vm.assertEq(registry.providerOf(stranger), address(0));
    }

    function test_D1_update_ofTheClassIsANewRegistration() external {
        uint40 before = registry.registeredAt(workers[0]);
        IWorkerRegistry.Profile memory card = profile(address(0));
        vm.startPrank(providers[0]);
        registry.update(workers[0], card);
        vm.assertEq(registry.registeredAt(workers[0]), before);
        card.hardwareClass = keccak256("gpu");
        registry.update(workers[0], card);
        vm.assertEq(registry.registeredAt(workers[0]), vm.getBlockTimestamp());
        vm.assertEq(registry.profileOf(workers[0]).payout, providers[0]);
    }

    // ---- reputation

    function test_reputation_winsAddAndFaultsCut() external {
        reputation.addWin(stranger, 100);
        vm.assertEq(uint256(reputation.pointsOf(address(this), stranger)), 100);
        reputation.addFault(stranger, 30);
        vm.assertEq(uint256(reputation.pointsOf(address(this), stranger)), 20);
        reputation.addFault(stranger, 50);
        reputation.addFault(stranger, 50);
        vm.assertEq(uint256(-reputation.pointsOf(address(this), stranger)), 90);
        IReputation.Score memory score = reputation.scoreOf(address(this), stranger);
        vm.assertEq(score.wins, 1);
        vm.assertEq(score.faults, 3);
        vm.assertEq(score.at, vm.getBlockTimestamp());
        vm.assertEq(uint256(reputation.pointsOf(stranger, stranger)), 0);
    }

    function test_reputation_decaysByHalfInAHalfLife(uint256 points) external {
        points = bound(points, 2, 1e30);
        reputation.addWin(stranger, points);
        uint256 start = vm.getBlockTimestamp();
        vm.warp(start + 15 days);
        uint256 middle = uint256(reputation.pointsOf(address(this), stranger));
        vm.assertEq(middle, points - (points * 15 + 59) / 60);
        vm.warp(start + 30 days);
        vm.assertEq(uint256(reputation.pointsOf(address(this), stranger)), points / 2);
        vm.warp(start + 90 days);
        vm.assertEq(uint256(reputation.pointsOf(address(this), stranger)), points / 8);
    }

    function test_reputation_saturatesInsteadOfReverting() external {
        reputation.addWin(stranger, type(uint256).max);
        reputation.addWin(stranger, type(uint256).max);
        vm.assertEq(uint256(reputation.pointsOf(address(this), stranger)), uint128(type(int128).max));
        for (uint256 i = 0; i < 4; ++i) {
            reputation.addFault(stranger, type(uint256).max);
        }
        vm.assertEq(uint256(-reputation.pointsOf(address(this), stranger)), uint128(type(int128).max));
        vm.expectRevert(abi.encodeWithSignature("HalfLifeZero()"));
        make("Reputation", abi.encode(0));
    }
}
