"""A cheat in a private job who contests: five jurors are given the keys, repeat the step, and he is slashed."""

import numpy as np
import pytest
from tests.network.audit_net import audit_net
from tests.network.test_audits import FAKER, PATIENCE, wait_for
from tests.network.test_disputes import EVERY, SEGMENTS, enrol, pay_bond
from tests.network.test_private import weigh_like_grandmother

import tensorgrid as tg
from tensorgrid.chain.bisection import match_key
from tensorgrid.chain.jury import Decision
from tensorgrid.client import Client
from tensorgrid.domain.errors import AuditFailed
from tensorgrid.domain.jobs import Fault

pytestmark = [pytest.mark.slow, pytest.mark.cheats]

CLOCKS = {"take_time": 40, "vote_time": 120, "appeal_time": 10}
"""Jurors of a private case replay within the time to vote."""


def test_attack_private_faker_contests__jurors_are_given_the_keys__slashed(tmp_path):
    hooks = dict.fromkeys(range(7), FAKER)
    with audit_net(tmp_path, workers=7, hooks=hooks, jury=CLOCKS, auditors=1, drawn=1, steps=EVERY) as net:
        with net.paused():
            for worker in net.workers:
                enrol(net, worker)
        job = tg.job(
            private=True,
            verify="audit",
            steps=SEGMENTS * EVERY,
            checkpoint_every=EVERY,
            budget="50 USDC",
            wall="60s",
        )(weigh_like_grandmother).options(client=Client(net.network_file))
        run = job.submit(steps=SEGMENTS * EVERY, recipe="hers", points=np.zeros((64, 8), np.float32))
        wait_for(lambda: run.story().first_seats)
        pay_bond(net, run, run.story().first_seats[0].worker)
        with pytest.raises(AuditFailed, match="found another state"):
            run.result(timeout=3 * PATIENCE)
        worker, auditor = run.story().in_order
        assert [seat.fault for seat in (worker, auditor)] == [Fault.SLASHED, Fault.NONE]
        audits, bisection, jury = net.contracts.audit, net.contracts.bisection, net.contracts.jury
        key = match_key(audits.address, run.id, 2, 0)
        assert jury.decision_of(bisection.address, key) is Decision.ACCUSED
        wait_for(lambda: jury.round_of(bisection.address, key)[0].released)
    said = "".join(path.read_text() for path in tmp_path.rglob("*.log"))
    assert "jury.judge" in said and "jury.not_handed" not in said  # by what they repeated, not for want of keys
    assert "jury.accuser_not_served" not in said
