// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IParameters} from "../interfaces/IParameters.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IVersioned} from "../interfaces/IVersioned.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {JobTerms, MAX_SEATS} from "../types/JobTypes.sol";
import {BPS_WHOLE, Bps} from "../types/Money.sol";

/// @title Parameters, as IParameters says
contract Parameters is IParameters, AccessManaged {
    /// @inheritdoc IParameters
    uint40 public immutable MAX_LIFE;
    /// @inheritdoc IParameters
    uint40 public immutable REOPEN_TIME;
    /// @inheritdoc IParameters
    uint256 public constant ADOPT_GAS = 100_000;

    Bounds private _bounds;

    /// @dev The first slot holds all that `version` reads; no job is posted without that.
    uint32 private _version;
    bool private _paused;
    Bps private _feeBps;
    uint128 private _minStake;
    uint128 private _minNoShowBond;
    mapping(address token => TokenRule) private _tokenRules;

    /// @inheritdoc IParameters
    mapping(address scheduler => bool) public schedulerAllowed;
    /// @inheritdoc IParameters
    mapping(address verifier => bool) public verifierAllowed;
    /// @inheritdoc IParameters
    mapping(bytes32 hardwareClass => bool) public classAllowed;

    address[] private _boards;

    /// @dev INVARIANT: what is changed makes a new version, so no board goes on with an admission from before.
    modifier newVersion() {
        _version += 1;
        _;
        for (uint256 i = 0; i < _boards.length; ++i) {
            _tell(_boards[i], version());
        }
    }

    constructor(address manager, Bounds memory bounds_, Values memory values_) AccessManaged(manager) newVersion {
        require(
            bounds_.minTakeTime > 0 && bounds_.minTakeTime <= bounds_.maxTakeTime && bounds_.minWorkTime > 0
                && bounds_.minWorkTime <= bounds_.maxWorkTime && bounds_.maxFeeBps.asUint() <= BPS_WHOLE,
            BoundsInconsistent()
        );
        // INVARIANT: a board counts the seats that a job has lost in eight bits (types/Reopening.sol).
        uint8 reopens = type(uint8).max / MAX_SEATS;
        require(bounds_.maxReopens <= reopens, ReopensOutOfRange(bounds_.maxReopens, reopens));
        _bounds = bounds_;
        uint40 reopenTime = 2 * uint40(bounds_.minTakeTime);
        REOPEN_TIME = reopenTime;
        MAX_LIFE = uint40(bounds_.maxTakeTime) + bounds_.maxWorkTime + 2 * uint40(bounds_.maxSettleTime)
            + bounds_.maxReopens * (2 * reopenTime + bounds_.maxWorkTime);
        _setValues(values_);
    }

    // ---- governance

    /// @inheritdoc IParameters
    function setValues(Values calldata newValues) external restricted newVersion {
        _setValues(newValues);
    }

    /// @inheritdoc IParameters
    function pause() external restricted newVersion {
        _paused = true;
        emit ValuesSet(values());
    }

    /// @inheritdoc IParameters
    function unpause() external restricted newVersion {
        _paused = false;
        emit ValuesSet(values());
    }

    /// @inheritdoc IParameters
    function setToken(address token, TokenRule calldata rule) external restricted newVersion {
        _tokenRules[token] = rule;
        emit TokenSet(token, rule);
    }

    /// @inheritdoc IParameters
    function setScheduler(address scheduler, bool allowed) external restricted newVersion {
        schedulerAllowed[scheduler] = allowed;
        emit SchedulerSet(scheduler, allowed);
    }

    /// @inheritdoc IParameters
    function setVerifier(address verifier, bool allowed) external restricted newVersion {
        verifierAllowed[verifier] = allowed;
        emit VerifierSet(verifier, allowed);
    }

    /// @inheritdoc IParameters
    function setHardwareClass(bytes32 hardwareClass, bool allowed) external restricted newVersion {
        classAllowed[hardwareClass] = allowed;
        emit HardwareClassSet(hardwareClass, allowed);
    }

    /// @inheritdoc IParameters
    function addBoard(address board) external restricted newVersion {
        require(_placeOf(board) == _boards.length, BoardListed(board));
        // Told here without a net: what cannot be told now is no board.
        IVersioned(board).adopt(version());
        _boards.push(board);
        emit BoardAdded(board);
    }

    /// @inheritdoc IParameters
    function dropBoard(address board) external restricted newVersion {
        uint256 place = _placeOf(board);
        require(place < _boards.length, BoardUnknown(board));
        _boards[place] = _boards[_boards.length - 1];
        _boards.pop();
        emit BoardDropped(board);
        _tell(board, 0);
    }

    // ---- boards

    /// @inheritdoc IParameters
    function version() public view returns (uint32) {
        return _paused ? 0 : _version;
    }

    /// @inheritdoc IParameters
    function admit(JobTerms calldata terms) external view returns (Admission memory admission) {
        JobTerms memory policy = _policyOf(terms);
        _checkPlugins(policy);
        _checkValues(policy);
        uint112 maxEscrow = _tokenRules[policy.payToken].maxEscrow;
        require(maxEscrow > 0, TokenNotAllowed(policy.payToken));
        IVerifier.Needs memory needs = IVerifier(policy.verifier).needs(policy);
        _checkBounds(policy, needs.settleTime);
        return Admission({
            version: version(),
            minTakeTime: _bounds.minTakeTime,
            maxTakeTime: _bounds.maxTakeTime,
            reserveBps: needs.reserveBps,
            silent: needs.silent,
            draws: IScheduler(policy.scheduler).DRAWS(),
            maxEscrow: maxEscrow
        });
    }

    // ---- reading

    /// @inheritdoc IParameters
    function bounds() external view returns (Bounds memory) {
        return _bounds;
    }

    /// @inheritdoc IParameters
    function values() public view returns (Values memory) {
        return Values({feeBps: _feeBps, minStake: _minStake, minNoShowBond: _minNoShowBond, paused: _paused});
    }

    /// @inheritdoc IParameters
    function boards() external view returns (address[] memory) {
        return _boards;
    }

    /// @inheritdoc IParameters
    function tokenRule(address token) external view returns (TokenRule memory) {
        return _tokenRules[token];
    }

    /// @dev INVARIANT: no board holds up a vote, neither by refusing nor by using up the gas. That gas is there in full, so
    /// that no caller can keep a sound board from hearing by bringing too little.
    function _tell(address board, uint32 version_) private {
        uint256 need = ADOPT_GAS + ADOPT_GAS / 16;
        require(gasleft() >= need, GasTooLow(gasleft(), need));
        try IVersioned(board).adopt{gas: ADOPT_GAS}(version_) {}
        catch {
            emit BoardDeaf(board, version_);
        }
    }

    /// @dev Its index among the boards; their number when it is none of them.
    function _placeOf(address board) private view returns (uint256 place) {
        while (place < _boards.length && _boards[place] != board) {
            ++place;
        }
    }

    function _setValues(Values memory newValues) private {
        // INVARIANT: whoever holds a role here, the fee stays below the bound that users saw when they came.
        require(
            newValues.feeBps.asUint() <= _bounds.maxFeeBps.asUint(),
            FeeAboveBound(uint16(newValues.feeBps.asUint()), uint16(_bounds.maxFeeBps.asUint()))
        );
        require(
            newValues.minStake >= newValues.minNoShowBond, StakeBelowBond(newValues.minStake, newValues.minNoShowBond)
        );
        (_feeBps, _minStake) = (newValues.feeBps, newValues.minStake);
        (_minNoShowBond, _paused) = (newValues.minNoShowBond, newValues.paused);
        emit ValuesSet(newValues);
    }

    /// @dev INVARIANT: an admission is remembered for all jobs of a policy, so nothing of this one job may bear on it: neither
    /// here nor in the verifier, which sees zeroes.
    function _policyOf(JobTerms calldata terms) private pure returns (JobTerms memory policy) {
        policy = terms;
        (policy.requester, policy.nonce, policy.specDigest) = (address(0), 0, 0);
        (policy.price, policy.reserve, policy.bounty, policy.takeBy) = (0, 0, 0, 0);
    }

    function _checkValues(JobTerms memory policy) private view {
        (uint16 fee, uint16 feeNow) = (uint16(policy.feeBps.asUint()), uint16(_feeBps.asUint()));
        require(fee == feeNow, WrongFee(fee, feeNow));
        require(policy.stake >= _minStake, StakeBelowMinimum(policy.stake, _minStake));
        require(policy.noShowBond >= _minNoShowBond, BondBelowMinimum(policy.noShowBond, _minNoShowBond));
        require(policy.noShowBond <= policy.stake, BondAboveStake(policy.noShowBond, policy.stake));
        // INVARIANT: who is seated by his offer has not seen the job. However impossible it is, it costs him the least bond.
        bool least = policy.noShowBond == _minNoShowBond || IScheduler(policy.scheduler).DRAWS();
        require(least, BondAboveMinimum(policy.noShowBond, _minNoShowBond));
    }

    function _checkPlugins(JobTerms memory policy) private view {
        require(schedulerAllowed[policy.scheduler], SchedulerNotAllowed(policy.scheduler));
        require(verifierAllowed[policy.verifier], VerifierNotAllowed(policy.verifier));
        require(classAllowed[policy.hardwareClass], ClassNotAllowed(policy.hardwareClass));
        // Boards that share these parameters share the lists; a plug-in that reads another board's jobs knows nothing of this.
        _checkOurs(policy.scheduler, IScheduler(policy.scheduler).BOARD());
        _checkOurs(policy.verifier, IVerifier(policy.verifier).BOARD());
    }

    function _checkOurs(address plugin, address board) private view {
        require(board == msg.sender, ForeignPlugin(plugin, board));
    }

    function _checkBounds(JobTerms memory policy, uint40 settleTime) private view {
        Bounds memory b = _bounds;
        require(policy.workers > 0 && policy.workers <= MAX_SEATS, SeatsOutOfRange(policy.workers, MAX_SEATS));
        // Seats that are given by offers are given in the posting transaction, and by nothing else.
        uint8 reopens = IScheduler(policy.scheduler).DRAWS() ? b.maxReopens : 0;
        require(policy.reopens <= reopens, ReopensOutOfRange(policy.reopens, reopens));
        _checkTime("workTime", policy.workTime, b.minWorkTime, b.maxWorkTime);
        _checkTime("settleTime", policy.settleTime, settleTime, b.maxSettleTime);
    }

    function _checkTime(string memory what, uint256 have, uint256 least, uint256 most) private pure {
        require(have >= least && have <= most, TimeOutOfRange(what, have, least, most));
    }
}
