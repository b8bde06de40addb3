"""Beacon rounds are stored by who needs them: late, once, and only where their values can be lost."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.worker.audits import DRAW, make_audit, make_picture, served
from tests.worker.jobs import JOB, ME, SECOND, make_record
from tests.worker.test_audit_disputes import CHALLENGER, LOST, judged

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import BlockRef
from tensorgrid.domain.jobs import ZERO32
from tensorgrid_worker.auditing.fetching import Proof
from tensorgrid_worker.auditing.picture import Case
from tensorgrid_worker.auditing.rounds import OLD_BLOCKS, TURN_BLOCKS, TURN_SECONDS, Rounds, rounds_of, seed_rounds
from tensorgrid_worker.memory.rows import STORE_ROUND

ROUND = make_audit().round
BEACON = "0x" + "b" * 40
PUBLISHED = 5_000
SIGNATURE = b"\7" * 64


class Chain:
    """`stored`: rounds that somebody has stored; `values`: those that blocks remember; `period`: seconds per round, 0
    of a beacon of blocks."""

    def __init__(self, *, stored=(), period=0, values=()):
        self.stored, self.asked, self.values = set(stored), [], set(values)
        self.beacon = SimpleNamespace(
            address=BEACON,
            by_block=period == 0,
            due_in_next_block=lambda number, head: head.timestamp >= PUBLISHED,
            value_of=lambda number: b"\1" * 32 if number in self.stored | self.values else ZERO32,
            store=lambda number, proof=b"": Call(BEACON, number.to_bytes(32, "big") + proof, "store"),
        )
        self.connection = SimpleNamespace(rpc=self.rpc)

    def rpc(self, method, query):
        number = int(query["topics"][1], 16)
        self.asked.append(number)
        return [{}] if number in self.stored else []


def head(age):
    return BlockRef(ROUND + age, "0x" + "1" * 64, 5_000, "0x" + "2" * 64, 1)


def sent(chain, *audits, age=OLD_BLOCKS + 1):
    return [each.kind for each in Rounds(chain).step(audits, head(age))]


def test_round_that_a_sitting_waits_for__stored_when_nobody_reads_it_soon():
    assert sent(Chain(), make_picture()) == [f"{STORE_ROUND}{ROUND}"]
    assert sent(Chain(), make_picture(), age=OLD_BLOCKS) == []
    [each] = Rounds(Chain()).step([make_picture()], head(OLD_BLOCKS + 1))
    assert each.due > 5_000  # at whatever fee


def test_round__somebody_has_stored_it__asked_once_and_left_alone():
    chain = Chain(stored={ROUND})
    rounds = Rounds(chain)
    assert rounds.step([make_picture()], head(200)) == [] and rounds.step([make_picture()], head(201)) == []
    assert chain.asked == [ROUND]


class Shelf:
    """Proofs that were fetched."""

    def __init__(self, *numbers):
        self.numbers = numbers

    def proof(self, number):
        return Proof(SIGNATURE, b"\1" * 32) if number in self.numbers else None


def sent_by_time(chain, audit, shelf, now=PUBLISHED):
    return [each.call.data[32:] for each in Rounds(chain, shelf).step([audit], replace(head(0), timestamp=now))]


def test_round_of_drand__stored_with_its_signature_as_soon_as_it_is_fetched():
    chain = Chain(period=3)
    assert sent_by_time(chain, make_picture(), Shelf()) == []
    assert sent_by_time(chain, make_picture(), Shelf(ROUND), PUBLISHED - 1) == []
    assert sent_by_time(chain, make_picture(), Shelf(ROUND)) == [SIGNATURE]
    assert sent_by_time(Chain(period=3, stored={ROUND}), make_picture(), Shelf(ROUND)) == []


def test_round_of_drand__auditors_after_the_worker():
    chain = Chain(period=3)
    assert sent_by_time(chain, make_picture(2), Shelf(ROUND), PUBLISHED + TURN_SECONDS - 1) == []
    assert sent_by_time(chain, make_picture(2), Shelf(ROUND), PUBLISHED + TURN_SECONDS) == [SIGNATURE]


def test_auditors__after_the_worker__strangers_never():
    assert sent(Chain(), make_picture(2)) == []
    assert sent(Chain(), make_picture(2), age=OLD_BLOCKS + TURN_BLOCKS + 1) == [f"{STORE_ROUND}{ROUND}"]
    assert sent(Chain(), make_picture(0), age=10_000) == []


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"done": 0, "sitting": 0}, []),
        ({}, [ROUND]),
        ({"served": True}, []),  # the record has its value
        ({"served": True, "clean": True}, [ROUND]),  # decides whether all is audited again
        ({"served": True, "clean": True, "reaudit": True, "sitting": 3, "last_seat": 4}, []),
    ],
)
def test_rounds__those_that_are_still_to_be_read(changes, wanted):
    assert list(rounds_of(make_picture(audit=make_audit(**changes), draw=DRAW))) == wanted


@pytest.mark.parametrize(("case", "wanted"), [(Case(50, unfilled=True), [50]), (Case(50), []), (LOST, [])])
def test_dispute_before_the_jury__its_draw_until_the_first_juror_sits(case, wanted):
    assert list(rounds_of(judged(CHALLENGER, case))) == wanted
    assert served(2).audit.served


# ---- the seed of a job that was opened again

FIRST = ROUND - 3
"""Its first round; the sitting's is ROUND."""


def reopened(*workers, times=1):
    return make_record(*workers, round=FIRST, reopened=times)


def test_seed_rounds__of_reopened_jobs_in_which_we_sit():
    assert seed_rounds([reopened(ME)], ME) == {FIRST: (JOB, 1)}
    assert seed_rounds([reopened(SECOND, ME)], ME) == {FIRST: (JOB, 2)}
    assert seed_rounds([reopened(SECOND), reopened(ME, times=0)], ME) == {}


def test_first_round_of_a_reopened_job__stored_before_blocks_forget_it__though_no_audit_has_begun():
    chain, seeds = Chain(values={FIRST}), seed_rounds([reopened(ME)], ME)
    assert Rounds(chain).step([], head(OLD_BLOCKS - 3), seeds) == []
    [each] = Rounds(chain).step([], head(OLD_BLOCKS - 2), seeds)
    assert (each.job, each.kind) == (JOB, f"{STORE_ROUND}{FIRST}")
    stored = Chain(values={FIRST}, stored={FIRST})
    assert Rounds(stored).step([], head(OLD_BLOCKS), seeds) == []


def test_first_round_that_is_lost__is_let_go_instead_of_tried_for_ever():
    chain = Chain()
    rounds, seeds = Rounds(chain), seed_rounds([reopened(ME)], ME)
    assert rounds.step([], head(9_000), seeds) == []
    chain.values.add(FIRST)
    assert rounds.step([], head(9_000), seeds) == []
    rounds.forget_all()
    assert len(rounds.step([], head(9_000), seeds)) == 1, "after a reorganisation"
