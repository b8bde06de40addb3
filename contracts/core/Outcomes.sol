// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {IWorkerRegistry} from "../interfaces/IWorkerRegistry.sol";
import {Fault, JobId, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {BURN} from "../types/Money.sol";
import {PostingRules} from "./PostingRules.sol";

/// @title Getting a judgement, and carrying it out: money, stake, score
/// @notice Carried out once per job, after its state has moved to an end. Credits only: no receiver can stall it.
abstract contract Outcomes is PostingRules {
    /// @notice Gas that a late verdict is given, no more and no less, whoever calls.
    uint256 public constant VERDICT_GAS = 2_000_000;

    uint256 private constant SCORE_ONE = 1e18;

    /// @dev Whose a worker is, read once for money and stake.
    struct Payees {
        address[] providers;
        address[] payouts;
    }

    function _rulings(JobTerms calldata terms, JobId id, Seat[] memory held) internal view returns (Ruling[] memory) {
        (bool done, Ruling[] memory rulings) = IVerifier(terms.verifier).verdict(terms, id, held);
        require(done, VerdictPending(id));
        require(rulings.length == held.length, VerdictBroken(id));
        uint256 paid;
        for (uint256 i = 0; i < rulings.length; ++i) {
            paid += rulings[i].pay;
        }
        require(paid <= _mostPay(terms), VerdictBroken(id));
        return rulings;
    }

    /// @dev Past the settle deadline a verifier that reverts, dawdles, answers garbage or overspends no longer holds
    /// anybody: the default is empty rulings. Asked through ourselves, so that one `catch` covers the decoding too.
    function _lateRulings(JobTerms calldata terms, address[] calldata workers) internal view returns (Ruling[] memory) {
        // INVARIANT: the verifier gets VERDICT_GAS in full, so no caller can starve it into the default.
        uint256 need = VERDICT_GAS + VERDICT_GAS / 32;
        require(gasleft() >= need, GasTooLow(gasleft(), need));
        try this.judgement{gas: VERDICT_GAS}(terms, workers) returns (Ruling[] memory rulings) {
            return rulings;
        } catch {
            return new Ruling[](workers.length);
        }
    }

    function _payees(address[] calldata workers) internal view returns (Payees memory payees) {
        payees.providers = new address[](workers.length);
        payees.payouts = new address[](workers.length);
        for (uint256 i = 0; i < workers.length; ++i) {
            (payees.providers[i], payees.payouts[i]) = IWorkerRegistry(REGISTRY).payeeOf(workers[i]);
        }
    }

    /// @dev Pays each worker his ruling's pay, burns the fee on it, gives the bounty to the caller when nobody is paid, and
    /// gives the rest back.
    /// @return paid sum of pays
    /// @return fee burned
    /// @return returned what went back to the requester
    function _payOut(JobTerms calldata terms, Payees memory payees, Ruling[] memory rulings)
        internal
        returns (uint256 paid, uint256 fee, uint256 returned)
    {
        uint256 n = rulings.length;
        address[] memory accounts = new address[](n + 2);
        uint256[] memory amounts = new uint256[](n + 2);
        for (uint256 i = 0; i < n; ++i) {
            (accounts[i], amounts[i]) = (payees.payouts[i], rulings[i].pay);
            paid += rulings[i].pay;
        }
        fee = terms.feeBps.feeOn(paid);
        (accounts[n], amounts[n]) = (BURN, fee);
        (accounts[n + 1], amounts[n + 1]) = (msg.sender, paid == 0 ? terms.bounty : 0);
        // INVARIANT (E2): paid + fee + bounty + returned = escrowed. Dust is the requester's, save what rounding the fee up
        // took from him.
        returned = escrowFor(terms) - paid - fee - amounts[n + 1];
        IEscrow(ESCROW).distribute(terms.payToken, terms.requester, accounts, amounts, returned);
    }

    /// @dev Gives everything back to the requester: the draw was never fixed.
    function _giveBack(JobTerms calldata terms) internal returns (uint256 returned) {
        returned = escrowFor(terms);
        IEscrow(ESCROW).distribute(terms.payToken, terms.requester, new address[](0), new uint256[](0), returned);
    }

    /// @dev Ends the locks of all workers, takes what they lose, and writes their scores.
    function _judge(
        JobTerms calldata terms,
        JobId id,
        address[] calldata workers,
        Payees memory payees,
        Ruling[] memory rulings
    ) internal {
        // Read now, not at posting: a score belongs to the network, not to the deal (G2 is about the deal).
        uint256 weight = IParameters(PARAMETERS).tokenRule(terms.payToken).scoreWeight;
        for (uint256 i = 0; i < workers.length; ++i) {
            Ruling memory ruling = rulings[i];
            uint256 slashed = _lossOf(terms, ruling.fault);
            IStakeVault(VAULT).release(
                payees.providers[i], workers[i], terms.stake, slashed, ruling.finder, slashed / 2
            );
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
