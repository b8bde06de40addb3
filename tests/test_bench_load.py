"""The arithmetic of the load bench; its runs are `make bench-load`."""

from __future__ import annotations

import json

import pytest
from scripts.load import report

MACHINE = {"cores": 2, "processor": "some", "load_before": 0.5}
PARTS = {"throughput": {"jobs_per_s": 8.5, "settled": 40}, "overhead": {"overhead": 1.02}}


@pytest.mark.parametrize(
    ("done", "seconds", "expected"), [(100, 5.0, 20.0), (0, 5.0, 0.0), (3, 0.0, 0.0), (3, -1.0, 0.0), (1, 3.0, 0.33)]
)
def test_rate__done_over_seconds__never_invented(done: int, seconds: float, expected: float) -> None:
    assert report.rate(done, seconds) == expected


def test_document__what_ran__headline_above_details_and_misses_named() -> None:
    found = report.document(PARTS, MACHINE)
    assert (found["jobs_per_s"], found["overhead"], found["missed"]) == (8.5, 1.02, ["jobs_per_s"])
    assert "jobs_settled" not in found, "what was not run has no figure"
    assert found["parts"] == PARTS
    assert json.loads(report.as_json(found)) == found


def test_table__a_miss__says_so() -> None:
    lines = report.table(report.document(PARTS, MACHINE)).splitlines()
    (missed,) = [line for line in lines if line.startswith("jobs_per_s")]
    (kept,) = [line for line in lines if line.startswith("overhead")]
    assert missed.endswith("MISSED") and not kept.endswith("MISSED")


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [("jobs_per_s", 20, True), ("jobs_per_s", 19.99, False), ("overhead", 1.03, True), ("overhead", 1.031, False)],
)
def test_reached__at_the_target__counts(name: str, value: float, expected: bool) -> None:
    assert report.reached(name, value) is expected
