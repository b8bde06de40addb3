"""Cheats on a running network, as many as are asked for: who was tried, who was caught, and by whom."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tensorgrid as tg
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.jobs import Fault
from tensorgrid.parameters import NetworkParameters
from tensorgrid.runs.run import Run

from .notes import Notes
from .training import train

ROOT = Path(__file__).parents[2]
MODULE = "scripts.audit.cheats"
SEGMENTS, EVERY = 20, 2
WORKERS = 4
AT_ONCE = 12
"""Seats that a worker has at once, its own jobs and those that it audits."""
STAKES = 48
"""Times the usual: a cheat loses a job's stake each time, and many jobs are open at once."""
OPEN, BUSY = 12, 2
"""Jobs that are open at most, and those of them that anybody still computes for: the others wait for a clock."""
PATIENCE = 900
"""Seconds that one job may take."""
RUNS = 20
HONEST = "honest"
SILENT = ("withheld_opening",)
"""Cheats for whom a clock runs as well, and who do nothing in it."""
AS_WORKER = (
    "random_weights",
    "stale_weights",
    "other_data",
    "fewer_steps",
    "other_rate",
    "right_until_k",
    "curve_of_another",
    "copied_commitment",
    "withheld_opening",
    "garbage_ciphertext",
)
AS_AUDITOR = "lazy_auditor"


@dataclass(frozen=True, slots=True)
class Tried:
    """One job. `caught`: a cheat as a worker was slashed and not paid; as an auditor he was not paid and lost his bond,
    and the work was judged all the same. An honest one: anything but paid and found right. `said`: the accusations."""

    cheat: str
    caught: bool
    fault: str
    paid: int
    said: tuple[str, ...]
    seconds: float

    @property
    def verdict(self) -> str:
        """For people."""
        if self.cheat == HONEST:
            return "accused" if self.caught else "paid"
        return "caught" if self.caught else "not caught"


Note = Callable[[int, Tried], None]
POLL = 0.5
MUTE = 20
"""Seconds after which somebody who has not answered a doubt is taken not to be able to."""
LONG = 60
"""Seconds after which nobody waits for a job to be answered, to post the next one."""


class Scene:
    """A devnet whose workers cheat as they are told, job by job; what they are not told they do honestly."""

    def __init__(self, net: Devnet) -> None:
        self.net, self.client = net, Client(net.network_file)
        self._told = net.folder / "workers" / "cheats"
        self._told.mkdir()

    def try_all(self, names: Sequence[str], note: Note = lambda _, __: None) -> list[Tried]:
        """As many at once as there is room for; in the order given. `note` gets the place and what was found of each,
        as soon as it is. Raises TimeoutError and what the network raises."""
        left, waiting, found = list(enumerate(names)), list[_Open](), dict[int, Tried]()
        while left or waiting:
            for one in [one for one in waiting if one.over()]:
                waiting.remove(one)
                found[one.place] = self._ended(one)
                note(one.place, found[one.place])
            if left and len(waiting) < OPEN and sum(one.computes() for one in waiting) < BUSY:
                place, name = left.pop(0)
                waiting.append(_Open(place, name, self._post(name), time.monotonic()))
                continue
            self._skip(waiting)
            time.sleep(POLL)
        return [found[place] for place in sorted(found)]

    def _skip(self, waiting: Sequence[_Open]) -> None:
        """Set the chain's clock forward where all that is open waits for it: no cheat has a bond to contest with."""
        if any(one.stalls() for one in waiting) and all(one.stalls() or one.name in SILENT for one in waiting):
            for one in waiting:
                one.skipped, one.spoken = one.doubts(), 0.0
            plan = waiting[0].run.story().audit
            assert plan is not None
            self.net.advance(plan.plan.answer_time + 1)

    def _post(self, name: str) -> Run:
        import torch

        generator = torch.Generator().manual_seed(7)
        x = torch.randn(64, 8, generator=generator)
        options = {"verify": "audit", "steps": SEGMENTS * EVERY, "checkpoint_every": EVERY, "budget": "20 USDC"}
        buyable = tg.job(**options, wall="30s", memory="640MiB", output="1MiB", keep_bytes="64MiB")(train)
        run = buyable.options(client=self.client).submit(x=x, y=(x[:, 0] > 0).long(), steps=SEGMENTS * EVERY)
        (self._told / run.id.hex()).write_text(name)
        return run

    @staticmethod
    def _ended(one: _Open) -> Tried:
        story, seconds, name = one.run.story(), round(time.monotonic() - one.began, 1), one.name
        seats, audit = story.in_order, story.audit
        place = 1 if name == AS_AUDITOR else 0
        if audit is None or len(seats) <= place:
            return Tried(name, caught=False, fault="nobody came", paid=0, said=(), seconds=seconds)
        worker, cheat = seats[0], seats[place]
        doubts = tuple(f"{doubt.about}: {doubt.said}" for doubt in audit.doubts)
        right = bool(worker.pay) and worker.agreed
        if name == HONEST:
            caught = not right
        else:
            caught = not cheat.pay and cheat.fault is (Fault.NO_SHOW if place else Fault.SLASHED)
            caught = caught and (right or not place)
        return Tried(name, caught, cheat.fault.name, cheat.pay or 0, doubts, seconds)


