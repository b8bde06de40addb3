"""What a worker computes on stays registered as it is while an audit depends on it."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.worker.jobs import JOB, ME, SECOND, VERIFIER, make_record, make_terms
from tests.worker.test_register import COLD, HOT, Chain, join, names

from tensorgrid.chain.calls import Call
from tensorgrid.chain.follow import Cursor
from tensorgrid_worker.jobs.traces import remake_seconds
from tensorgrid_worker.loop.planner import Do
from tensorgrid_worker.membership.joining import JoiningRefused, profile, steps
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import TAKES, Status
from tensorgrid_worker.memory.spoken import JOURNAL, spoken_for_in

CALL = Call("0x" + "1" * 40, b"", "take")
AUDITED = SimpleNamespace(audit=SimpleNamespace(address=VERIFIER))


def job(*workers, sealed=0, ended=0, **terms):
    record = make_record(*workers, terms=make_terms(workers=1, **terms), ended_block=ended)
    return replace(record, seats=tuple(replace(seat, sealed_block=sealed) for seat in record.seats))


def home_with(folder, record):
    journal = Journal(folder / JOURNAL)
    journal.record(jobs=[record])
    journal.close()
    return folder


@pytest.mark.parametrize(
    ("record", "held"),
    [
        (job(ME), True),
        (job(ME, sealed=20), False),  # its trace is open: what it was has been written down
        (job(SECOND, ME, sealed=20), True),
        (job(SECOND, ME, sealed=20, ended=30), False),
        (job(SECOND), False),
        (job(ME, verifier="0x" + "9" * 40), False),
    ],
    ids=["worker", "worker who has begun", "auditor", "ended", "another's", "another tier"],
)
def test_seat_in_an_audit__holds_what_is_registered(tmp_path, record, held):
    assert spoken_for_in(home_with(tmp_path, record), AUDITED, ME) == (JOB if held else None)


@pytest.mark.parametrize("kind", TAKES)
@pytest.mark.parametrize(
    ("status", "block", "held"),
    [
        (Status.NEW, None, True),
        (Status.SENT, None, True),
        (Status.DONE, 21, True),  # mined, and above what is believed: the events have not told of the seat
        (Status.DONE, 20, False),  # told by now: the seat went to somebody else
        (Status.REFUSED, None, False),
        (Status.DEAD, None, False),
    ],
    ids=["to be sent", "sent", "mined just now", "mined and looked at", "refused", "dead"],
)
def test_attack_take_under_way__holds_what_is_registered(tmp_path, kind, status, block, held):
    journal = Journal(tmp_path / JOURNAL)
    journal.record(jobs=[job(SECOND)], cursor=Cursor(20, "0x01"))
    journal.enqueue(JOB, kind, CALL)
    journal.ended(journal.outbox(Status.NEW)[0].id, status, block=block)
    journal.close()
    assert spoken_for_in(tmp_path, AUDITED, ME) == (JOB if held else None)
    assert spoken_for_in(tmp_path, SimpleNamespace(audit=SimpleNamespace(address="0x" + "9" * 40)), ME) is None


def test_kinds_of_takes__are_the_planners():
    assert set(TAKES) == {Do.TAKE, Do.TAKE_EXTRA}


def test_no_journal_yet__nothing_is_held(tmp_path):
    assert spoken_for_in(tmp_path, AUDITED, ME) is None


@pytest.mark.parametrize("change", [{"fingerprint": b"\x07" * 32}, {"hardware_class": b"\x08" * 32}])
def test_attack_fingerprint_or_class_changed_between_take_and_begin__register_refuses(tmp_path, change, monkeypatch):
    taken = SimpleNamespace(digest=b"\x06" * 32)
    monkeypatch.setattr("tensorgrid_worker.capability.fingerprints.load", lambda _: taken)
    home_with(tmp_path, job(HOT.address))
    wanted = join(tmp_path)
    chain = Chain(provider=COLD.address, profile=replace(profile(wanted), **change), active=wanted.stake)
    chain.audit, chain.jury = AUDITED.audit, None
    with pytest.raises(JoiningRefused, match="audited job"):
        steps(chain, wanted)


def test_price_changed_meanwhile__register_goes_on(tmp_path):
    home_with(tmp_path, job(HOT.address))
    wanted = join(tmp_path, capacity=2)
    chain = Chain(provider=COLD.address, profile=replace(profile(wanted), capacity=1), active=wanted.stake)
    chain.audit, chain.jury = AUDITED.audit, None
    assert names(steps(chain, wanted)) == ["update"]


@pytest.mark.parametrize(
    ("kept", "expected"), [(range(1, 11), 0.0), ([4, 8], 2 * 3 * 5.0), ([], 2 * 9 * 5.0), ([10], 2 * 9 * 5.0)]
)
def test_states_to_be_made_again__longest_way_to_the_farthest_of_each(kept, expected):
    traced = SimpleNamespace(trace=SimpleNamespace(segments=[None] * 10), kept=SimpleNamespace(segments=list(kept)))
    assert remake_seconds(traced, 50.0, 2) == expected
