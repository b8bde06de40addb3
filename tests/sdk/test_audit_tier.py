"""The audit tier from the requester's side, on a chain: ordered, done, replayed, settled; clean, cheated, unseen.

Worker and auditors are played by the test, call by call, with the SDK's own verbs; no daemon, no sandbox.
"""

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.sdk.chain_actors import StakedWorker

from tensorgrid.chain.audit_history import record_of
from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.audits import Answer, AuditOpening, check_of
from tensorgrid.domain.eip712 import Signature
from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.errors import AuditFailed, NotAuditable, NotAudited, PartlyDone, ResultRejected, SpecInvalid
from tensorgrid.domain.jobs import ExitClass, JobState, job_seed, seal_digest
from tensorgrid.domain.payload import pack_payload, payload_root
from tensorgrid.domain.receipts import Environment, Receipt, SealedRef
from tensorgrid.domain.results import result_root
from tensorgrid.domain.traces import StateRoots, Trace
from tensorgrid.privacy import seal
from tensorgrid.runs.trail import events_of

PAYLOAD = pack_payload({"w": ("F32", (2,), np.array([1, 2], "<f4").tobytes())}, None)
MACHINE = b"\x0f" * 32


def train(steps: int) -> dict:
    return {"w": steps}


@pytest.fixture(scope="module")
def tier(bare_net):
    """The contracts of a network that repeats no clean audit: one drawn by a block hash would be another test."""
    net = bare_net.net
    deployment = net.deployment
    assert deployment.audit is not None
    deployment = replace(deployment, audit=replace(deployment.audit, reaudit_bps=0))
    return Contracts(net.connection, deployment)


@pytest.fixture(scope="module")
def crew(bare_net, tier):
    """Three providers whose machines are alike; they come when they are asked for."""
    return [StakedWorker(bare_net.net, stakes=50, capacity=50, fingerprint=MACHINE) for _ in range(3)]


@pytest.fixture
def client(bare_net, tier):
    client = bare_net.requester_with("100 USDC")
    client.contracts = tier
    return client


class Audited:
    """A job of `client`, its worker and auditors: seat n is `crew[n - 1]`'s."""

    def __init__(self, bare_net, client, crew, done=100, faked=()):
        self.bare_net, self.client, self.crew = bare_net, client, crew
        options = {"budget": "20 USDC", "verify": "audit", "steps": 100, "wall": "30s"}
        self.run = client.submit(train, {"steps": 100}, **options)
        self.contracts, self.verifier = client.contracts, client.contracts.audit
        self.until(self.terms.take_by - 2)
        self.send(0, self.contracts.board.take(self.terms))
        value = self.contracts.beacon.value_of(self.run.story().round)
        start = StateRoots(*(bytes([part]) * 32 for part in range(4)))
        self.trace = Trace(self.terms.spec_digest, job_seed(self.run.id, value), 1, start)
        for index in range(1, done + 1):
            last = payload_root(PAYLOAD) if index == done else keccak256(b"model %d" % index)
            parts = [keccak256(b"%d of %d" % (part, index)) for part in range(3)]
            if index in faked:
                parts[0] = bytes(32)
            self.trace.add(1, StateRoots(last, *parts), keccak256(b"metrics"))

    @property
    def terms(self):
        return self.run.terms

    @property
    def held(self):
        return self.run.story().held

    @property
    def record(self):
        events = events_of(
            self.client.connection, self.contracts, self.run.id, 0, self.client.connection.latest().number
        )
        return record_of(events)

    def send(self, who, call):
        return self.crew[who].sender.transact(call)

    def begin(self, stored=PAYLOAD):
        """`stored`: what is sealed to the requester in place of the result."""
        worker, job = self.crew[0], self.run.id
        sealed = seal(stored, self.run.spec.recipients)
        ref = SealedRef(self.client.store.put(sealed), len(sealed))
        receipt = Receipt(job, worker.address, ExitClass.OK, ref, None, Environment("3.11", None, "test"))
        self.client.store.put(receipt.to_bytes())
        root = result_root(job, ExitClass.OK, payload_root(PAYLOAD))
        opening = AuditOpening(b"\1" * 32, root, receipt.digest, self.trace.root(), len(self.trace.segments))
        commitment = opening.commitment(job, worker.address)
        digest = seal_digest(job, commitment, self.contracts.chain_id, self.contracts.board.address)
        signature = Signature.of_bytes(bytes(worker.account.unsafe_sign_hash(digest).signature))
        self.send(0, self.verifier.commit_and_begin(self.terms, self.held, signature, opening))
        return self

    def seated(self, *who):
        self.until(self.run.story().audit.sitting.take_by - 2)  # the lottery lets everybody in
        for one in who:
            self.send(one, self.contracts.board.take(self.terms, self.held))
        return self

    def shares(self):
        """By seat, once the sitting's round is out."""
        audit = self.verifier.audit(self.terms.requester, self.terms.nonce)
        seed = keccak256(self.run.id + self.contracts.beacon.value_of(audit.round))
        drawn = replace(self.record, seed=seed)
        return {n: self.verifier.segments(self.terms, drawn, n) for n in range(2, len(self.held) + 1)}

    def served(self):
        checks = [check_of([self.trace.segments[i - 1].state for i in share]) for share in self.shares().values()]
        self.send(0, self.verifier.serve(self.terms, self.held, self.record, b"\3" * 32, checks))
        return self

    def found(self, number):
        return [self.trace.segments[i - 1].state for i in self.run.audit().seats[number - 2].segments]

    def confirm(self, *numbers):
        for number in numbers:
            call = self.verifier.confirm(self.terms, self.held, self.record, number, self.found(number))
            self.send(number - 1, call)
        return self

    def accuse(self, number, positions):
        roots = [b"\7" * 32] * len(self.found(number))
        self.send(number - 1, self.verifier.accuse(self.terms, self.held, self.record, number, roots, positions))
        return self

    def until(self, time):
        self.bare_net.advance(max(1, time - self.client.connection.now()))

    def later(self, seconds):
        self.bare_net.advance(seconds)
        return self


