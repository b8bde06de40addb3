"""A job's story folded from its events, and what a hostile worker's bytes can do to a reader: nothing."""

from dataclasses import replace

import pytest

from tensorgrid.chain.events import (
    ExtraSeatsOpened,
    JobCancelled,
    JobCommitted,
    JobExpired,
    JobPosted,
    JobProgress,
    JobSealed,
    JobSettled,
    JobTaken,
    LogRef,
    Revealed,
    WorkerSettled,
)
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import (
    BlobNotFound,
    FunctionFailed,
    JobNotTaken,
    NoAgreement,
    ResultRejected,
    WorkersSilent,
)
from tensorgrid.domain.errors import (
    JobCancelled as Cancelled,
)
from tensorgrid.domain.jobs import ExitClass, Fault, JobId, JobState, JobTerms, ReplicationClocks
from tensorgrid.domain.money import Amount, Token
from tensorgrid.domain.notes import note_blob
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.receipts import Environment, ProgressBlob, Receipt, SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.privacy import Identity, seal
from tensorgrid.runs.ending import function_failed, open_agreed, raise_unless_agreed
from tensorgrid.runs.outcome import Claim, Provenance, Result, open_claim
from tensorgrid.runs.points import ATTEMPTS, Points
from tensorgrid.runs.story import fold
from tensorgrid.storage.local import LocalStore

JOB = JobId(bytes(range(32)))
USDC = Token("0x" + "22" * 20, "USDC", 6)
WORKERS = ["0x" + f"{n:02x}" * 20 for n in (0xA1, 0xA2, 0xA3, 0xA4, 0xA5)]
ZERO = "0x" + "00" * 20
TERMS = JobTerms(
    requester="0x" + "99" * 20, nonce=1, spec_digest=bytes(32), price=100, reserve=200, bounty=7, take_by=100,
    pay_token=USDC.address, fee_bps=100, no_show_bond=1, reopens=0, workers=3, stake=10, hardware_class=bytes(32),
    scheduler=ZERO, verifier=ZERO, verifier_params=ReplicationClocks(20, 10, 20).pack(), work_time=60, settle_time=300,
)  # fmt: skip
HONEST, WRONG = keccak256(b"honest"), keccak256(b"wrong")


class Log:
    """Gives events their place on the chain, each in a transaction of its own."""

    def __init__(self):
        self.events = []

    def add(self, kind, **fields):
        number = len(self.events) + 10
        place = LogRef(number, "0x" + "bb" * 32, f"0x{number:064x}", 0)
        self.events.append(kind(id=JOB, **fields, log=place))
        return self


def posted():
    return Log().add(JobPosted, terms=TERMS, round=5)


def taken(log, workers=WORKERS[:3], first=1):
    for number, worker in enumerate(workers, first):
        work_by = 160 if number == 3 else 0
        log.add(JobTaken, worker=worker, number=number, provider=ZERO, payee=ZERO, price=100, work_by=work_by)
    return log


def committed(roots):
    """Three seats committed and revealed with these root hashes (None: silent)."""
    log = taken(posted())
    for worker, root in zip(WORKERS, roots, strict=False):
        if root is not None:
            log.add(JobSealed, worker=worker, commitment=b"\7" * 32)
    log.add(JobCommitted, since=200)
    for worker, root in zip(WORKERS, roots, strict=False):
        if root is not None:
            log.add(Revealed, worker=worker, root_hash=root, receipt_digest=keccak256(worker.encode()))
    return log


