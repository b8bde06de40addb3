"""Cheats on a running network, as many as are asked for: who was tried, who was caught, and by whom."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import tensorgrid as tg
from tensorgrid.chain.send import Sender
from tensorgrid.client import Client
from tensorgrid.devnet import Devnet, WorkerHook
from tensorgrid.domain.jobs import Fault
from tensorgrid.parameters import NetworkParameters
from tensorgrid.runs.run import Run

from .training import train

ROOT = Path(__file__).parents[2]
MODULE = "scripts.audit.cheats"
SEGMENTS, EVERY = 20, 2
WORKERS = 4
AT_ONCE = 4
"""Seats that a worker has at once, its own jobs and those that it audits."""
STAKES = 8
"""Times the usual: a cheat loses a job's stake each time."""
PATIENCE = 240
RUNS = 20
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
    """One cheat. `caught`: as a worker he was slashed and not paid; as an auditor he was not paid and lost his bond,
    and the work was judged all the same. `said`: the accusations that were not answered rightly."""

    cheat: str
    caught: bool
    fault: str
    paid: int
    said: tuple[str, ...]
    seconds: float


class Scene:
    """A devnet whose workers cheat as they are told, job by job; what they are not told they do honestly."""

    def __init__(self, net: Devnet) -> None:
        self.net, self.client = net, Client(net.network_file)
        self._told = net.folder / "workers" / "cheats"
        self._told.mkdir()

    def try_all(self, cheats: Sequence[str]) -> list[Tried]:
        """All at once; in the order given. Raises TimeoutError and what the network raises."""
        begun = [(name, self._post(name), time.monotonic()) for name in cheats]
        return [self._ended(*each) for each in begun]

    def _post(self, name: str) -> Run:
        import torch

        generator = torch.Generator().manual_seed(7)
        x = torch.randn(64, 8, generator=generator)
        options = {"verify": "audit", "steps": SEGMENTS * EVERY, "checkpoint_every": EVERY, "budget": "20 USDC"}
        buyable = tg.job(**options, wall="30s", memory="1GiB", output="1MiB", keep_bytes="64MiB")(train)
        run = buyable.options(client=self.client).submit(x=x, y=(x[:, 0] > 0).long(), steps=SEGMENTS * EVERY)
        (self._told / run.id.hex()).write_text(name)
        return run

    def _ended(self, name: str, run: Run, began: float) -> Tried:
        run.wait(PATIENCE)
        story, seconds = run.story(), round(time.monotonic() - began, 1)
        seats, audit = story.in_order, story.audit
        place = 1 if name == AS_AUDITOR else 0
        if audit is None or len(seats) <= place:
            return Tried(name, caught=False, fault="nobody came", paid=0, said=(), seconds=seconds)
        worker, cheat = seats[0], seats[place]
        caught = not cheat.pay and cheat.fault is (Fault.NO_SHOW if place else Fault.SLASHED)
        judged = bool(worker.pay) and worker.agreed if place else True
        doubts = tuple(f"{doubt.about}: {doubt.said}" for doubt in audit.doubts)
        return Tried(name, caught and judged, cheat.fault.name, cheat.pay or 0, doubts, seconds)


@contextmanager
def scene() -> Iterator[Scene]:
    """On a network of its own, with fewer segments than are shipped, short clocks, and no re-audits."""
    shipped = NetworkParameters.load("devnet")
    assert shipped.audit is not None
    audit = replace(shipped.audit, segments=SEGMENTS, respond=30, audit=90, reaudit_bps=0)
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


def fakes(runs: int = RUNS, together: int = 4) -> dict[str, Any]:
    """Each cheat once, and whole fakes (random weights) until there are `runs` of them; `together` at a time."""
    full = AS_WORKER[0]
    wanted = [*AS_WORKER, AS_AUDITOR, *[full] * (runs - 1)]
    tried: list[Tried] = []
    with scene() as found:
        for at in range(0, len(wanted), together):
            tried += found.try_all(wanted[at : at + together])
    whole = [one for one in tried if one.cheat == full]
    kinds = list({one.cheat: one for one in reversed(tried)}.values())
    return {
        "real_cheats_tried": len(kinds),
        "real_cheats_caught": sum(one.caught for one in kinds),
        "full_fake_real_runs": len(whole),
        "full_fake_real_caught": sum(one.caught for one in whole),
        "segments": SEGMENTS,
        "tried": [asdict(one) for one in tried],
    }


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
