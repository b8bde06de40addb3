// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Create2} from "@openzeppelin/contracts/utils/Create2.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IJury} from "../interfaces/IJury.sol";
import {IJurySeats} from "../interfaces/IJurySeats.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {JobId} from "../types/JobTypes.sol";
import {BURN} from "../types/Money.sol";
import {JuryBench} from "./JuryBench.sol";
import {Purse} from "./Purse.sol";

/// @title Jury, as IJury and IJurySeats say
/// @notice No owner, no role, no list: whoever opens a case names himself as its verifier, and money reaches a case only
/// through its own purse.
contract Jury is JuryBench, ReentrancyGuardTransient {
    using SafeERC20 for IERC20;

    /// @inheritdoc IJury
    uint40 public immutable DECISION_TIME;

    address private immutable ESCROW;

    /// @dev Three slots, of appealed cases only.
    struct Bond {
        address appellant;
        address token;
        uint128 perSeat;
        bool paid;
    }

    mapping(address token => uint128) private _perSeat; // fixed at construction
    mapping(bytes32 key => Bond) private _bonds;

    constructor(address board, Rules memory wanted, Fee[] memory fees) JuryBench(board, wanted) {
        ESCROW = IJobBoard(board).ESCROW();
        uint40 round = uint40(wanted.takeTime) + wanted.voteTime + wanted.revealTime;
        DECISION_TIME = 2 * round + wanted.appealTime + 1; // a deadline's own second still belongs to who must act
        for (uint256 i = 0; i < fees.length; ++i) {
            // INVARIANT: a bond of any appeal fits 128 bits.
            require(fees[i].perSeat > 0 && fees[i].perSeat <= type(uint120).max, RulesInvalid());
            _perSeat[fees[i].token] = fees[i].perSeat;
        }
    }

    // ---- verifiers

    /// @inheritdoc IJury
    function open(JobId id, address accuser, address accused, bytes32 hardwareClass, bytes32 evidence) external {
        Case storage case_ = _cases[_keyOf(msg.sender, id)];
        require(case_.first.openedAt == 0, CaseOpen(id));
        (case_.accuser, case_.accused, case_.classTag) = (accuser, accused, bytes5(hardwareClass));
        emit CaseOpened(msg.sender, id, accuser, accused, hardwareClass, evidence);
        _openRound(msg.sender, id, case_.first, false);
    }

    // ---- parties

    /// @inheritdoc IJurySeats
    function appeal(address verifier, JobId id, address token) external {
        bytes32 key = _keyOf(verifier, id);
        Case storage case_ = _caseOf(key, id);
        Round memory first = case_.first;
        require(case_.second.openedAt == 0, AlreadyAppealed(id));
        require(_phaseOf(first) == Phase.Over, StillPending(id));
        _checkLoser(case_, id, _answerOf(first));
        uint40 until = _endOf(first) + APPEAL_TIME;
        require(block.timestamp <= until, AppealOver(id, until));
        uint128 perSeat = _perSeat[token];
        require(perSeat > 0, TokenUnheard(token));

        uint256 bond = uint256(perSeat) * APPEAL_SEATS;
        _bonds[key] = Bond({appellant: msg.sender, token: token, perSeat: perSeat, paid: false});
        emit Appealed(verifier, id, msg.sender, token, bond);
        _openRound(verifier, id, case_.second, true);
        IEscrow(ESCROW).hold(token, msg.sender, bond);
    }

    // ---- anyone

    /// @inheritdoc IJurySeats
    function share(address verifier, JobId id, address controller, address token) external nonReentrant {
        bytes32 key = _keyOf(verifier, id);
        Decision decision = _decided(verifier, id);
        uint256 amount;
        (token, amount) = _fetch(key, controller, token);
        (address[] memory winners, uint256 count) = _winners(key, false, SEATS, decision);
        uint256 each = count == 0 ? 0 : amount / count;
        if (controller == address(0)) each = Math.min(each, REWARD);
        emit PurseShared(verifier, id, token, amount, count, each);
        for (uint256 i = 0; i < count; ++i) {
            _credit(token, winners[i], each);
        }
        uint256 rest = amount - each * count;
        address appellant = _bonds[key].appellant;
        // Nobody in the first round was right, and the appeal was: who paid for it is paid back as far as this goes. Never
        // of a slash, from which no accuser gains.
        bool back = count == 0 && controller != address(0) && appellant != address(0) && decision != Decision.Hung;
        if (back) _credit(token, appellant, rest);
        else if (rest > 0) IERC20(token).safeTransfer(BURN, rest);
    }

    /// @inheritdoc IJurySeats
    function payAppeal(address verifier, JobId id) external {
        bytes32 key = _keyOf(verifier, id);
        Decision decision = _decided(verifier, id);
        Bond memory bond = _bonds[key];
        require(bond.appellant != address(0) && !bond.paid, NotAppealed(id));
        _bonds[key].paid = true;
        (address[] memory winners, uint256 count) = _winners(key, true, APPEAL_SEATS, decision);
        uint256[] memory amounts = new uint256[](count);
        for (uint256 i = 0; i < count; ++i) {
            amounts[i] = bond.perSeat;
        }
        uint256 paid = uint256(bond.perSeat) * count;
        uint256 returned = uint256(bond.perSeat) * APPEAL_SEATS - paid;
        emit AppealPaid(verifier, id, count, paid, returned);
        IEscrow(ESCROW).distribute(bond.token, bond.appellant, winners, amounts, returned);
    }

    // ---- reading

    /// @inheritdoc IJury
    function fee(address token) external view returns (uint128) {
        return _perSeat[token] * SEATS;
    }

    /// @inheritdoc IJurySeats
    function appealFee(address token) external view returns (uint128) {
        return _perSeat[token] * APPEAL_SEATS;
    }

    /// @inheritdoc IJury
    function purseOf(address verifier, JobId id) external view returns (address) {
        return _purseAt(_keyOf(verifier, id));
    }

    /// @inheritdoc IJury
    function decisionOf(address verifier, JobId id) public view returns (Decision) {
        Case storage case_ = _caseOf(_keyOf(verifier, id), id);
        Round memory first = case_.first;
        if (_phaseOf(first) != Phase.Over) return Decision.Pending;
        Decision answer = _answerOf(first);
        if (answer == Decision.Hung) return answer;
        Round memory second = case_.second;
        if (second.openedAt == 0) {
            return block.timestamp <= _endOf(first) + APPEAL_TIME ? Decision.Pending : answer;
        }
        if (_phaseOf(second) != Phase.Over) return Decision.Pending;
        Decision last = _answerOf(second);
        // INVARIANT: an appeal that nobody hears changes nothing; else every loser would buy a hung jury with it.
        return last == Decision.Hung ? answer : last;
    }

    function _decided(address verifier, JobId id) private view returns (Decision decision) {
        decision = decisionOf(verifier, id);
        require(decision != Decision.Pending, StillPending(id));
    }

    /// @dev The hot key of a worker owns no money: his provider may appeal for him.
    function _checkLoser(Case storage case_, JobId id, Decision answer) private view {
        require(answer != Decision.Hung, NotLoser(id, msg.sender));
        address loser = answer == Decision.Accused ? case_.accused : case_.accuser;
        bool own = msg.sender == loser || msg.sender == IWorkerRegistry(REGISTRY).providerOf(loser);
        require(own, NotLoser(id, msg.sender));
    }

    // ---- money

    /// @return winners the payees of those who voted so; as many of them as `count` count
    function _winners(bytes32 key, bool appeal_, uint256 size, Decision decision)
        private
        view
        returns (address[] memory winners, uint256 count)
    {
        winners = new address[](size);
        for (uint256 number = 1; number <= size; ++number) {
            Juror storage juror = _jurors[key][appeal_][number];
            if (juror.vote != decision || juror.worker == address(0)) continue;
            (, winners[count++],,,) = IWorkerRegistry(REGISTRY).standing(juror.worker);
        }
        assembly ("memory-safe") {
            mstore(winners, count) // no longer than it was made
        }
    }

    /// @dev What is in the purse comes here. The purse is made where it is not there yet.
    function _fetch(bytes32 key, address controller, address token) private returns (address, uint256) {
        address purse = _purseAt(key);
        if (purse.code.length == 0) new Purse{salt: key}();
        address kind = controller == address(0) ? IStakeVault(VAULT).STAKE_TOKEN() : token;
        uint256 before = IERC20(kind).balanceOf(address(this));
        if (controller == address(0)) Purse(purse).fromVault(VAULT);
        else Purse(purse).fromEscrow(ESCROW, controller, kind);
        // What has arrived: a fee on transfer is nobody's share.
        return (kind, IERC20(kind).balanceOf(address(this)) - before);
    }

    /// @dev Free in the Escrow under this contract: a receiver that takes no tokens stalls nobody else.
    function _credit(address token, address account, uint256 amount) private {
        if (amount == 0) return;
        IERC20(token).forceApprove(ESCROW, amount);
        IEscrow(ESCROW).deposit(address(this), token, account, amount);
    }

    function _purseAt(bytes32 key) private view returns (address) {
        return Create2.computeAddress(key, keccak256(type(Purse).creationCode));
    }
}
