"""Commands around jobs: submit, status, watch, result, logs, cancel."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tensorgrid.cli.loading import arguments_from, function_from, texts_of
from tensorgrid.cli.output import (
    JsonOption,
    NetworkOption,
    amount_json,
    connect,
    fresh_folder,
    pairs,
    print_json,
    print_table,
    say,
)
from tensorgrid.domain.arrays import kind_of
from tensorgrid.domain.encoding import canonical_json
from tensorgrid.domain.errors import SpecInvalid
from tensorgrid.text import plain, plain_lines, point_line

if TYPE_CHECKING:
    from tensorgrid.runs.outcome import Provenance
    from tensorgrid.runs.status import RunStatus

WorkArgument = Annotated[str, typer.Argument(help="FILE.py:FUNCTION, a function with or without @tg.job.")]
ArgOption = Annotated[list[str] | None, typer.Option("--arg", "-a", help="NAME=VALUE, the value in JSON or text.")]
BudgetOption = Annotated[str | None, typer.Option(help='The ceiling, such as "5 USDC".')]
WallOption = Annotated[str | None, typer.Option(help='Longest run, such as "10m".')]
VerifyOption = Annotated[
    str | None,
    typer.Option(help='"replicate": others do it again; "audit": parts of it; "accept": you check, and silence pays.'),
]
RejectOption = Annotated[str | None, typer.Option(help='With accept: how long you may reject, such as "10m".')]
OfferOption = Annotated[
    list[Path] | None, typer.Option("--offer", help="With accept: a file with a worker's offer; the first that serves.")
]
StepsOption = Annotated[int | None, typer.Option(help="With audit: calls of tg.checkpoint in all.")]
EveryOption = Annotated[
    int | None, typer.Option("--every", help="With audit: calls per segment; default: for 100 segments.")
]
ReplicasOption = Annotated[
    int | None, typer.Option(help="With replicate: 3, or 2 workers whose past is worth the job; default: 3.")
]
AnyScoreOption = Annotated[
    bool, typer.Option("--any-score", help="With 2 replicas: go on although no two workers have such a past.")
]
StrategyOption = Annotated[
    str | None,
    typer.Option(help='Who gets the seat: "lottery", "reputation", "price", "offers", or a scheduler\'s address.'),
]
JobArgument = Annotated[str, typer.Argument(help="The job's id, or an unambiguous beginning of it.")]


def add_to(app: typer.Typer) -> None:
    for command in (submit, status, watch, result, logs, cancel, reject, claim):
        app.command()(command)


def submit(
    what: WorkArgument,
    arg: ArgOption = None,
    budget: BudgetOption = None,
    wall: WallOption = None,
    verify: VerifyOption = None,
    reject_within: RejectOption = None,
    offer: OfferOption = None,
    steps: StepsOption = None,
    every: EveryOption = None,
    replicas: ReplicasOption = None,
    any_score: AnyScoreOption = False,
    strategy: StrategyOption = None,
    no_lint: Annotated[
        bool, typer.Option("--no-lint", help="With audit: go on although the linter finds what differs.")
    ] = False,
    private: Annotated[
        bool, typer.Option("--private", help="With audit: seal code, arguments and inputs; then follow the run.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what it would cost.")] = False,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Buy a run of a function.

    Examples: tensorgrid submit train.py:train --arg epochs=3 --budget "5 USDC"; tensorgrid submit train.py:train
    --budget "1 USDC" --verify accept --offer offer.json; tensorgrid submit train.py:train --budget "20 USDC"
    --verify audit --steps 5000 --every 50; tensorgrid submit train.py:train --budget "5 USDC" --verify accept
    --strategy price
    """
    function, offers = function_from(what), texts_of(offer)
    options = chosen(budget=budget, wall=wall, verify=verify, reject_within=reject_within)
    options |= chosen(steps=steps, checkpoint_every=every, replicas=replicas, any_score=any_score or None)
    options |= chosen(strategy=strategy)
    options |= ({"lint": False} if no_lint else {}) | ({"private": True} if private else {})
    client = connect(network)
    if dry_run:
        estimate = client.estimate(function, arguments_from(arg or []), offers=offers, **options)
        names = ["price_per_worker", "reserve", "fee_at_most", "bounty", "ceiling", "likely", "refund_if_agreed"]
        names += [] if estimate.audit_fees is None else ["audit_fees"]
        names += [] if estimate.missed_pay is None else ["missed_pay"]
        names += [] if estimate.price_from is None else ["price_from"]
        names += ["if_all_asked"] if estimate.score_needed else []
        points = {"score_needed": estimate.score_needed, "covering": estimate.covering} if estimate.score_needed else {}
        if as_json:
            print_json({name: amount_json(getattr(estimate, name)) for name in names} | points)
        else:
            told = {name: getattr(estimate, name) for name in names} | points
            pairs({name.replace("_", " "): value for name, value in told.items()})
        return
    run = client.submit(function, arguments_from(arg or []), offers=offers, **options)
    if as_json:
        print_json({"id": run.hex})
    else:
        say(f"posted {run.hex}")
        if private:
            say("its worker waits for the key: follow the run, or call `tensorgrid handover` once it is taken")
        say(f"follow it: tensorgrid watch {run.hex[:12]}; fetch it: tensorgrid result {run.hex[:12]} --out result")


def chosen(**options: str | float | None) -> dict[str, Any]:
    """Those that were given: the others are the decorator's to say."""
    return {name: value for name, value in options.items() if value is not None}


