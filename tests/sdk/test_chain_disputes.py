"""What the SDK computes and sends for juries and bisections is what the contracts expect."""

from __future__ import annotations

from dataclasses import astuple

import pytest
from eth_account import Account

from tensorgrid.chain.bisection import Match, Outcome
from tensorgrid.chain.jury import Decision, Phase, vote_commitment
from tensorgrid.chain.send import Sender
from tensorgrid.domain import refusals
from tensorgrid.domain.jobs import JobId, hardware_class
from tensorgrid_worker.auditing.cases import CaseReader
from tensorgrid_worker.auditing.judging import Question


@pytest.fixture(scope="module")
def parties(quiet_net):
    """Senders with gas: a verifier, a defender, a challenger."""
    accounts = [Account.create() for _ in range(3)]
    for account in accounts:
        quiet_net.anvil.fund(account.address, 10**18)
    return [Sender(quiet_net.connection, account) for account in accounts]


def a_match(parties, *, steps: int, claim: int = 0) -> Match:
    _, defender, challenger = parties
    ends = (b"\1" * 32, b"\2" * 32, b"\3" * 32)
    people = (defender.address, challenger.address, hardware_class("cpu"))
    return Match(JobId(b"\7" * 32), 1, claim, *people, *ends, steps, 600)


def test_bisection__played_through_the_sdk__ends_at_the_jury(quiet_net, parties) -> None:
    verifier, defender, challenger = parties
    bisection, jury, match = quiet_net.contracts.bisection, quiet_net.contracts.jury, a_match(parties, steps=3)
    verifier.transact(bisection.build("open", astuple(match)))
    key, span = match.key(verifier.address), match.first_span()
    assert bytes(bisection.read("keyOf", verifier.address, match.id, 1, 0)) == key
    assert bisection.outcome_of(verifier.address, match.id, 1, 0) is Outcome.RUNNING
    with pytest.raises(refusals.NotYourTurn):
        challenger.transact(bisection.pick(key, match, span, True))
    assert span.half == 1
    defender.transact(bisection.split(key, match, span, b"\4" * 32))
    span = type(span)(span.low, span.high, span.agreed, span.defended, b"\4" * 32)
    challenger.transact(bisection.pick(key, match, span, False))
    found, phase = jury.round_of(bisection.address, key)
    assert (found.size, phase) == (5, Phase.FILLING)
    assert jury.decision_of(bisection.address, key) is Decision.PENDING


def test_bisection__a_clock_that_runs__is_not_timed_out(quiet_net, parties) -> None:
    verifier, bisection, match = parties[0], quiet_net.contracts.bisection, a_match(parties, steps=3, claim=1)
    verifier.transact(bisection.build("open", astuple(match)))
    with pytest.raises(refusals.ClockRunning):
        verifier.transact(bisection.timeout(match.key(verifier.address)))
    assert bisection.max_time(3, 600) == 1200 + quiet_net.contracts.jury.decision_time()


def test_jury__fees_rules_and_commitments__are_the_contracts(quiet_net) -> None:
    jury, token = quiet_net.contracts.jury, quiet_net.deployment.tokens[0]
    assert (jury.fee(token.address), jury.appeal_fee(token.address)) == (100_000, 420_000)
    rules = jury.rules()
    one_round = rules.take_time + rules.vote_time + rules.reveal_time
    assert jury.decision_time() == 2 * one_round + rules.appeal_time + 1
    arguments = (token.address, b"\1" * 32, True, jury.address, Decision.ACCUSER, b"\2" * 32)
    assert bytes(jury.read("commitmentOf", *arguments)) == vote_commitment(*arguments)


def test_attack_accuser_tells_the_jury_where_keys_are__the_defenders_last_word_counts(quiet_net, parties) -> None:
    verifier, defender, challenger = parties
    contracts, match = quiet_net.contracts, a_match(parties, steps=1, claim=2)
    receipt = verifier.transact(contracts.bisection.build("open", astuple(match)))
    key, span = match.key(verifier.address), match.first_span()
    question = Question(key, (match.number, match.claim), match, 1, span.low, span.agreed, span.defended, receipt.block)
    cases = CaseReader(contracts, verifier.address, lambda *_: b"", lambda _: "")
    assert cases._private.handed(question) == b""
    for party, manifest in ((defender, b"\5" * 32), (defender, b"\6" * 32), (challenger, b"\7" * 32)):
        party.transact(contracts.bisection.serve(key, match, span, manifest))
    assert cases._private.handed(question) == b"\6" * 32
    with pytest.raises(refusals.NotParty):
        verifier.transact(contracts.bisection.serve(key, match, span, b"\7" * 32))
