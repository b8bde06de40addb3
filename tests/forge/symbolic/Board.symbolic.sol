// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Escrow} from "../../../contracts/core/Escrow.sol";
import {JobBoard} from "../../../contracts/core/JobBoard.sol";
import {Reputation} from "../../../contracts/core/Reputation.sol";
import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {WorkerRegistry} from "../../../contracts/core/WorkerRegistry.sol";
import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IWorkerRegistry} from "../../../contracts/interfaces/IWorkerRegistry.sol";
import {StubScheduler} from "../../../contracts/test/StubScheduler.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {Fault, JobRef, JobState, JobTerms, Offer, Seat, TERMS_TYPEHASH} from "../../../contracts/types/JobTypes.sol";
import {BURN, Bps} from "../../../contracts/types/Money.sol";
import {Base} from "../base/Base.sol";
import {PlainToken} from "../base/PlainToken.sol";
import {OpenPolicy} from "../base/OpenPolicy.sol";

/// @notice Proved by halmos: whatever a verdict says, the money of a job goes where it must, once. One seat, given by an
/// offer, on the real board and ledgers; parameters and beacon are doubles that allow everything.
contract BoardSymbolic is Base {
    address private constant REQUESTER = address(0x3001);
    address private constant WORKER = address(0x3002);
    address private constant CLOSER = address(0x3003);
    uint128 private constant PRICE = 10_000;
    uint128 private constant RESERVE = 500;
    uint128 private constant BOUNTY = 70;
    uint128 private constant STAKE = 1000;
    uint128 private constant BOND = 50;
    uint256 private constant ESCROWED = 10_500 + 70;

    Escrow private escrow;
    StakeVault private vault;
    JobBoard private board;
    StubVerifier private verifier;
    StubScheduler private scheduler;
    PlainToken private coin;

    JobTerms private terms;
    Seat[] private seats;
    Seat[] private none;
    Offer[] private noOffers;

    function setUp() public {
        vm.warp(1_800_000_000);
        vm.roll(1000);
        coin = new PlainToken();
        escrow = new Escrow();
        vault = new StakeVault(address(coin), 12_000);
        WorkerRegistry registry = new WorkerRegistry();
        OpenPolicy policy = new OpenPolicy();
        board = new JobBoard(
            address(escrow),
            address(vault),
            address(registry),
            address(new Reputation(30 days)),
            address(policy),
            address(policy)
        );
        policy.tell(address(board));
        scheduler = new StubScheduler(address(board));
        scheduler.setChosen(WORKER);
        scheduler.set(true, PRICE);
        verifier = new StubVerifier(address(board));
        _enrol(registry);
        coin.mint(REQUESTER, 1e9);
        vm.prank(REQUESTER);
        escrow.deposit(address(board), address(coin), REQUESTER, 1e9);
        vm.warp(1_800_000_100);
        _terms();
        vm.prank(REQUESTER);
        board.postWithOffers(terms, noOffers);
        seats.push(Seat(WORKER, WORKER, WORKER, PRICE, 0));
    }

    function check_E2_whateverTheVerdictTheMoneyOfAJobIsConserved(uint128 pay, uint8 fault, address finder) external {
        _commit();
        vm.assume(fault <= uint8(type(Fault).max));
        verifier.set(StubVerifier.Mood.Pay, pay, Fault(fault), finder);
        bool good = _settle();
        assert(good == (pay <= PRICE + RESERVE));
        if (!good) {
            assert(_held() == ESCROWED);
            return;
        }
        assert(_free(WORKER) == pay);
        assert(_free(CLOSER) == (pay == 0 ? BOUNTY : 0));
        assert(_held() == 0);
        uint256 back = _free(REQUESTER) - (1e9 - ESCROWED);
        assert(_free(BURN) == 0);
        assert(pay + _free(CLOSER) + back == ESCROWED);
    }

    function check_S3_whateverTheVerdictNoMoreIsLostThanTheJobLocked(uint8 fault, address finder) external {
        _commit();
        vm.assume(fault <= uint8(type(Fault).max));
        verifier.set(StubVerifier.Mood.Pay, 77, Fault(fault), finder);
        assert(_settle());
        uint256 lost = fault == uint8(Fault.Slashed) ? STAKE : fault == uint8(Fault.NoShow) ? BOND : 0;
        assert(vault.allocationOf(WORKER, WORKER, address(board)).active == 2 * STAKE - lost);
        assert(vault.allocationOf(WORKER, WORKER, address(board)).locked == 0);
        if (finder != address(0)) assert(vault.claimableOf(finder) <= lost / 2);
    }

    function check_settleAgreed_isThePinnedVerifiersAlone(address caller) external {
        _commit();
        vm.prank(caller);
        (bool good,) = address(board).call(abi.encodeCall(IJobBoard.settleAgreed, (terms, seats)));
        assert(good == (caller == address(verifier)));
        assert(_held() == (good ? 0 : ESCROWED));
        assert(_free(WORKER) == (good ? PRICE : 0));
    }

    function check_J1_aSettledJobNeverMoves(uint40 later, address caller) external {
        _commit();
        vm.assume(later < 1 << 31);
        verifier.set(StubVerifier.Mood.Pay, PRICE, Fault.None, address(0));
        assert(_settle());
        uint256 owed = _free(WORKER) + _free(REQUESTER);
        vm.warp(1_800_000_100 + uint256(later));
        vm.assume(caller != address(board) && caller != address(escrow) && caller != address(vault));
        _refuseAll(caller);
        assert(board.jobOf(REQUESTER, terms.nonce).state == JobState.Settled);
        assert(_free(WORKER) + _free(REQUESTER) == owed);
    }

    function check_J1_anExpiredJobNeverMoves(uint40 later, address caller) external {
        vm.warp(1_800_000_100 + 121);
        vm.prank(CLOSER);
        board.expire(terms, seats);
        vm.assume(later < 1 << 31);
        vm.warp(1_800_000_100 + 121 + uint256(later));
        _refuseAll(caller);
        assert(board.jobOf(REQUESTER, terms.nonce).state == JobState.Expired);
        assert(_free(REQUESTER) == 1e9 - BOUNTY && _free(CLOSER) == BOUNTY);
    }

    function check_J1_retiringOnlyEverRaisesALane(uint16 first, uint16 second) external {
        vm.startPrank(CLOSER);
        (bool a,) = address(board).call(abi.encodeCall(IJobBoard.retire, (uint256(9) << 16 | first)));
        (bool b,) = address(board).call(abi.encodeCall(IJobBoard.retire, (uint256(9) << 16 | second)));
        assert(a == (first > 0));
        assert(b == (second > first));
        (, uint16 sequence) = board.laneOf(CLOSER, 9);
        assert(sequence == (second > first ? second : first));
    }

    /// @dev That `settle` succeeds then is for the unit tests: how much gas is left is unknown here.
    function check_J2_undecidedTheMoneyGoesBackAndNeverEarly(uint40 later) external {
        _commit();
        verifier.set(StubVerifier.Mood.Pending, 0, Fault.None, address(0));
        vm.assume(later < 1 << 31);
        vm.warp(1_800_000_100 + uint256(later));
        bool good = _settle();
        assert(!good || later > 600);
        if (good) assert(_free(REQUESTER) == 1e9 - BOUNTY && _free(CLOSER) == BOUNTY && _free(WORKER) == 0);
    }

    function check_J3_nobodyCommitsForTheSeatsWorker(address caller, bytes32 commitment) external {
        vm.assume(caller != WORKER);
        vm.prank(caller);
        (bool good,) = address(board).call(abi.encodeCall(IJobBoard.commit, (_ref(), 1, seats, commitment)));
        assert(!good);
    }

    function check_G1_onlyTheParametersTellTheVersion(address caller, uint32 version) external {
        vm.assume(caller != board.PARAMETERS());
        vm.prank(caller);
        (bool good,) = address(board).call(abi.encodeWithSignature("adopt(uint32)", version));
        assert(!good);
    }

    function _refuseAll(address caller) private {
        vm.startPrank(caller);
        (bool a,) = address(board).call(abi.encodeCall(IJobBoard.settle, (terms, seats)));
        (bool b,) = address(board).call(abi.encodeCall(IJobBoard.expire, (terms, seats)));
        (bool c,) = address(board).call(abi.encodeCall(IJobBoard.closeWork, (terms, seats)));
        (bool d,) = address(board).call(abi.encodeCall(IJobBoard.cancel, (terms)));
        (bool e,) = address(board).call(abi.encodeCall(IJobBoard.commit, (_ref(), 1, seats, bytes32(uint256(1)))));
        (bool f,) = address(board).call(abi.encodeCall(IJobBoard.postWithOffers, (terms, noOffers)));
        (bool g,) = address(board).call(abi.encodeCall(IJobBoard.contest, (terms, seats)));
        (bool h,) = address(board).call(abi.encodeCall(IJobBoard.settleAgreed, (terms, seats)));
        vm.stopPrank();
        assert(!a && !b && !c && !d && !e && !f && !g && !h);
    }

    function _enrol(WorkerRegistry registry) private {
        IWorkerRegistry.Profile memory profile;
        profile.hardwareClass = keccak256("cpu");
        profile.capacity = 3;
        coin.mint(WORKER, 2 * STAKE);
        vm.startPrank(WORKER);
        registry.register(WORKER, profile, "");
        vault.deposit(WORKER, 2 * STAKE);
        vault.allocate(WORKER, address(board), 2 * STAKE);
        vm.stopPrank();
    }

    function _terms() private {
        terms.requester = REQUESTER;
        terms.nonce = 7 << 16 | 1;
        terms.price = PRICE;
        terms.reserve = RESERVE;
        terms.bounty = BOUNTY;
        terms.takeBy = uint40(block.timestamp + 40);
        terms.payToken = address(coin);
        terms.feeBps = Bps.wrap(0); // how the fee is rounded is proved in Money.symbolic.sol
        terms.noShowBond = BOND;
        terms.workers = 1;
        terms.stake = STAKE;
        terms.hardwareClass = keccak256("cpu");
        terms.scheduler = address(scheduler);
        terms.verifier = address(verifier);
        terms.workTime = 120;
        terms.settleTime = 600;
    }

    function _commit() private {
        vm.prank(WORKER);
        board.commit(_ref(), 1, seats, bytes32(uint256(5)));
        seats[0].commitment = bytes32(uint256(5));
    }

    function _settle() private returns (bool good) {
        vm.prank(CLOSER);
        (good,) = address(board).call(abi.encodeCall(IJobBoard.settle, (terms, seats)));
    }

    function _ref() private view returns (JobRef memory) {
        JobTerms memory copy = terms;
        return JobRef(REQUESTER, copy.nonce, keccak256(abi.encodePacked(TERMS_TYPEHASH, abi.encode(copy))));
    }

    function _free(address account) private view returns (uint256) {
        return escrow.balanceOf(address(board), address(coin), account).free;
    }

    function _held() private view returns (uint256) {
        return escrow.balanceOf(address(board), address(coin), REQUESTER).held;
    }
}
