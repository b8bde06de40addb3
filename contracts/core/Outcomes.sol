// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IReputation} from "../interfaces/IReputation.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {Fault, JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord} from "../types/JobWord.sol";
import {ask, behind, order, rawSeats} from "../types/RawCalls.sol";
import {Posting} from "./Posting.sol";

/// @title Getting a judgement, and carrying it out: money, stake, score
/// @notice Carried out once per job, after its state has moved to an end. Credits only: no receiver can stall it.
abstract contract Outcomes is Posting {
    /// @notice Gas that a late verdict is given, no more and no less, whoever calls.
    uint256 public constant VERDICT_GAS = 2_000_000;

    uint256 private constant SCORE_ONE = 1e18;

    /// @dev As IJobBoard.judgement.
    function _judgement(JobTerms calldata terms, Seat[] calldata held) internal view returns (Ruling[] memory) {
        (bytes32 lane, JobId id, JobWord job) = _find(terms, JobState.Committed);
        _checkAll(lane, id, job, held);
        return _isSilent(job) ? _silence(terms, id, job, held) : _verdict(terms, id, job, held);
    }

    /// @dev What `settle` carries out: consent by silence, the verifier's verdict, or the default when that comes too late.
    function _rulings(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        internal
        view
        returns (Ruling[] memory)
    {
        if (_isSilent(job)) return _silence(terms, id, job, held);
        return _isLate(terms, job) ? _lateVerdict(terms, job, held) : _verdict(terms, id, job, held);
    }

    function _isSilent(JobWord job) private pure returns (bool) {
        return job.isSilent() && !job.isContested();
    }

    function _isLate(JobTerms calldata terms, JobWord job) private view returns (bool) {
        return block.timestamp > job.clock() + terms.settleTime;
    }

    function _silence(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        private
        view
        returns (Ruling[] memory)
    {
        // The first clock of the tier is the time to object; a clock beyond the settle deadline holds nobody.
        bool over = block.timestamp > job.clock() + uint32(uint256(terms.verifierParams)) || _isLate(terms, job);
        require(over, IJobBoard.VerdictPending(id));
        return _byTerms(held, false);
    }

    /// @dev Who committed is paid his price, who did not is a no-show.
    function _byTerms(Seat[] calldata held, bool agreed) private pure returns (Ruling[] memory rulings) {
        rulings = new Ruling[](held.length);
        for (uint256 i = 0; i < held.length; ++i) {
            if (held[i].commitment == 0) rulings[i].fault = Fault.NoShow;
            else (rulings[i].pay, rulings[i].agreed) = (held[i].price, agreed);
        }
    }

    function _verdict(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        private
        view
        returns (Ruling[] memory)
    {
        bytes memory rest = abi.encodePacked(id, job, behind(3), held.length, rawSeats(held));
        (bool done, Ruling[] memory rulings) =
            abi.decode(ask(terms.verifier, IVerifier.verdict.selector, terms, rest), (bool, Ruling[]));
        require(done, IJobBoard.VerdictPending(id));
        require(rulings.length == held.length, IJobBoard.VerdictBroken(id));
        _checkBudget(terms, id, rulings);
        return rulings;
    }

    /// @dev What the pinned verifier may say without being asked.
    function _agreement(JobTerms calldata terms, JobId id, Seat[] calldata held)
        internal
        view
        returns (Ruling[] memory rulings)
    {
        // INVARIANT: nobody but the verifier that the terms have pinned speaks for them.
        require(msg.sender == terms.verifier, IJobBoard.NotVerifier(id, msg.sender));
        rulings = _byTerms(held, true);
        _checkBudget(terms, id, rulings);
    }

    function _checkBudget(JobTerms calldata terms, JobId id, Ruling[] memory rulings) private pure {
        require(_sumOf(rulings) <= _mostPay(terms), IJobBoard.VerdictBroken(id));
    }

    function _sumOf(Ruling[] memory rulings) private pure returns (uint256 paid) {
        for (uint256 i = 0; i < rulings.length; ++i) {
            unchecked {
                paid += rulings[i].pay; // a few times 128 bits
            }
        }
    }

    /// @dev Past the settle deadline a verifier that reverts, dawdles, answers garbage or overspends no longer holds
    /// anybody: the default is payment where silence would have been consent, empty rulings elsewhere. Asked through
    /// ourselves, so that one `catch` covers the decoding too.
    function _lateVerdict(JobTerms calldata terms, JobWord job, Seat[] calldata held)
        private
        view
        returns (Ruling[] memory)
    {
        // INVARIANT: the verifier gets VERDICT_GAS in full, so no caller can starve it into the default.
        uint256 need = VERDICT_GAS + VERDICT_GAS / 32;
        require(gasleft() >= need, IJobBoard.GasTooLow(gasleft(), need));
        try IJobBoard(address(this)).judgement{gas: VERDICT_GAS}(terms, held) returns (Ruling[] memory rulings) {
            return rulings;
        } catch {
            return job.isSilent() ? _byTerms(held, false) : new Ruling[](held.length);
        }
    }

    /// @dev The caller stores the job.
    function _endWork(JobWord job) internal view returns (JobWord) {
        return job.withState(JobState.Committed).withClock(block.timestamp);
    }

    /// @dev Pays each worker his ruling's pay, burns the fee on it, gives the bounty to the caller when nobody is paid, and
    /// gives the rest back.
    /// @return paid sum of pays
    /// @return fee burned
    /// @return returned what went back to the requester
    function _payOut(JobTerms calldata terms, Seat[] calldata held, Ruling[] memory rulings)
        internal
        returns (uint256 paid, uint256 fee, uint256 returned)
    {
        paid = _sumOf(rulings);
        // Who was paid had the interest to close; only where nobody was does the closer get the bounty.
        if (paid == 0) {
            returned = _escrowFor(terms) - terms.bounty;
            IEscrow(ESCROW).pay(terms.payToken, terms.requester, msg.sender, terms.bounty, 0, returned);
            return (0, 0, returned);
        }
        fee = terms.feeBps.feeOn(paid);
        // INVARIANT (E2): paid + fee + bounty + returned = escrowed. Dust is the requester's, save what rounding the fee up
        // took from him.
        returned = _escrowFor(terms) - paid - fee;
        // Seat by seat: no dearer than one call with lists, and most jobs have one seat. The last one takes the rest along.
        for (uint256 i = 0; i < rulings.length; ++i) {
            bool last = i + 1 == rulings.length;
            if (rulings[i].pay == 0 && !last) continue;
            (uint256 burned, uint256 back) = last ? (fee, returned) : (0, 0);
            bytes memory pay = abi.encodeCall(
                IEscrow.pay, (terms.payToken, terms.requester, held[i].payee, rulings[i].pay, burned, back)
            );
            order(ESCROW, pay);
        }
    }

    /// @dev Gives everything back to the requester: the draw was never fixed.
    function _giveBack(JobTerms calldata terms) internal returns (uint256 returned) {
        returned = _escrowFor(terms);
        IEscrow(ESCROW).pay(terms.payToken, terms.requester, terms.requester, 0, 0, returned);
    }

    /// @dev Ends the locks of all workers, takes what they lose, and writes their scores.
    function _judge(JobTerms calldata terms, JobId id, Seat[] calldata held, Ruling[] memory rulings) internal {
        for (uint256 i = 0; i < held.length; ++i) {
            Ruling memory ruling = rulings[i];
            address worker = held[i].worker;
            uint256 slashed = _lossOf(terms, ruling.fault);
            bytes memory release = abi.encodeCall(
                IStakeVault.release, (held[i].provider, worker, terms.stake, slashed, ruling.finder, slashed / 2)
            );
            order(VAULT, release);
            if (ruling.fault == Fault.NoShow) _rest(terms, held[i]);
            _score(terms, worker, ruling);
            emit IJobBoard.WorkerSettled(id, worker, ruling.pay, ruling.fault, ruling.agreed);
        }
    }

    /// @dev The cool-down of who lost a seat: he takes no other for as long as he might have kept that one.
    function _rest(JobTerms calldata terms, Seat calldata seat) internal {
        IStakeVault(VAULT).rest(seat.provider, seat.worker, uint40(block.timestamp) + terms.workTime);
    }

    function _score(JobTerms calldata terms, address worker, Ruling memory ruling) private {
        if (ruling.fault != Fault.None) {
            IReputation(REPUTATION).addFault(worker, _points(terms, terms.price));
        } else if (ruling.agreed) {
            uint256 won = _points(terms, ruling.pay);
            // INVARIANT: a success that burned nothing counts for nothing, so no history can be made for free.
            if (won > 0) IReputation(REPUTATION).addWin(worker, won);
        }
    }

    /// @dev What the fee on `pay` is worth as score.
    function _points(JobTerms calldata terms, uint256 pay) private view returns (uint256) {
        return terms.feeBps.feeOn(pay) * _scoreWeight(terms.payToken) / SCORE_ONE;
    }

    function _lossOf(JobTerms calldata terms, Fault fault) private pure returns (uint256) {
        if (fault == Fault.NoShow) return terms.noShowBond;
        return fault == Fault.Slashed ? terms.stake : 0;
    }
}
