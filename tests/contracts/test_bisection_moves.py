"""A dispute is narrowed down move by move: who may move, what fits, whose clock runs, and when the jury is asked."""

from __future__ import annotations

import pytest
from eth_abi import encode
from tests.contracts.bout import CHALLENGER, CLOCK, DEFENDER, HUNG_UP, NONE, RUNNING, Bout, opened
from tests.contracts.court import ACCUSED, ACCUSER, DECISION, Court
from tests.contracts.world import CPU, refused

from tensorgrid.domain.encoding import keccak256


def test_open__announces_the_match_and_gives_the_defender_the_first_turn(court: Court) -> None:
    bout = opened(court, steps=8)
    [event] = bout.receipt.decode_logs(court.bisection.MatchOpened)
    assert (bytes(event.key), event.verifier) == (bout.key, court.world.closer)
    assert next(iter(bout.clocks)) == 1
    assert bout.outcome == RUNNING
    with refused("NotYourTurn", caller=bout.challenger):
        bout.pick(True)


def test_open__twice__is_refused(court: Court) -> None:
    bout = opened(court, steps=8)
    with refused("MatchOpen"):
        court.bisection.open(bout.match, sender=court.world.closer)


@pytest.mark.parametrize("field", ["defender", "start", "defended", "challenged", "steps", "clock"])
def test_open__nothing_to_dispute__is_refused(court: Court, field: str) -> None:
    values = {"steps": 8}
    bout = Bout(court, **values)
    wrong = {
        "defender": bout.challenger,
        "start": b"\0" * 32,
        "defended": b"\0" * 32,
        "challenged": bout.match[7],
        "steps": 0,
        "clock": 0,
    }
    at = "id number claim defender challenger class start defended challenged steps clock".split()
    match = [wrong[field] if name == field else value for name, value in zip(at, bout.match, strict=True)]
    with refused("MatchInvalid"):
        court.bisection.open(tuple(match), sender=court.world.closer)


def test_outcome__of_no_match__is_none(court: Court) -> None:
    assert int(court.bisection.outcomeOf(court.world.closer, b"\1" * 32, 1, 0)) == NONE
    with refused("UnknownMatch"):
        court.bisection.timeout(b"\1" * 32, sender=court.world.stranger)


def test_split__in_the_middle__then_the_challenger_picks_a_half(court: Court) -> None:
    bout = opened(court, steps=8)
    bout.split(b"\4" * 32)
    assert bout.span == (0, 8, bout.start, bout.defended, b"\4" * 32)
    bout.pick(True)
    assert bout.span == (4, 8, b"\4" * 32, bout.defended, b"\0" * 32)
    bout.split(b"\6" * 32)
    bout.pick(False)
    assert bout.span == (4, 6, b"\4" * 32, b"\6" * 32, b"\0" * 32)


def test_split__by_anybody_else_or_empty__is_refused(court: Court) -> None:
    bout = opened(court, steps=8)
    for other in (bout.challenger, court.world.stranger):
        with refused("NotYourTurn", caller=other):
            bout.split(b"\4" * 32, by=other)
    with refused("MiddleZero"):
        bout.split(b"\0" * 32)


@pytest.mark.parametrize("steps", [1, 2, 3])
def test_last_step__goes_to_the_jury_with_evidence_that_binds_all(court: Court, steps: int) -> None:
    bout = opened(court, steps=steps)
    while steps > 1 and not bout.referred:
        bout.split(b"\4" * 32)
        bout.pick(False)
    [event] = bout.receipt.decode_logs(court.bisection.MatchReferred)
    evidence = keccak256(
        encode(["bytes32", "uint32", "bytes32", "bytes32"], [bout.key, event.low, event.agreed, event.defended])
    )
    assert bytes(event.evidence) == evidence
    [case] = bout.receipt.decode_logs(court.jury.CaseOpened)
    assert (case.verifier, bytes(case.id), bytes(case.evidence)) == (court.bisection, bout.key, evidence)
    assert (case.accused, case.accuser, bytes(case.hardwareClass)) == (bout.defender, bout.challenger, CPU)
    assert bout.outcome == RUNNING


