// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IJury} from "../interfaces/IJury.sol";
import {JobId} from "../types/JobTypes.sol";

/// @title StubJury
/// @notice Test double: anybody may say what it decides.
contract StubJury is IJury {
    uint40 public immutable DECISION_TIME;

    enum Mood {
        Sit,
        Refuse, // reverts when asked
        Babble // answers what is no decision
    }

    struct Case {
        address accuser;
        address accused;
        bytes32 evidence;
        uint40 since; // 0: none
        Decision decision;
    }

    Mood public mood;
    mapping(address token => uint128) public fee;
    mapping(address verifier => mapping(JobId id => Case)) public caseOf;

    error Sulking();

    constructor(uint40 decisionTime) {
        DECISION_TIME = decisionTime;
    }

    function setFee(address token, uint128 amount) external {
        fee[token] = amount;
    }

    function setMood(Mood mood_) external {
        mood = mood_;
    }

    function decide(address verifier, JobId id, Decision decision) external {
        caseOf[verifier][id].decision = decision;
    }

    function purseOf(address, JobId) external pure returns (address) {
        return address(0);
    }

    function open(JobId id, address accuser, address accused, bytes32, bytes32 evidence) external {
        require(caseOf[msg.sender][id].since == 0, CaseOpen(id));
        caseOf[msg.sender][id] = Case(accuser, accused, evidence, uint40(block.timestamp), Decision.Pending);
    }

    function decisionOf(address verifier, JobId id) external view returns (Decision) {
        require(mood != Mood.Refuse, Sulking());
        if (mood == Mood.Babble) {
            assembly {
                mstore(0, not(0))
                return(0, 32)
            }
        }
        Case storage opened = caseOf[verifier][id];
        require(opened.since != 0, UnknownCase(id));
        bool late = opened.decision == Decision.Pending && block.timestamp > opened.since + DECISION_TIME;
        return late ? Decision.Hung : opened.decision;
    }
}