# ------------------------------------------------------------------------------------------------------------- ordering


def test_estimate__too_few_who_could_replay__is_refused_and_the_depth_is_told(bare_net, tier, client):
    lonely = StakedWorker(bare_net.net, stakes=50, fingerprint=b"\x0e" * 32)
    assert lonely.provider
    thin = replace(tier.deployment, audit=replace(tier.deployment.audit, others=8))
    client.contracts = Contracts(bare_net.net.connection, thin, check=False)
    with pytest.raises(NotAuditable, match="needs 9 providers"):
        client.estimate(train, {"steps": 100}, budget="20 USDC", verify="audit", steps=100, wall="30s")


def test_estimate__enough__says_what_auditors_get_and_what_is_held(client, crew):
    options = {"budget": "20 USDC", "verify": "audit", "steps": 1000, "wall": "30s"}
    estimate = client.estimate(train, {"steps": 1}, **options)
    assert (estimate.segments, estimate.replayed, estimate.workers) == (100, 4, 1)
    assert estimate.ceiling.units <= 20_000_000
    assert estimate.audit_fees.units * 100 // estimate.price_per_worker.units in {5, 6}
    assert estimate.likely + estimate.refund_if_agreed == estimate.ceiling
    with pytest.raises(NotAuditable, match="gas"):
        client.estimate(train, {"steps": 1}, coin_price="1000000000 USDC", **options)
    with pytest.raises(SpecInvalid, match="how often"):
        client.estimate(train, {"steps": 1}, **options | {"steps": None})


# ------------------------------------------------------------------------------------------------------------- settling


def test_audit__everybody_confirms__the_result_is_opened_and_the_report_is_whole(bare_net, client, crew):
    audited = Audited(bare_net, client, crew)
    with pytest.raises(SpecInvalid, match="not audited"):
        client.submit(train, {"steps": 1}, budget="1 USDC").audit()
    assert audited.run.status().phase == "running: 0 of 1 workers done"
    audited.begin().seated(1, 2)
    report = audited.run.audit()
    assert (report.done, report.segments, report.clean) == (100, 100, None)
    assert report.trace_root == audited.trace.root()
    theirs = audited.shares()
    audited.served()
    assert {seat.number: seat.segments for seat in audited.run.audit().seats} == theirs, "ours are the contract's"
    audited.confirm(2, 3)
    onchain = audited.verifier.audit(audited.terms.requester, audited.terms.nonce)
    assert (onchain.clean, onchain.answers[:2]) == (True, (Answer.CONFIRMED, Answer.CONFIRMED))
    audited.later(12)
    result = audited.run.result(timeout=60, kind="numpy")
    assert list(result["w"]) == [1, 2]
    assert set(result.provenance.agreed_by) == {worker.address for worker in crew[1:]}
    report = audited.run.audit()
    assert report.clean
    assert report.drawn == report.covered
    assert audited.run.partial(kind="numpy").audited
    story = audited.run.story()
    fees = sum(seat.pay for seat in story.extra_seats)
    assert story.paid == audited.terms.price + fees
    assert story.phase == "settled: audited"


