// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IScheduler} from "../interfaces/IScheduler.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {JobTerms, MAX_SEATS} from "../types/JobTypes.sol";
import {BoardBase} from "./BoardBase.sol";

/// @title What terms a new job may have
/// @notice Compared with the parameters of the moment, once; what is posted is never compared again (G2).
abstract contract PostingRules is BoardBase {
    /// @inheritdoc IJobBoard
    function escrowFor(JobTerms calldata terms) public pure returns (uint256) {
        uint256 most = _mostPay(terms);
        return most + terms.feeBps.feeOn(most) + terms.bounty;
    }

    /// @dev The most that workers can be paid: all first seats and the whole reserve.
    function _mostPay(JobTerms calldata terms) internal pure returns (uint256) {
        return uint256(terms.price) * terms.workers + terms.reserve;
    }

    function _checkTerms(JobTerms calldata terms) internal view {
        IParameters parameters = IParameters(PARAMETERS);
        _checkValues(terms, parameters.values());
        require(parameters.schedulerAllowed(terms.scheduler), SchedulerNotAllowed(terms.scheduler));
        require(parameters.verifierAllowed(terms.verifier), VerifierNotAllowed(terms.verifier));
        require(parameters.classAllowed(terms.hardwareClass), ClassNotAllowed(terms.hardwareClass));
        // Boards that share Parameters share its lists; a plug-in that reads another board's jobs knows nothing of this one.
        _checkOurs(terms.scheduler, IScheduler(terms.scheduler).BOARD());
        _checkOurs(terms.verifier, IVerifier(terms.verifier).BOARD());

        uint256 limit = parameters.tokenRule(terms.payToken).maxEscrow;
        require(limit > 0, TokenNotAllowed(terms.payToken));
        uint256 escrow = escrowFor(terms);
        require(escrow <= limit, EscrowAboveLimit(escrow, limit));

        IParameters.Bounds memory bounds = parameters.bounds();
        require(terms.workers > 0 && terms.workers <= MAX_SEATS, SeatsOutOfRange(terms.workers, MAX_SEATS));
        require(terms.reopens <= bounds.maxReopens, ReopensOutOfRange(terms.reopens, bounds.maxReopens));

        (uint128 reserve, uint40 settleTime) = IVerifier(terms.verifier).needs(terms);
        require(terms.reserve >= reserve, ReserveTooSmall(terms.reserve, reserve));
        uint256 takeTime = terms.takeBy > block.timestamp ? terms.takeBy - block.timestamp : 0;
        _checkTime("takeTime", takeTime, bounds.minTakeTime, bounds.maxTakeTime);
        _checkTime("workTime", terms.workTime, bounds.minWorkTime, bounds.maxWorkTime);
        _checkTime("settleTime", terms.settleTime, settleTime, bounds.maxSettleTime);
    }

    function _checkValues(JobTerms calldata terms, IParameters.Values memory values) private pure {
        require(!values.paused, Paused());
        require(terms.price > 0, PriceZero());
        uint16 fee = uint16(terms.feeBps.asUint());
        uint16 feeNow = uint16(values.feeBps.asUint());
        require(fee == feeNow, WrongFee(fee, feeNow));
        require(terms.stake >= values.minStake, StakeBelowMinimum(terms.stake, values.minStake));
        require(terms.noShowBond >= values.minNoShowBond, BondBelowMinimum(terms.noShowBond, values.minNoShowBond));
        require(terms.noShowBond <= terms.stake, BondAboveStake(terms.noShowBond, terms.stake));
    }

    function _checkOurs(address plugin, address board) private view {
        require(board == address(this), ForeignPlugin(plugin, board));
    }

    function _checkTime(string memory what, uint256 have, uint256 least, uint256 most) private pure {
        require(have >= least && have <= most, TimeOutOfRange(what, have, least, most));
    }
}
