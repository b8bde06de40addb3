"""What `make bench-distance` makes of its measurements: bounds only where enough was measured, such as workers take."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from scripts.distance.report import bounds, document, table

from tensorgrid.domain.jobs import hardware_class
from tensorgrid.parameters.distance import load_bounds

MACHINE = {"cores": 2}


def measured(runs: int, worst: float, cheat: float = 0.9) -> dict[str, Any]:
    honest = [{"family": "fp32", "value": value, "unlike": []} for value in [worst, *[0.0] * (runs - 1)]]
    cheats = {"other data": [{"family": "fp32", "value": cheat, "unlike": []}]}
    return {"about": "a training", "honest": {"SSE": honest}, "cheats": cheats, "repeats": True}


def test_bounds__enough_runs_of_each_kind__five_times_the_worst_and_a_worker_takes_them(tmp_path: Path) -> None:
    told = document({"mlp": measured(100, 0.012345678), "cnn": measured(100, 0.0001)}, 10, MACHINE)
    path = tmp_path / "distance.toml"
    path.write_text(bounds(told, "cpu"))
    bound = load_bounds(path).of(hardware_class("cpu"), 10)["fp32"]
    assert (bound.runs, bound.worst) == (200, 0.012345678)
    assert 5 * bound.worst <= bound.bound < 5.01 * bound.worst
    assert told["families"]["fp32"]["suspected"] is True


def test_bounds__machines_that_were_near__not_below_the_least() -> None:
    assert "bound = 0.05\n" in bounds(document({"mlp": measured(100, 1e-6)}, 10, MACHINE), "cpu")


def test_bounds__one_kind_run_too_seldom_or_too_far_off__none() -> None:
    assert bounds(document({"mlp": measured(100, 0.001), "cnn": measured(99, 0.001)}, 10, MACHINE), "cpu") == ""
    assert bounds(document({"mlp": measured(100, 0.3)}, 10, MACHINE), "cpu") == ""


def test_document__a_cheat_within_the_doubt__is_told() -> None:
    assert document({"mlp": measured(100, 0.01, cheat=0.1)}, 10, MACHINE)["families"]["fp32"]["suspected"] is False


def test_table__one_line_per_kind() -> None:
    assert table(document({"mlp": measured(100, 0.001)}, 10, MACHINE)).splitlines()[-1] == (
        "| mlp: a training | 100 | 99 | 0.0e+00 | 1.0e-03 | 0.9 |"
    )
