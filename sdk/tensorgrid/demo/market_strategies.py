"""First part: the same job, given out four ways."""

from __future__ import annotations

from typing import Any

from tensorgrid.chain.records import Draw
from tensorgrid.demo.market_stage import LEAST, MORE, WORKERS, MarketStage
from tensorgrid.demo.primes import primes
from tensorgrid.demo.report import table_of
from tensorgrid.domain.jobs import job_seed
from tensorgrid.overview.reading import lens_of
from tensorgrid.runs.run import Run
from tensorgrid.runs.story import Story

BELOW, BUDGET = 100, "1.20 USDC"
WORK: dict[str, Any] = {"wall": "30s", "memory": "512MiB", "output": "1MiB"}
LOOKS = (0, 2, 4, 6, 8)
"""Seconds into the time to take at which all workers are asked about."""
SAYS = {
    "lottery": "by lot, the chance as the stake",
    "reputation": "who has done checked work before comes first",
    "price": "the price rises until somebody takes",
    "offers": "Bob has a worker's signed offer",
}


def strategies(stage: MarketStage) -> dict[str, Any]:
    """Returns who got the job under each strategy, and at what price."""
    stage.title("1. The same job, given out four ways")
    stage.say("A job that three do alike comes first: whoever was right in it has a past.")
    past = stage.bob.submit(primes, {"below": BELOW}, budget="4 USDC", **WORK)
    stage.follow(past)
    told = stage.end(past, "for a past")
    stage.say(f"{stage.numbers_of(seat.worker for seat in told.agreed)} agreed, were paid, and have a score now.", "")
    bought = {name: _buy(stage, name) for name in SAYS}
    for name, run in bought.items():
        stage.wait_for(lambda run=run: run.look().state.ended, f"the end of the job given out by {name}")  # type: ignore[misc]
        stage.end(run, name)
    found = {name: _told(stage, name, run) for name, run in bought.items()}
    _print(stage, found)
    return found


def _buy(stage: MarketStage, name: str) -> Run:
    """Posted, and taken: what is left is the work and Bob's time to object."""
    options: dict[str, Any] = {"budget": BUDGET, "verify": "accept", "reject_within": "8s", "strategy": name, **WORK}
    if name == "offers":
        asked = stage.usd(LEAST + MORE)
        options["offers"] = [stage.offer_of(stage.net.workers[1], asked)]
    run = stage.bob.submit(primes, {"below": BELOW}, **options)
    story: Story = stage.wait_for(lambda: (now := run.story()).in_order and now, f"a worker to take it by {name}")
    seat = story.in_order[0]
    stage.say(f"{name}, {SAYS[name]}: {stage.name(seat.worker)} takes it for {stage.usd(seat.price)}")
    if name != "offers":
        asked_at = ", ".join(f"{count} at {at} s" for at, count in _let_in(stage, run, story).items())
        stage.say(f"  of {WORKERS} workers it would have let in {asked_at}")
    return run


def _let_in(stage: MarketStage, run: Run, story: Story) -> dict[int, int]:
    """How many workers, by seconds since the posting, as NetworkLens tells for all of them in one call."""
    posted = stage.net.connection.block(story.posted_block)
    value = stage.contracts.beacon.value_of(story.round)
    assert posted is not None and any(value), "somebody was drawn by it"
    draw = Draw(job_seed(run.id, value), posted.timestamp, story.terms.take_by)
    workers = [worker.address for worker in stage.net.workers]
    lens = lens_of(stage.contracts)
    return {
        at: sum(quote.may for quote in lens.quotes(story.terms, draw, workers, posted.timestamp + at)) for at in LOOKS
    }


def _told(stage: MarketStage, name: str, run: Run) -> dict[str, Any]:
    story = run.story()
    seat = story.in_order[0]
    number = next(worker.number for worker in stage.net.workers if worker.address == seat.worker)
    least = LEAST + MORE * (number - 1)
    stage.demand(seat.pay == seat.price, f"{name}: the worker was not paid his price")
    stage.demand(least <= seat.price <= story.terms.price, f"{name}: {seat.price} units is no price that both named")
    if name == "offers":
        stage.demand(seat.price == least and number == 2, "the job did not go to the offer at its price")
    return {"worker": number, "price": str(seat.price), "asks": str(least), "most": str(story.terms.price)}


def _print(stage: MarketStage, found: dict[str, dict[str, Any]]) -> None:
    shown = table_of("One job, four ways", "strategy", "worker", "asks at least", "is paid", "Bob's ceiling")
    for name, told in found.items():
        prices = [str(stage.usd(int(told[key]))) for key in ("asks", "price", "most")]
        shown.add_row(name, f"worker {told['worker']}", *prices)
    stage.console.print(shown)