def settled(log, pays, faults=None):
    for worker, pay in pays.items():
        fault = (faults or {}).get(worker, Fault.NONE)
        log.add(WorkerSettled, worker=worker, pay=pay, fault=fault, agreed=pay == 100)
    paid = sum(pays.values())
    fee = -(-paid // 100)
    return log.add(JobSettled, closer=WORKERS[0], paid=paid, fee=fee, returned=TERMS.escrow - paid - fee)


def test_fold__phases__say_what_the_job_waits_for():
    log = posted()
    phases = []
    for step in (
        lambda: taken(log, WORKERS[:2]),
        lambda: taken(log, WORKERS[2:3], first=3),
        lambda: log.add(JobSealed, worker=WORKERS[0], commitment=b"\7" * 32),
        lambda: log.add(JobSealed, worker=WORKERS[1], commitment=b"\7" * 32).add(
            JobSealed, worker=WORKERS[2], commitment=b"\7" * 32, since=200
        ),
        lambda: log.add(Revealed, worker=WORKERS[0], root_hash=HONEST, receipt_digest=bytes(32)),
        lambda: log.add(ExtraSeatsOpened, round=9, take_by=200, work_by=260, reveal_by=300),
        lambda: taken(log, WORKERS[3:4], first=4),
    ):
        phases.append(fold(log.events).phase)
        step()
    phases.append(fold(log.events).phase)
    assert phases == [
        "waiting for workers: 0 of 3 seats taken",
        "waiting for workers: 2 of 3 seats taken",
        "running: 0 of 3 workers done",
        "running: 1 of 3 workers done",
        "comparing: 0 of 3 answers revealed",
        "comparing: 1 of 3 answers revealed",
        "answers are missing, asking two more: 0 of 2 seats taken, 0 done",
        "answers are missing, asking two more: 1 of 2 seats taken, 0 done",
    ]


def test_fold__nothing_posted__no_story():
    assert fold([]) is None
    assert fold(taken(Log()).events) is None


def test_fold__four_of_five__liar_slashed_others_agree():
    log = committed([HONEST, WRONG, HONEST])
    log.add(ExtraSeatsOpened, round=9, take_by=200, work_by=260, reveal_by=300)
    taken(log, WORKERS[3:], first=4)
    for worker in WORKERS[3:]:
        log.add(JobSealed, worker=worker, commitment=b"\7" * 32)
        log.add(Revealed, worker=worker, root_hash=HONEST, receipt_digest=bytes(32))
    pays = dict.fromkeys(WORKERS, 100) | {WORKERS[1]: 0}
    story = fold(settled(log, pays, {WORKERS[1]: Fault.SLASHED}).events)
    assert story.state is JobState.SETTLED
    assert [seat.worker for seat in story.agreed] == [WORKERS[0], *WORKERS[2:]]
    assert [seat.phase for seat in story.in_order] == ["paid", "slashed", "paid", "paid", "paid"]
    assert [seat.extra for seat in story.in_order] == [False, False, False, True, True]
    assert (story.paid, story.fee, story.bounty_paid) == (400, 4, 0)
    assert len(story.transactions) == len(log.events)


def test_agreed__half_pay__is_no_agreement():
    """Each revealed one gets half where there is no decisive group: nobody's result may be trusted."""
    story = fold(settled(committed([HONEST, WRONG, None]), {WORKERS[0]: 50, WORKERS[1]: 50, WORKERS[2]: 0}).events)
    assert story.agreed == []
    single = fold(settled(committed([HONEST, None, None]), {WORKERS[0]: 50, WORKERS[1]: 0, WORKERS[2]: 0}).events)
    assert single.agreed == []
    with pytest.raises(NoAgreement, match="2 different results"):
        raise_unless_agreed(story, "Run", Amount(1, USDC))


def test_agreed__two_equal_third_silent__is_one():
    pays = {WORKERS[0]: 100, WORKERS[1]: 100, WORKERS[2]: 0}
    story = fold(settled(committed([HONEST, HONEST, None]), pays, {WORKERS[2]: Fault.NO_SHOW}).events)
    assert [seat.worker for seat in story.agreed] == WORKERS[:2]
    assert story.seats[WORKERS[2]].phase == "no-show"
    raise_unless_agreed(story, "Run", Amount(0, USDC))


@pytest.mark.parametrize(
    ("log", "error"),
    [
        (posted().add(JobCancelled, returned=TERMS.escrow), Cancelled),
        (taken(posted(), WORKERS[:1]).add(JobExpired, closer=WORKERS[0], returned=700), JobNotTaken),
        (
            taken(posted()).add(JobExpired, closer=WORKERS[0], returned=700),
            WorkersSilent,
        ),
        (settled(committed([None, None, None]), dict.fromkeys(WORKERS[:3], 0)), WorkersSilent),
    ],
)
def test_ending__without_result__typed_and_says_what_came_back(log, error):
    story = fold(log.events)
    with pytest.raises(error, match="came back"):
        raise_unless_agreed(story, "Run", Amount(story.returned, USDC))


# ------------------------------------------------------------------------------------------------- opening results


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path)


