"""The first steps twice: equal, or refused with the step and the part that differ, before any money is locked."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from tests.sdk.test_cli import run as command

import tensorgrid as tg
from tensorgrid.domain.audit_terms import AuditTerms
from tensorgrid.domain.errors import FunctionFailed, NotRepeatable, SpecInvalid
from tensorgrid.parameters.audit import audit_terms
from tensorgrid.preflight import Preflight, costs_of

DONE = Preflight(5, step_seconds=0.5, record_seconds=0.1, roots=(), findings=())
UNIT = 10**6


@pytest.fixture(scope="module")
def terms() -> AuditTerms:
    return audit_terms()


@tg.job(verify="audit")
def steady(steps: int, scale: float = 1.0) -> dict:
    import numpy as np

    weights = np.zeros(8)
    state = tg.State(model={"weights": weights}, best=0.0)
    for _ in range(tg.resume(state), steps):
        weights += scale * np.random.rand(8)  # noqa: NPY002 - what users write
        tg.checkpoint(state, {"sum": float(weights.sum())})
    return {"weights": weights}


@tg.job(verify="audit")
def turns_at_three(steps: int) -> dict:
    import os

    import numpy as np

    weights = np.zeros(8)
    entropy = getattr(os, "get" + "random")  # what no linter reads
    state = tg.State(model={"weights": weights})
    for step in range(tg.resume(state), steps):
        weights += step if step < 2 else entropy(1)[0] + entropy(4)[1] / 256 + entropy(4)[2] / 65536
        tg.checkpoint(state)
    return {"weights": weights}


@tg.job(verify="audit")
def reads_entropy(steps: int) -> dict:
    import os

    import numpy as np

    weights = np.full(8, os.urandom(1)[0])
    state = tg.State(model={"weights": weights})
    for _ in range(tg.resume(state), steps):
        tg.checkpoint(state)
    return {"weights": weights}


@tg.job(verify="audit")
def raises_at_two(steps: int) -> dict:
    import numpy as np

    state = tg.State(model={"weights": np.zeros(1)})
    for step in range(tg.resume(state), steps):
        if step == 1:
            raise RuntimeError("the data ran out")
        tg.checkpoint(state)
    return {}


@tg.job(verify="audit")
def no_loop(steps: int) -> dict:
    return {"steps": steps}


@tg.job(verify="audit")
def unpools(steps: int) -> dict:
    import torch
    from torch import nn

    model = nn.Sequential(nn.Conv1d(1, 4, 3, padding=1), nn.BatchNorm1d(4))
    optimizer = torch.optim.AdamW(model.parameters())
    pool, unpool = nn.MaxPool1d(2, return_indices=True), getattr(nn, "MaxUnpool" + "1d")(2)
    state = tg.State(model=model, optimizer=optimizer)
    for _ in range(tg.resume(state), steps):
        loss = unpool(*pool(model(torch.randn(2, 1, 8)))).sum()
        loss.backward()
        optimizer.step()
        tg.checkpoint(state)
    return dict(model.state_dict())


@tg.job(verify="audit")
def trains(steps: int) -> dict:
    import torch
    from torch import nn

    layers = getattr(nn, "Conv1d")(1, 4, 3), nn.BatchNorm1d(4)  # noqa: B009 - hidden from the linter of sources
    model = nn.Sequential(*layers)
    state = tg.State(model=model, optimizer=torch.optim.AdamW(model.parameters()))
    for _ in range(tg.resume(state), steps):
        model(torch.randn(2, 1, 8)).pow(2).sum().backward()
        state.optimizer.step()
        tg.checkpoint(state)
    return dict(model.state_dict())


def test_preflight__same_twice__roots_of_each_step_and_seconds() -> None:
    done = steady.preflight(steps=50)
    assert done.steps == 5 and len({roots[0] for roots in done.roots}) == 5
    assert done.step_seconds > 0 and done.record_seconds > 0 and done.findings == ()


def test_preflight__fewer_steps_than_compared__what_there_is() -> None:
    assert steady.preflight(steps=2).steps == 2


def test_preflight__differs_from_step_three_on__refused_with_step_and_part() -> None:
    with pytest.raises(NotRepeatable, match=r"after step 3, in model;.*tensorgrid lint"):
        turns_at_three.preflight(steps=50)


def test_preflight__the_linter_is_sure__refused_before_anything_runs() -> None:
    with pytest.raises(NotRepeatable, match="unseeded-random"):
        reads_entropy.preflight(steps=50)


def test_preflight__raises_in_its_first_steps__its_own_words() -> None:
    with pytest.raises(FunctionFailed, match="the data ran out") as caught:
        raises_at_two.preflight(steps=50)
    assert caught.value.exit_class == "raised"


def test_preflight__no_loop_to_audit__says_what_is_missing() -> None:
    with pytest.raises(FunctionFailed, match=r"tg\.resume before its loop"):
        no_loop.preflight(steps=1)


def test_preflight__torch_has_no_deterministic_kernel__refused_with_torchs_words() -> None:
    with pytest.raises(NotRepeatable, match=r"max_unpooling2d.*does not have a deterministic"):
        unpools.preflight(steps=5)


def test_preflight__torch_module_at_hand__its_layers_are_linted() -> None:
    done = trains.preflight(steps=50)
    assert [(found.rule, found.place) for found in done.findings] == [("bias-before-norm", "module 0")]


def test_command__json__equal_with_costs__and_one_sentence_where_not(tmp_path: Path) -> None:
    (tmp_path / "job.py").write_text("import tensorgrid as tg\n" + JOB)
    code, out, err = command("preflight", f"{tmp_path}/job.py:job", "--json", "--steps", "100000", "--price", "5 USDC")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert told["steps"] == 5 and told["costs"]["audit"] == "0.30 USDC" and told["costs"]["segments"] == 100
    code, out, _ = command("preflight", f"{tmp_path}/job.py:job", "--json", "--arg", "bad=true")
    assert code == 1 and json.loads(out)["error"]["type"] == "NotRepeatable"


JOB = """
def job(bad=False):
    import os
    import numpy as np
    weights = np.zeros(4)
    state = tg.State(model={"w": weights})
    for step in range(tg.resume(state), 1000):
        weights += getattr(os, "urandom")(3)[0] + getattr(os, "urandom")(3)[1] / 256 if bad else step
        tg.checkpoint(state)
    return {"w": weights}
