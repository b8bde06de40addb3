"""`.map` on a real chain without workers: how a batch is cut, what it locks, how it is found again."""

import numpy as np
import pytest

import tensorgrid as tg
from tensorgrid.client import Client
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.batch_proofs import OpenedBatch, SliceRef
from tensorgrid.domain.batches import check_slice
from tensorgrid.domain.errors import NotAuditable
from tensorgrid.domain.jobs import JobState
from tensorgrid.domain.tolerance import Tolerance
from tensorgrid.ordering.auditing import check_slices, of_slice, proposal_or_cautious
from tensorgrid.ordering.batching import calls_of, kind_of_items, shares_of
from tensorgrid.runs.batch import Batch
from tensorgrid.runs.batch_note import BatchNote
from tensorgrid.runs.slices import rest_of_slice
from tensorgrid.storage.cid import cid_of_bytes


@tg.job(budget="5 USDC", wall="30s")
def scale(x, factor: int = 2) -> dict:
    return {"y": x * factor}


@pytest.fixture
def client(bare_net):
    return bare_net.requester_with("100 USDC")


def one(x): ...
def pair(x, y): ...
def with_default(x, y=1): ...
def only_defaults(x=1): ...


@pytest.mark.parametrize(
    ("function", "shared", "items", "calls"),
    [
        (one, {}, [1, {"a": 2}], [{"x": 1}, {"x": {"a": 2}}]),
        (pair, {}, [{"x": 1, "y": 2}], [{"x": 1, "y": 2}]),
        (pair, {"y": 5}, [1, 2], [{"x": 1}, {"x": 2}]),
        (with_default, {}, [1], [{"x": 1}]),
        (only_defaults, {}, [1], [{"x": 1}]),
    ],
)
def test_items__become_calls_by_name(function, shared, items, calls):
    assert calls_of(function, items, shared) == calls


@pytest.mark.parametrize(
    ("function", "shared", "items", "words"),
    [
        (pair, {}, [1], "make item 0 a dict"),
        (pair, {}, [{"x": 1}], "cannot be called with item 0"),
        (pair, {}, [{"x": 1, "y": 2}, {"x": 1, "z": 2}], "cannot be called with item 1"),
        (pair, {"x": 1, "y": 2}, [{"x": 3}], "which all items share"),
        (one, {"z": 1}, [1], "cannot be called"),
        (one, {}, [], "a batch has 1 to 10000"),
        (one, {}, range(10_001), "a batch has 1 to 10000"),
        (lambda *x: None, {}, [1], "by name"),
    ],
)
def test_items__that_do_not_fit__are_refused_by_their_place(function, shared, items, words):
    with pytest.raises(tg.SpecInvalid, match=words):
        calls_of(function, items, shared)


def test_shares__even__the_first_ones_take_what_is_left():
    assert shares_of(10, 4) == [3, 3, 2, 2]
    assert shares_of(3, 10) == [1, 1, 1]
    with pytest.raises(tg.SpecInvalid, match="workers"):
        shares_of(3, 0)


def test_items__arrays_of_both_libraries__refused():
    torch = pytest.importorskip("torch")
    assert kind_of_items([{"x": 1}]) == "numpy"
    assert kind_of_items([{"x": torch.zeros(1)}]) == "torch"
    with pytest.raises(tg.SpecInvalid, match="convert them"):
        kind_of_items([{"x": torch.zeros(1)}, {"x": np.zeros(1)}])


class TestAuditShape:
    def proposed(self, client):
        return proposal_or_cautious(client.contracts.deployment.audit, client.contracts.deployment.clocks)

    @pytest.mark.parametrize(("items", "first"), [(40, 20), (100, 20), (1000, 20), (1001, 22), (3200, 64)])
    def test_draws__twenty_or_one_in_fifty(self, client, items, first):
        found = of_slice(self.proposed(client), items)
        assert found.drawn * found.auditors == first

    @pytest.mark.parametrize(
        ("count", "slices", "words"),
        [(39, 1, "40 are needed"), (100, 10, "use workers=2 at most"), (10_000, 2, "use workers=4 or more")],
    )
    def test_slices_that_no_audit_fits__refused__and_told_what_would(self, client, count, slices, words):
        with pytest.raises(NotAuditable, match=words):
            check_slices(self.proposed(client), count, slices)


def test_map__locks_at_most_the_budget__and_stores_slices_under_one_root(client):
    job = scale.options(client=client)
    items, factor = [np.arange(n + 1) for n in range(7)], {"factor": 3}
    estimate = job.estimate_map(items, workers=3, shared=factor)
    batch = job.map(items, workers=3, shared=factor)
    assert (len(batch), len(batch.ids), estimate.slices) == (7, 3, 3)
    assert sum(run.terms.escrow for run in batch.runs) == estimate.ceiling.units <= 5_000_000
    specs = [run.spec for run in batch.runs]
    assert [(spec.batch.first, spec.batch.items) for spec in specs] == [(0, 3), (3, 2), (5, 2)]
    assert {spec.batch.root for spec in specs} == {batch.root}
    assert {(dict(spec.arguments)["factor"], spec.bundle.cid) for spec in specs} == {(3, specs[0].bundle.cid)}
    for spec in specs:
        blob = client.store.get(spec.batch.cid, max_bytes=spec.batch.size)
        assert check_slice(blob, spec.batch).root == batch.root
    assert str(batch.progress()).startswith("0 of 7 items; 0 of 3 slices ended")


