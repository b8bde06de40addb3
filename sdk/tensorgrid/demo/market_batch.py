"""Third part: a thousand items over ten workers, one of whom makes some of them up."""

from __future__ import annotations

import time
from typing import Any

from tensorgrid.demo import DemoFailed
from tensorgrid.demo.market_stage import PATIENCE, WORKERS, MarketStage
from tensorgrid.demo.market_work import ITEMS, Task, classify, task
from tensorgrid.demo.report import table_of
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.jobs import Fault, JobState
from tensorgrid.domain.money import Amount
from tensorgrid.runs.batch import Batch
from tensorgrid.runs.run import Run
from tensorgrid.runs.story import Story

LEAST_ACCURACY = 0.85
WORK: dict[str, Any] = {
    "verify": "audit",
    "budget": "60 USDC",
    "wall": "60s",
    "take_within": "30s",
    "memory": "1GiB",
    "output": "4MiB",
    "keep_bytes": "64MiB",
    "retries": 6,
    "return_failures": True,
}


def batch(stage: MarketStage) -> dict[str, Any]:
    """Returns how many answers were right, who was caught, and at which items."""
    stage.title(f"3. {ITEMS} images over {WORKERS} workers, one of whom makes some answers up")
    asked = task(0)
    stage.say(f"Bob has trained a classifier. Each of {ITEMS} images is an item; all are under one Merkle root.")
    shared = {"weights": asked.weights}
    stage.say(f"{stage.bob.estimate_map(classify, asked.images, workers=WORKERS, shared=shared, **_priced())}.")
    with stage.alone(stage.faker):
        bought = stage.bob.map(classify, asked.images, workers=WORKERS, shared=shared, **WORK)
        root = bought.root.hex()
        stage.say(f"One transaction posts {len(bought.runs)} slices under root 0x{root[:16]}…")
        stage.wait_for(lambda: _seats_of(stage, bought), f"{stage.name(stage.faker.address)} to take a slice")
    took = time.monotonic()
    _wait(stage, bought)
    seconds = time.monotonic() - took
    return _judge(stage, bought, asked) | {"root": "0x" + root, "items": ITEMS, "batch_seconds": round(seconds, 1)}


def _priced() -> dict[str, Any]:
    return {name: value for name, value in WORK.items() if name not in ("retries", "return_failures")}


def _seats_of(stage: MarketStage, bought: Batch) -> list[Run]:
    """Slices that the faker has."""
    return [run for run in bought.runs if stage.faker.address in run.story().seats]


# ------------------------------------------------------------------------------------------------------------- waiting


def _wait(stage: MarketStage, bought: Batch) -> None:
    """Until every item has its answer, a line per change."""
    give_up, said = time.monotonic() + 2 * PATIENCE, ""
    while len(bought) > (now := bought.progress()).done + now.failed:
        if str(now) != said:
            said = str(now)
            stage.say(f"  {said}")
        _skip_idle_time(stage, bought)
        if time.monotonic() > give_up:
            raise DemoFailed(
                f"waited {2 * PATIENCE} s for the batch: {now}; see the logs in {stage.net.folder / 'logs'}"
            )
        time.sleep(0.5)
    stage.say(f"  {bought.progress()}")


def _skip_idle_time(stage: MarketStage, bought: Batch) -> None:
    """Once nothing is left but the time that a caught worker has to contest, for which he has no bond."""
    running = [story for run in bought.runs if not (story := run.story()).state.ended]
    if not running or not all(_only_time_passes(story) for story in running):
        return
    plan = running[0].audit
    assert plan is not None, "its audit waits"
    seconds = plan.plan.answer_time
    stage.say(f"He has {seconds} s to contest what was found, and no bond for that: the clock is set forward.")
    stage.net.advance(seconds + 1)
    stage.wait_for(lambda: not any(_still(run, running) for run in bought.runs), "the slices he was caught in to end")


def _only_time_passes(story: Story) -> bool:
    """Auditors doubt something, all of them have spoken, and the worker has answered everything."""
    audit = story.audit
    if story.state is not JobState.COMMITTED or audit is None or not audit.doubts:
        return False
    spoken = all(number in audit.answers for number in audit.seated)
    return spoken and all(doubt.state is ClaimState.DIFFERS for doubt in audit.doubts)


def _still(run: Run, before: list[Story]) -> bool:
    """Whether the run was waiting then and waits for the same now."""
    story = run.story()
    same = any(story.terms.nonce == one.terms.nonce for one in before)
    return same and not story.state.ended and _only_time_passes(story)


# ------------------------------------------------------------------------------------------------------------- judging


def _judge(stage: MarketStage, bought: Batch, asked: Task) -> dict[str, Any]:
    found = bought.results(timeout=PATIENCE)
    right = [classify(image, asked.weights) for image in asked.images]
    same = sum(one == other for one, other in zip(found, right, strict=True))
    named = sum(one == {"digit": label} for one, label in zip(found, asked.labels, strict=True)) / ITEMS
    stage.demand(same == ITEMS, f"{ITEMS - same} answers are not what the classifier says")
    stage.demand(named >= LEAST_ACCURACY, f"only {named:.1%} of the images are named rightly")
    stories = [stage.end(run, f"slice {number}") for number, run in enumerate(bought.runs, 1)]
    slashed = [seat for story in stories for seat in story.in_order if seat.fault is Fault.SLASHED]
    stage.demand(bool(slashed), "nobody was caught")
    stage.demand(
        all(seat.worker == stage.faker.address for seat in slashed), "somebody else than the faker lost his stake"
    )
    _print(stage, bought, stories)
    items = sorted({item for run in bought.runs for item in _caught_at(run)})
    lost = Amount(sum(seat.slashed or 0 for seat in slashed), stage.tgs)
    stage.say(
        f"{same} of {ITEMS} answers are what Bob's classifier says, and {named:.1%} of the images are named rightly.",
        f"{stage.name(stage.faker.address)} was caught at items such as {', '.join(map(str, items[:6]))}, and lost",
        f"{lost}. Others did anew what he had, with the money that came back.",
    )
    return {
        "right": same,
        "accuracy": named,
        "slices": len(bought.runs),
        "workers": len({story.in_order[0].worker for story in stories if story.in_order}),
        "slashed": str(lost.units),
        "caught_at": items,
        "again": bought.progress().again,
    }


def _caught_at(run: Run) -> list[int]:
    """The items that an auditor doubts: an item is a segment of its slice's trace."""
    slice_, audit = run.spec.batch, run.story().audit
    assert slice_ is not None and audit is not None, "it was bought as an audited slice"
    return [slice_.first + doubt.index - 1 for doubt in audit.doubts if doubt.index]


def _print(stage: MarketStage, bought: Batch, stories: list[Story]) -> None:
    shown = table_of("The slices", "slice", "items", "worker", "auditors", "ends", "worker is paid")
    for number, (run, story) in enumerate(zip(bought.runs, stories, strict=True), 1):
        part = run.spec.batch
        assert part is not None, "a batch is made of slices"
        worker = story.in_order[0] if story.in_order else None
        auditors = stage.numbers_of(seat.worker for seat in story.extra_seats) or "-"
        name = stage.name(worker.worker) if worker else "-"
        pay = str(stage.usd(worker.pay or 0)) if worker else "-"
        shown.add_row(str(number), f"{part.first} to {part.first + part.items - 1}", name, auditors, story.phase, pay)
    stage.console.print(shown)
