"""Which audited jobs a worker wants, as their worker and as an auditor."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.worker.audits import PLAN
from tests.worker.conftest import make_spec
from tests.worker.jobs import ME, SCHEDULER, TOKEN, VERIFIER, make_terms

from tensorgrid.domain.specs import Checkpoint
from tensorgrid_worker.jobs.gate import REMAKE_MARGIN_SECONDS, Gate
from tensorgrid_worker.policy.base import Free
from tensorgrid_worker.policy.house import House
from tensorgrid_worker.policy.price import PriceFloor

AUDITS = "0x" + "d" * 40
PRICE = 1_000_000


def gate(*, least=0, min_reveal_seconds=0):
    hardware = make_terms().hardware_class
    house = House([PriceFloor({}, least)])
    return Gate(
        frozenset({TOKEN}),
        {SCHEDULER}.__contains__,
        VERIFIER,
        hardware,
        "cpu",
        house,
        lambda: Free(0, 0),
        min_reveal_seconds,
        audits=AUDITS,
    )


def terms(**plan):
    return make_terms(workers=1, verifier=AUDITS, price=PRICE, verifier_params=replace(PLAN, **plan).pack())


def spec(checkpoint, wall=30):
    made = make_spec(b"def job(): ...\n")
    resources = replace(made.resources, wall_seconds=wall)
    return replace(made, tier="audit" if checkpoint else "replicate", checkpoint=checkpoint, resources=resources)


def test_audited_job__a_network_that_knows_them__wanted():
    assert gate().refusal(terms(), ME) == ""
    assert "does not know" in replace(gate(), audits="").refusal(terms(), ME)


def test_fee_of_an_auditor__as_for_the_whole_job__held_against_the_price_floor():
    assert "works for" in gate(least=PRICE + 1).refusal(terms(), ME)
    assert gate(least=PRICE * 3 // 2).refusal(terms(), ME, auditor=True) == ""
    assert "works for" in gate(least=PRICE * 3 // 2 + 1).refusal(terms(), ME, auditor=True)


def test_time_to_answer__less_than_the_owner_wants__refused():
    assert "to answer" in gate(min_reveal_seconds=PLAN.respond_time + 1).refusal(terms(), ME)
    assert gate(min_reveal_seconds=PLAN.respond_time).refusal(terms(), ME) == ""


@pytest.mark.parametrize(
    ("offered", "checkpoint", "words"),
    [
        (terms(), Checkpoint(PLAN.steps, 1000), ""),
        (terms(), None, "do not agree"),
        (terms(), Checkpoint(PLAN.steps + 1, 1000), "something else"),
        (make_terms(), Checkpoint(PLAN.steps, 1000), "do not agree"),
        (make_terms(), None, ""),
    ],
)
def test_spec_and_terms__must_agree_on_the_audit(offered, checkpoint, words):
    refusal = gate().judge(offered, spec(checkpoint))
    assert words in str(refusal) if words else refusal is None


def test_attack_terms_too_short_to_make_lost_states_again__the_worker_refuses_them_before_the_take():
    cut, longest = Checkpoint(PLAN.steps, 1000), PLAN.answer_time - REMAKE_MARGIN_SECONDS
    assert gate().judge(terms(), spec(cut, longest)) is None
    refusal = gate().judge(terms(), spec(cut, longest + 1))
    assert refusal is not None and "make lost states again" in str(refusal)
    assert gate().judge(terms(respond_time=PLAN.respond_time + 1), spec(cut, longest + 1)) is None


@pytest.mark.parametrize(("share", "refused"), [(0, True), (199, True), (200, False), (1_000, False)])
def test_attack_private_job_that_pays_nothing_where_no_key_is_handed__left_to_others(share, refused):
    private = terms(wrap_time=60, share_bps=share)
    ours = replace(gate(), private=True, min_missed_share=2)
    assert ("no key is handed" in ours.refusal(private, ME)) is refused
    assert ours.refusal(private, ME, auditor=True) == "", "an auditor's keys come from the worker"
    assert ours.refusal(terms(), ME) == "", "a job that is not private hands none"
