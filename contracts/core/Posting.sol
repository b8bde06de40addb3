// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IEscrow} from "../interfaces/IEscrow.sol";
import {IJobBoard} from "../interfaces/IJobBoard.sol";
import {IParameters} from "../interfaces/IParameters.sol";
import {JobId, JobTerms, policyOf} from "../types/JobTypes.sol";
import {JobWord, laneOf as laneKey, postedWord, retiredWord} from "../types/JobWord.sol";
import {BPS_WHOLE} from "../types/Money.sol";
import {announce, order} from "../types/RawCalls.sol";
import {nextRound} from "../types/Rounds.sol";
import {Roster} from "./Roster.sol";

/// @title How a job enters the board
/// @notice Compared with the parameters of the moment, once; what is posted is never compared again (G2). What it shares with
/// other jobs is compared once per version of the parameters, and remembered.
abstract contract Posting is Roster {
    mapping(bytes32 policy => IParameters.Admission) private _admissions;
    mapping(bytes32 lane => uint256) private _floors; // the highest sequence retired; counts where the lane's word says so
    mapping(address token => uint256) private _weights; // points per 1e18 fee units, as of the token's last admission
    uint32 private _version; // of the parameters, as they have told it; 0: paused, or this board is not one of theirs

    /// @dev As IVersioned.adopt.
    function _adopt(uint32 version) internal {
        require(msg.sender == PARAMETERS, IJobBoard.NotParameters(msg.sender));
        _version = version;
    }

    /// @dev What a job of these terms holds.
    function _escrowFor(JobTerms calldata terms) internal pure returns (uint256) {
        uint256 most = _mostPay(terms);
        unchecked {
            // no sum of a few products of 128 and 16 bits reaches 256
            return most + terms.feeBps.feeOn(most) + terms.bounty;
        }
    }

    /// @dev The most that workers can be paid: all first seats and the whole reserve.
    function _mostPay(JobTerms calldata terms) internal pure returns (uint256) {
        unchecked {
            return uint256(terms.price) * terms.workers + terms.reserve;
        }
    }

    /// @dev Admits the terms, announces the job and holds the money; the caller stores the job.
    /// @param id of the terms
    /// @param relayFee held on top, to be handed on by the caller
    /// @param drawn whether seats are to be drawn
    function _open(JobTerms calldata terms, JobId id, uint256 relayFee, bool drawn)
        internal
        returns (bytes32 lane, JobWord job)
    {
        lane = laneKey(terms.requester, terms.nonce);
        _enterLane(lane, terms.requester, terms.nonce);
        uint256 escrow = _escrowFor(terms);
        IParameters.Admission memory admission = _admit(terms);
        _checkTerms(terms, escrow, admission);
        // INVARIANT: nobody can post an order of offers without one, and so make its requester pay him for nothing.
        require(admission.draws == drawn, IJobBoard.WrongScheduler(id, admission.draws));

        uint40 round = nextRound(ORIGIN, PERIOD, AHEAD);
        job = postedWord(id, terms.nonce, round, admission.silent);
        // Fields that are not read here were read when the policy was admitted, so that none is announced unchecked.
        announce(IJobBoard.JobPosted.selector, id.asBytes(), terms, round);
        order(ESCROW, abi.encodeCall(IEscrow.hold, (terms.payToken, terms.requester, escrow + relayFee)));
    }

    /// @dev Whether a job or a retirement with this nonce may take the lane over.
    function _enterLane(bytes32 lane, address requester, uint256 nonce) internal view {
        JobWord last = _jobs[lane];
        // INVARIANT (J1): sequences only rise, so an id is used once and an ended job never replays.
        require(uint16(nonce) > _usedUp(lane, last), IJobBoard.NonceUsed(requester, nonce));
        require(last.isFree(), IJobBoard.LaneBusy(requester, nonce >> 16));
    }

    /// @dev The highest sequence of the lane that is used up, by its last job or by `retire`.
    function _usedUp(bytes32 lane, JobWord last) internal view returns (uint256) {
        return last.isFloored() ? _floors[lane] : last.sequence();
    }

    /// @dev Gives up the nonce. A job of the lane that runs stays as it is, but for the mark that its successor is to look at
    /// the floor: postings to lanes that never retired anything read no slot more for it.
    function _retire(bytes32 lane, uint256 nonce) internal {
        JobWord last = _jobs[lane];
        require(uint16(nonce) > _usedUp(lane, last), IJobBoard.NonceUsed(msg.sender, nonce));
        if (last.isFree()) {
            _jobs[lane] = retiredWord(nonce);
        } else {
            _floors[lane] = uint16(nonce);
            _jobs[lane] = last.withFloor();
        }
    }

    /// @dev Points per 1e18 units of fee, as governance had set them when a policy with this token was last admitted: the next
    /// posting after a change brings it in. Kept here because asking at every settlement would cost a call.
    function _scoreWeight(address token) internal view returns (uint256) {
        return _weights[token];
    }

    /// @dev The policy's admission as of now, remembered or asked for.
    function _admit(JobTerms calldata terms) private returns (IParameters.Admission memory admission) {
        uint32 version = _version;
        require(version != 0, IJobBoard.Paused());
        bytes32 policy = policyOf(terms);
        admission = _admissions[policy];
        if (admission.version != version) {
            admission = IParameters(PARAMETERS).admit(terms);
            _admissions[policy] = admission;
            _weights[terms.payToken] = IParameters(PARAMETERS).tokenRule(terms.payToken).scoreWeight;
        }
    }

    function _checkTerms(JobTerms calldata terms, uint256 escrow, IParameters.Admission memory admission) private view {
        require(terms.price > 0, IJobBoard.PriceZero());
        require(escrow <= admission.maxEscrow, IJobBoard.EscrowAboveLimit(escrow, admission.maxEscrow));
        // Rounded up: a reserve is never a unit short.
        uint256 reserve = (uint256(terms.price) * admission.reserveBps + BPS_WHOLE - 1) / BPS_WHOLE;
        require(terms.reserve >= reserve, IJobBoard.ReserveTooSmall(terms.reserve, reserve));
        uint256 takeTime = terms.takeBy > block.timestamp ? terms.takeBy - block.timestamp : 0;
        require(
            takeTime >= admission.minTakeTime && takeTime <= admission.maxTakeTime,
            IJobBoard.TimeOutOfRange("takeTime", takeTime, admission.minTakeTime, admission.maxTakeTime)
        );
    }
}