@dataclass(slots=True)
class _Open:
    """A job that was posted, and has not ended when it was last looked at. `skipped`: doubts that were waited for.

    `spoken`: when all auditors had answered."""

    place: int
    name: str
    run: Run
    began: float
    skipped: int = 0
    spoken: float = 0.0

    def over(self) -> bool:
        """Raises TimeoutError."""
        if time.monotonic() - self.began > PATIENCE:
            raise TimeoutError(
                f"job {self.run.hex} ({self.name}) has not ended after {PATIENCE} s; is the machine idle?"
            )
        return self.run.story().state.ended

    def doubts(self) -> int:
        audit = self.run.story().audit
        return 0 if audit is None else len(audit.doubts)

    def stalls(self) -> bool:
        """Whether all auditors have spoken, one has doubts, and the worker has shown what he has, or has nothing to:
        a clock runs for him, and nothing else happens."""
        audit = self.run.story().audit
        if audit is None or len(audit.doubts) <= self.skipped:
            return False
        if any(number not in audit.answers for number in audit.seated):
            return False
        self.spoken = self.spoken or time.monotonic()
        shown = all(doubt.state is ClaimState.DIFFERS for doubt in audit.doubts)
        return shown or time.monotonic() - self.spoken > MUTE

    def computes(self) -> bool:
        """Whether somebody trains or replays for it. Where nothing was opened in time, nobody does."""
        audit, age = self.run.story().audit, time.monotonic() - self.began
        if audit is None or not audit.seated:
            return age < LONG
        return any(number not in audit.answers for number in audit.seated) and age < LONG


@contextmanager
def scene() -> Iterator[Scene]:
    """On a network of its own, with fewer segments than are shipped, and no re-audits. Auditors have time for a machine
    that does much else: nobody waits for it, the clock is set forward."""
    shipped = NetworkParameters.load("devnet")
    assert shipped.audit is not None
    audit = replace(shipped.audit, segments=SEGMENTS, respond=30, audit=150, reaudit_bps=0)
    parameters = replace(shipped, audit=audit)
    hook = WorkerHook(MODULE, STAKES, {"capacity": AT_ONCE, "max_threads": 2 * AT_ONCE})
    path, before = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]), os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = path.rstrip(os.pathsep)
    try:
        with (
            tempfile.TemporaryDirectory(prefix="tensorgrid-cheats-") as folder,
            Devnet(
                Path(folder),
                workers=WORKERS,
                hooks=dict.fromkeys(range(WORKERS), hook),
                parameters=parameters,
                start_workers=False,
                hold=True,
            ) as net,
        ):
            _open(net)
            yield Scene(net)
    finally:
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before


def fakes(runs: int = RUNS, honest: int = RUNS) -> dict[str, Any]:
    """Each cheat once, whole fakes (random weights) until there are `runs` of them, and `honest` honest jobs between
    them: real jobs on one network, each trained, drawn, replayed and settled."""
    full = AS_WORKER[0]
    wanted = _mixed([*AS_WORKER, AS_AUDITOR, *[full] * (runs - 1)], [HONEST] * honest)
    notes = Notes("fakes", len(wanted), {"wanted": wanted, "segments": SEGMENTS})
    left = [place for place in range(len(wanted)) if notes.get(place) is None]
    if left:
        with scene() as found:

            def note(at: int, one: Tried) -> None:
                told = f"{one.cheat} {one.verdict}, {one.seconds:.0f} s"
                notes.put(left[at], asdict(one), told)

            found.try_all([wanted[place] for place in left], note)
    tried = [Tried(**notes.get(place)) for place in range(len(wanted))]
    notes.forget()
    return _counted(tried, full)


def _counted(tried: Sequence[Tried], full: str) -> dict[str, Any]:
    whole = [one for one in tried if one.cheat == full]
    kinds = list({one.cheat: one for one in reversed(tried) if one.cheat != HONEST}.values())
    right = [one for one in tried if one.cheat == HONEST]
    return {
        "real_cheats_tried": len(kinds),
        "real_cheats_caught": sum(one.caught for one in kinds),
        "full_fake_real_runs": len(whole),
        "full_fake_real_caught": sum(one.caught for one in whole),
        "false_slash_network": sum(one.caught for one in right),
        "false_slash_network_runs": len(right),
        "segments": SEGMENTS,
        "tried": [asdict(one) for one in tried],
    }


def _mixed(some: Sequence[str], others: Sequence[str]) -> list[str]:
    """In turns, as long as there are both."""
    longest = max(len(some), len(others))
    return [each[at] for at in range(longest) for each in (some, others) if at < len(each)]


def _open(net: Devnet) -> None:
    """Registered for several jobs at once, and at work."""
    registry = net.contracts.registry
    for worker in net.workers:
        profile = replace(registry.profile_of(worker.address), capacity=AT_ONCE)
        Sender(net.connection, worker.provider).transact(registry.update(worker.address, profile))
        worker.start()
    for worker in net.workers:
        worker.await_ready()
    net.resume_mining()
