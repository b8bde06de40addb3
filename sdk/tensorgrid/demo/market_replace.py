"""Second part: a worker takes a job and falls silent; another has it, and Bob does nothing."""

from __future__ import annotations

from typing import Any

from tensorgrid.demo.market_stage import MarketStage
from tensorgrid.demo.primes import primes
from tensorgrid.domain.money import Amount

SILENT = 0
WORK: dict[str, Any] = {
    "budget": "1.20 USDC",
    "wall": "20s",
    "memory": "512MiB",
    "output": "1MiB",
    "verify": "accept",
    "reject_within": "8s",
    "strategy": "lottery",
    "reopens": 1,
}


def replace_silent(stage: MarketStage) -> dict[str, Any]:
    """Returns who fell silent, what it cost him, and who did the work."""
    stage.title("2. A worker falls silent, and is replaced")
    silent = stage.net.workers[SILENT]
    with stage.alone(silent):
        run = stage.bob.submit(primes, {"below": 60}, **WORK)
        stage.wait_for(lambda: run.story().in_order, "worker 1 to take the job")
        silent.kill()
    story = run.story()
    stage.say(f"worker {silent.number} takes the job, and is killed with -9: nobody will hear of him again.")
    left = (story.work_by or 0) - stage.net.connection.now()
    stage.say(f"He has {left} s to deliver: the chain's clock is set forward.")
    stage.net.advance(max(left, 0) + 1)
    story = stage.follow(run)
    ended = stage.end(run, "replaced")
    lost = [seat for seat in ended.lost if seat.worker == silent.address]
    seat = ended.in_order[0] if ended.in_order else None
    stage.demand(len(lost) == 1, "the silent worker did not lose his seat")
    stage.demand(seat is not None and seat.worker != silent.address and bool(seat.pay), "nobody replaced him")
    stage.demand(ended.reopened is not None and ended.reopened.count == 1, "the seat was not opened again, once")
    found = run.result(kind="numpy")["primes"]
    stage.demand(len(found) == 17, "the other worker's result is wrong")
    bond = Amount(ended.terms.no_show_bond, stage.tgs)
    who = "nobody" if seat is None else stage.name(seat.worker)
    stage.say(
        f"A new future round drew {who}, who delivered the {len(found)} primes below 60 and was paid.",
        f"worker {silent.number} lost {bond} of his stake, burned, and rests before he may take again.",
    )
    silent.start()
    silent.await_ready()
    return {
        "silent": silent.number,
        "burned": str(bond.units),
        "by": who,
        "reopened": 0 if ended.reopened is None else ended.reopened.count,
    }
