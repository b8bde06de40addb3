"""What an audited run leaves beside its result: snapshots that bind, a trace, a state that somebody else goes on from.

As in test_audit_tier: worker and auditors are played by the test, call by call, on a chain.
"""

from dataclasses import replace

import numpy as np
import pytest
from tests.sdk.test_audit_tier import PAYLOAD, Audited, crew  # noqa: F401 - a fixture

from tensorgrid.chain.contracts import Contracts
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import AuditFailed, NotAuditable, NotContinuable, ResultRejected
from tensorgrid.domain.manifests import trace_to_bytes
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.receipts import SealedRef
from tensorgrid.domain.states import StateFile
from tensorgrid.privacy import seal

DONE = 41


@pytest.fixture(scope="module")
def tier(bare_net):
    """No clean audit is repeated, and fifty segments are enough: the rest of a job of a hundred is one, too."""
    net = bare_net.net
    audit = replace(net.deployment.audit, reaudit_bps=0, segments=50)
    return Contracts(net.connection, replace(net.deployment, audit=audit))


@pytest.fixture
def client(bare_net, tier):
    client = bare_net.requester_with("100 USDC")
    client.contracts = tier
    return client


def state_file(step=DONE, value=1):
    tensors = {"model/w": ("F32", (2,), np.array([value, 2], "<f4").tobytes())}
    return pack_payload(tensors, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": step}})


class Left(Audited):
    """A job of which 41 of a hundred segments are done, with the state behind them."""

    def __init__(self, bare_net, client, crew, done=DONE):  # noqa: F811
        super().__init__(bare_net, client, crew, done)
        self.state = state_file(done)
        metrics = self.trace.segments.pop().metrics
        self.trace.add(1, StateFile.parse(self.state).roots(), metrics)

    def sealed(self, data):
        blob = seal(data, self.run.spec.recipients)
        return SealedRef(self.client.store.put(blob), len(blob))

    def left(self, trace=None, state=None):
        told = trace_to_bytes(self.trace, self.run.id) if trace is None else trace
        return self.begin(trace=self.sealed(told), state=self.sealed(self.state if state is None else state))

    def clean(self):
        return self.seated(1, 2).served().confirm(2, 3).later(12)

    def snap(self, segment, head=None, who=0):
        head = self.trace.links[segment - 1] if head is None else head
        self.send(who, self.contracts.snapshots.snapshot(self.run.id, segment, head))


# ------------------------------------------------------------------------------------------------------------ snapshots


def test_snapshot__of_the_worker__says_how_far_he_is__a_strangers_says_nothing(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew)
    audited.snap(90, b"\6" * 32, who=1)
    assert audited.run.status().phase == "running: 0 of 1 workers done"
    audited.snap(10)
    assert audited.run.status().phase.startswith("running: segment 10 of 100, snapshot at block ")
    report, [told] = audited.run.audit(), audited.run.snapshots()
    assert (told.up_to, told.head) == (10, audited.trace.links[9])
    assert report.snapshots == ((10, told.log.block),)
    assert not report.compared


def test_snapshots__all_in_the_trace__compared_and_clean(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew)
    for segment in (10, 20, DONE):
        audited.snap(segment)
    report = audited.left().run.audit()
    assert (report.compared, report.mismatches, len(report.snapshots)) == (True, (), 3)


def test_attack_trace_changed_after_a_snapshot__named_with_segment_and_block(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew)
    audited.snap(10)
    audited.snap(20, b"\7" * 32)
    audited.snap(60, b"\6" * 32)
    changed, left_out = audited.left().run.audit().mismatches
    assert (changed.segment, changed.shown, changed.committed) == (20, b"\7" * 32, audited.trace.links[19])
    assert "changed his trace" in str(changed)
    assert (left_out.segment, left_out.committed) == (60, None)


@pytest.mark.parametrize("trace", [b"{}", b""], ids=["malformed", "empty"])
def test_trace_that_does_not_fit__nothing_is_compared(bare_net, client, crew, trace):  # noqa: F811
    audited = Left(bare_net, client, crew)
    audited.snap(10)
    assert not audited.left(trace=trace).run.audit().compared


# ------------------------------------------------------------------------------------------------------------- going on


def test_partial__of_a_worker_who_stopped__has_the_state_that_the_trace_names(bare_net, client, crew):  # noqa: F811
    partial = Left(bare_net, client, crew).left().clean().run.partial(timeout=60, kind="numpy")
    assert (partial.state.segment, partial.state.step, partial.state.data) == (DONE, DONE, state_file())


def test_resume__a_clean_part__buys_the_rest_as_a_job_that_begins_there(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew).left().clean()
    run = audited.run
    rest = run.resume()
    resume, spec = rest.spec.resume, run.spec
    assert (resume.job, resume.segment, resume.step) == (run.id, DONE, DONE)
    assert client.store.get(resume.cid, max_bytes=resume.size) == state_file()
    assert replace(rest.spec, resume=None) == spec
    assert AuditTerms.unpack(rest.terms.verifier_params).segments == 100 - DONE
    assert rest.terms.escrow * 100 <= run.terms.escrow * (100 - DONE) + 100
    assert rest.audit().continues == run.id
    assert run.resume(budget="2 USDC").terms.escrow <= 2_000_000


def test_resume__fewer_segments_than_the_network_wants__says_so(bare_net, client, crew):  # noqa: F811
    run = Left(bare_net, client, crew, done=80).left().clean().run
    with pytest.raises(NotAuditable, match="too few"):
        run.resume()
    assert AuditTerms.unpack(run.resume(steps=200).terms.verifier_params).segments == 120


def test_resume__without_a_clean_audit__only_when_told_to(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew).left().later(30)
    for story in audited.run.watch(timeout=60):
        if story.audit.sittings and story.audit.sitting.number == 2 and not story.state.ended:
            audited.later(30)
    with pytest.raises(NotContinuable, match="unaudited=True"):
        audited.run.resume()
    assert audited.run.resume(unaudited=True).spec.resume.segment == DONE


def test_resume__of_a_slashed_worker__refused_whatever_is_asked(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew).left().seated(1, 2).served().accuse(2, [0, 1])
    audited.accuse(3, [0, 1]).later(60)
    with pytest.raises(AuditFailed):
        audited.run.resume(unaudited=True, timeout=60)


@pytest.mark.parametrize(("value", "step"), [(9, DONE), (1, DONE - 1)], ids=["other weights", "other step"])
def test_attack_state_of_another_root__is_not_gone_on_from(bare_net, client, crew, value, step):  # noqa: F811
    run = Left(bare_net, client, crew).left(state=state_file(step, value)).clean().run
    with pytest.raises(ResultRejected, match="not the one of its trace"):
        run.resume(timeout=60)


def test_resume__no_state_was_left__says_what_there_is(bare_net, client, crew):  # noqa: F811
    audited = Left(bare_net, client, crew)
    run = audited.begin(trace=audited.sealed(trace_to_bytes(audited.trace, audited.run.id))).clean().run
    with pytest.raises(NotContinuable, match="has left no state"):
        run.resume(timeout=60)
    assert run.partial(kind="numpy").result.payload == PAYLOAD
