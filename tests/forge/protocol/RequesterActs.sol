// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobState, JobTerms, Offer, Order} from "../../../contracts/types/JobTypes.sol";
import {Book} from "./Book.sol";

/// @notice The requester, and a relayer (the stranger) for him.
abstract contract RequesterActs is Book {
    function act_deposit(uint256 amount) external {
        amount = bound(amount, 1, 1_000_000);
        fund(requester, amount);
        moneyIn += amount;
        did("deposit");
    }

    function act_withdraw(uint256 seed, uint256 amount) external {
        address[] memory all = accounts();
        address who = all[seed % (all.length - 3)]; // burned money, a verifier's and the jury's stay
        if (free(who) == 0) return;
        amount = bound(amount, 1, who == requester ? free(who) / 20 + 1 : free(who));
        vm.prank(who);
        escrow.withdraw(address(board), address(coin), amount, who);
        moneyOut += amount;
        did("withdraw");
    }

    function act_post(uint256 seed, uint128 price) external {
        JobTerms memory terms = _terms(seed, price);
        bool found;
        (found, terms) = freshTerms(seed, terms);
        if (!found || free(requester) < escrowed(terms)) return;
        post(terms);
        remember(terms);
        did("post");
    }

    function act_postWithOffer(uint256 seed, uint128 price) external {
        JobTerms memory terms = accepted();
        terms.price = uint128(bound(price, 1, PRICE));
        bool found;
        (found, terms) = freshTerms(seed, terms);
        uint256 worker = seed / 7 % workers.length;
        if (!found || free(requester) < escrowed(terms)) return;
        if (!stakeOld(worker, block.timestamp) || stakeOf(worker).locks >= CAPACITY) return;
        if (vault.lockable(providers[worker], workers[worker], address(board)) < terms.stake) return;
        uint128 asked = uint128(bound(seed / 11, 1, terms.price));
        Offer[] memory list = one(offerOf(terms, worker, asked));
        vm.prank(requester);
        board.postWithOffers(terms, list);
        remember(remember(terms), worker, asked);
        did("postWithOffer");
    }

    function act_postFor(uint256 seed, uint128 price, uint128 fee) external {
        JobTerms memory terms = _terms(seed, price);
        bool found;
        (found, terms) = freshTerms(seed, terms);
        fee = uint128(bound(fee, 0, 500));
        if (!found || free(requester) < escrowed(terms) + fee) return;
        Order memory order = orderOf(stranger, fee);
        bytes memory signature = signatureOf(terms, order, "requester");
        uint256 before = free(stranger);
        vm.prank(stranger);
        board.postFor(terms, order, signature, noOffers);
        vm.assertEq(free(stranger), before + fee, "the relayer's fee");
        remember(terms);
        did("postFor");
    }

    function act_cancel(uint256 seed) external {
        (bool found, uint256 index) = pick(seed, JobState.Posted);
        if (!found || beacon.isDue(jobAt(index).round)) return;
        JobTerms memory terms = jobs[index].terms;
        uint256 before = free(requester);
        vm.prank(requester);
        board.cancel(terms);
        // E2: all of it, to the wei; a seat cannot have been taken yet
        vm.assertEq(free(requester), before + escrowed(terms), "refund");
        vm.assertEq(jobs[index].seats.length, 0, "seats of a cancelled job");
        rememberEnd(index, JobState.Cancelled);
        did("cancel");
    }

    function act_retire(uint256 seed) external {
        uint256 lane = seed % LANES;
        sequences[lane] += 1;
        vm.prank(requester);
        board.retire(lane << 16 | sequences[lane]);
        did("retire");
    }

    function _terms(uint256 seed, uint128 price) private returns (JobTerms memory terms) {
        terms = seed % 3 == 0 ? plain() : replicated();
        terms.price = uint128(bound(price, 1, PRICE));
        terms.reserve = seed % 3 == 0 ? uint128(seed / 13 % 100) : 2 * terms.price + uint128(seed / 13 % 100);
        if (seed % 3 == 0) terms.workers = uint8(1 + seed / 17 % 4);
        else terms.scheduler = address(lottery);
        terms.bounty = uint128(seed / 19 % 200);
        terms.noShowBond = uint128(bound(seed / 23, BOND, STAKE));
        terms.reopens = uint8(seed / 29 % (REOPENS + 1));
    }
}
