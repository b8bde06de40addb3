"""@tg.job and tg.report: what a user writes."""

import json
import math
import os

import numpy as np
import pytest

import tensorgrid as tg
from tensorgrid.decorators import arguments_of
from tensorgrid.metrics import PROGRESS_FD, point_of


@tg.job(gpu="any", budget="5 USDC", wall="30s")
def train(epochs: int, rate: float = 0.1) -> dict:
    """Docstring."""
    return {"epochs": epochs, "rate": rate}


def test_job__called__runs_here():
    assert train(2) == train.local(epochs=2) == {"epochs": 2, "rate": 0.1}
    assert (train.__name__, train.__doc__) == ("train", "Docstring.")


def test_job__options__keep_the_function_and_change_the_rest():
    dearer = train.options(budget="9 USDC")
    assert (dearer.settings.budget, dearer.settings.wall, dearer.settings.verify) == ("9 USDC", "30s", "replicate")
    assert train.settings.budget == "5 USDC"
    assert dearer.function is train.function


@pytest.mark.parametrize("options", [{"gpus": 1}, {"budget": "1 USDC", "price": 2}])
def test_job__unknown_option__is_refused_by_name(options):
    with pytest.raises(tg.SpecInvalid, match="unknown job option"):
        tg.job(**options)
    with pytest.raises(tg.SpecInvalid, match="unknown job option"):
        train.options(**options)


def test_arguments__bound_by_name__defaults_stay_with_the_function():
    assert arguments_of(train.function, (3,), {}) == {"epochs": 3}
    assert arguments_of(train.function, (), {"rate": 1, "epochs": 2}) == {"rate": 1, "epochs": 2}


@pytest.mark.parametrize(("args", "kwargs"), [((), {}), ((1, 2, 3), {}), ((1,), {"epochs": 1}), ((), {"epoch": 1})])
def test_arguments__that_do_not_fit__are_refused(args, kwargs):
    with pytest.raises(tg.SpecInvalid, match="train"):
        arguments_of(train.function, args, kwargs)


def test_arguments__without_a_name__cannot_travel():
    def splat(*numbers): ...
    def only(number, /): ...
    def named(**rest): ...

    for function in (splat, only):
        with pytest.raises(tg.SpecInvalid, match="no name to travel under"):
            arguments_of(function, (1,), {})
    assert arguments_of(named, (), {"a": 1}) == {"a": 1}


@pytest.fixture
def pipe(monkeypatch):
    read, write = os.pipe()
    monkeypatch.setenv(PROGRESS_FD, str(write))
    yield lambda: [json.loads(line) for line in os.read(read, 1 << 16).decode().splitlines()]
    os.close(read)
    os.close(write)


def test_report__inside_a_job__one_json_line_per_point(pipe):
    tg.report(epoch=1, loss=0.5, note="ok", done=False, nothing=None)
    tg.report(accuracy=np.float32(0.25), steps=np.int64(3), tensor=np.array(2.0))
    assert pipe() == [
        {"epoch": 1, "loss": 0.5, "note": "ok", "done": False, "nothing": None},
        {"accuracy": 0.25, "steps": 3, "tensor": 2.0},
    ]


def test_report__numbers_that_json_lacks__do_not_end_the_run(pipe):
    tg.report(loss=math.nan, high=math.inf, big=2**60)
    assert pipe() == [{"loss": None, "high": None, "big": float(2**60)}]


def test_report__outside_a_job__does_nothing(monkeypatch, capsys):
    monkeypatch.delenv(PROGRESS_FD, raising=False)
    tg.report(epoch=1)
    assert capsys.readouterr() == ("", "")


def test_report__nobody_listens__work_goes_on(monkeypatch):
    read, write = os.pipe()
    os.close(read)
    os.close(write)
    monkeypatch.setenv(PROGRESS_FD, str(write))
    tg.report(epoch=1)


@pytest.mark.parametrize(
    "scalars",
    [
        {},
        {"x": [1]},
        {"x": {}},
        {"x": b"b"},
        {"x": np.zeros(2)},
        {"x": "y" * 257},
        {f"n{i}": i for i in range(65)},
        {"é": 1},
    ],
)
def test_report__anything_but_scalars__is_refused_alike_everywhere(scalars):
    with pytest.raises(tg.SpecInvalid):
        point_of(scalars)


def test_submit__without_a_network__says_what_to_start(monkeypatch, tmp_path):
    monkeypatch.setenv("TENSORGRID_HOME", str(tmp_path))
    with pytest.raises(tg.UnknownDeployment, match="tensorgrid devnet"):
        train.options().submit(epochs=1)
