// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Fault, JobId, JobTerms, Ruling} from "../types/JobTypes.sol";
import {BURN} from "../types/Money.sol";
import {PostingRules} from "./PostingRules.sol";

/// @title Carrying a judgement out: money, stake, score
/// @notice Called once per job, after its state has moved to an end. Credits only: no receiver can stall it.
abstract contract Outcomes is PostingRules {
    uint256 private constant SCORE_ONE = 1e18;

    /// @dev Pays each worker his ruling's pay, burns the fee on it, gives the bounty to the caller when nobody is paid, and
    /// gives the rest back.
    /// @return paid sum of pays @return fee burned @return returned what went back to the requester
    function _payOut(JobTerms calldata terms, address[] calldata workers, Ruling[] memory rulings)
        internal
        returns (uint256 paid, uint256 fee, uint256 returned)
    {
        uint256 n = workers.length;
        address[] memory accounts = new address[](n + 2);
        uint256[] memory amounts = new uint256[](n + 2);
        for (uint256 i = 0; i < n; ++i) {
            if (rulings[i].pay == 0) continue;
            (, accounts[i]) = IWorkerRegistry(REGISTRY).payeeOf(workers[i]);
            amounts[i] = rulings[i].pay;
            paid += rulings[i].pay;
        }
        fee = terms.feeBps.feeOn(paid);
        (accounts[n], amounts[n]) = (BURN, fee);
        (accounts[n + 1], amounts[n + 1]) = (msg.sender, paid == 0 ? terms.bounty : 0);
        // INVARIANT (E2): paid + fee + bounty + returned = escrowed. All dust of rounding stays with the requester, save
        // what rounding the fee up took from him.
        returned = escrowFor(terms) - paid - fee - amounts[n + 1];
        IEscrow(ESCROW).distribute(terms.payToken, terms.requester, accounts, amounts, returned);
    }

    /// @dev Gives everything back; the bounty is the caller's when `toCaller`.
    function _giveBack(JobTerms calldata terms, bool toCaller) internal returns (uint256 returned) {
        uint256 bounty = toCaller ? terms.bounty : 0;
        address[] memory accounts = new address[](1);
        uint256[] memory amounts = new uint256[](1);
        (accounts[0], amounts[0]) = (msg.sender, bounty);
        returned = escrowFor(terms) - bounty;
        IEscrow(ESCROW).distribute(terms.payToken, terms.requester, accounts, amounts, returned);
    }

    /// @dev Ends the locks of all workers, takes what they lose, and writes their scores.
    function _judge(JobTerms calldata terms, JobId id, address[] calldata workers, Ruling[] memory rulings) internal {
        // Read now, not at posting: a score belongs to the network, not to the deal (G2 is about the deal).
        uint256 weight = IParameters(PARAMETERS).tokenRule(terms.payToken).scoreWeight;
        for (uint256 i = 0; i < workers.length; ++i) {
            Ruling memory ruling = rulings[i];
            uint256 slashed = _lossOf(terms, ruling.fault);
            (address provider,) = IWorkerRegistry(REGISTRY).payeeOf(workers[i]);
            IStakeVault(VAULT).release(provider, workers[i], terms.stake, slashed, ruling.finder, slashed / 2);
            _score(terms, workers[i], ruling, weight);
            emit WorkerSettled(id, workers[i], ruling.pay, ruling.fault, slashed);
        }
    }

    function _score(JobTerms calldata terms, address worker, Ruling memory ruling, uint256 weight) private {
        if (ruling.fault != Fault.None) {
            uint256 lost = terms.feeBps.feeOn(terms.price) * weight / SCORE_ONE;
            IReputation(REPUTATION).addFault(worker, lost);
        } else if (ruling.agreed) {
            uint256 won = terms.feeBps.feeOn(ruling.pay) * weight / SCORE_ONE;
            // INVARIANT: a success that burned nothing counts for nothing, so no history can be made for free.
            if (won > 0) IReputation(REPUTATION).addWin(worker, won);
        }
    }

    function _lossOf(JobTerms calldata terms, Fault fault) private pure returns (uint256) {
        if (fault == Fault.NoShow) return terms.noShowBond;
        return fault == Fault.Slashed ? terms.stake : 0;
    }
}
