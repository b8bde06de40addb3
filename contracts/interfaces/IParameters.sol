// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Bps} from "../types/Money.sol";

/// @title What new jobs may ask for
/// @notice Values, hard bounds and allow-lists. The bounds are constructor values and never change; the rest changes only
/// through the AccessManager. `JobBoard.post` reads it once per job: a vote never changes a posted job (G2), and no
/// role here can move money or stake (G1).
interface IParameters {
    /// @notice Hard bounds, fixed at construction. maxTakeTime + maxWorkTime + 2 * maxSettleTime bounds a job's
    /// life: closing the work may come as late as settling.
    struct Bounds {
        uint32 minTakeTime;
        uint32 maxTakeTime;
        uint32 minWorkTime;
        uint32 maxWorkTime;
        uint32 maxSettleTime;
        Bps maxFeeBps;
        uint8 maxReopens;
    }

    /// @notice What `post` compares terms with. One slot and a half.
    struct Values {
        Bps feeBps; // exactly this fee
        uint128 minStake; // per worker, in stake-token units
        uint128 minNoShowBond; // in stake-token units
        bool paused; // no new jobs; everything posted goes on
    }

    /// @notice A payment token: the most one job may escrow, and what one unit of burned fee is worth as score.
    struct TokenRule {
        uint128 maxEscrow; // 0: new jobs may not use it
        uint128 scoreWeight; // points per 1e18 fee units burned; 0: no score from this token
    }

    event ValuesSet(Values values);
    event TokenSet(address indexed token, TokenRule rule);
    event SchedulerSet(address indexed scheduler, bool allowed);
    event VerifierSet(address indexed verifier, bool allowed);
    event HardwareClassSet(bytes32 indexed hardwareClass, bool allowed);

    error FeeAboveBound(uint16 feeBps, uint16 maxFeeBps);
    error StakeBelowBond(uint256 minStake, uint256 minNoShowBond);
    error BoundsInconsistent();

    function bounds() external view returns (Bounds memory);
    function values() external view returns (Values memory);
    function tokenRule(address token) external view returns (TokenRule memory);
    function schedulerAllowed(address scheduler) external view returns (bool);
    function verifierAllowed(address verifier) external view returns (bool);
    function classAllowed(bytes32 hardwareClass) external view returns (bool);
    /// @notice Seconds from posting to the latest settle deadline any job can have.
    function MAX_LIFE() external view returns (uint40);

    function setValues(Values calldata values) external;
    /// @notice No new jobs. Apart from `unpause`, so that a guardian can be given this and nothing else.
    function pause() external;
    function unpause() external;
    function setToken(address token, TokenRule calldata rule) external;
    function setScheduler(address scheduler, bool allowed) external;
    function setVerifier(address verifier, bool allowed) external;
    function setHardwareClass(bytes32 hardwareClass, bool allowed) external;
}