def test_map__budget_beyond_the_purse__nothing_is_sent(client):
    with pytest.raises(tg.InsufficientFunds, match="posting would lock"):
        scale.options(client=client, budget="500 USDC").map(range(10), workers=2)
    assert not list(client.runs())


@pytest.mark.parametrize("options", [{"steps": 5}, {"checkpoint_every": 2}, {"private": True, "verify": "audit"}])
def test_map__options_that_batches_have_not__refused(client, options):
    with pytest.raises(tg.SpecInvalid, match="a batch is cut by its items"):
        scale.options(client=client, **options).map(range(3))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"tolerance": 1e-3}, "tolerance is for audits.* leave it out"),
        ({"tolerance": 5, "verify": "audit"}, "rtol must be a number from 0 to 0.5"),
        ({"tolerance": {"relative": 1e-3}, "verify": "audit"}, 'name "rtol", "atol" or both'),
    ],
    ids=["no audit", "percent", "another name"],
)
def test_map__tolerance_that_cannot_be_meant__refused(client, options, words):
    with pytest.raises(tg.SpecInvalid, match=words):
        scale.options(client=client, **options).map(range(80), workers=2)


def test_submit__tolerance_of_a_job_without_items__refused(client):
    with pytest.raises(tg.SpecInvalid, match="a batch's items; use map"):
        scale.options(client=client, tolerance=1e-3).submit(3)


def test_map__one_worker_per_slice__is_announced_for_proofs(client):
    batch = scale.options(client=client).map(range(5), workers=2, verify="accept")
    slices = tuple(SliceRef(run.terms.spec_digest, run.spec.batch.items) for run in batch.runs)
    opened = OpenedBatch(client.account.address, 0, batch.root, slices).id
    asked = {"address": client.contracts.batches.address, "topics": [None, "0x" + opened.hex()], "fromBlock": "0x0"}
    assert len(client.connection.rpc("eth_getLogs", asked)) == 1
    assert len({run.transactions()[0] for run in batch.runs}) == 1, "all slices are posted in one transaction"


def test_batch__found_again_by_name_and_by_ids(client, bare_net):
    batch = scale.options(client=client).map(range(4), workers=2, name="my-batch.1")
    assert batch.name == "my-batch.1"
    other = Client(bare_net.network_file, account=client.account, identity=client.identity)
    assert other.batch("my-batch.1").ids == batch.ids
    by_ids = other.batch(batch.ids)
    assert (by_ids.ids, by_ids.root, len(by_ids)) == (batch.ids, batch.root, 4)
    with pytest.raises(tg.SpecInvalid, match="already"):
        scale.options(client=client).map(range(4), name="my-batch.1")
    with pytest.raises(tg.JobUnknown, match="no batch"):
        other.batch("another")
    with pytest.raises(tg.SpecInvalid, match="name of a batch"):
        other.batch("../../etc/passwd")


def test_batch__some_ids_alone__the_other_items_count_as_never_posted(client):
    batch = scale.options(client=client).map(range(4), workers=2)
    half = client.batch(batch.ids[:1], return_failures=True)
    assert [(failure.index, failure.kind) for failure in half.failures] == [(2, "JobUnknown"), (3, "JobUnknown")]


def test_batch__ids_of_another_job__refused(client):
    run = scale.options(client=client).submit(x=1)
    with pytest.raises(tg.SpecInvalid, match="no slice of a batch"):
        client.batch([run.hex])


def test_slices_not_taken__posted_again_once_with_the_money_that_came_back__then_failures(client, bare_net):
    batch = scale.options(client=client).map(range(4), workers=2, return_failures=True, retries=1)
    bare_net.advance(60)
    assert batch.progress().again == 2
    assert len(batch.ids) == 4 and client.batch(batch.name).ids == batch.ids
    first, again = batch.runs[0], batch.runs[2]
    assert again.terms.spec_digest == first.terms.spec_digest and again.terms.escrow <= first.refund.units
    assert again.status().state is JobState.POSTED
    bare_net.advance(60)
    assert [failure.kind for failure in batch.results(timeout=60)] == ["JobNotTaken"] * 4
    with pytest.raises(tg.ItemFailed, match="item 0") as caught:
        list(client.batch(batch.name, retries=0))
    assert (caught.value.index, caught.value.kind) == (0, "JobNotTaken")


