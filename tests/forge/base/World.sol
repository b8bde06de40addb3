// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {BlockBeacon} from "../../../contracts/beacons/BlockBeacon.sol";
import {Escrow} from "../../../contracts/core/Escrow.sol";
import {Reputation} from "../../../contracts/core/Reputation.sol";
import {StakeVault} from "../../../contracts/core/StakeVault.sol";
import {WorkerRegistry} from "../../../contracts/core/WorkerRegistry.sol";
import {Parameters} from "../../../contracts/governance/Parameters.sol";
import {IEscrow} from "../../../contracts/interfaces/IEscrow.sol";
import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IParameters} from "../../../contracts/interfaces/IParameters.sol";
import {IStakeVault} from "../../../contracts/interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../../../contracts/interfaces/IWorkerRegistry.sol";
import {LotteryScheduler} from "../../../contracts/schedulers/LotteryScheduler.sol";
import {OfferScheduler} from "../../../contracts/schedulers/OfferScheduler.sol";
import {StubJury} from "../../../contracts/test/StubJury.sol";
import {StubScheduler} from "../../../contracts/test/StubScheduler.sol";
import {StubVerifier} from "../../../contracts/test/StubVerifier.sol";
import {TestToken} from "../../../contracts/test/TestToken.sol";
import {JobTerms, Seat} from "../../../contracts/types/JobTypes.sol";
import {Bps} from "../../../contracts/types/Money.sol";
import {AcceptanceVerifier} from "../../../contracts/verifiers/AcceptanceVerifier.sol";
import {ReplicationVerifier} from "../../../contracts/verifiers/ReplicationVerifier.sol";
import {Base} from "./Base.sol";
import {AccessManager} from "@openzeppelin/contracts/access/manager/AccessManager.sol";

