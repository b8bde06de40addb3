// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {
    Fault, Job, JobId, JobRef, JobState, JobTerms, Offer, Order, Seat, Signature, SignedTake
} from "../../../contracts/types/JobTypes.sol";
import {World} from "./World.sol";

/// @notice Verbs of the board, for tests of it: who calls is always the right one.
abstract contract BoardWorld is World {
    Seat[] internal none; // no seats
    Offer[] internal noOffers;

    bytes32 internal constant SEALED = keccak256("commitment");

    // ---- verbs

    function post(JobTerms memory terms) internal returns (JobId) {
        vm.prank(terms.requester);
        return board.post(terms);
    }

    function take(JobTerms memory terms, uint256 index) internal {
        vm.prank(workers[index]);
        board.take(terms, none);
    }

    /// @dev Posted and drawn: the first so many workers hold the seats, each given in a call of its own.
    function taken(JobTerms memory terms) internal returns (Seat[] memory seats) {
        post(terms);
        passBlocks(3);
        seats = new Seat[](terms.workers);
        for (uint256 i = 0; i < terms.workers; ++i) {
            take(terms, i);
            seats[i] = seatAt(i, PRICE);
        }
    }

    /// @dev As `taken`, and every worker has committed to SEALED.
    function committed(JobTerms memory terms) internal returns (Seat[] memory seats) {
        seats = taken(terms);
        for (uint256 i = 0; i < seats.length; ++i) {
            seal(terms, i, seats);
        }
    }

    /// @dev Seat `index` + 1 commits to SEALED, and `seats` says so afterwards.
    function seal(JobTerms memory terms, uint256 index, Seat[] memory seats) internal {
        vm.prank(seats[index].worker);
        board.commit(refOf(terms), uint8(index + 1), seats, SEALED);
        seats[index].commitment = SEALED;
    }

    function settle(JobTerms memory terms, Seat[] memory seats) internal {
        vm.prank(closer);
        board.settle(terms, seats);
    }

    function expire(JobTerms memory terms, Seat[] memory seats) internal {
        vm.prank(closer);
        board.expire(terms, seats);
    }

    function rule(uint128 pay, Fault fault, address finder_) internal {
        stubVerifier.set(StubVerifier.Mood.Pay, pay, fault, finder_);
    }

    // ---- what is signed

    function offerOf(JobTerms memory terms, uint256 index, uint128 price) internal view returns (Offer memory offer) {
        offer.minPrice = price;
        offer.maxWall = WORK;
        offer.maxStake = STAKE;
        offer.expiry = uint40(vm.getBlockTimestamp() + 100);
        offer.signature = signed(roles[index], offers.offerDigest(terms, offer));
    }

    function one(Offer memory offer) internal pure returns (Offer[] memory list) {
        list = new Offer[](1);
        list[0] = offer;
    }

    function orderOf(address relayer, uint128 fee) internal view returns (Order memory order) {
        order.relayer = relayer;
        order.relayFee = fee;
        order.postBy = uint40(vm.getBlockTimestamp() + 50);
    }

    function signatureOf(JobTerms memory terms, Order memory order, string memory role)
        internal
        view
        returns (bytes memory)
    {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(role), board.orderDigest(terms, order));
        return abi.encodePacked(r, s, v);
    }

    function signed(string memory role, bytes32 digest) internal pure returns (Signature memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(role), digest);
        return Signature(r, bytes32(uint256(s) | uint256(v - 27) << 255));
    }

    function takesBy(JobTerms memory terms, uint256 count) internal view returns (SignedTake[] memory list) {
        list = new SignedTake[](count);
        bytes32 digest = board.takeDigest(board.idOf(terms), terms.takeBy);
        for (uint256 i = 0; i < count; ++i) {
            list[i] = SignedTake(terms.takeBy, signed(roles[i], digest));
        }
    }

    // ---- reading

    function refOf(JobTerms memory terms) internal pure returns (JobRef memory) {
        return JobRef(terms.requester, terms.nonce, structHash(terms));
    }

    /// @dev EIP-712, the plain way.
    function structHash(JobTerms memory terms) internal pure returns (bytes32) {
        bytes32 typehash = keccak256(
            "JobTerms(address requester,uint256 nonce,bytes32 specDigest,uint128 price,uint128 reserve,uint128 bounty,uint40 takeBy,address payToken,uint16 feeBps,uint128 noShowBond,uint8 reopens,uint8 workers,uint128 stake,bytes32 hardwareClass,address scheduler,address verifier,bytes32 verifierParams,uint32 workTime,uint32 settleTime)"
        );
        return keccak256(abi.encodePacked(typehash, abi.encode(terms)));
    }

    function domain(address at, string memory name) internal view returns (bytes32) {
        return keccak256(
            abi.encode(
                keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"),
                keccak256(bytes(name)),
                keccak256("1"),
                block.chainid,
                at
            )
        );
    }

    function typed(bytes32 hash) internal view returns (bytes32) {
        return keccak256(abi.encodePacked("\x19\x01", domain(address(board), "tensorgrid"), hash));
    }

    function jobOf(JobTerms memory terms) internal view returns (Job memory) {
        return board.jobOf(terms.requester, terms.nonce);
    }

    function expectState(JobTerms memory terms, JobState state) internal view {
        vm.assertEq(uint256(jobOf(terms).state), uint256(state), "state");
    }

    /// @dev What the workers can get at most, and the fee on it, and the bounty: in plain arithmetic.
    function escrowed(JobTerms memory terms) internal pure returns (uint256) {
        uint256 most = uint256(terms.price) * terms.workers + terms.reserve;
        return most + feeOn(most) + terms.bounty;
    }

    function feeOn(uint256 amount) internal pure returns (uint256) {
        return amount * FEE_BPS % 10_000 == 0 ? amount * FEE_BPS / 10_000 : amount * FEE_BPS / 10_000 + 1;
    }

    function refused(bytes4 selector) internal {
        vm.expectRevert(abi.encodeWithSelector(selector));
    }

    function refused(bytes4 selector, JobId id) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, id));
    }

    function refused(bytes4 selector, JobId id, uint256 value) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, id, value));
    }

    function refused(bytes4 selector, JobId id, address who) internal {
        vm.expectRevert(abi.encodeWithSelector(selector, id, who));
    }

    function refusedState(JobId id, JobState have, JobState need) internal {
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.WrongState.selector, id, have, need));
    }
}