@pytest.fixture
def identity():
    return Identity.generate()


def answer(store, identity, worker, payload=None, *, exit_class=ExitClass.OK, job=JOB, log=b"", says=None):
    """Store what a worker stores, and return the claim that the chain would show."""
    sealed = ref = None
    if payload is not None:
        sealed = seal(payload, [identity.recipient])
        ref = SealedRef(store.put(sealed), len(sealed))
    log_ref = None
    if log:
        data = seal(log, [identity.recipient])
        log_ref = SealedRef(store.put(data), len(data))
    receipt = Receipt(job, says or worker, exit_class, ref, log_ref, Environment("3.11", "2.13", "linux"))
    store.put(receipt.to_bytes())
    merkle = (payload_root(payload),) if payload is not None else ()
    root_hash = keccak256(result_root(JOB, exit_class, *merkle))
    return Claim(worker, root_hash, receipt.digest, Amount(100, USDC))


def opening(store, identity, output_bytes=1 << 20):
    return {"job": JOB, "store": store, "identity": identity, "output_bytes": output_bytes}


PAYLOAD = pack_payload({"w": ("F32", (2,), bytes(8))}, {"accuracy": 0.5})
OTHER = pack_payload({"w": ("F32", (2,), b"\1" * 8)}, {"accuracy": 0.5})


def test_open_claim__right_bytes__opened(store, identity):
    opened = open_claim(answer(store, identity, WORKERS[0], PAYLOAD), **opening(store, identity))
    assert opened.payload == PAYLOAD
    assert opened.root == result_root(JOB, ExitClass.OK, payload_root(PAYLOAD))


def test_open_agreed__first_copies_are_bad__next_one_is_used(store, identity):
    """Worker 1 stored other weights than it revealed, 2 a stranger's receipt, 3 nothing; worker 4 is right."""
    good = answer(store, identity, WORKERS[3], PAYLOAD)
    swapped = replace(answer(store, identity, WORKERS[0], OTHER), root_hash=good.root_hash)
    foreign = answer(store, identity, WORKERS[1], PAYLOAD, says=WORKERS[4])
    nothing = Claim(WORKERS[2], good.root_hash, keccak256(b"nowhere"), good.pay)
    opened, winner = open_agreed([swapped, foreign, nothing, good], **opening(store, identity))
    assert (opened.payload, winner) == (PAYLOAD, good)
    with pytest.raises(ResultRejected, match="does not hash to the root"):
        open_agreed([swapped, foreign, nothing], **opening(store, identity))
    with pytest.raises(BlobNotFound):
        open_agreed([nothing], **opening(store, identity))


def test_open_claim__result_of_another_job__refused(store, identity):
    claim = answer(store, identity, WORKERS[0], PAYLOAD, job=JobId(bytes(32)))
    with pytest.raises(ResultRejected, match="another job"):
        open_claim(claim, **opening(store, identity))


def test_open_claim__sealed_to_somebody_else__refused(store, identity):
    claim = answer(store, Identity.generate(), WORKERS[0], PAYLOAD)
    with pytest.raises(ResultRejected, match="does not open"):
        open_claim(claim, **opening(store, identity))


def test_open_claim__larger_than_the_job_allowed__not_even_fetched(store, identity):
    big = pack_payload({"w": ("U8", (300_000,), bytes(300_000))})
    claim = answer(store, identity, WORKERS[0], big)
    with pytest.raises(Exception, match="the job allowed"):
        open_claim(claim, **opening(store, identity, output_bytes=1000))


@pytest.mark.parametrize("exit_class", [c for c in ExitClass if c is not ExitClass.OK])
def test_function_failed__agreed__carries_the_log_without_escapes(store, identity, exit_class):
    claim = answer(store, identity, WORKERS[0], exit_class=exit_class, log=b"line\n\x1b[31mValueError: bad\x07\n")
    opened = open_claim(claim, **opening(store, identity))
    error = function_failed(opened, "Run", store=store, identity=identity)
    assert isinstance(error, FunctionFailed)
    assert error.exit_class == exit_class.name.lower()
    assert "ValueError: bad" in str(error)
    assert "line\n" in error.log
    assert not {"\x1b", "\x07"} & set(error.log + str(error))