/// @notice A whole network, its requester with money in the escrow and six workers of six providers with stake.
abstract contract World is Base {
    uint16 internal constant FEE_BPS = 100;
    uint128 internal constant PRICE = 10_000;
    uint128 internal constant BOUNTY = 70;
    uint128 internal constant STAKE = 1000;
    uint128 internal constant BOND = 50;
    uint256 internal constant FUNDS = 10_000_000;
    uint256 internal constant ALLOCATED = 10 * STAKE;
    uint112 internal constant MAX_ESCROW = 1_000_000;
    uint128 internal constant SCORE_WEIGHT = 3e18;
    uint16 internal constant CAPACITY = 3;
    uint8 internal constant REOPENS = 2;
    bytes32 internal constant CPU = keccak256("cpu");

    uint32 internal constant MIN_TAKE = 8;
    uint40 internal constant REOPEN_TIME = 2 * MIN_TAKE;
    uint32 internal constant TAKE = 40;
    uint32 internal constant WORK = 120;
    uint32 internal constant SETTLE = 600;
    uint32 internal constant REVEAL = 50;
    uint32 internal constant GRACE = 20;
    uint32 internal constant EXTRA_TAKE = 150;
    uint32 internal constant WINDOW = 30;
    uint40 internal constant EXIT_DELAY = 13_000;
    uint40 internal constant JURY_TIME = 100;
    uint40 internal constant BEACON_DELAY = 2;

    TestToken internal coin;
    TestToken internal stakeToken;
    AccessManager internal manager;
    Parameters internal parameters;
    Escrow internal escrow;
    StakeVault internal vault;
    WorkerRegistry internal registry;
    Reputation internal reputation;
    BlockBeacon internal beacon;
    IJobBoard internal board;
    LotteryScheduler internal lottery;
    OfferScheduler internal offers;
    StubScheduler internal stubScheduler;
    ReplicationVerifier internal replication;
    AcceptanceVerifier internal acceptance;
    StubVerifier internal stubVerifier;
    StubJury internal jury;

    address internal requester = actor("requester");
    address internal closer = actor("closer");
    address internal stranger = actor("stranger");
    address internal finder = actor("finder");
    string[6] internal roles = ["worker 1", "worker 2", "worker 3", "worker 4", "worker 5", "worker 6"];
    address[] internal workers;
    address[] internal providers;
    uint256 internal lastNonce = 1; // every job in a lane of its own

    function setUp() public virtual {
        vm.warp(1_800_000_000);
        vm.roll(1000);
        _deploy();
        _admit();
        _enrol();
        fund(requester, FUNDS);
        // nobody's stake or registration is younger than any draw
        passTime(10);
    }

    // ---- set-up

    function bounds() internal pure returns (IParameters.Bounds memory) {
        return IParameters.Bounds({
            minTakeTime: MIN_TAKE,
            maxTakeTime: 3600,
            minWorkTime: 5,
            maxWorkTime: 600,
            maxSettleTime: 3600,
            maxFeeBps: Bps.wrap(500),
            maxReopens: REOPENS
        });
    }

    function values() internal pure returns (IParameters.Values memory) {
        return IParameters.Values({
            feeBps: Bps.wrap(FEE_BPS),
            minStake: STAKE,
            minNoShowBond: BOND,
            paused: false
        });
    }

    function _deploy() private {
        coin = TestToken(make("TestToken", abi.encode("coin", "COIN", 6)));
        stakeToken = TestToken(make("TestToken", abi.encode("stake", "STK", 18)));
        manager = AccessManager(make("AccessManager", abi.encode(address(this))));
        parameters = Parameters(make("Parameters", abi.encode(address(manager), bounds(), values())));
        escrow = Escrow(make("Escrow", ""));
        vault = deployVault(EXIT_DELAY);
        registry = WorkerRegistry(make("WorkerRegistry", ""));
        reputation = Reputation(make("Reputation", abi.encode(30 days)));
        beacon = BlockBeacon(make("BlockBeacon", abi.encode(BEACON_DELAY)));
        board = deployBoard(vault);
        bytes memory ofBoard = abi.encode(address(board));
        lottery = LotteryScheduler(make("LotteryScheduler", ofBoard));
        offers = OfferScheduler(make("OfferScheduler", ofBoard));
        stubScheduler = StubScheduler(double("StubScheduler", ofBoard));
        replication = ReplicationVerifier(make("ReplicationVerifier", ofBoard));
        stubVerifier = StubVerifier(double("StubVerifier", ofBoard));
        jury = StubJury(double("StubJury", abi.encode(JURY_TIME)));
        acceptance = AcceptanceVerifier(make("AcceptanceVerifier", abi.encode(address(board), address(jury))));
    }

    function deployVault(uint40 exitDelay) internal returns (StakeVault) {
        return StakeVault(make("StakeVault", abi.encode(address(stakeToken), exitDelay)));
    }

    function deployBoard(StakeVault vault_) internal returns (IJobBoard) {
        bytes memory arguments = abi.encode(
            address(escrow),
            address(vault_),
            address(registry),
            address(reputation),
            address(parameters),
            address(beacon)
        );
        return IJobBoard(make("JobBoard", arguments));
    }

    function _admit() private {
        parameters.addBoard(address(board));
        parameters.setToken(address(coin), IParameters.TokenRule({maxEscrow: MAX_ESCROW, scoreWeight: SCORE_WEIGHT}));
        parameters.setScheduler(address(lottery), true);
        parameters.setScheduler(address(offers), true);
        parameters.setScheduler(address(stubScheduler), true);
        parameters.setVerifier(address(replication), true);
        parameters.setVerifier(address(acceptance), true);
        parameters.setVerifier(address(stubVerifier), true);
        parameters.setHardwareClass(CPU, true);
        jury.setFee(address(coin), 500);
    }

    function _enrol() private {
        for (uint256 i = 0; i < roles.length; ++i) {
            address provider = actor(string.concat("provider of ", roles[i]));
            workers.push(actor(roles[i]));
            providers.push(provider);
            register(i, provider, profile(provider));
            stakeFor(provider, workers[i], ALLOCATED);
        }
    }

    function profile(address payout) internal pure returns (IWorkerRegistry.Profile memory) {
        return IWorkerRegistry.Profile({
            payout: payout,
            hardwareClass: CPU,
            fingerprint: bytes32(uint256(1)),
            capability: 1000,
            price: PRICE,
            capacity: CAPACITY,
            recipient: bytes32(uint256(2)),
            metadata: bytes32(uint256(3))
        });
    }

    function register(uint256 index, address provider, IWorkerRegistry.Profile memory card) internal {
        bytes32 digest = registry.consentDigest(workers[index], provider);
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(keyOf(roles[index]), digest);
        vm.prank(provider);
        registry.register(workers[index], card, abi.encodePacked(r, s, v));
    }

    function stakeFor(address provider, address worker, uint256 amount) internal {
        stakeToken.mint(provider, amount);
        vm.startPrank(provider);
        stakeToken.approve(address(vault), amount);
        vault.deposit(worker, amount);
        vault.allocate(worker, address(board), amount);
        vm.stopPrank();
    }

    function fund(address account, uint256 amount) internal {
        coin.mint(account, amount);
        vm.startPrank(account);
        coin.approve(address(escrow), amount);
        escrow.deposit(address(board), address(coin), account, amount);
        vm.stopPrank();
    }

    // ---- time

    function passTime(uint256 time) internal {
        vm.warp(vm.getBlockTimestamp() + time);
        vm.roll(vm.getBlockNumber() + 1);
    }

    function passBlocks(uint256 count) internal {
        for (uint256 i = 0; i < count; ++i) {
            vm.roll(vm.getBlockNumber() + 1);
            vm.warp(vm.getBlockTimestamp() + 1);
        }
    }

    function warpTo(uint256 time) internal {
        vm.warp(time);
        vm.roll(vm.getBlockNumber() + 1);
    }

    // ---- terms

    /// @dev Good terms of the replication tier, with a nonce of their own.
    function replicated() internal returns (JobTerms memory terms) {
        terms = plain();
        terms.reserve = 2 * PRICE;
        terms.workers = 3;
        terms.verifier = address(replication);
        terms.verifierParams = bytes32(uint256(REVEAL) | uint256(GRACE) << 32 | uint256(EXTRA_TAKE) << 64);
    }

    /// @dev One seat, given by an offer, in the acceptance tier.
    function accepted() internal returns (JobTerms memory terms) {
        terms = plain();
        terms.scheduler = address(offers);
        terms.verifier = address(acceptance);
        terms.verifierParams = bytes32(uint256(WINDOW));
    }

    /// @dev One seat, drawn by the double, judged by the double.
    function plain() internal returns (JobTerms memory terms) {
        terms.requester = requester;
        terms.nonce = lastNonce += 1 << 16;
        terms.specDigest = bytes32(uint256(4));
        terms.price = PRICE;
        terms.bounty = BOUNTY;
        terms.takeBy = uint40(vm.getBlockTimestamp() + TAKE);
        terms.payToken = address(coin);
        terms.feeBps = Bps.wrap(FEE_BPS);
        terms.noShowBond = BOND;
        terms.workers = 1;
        terms.stake = STAKE;
        terms.hardwareClass = CPU;
        terms.scheduler = address(stubScheduler);
        terms.verifier = address(stubVerifier);
        terms.workTime = WORK;
        terms.settleTime = SETTLE;
        stubScheduler.set(true, PRICE);
    }

    // ---- money

    function balance(address account) internal view returns (IEscrow.Balance memory) {
        return escrow.balanceOf(address(board), address(coin), account);
    }

    function free(address account) internal view returns (uint256) {
        return balance(account).free;
    }

    function held(address account) internal view returns (uint256) {
        return balance(account).held;
    }

    function stakeOf(uint256 index) internal view returns (IStakeVault.Allocation memory) {
        return vault.allocationOf(providers[index], workers[index], address(board));
    }

    function seatAt(uint256 index, uint128 price) internal view returns (Seat memory) {
        return Seat({
            worker: workers[index],
            provider: providers[index],
            payee: providers[index],
            price: price,
            commitment: 0
        });
    }
}