@pytest.mark.parametrize("found_by", ["name", "ids"])
def test_crash_between_posting_again_and_noting_it__found_again__not_posted_twice(
    client, bare_net, monkeypatch, found_by
):
    batch = scale.options(client=client).map(range(4), workers=2, retries=2)
    bare_net.advance(60)
    noted = batch.ids

    def crash(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as dying, pytest.raises(KeyboardInterrupt):
        dying.setattr(BatchNote, "add", crash)
        batch.progress()
    posted = [run.hex for run in client.runs()]
    assert len(posted) == 3, "one slice was posted again, and the process died before it noted that"

    again = client.batch(batch.name if found_by == "name" else noted)
    assert again.ids == noted
    assert again.progress().again == 2
    assert sorted(again.ids) == sorted(run.hex for run in client.runs())
    assert set(posted) < set(again.ids) and len(again.ids) == 4


def test_two_processes_that_look_at_a_batch__post_a_slice_again_once(client, bare_net):
    batch = scale.options(client=client).map(range(4), workers=1, retries=1)
    other = client.batch(batch.name, retries=1)
    bare_net.advance(60)
    assert (batch.progress().again, other.progress().again) == (1, 1)
    assert batch.ids == other.ids and len(list(client.runs())) == 2


def test_another_process_posts_again_between_our_look_and_our_posting__its_posting_is_taken(
    client, bare_net, monkeypatch
):
    batch = scale.options(client=client).map(range(4), workers=1, retries=1)
    other = client.batch(batch.name, retries=1)
    bare_net.advance(60)
    batch.progress()
    looks, shown = [False], Batch._is_again
    monkeypatch.setattr(Batch, "_is_again", lambda self, ended: looks.pop() if looks else shown(self, ended))
    assert (other.progress().again, other.progress().failed, looks) == (1, 0, [])
    assert other.ids == batch.ids and len(list(client.runs())) == 2


def test_node_that_does_not_show_yet_what_was_posted_again__is_asked_again__no_item_is_lost(
    client, bare_net, monkeypatch
):
    batch = scale.options(client=client).map(range(4), workers=1, retries=1)
    other = client.batch(batch.name, retries=1)
    bare_net.advance(60)
    batch.progress()
    with monkeypatch.context() as lagging:
        lagging.setattr("tensorgrid.runs.batch.postings", lambda *_: iter(()))
        assert (other.progress().again, other.progress().failed) == (0, 0)
    assert (other.progress().again, other.ids) == (1, batch.ids)


def test_batch_of_another_requester__looked_at__nothing_is_posted_for_him(client, bare_net):
    batch = scale.options(client=client).map(range(4), workers=1, retries=1)
    looked = bare_net.requester_with("100 USDC").batch(batch.ids, retries=1)
    bare_net.advance(60)
    assert looked.progress().failed == 4
    assert "only its requester posts it again" in looked.failures[0].reason
    assert len(list(client.runs())) == 1


def test_rest_of_a_slice__the_same_root__from_the_items_that_are_left(client):
    batch = scale.options(client=client).map(range(9), workers=2)
    spec = batch.runs[0].spec
    packed = rest_of_slice(spec, 2, client.store)
    rest = packed.spec.batch
    assert (rest.first, rest.items, rest.root, rest.count) == (2, 3, batch.root, 9)
    assert check_slice(packed.blobs[0], rest).root == batch.root and cid_of_bytes(packed.blobs[0]) == rest.cid
    assert rest_of_slice(spec, 0, client.store).spec == spec


def test_audited_map__nobody_who_could_audit__refused(client):
    with pytest.raises(NotAuditable, match="providers whose machines replay"):
        scale.options(client=client, verify="audit").map(range(80), workers=2)


@pytest.mark.parametrize(("count", "workers"), [(40, 1), (300, 2)])
def test_audited_slices__have_terms_that_the_board_accepts(client, monkeypatch, count, workers):
    monkeypatch.setattr("tensorgrid.ordering.planning.check_depth", lambda *_: None)  # nobody could audit it here
    client.deposit("90 USDC")
    job = scale.options(client=client, verify="audit", budget="80 USDC")
    estimate = job.estimate_map(range(count), workers=workers)
    assert estimate.drawn == 20
    batch = job.map(range(count), workers=workers)
    plans = [AuditTerms.unpack(run.terms.verifier_params) for run in batch.runs]
    assert [(plan.segments, plan.steps, plan.first) for plan in plans] == [(count // workers, 1, 20)] * workers
    assert sum(run.terms.escrow for run in batch.runs) <= 80_000_000
    assert all(run.spec.tolerance is None for run in batch.runs)


def test_audited_map__tolerance__is_in_the_spec_of_each_slice__and_of_what_is_left_of_it(client, monkeypatch):
    monkeypatch.setattr("tensorgrid.ordering.planning.check_depth", lambda *_: None)  # nobody could audit it here
    client.deposit("90 USDC")
    job = scale.options(client=client, verify="audit", budget="80 USDC", tolerance={"rtol": 1e-3})
    batch = job.map(range(80), workers=2)
    specs = [run.spec for run in batch.runs]
    specs.append(rest_of_slice(specs[0], 7, client.store).spec)
    assert [spec.tolerance for spec in specs] == [Tolerance(1e-3, 0)] * 3
