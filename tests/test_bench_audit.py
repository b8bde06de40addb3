"""The arithmetic of the audit bench; its runs are `make bench-audit`."""

from __future__ import annotations

import json

from scripts.audit import report

MACHINE = {"cores": 2}
PARTS = {
    "overhead": {"commit_overhead": 1.03, "commit_overhead_wall": 1.01, "steps": 100},
    "honest": {"false_slash": 0, "false_slash_runs": 200, "differing": []},
}


def test_document__headlines_above_details_and_misses_named() -> None:
    found = report.document(PARTS, MACHINE)
    assert (found["commit_overhead"], found["false_slash"], found["false_slash_runs"]) == (1.03, 0, 200)
    assert found["missed"] == ["commit_overhead"] and found["parts"] == PARTS
    assert json.loads(report.as_json(found)) == found


def test_document__one_false_accusation_or_too_few_runs__is_a_miss() -> None:
    assert report.document({"honest": {"false_slash": 1, "false_slash_runs": 199}}, MACHINE)["missed"] == [
        "false_slash",
        "false_slash_runs",
    ]


def test_document__what_was_not_run__has_no_figure_and_no_miss() -> None:
    found = report.document({}, MACHINE)
    assert found["missed"] == [] and "commit_overhead" not in found


def test_table__says_what_was_missed() -> None:
    lines = report.table(report.document(PARTS, MACHINE)).splitlines()
    assert lines[0].split() == ["commit_overhead", "1.03"] and lines[-1] == "missed: commit_overhead"
