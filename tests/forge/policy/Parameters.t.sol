// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../../../contracts/interfaces/IJobBoard.sol";
import {IParameters} from "../../../contracts/interfaces/IParameters.sol";
import {IVerifier} from "../../../contracts/interfaces/IVerifier.sol";
import {StubBoard} from "../../../contracts/test/StubBoard.sol";
import {JobTerms} from "../../../contracts/types/JobTypes.sol";
import {Bps} from "../../../contracts/types/Money.sol";
import {BoardWorld} from "../base/BoardWorld.sol";

/// @notice What governance may say, and what new jobs are compared with.
contract ParametersTest is BoardWorld {
    // ---- construction

    function test_constructor_refusesBoundsThatContradictThemselves() external {
        IParameters.Bounds memory b = bounds();
        b.minTakeTime = 0;
        _refusedBounds(b);
        b = bounds();
        b.minTakeTime = b.maxTakeTime + 1;
        _refusedBounds(b);
        b = bounds();
        b.minWorkTime = 0;
        _refusedBounds(b);
        b = bounds();
        b.minWorkTime = b.maxWorkTime + 1;
        _refusedBounds(b);
        b = bounds();
        b.maxFeeBps = Bps.wrap(10_001);
        _refusedBounds(b);
    }

    // ---- who

    function test_G1_everyChange_isRestricted() external {
        bytes[10] memory calls = [
            abi.encodeCall(IParameters.setValues, (values())),
            abi.encodeCall(IParameters.pause, ()),
            abi.encodeCall(IParameters.unpause, ()),
            abi.encodeCall(IParameters.setToken, (address(coin), IParameters.TokenRule(1, 1))),
            abi.encodeCall(IParameters.setScheduler, (stranger, true)),
            abi.encodeCall(IParameters.setVerifier, (stranger, true)),
            abi.encodeCall(IParameters.setHardwareClass, (CPU, false)),
            abi.encodeCall(IParameters.addBoard, (stranger)),
            abi.encodeCall(IParameters.dropBoard, (address(board))),
            abi.encodeCall(IParameters.pause, ())
        ];
        uint32 version = parameters.version();
        for (uint256 i = 0; i < calls.length; ++i) {
            vm.prank(stranger);
            (bool good,) = address(parameters).call(calls[i]);
            vm.assertEq(good, false);
        }
        vm.assertEq(parameters.version(), version);
    }

    // ---- versions

    function test_version_risesWithEveryChange() external {
        uint32 version = parameters.version();
        parameters.setValues(values());
        parameters.setToken(address(coin), parameters.tokenRule(address(coin)));
        parameters.setScheduler(stranger, true);
        parameters.setVerifier(stranger, true);
        parameters.setHardwareClass(CPU, true);
        vm.assertEq(parameters.version(), version + 5);
        parameters.pause();
        vm.assertEq(parameters.version(), 0);
        parameters.unpause();
        vm.assertEq(parameters.version(), version + 7);
        vm.assertEq(parameters.boards().length, 1);
        vm.assertEq(parameters.boards()[0], address(board));
    }

    // ---- boards

    function test_addBoard_refusesOneThatIsListedOrDeaf() external {
        vm.expectRevert(abi.encodeWithSelector(IParameters.BoardListed.selector, address(board)));
        parameters.addBoard(address(board));
        (bool good,) = address(parameters).call(abi.encodeCall(IParameters.addBoard, (address(escrow))));
        vm.assertEq(good, false);
        vm.assertEq(parameters.boards().length, 1);
    }

    function test_dropBoard_pausesItForGood() external {
        StubBoard other = new StubBoard();
        parameters.addBoard(address(other));
        vm.expectEmit(address(parameters));
        emit IParameters.BoardDropped(address(board));
        parameters.dropBoard(address(board));
        vm.assertEq(parameters.boards().length, 1);
        vm.assertEq(parameters.boards()[0], address(other));
        JobTerms memory terms = plain();
        vm.prank(requester);
        vm.expectRevert(abi.encodeWithSelector(IJobBoard.Paused.selector));
        board.post(terms);
        vm.expectRevert(abi.encodeWithSelector(IParameters.BoardUnknown.selector, address(board)));
        parameters.dropBoard(address(board));
    }

    function test_boards_oneThatWillNotHearHoldsUpNoVote() external {
        StubBoard bad = new StubBoard();
        parameters.addBoard(address(bad));
        uint32 version = parameters.version();
        for (uint8 mood = 1; mood < 3; ++mood) {
            bad.turn(StubBoard.Mood(mood));
            vm.expectEmit(address(parameters));
            emit IParameters.BoardDeaf(address(bad), version + mood);
            parameters.setScheduler(stranger, true);
            vm.assertEq(bad.version(), version);
        }
        parameters.dropBoard(address(bad));
        vm.assertEq(parameters.boards().length, 1);
    }

    function test_boards_littleGasKeepsNoneFromHearing() external {
        (bool good, bytes memory why) =
            address(parameters).call{gas: 110_000}(abi.encodeCall(IParameters.pause, ()));
        vm.assertEq(good, false);
        vm.assertEq(bytes4(why), IParameters.GasTooLow.selector);
    }

    // ---- values

    function test_setValues_keepsTheFeeBelowItsBound() external {
        IParameters.Values memory v = values();
        v.feeBps = Bps.wrap(501);
        vm.expectRevert(abi.encodeWithSelector(IParameters.FeeAboveBound.selector, 501, 500));
        parameters.setValues(v);
        v.feeBps = Bps.wrap(500);
        v.minStake = BOND - 1;
        vm.expectRevert(abi.encodeWithSelector(IParameters.StakeBelowBond.selector, BOND - 1, BOND));
        parameters.setValues(v);
        v.minStake = BOND;
        v.paused = true;
        parameters.setValues(v);
        vm.assertEq(keccak256(abi.encode(parameters.values())), keccak256(abi.encode(v)));
        vm.assertEq(parameters.version(), 0);
    }

    // ---- what a policy must be

    function test_admit_refusesEachTermThatDoesNotFit() external {
        JobTerms memory terms = plain();
        terms.feeBps = Bps.wrap(99);
        _refused(terms, abi.encodeWithSelector(IParameters.WrongFee.selector, 99, 100));
        terms = plain();
        terms.stake = STAKE - 1;
        _refused(terms, abi.encodeWithSelector(IParameters.StakeBelowMinimum.selector, STAKE - 1, STAKE));
        terms = plain();
        terms.noShowBond = BOND - 1;
        _refused(terms, abi.encodeWithSelector(IParameters.BondBelowMinimum.selector, BOND - 1, BOND));
        terms = plain();
        terms.noShowBond = STAKE + 1;
        _refused(terms, abi.encodeWithSelector(IParameters.BondAboveStake.selector, STAKE + 1, STAKE));
        terms = plain();
        terms.scheduler = stranger;
        _refused(terms, abi.encodeWithSelector(IParameters.SchedulerNotAllowed.selector, stranger));
        terms = plain();
        terms.verifier = stranger;
        _refused(terms, abi.encodeWithSelector(IParameters.VerifierNotAllowed.selector, stranger));
        terms = plain();
        terms.payToken = stranger;
        _refused(terms, abi.encodeWithSelector(IParameters.TokenNotAllowed.selector, stranger));
        terms = plain();
        terms.workers = 0;
        _refused(terms, abi.encodeWithSelector(IParameters.SeatsOutOfRange.selector, 0, 5));
        terms.workers = 6;
        _refused(terms, abi.encodeWithSelector(IParameters.SeatsOutOfRange.selector, 6, 5));
        terms = plain();
        terms.reopens = REOPENS + 1;
        _refused(terms, abi.encodeWithSelector(IParameters.ReopensOutOfRange.selector, REOPENS + 1, REOPENS));
    }

    function test_admit_refusesClocksOutOfBounds() external {
        JobTerms memory terms = plain();
        terms.workTime = 4;
        _refused(terms, abi.encodeWithSelector(IParameters.TimeOutOfRange.selector, "workTime", 4, 5, 600));
        terms.workTime = 601;
        _refused(terms, abi.encodeWithSelector(IParameters.TimeOutOfRange.selector, "workTime", 601, 5, 600));
        terms = plain();
        terms.settleTime = 3601;
        _refused(terms, abi.encodeWithSelector(IParameters.TimeOutOfRange.selector, "settleTime", 3601, 0, 3600));
        stubVerifier.setNeeds(IVerifier.Needs({reserveBps: 0, settleTime: SETTLE + 1, silent: false}));
        terms = plain();
        _refused(
            terms, abi.encodeWithSelector(IParameters.TimeOutOfRange.selector, "settleTime", SETTLE, SETTLE + 1, 3600)
        );
    }

    function test_admit_refusesPluginsOfAnotherBoard() external {
        address foreign = double("StubScheduler", abi.encode(stranger));
        parameters.setScheduler(foreign, true);
        JobTerms memory terms = plain();
        terms.scheduler = foreign;
        _refused(terms, abi.encodeWithSelector(IParameters.ForeignPlugin.selector, foreign, stranger));
        foreign = double("StubVerifier", abi.encode(stranger));
        parameters.setVerifier(foreign, true);
        terms = plain();
        terms.verifier = foreign;
        _refused(terms, abi.encodeWithSelector(IParameters.ForeignPlugin.selector, foreign, stranger));
    }

    function test_admit_offersComeWithTheLeastBond() external {
        JobTerms memory terms = accepted();
        terms.noShowBond = BOND + 1;
        vm.expectRevert(abi.encodeWithSelector(IParameters.BondAboveMinimum.selector, BOND + 1, BOND));
        vm.prank(address(board));
        parameters.admit(terms);
        terms.noShowBond = BOND;
        vm.prank(address(board));
        IParameters.Admission memory admission = parameters.admit(terms);
        vm.assertEq(admission.draws, false);
        vm.assertEq(admission.silent, true);
        vm.assertEq(admission.maxEscrow, MAX_ESCROW);
        vm.assertEq(admission.version, parameters.version());
    }

    /// @dev Nothing of the one job may bear on an admission that counts for all of its policy.
    function test_admit_doesNotDependOnTheJobsOwnPart(JobTerms memory own) external {
        JobTerms memory terms = replicated();
        vm.startPrank(address(board));
        bytes32 before = keccak256(abi.encode(parameters.admit(terms)));
        (terms.requester, terms.nonce, terms.specDigest) = (own.requester, own.nonce, own.specDigest);
        (terms.price, terms.reserve, terms.bounty, terms.takeBy) = (own.price, own.reserve, own.bounty, own.takeBy);
        vm.assertEq(keccak256(abi.encode(parameters.admit(terms))), before);
    }

    function _refusedBounds(IParameters.Bounds memory b) private {
        vm.expectRevert(abi.encodeWithSelector(IParameters.BoundsInconsistent.selector));
        make("Parameters", abi.encode(address(manager), b, values()));
    }

    function _refused(JobTerms memory terms, bytes memory reason) private {
        vm.expectRevert(reason);
        vm.prank(address(board));
        parameters.admit(terms);
    }
}