def status(job: JobArgument, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Say where a job stands and what it waits for.

    Example: tensorgrid status 0x1234abcd
    """
    found = connect(network).run(job).status()
    if as_json:
        print_json(_status_json(found))
        return
    pairs(
        {
            "job": "0x" + found.id.hex(),
            "state": found.state.name.lower(),
            "now": found.phase,
            "paid": found.paid,
            "fee": found.fee,
            "returned": found.returned,
        }
        | ({"reject by": f"{found.reject_by} (chain time)"} if found.reject_by is not None else {})
        | ({"hand key by": f"{found.hand_by} (chain time)"} if found.hand_by is not None else {})
    )
    if found.seats:
        print_table(
            ("seat", "worker", "phase", "pay"),
            [(f"{s.number}{' extra' if s.extra else ''}", s.worker, s.phase, s.pay or "-") for s in found.seats],
        )


def watch(job: JobArgument, network: NetworkOption = None) -> None:
    """Follow a job until it ends: its state and the metrics it reports.

    Example: tensorgrid watch 0x1234abcd
    """
    run = connect(network).run(job)
    points, said = run.points(), ""
    for story in run.watch():
        if story.phase != said:
            said = story.phase
            say(said)
        for point in points.fresh(story):
            say(f"  {point_line(point)}")


def result(
    job: JobArgument,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Folder for the files; default: only show.")] = None,
    timeout: Annotated[float | None, typer.Option(help="Give up waiting after so many seconds.")] = None,
    delivered: Annotated[
        bool,
        typer.Option("--delivered", help="With accept: once it is delivered, while you may still reject."),
    ] = False,
    partial: Annotated[
        bool, typer.Option("--partial", help="With audit: what was made, though not to the end, or not audited.")
    ] = False,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Wait for a job, check its result against the chain, open it, and save it.

    Writes result.safetensors (tensors), result.json (the rest) and provenance.json (who made it, what it cost).

    Example: tensorgrid result 0x1234abcd --out result
    """
    run = connect(network).run(job)
    if delivered and partial:
        raise SpecInvalid("--delivered belongs to accept, --partial to audit; give one of them")
    if partial:
        found = run.partial(timeout, kind="numpy").result
    else:
        found = run.delivery(timeout, kind="numpy") if delivered else run.result(timeout, kind="numpy")
    plain_values = {name: value for name, value in found.items() if kind_of(value) is None}
    provenance = _provenance_json(found.provenance)
    if out is not None:
        folder = fresh_folder(out)
        (folder / "result.safetensors").write_bytes(found.payload)
        (folder / "result.json").write_bytes(canonical_json(plain_values) + b"\n")
        (folder / "provenance.json").write_text(json.dumps(provenance, indent=2) + "\n")
    if as_json:
        print_json({"values": plain_values, "provenance": provenance, "out": str(out) if out else None})
        return
    pairs({plain(name, 64): value for name, value in found.items()} or {"result": "empty"})
    checked = "checked against the chain" if provenance["agreed_by"] else "checked by nobody but you"
    say(f"{checked}; made by {provenance['worker']}, {provenance['cost']['text']} in all")
    if out is not None:
        say(f"saved in {out}/")


def logs(job: JobArgument, network: NetworkOption = None, as_json: JsonOption = False) -> None:
    """Show what the function printed, on each worker that has revealed.

    Example: tensorgrid logs 0x1234abcd
    """
    found = connect(network).run(job).logs()
    if as_json:
        print_json(found)
        return
    for worker, text in found.items():
        say(f"--- {worker}")
        for line in plain_lines(text).splitlines():
            say(line)
    if not found:
        say("no worker has revealed a log yet")


def cancel(job: JobArgument, network: NetworkOption = None) -> None:
    """Take a job back, with all its money, as long as the draw of workers is not fixed.

    Example: tensorgrid cancel 0x1234abcd
    """
    back = connect(network).run(job).cancel()
    say(f"cancelled; {back} came back to your free balance")


def reject(job: JobArgument, network: NetworkOption = None) -> None:
    """Refuse what was delivered for a job with --verify accept, within its time: a jury decides, a bond is locked.

    Example: tensorgrid reject 0x1234abcd
    """
    bond = connect(network).run(job).reject()
    say(f"rejected; {bond} are locked until the jury has decided: fetch them with `tensorgrid claim {job}`")


def claim(job: JobArgument, network: NetworkOption = None) -> None:
    """Bring the bond of a rejected job home, once the jury has decided.

    Example: tensorgrid claim 0x1234abcd
    """
    back = connect(network).run(job).claim()
    say(f"{back} came back to the wallet" if back else "nothing came back: the jury found the work right")


def _status_json(status: RunStatus) -> dict[str, Any]:
    return {
        "id": "0x" + status.id.hex(),
        "state": status.state.name.lower(),
        "phase": status.phase,
        "ended": status.ended,
        "deadline": status.deadline,
        "reject_by": status.reject_by,
        "paid": amount_json(status.paid),
        "fee": amount_json(status.fee),
        "returned": amount_json(status.returned),
        "seats": [
            {
                "worker": seat.worker,
                "number": seat.number,
                "extra": seat.extra,
                "phase": seat.phase,
                "pay": amount_json(seat.pay) if seat.pay is not None else None,
            }
            for seat in status.seats
        ],
    }


def _provenance_json(provenance: Provenance) -> dict[str, Any]:
    return {
        "job": "0x" + provenance.job.hex(),
        "worker": provenance.worker,
        "agreed_by": list(provenance.agreed_by),
        "paid": amount_json(provenance.paid),
        "cost": amount_json(provenance.cost),
        "result_root": "0x" + provenance.root.hex(),
        "sealed_cid": str(provenance.sealed_cid),
        "transactions": list(provenance.transactions),
    }
