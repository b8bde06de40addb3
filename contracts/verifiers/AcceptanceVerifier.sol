// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAcceptanceVerifier} from "../interfaces/IAcceptanceVerifier.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IJury} from "../interfaces/IJury.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {ExtraSeats, Fault, JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";

/// @title AcceptanceVerifier, as IAcceptanceVerifier says
/// @dev The jury is as trusted as this contract: it is named at construction, for ever. Still, one that never answers, or
/// that can no longer be asked, holds up nobody beyond its time: it counts as hung.
contract AcceptanceVerifier is IAcceptanceVerifier {
    /// @inheritdoc IVerifier
    address public immutable BOARD;
    /// @inheritdoc IAcceptanceVerifier
    address public immutable JURY;
    /// @inheritdoc IAcceptanceVerifier
    uint32 public immutable LEAST_WINDOW;

    address private immutable ESCROW;
    uint32 private immutable MOST_WINDOW; // the network's longest settle time
    /// @dev From the rejection until an undecided case counts as hung: the jury's own time, and LEAST_WINDOW more for somebody
    /// to write down what it has decided.
    uint40 private immutable CASE_TIME;

    uint8 private constant SEATS = 1;

    /// @dev One slot per rejected job.
    struct Rejection {
        uint128 bond; // still held
        uint40 since; // 0: never rejected
    }

    mapping(JobId id => Rejection) private _rejections;

    constructor(address board, address jury) {
        BOARD = board;
        JURY = jury;
        ESCROW = IJobBoard(board).ESCROW();
        IParameters.Bounds memory bounds = IParameters(IJobBoard(board).PARAMETERS()).bounds();
        LEAST_WINDOW = bounds.minTakeTime;
        MOST_WINDOW = bounds.maxSettleTime;
        CASE_TIME = IJury(jury).DECISION_TIME() + bounds.minTakeTime;
    }

    // ---- the requester

    /// @inheritdoc IAcceptanceVerifier
    function reject(JobTerms calldata terms, Seat[] calldata held) external {
        (JobId id, JobWord job) = IJobBoard(BOARD).look(terms, held);
        require(msg.sender == terms.requester, NotRequester(id, msg.sender));
        require(_rejections[id].since == 0, AlreadyRejected(id));
        require(job.committed() != 0, NothingToReject(id));
        uint40 until = job.clock() + _windowOf(terms);
        // INVARIANT: rejecting ends where silence begins to pay, to the second.
        require(block.timestamp <= until, WindowOver(id, until));
        require(held.length == SEATS && held[0].worker != address(0), IJobBoard.WrongSeats(id, 1));

        // Zero where the jury has stopped charging since the policy was admitted: then rejecting is free, not impossible.
        uint128 bond = bondFor(terms);
        _rejections[id] = Rejection({bond: bond, since: uint40(block.timestamp)});
        emit Rejected(id, held[0].worker, bond);
        IEscrow(ESCROW).hold(terms.payToken, terms.requester, bond);
        IJobBoard(BOARD).contest(terms, held);
        IJury(JURY).open(id, terms.requester, held[0].worker, terms.hardwareClass, held[0].commitment);
    }

    // ---- anyone

    /// @inheritdoc IAcceptanceVerifier
    function releaseBond(JobTerms calldata terms) external {
        JobId id = IJobBoard(BOARD).idOf(terms);
        Rejection memory rejection = _rejections[id];
        uint128 bond = rejection.bond;
        require(bond > 0, NotRejected(id));
        IJury.Decision decision = _decisionOf(id, rejection.since);
        require(decision != IJury.Decision.Pending, CaseUndecided(id));

        _rejections[id].bond = 0;
        if (decision != IJury.Decision.Accuser) {
            emit BondReturned(id, terms.requester, bond);
            IEscrow(ESCROW).pay(terms.payToken, terms.requester, terms.requester, 0, 0, bond);
            return;
        }
        address purse = IJury(JURY).purseOf(address(this), id);
        address jury = purse == address(0) ? JURY : purse;
        emit BondForfeited(id, jury, bond);
        IEscrow(ESCROW).pay(terms.payToken, terms.requester, jury, bond, 0, 0);
    }

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (Needs memory) {
        require(terms.workers == SEATS, WorkersUnsupported(terms.workers, SEATS));
        require(uint256(terms.verifierParams) >> 32 == 0, ParamsInvalid(terms.verifierParams));
        uint32 window = _windowOf(terms);
        // INVARIANT: nobody has to hurry more with looking at a result than with taking a job.
        require(window >= LEAST_WINDOW && window <= MOST_WINDOW, WindowOutOfRange(window, LEAST_WINDOW));
        require(bondFor(terms) > 0, TokenNotHeard(terms.payToken));
        // A case opened in the last second is over, one way or another, when the job settles by its deadline.
        return Needs({reserveBps: 0, settleTime: window + CASE_TIME, silent: true});
    }

    /// @inheritdoc IVerifier
    function seats(JobTerms calldata, JobId) external pure returns (ExtraSeats memory none) {
        return none;
    }

    /// @inheritdoc IVerifier
    /// @dev The board asks only when the job was contested.
    function verdict(JobTerms calldata, JobId id, JobWord job, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory)
    {
        if (job.state() != JobState.Committed || !job.isContested()) return (false, new Ruling[](0));
        IJury.Decision decision = _decisionOf(id, _rejections[id].since);
        if (decision == IJury.Decision.Pending) return (false, new Ruling[](0));
        Ruling[] memory rulings = new Ruling[](held.length);
        bool slashed = decision == IJury.Decision.Accused;
        // Jurors who are paid by one side only would find for it: a slash pays them too.
        address finder = slashed ? IJury(JURY).purseOf(address(this), id) : address(0);
        for (uint256 i = 0; i < held.length; ++i) {
            if (slashed) (rulings[i].fault, rulings[i].finder) = (Fault.Slashed, finder);
            else if (decision == IJury.Decision.Accuser) rulings[i].pay = held[i].price;
            else rulings[i].pay = held[i].price / 2;
        }
        return (true, rulings);
    }

    // ---- reading

    /// @inheritdoc IAcceptanceVerifier
    function bondFor(JobTerms calldata terms) public view returns (uint128) {
        return IJury(JURY).fee(terms.payToken);
    }

    /// @inheritdoc IAcceptanceVerifier
    function bondOf(JobId id) external view returns (uint128 bond, uint40 since) {
        Rejection memory rejection = _rejections[id];
        if (rejection.bond > 0) (bond, since) = (rejection.bond, rejection.since);
    }

    function _windowOf(JobTerms calldata terms) private pure returns (uint32) {
        return uint32(uint256(terms.verifierParams));
    }

    /// @dev What the jury has decided; hung where it has not within its time. Job and bond are both judged by this, so that they
    /// cannot part, unless a jury decides after its time.
    function _decisionOf(JobId id, uint40 since) private view returns (IJury.Decision decision) {
        decision = _answerOf(id);
        if (decision == IJury.Decision.Pending && block.timestamp >= since + CASE_TIME) return IJury.Decision.Hung;
    }

    /// @dev A jury that reverts, or answers what is no decision, has not decided.
    function _answerOf(JobId id) private view returns (IJury.Decision) {
        (bool answered, bytes memory answer) =
            JURY.staticcall(abi.encodeCall(IJury.decisionOf, (address(this), id)));
        if (!answered || answer.length != 32) return IJury.Decision.Pending;
        uint256 word = abi.decode(answer, (uint256));
        return word <= uint256(type(IJury.Decision).max) ? IJury.Decision(word) : IJury.Decision.Pending;
    }
}
