// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBisection} from "../interfaces/IBisection.sol";
import {IJury} from "../interfaces/IJury.sol";
import {JobId} from "../types/JobTypes.sol";

/// @title Bisection, as IBisection says
/// @dev Two slots per match: whose turn it is and what the clocks have left, and a hash of all else.
contract Bisection is IBisection {
    /// @inheritdoc IBisection
    address public immutable JURY;

    mapping(bytes32 key => Clocks) private _clocks;
    mapping(bytes32 key => bytes32) private _digests; // of match and span

    constructor(address jury) {
        JURY = jury;
    }

    // ---- the verifier

    /// @inheritdoc IBisection
    function open(Match calldata disputed) external {
        bytes32 key = keyOf(msg.sender, disputed.id, disputed.number, disputed.claim);
        require(_clocks[key].stage == Stage.None, MatchOpen(key));
        bool sane = disputed.steps > 0 && disputed.clock > 0 && disputed.defender != disputed.challenger
            && disputed.defended != disputed.challenged && disputed.defended != 0 && disputed.start != 0;
        require(sane, MatchInvalid());
        emit MatchOpened(key, msg.sender, disputed);
        Clocks memory clocks = Clocks(Stage.Judging, uint40(block.timestamp), disputed.clock, disputed.clock);
        _goOn(key, disputed, firstSpan(disputed), clocks);
    }

    // ---- the parties

    /// @inheritdoc IBisection
    function split(bytes32 key, Match calldata disputed, Span calldata span, bytes32 middle) external {
        Clocks memory clocks = _recorded(key, disputed, span);
        bool turn = clocks.stage == Stage.Defending && msg.sender == disputed.defender;
        require(turn, NotYourTurn(key, msg.sender, clocks.stage));
        require(middle != 0, MiddleZero(key));
        clocks.defenderLeft = _left(key, clocks.defenderLeft, clocks.since);
        (clocks.stage, clocks.since) = (Stage.Challenging, uint40(block.timestamp));
        Span memory next = Span(span.low, span.high, span.agreed, span.defended, middle);
        emit MatchSplit(key, next);
        _record(key, disputed, next, clocks);
    }

    /// @inheritdoc IBisection
    function pick(bytes32 key, Match calldata disputed, Span calldata span, bool agree) external {
        Clocks memory clocks = _recorded(key, disputed, span);
        bool turn = clocks.stage == Stage.Challenging && msg.sender == disputed.challenger;
        require(turn, NotYourTurn(key, msg.sender, clocks.stage));
        clocks.challengerLeft = _left(key, clocks.challengerLeft, clocks.since);
        clocks.since = uint40(block.timestamp);
        uint32 at = _middleOf(span);
        Span memory next = agree
            ? Span(at, span.high, span.middle, span.defended, 0)
            : Span(span.low, at, span.agreed, span.middle, 0);
        emit MatchPicked(key, agree, next);
        _goOn(key, disputed, next, clocks);
    }

    /// @inheritdoc IBisection
    function serve(bytes32 key, Match calldata disputed, Span calldata span, bytes32 manifest) external {
        _recorded(key, disputed, span);
        bool party = msg.sender == disputed.defender || msg.sender == disputed.challenger;
        require(party, NotParty(key, msg.sender));
        emit StatesServed(key, msg.sender, manifest);
    }

    // ---- anyone

    /// @inheritdoc IBisection
    function timeout(bytes32 key) external {
        Clocks memory clocks = _clocks[key];
        require(clocks.stage != Stage.None, UnknownMatch(key));
        bool running = clocks.stage == Stage.Defending || clocks.stage == Stage.Challenging;
        require(running, MatchOver(key));
        Outcome outcome = _byClock(clocks);
        require(outcome != Outcome.Running, ClockRunning(key, _untilOf(clocks)));
        _clocks[key].stage = outcome == Outcome.Defender ? Stage.DefenderWon : Stage.ChallengerWon;
        emit MatchTimedOut(key, outcome);
    }

    // ---- reading

    /// @inheritdoc IBisection
    function outcomeOf(address verifier, JobId id, uint8 number, uint8 claim) external view returns (Outcome) {
        bytes32 key = keyOf(verifier, id, number, claim);
        Clocks memory clocks = _clocks[key];
        if (clocks.stage != Stage.Judging) return _byClock(clocks);
        IJury.Decision decision = IJury(JURY).decisionOf(address(this), JobId.wrap(key));
        if (decision == IJury.Decision.Pending) return Outcome.Running;
        if (decision == IJury.Decision.Accused) return Outcome.Challenger;
        return decision == IJury.Decision.Accuser ? Outcome.Defender : Outcome.Hung;
    }

    /// @inheritdoc IBisection
    function MAX_TIME(uint32 steps, uint32 clock) external view returns (uint40) {
        uint40 judging = IJury(JURY).DECISION_TIME();
        return steps == 1 ? judging : judging + 2 * uint40(clock);
    }

    /// @inheritdoc IBisection
    function keyOf(address verifier, JobId id, uint8 number, uint8 claim) public pure returns (bytes32) {
        return keccak256(abi.encode(verifier, id, number, claim));
    }

    /// @inheritdoc IBisection
    function clocksOf(bytes32 key) external view returns (Clocks memory) {
        return _clocks[key];
    }

    /// @inheritdoc IBisection
    function firstSpan(Match calldata disputed) public pure returns (Span memory) {
        return Span(0, disputed.steps, disputed.start, disputed.defended, 0);
    }

    /// @inheritdoc IBisection
    function purseOf(address verifier, JobId id, uint8 number, uint8 claim) external view returns (address) {
        bytes32 key = keyOf(verifier, id, number, claim);
        if (_clocks[key].stage != Stage.Judging) return address(0);
        return IJury(JURY).purseOf(address(this), JobId.wrap(key));
    }

    // ---- moves

    /// @dev The defender's turn, or the jury's where one step is left.
    function _goOn(bytes32 key, Match calldata disputed, Span memory span, Clocks memory clocks) private {
        bool judged = span.high - span.low == 1;
        clocks.stage = judged ? Stage.Judging : Stage.Defending;
        _record(key, disputed, span, clocks);
        if (!judged) return;
        bytes32 evidence = keccak256(abi.encode(key, span.low, span.agreed, span.defended));
        emit MatchReferred(key, span.low, span.agreed, span.defended, evidence);
        IJury(JURY).open(
            JobId.wrap(key), disputed.challenger, disputed.defender, disputed.hardwareClass, evidence
        );
    }

    function _record(bytes32 key, Match calldata disputed, Span memory span, Clocks memory clocks) private {
        _clocks[key] = clocks;
        _digests[key] = _digestOf(disputed, span);
    }

    function _recorded(bytes32 key, Match calldata disputed, Span calldata span) private view returns (Clocks memory) {
        // INVARIANT: a move fits the one position that this match is in, so none can be replayed in it or in another.
        bool fits = _digests[key] != 0 && _digests[key] == _digestOf(disputed, span);
        require(fits, WrongSpan(key));
        return _clocks[key];
    }

    /// @dev The key is no part of it: it is where the digest lies, and only `open` puts one there.
    function _digestOf(Match calldata disputed, Span memory span) private pure returns (bytes32) {
        return keccak256(abi.encode(disputed, span));
    }

    function _middleOf(Span calldata span) private pure returns (uint32) {
        return span.low + (span.high - span.low) / 2;
    }

    // ---- clocks

    /// @dev What is left of a clock when its owner moves now.
    function _left(bytes32 key, uint32 left, uint40 since) private view returns (uint32) {
        uint256 spent = block.timestamp - since;
        require(spent <= left, ClockRunOut(key));
        return uint32(left - spent);
    }

    /// @dev The last second of this turn.
    function _untilOf(Clocks memory clocks) private pure returns (uint40) {
        bool defending = clocks.stage == Stage.Defending;
        return clocks.since + (defending ? clocks.defenderLeft : clocks.challengerLeft);
    }

    /// @dev Of a match that is not with the jury.
    function _byClock(Clocks memory clocks) private view returns (Outcome) {
        if (clocks.stage == Stage.None) return Outcome.None;
        if (clocks.stage == Stage.DefenderWon) return Outcome.Defender;
        if (clocks.stage == Stage.ChallengerWon) return Outcome.Challenger;
        if (block.timestamp <= _untilOf(clocks)) return Outcome.Running;
        return clocks.stage == Stage.Defending ? Outcome.Challenger : Outcome.Defender;
    }
}
