// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../../../contracts/interfaces/IBeacon.sol";
import {IOfferScheduler} from "../../../contracts/interfaces/IOfferScheduler.sol";
import {IWorkerRegistry} from "../../../contracts/interfaces/IWorkerRegistry.sol";
import {Candidate, Draw, JobTerms, Offer} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Beacon and schedulers: who is drawn, and by what.
contract DrawsTest is BoardWorld {
    // ---- beacon

    function test_D1_beacon_oneValuePerRoundForEver() external {
        uint40 round = beacon.next();
        vm.assertEq(round, vm.getBlockNumber() + BEACON_DELAY);
        vm.assertEq(beacon.isDue(round), false);
        vm.expectRevert(abi.encodeWithSelector(IBeacon.RoundNotDue.selector, round));
        beacon.store(round, "");
        vm.roll(round + 1);
        vm.assertEq(beacon.isDue(round), true);
        bytes32 value = beacon.read(round);
        vm.assertEq(value, blockhash(round));
        vm.expectEmit(address(beacon));
        emit IBeacon.RoundStored(round, value);
        vm.assertEq(beacon.store(round, ""), value);
        vm.assertEq(beacon.store(round, ""), value);
        vm.roll(round + 20_000);
        vm.assertEq(beacon.read(round), value);
        vm.assertEq(beacon.store(round, ""), value);
    }

    function test_D1_beacon_whatWasLetSlipIsLost() external {
        uint40 round = beacon.next();
        vm.roll(round + 20_000);
        vm.assertEq(beacon.valueOf(round), 0);
        vm.expectRevert(abi.encodeWithSelector(IBeacon.RoundLost.selector, round));
        beacon.read(round);
        vm.expectRevert(abi.encodeWithSignature("DelayZero()"));
        make("BlockBeacon", abi.encode(0));
        (uint40 origin, uint40 period, uint40 ahead) = beacon.schedule();
        vm.assertEq(uint256(origin) + period, 0);
        vm.assertEq(ahead, BEACON_DELAY);
    }

    // ---- lottery

    function test_D1_lottery_onceDrawnAlwaysDrawn(bytes32 seed, uint256 stake, uint40 a, uint40 b) external {
        (JobTerms memory terms, Draw memory draw) = _draw(seed);
        a = uint40(bound(a, draw.opensAt, draw.closesAt));
        b = uint40(bound(b, a, draw.closesAt));
        Candidate memory candidate = Candidate(workers[0], providers[0], bound(stake, 0, 1e30));
        (bool early, uint128 price) = lottery.quote(terms, draw, candidate, a);
        (bool late,) = lottery.quote(terms, draw, candidate, b);
        vm.assertTrue(!early || late, "a winner lost again");
        vm.assertEq(price, terms.price);
    }

    function test_D1_lottery_moreStakeNeverHurts(bytes32 seed, uint256 less, uint256 more, uint40 time) external {
        (JobTerms memory terms, Draw memory draw) = _draw(seed);
        time = uint40(bound(time, draw.opensAt, draw.closesAt));
        less = bound(less, 0, 1e30);
        more = bound(more, less, 1e30);
        (bool a,) = lottery.quote(terms, draw, Candidate(workers[0], providers[0], less), time);
        (bool b,) = lottery.quote(terms, draw, Candidate(workers[0], providers[0], more), time);
        vm.assertTrue(!a || b, "more stake lost");
    }

    /// @dev The rule in plain words and plain arithmetic: the ticket lies below stake x T.
    function test_D1_lottery_isWhatItSays(bytes32 seed, uint256 stake, uint40 passed) external {
        (JobTerms memory terms, Draw memory draw) = _draw(seed);
        uint256 ramp = uint256(draw.closesAt - draw.opensAt) * 3 / 4;
        passed = uint40(bound(passed, 0, ramp - 1));
        stake = bound(stake, 0, 100 * uint256(STAKE));
        (bool may,) =
            lottery.quote(terms, draw, Candidate(workers[0], providers[0], stake), uint40(draw.opensAt + passed));
        uint256 ticket = uint256(keccak256(abi.encode(draw.seed, workers[0]))) >> 160; // of 2^96
        uint256 step = 16 * uint256(passed) / ramp;
        // T, scaled by 2^16 * ramp
        uint256 threshold = (ramp + 16 * uint256(passed) - step * ramp) << step;
        bool expected = ticket * STAKE * (ramp << 16) < (stake * threshold) << 96;
        vm.assertEq(may, expected);
    }

    function test_lottery_outsideOfItsWindowNobodyIsDrawn() external view {
        (JobTerms memory terms, Draw memory draw) = _draw(keccak256("seed"));
        Candidate memory candidate = Candidate(workers[0], providers[0], 1e30);
        (bool may,) = lottery.quote(terms, draw, candidate, draw.opensAt - 1);
        vm.assertEq(may, false);
        (may,) = lottery.quote(terms, draw, candidate, draw.closesAt + 1);
        vm.assertEq(may, false);
        draw.seed = 0;
        (may,) = lottery.quote(terms, draw, candidate, draw.closesAt);
        vm.assertEq(may, false);
        draw.seed = keccak256("seed");
        terms.stake = 0;
        (may,) = lottery.quote(terms, draw, Candidate(workers[0], providers[0], 0), draw.closesAt - 20);
        vm.assertEq(lottery.DRAWS(), true);
    }

    // ---- offers

    function test_offers_eachFlawOfTheOnlyOfferIsNamed() external {
        JobTerms memory terms = accepted();
        _refusedOffer(terms, _offer(terms, PRICE + 1, WORK, STAKE, 100, 0), IOfferScheduler.OfferUnsuited.selector);
        _refusedOffer(terms, _offer(terms, PRICE, WORK - 1, STAKE, 100, 0), IOfferScheduler.OfferUnsuited.selector);
        _refusedOffer(terms, _offer(terms, PRICE, WORK, STAKE - 1, 100, 0), IOfferScheduler.OfferUnsuited.selector);
        _refusedOffer(terms, _offer(terms, PRICE, WORK, STAKE, 3601, 0), IOfferScheduler.OfferTooLong.selector);
        _refusedOffer(terms, _offer(terms, PRICE, WORK, STAKE, 100, 1), IOfferScheduler.OfferCancelled.selector);
        Offer memory offer = _offer(terms, PRICE, WORK, STAKE, 3600, 0);
        (address worker, uint128 price) = offers.choose(terms, one(offer), new address[](0));
        vm.assertEq(worker, workers[0]);
        vm.assertEq(price, PRICE);
        vm.expectRevert(abi.encodeWithSelector(IOfferScheduler.WorkerNotAllowed.selector, workers[0]));
        offers.choose(terms, one(offer), providers);
        offers.choose(terms, one(offer), workers);
        vm.warp(offer.expiry + 1);
        _refusedOffer(terms, offer, IOfferScheduler.OfferExpired.selector);
    }

    function test_offers_oneCallCancelsThemAll() external {
        JobTerms memory terms = accepted();
        Offer memory offer = _offer(terms, PRICE, WORK, STAKE, 100, 0);
        vm.expectEmit(address(offers));
        emit IOfferScheduler.EpochRaised(workers[0], 1);
        vm.prank(workers[0]);
        vm.assertEq(offers.raiseEpoch(), 1);
        vm.assertEq(offers.epochOf(workers[0]), 1);
        _refusedOffer(terms, offer, IOfferScheduler.OfferCancelled.selector);
        offers.choose(terms, one(_offer(terms, PRICE, WORK, STAKE, 100, 1)), new address[](0));
    }

    function test_offers_ofSeveralTheFirstWhoCouldTake() external {
        JobTerms memory terms = accepted();
        Offer[] memory list = new Offer[](6);
        for (uint256 i = 0; i < 6; ++i) {
            list[i] = offerOf(terms, i, PRICE);
        }
        list[0].signature.r = 0; // nobody's
        IWorkerRegistry.Profile memory card = profile(providers[1]);
        card.hardwareClass = keccak256("gpu");
        vm.prank(providers[1]);
        registry.update(workers[1], card); // another class
        card = profile(providers[2]);
        card.capacity = 0;
        vm.prank(providers[2]);
        registry.update(workers[2], card); // no room
        vm.prank(providers[3]);
        vault.requestExit(workers[3], address(board), ALLOCATED); // no stake
        stakeFor(providers[4], workers[4], 1); // stake of this very second
        (address worker,) = offers.choose(terms, list, new address[](0));
        vm.assertEq(worker, workers[5]);
        terms.requester = providers[5]; // his own job
        vm.expectRevert(abi.encodeWithSelector(IOfferScheduler.NoLiveOffer.selector, 6));
        offers.choose(terms, list, new address[](0));
        terms.requester = workers[5];
        vm.expectRevert(abi.encodeWithSelector(IOfferScheduler.NoLiveOffer.selector, 6));
        offers.choose(terms, list, new address[](0));
        vm.expectRevert(abi.encodeWithSelector(IOfferScheduler.NoLiveOffer.selector, 0));
        offers.choose(terms, noOffers, new address[](0));
    }

    function test_offers_neverDraw() external view {
        (JobTerms memory terms, Draw memory draw) = _draw(keccak256("seed"));
        (bool may,) = offers.quote(terms, draw, Candidate(workers[0], providers[0], 1e30), draw.closesAt);
        vm.assertEq(may, false);
        vm.assertEq(offers.DRAWS(), false);
        vm.assertEq(offers.MAX_OFFER_LIFE(), 3600);
    }

    function _offer(JobTerms memory terms, uint128 price, uint32 wall, uint128 stake, uint40 life, uint64 epoch)
        private
        view
        returns (Offer memory offer)
    {
        offer.minPrice = price;
        offer.maxWall = wall;
        offer.maxStake = stake;
        offer.expiry = uint40(vm.getBlockTimestamp()) + life;
        offer.epoch = epoch;
        offer.signature = signed(roles[0], offers.offerDigest(terms, offer));
    }

    function _refusedOffer(JobTerms memory terms, Offer memory offer, bytes4 reason) private view {
        (bool good, bytes memory answer) =
            address(offers).staticcall(abi.encodeCall(IOfferScheduler.choose, (terms, one(offer), new address[](0))));
        vm.assertEq(good, false);
        vm.assertEq(bytes32(bytes4(answer)), bytes32(reason));
    }

    function _draw(bytes32 seed) private view returns (JobTerms memory terms, Draw memory draw) {
        terms.price = PRICE;
        terms.stake = STAKE;
        draw = Draw({seed: seed == 0 ? bytes32("seed") : seed, opensAt: 1000, closesAt: 1040});
    }
}