def test_audit__two_auditors_differ_and_nobody_answers__no_result_and_the_money_is_back(bare_net, client, crew):
    audited = Audited(bare_net, client, crew).begin().seated(1, 2).served().accuse(2, [0, 1])
    assert "not answered" in audited.run.status().phase
    audited.accuse(3, [0])
    audited.later(AuditTerms.unpack(audited.terms.verifier_params).answer_time + 1)
    with pytest.raises(AuditFailed, match="lost its stake"):
        audited.run.result(timeout=60)
    with pytest.raises(AuditFailed):
        audited.run.partial()
    worker, finder = audited.run.story().in_order[:2]
    assert (worker.phase, finder.phase) == ("slashed", "paid")
    assert audited.run.audit().clean is False


def test_audit__the_worker_ended_early__is_partly_done_and_the_model_can_be_had(bare_net, client, crew):
    audited = Audited(bare_net, client, crew, done=41).begin().seated(1, 2).served().confirm(2, 3).later(12)
    with pytest.raises(PartlyDone, match="segment 41 of 100") as raised:
        audited.run.result(timeout=60)
    assert (raised.value.done, raised.value.segments) == (41, 100)
    partial = audited.run.partial(kind="numpy")
    assert (partial.segment, partial.segments, partial.audited) == (41, 100, True)
    assert partial.paid.units == audited.terms.price * 41 // 100
    assert list(partial.result["w"]) == [1, 2]


def test_audit__nobody_comes__is_not_audited_and_says_so(bare_net, client, crew):
    audited = Audited(bare_net, client, crew).begin().later(30)
    # the client itself opens the replacement's seat, and settles when nobody takes that one either
    for story in audited.run.watch(timeout=60):
        if story.audit.sittings and story.audit.sitting.number == 2 and not story.state.ended:
            audited.later(30)
    assert audited.run.story().state is JobState.SETTLED
    with pytest.raises(NotAudited, match="no auditor has found"):
        audited.run.result()
    partial = audited.run.partial(kind="numpy")
    assert (partial.audited, partial.paid.units) == (False, audited.terms.price)
    assert partial.result.provenance.agreed_by == ()


def test_audit__another_file_than_was_audited__is_not_taken_for_the_result(bare_net, client, crew):
    other = pack_payload({"w": ("F32", (2,), np.array([3, 4], "<f4").tobytes())}, None)
    audited = Audited(bare_net, client, crew).begin(stored=other).seated(1, 2).served().confirm(2, 3).later(12)
    with pytest.raises(ResultRejected, match="does not hash to the root on chain"):
        audited.run.result(timeout=60)


def test_submit__from_the_shell__says_what_an_audit_would_cost(client, crew, tmp_path, monkeypatch):
    from typer.testing import CliRunner

    from tensorgrid.cli import app, jobs

    monkeypatch.setattr(jobs, "connect", lambda _: client)
    (tmp_path / "train.py").write_text("def train() -> dict:\n    return {}\n")
    asked = ["submit", f"{tmp_path}/train.py:train", "--budget", "20 USDC", "--verify", "audit", "--dry-run", "--json"]
    found = CliRunner().invoke(app, [*asked, "--steps", "1000", "--every", "10"])
    told = json.loads(found.output)
    assert int(told["audit_fees"]["units"]) > 0
    refused = CliRunner().invoke(app, [*asked, "--steps", "1000", "--every", "11"])
    assert isinstance(refused.exception, NotAuditable)


def test_audit__as_the_command_says_it__is_a_table_and_json(bare_net, client, crew, capsys, monkeypatch):
    from typer.testing import CliRunner

    from tensorgrid.cli import app, audits

    audited = Audited(bare_net, client, crew).begin().seated(1, 2).served().confirm(2)
    monkeypatch.setattr(audits, "connect", lambda _: client)
    shown = CliRunner().invoke(app, ["audit", audited.run.hex]).output
    assert "confirmed" in shown
    assert "nothing yet" in shown
    assert crew[1].address in shown
    told = json.loads(CliRunner().invoke(app, ["audit", audited.run.hex, "--json"]).output)
    assert [seat["said"] for seat in told["seats"]] == ["confirmed", "nothing yet"]
    assert (told["segments"], told["clean"], len(told["covered"])) == (100, None, 2)
