// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IBisection} from "../../../contracts/interfaces/IBisection.sol";
import {IJury} from "../../../contracts/interfaces/IJury.sol";
import {StubJury} from "../../../contracts/test/StubJury.sol";
import {JobId} from "../../../contracts/types/JobTypes.sol";
import {Base} from "../base/Base.sol";

/// @notice Many matches at once between the same two. In each one of them tells the truth, as late as he likes but in time; the
/// other says what the fuzzer says, or nothing. The jury sees true. The contract is the verifier of all of them.
contract BisectionPlay is Base {
    struct Game {
        IBisection.Match disputed;
        bytes32 key;
        IBisection.Span span;
        IBisection.Span before; // where the match was one move ago
        bool liarDefends;
        bool referred;
        bool over; // somebody has said that a clock ran out
        uint256 since; // when this turn began
        uint256[2] left; // of the defender's and the challenger's clocks
    }

    uint32 private constant CLOCK = 100;
    uint256 private constant MAX_GAMES = 30;

    IBisection private _bisection;
    StubJury private _jury;
    Game[] private _games;
    mapping(string => uint256) public count;

    function setUp() external {
        vm.warp(1_800_000_000);
        _jury = StubJury(double("StubJury", abi.encode(uint40(1_000_000))));
        _bisection = IBisection(make("Bisection", abi.encode(address(_jury))));
    }

    // ---- acts

    function act_open(uint256 seed) external {
        if (_games.length == MAX_GAMES) return;
        Game storage game = _games.push();
        game.liarDefends = seed % 2 == 0;
        uint32 steps = uint32(1 + seed / 2 % (seed % 3 == 0 ? 4096 : 9));
        bytes32 start = keccak256(abi.encode("start", _games.length));
        bytes32 lie = keccak256(abi.encode("lie", seed));
        bytes32 end = _truth(start, steps);
        game.disputed = IBisection.Match({
            id: JobId.wrap(start),
            number: uint8(2 + seed % 4),
            claim: uint8(seed % 2),
            defender: actor("worker 1"),
            challenger: actor("worker 2"),
            hardwareClass: keccak256("cpu"),
            start: start,
            defended: game.liarDefends ? lie : end,
            challenged: game.liarDefends ? end : lie,
            steps: steps,
            clock: CLOCK
        });
        game.key = _bisection.keyOf(address(this), game.disputed.id, game.disputed.number, game.disputed.claim);
        game.left = [uint256(CLOCK), CLOCK];
        _bisection.open(game.disputed);
        _follow(game, IBisection.Span(0, steps, start, game.disputed.defended, 0));
        ++count["open"];
    }

    /// @dev Whoever has to move does, by this seed; a liar may say something true now and then.
    function act_move(uint256 which, uint256 seed) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        if (game.referred || game.over) return;
        bool defending = game.span.middle == 0;
        bool lies = defending == game.liarDefends;
        if (block.timestamp > _until(game)) {
            vm.assertTrue(lies, "who is honest moves in time");
            vm.assertTrue(!_move(game, game.span, seed, true), "a move after the clock ran out");
            return;
        }
        vm.assertTrue(_move(game, game.span, seed, lies), "a move in time is refused");
        game.left[defending ? 0 : 1] -= block.timestamp - game.since;
        IBisection.Span memory next = game.span;
        if (defending) next.middle = _middle(game, seed, lies);
        else if (_agrees(game, seed, lies)) (next.low, next.agreed, next.middle) = (_half(next), next.middle, 0);
        else (next.high, next.defended, next.middle) = (_half(next), next.middle, 0);
        _follow(game, next);
        ++count[defending ? "split" : "pick"];
    }

    /// @dev A move that fitted the match a move ago, or by who is not to move now.
    function act_wrongMove(uint256 which, uint256 seed) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        if (game.before.high != 0) vm.assertTrue(!_move(game, game.before, seed, true), "a move replayed");
        if (game.referred || game.over) return;
        IBisection.Span memory other = game.span;
        other.low += 1;
        vm.assertTrue(!_move(game, other, seed, true), "a move in another span");
        vm.prank(game.span.middle == 0 ? game.disputed.challenger : game.disputed.defender);
        (bool good,) = address(_bisection).call(
            abi.encodeCall(IBisection.split, (game.key, game.disputed, game.span, bytes32(seed | 1)))
        );
        vm.assertTrue(!good, "a move out of turn");
        ++count["wrongMove"];
    }

    /// @dev Time passes, but no more than leaves everybody honest a second to move in.
    function act_wait(uint256 time) external {
        time = bound(time, 1, CLOCK);
        for (uint256 i = 0; i < _games.length; ++i) {
            Game storage game = _games[i];
            bool honest = (game.span.middle == 0) != game.liarDefends;
            if (game.referred || game.over || !honest) continue;
            time = min(time, _until(game) - block.timestamp);
        }
        vm.warp(vm.getBlockTimestamp() + time);
    }

    function act_timeout(uint256 which) external {
        if (_games.length == 0) return;
        Game storage game = _games[which % _games.length];
        bool out = !game.referred && !game.over && block.timestamp > _until(game);
        (bool good,) = address(_bisection).call(abi.encodeCall(IBisection.timeout, (game.key)));
        vm.assertEq(good, out);
        if (!out) return;
        game.over = true;
        ++count["timeout"];
    }

    // ---- what must hold

    /// @dev Nobody has won but who tells the truth; he has, once the other's clock is out or the jury was asked.
    function check() external view {
        for (uint256 i = 0; i < _games.length; ++i) {
            Game memory game = _games[i];
            IBisection.Match memory m = game.disputed;
            IBisection.Outcome have = _bisection.outcomeOf(address(this), m.id, m.number, m.claim);
            IBisection.Outcome truth = game.liarDefends ? IBisection.Outcome.Challenger : IBisection.Outcome.Defender;
            bool running = !game.referred && !game.over && block.timestamp <= _until(game);
            IBisection.Outcome need = running ? IBisection.Outcome.Running : truth;
            vm.assertEq(uint256(have), uint256(need), "who tells the truth in time wins");
            IBisection.Clocks memory clocks = _bisection.clocksOf(game.key);
            vm.assertEq(clocks.defenderLeft, game.left[0], "the defender's clock");
            vm.assertEq(clocks.challengerLeft, game.left[1], "the challenger's clock");
        }
    }

    function acts() external pure returns (bytes4[] memory list) {
        list = new bytes4[](8);
        list[0] = this.act_open.selector;
        (list[1], list[2], list[3], list[4]) =
            (this.act_move.selector, this.act_move.selector, this.act_move.selector, this.act_move.selector);
        (list[5], list[6], list[7]) = (this.act_wrongMove.selector, this.act_wait.selector, this.act_timeout.selector);
    }

    // ---- within

    /// @dev With one step left the jury is asked, and says what a replay of that step shows.
    function _follow(Game storage game, IBisection.Span memory next) private {
        game.before = game.span;
        game.span = next;
        game.since = block.timestamp;
        if (next.high - next.low != 1) return;
        game.referred = true;
        bytes32 start = game.disputed.start;
        vm.assertEq(next.agreed, _truth(start, next.low));
        bool right = next.defended == _truth(start, next.high);
        vm.assertTrue(right != game.liarDefends, "the step that is left is false exactly where the defender lied");
        _jury.decide(
            address(_bisection), JobId.wrap(game.key), right ? IJury.Decision.Accuser : IJury.Decision.Accused
        );
        ++count["referred"];
    }

    function _move(Game storage game, IBisection.Span memory span, uint256 seed, bool lies) private returns (bool good) {
        bool defending = span.middle == 0;
        bytes memory call = defending
            ? abi.encodeCall(IBisection.split, (game.key, game.disputed, span, _middle(game, seed, lies)))
            : abi.encodeCall(IBisection.pick, (game.key, game.disputed, span, _agrees(game, seed, lies)));
        vm.prank(defending ? game.disputed.defender : game.disputed.challenger);
        (good,) = address(_bisection).call(call);
    }

    function _middle(Game storage game, uint256 seed, bool lies) private view returns (bytes32) {
        if (lies && seed % 3 != 0) return keccak256(abi.encode("lie", seed));
        return _truth(game.disputed.start, _half(game.span));
    }

    function _agrees(Game storage game, uint256 seed, bool lies) private view returns (bool) {
        if (lies) return seed % 2 == 0;
        return game.span.middle == _truth(game.disputed.start, _half(game.span));
    }

    /// @dev The state after so many steps. No step follows from a false state to a true one.
    function _truth(bytes32 start, uint256 steps) private pure returns (bytes32) {
        return steps == 0 ? start : keccak256(abi.encode("state", start, steps));
    }

    function _half(IBisection.Span memory span) private pure returns (uint32) {
        return (span.low + span.high) / 2;
    }

    function _until(Game memory game) private pure returns (uint256) {
        return game.since + game.left[game.span.middle == 0 ? 0 : 1];
    }
}
