// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobTerms} from "../types/JobTypes.sol";
import {Bps} from "../types/Money.sol";

/// @title What new jobs may ask for
/// @notice Values, hard bounds and allow-lists. The bounds are constructor values and never change; the rest changes only
/// through the AccessManager. A vote never changes a posted job (G2), and no role here can move money or stake (G1).
///
/// What a job shares with others (its policy: the terms from `payToken` on) is admitted once per version of all this and
/// remembered by the board; every change makes a new version.
interface IParameters {
    /// @notice Hard bounds, fixed at construction. maxTakeTime + maxWorkTime + 2 * maxSettleTime bounds the
    /// life of a job that is taken once: closing the work may come as late as settling. Every reopening adds two REOPEN_TIME
    /// and maxWorkTime.
    struct Bounds {
        uint32 minTakeTime;
        uint32 maxTakeTime;
        uint32 minWorkTime;
        uint32 maxWorkTime;
        uint32 maxSettleTime;
        Bps maxFeeBps;
        uint8 maxReopens; // at most 51, so that every lost seat is counted
    }

    /// @notice What the board remembers of an admitted policy. One slot.
    struct Admission {
        uint32 version; // as of which it holds
        uint32 minTakeTime; // seconds
        uint32 maxTakeTime;
        uint32 reserveBps; // as IVerifier.Needs
        bool silent; // as IVerifier.Needs
        bool draws; // as IScheduler.DRAWS
        uint112 maxEscrow; // the most one job may escrow, in pay-token units
    }

    /// @notice What new jobs are compared with.
    struct Values {
        Bps feeBps; // exactly this fee
        uint128 minStake; // per worker, in stake-token units
        uint128 minNoShowBond; // in stake-token units
        bool paused; // no new jobs; everything posted goes on
    }

    /// @notice A payment token: the most one job may escrow, and what one unit of burned fee is worth as score.
    struct TokenRule {
        uint112 maxEscrow; // 0: new jobs may not use it
        uint128 scoreWeight; // points per 1e18 fee units burned; 0: no score from this token
    }

    event ValuesSet(Values values);
    event TokenSet(address indexed token, TokenRule rule);
    event SchedulerSet(address indexed scheduler, bool allowed);
    event VerifierSet(address indexed verifier, bool allowed);
    event BoardAdded(address indexed board);
    event BoardDropped(address indexed board);
    /// @notice A board reverted, or wanted more than ADOPT_GAS, when it was told of this version; it goes on with the one
    /// that it knows.
    event BoardDeaf(address indexed board, uint32 version);
    event HardwareClassSet(bytes32 indexed hardwareClass, bool allowed);

    error TokenNotAllowed(address token);
    error SchedulerNotAllowed(address scheduler);
    error VerifierNotAllowed(address verifier);
    error ClassNotAllowed(bytes32 hardwareClass);
    /// @notice A scheduler or verifier that was made for another board than the one that asks.
    error ForeignPlugin(address plugin, address board);
    error WrongFee(uint16 have, uint16 need);
    error StakeBelowMinimum(uint256 have, uint256 need);
    error BondBelowMinimum(uint256 have, uint256 need);
    error BondAboveStake(uint256 bond, uint256 stake);
    /// @notice Where seats are given by offers, the bond is the least one: their workers have not seen the job.
    error BondAboveMinimum(uint256 have, uint256 most);
    error SeatsOutOfRange(uint8 have, uint8 max);
    error ReopensOutOfRange(uint8 have, uint8 max);
    /// @param what "takeTime", "workTime" or "settleTime"
    error TimeOutOfRange(string what, uint256 have, uint256 min, uint256 max);
    error FeeAboveBound(uint16 feeBps, uint16 maxFeeBps);
    error StakeBelowBond(uint256 minStake, uint256 minNoShowBond);
    error BoundsInconsistent();
    error BoardListed(address board);
    error BoardUnknown(address board);
    /// @notice The boards could not be told with this little gas.
    error GasTooLow(uint256 have, uint256 need);

    /// @notice Rises with every change; 0 while paused. Boards are told it (IVersioned).
    function version() external view returns (uint32);
    /// @notice The boards that are told of every new version.
    function boards() external view returns (address[] memory);
    /// @notice As a board: compare the policy part of the terms with everything here, and ask the verifier what it needs.
    /// @dev reverts *NotAllowed, ForeignPlugin, WrongFee, *BelowMinimum, BondAboveStake, *OutOfRange, and whatever the
    /// verifier's `needs` says
    function admit(JobTerms calldata terms) external view returns (Admission memory);

    function bounds() external view returns (Bounds memory);
    function values() external view returns (Values memory);
    function tokenRule(address token) external view returns (TokenRule memory);
    function schedulerAllowed(address scheduler) external view returns (bool);
    function verifierAllowed(address verifier) external view returns (bool);
    function classAllowed(bytes32 hardwareClass) external view returns (bool);
    /// @notice Seconds from posting to the latest settle deadline any job can have.
    function MAX_LIFE() external view returns (uint40);
    /// @notice Seconds: how long after the work deadline a job may be opened again, and how long its seats then wait for
    /// takers. Twice the least take time.
    function REOPEN_TIME() external view returns (uint40);

    function setValues(Values calldata values) external;
    /// @notice No new jobs. Apart from `unpause`, so that a guardian can be given this and nothing else.
    function pause() external;
    function unpause() external;
    function setToken(address token, TokenRule calldata rule) external;
    function setScheduler(address scheduler, bool allowed) external;
    function setVerifier(address verifier, bool allowed) external;
    /// @notice Tell this board of every new version from now on, beginning with this one: before, no job can be posted on it.
    /// @dev reverts BoardListed, and when the board does not listen
    function addBoard(address board) external;
    /// @notice Tell this board a last time, that it is paused: it takes no new jobs, and what is posted there goes on. A board
    /// that does not listen is dropped all the same; its schedulers can be taken from the list.
    /// @dev reverts BoardUnknown
    function dropBoard(address board) external;
    /// @notice Gas with which a board is told of a version.
    function ADOPT_GAS() external view returns (uint256);
    function setHardwareClass(bytes32 hardwareClass, bool allowed) external;
}
