"""The arithmetic of the audit bench; its runs are `make bench-audit`."""

from __future__ import annotations

import json

import pytest
from scripts.audit import draws, gas, report
from scripts.audit.notes import Notes

from tensorgrid.domain.audit_terms import AuditTerms

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


def test_document__a_cheat_that_was_not_caught__is_a_miss() -> None:
    part = {"real_cheats_tried": 11, "real_cheats_caught": 10, "full_fake_real_runs": 20, "full_fake_real_caught": 20}
    assert report.document({"fakes": part}, MACHINE)["missed"] == ["real_cheats_caught"]


def test_draws__all_faked__found_every_time__and_the_work_done_twice_is_small() -> None:
    found = draws.drawn(200)
    assert found["detect_full_fake"] == 1.0 and found["detect_full_fake_draws"] == 200
    assert 0.04 < found["audit_compute"] <= 0.05
    caught = list(found["caught_by_percent_faked"].values())
    assert caught == sorted(caught) and 0 < caught[0] < 1


def test_draws__one_segment_drawn__a_single_hit_slashes_only_with_a_second_one() -> None:
    terms = AuditTerms(0, 0, 0, 0, segments=100, drawn=1, auditors=1, audit_bps=15_000, reaudit_bps=0, steps=1)
    one = range(1, 2)
    assert not any(draws.slashed(terms, one, job) for job in range(300))
    assert draws.replayed(terms, 0) == 1


def test_gas__read_from_the_baseline__or_says_what_to_run(tmp_path) -> None:
    found = gas.of_baseline()
    assert found["audited_job_gas"] < found["cold"]["audited_job_gas"] and found["dispute_rounds"] == 7
    with pytest.raises(SystemExit, match="make bench-gas"):
        gas.of_baseline(tmp_path / "none.json")


def test_notes__cut_in_the_middle__goes_on__other_settings_begin_anew(tmp_path, capsys) -> None:
    first = Notes("part", 3, {"runs": 3}, tmp_path)
    first.put(0, {"wrong": []}, "equal")
    again = Notes("part", 3, {"runs": 3}, tmp_path)
    assert again.get(0) == {"wrong": []} and again.get(1) is None
    assert "1 of 3: equal" in capsys.readouterr().err
    assert Notes("part", 4, {"runs": 4}, tmp_path).get(0) is None
    again.forget()
    assert Notes("part", 3, {"runs": 3}, tmp_path).get(0) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"stamp": 1, "known": []}'])
def test_notes__damaged_file__begin_anew(tmp_path, text: str) -> None:
    (tmp_path / "audit-part.part.json").write_text(text)
    assert Notes("part", 1, {}, tmp_path).get(0) is None


def test_draws__one_seat_that_meets_two_fakes__slashes_only_with_the_further_seat() -> None:
    terms = AuditTerms(0, 0, 0, 0, segments=100, drawn=2, auditors=1, audit_bps=15_000, reaudit_bps=0, steps=1)
    two = [index for seat in draws.first_draw(draws._seed(0, b"first"), 100, 1, 2) for index in seat]
    assert not draws.slashed(terms, two, 0)
    assert draws.slashed(terms, range(1, 101), 0)
