"""What survives: one transaction per step, first results stay, nothing is sent twice."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import pytest
from tests.worker import jobs
from tests.worker.jobs import JOB, ME, SECOND, make_record, make_result

from tensorgrid.chain.calls import Call
from tensorgrid.chain.follow import Cursor
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.membership.status import as_table
from tensorgrid_worker.memory.journal import Journal, JournalForeign
from tensorgrid_worker.memory.reading import read_status
from tensorgrid_worker.memory.records import Preparation
from tensorgrid_worker.memory.rows import NO_JOB, Status

CALL = Call("0x" + "a" * 40, b"\x01\x02", "JobBoard.take")
CURSOR = Cursor(30, "0x" + "1" * 64, ((29, "0x" + "2" * 64),))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.sqlite"


def test_record__all_of_a_step_is_there_after_reopening(path: Path) -> None:
    journal = Journal(path)
    journal.record(cursor=CURSOR, jobs=[make_record(SECOND, ME)], calls=[(JOB, "take", CALL)])
    journal.close()
    again = Journal(path)
    assert again.cursor() == CURSOR
    assert again.open_jobs() == {JOB: make_record(SECOND, ME)}
    (row,) = again.outbox(Status.NEW)
    assert (row.job, row.kind, row.call) == (JOB, "take", CALL)


def test_record__step_that_fails__leaves_nothing(path: Path) -> None:
    journal = Journal(path)
    bad = Call("0x", None, "bad")  # type: ignore[arg-type]
    with pytest.raises(sqlite3.IntegrityError):
        journal.record(cursor=CURSOR, jobs=[make_record()], calls=[(JOB, "take", CALL), (JOB, "commit", bad)])
    assert journal.cursor() is None
    assert journal.open_jobs() == {}
    assert journal.outbox(Status.NEW) == []


def test_enqueue__same_job_and_kind__one_row(path: Path) -> None:
    journal = Journal(path)
    journal.enqueue(JOB, "commit", CALL)
    journal.enqueue(JOB, "commit", replace(CALL, data=b"other"))
    (row,) = journal.outbox(Status.NEW)
    assert row.call.data == CALL.data
    journal.ended(row.id, Status.DONE, block=31)
    journal.enqueue(JOB, "commit", CALL)
    assert journal.outbox(Status.NEW) == []


def test_enqueue__after_a_refusal_that_may_pass__tried_again(path: Path) -> None:
    journal = Journal(path)
    journal.enqueue(JOB, "settle", CALL)
    (row,) = journal.outbox(Status.NEW)
    journal.signed(row.id, nonce=3, gas=9, raw=b"raw", tx_hash="0x1")
    journal.ended(row.id, Status.REFUSED, reason="VerdictPending")
    journal.enqueue(JOB, "settle", CALL)
    (row,) = journal.outbox(Status.NEW)
    assert (row.attempts, row.nonce, row.raw, row.hashes) == (1, None, None, ())
    journal.ended(row.id, Status.DEAD, reason="DeadlinePassed")
    journal.enqueue(JOB, "settle", CALL)
    assert journal.outbox(Status.NEW) == []


def test_rewind__mined_above__looked_at_again(path: Path) -> None:
    journal = Journal(path)
    for kind, block in (("take", 20), ("commit", 25)):
        journal.enqueue(JOB, kind, CALL)
        (row,) = journal.outbox(Status.NEW)
        journal.signed(row.id, nonce=block, gas=9, raw=b"raw", tx_hash=f"0x{block}")
        journal.ended(row.id, Status.DONE, block=block)
    journal.record(rewound_to=22)
    (row,) = journal.outbox(Status.SENT)
    assert (row.kind, row.nonce, row.raw, row.block) == ("commit", 25, b"raw", None)
    assert journal.nonces() == {25}


def test_rewind__hopeless_on_the_old_chain__may_be_right_on_the_new_one(path: Path) -> None:
    """A post that is unmined for a block makes a commit hopeless; mined again, it must not stay so."""
    journal = Journal(path)
    journal.record(jobs=[make_record()], calls=[(JOB, "take", CALL), (JOB, "commit", CALL)])
    take, commit = journal.outbox(Status.NEW)
    journal.ended(take.id, Status.DEAD, reason="SeatsFull", block=19)
    journal.ended(commit.id, Status.DEAD, reason="UnknownJob", block=30)
    journal.record(rewound_to=20)
    assert journal.kinds() == {(JOB, "take"): Status.DEAD, (JOB, "commit"): Status.REFUSED}


def test_rewind__not_sent_yet__planned_anew__but_for_what_no_plan_makes(path: Path) -> None:
    journal = Journal(path)
    journal.record(jobs=[make_record()], calls=[(JOB, "commit", CALL)])
    journal.enqueue(JOB, "progress:3", CALL)
    journal.enqueue(NO_JOB, "raise_epoch:1", CALL)
    journal.record(rewound_to=5)
    assert [row.kind for row in journal.outbox(Status.NEW)] == ["progress:3", "raise_epoch:1"]
    assert [row.kind for row in journal.outbox(Status.REFUSED)] == ["commit"]


def test_ended_above__an_end_that_a_reorganisation_takes_back__is_ours_again(path: Path) -> None:
    journal = Journal(path)
    journal.record(jobs=[make_record(ME, ended_block=20, ended_as="settled")])
    journal.record(closed=[JOB])
    assert journal.open_jobs() == {} and journal.ended_above(20) == {}
    (reopened,) = journal.ended_above(19).values()
    journal.record(jobs=[replace(reopened, ended_block=0, ended_as="")])
    assert list(journal.open_jobs()) == [JOB]


def test_record__planned_again_although_done__the_chain_is_believed(path: Path) -> None:
    """A node has shown a receipt of something that never was."""
    journal = Journal(path)
    journal.record(jobs=[make_record()], calls=[(JOB, "commit", CALL)])
    (row,) = journal.outbox(Status.NEW)
    journal.signed(row.id, nonce=3, gas=9, raw=b"raw", tx_hash="0x1")
    journal.ended(row.id, Status.DONE, block=31)
    assert journal.kinds(seen=30) == {(JOB, "commit"): Status.DONE}
    assert journal.kinds(seen=31) == {}
    journal.record(calls=[(JOB, "commit", CALL)])
    (row,) = journal.outbox(Status.NEW)
    assert (row.nonce, row.block, row.attempts) == (None, None, 1)


def test_recall__nothing_takes_its_place(path: Path) -> None:
    journal = Journal(path)
    nothing = Call("0x" + "9" * 40, b"", "recall")
    journal.record(calls=[(JOB, "commit", CALL)], due={(JOB, "commit"): 77})
    (row,) = journal.outbox(Status.NEW)
    journal.recall(row.id, nothing)
    assert journal.outbox(Status.NEW) == [row], "what was not sent needs no recall"
    journal.signed(row.id, nonce=3, gas=9, raw=b"raw", tx_hash="0x1")
    journal.recall(row.id, nothing)
    (row,) = journal.outbox(Status.SENT)
    assert (row.call, row.nonce, row.deadline) == (nothing, 3, 77)


def test_keep_result__second_salt_for_the_same_work__first_stays(path: Path) -> None:
    journal = Journal(path)
    journal.record(jobs=[make_record()])
    first = journal.keep_result(make_result())
    assert journal.keep_result(replace(make_result(), salt=b"\xff" * 32)) == first
    other = replace(make_result(seed=b"\x06" * 32), salt=b"\xee" * 32)
    assert journal.keep_result(other) == other
    assert journal.results() == {JOB: [first, other]}


def test_claim__another_workers_journal__refused(path: Path) -> None:
    journal = Journal(path)
    journal.claim({"worker": ME, "chain": "31337"})
    journal.claim({"worker": ME, "chain": "31337"})
    with pytest.raises(JournalForeign, match=r"chain 31337.*home of its own"):
        journal.claim({"worker": ME, "chain": "1"})


def test_close__many_ended_jobs__the_oldest_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tensorgrid_worker.memory.journal.KEEP_CLOSED", 3)
    journal = Journal(path)
    ids = [bytes([n]) * 32 for n in range(6)]
    for number, job_id in enumerate(ids):
        journal.record(jobs=[make_record(job=job_id, posted_block=number + 1)], calls=[(job_id, "take", CALL)])
        journal.record(closed=[job_id])
    assert [record.id for record in journal.all_jobs()] == ids[:2:-1]
    assert {row.job for row in journal.outbox(Status.NEW)} == set(ids[3:])


def test_kill_9__between_statements__all_or_nothing(path: Path) -> None:
    """A child writes steps as fast as it can and is killed; every step that shows is whole."""
    code = textwrap.dedent(f"""
        import runpy
        from pathlib import Path
        from tensorgrid.chain.calls import Call
        from tensorgrid.chain.follow import Cursor
        from tensorgrid_worker.memory.journal import Journal
        make_record = runpy.run_path({jobs.__file__!r})["make_record"]
        journal, call = Journal(Path({str(path)!r})), Call("0x", b"", "JobBoard.take")
        for n in range(1, 10**6):
            job = n.to_bytes(32, "big")
            record = make_record(job=job, posted_block=n)
            journal.record(cursor=Cursor(n, "0x"), jobs=[record], calls=[(job, "take", call)])
            print(n, flush=True)
    """)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert child.stdout is not None
    told = 0
    for line in child.stdout:
        told = int(line)
        if told >= 60:
            break
    child.kill()
    told = max([told, *(int(line) for line in child.stdout if line.endswith(b"\n"))])
    child.wait()
    child.stdout.close()
    journal = Journal(path)
    cursor = journal.cursor()
    assert cursor is not None and cursor.number >= told
    assert len(journal.open_jobs()) == len(journal.outbox(Status.NEW)) == cursor.number


def test_status__what_people_see(path: Path) -> None:
    journal = Journal(path)
    journal.claim({"worker": ME, "chain": "31337"})
    settled = make_record(SECOND, ME, ended_block=20, ended_as="settled", outcome="paid 5")
    refused = make_record(
        job=JobId(b"\x01" * 32), posted_block=99, preparation=Preparation.REFUSED, reason="it \x1b[31mbites"
    )
    journal.record(jobs=[settled, refused], calls=[(JOB, "settle", CALL)])
    found = read_status(path.parent)
    assert [(job["state"], job["detail"]) for job in found["jobs"]] == [
        ("refused", "it \x1b[31mbites"),
        ("settled", "paid 5"),
    ]
    assert [(row["kind"], row["status"]) for row in found["outbox"]] == [("settle", "new")]
    table = as_table(found)
    assert "paid 5" in table and "sending settle" in table
    assert "\x1b" not in table


def test_offers__the_latest_expiry_is_kept__until_all_are_cancelled(path: Path) -> None:
    journal = Journal(path)
    journal.claim({"worker": ME})
    assert journal.offers_until() == 0
    journal.note_offer(2_000)
    journal.note_offer(1_500)
    assert Journal(path).offers_until() == 2_000
    journal.claim({"worker": ME})  # still the same owner
    journal.forget_offers()
    assert journal.offers_until() == 0


def test_outbox__beside_the_daemon__a_command_may_leave_a_step(path: Path) -> None:
    """`cancel-offers` while the daemon runs: the daemon sends it, for it owns the key's nonces."""
    daemons, command = Journal(path), Journal(path)
    command.enqueue(NO_JOB, "raise_epoch:3", CALL)
    command.enqueue(NO_JOB, "raise_epoch:3", CALL)
    (row,) = daemons.outbox(Status.NEW)
    assert (row.job, row.kind) == (NO_JOB, "raise_epoch:3")
    assert daemons.kinds() == {}  # no job's step: the planner does not see it
