// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAuditVerifier} from "../interfaces/IAuditVerifier.sol";
import {IVerifier} from "../interfaces/IVerifier.sol";
import {AuditWord} from "../types/AuditWord.sol";
import {JobId, JobState, JobTerms, Ruling, Seat} from "../types/JobTypes.sol";
import {JobWord, laneOf} from "../types/JobWord.sol";
import {isPrivate} from "../types/PrivateTerms.sol";
import {ask, behind, rawSeats} from "../types/RawCalls.sol";
import {AuditBase} from "./AuditBase.sol";
import {AuditClaims} from "./AuditClaims.sol";
import {AuditSums} from "./AuditSums.sol";
import {AuditVerdict} from "./AuditVerdict.sol";

/// @title AuditVerifier, as IAuditVerifier says
contract AuditVerifier is AuditClaims {
    constructor(address board, address bisection, address keyBox) AuditBase(board, bisection, keyBox) {}

    // ---- what the board asks

    /// @inheritdoc IVerifier
    function needs(JobTerms calldata terms) external view returns (Needs memory) {
        return abi.decode(ask(address(SUMS), AuditSums.needs.selector, terms, ""), (Needs));
    }

    /// @inheritdoc IVerifier
    /// @dev Answers nobody but the board: audits are kept by lane, and another board's jobs have lanes of the same names.
    function verdict(JobTerms calldata terms, JobId id, JobWord job, Seat[] calldata held)
        external
        view
        returns (bool, Ruling[] memory rulings)
    {
        if (msg.sender != BOARD || job.state() != JobState.Committed) return (false, rulings);
        if (isPrivate(terms.verifierParams)) {
            uint256 missed = SUMS.missed(terms.verifierParams, terms.requester, terms.nonce, held[0].price);
            if (missed > 0) {
                // The key never came: nobody's fault but the requester's, and nothing to audit.
                rulings = new Ruling[](held.length);
                rulings[0].pay = uint128(missed - 1);
                return (true, rulings);
            }
        }
        AuditWord audit = _auditOf(laneOf(terms.requester, terms.nonce), terms.nonce);
        bytes memory rest = abi.encodePacked(id.asBytes(), job, audit, behind(4), held.length, rawSeats(held));
        bytes memory answer = ask(address(VERDICT), AuditVerdict.rule.selector, terms, rest);
        // It has the form of ours already.
        assembly ("memory-safe") {
            return(add(answer, 32), mload(answer))
        }
    }

    // ---- reading

    /// @inheritdoc IAuditVerifier
    function auditOf(address requester, uint256 nonce) external view returns (Audit memory view_) {
        AuditWord audit = _auditOf(laneOf(requester, nonce), nonce);
        if (audit.sitting() == 0) return view_;
        (view_.done, view_.sitting, view_.served) = (uint16(audit.done()), uint8(audit.sitting()), audit.isServed());
        (view_.clock, view_.round) = (audit.clock(), audit.round());
        for (uint256 number = 2; number <= 5; ++number) {
            view_.answers[number - 2] = uint8(audit.answerOf(number));
        }
        (view_.replacementSeat, view_.lastSeat) = (uint8(audit.replacement()), uint8(audit.last()));
        (view_.clean, view_.reaudit, view_.suspect) = (audit.isClean(), audit.isReaudit(), audit.isSuspect());
    }

    /// @inheritdoc IAuditVerifier
    function claimOf(JobId id, uint8 number, uint8 claim) external view returns (Claim memory) {
        return _claims[id][number][claim];
    }

    /// @inheritdoc IAuditVerifier
    function segmentsOf(JobTerms calldata terms, Record calldata record, uint8 number)
        external
        view
        returns (uint256[] memory)
    {
        AuditWord audit = _auditOf(laneOf(terms.requester, terms.nonce), terms.nonce);
        return SUMS.share(audit, terms.verifierParams, number, record.seed, record.fresh);
    }
}
