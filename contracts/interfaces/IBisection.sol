// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {JobId} from "../types/JobTypes.sol";

/// @title Narrowing a dispute down to one step
/// @notice Two parties replayed the same segment from the same state and found different ends. The defender shows the state
/// in the middle, the challenger says whether he has found the same there, and so on in the half that is left, until one
/// step is: from a state that both have agreed to, to one that the defender alone stands by. A jury replays that step.
///
/// Whoever answers in time and tells what he has found wins, unless the jury errs: a true defender has stood by true states
/// only; a true challenger has agreed to true states only. Each party has `clock` seconds in all (a chess clock); when one
/// runs out, its owner has lost, there and then: `timeout` only says so aloud. Matches share nothing, so many run at once.
///
///     open -> split (defender) -> pick (challenger) -> split ... -> the last pick asks the jury -> Defender | Challenger | Hung
///
/// Bonds are the verifier's: it holds the jury's fee of both, or a stake worth it, when it opens a match, and sends the
/// loser's to `purseOf` where the jury was asked. A clock that ran out has cost no juror anything.
interface IBisection {
    enum Outcome {
        None, // no such match
        Running,
        Defender, // has won
        Challenger,
        Hung // the jury
    }

    /// @notice What a match is about; it travels as calldata, only a hash of it is kept.
    struct Match {
        JobId id;
        uint8 number; // seat
        uint8 claim;
        address defender;
        address challenger;
        bytes32 hardwareClass; // the job's: the jury's
        bytes32 start; // root of the state before the first step
        bytes32 defended; // root after the last step, as the defender says
        bytes32 challenged; // and as the challenger does
        uint32 steps;
        uint32 clock; // seconds that each party has in all
    }

    /// @notice What is left in dispute: between `agreed`, after `low` steps, and `defended`, after `high`. Passed back by
    /// whoever moves, as the last event has shown it.
    struct Span {
        uint32 low;
        uint32 high;
        bytes32 agreed;
        bytes32 defended;
        bytes32 middle; // after (low + high) / 2 steps, as the defender says; zero: his turn to say it
    }

    /// @notice One slot.
    struct Clocks {
        Stage stage;
        uint40 since; // when this turn began
        uint32 defenderLeft; // seconds
        uint32 challengerLeft;
    }

    enum Stage {
        None,
        Defending, // the defender's turn
        Challenging,
        Judging,
        DefenderWon, // the challenger's clock ran out, and somebody said so
        ChallengerWon
    }

    event MatchOpened(bytes32 indexed key, address indexed verifier, Match disputed);
    event MatchSplit(bytes32 indexed key, Span span);
    event MatchPicked(bytes32 indexed key, bool agree, Span span);
    /// @notice The jury is asked whether the step from `agreed`, after `low` steps of the segment, ends in `defended`. The case's
    /// evidence is keccak256(abi.encode(key, low, agreed, defended)).
    event MatchReferred(bytes32 indexed key, uint32 low, bytes32 agreed, bytes32 defended, bytes32 evidence);
    event MatchTimedOut(bytes32 indexed key, Outcome outcome);
    /// @notice Where a party keeps the states that jurors need; `manifest` is the sha256 in its raw CIDv1.
    event StatesServed(bytes32 indexed key, address indexed party, bytes32 manifest);

    error MatchOpen(bytes32 key);
    error UnknownMatch(bytes32 key);
    error MatchInvalid();
    /// @notice Match and span are not what was last recorded.
    error WrongSpan(bytes32 key);
    error NotYourTurn(bytes32 key, address caller, Stage stage);
    error MiddleZero(bytes32 key);
    error ClockRunOut(bytes32 key);
    error ClockRunning(bytes32 key, uint40 until);
    /// @notice No clock runs: it is with the jury, or won.
    error MatchOver(bytes32 key);
    error NotParty(bytes32 key, address caller);

    /// @notice As verifier. One step is the jury's at once.
    /// @dev reverts MatchOpen; MatchInvalid (no steps, no clock, one party, equal or zero roots)
    function open(Match calldata disputed) external;

    /// @notice Defender, in his turn: the root after half of the steps that are left.
    /// @dev reverts WrongSpan, NotYourTurn, ClockRunOut, MiddleZero
    function split(bytes32 key, Match calldata disputed, Span calldata span, bytes32 middle) external;

    /// @notice Challenger, in his turn: whether he has found the same middle. With one step left, the jury is asked.
    /// @dev reverts WrongSpan, NotYourTurn, ClockRunOut
    function pick(bytes32 key, Match calldata disputed, Span calldata span, bool agree) external;

    /// @notice Anyone: a clock has run out.
    /// @dev reverts UnknownMatch, ClockRunning, MatchOver
    function timeout(bytes32 key) external;

    /// @notice Either party, at any time: where jurors find the states. Said in public, and nothing else.
    /// @dev reverts WrongSpan, NotParty
    function serve(bytes32 key, Match calldata disputed, Span calldata span, bytes32 manifest) external;

    /// @notice As it stands now, whether or not anybody has said so.
    function outcomeOf(address verifier, JobId id, uint8 number, uint8 claim) external view returns (Outcome);
    /// @notice Latest decision after `open`, jury and appeal included, in seconds.
    function MAX_TIME(uint32 steps, uint32 clock) external view returns (uint40);

    /// @notice keccak256(abi.encode(verifier, id, number, claim)); the jury knows the case by it.
    function keyOf(address verifier, JobId id, uint8 number, uint8 claim) external pure returns (bytes32);
    function clocksOf(bytes32 key) external view returns (Clocks memory);
    /// @notice The span that a match begins with.
    function firstSpan(Match calldata disputed) external pure returns (Span memory);
    function JURY() external view returns (address);
    /// @notice Where the loser's fee goes, as IJury.purseOf; zero where no juror was asked.
    function purseOf(address verifier, JobId id, uint8 number, uint8 claim) external view returns (address);
}
