// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBeacon} from "../interfaces/IBeacon.sol";
import {IEscrow} from "../interfaces/IEscrow.sol";
import {IBoardLedgers} from "../interfaces/IBoardLedgers.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";

/// @title What a job board stands on, chosen once
/// @notice Ledgers know nobody; the board knows its ledgers, for ever. Schedulers and verifiers are named by each job.
abstract contract BoardBase is IBoardLedgers {
    /// @inheritdoc IBoardLedgers
    address public immutable ESCROW;
    /// @inheritdoc IBoardLedgers
    address public immutable VAULT;
    /// @inheritdoc IBoardLedgers
    address public immutable REGISTRY;
    /// @inheritdoc IBoardLedgers
    address public immutable REPUTATION;
    /// @inheritdoc IBoardLedgers
    address public immutable PARAMETERS;
    /// @inheritdoc IBoardLedgers
    address public immutable BEACON;

    // The beacon's schedule: asking it again would cost every posting a call.
    uint40 internal immutable ORIGIN;
    uint40 internal immutable PERIOD;
    uint40 internal immutable AHEAD;
    uint40 internal immutable REOPEN_TIME; // as Parameters says

    constructor(
        address escrow,
        address vault,
        address registry,
        address reputation,
        address parameters,
        address beacon
    ) {
        // INVARIANT (S2): stake that may be asked for while a job runs cannot have left before the job ends.
        uint40 exitDelay = IStakeVault(vault).EXIT_DELAY();
        uint40 life = IParameters(parameters).MAX_LIFE();
        require(exitDelay > life, IJobBoard.ExitDelayTooShort(exitDelay, life));
        // Read, so that there is code: what is ordered of a ledger later is not asked for it again (RawCalls).
        IEscrow(escrow).balanceOf(address(this), address(0), address(0));
        ESCROW = escrow;
        VAULT = vault;
        REGISTRY = registry;
        REPUTATION = reputation;
        PARAMETERS = parameters;
        BEACON = beacon;
        REOPEN_TIME = IParameters(parameters).REOPEN_TIME();
        (ORIGIN, PERIOD, AHEAD) = IBeacon(beacon).schedule();
    }
}