"""


def test_command_lint__exit_code_tells__and_the_file_is_only_read(tmp_path: Path) -> None:
    (tmp_path / "bad.py").write_text("import os\nraise SystemExit('it was run')\nx = os.urandom(3)\n")
    code, out, _ = command("lint", f"{tmp_path}/bad.py", "--json")
    [found] = json.loads(out)
    assert code == 8 and (found["rule"], found["place"], found["text"]) == (
        "unseeded-random", "line 3", "x = os.urandom(3)",
    )  # fmt: skip
    (tmp_path / "good.py").write_text("x = 1\n")
    assert command("lint", f"{tmp_path}/good.py")[0] == 0
    code, out, _ = command("lint", f"{tmp_path}/none.py", "--json")
    assert code == 1 and json.loads(out)["error"]["type"] == "SpecInvalid"


# ---------------------------------------------------------------------------------------------------------------- costs


def test_costs__by_the_terms_own_formulas(terms: AuditTerms) -> None:
    found = costs_of(DONE, 10_000, 100 * UNIT, terms, fee_bps=100)
    assert (found.steps_per_segment, found.segments) == (100, 100)
    assert found.seconds == pytest.approx(10_000 * 0.5 + 100 * 0.1)
    assert found.audit_seconds == pytest.approx(terms.drawn * (100 * 0.5 + 0.1))
    assert found.audit == terms.fee(100 * UNIT, terms.first) == 6 * UNIT
    assert found.reserve == 30 * UNIT == terms.fee(100 * UNIT, terms.reserved)
    assert found.ceiling == 130 * UNIT + 130 * UNIT // 100 and found.likely < found.ceiling
    assert found.tier == "audit" and found.gas_share is None


@pytest.mark.parametrize(
    ("done", "steps", "gas", "tier", "why"),
    [
        (DONE, 10_000, 4 * UNIT, "audit", ""),
        (DONE, 10_000, 6 * UNIT, "accept", "6% of the price"),
        (DONE, 50, 0, "replicate", "100 segments at least"),
        (replace(DONE, step_seconds=0.1), 200, 0, "replicate", "30 s of work"),
        (replace(DONE, record_seconds=30.0), 10_000, 0, "replicate", "hashing the state 100 times"),
    ],
)
def test_costs__overhead_above_a_twentieth__names_the_tier_that_fits(
    terms: AuditTerms, done: Preflight, steps: int, gas: int, tier: str, why: str
) -> None:
    found = costs_of(done, steps, 100 * UNIT, terms, gas=gas)
    assert found.tier == tier, found
    assert bool(found.why) == (tier != "audit") and why in found.why


@pytest.mark.parametrize(("steps", "price", "gas"), [(0, 1, 0), (1, 0, 0), (1, 1, -1)])
def test_costs__nonsense__typed_error(terms: AuditTerms, steps: int, price: int, gas: int) -> None:
    with pytest.raises(SpecInvalid):
        costs_of(DONE, steps, price, terms, gas=gas)


@pytest.mark.parametrize("steps", [100, 101, 150, 199, 200, 12_345])
def test_costs__any_number_of_steps__never_fewer_segments_than_the_network_asks_for(
    terms: AuditTerms, steps: int
) -> None:
    found = costs_of(DONE, steps, 100 * UNIT, terms)
    assert found.segments >= terms.segments and found.segments * found.steps_per_segment >= steps
