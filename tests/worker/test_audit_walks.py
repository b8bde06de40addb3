"""The last segment of a trace, short or failed, in dispute: both sides and the jury find the same steps."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.worker.audits import PLAN, make_picture
from tests.worker.jobs import JOB
from tests.worker.test_audit_disputes import MATCH, play
from tests.worker.test_traces import (
    EVERY,
    MakeAudited,
    executor_of,
    make_audited,  # noqa: F401 - a fixture
    run_of,
)

from tensorgrid.chain.jury import Decision
from tensorgrid.domain.jobs import ExitClass
from tensorgrid_worker.auditing.judging import Question
from tensorgrid_worker.auditing.segments import Walk, walk
from tensorgrid_worker.jobs.endings import ended
from tensorgrid_worker.sandbox.plain import Plain

MOST = 10
LIE = b"\x77" * 32


class World:
    """A run to its end, and the disputed last segment of it, from both of the states that a party can start from."""

    def __init__(self, make: MakeAudited, **arguments: Any) -> None:
        self.task = make(every=EVERY, arguments=arguments)
        run = run_of(self.task, Plain())
        assert run.traced is not None, run.log.decode()
        self.trace, self.exit = ended(run.traced, self.task.spec, self.task.seed, JOB, run.exit, MOST)
        plan = replace(PLAN, steps=EVERY, segments=MOST)
        self.audit = make_picture()
        self.audit = replace(self.audit, terms=replace(self.audit.terms, verifier_params=plan.pack()))
        self.index = len(self.trace.segments)
        self.kept = run.traced.kept

    def walk(self, *, kept: bool) -> Walk:
        folder: Path = self.task.folder
        start = self.kept.take(self.index - 1, folder / "start") if kept else None
        return walk(executor_of(Plain()), self.audit, self.task, self.index, start, stop=Event())


SHORT, FAILED, AT_ONCE = (
    {"steps": 10},
    {"steps": 12, "fault": "assert step < 10"},
    {"steps": 12, "fault": "assert step < 8"},
)


@pytest.mark.parametrize(
    ("arguments", "exit_class", "done"),
    [(SHORT, ExitClass.OK, 2), (FAILED, ExitClass.RAISED, 2), (AT_ONCE, ExitClass.RAISED, 0)],
    ids=["short", "failed", "failed in its first step"],
)
def test_last_segment__padded_with_its_end__the_same_for_worker_challenger_and_juror(
    make_audited: MakeAudited,  # noqa: F811
    arguments: dict[str, Any],
    exit_class: ExitClass,
    done: int,
) -> None:
    world = World(make_audited, **arguments)
    assert (world.exit, world.index) == (exit_class, 3)
    mine, theirs = world.walk(kept=True), world.walk(kept=False)
    assert mine == theirs and len(mine.states) == EVERY + 1
    end = world.trace.segments[-1].state
    assert mine.states[0] == world.trace.state_before(3)
    changed = [before != after for before, after in zip(mine.states, mine.states[1:], strict=False)]
    failed = exit_class is not ExitClass.OK
    assert changed == [step < done + failed for step in range(EVERY)]
    assert mine.states[-1] == end and set(mine.states[done + failed :]) == {end}


@pytest.mark.parametrize("arguments", [SHORT, FAILED], ids=["short", "failed"])
def test_dispute_over_it__whoever_lies_anywhere__the_jury_finds_the_honest_side_right(
    make_audited: MakeAudited,  # noqa: F811
    arguments: dict[str, Any],
) -> None:
    honest = World(make_audited, **arguments).walk(kept=True)
    for left_at in range(1, EVERY + 1):
        liar = Walk((*honest.states[:left_at], *[LIE] * (EVERY + 1 - left_at)))
        for defender, challenger, wrong in ((liar, honest, Decision.ACCUSED), (honest, liar, Decision.ACCUSER)):
            match = replace(MATCH, start=honest.states[0], defended=defender.states[-1], steps=EVERY)
            span, _ = play(defender, challenger, match)
            asked = Question(b"\x31" * 32, (2, 0), match, 3, span.low, span.agreed, span.defended)
            assert asked.answer(honest) is wrong, (left_at, span)