@pytest.mark.parametrize(("decision", "outcome"), [(ACCUSED, CHALLENGER), (ACCUSER, DEFENDER), (None, HUNG_UP)])
def test_outcome__follows_the_jury(court: Court, decision: int | None, outcome: int) -> None:
    fifth = court.enrol()  # worker 1 is a party
    bout = opened(court, steps=1)
    if decision is not None:
        bout.case.judge([*court.jurors[1:], fifth], [decision] * 5)
    court.world.at(bout.opened_at + DECISION)
    court.world.mine(1)
    assert bout.outcome == outcome


def test_purse__is_the_jurys_where_it_was_asked_and_nowhere_else(court: Court) -> None:
    running, judged = opened(court, steps=8), opened(court, steps=1)
    purse = court.bisection.purseOf
    assert int(purse(court.world.closer, running.id, 1, 0), 16) == 0
    assert purse(court.world.closer, judged.id, 1, 0) == judged.case.purse


# ---- clocks


def test_clock__of_the_defender_runs_out__he_has_lost_whether_or_not_anybody_says_so(court: Court) -> None:
    bout = opened(court, steps=8)
    court.world.at(bout.opened_at + CLOCK - 1)
    court.world.mine(1)
    assert bout.outcome == RUNNING
    court.world.at(bout.opened_at + CLOCK)
    with refused("ClockRunning", until=bout.opened_at + CLOCK):
        court.bisection.timeout(bout.key, sender=court.world.stranger)
    court.world.at(bout.opened_at + CLOCK + 1)
    with refused("ClockRunOut"):
        bout.split(b"\4" * 32)
    assert bout.outcome == CHALLENGER
    receipt = court.bisection.timeout(bout.key, sender=court.world.stranger)
    [event] = receipt.decode_logs(court.bisection.MatchTimedOut)
    assert event.outcome == bout.outcome == CHALLENGER
    with refused("MatchOver"):
        court.bisection.timeout(bout.key, sender=court.world.stranger)


def test_clock__of_the_challenger_runs_out__he_has_lost(court: Court) -> None:
    bout = opened(court, steps=8)
    bout.split(b"\4" * 32)
    court.world.at(bout.now + CLOCK + 1)
    with refused("ClockRunOut"):
        bout.pick(False)
    court.bisection.timeout(bout.key, sender=court.world.stranger)
    assert bout.outcome == DEFENDER
    with refused("NotYourTurn"):
        bout.pick(False)


def test_clock__is_one_for_all_turns__and_runs_only_in_ones_own(court: Court) -> None:
    bout = opened(court, steps=8)
    court.world.at(bout.opened_at + 60)
    bout.split(b"\4" * 32)
    court.world.at(bout.now + CLOCK - 10)
    bout.pick(True)
    assert (bout.clocks.defenderLeft, bout.clocks.challengerLeft) == (CLOCK - 60, 10)
    court.world.at(bout.now + CLOCK - 60)
    bout.split(b"\6" * 32)
    court.world.at(bout.now + 10)
    bout.pick(True)
    assert (bout.clocks.defenderLeft, bout.clocks.challengerLeft) == (0, 0)


def test_max_time__is_both_clocks_and_the_jury(court: Court) -> None:
    assert int(court.bisection.MAX_TIME(8, CLOCK)) == 2 * CLOCK + DECISION
    assert int(court.bisection.MAX_TIME(1, CLOCK)) == DECISION


# ---- what jurors need


def test_serve__by_a_party__says_where_the_states_are(court: Court) -> None:
    bout = opened(court, steps=1)
    for party in (bout.defender, bout.challenger):
        receipt = court.bisection.serve(bout.key, bout.match, bout.span, b"\5" * 32, sender=party)
        [event] = receipt.decode_logs(court.bisection.StatesServed)
        assert (event.party, bytes(event.manifest)) == (party, b"\5" * 32)
    with refused("NotParty"):
        court.bisection.serve(bout.key, bout.match, bout.span, b"\5" * 32, sender=court.world.stranger)
