"""Commands around signed orders: order, relay, revoke."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tensorgrid.cli.jobs import (
    AnyScoreOption,
    ArgOption,
    BudgetOption,
    EveryOption,
    OfferOption,
    RejectOption,
    ReplicasOption,
    StepsOption,
    VerifyOption,
    WallOption,
    WorkArgument,
    chosen,
)
from tensorgrid.cli.loading import arguments_from, function_from, text_of, texts_of
from tensorgrid.cli.output import JsonOption, NetworkOption, connect, print_json, say

OrderArgument = Annotated[Path, typer.Argument(help="A file that `tensorgrid order` wrote; - is standard input.")]


def add_to(app: typer.Typer) -> None:
    for command in (order, relay, revoke):
        app.command()(command)


def order(
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
    fee: Annotated[str | None, typer.Option(help='What whoever posts it gets, such as "0.05 USDC".')] = None,
    relayer: Annotated[str | None, typer.Option(help="The only address that may post it; default: anyone.")] = None,
    worker: Annotated[
        list[str] | None, typer.Option(help="With accept: whose offers may be used; default: those given, or any.")
    ] = None,
    post_within: Annotated[str, typer.Option(help="How long the order is good.")] = "10m",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="Where to; default: standard output.")] = None,
    network: NetworkOption = None,
) -> None:
    """Sign a job for somebody else to post: it costs no gas, and the money must be in the escrow already.

    Example: tensorgrid order train.py:train --budget "5 USDC" --fee "0.05 USDC" --out order.json
    """
    signed = connect(network).order(
        function_from(what),
        arguments_from(arg or []),
        relay_fee=fee,
        relayer=relayer,
        post_within=post_within,
        workers=worker or (),
        offers=texts_of(offer),
        **chosen(budget=budget, wall=wall, verify=verify, reject_within=reject_within),
        **chosen(steps=steps, checkpoint_every=every, replicas=replicas, any_score=any_score or None),
    )
    if out is None:
        print(signed.to_json())
        return
    out.write_text(signed.to_json() + "\n", encoding="utf-8")
    say(f"signed job 0x{signed.id.hex()} into {out}; hand it to a relayer, who runs `tensorgrid relay {out}`")


def relay(
    order: OrderArgument,
    offer: OfferOption = None,
    least_fee: Annotated[str | None, typer.Option(help='Post for no less than this, such as "0.05 USDC".')] = None,
    network: NetworkOption = None,
    as_json: JsonOption = False,
) -> None:
    """Post a job that its requester has signed, and get the fee he offers for it.

    Example: tensorgrid relay order.json --least-fee "0.05 USDC"
    """
    run = connect(network).relay(text_of(order), offers=texts_of(offer), least_fee=least_fee)
    if as_json:
        print_json({"id": run.hex})
    else:
        say(f"posted {run.hex}; the fee is free in your escrow")


def revoke(order: OrderArgument, network: NetworkOption = None) -> None:
    """Take an order back that you have signed, before somebody posts it.

    Example: tensorgrid revoke order.json
    """
    connect(network).revoke(text_of(order))
    say("revoked; nobody can post it any more")
