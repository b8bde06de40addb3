// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AccessManaged} from "@openzeppelin/contracts/access/manager/AccessManaged.sol";

import {IParameters} from "../interfaces/IParameters.sol";
import {BPS_WHOLE} from "../types/Money.sol";

/// @title Parameters, as IParameters says
contract Parameters is IParameters, AccessManaged {
    /// @inheritdoc IParameters
    uint40 public immutable MAX_LIFE;

    Bounds private _bounds;
    Values private _values;
    mapping(address token => TokenRule) private _tokenRules;

    /// @inheritdoc IParameters
    mapping(address scheduler => bool) public schedulerAllowed;
    /// @inheritdoc IParameters
    mapping(address verifier => bool) public verifierAllowed;
    /// @inheritdoc IParameters
    mapping(bytes32 hardwareClass => bool) public classAllowed;

    constructor(address manager, Bounds memory bounds_, Values memory values_) AccessManaged(manager) {
        require(
            bounds_.minTakeTime > 0 && bounds_.minTakeTime <= bounds_.maxTakeTime && bounds_.minWorkTime > 0
                && bounds_.minWorkTime <= bounds_.maxWorkTime && bounds_.maxFeeBps.asUint() <= BPS_WHOLE,
            BoundsInconsistent()
        );
        _bounds = bounds_;
        MAX_LIFE = uint40(bounds_.maxTakeTime) + bounds_.maxWorkTime + 2 * uint40(bounds_.maxSettleTime);
        _setValues(values_);
    }

    /// @inheritdoc IParameters
    function setValues(Values calldata newValues) external restricted {
        _setValues(newValues);
    }

    /// @inheritdoc IParameters
    function pause() external restricted {
        _values.paused = true;
        emit ValuesSet(_values);
    }

    /// @inheritdoc IParameters
    function unpause() external restricted {
        _values.paused = false;
        emit ValuesSet(_values);
    }

    /// @inheritdoc IParameters
    function setToken(address token, TokenRule calldata rule) external restricted {
        _tokenRules[token] = rule;
        emit TokenSet(token, rule);
    }

    /// @inheritdoc IParameters
    function setScheduler(address scheduler, bool allowed) external restricted {
        schedulerAllowed[scheduler] = allowed;
        emit SchedulerSet(scheduler, allowed);
    }

    /// @inheritdoc IParameters
    function setVerifier(address verifier, bool allowed) external restricted {
        verifierAllowed[verifier] = allowed;
        emit VerifierSet(verifier, allowed);
    }

    /// @inheritdoc IParameters
    function setHardwareClass(bytes32 hardwareClass, bool allowed) external restricted {
        classAllowed[hardwareClass] = allowed;
        emit HardwareClassSet(hardwareClass, allowed);
    }

    /// @inheritdoc IParameters
    function bounds() external view returns (Bounds memory) {
        return _bounds;
    }

    /// @inheritdoc IParameters
    function values() external view returns (Values memory) {
        return _values;
    }

    /// @inheritdoc IParameters
    function tokenRule(address token) external view returns (TokenRule memory) {
        return _tokenRules[token];
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
        _values = newValues;
        emit ValuesSet(newValues);
    }
}
