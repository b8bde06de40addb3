"""Commands around audited jobs: audit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import typer

from tensorgrid.cli.jobs import JobArgument
from tensorgrid.cli.output import JsonOption, NetworkOption, amount_json, connect, pairs, print_json, print_table, say

if TYPE_CHECKING:
    from tensorgrid.runs.audit import AuditReport


def add_to(app: typer.Typer) -> None:
    app.command()(audit)


def audit(job: JobArgument, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Say how a job with --verify audit was checked: which segments were drawn, who replayed them, what each said.

    Examples: tensorgrid audit 0x1234abcd; tensorgrid audit 0x1234abcd --json
    """
    found = connect(network).run(job).audit()
    if as_json:
        print_json(_report_json(found))
        return
    pairs(
        {
            "job": "0x" + found.job.hex(),
            "now": found.phase,
            "worker": found.worker or "-",
            "segments": f"{found.done} of {found.segments} done, {len(found.covered)} replayed and right",
            "trace": _hash(found.trace_root) or "not shown yet",
        }
    )
    if not found.seats:
        say("no auditor has a seat yet")
        return
    print_table(
        ("seat", "auditor", "for", "segments", "said", "", "pay"),
        [
            (seat.number, seat.auditor, seat.purpose, _numbers(seat.segments), seat.said, seat.phase, seat.pay or "-")
            for seat in found.seats
        ],
    )
    for seat in found.seats:
        for doubt in seat.doubts:
            say(f"seat {seat.number} doubts {doubt}")


def _numbers(segments: tuple[int, ...]) -> str:
    """The first few: a second look has thirty."""
    shown = ", ".join(map(str, segments[:8]))
    return f"{shown}, … {len(segments)} in all" if len(segments) > 8 else shown or "-"


def _hash(value: bytes | None) -> str | None:
    return None if value is None else "0x" + value.hex()


def _report_json(report: AuditReport) -> dict[str, Any]:
    return {
        "job": "0x" + report.job.hex(),
        "phase": report.phase,
        "worker": report.worker,
        "segments": report.segments,
        "done": report.done,
        "result_root": _hash(report.result_root),
        "trace_root": _hash(report.trace_root),
        "audit_root": _hash(report.audit_root),
        "drawn": list(report.drawn),
        "covered": list(report.covered),
        "reaudit": report.reaudit,
        "clean": report.clean,
        "seats": [
            {
                "number": seat.number,
                "auditor": seat.auditor,
                "purpose": seat.purpose,
                "segments": list(seat.segments),
                "said": seat.said,
                "doubts": list(seat.doubts),
                "phase": seat.phase,
                "pay": amount_json(seat.pay) if seat.pay is not None else None,
            }
            for seat in report.seats
        ],
    }
