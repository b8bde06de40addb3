"""Commands around audited jobs: audit, continue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid.cli.jobs import BudgetOption, JobArgument, StepsOption, chosen
from tensorgrid.cli.output import JsonOption, NetworkOption, amount_json, connect, pairs, print_json, print_table, say

if TYPE_CHECKING:
    from tensorgrid.runs.audit import AuditReport


TakeOption = Annotated[str | None, typer.Option("--take-within", help='How long workers may take it, such as "10m".')]


def add_to(app: typer.Typer) -> None:
    for command in (audit, continue_):
        app.command(command.__name__.rstrip("_"))(command)


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
        | ({} if found.continues is None else {"continues": "0x" + found.continues.hex()})
        | ({"snapshots": _snapshots(found)} if found.snapshots else {})
    )
    for mismatch in found.mismatches:
        say(f"SnapshotMismatch: {mismatch}")
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


def continue_(
    job: JobArgument,
    budget: BudgetOption = None,
    take_within: TakeOption = None,
    steps: StepsOption = None,
    unaudited: Annotated[
        bool, typer.Option("--unaudited", help="Go on also from what no auditor has found right.")
    ] = False,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Buy the rest of a training with --verify audit that ended early: a new job, which begins with its last state.

    Examples: tensorgrid continue 0x1234abcd; tensorgrid continue 0x1234abcd --budget "8 USDC"
    """
    given = chosen(budget=budget, take_within=take_within, steps=steps)
    run = connect(network).run(job).resume(unaudited=unaudited, **given)
    resume = run.spec.resume
    assert resume is not None, "it was bought as one"
    if as_json:
        print_json(
            {"id": run.hex, "continues": "0x" + resume.job.hex(), "segment": resume.segment, "step": resume.step}
        )
    else:
        say(f"posted {run.hex}, which goes on from step {resume.step}; fetch it: tensorgrid result {run.hex[:12]}")


def _snapshots(report: AuditReport) -> str:
    last, block = report.snapshots[-1]
    said = "all in the trace" if report.compared and not report.mismatches else "not compared"
    if report.mismatches:
        said = f"{len(report.mismatches)} not in the trace"
    return f"{len(report.snapshots)}, the last of segment {last} in block {block}; {said}"


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
        "continues": _hash(report.continues),
        "snapshots": [{"segment": segment, "block": block} for segment, block in report.snapshots],
        "compared": report.compared,
        "mismatches": [
            {
                "segment": one.segment,
                "block": one.block,
                "shown": _hash(one.shown),
                "committed": _hash(one.committed),
            }
            for one in report.mismatches
        ],
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
