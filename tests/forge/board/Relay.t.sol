// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IOfferScheduler} from "../../../contracts/interfaces/IOfferScheduler.sol";
import {StubWallet} from "../../../contracts/test/StubWallet.sol";
import {Job, JobId, JobState, JobTerms, Offer, Order, Seat} from "../../../contracts/types/JobTypes.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice Orders carried by a relayer, and seats given by an offer in the posting transaction.
contract RelayTest is BoardWorld {
    address private relayer = actor("relayer");

    // ---- offers

    function test_postWithOffers_seatsTheWorkerAtHisPrice() external {
        JobTerms memory terms = accepted();
        Offer memory offer = offerOf(terms, 2, 7_500);
        JobId id = board.idOf(terms);
        vm.expectEmit(address(board));
        emit IJobBoard.JobTaken(id, workers[2], 1, providers[2], providers[2], 7_500, uint40(vm.getBlockTimestamp() + WORK));
        vm.prank(requester);
        vm.assertEq(board.postWithOffers(terms, one(offer)).asBytes(), id.asBytes());

        Job memory job = jobOf(terms);
        vm.assertEq(uint256(job.state), uint256(JobState.Assigned));
        vm.assertEq(job.taken, 1);
        vm.assertEq(job.folded, true);
        vm.assertEq(job.silent, true);
        vm.assertEq(job.clock, vm.getBlockTimestamp() + WORK);
        vm.assertEq(stakeOf(2).locked, STAKE);
        vm.assertEq(stakeOf(2).locks, 1);
        vm.assertEq(held(requester), escrowed(terms));
        Seat[] memory seats = new Seat[](1);
        seats[0] = seatAt(2, 7_500);
        board.look(terms, seats);
        seats[0].price = 7_501;
        refused(IJobBoard.WrongSeats.selector, id, 0);
        board.look(terms, seats);
    }

    function test_postWithOffers_fallsBackToTheFirstThatServes() external {
        JobTerms memory terms = accepted();
        Offer[] memory list = new Offer[](3);
        list[0] = offerOf(terms, 0, PRICE + 1);
        list[1] = offerOf(terms, 1, PRICE);
        list[2] = offerOf(terms, 2, 1);
        vm.prank(requester);
        board.postWithOffers(terms, list);
        vm.assertEq(stakeOf(1).locks, 1);
        vm.assertEq(stakeOf(0).locks + stakeOf(2).locks, 0);
    }

    function test_postWithOffers_refusesJobsOfMoreSeats() external {
        JobTerms memory terms = plain();
        terms.workers = 2;
        stubScheduler.setChosen(workers[0]);
        refused(IJobBoard.OneSeatOnly.selector, board.idOf(terms), 2);
        vm.prank(requester);
        board.postWithOffers(terms, noOffers);
    }

    function test_postWithOffers_refusesASchedulerThatDraws() external {
        JobTerms memory terms = plain();
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongScheduler.selector, board.idOf(terms), true));
        vm.prank(requester);
        board.postWithOffers(terms, noOffers);
    }

    function test_postWithOffers_neverAboveTheTermsPrice() external {
        JobTerms memory terms = plain();
        stubScheduler.setChosen(workers[0]);
        stubScheduler.set(true, PRICE + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.PriceAboveTerms.selector, PRICE + 1, PRICE));
        vm.prank(requester);
        board.postWithOffers(terms, noOffers);
        stubScheduler.set(true, PRICE);
        vm.prank(requester);
        board.postWithOffers(terms, noOffers);
    }

    function test_postWithOffers_isTheRequestersOnly() external {
        JobTerms memory terms = accepted();
        Offer[] memory list = one(offerOf(terms, 0, PRICE));
        refused(IJobBoard.NotRequester.selector, board.idOf(terms), stranger);
        vm.prank(stranger);
        board.postWithOffers(terms, list);
    }

    function test_D1_postWithOffers_theWorkerWasThereBefore() external {
        JobTerms memory terms = accepted();
        stakeFor(providers[0], workers[0], 1); // the stake grows in this very block
        Offer[] memory list = one(offerOf(terms, 0, PRICE));
        uint40 now_ = uint40(vm.getBlockTimestamp());
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WorkerTooYoung.selector, workers[0], now_, now_));
        vm.prank(requester);
        board.postWithOffers(terms, list);
    }

    // ---- orders

    function test_postFor_carriesASignedOrderAndPaysTheRelayer() external {
        JobTerms memory terms = replicated();
        Order memory order = orderOf(relayer, 333);
        bytes memory signature = signatureOf(terms, order, "requester");
        JobId id = board.idOf(terms);
        vm.expectEmit(address(board));
        emit IJobBoard.OrderRelayed(id, relayer, 333);
        vm.prank(relayer);
        vm.assertEq(board.postFor(terms, order, signature, noOffers).asBytes(), id.asBytes());
        vm.assertEq(free(relayer), 333);
        vm.assertEq(held(requester), escrowed(terms));
        vm.assertEq(free(requester), FUNDS - escrowed(terms) - 333);
        expectState(terms, JobState.Posted);
        // J1: the order is dead now
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.NonceUsed.selector, requester, terms.nonce));
        vm.prank(relayer);
        board.postFor(terms, order, signature, noOffers);
    }

    function test_postFor_anyRelayerWhereNoneIsNamed() external {
        JobTerms memory terms = replicated();
        Order memory order = orderOf(address(0), 0);
        bytes memory signature = signatureOf(terms, order, "requester");
        vm.expectEmit(address(board));
        emit IJobBoard.OrderRelayed(board.idOf(terms), stranger, 0);
        vm.prank(stranger);
        board.postFor(terms, order, signature, noOffers);
        vm.assertEq(free(stranger), 0);
        vm.assertEq(held(requester), escrowed(terms));
    }

    function test_postFor_onlyTheNamedRelayer(address other) external {
        vm.assume(other != relayer);
        JobTerms memory terms = replicated();
        Order memory order = orderOf(relayer, 0);
        bytes memory signature = signatureOf(terms, order, "requester");
        refused(IJobBoard.NotRelayer.selector, board.idOf(terms), other);
        vm.prank(other);
        board.postFor(terms, order, signature, noOffers);
    }

    function test_postFor_untilThePostDeadline() external {
        JobTerms memory terms = replicated();
        terms.takeBy += 100;
        Order memory order = orderOf(relayer, 0);
        bytes memory signature = signatureOf(terms, order, "requester");
        vm.warp(order.postBy + 1);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.OrderExpired.selector, board.idOf(terms), order.postBy));
        vm.prank(relayer);
        board.postFor(terms, order, signature, noOffers);
        vm.warp(order.postBy);
        vm.prank(relayer);
        board.postFor(terms, order, signature, noOffers);
    }

    function test_postFor_refusesOthersSignaturesAndOtherTerms() external {
        JobTerms memory terms = replicated();
        Order memory order = orderOf(relayer, 5);
        bytes memory signature = signatureOf(terms, order, "stranger");
        vm.startPrank(relayer);
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
        signature = signatureOf(terms, order, "requester");
        order.relayFee = 6;
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
        order.relayFee = 5;
        order.postBy += 1;
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
        order.postBy -= 1;
        order.workers = new address[](1);
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
        order.workers = new address[](0);
        order.relayer = address(0);
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
        order.relayer = relayer;
        vm.chainId(5);
        refused(IJobBoard.BadSignature.selector, board.idOf(terms), requester);
        board.postFor(terms, order, signature, noOffers);
    }

    function test_postFor_orderIsSignedAsEip712Says() external view {
        bytes32 typehash = keccak256(
            "Order(JobTerms terms,address relayer,uint128 relayFee,uint40 postBy,address[] workers)JobTerms(address requester,uint256 nonce,bytes32 specDigest,uint128 price,uint128 reserve,uint128 bounty,uint40 takeBy,address payToken,uint16 feeBps,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,bytes32 hardwareClass,address scheduler,address verifier,bytes32 verifierParams,uint32 workTime,uint32 settleTime)"
        );
        JobTerms memory terms;
        terms.requester = requester;
        terms.nonce = 17;
        Order memory order = orderOf(relayer, 9);
        order.workers = workers;
        bytes32 list = keccak256(abi.encodePacked(workers));
        bytes32 hash = keccak256(abi.encode(typehash, structHash(terms), relayer, 9, order.postBy, list));
        vm.assertEq(board.orderDigest(terms, order), typed(hash));
    }

    function test_postFor_asksAContractForItsSignature() external {
        JobTerms memory terms = replicated();
        StubWallet wallet = StubWallet(double("StubWallet", abi.encode(requester)));
        fund(address(wallet), FUNDS);
        terms.requester = address(wallet);
        Order memory order = orderOf(relayer, 11);
        bytes memory signature = signatureOf(terms, order, "requester");
        vm.prank(relayer);
        board.postFor(terms, order, signature, noOffers);
        vm.assertEq(held(address(wallet)), escrowed(terms));
        vm.assertEq(free(relayer), 11);
    }

    function test_postFor_matchesOnlyAllowedWorkers() external {
        JobTerms memory terms = accepted();
        Order memory order = orderOf(relayer, 0);
        order.workers = new address[](1);
        order.workers[0] = workers[3];
        bytes memory signature = signatureOf(terms, order, "requester");
        Offer[] memory list = one(offerOf(terms, 1, PRICE));
        vm.expectRevert(abi.encodeWithSelector(IOfferScheduler.WorkerNotAllowed.selector, workers[1]));
        vm.prank(relayer);
        board.postFor(terms, order, signature, list);
        list = one(offerOf(terms, 3, 9_000));
        vm.prank(relayer);
        board.postFor(terms, order, signature, list);
        expectState(terms, JobState.Assigned);
        vm.assertEq(stakeOf(3).locks, 1);
    }

    function test_postFor_offersAreNeitherDroppedNorSlippedIn() external {
        JobTerms memory terms = accepted();
        Order memory order = orderOf(relayer, 0);
        bytes memory signature = signatureOf(terms, order, "requester");
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongScheduler.selector, board.idOf(terms), false));
        vm.prank(relayer);
        board.postFor(terms, order, signature, noOffers);
        terms = plain();
        signature = signatureOf(terms, order, "requester");
        Offer[] memory list = one(offerOf(terms, 1, PRICE));
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongScheduler.selector, board.idOf(terms), true));
        vm.prank(relayer);
        board.postFor(terms, order, signature, list);
    }
}
