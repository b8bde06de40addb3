"""The training API in plain Python: it counts, seeds and shuffles, and needs no worker."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tensorgrid as tg
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.training import steps


class TestBatches:
    @given(st.integers(1, 300), st.integers(1, 50), st.integers(0, 5))
    def test_every_index_once_per_epoch(self, count: int, size: int, epoch: int) -> None:
        wanted = range(epoch * count, (epoch + 1) * count)
        stream = {
            step * size + place: index
            for step in range(wanted.start // size, (wanted.stop - 1) // size + 1)
            for place, index in enumerate(tg.batch_indices(step, size, count))
        }
        assert sorted(stream[place] for place in wanted) == list(range(count))

    def test_epochs_and_seeds_differ(self, monkeypatch: pytest.MonkeyPatch) -> None:
        first = tg.batch_indices(0, 100, 100)
        assert first == tg.batch_indices(0, 100, 100) != tg.batch_indices(1, 100, 100)
        monkeypatch.setenv(steps.SEED, "0x" + "07" * 32)
        assert tg.batch_indices(0, 100, 100) != first

    def test_huge_data__no_table_of_it(self) -> None:
        found = tg.batch_indices(12345, 8, 10**12)
        assert len(set(found)) == 8 and all(0 <= index < 10**12 for index in found)

    def test_each_place_equally_likely(self) -> None:
        first = [tg.batch_indices(epoch, 10, 10)[0] for epoch in range(3000)]
        assert all(200 < first.count(index) < 400 for index in range(10))

    @pytest.mark.parametrize("wrong", [(-1, 1, 1), (0, 0, 1), (0, 1, 0)])
    def test_numbers_that_mean_nothing__refused(self, wrong: tuple[int, int, int]) -> None:
        with pytest.raises(SpecInvalid, match="at least"):
            tg.batch_indices(*wrong)

    def test_shuffled__rows_of_all_tensors(self) -> None:
        batch = tg.shuffled(np.arange(10), np.arange(10) * 2, size=4)
        left, right = batch(3)
        assert (left * 2 == right).all() and len(left) == 4
        with pytest.raises(SpecInvalid, match="one length"):
            tg.shuffled(np.arange(10), np.arange(9), size=4)


class TestLoop:
    def test_no_worker__counts_from_nought_and_seeds_each_step(self) -> None:
        state = tg.State(model={"w": np.zeros(3)}, best=0.0)
        seen = []
        for step in range(tg.resume(state), 3):
            seen.append((step, random.random(), float(np.random.rand())))  # noqa: NPY002
            random.random()
            state.best = step
            tg.checkpoint(state, {"loss": 0.5})
        assert state.best == 2 and [step for step, *_ in seen] == [0, 1, 2]
        tg.resume(state)
        assert (0, random.random(), float(np.random.rand())) == seen[0]  # noqa: NPY002
        assert len({drawn for _, drawn, _ in seen}) == 3

    def test_fit__trains(self) -> None:
        torch = pytest.importorskip("torch")
        torch.manual_seed(1)
        x = torch.randn(64, 4)
        y = x @ torch.ones(4, 1)
        module = torch.nn.Linear(4, 1)
        optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
        scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20)
        found = tg.fit(
            module, lambda m, a, b: ((m(a) - b) ** 2).mean(), tg.shuffled(x, y, size=16), optimizer, steps=60,
            scheduler=scheduler,
        )  # fmt: skip
        assert torch.allclose(found["weight"], torch.ones(1, 4), atol=0.1)

    def test_import__loads_nothing_heavy(self) -> None:
        code = (
            "import sys, json, tensorgrid as tg\n"
            "tg.State, tg.resume, tg.checkpoint, tg.fit, tg.batch_indices\n"
            "print(json.dumps([m for m in ('torch', 'numpy', 'web3', 'requests') if m in sys.modules]))"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert json.loads(done.stdout) == []


class TestState:
    @pytest.mark.parametrize(
        "values",
        [
            {"model": object()},
            {"model": 3},
            {"model": None},
            {"model": {}},
            {"model": {"w": [1, 2]}},
            {"model": np.zeros(1), "extra": [1]},
            {"model": np.zeros(1), "extra": lambda: 1},
            {"model": np.zeros(1), "values": 1},
        ],
    )
    def test_what_it_cannot_carry__refused(self, values: dict[str, Any]) -> None:
        with pytest.raises(SpecInvalid):
            tg.State(**values)

    def test_scalars_are_set_anew__nothing_else(self) -> None:
        state = tg.State(model=np.zeros(1), best=0.0, name="a")
        state.best, state.name = 3, None
        assert (state.best, state.name) == (3, None)
        for name in ("model", "unknown", "optimizer"):
            with pytest.raises(AttributeError, match="named in"):
                setattr(state, name, np.zeros(1))
        with pytest.raises(AttributeError, match="has no 'other'"):
            state.other  # noqa: B018

    def test_checkpoint_of_no_state__refused(self) -> None:
        with pytest.raises(SpecInvalid, match=r"tg\.State"):
            tg.checkpoint({"model": 1})  # type: ignore[arg-type]

    def test_metrics_are_checked_as_reports_are(self) -> None:
        state = tg.State(model=np.zeros(1))
        tg.resume(state)
        with pytest.raises(SpecInvalid, match="loss"):
            tg.checkpoint(state, {"loss": [1, 2]})