def test_open_claim__claims_failure_it_did_not_reveal__refused(store, identity):
    claim = answer(store, identity, WORKERS[0], exit_class=ExitClass.RAISED)
    wrong = replace(claim, root_hash=keccak256(result_root(JOB, ExitClass.WALL_LIMIT)))
    with pytest.raises(ResultRejected):
        open_claim(wrong, **opening(store, identity))


def test_result__is_a_dict_with_provenance__and_shows_itself_shortly(store, identity):
    opened = open_claim(answer(store, identity, WORKERS[0], PAYLOAD), **opening(store, identity))
    one = Amount(1, USDC)
    provenance = Provenance(
        JOB, WORKERS[0], (WORKERS[0],), one, one, opened.root, opened.receipt.sealed.cid, opened.receipt.environment, ()
    )
    result = Result(opened.payload, provenance, "numpy")
    assert result["accuracy"] == 0.5
    assert result["w"].tolist() == [0.0, 0.0]
    assert repr(result) == "Result(w=<float32 [2]>, accuracy=0.5)"
    assert result.as_torch()["w"].tolist() == [0.0, 0.0]


# ------------------------------------------------------------------------------------------------------------- metrics


def publish(store, identity, log, worker, points, total=None, sequence=0, says=None):
    blob = ProgressBlob(JOB, says or worker, sequence, tuple(points), len(points) if total is None else total)
    data = seal(blob.to_bytes(), [identity.recipient])
    return log.add(JobProgress, worker=worker, digest=store.put(data).digest)


def test_points__replicas_report_the_same__each_given_once(store, identity):
    points, log = Points(JOB, store, identity), taken(posted())
    series = [{"epoch": n} for n in range(5)]
    publish(store, identity, log, WORKERS[0], series[:2])
    assert points.fresh(fold(log.events)) == series[:2]
    publish(store, identity, log, WORKERS[1], series[:1])
    publish(store, identity, log, WORKERS[1], series[:4], sequence=1)
    publish(store, identity, log, WORKERS[0], series[3:5], total=5, sequence=1)
    assert points.fresh(fold(log.events)) == series[2:]
    assert points.fresh(fold(log.events)) == []


def test_points__hostile_blobs__neither_stop_nor_skip(store, identity):
    points, log = Points(JOB, store, identity), taken(posted())
    log.add(JobProgress, worker=WORKERS[1], digest=keccak256(b"nowhere"))
    log.add(JobProgress, worker=WORKERS[1], digest=store.put(b"not sealed").digest)
    log.add(JobProgress, worker=WORKERS[1], digest=store.put(seal(b"{}", [identity.recipient])).digest)
    publish(store, identity, log, WORKERS[1], [{"epoch": 1}], says=WORKERS[0])
    publish(store, identity, log, WORKERS[1], [{"epoch": 99}], total=2**52, sequence=1)
    publish(store, identity, log, WORKERS[0], [{"epoch": 0}])
    assert points.fresh(fold(log.events)) == [{"epoch": 0}]


def test_points__a_workers_last_words__are_no_metrics_and_can_be_read(store, identity):
    points, log = Points(JOB, store, identity), taken(posted())
    data = seal(note_blob(JOB, WORKERS[1], 9, "no sandbox", "a log").to_bytes(), [identity.recipient])
    log.add(JobProgress, worker=WORKERS[1], digest=store.put(data).digest)
    publish(store, identity, log, WORKERS[0], [{"epoch": 0}])
    story = fold(log.events)
    assert points.fresh(story) == [{"epoch": 0}]
    assert points.last_words(story) == {WORKERS[1]: "[worker] no sandbox\na log"}


def test_points__blob_that_comes_late__asked_again_a_few_times(store, identity):
    points, log = Points(JOB, store, identity), taken(posted())
    blob = ProgressBlob(JOB, WORKERS[0], 0, ({"epoch": 1},), 1)
    data = seal(blob.to_bytes(), [identity.recipient])
    from tensorgrid.storage.cid import cid_of_bytes

    log.add(JobProgress, worker=WORKERS[0], digest=cid_of_bytes(data).digest)
    for _ in range(ATTEMPTS - 1):
        assert points.fresh(fold(log.events)) == []
    store.put(data)
    assert points.fresh(fold(log.events)) == [{"epoch": 1}]
