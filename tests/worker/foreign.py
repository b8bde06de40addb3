"""An audited job between two machines that compute unlike: the worker's daemon serves, the auditor's compares.

A segment of the training adds one to each number, on the worker's machine and, a little off, on the auditor's.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any

from tests.worker.audits import AUDIT_BY, DRAW, FINGERPRINT, PLAN, SERVED_AT, make_audit, make_picture
from tests.worker.jobs import JOB, SEED, make_terms

from tensorgrid.domain.audits import AuditOpening, AuditRecord
from tensorgrid.domain.cids import Cid
from tensorgrid.domain.distance import Bound
from tensorgrid.domain.errors import BlobNotFound, StateRejected
from tensorgrid.domain.jobs import ZERO32, ExitClass
from tensorgrid.domain.openings import Opening
from tensorgrid.domain.payload import pack_payload
from tensorgrid.domain.recipients import recipient_bytes
from tensorgrid.domain.results import result_root
from tensorgrid.domain.specs import Checkpoint
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import Trace
from tensorgrid.parameters.distance import Bounds
from tensorgrid.privacy import Identity
from tensorgrid.storage.cid import cid_of_bytes
from tensorgrid_worker.auditing.checking import Checking
from tensorgrid_worker.auditing.comparing import Comparing
from tensorgrid_worker.auditing.findings import Compared, Served
from tensorgrid_worker.auditing.opened import Opened
from tensorgrid_worker.auditing.serving import Serving
from tensorgrid_worker.jobs.executor import Task
from tensorgrid_worker.jobs.replays import Replay, Replayed, ReplayEnd
from tensorgrid_worker.runtime.tracelines import SegmentEnded

DONE = 20
"""Segments of the job."""
AUDITOR = 2
"""Number of the seat in question; seat 3 computes as the worker does."""
OTHER = b"\x44" * 32
IDENTITY = Identity.generate()
METRICS = b"\x45" * 32
"""Of the worker's losses, which no other machine finds to the bit."""
CALIBRATED = Bounds({make_terms().hardware_class: {"fp32": Bound(0.05, 400, 0.01)}})
Numbers = tuple[float, ...]


def state_file(numbers: Sequence[float], step: int) -> bytes:
    tensors = {"model/w": ("F32", (len(numbers),), struct.pack(f"<{len(numbers)}f", *numbers))}
    return pack_payload(tensors, {"model": None, "optimizer": None, "rng": None, "cursor": {"step": step}})


def numbers_in(state: StateFile) -> Numbers:
    return struct.unpack("<2f", state.parts["model"].tensors["w"].data)


def honest(numbers: Numbers) -> Numbers:
    return tuple(number + 1 for number in numbers)


def unlike(off: float) -> Callable[[Numbers], Numbers]:
    """A machine whose updates are off by that share."""
    return lambda numbers: tuple(number + 1 + off for number in numbers)


@dataclass
class Store:
    blobs: dict[Cid, bytes] = field(default_factory=dict)

    def put(self, data: bytes) -> Cid:
        self.blobs[cid_of_bytes(data)] = data
        return cid_of_bytes(data)

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        found = self.blobs.get(cid)
        if found is None or len(found) > max_bytes:
            raise BlobNotFound(f"{cid} is not here; wait")
        return found


@dataclass
class Machine:
    """The auditor's executor: `after` is the state that a segment leaves here, from the one before and its steps."""

    after: Callable[[StateFile, int], bytes]
    ends: ReplayEnd = ReplayEnd.DONE
    replays: int = 0

    def replay(self, _: Task, wanted: Replay, *, stop: Event) -> Replayed:
        assert wanted.start is not None and wanted.export is not None and not stop.is_set()
        self.replays += 1
        start = StateFile.parse(wanted.start.read_bytes())
        if self.ends is ReplayEnd.DONE:
            wanted.export.write_bytes(self.after(start, wanted.last or 0))
        segments: dict[int, SegmentEnded] = {}
        return Replayed(self.ends, None, start.roots(), {}, segments, wanted.last or 0, 0.0, b"")


@dataclass
class Kept:
    """The worker's kept states."""

    files: dict[int, bytes]

    @property
    def segments(self) -> list[int]:
        return sorted(self.files)

    def take(self, segment: int, target: Path) -> Path:
        if segment not in self.files:
            raise StateRejected(f"nothing was kept after {segment}; replay")
        target.write_bytes(self.files[segment])
        return target


class TwoMachines:
    """`works`: what each segment of the worker does; `learns`: what it does on the auditor's machine."""

    plan = PLAN
    served_bounds = CALIBRATED
    """Of the worker's daemon."""

    def __init__(
        self,
        folder: Path,
        works: Callable[[Numbers], Numbers] = honest,
        learns: Callable[[Numbers], Numbers] = honest,
        bounds: Bounds = CALIBRATED,
    ) -> None:
        states = [(0.5, -0.5)]
        for _ in range(DONE):
            states.append(works(states[-1]))
        files = {segment: state_file(each, segment * PLAN.steps) for segment, each in enumerate(states)}
        self._set_up(folder, files, Machine(lambda start, step: state_file(learns(numbers_in(start)), step)), bounds)

    def _set_up(self, folder: Path, files: dict[int, bytes], machine: Machine, bounds: Bounds, **spec_: Any) -> None:
        """`files`: the worker's states, behind each segment and before the first. `spec_`: of a slice."""
        every = self.plan.steps
        roots = [StateFile.parse(files[segment]).roots() for segment in range(DONE + 1)]
        spec: Any = SimpleNamespace(digest=b"\x09" * 32, checkpoint=Checkpoint(every, 10_000), origin=0, resume=None)
        vars(spec).update({"batch": None, "tolerance": None} | spec_)
        self.trace = Trace(spec.digest, SEED, every, roots[0])
        for each in roots[1:]:
            self.trace.add(every, each, METRICS)
        self.kept, self.store, self.machine = Kept(files), Store(), machine
        self.prints = {AUDITOR: OTHER, 3: FINGERPRINT}
        self._folder, self._spec = folder, spec
        said = result_root(JOB, ExitClass.OK, roots[DONE].model)
        self.picture = make_picture(
            AUDITOR,
            terms=make_terms(workers=1, verifier_params=self.plan.pack()),
            audit=make_audit(done=DONE),
            record=AuditRecord(fingerprint=FINGERPRINT),
            opening=AuditOpening(ZERO32, said, ZERO32, self.trace.root(), DONE),
            computes=OTHER,
        )
        tools: Any = self
        self._serving = Serving(self._contracts(), tools, tools, self.served_bounds)
        opened = Opened(tools, IDENTITY)
        self.comparing = Comparing(tools, opened, Checking(tools, opened), bounds)

    def serve(self) -> Served:
        return self._serving.prepare(self.picture, Event())

    def opening(self, served: Served) -> Opening:
        return Opening.from_bytes(self.store.blobs[Cid.of_digest(served.manifest)])

    def compare(self, served: Served, opening: Opening | None = None) -> Compared:
        """`opening`: in place of what was served."""
        manifest = served.manifest if opening is None else self.store.put(opening.to_bytes()).digest
        return self.comparing.compare(self.served(served, manifest), Event())

    def served(self, served: Served, manifest: bytes) -> Any:
        audit = make_audit(served=True, clock=SERVED_AT, done=DONE)
        record = AuditRecord(DRAW, ZERO32, FINGERPRINT, served.checks)
        return replace(self.picture, audit=audit, record=record, manifest=manifest, audit_by=AUDIT_BY)

    # ------------------------------------------------------------------------- what the daemon's other parts would be

    def _contracts(self) -> Any:
        by_worker = {self.picture.held[number - 1].worker: print_ for number, print_ in self.prints.items()}
        recipient = recipient_bytes(IDENTITY.recipient)

        def profile_of(worker: str) -> Any:
            return SimpleNamespace(recipient=recipient, fingerprint=by_worker[worker])

        return SimpleNamespace(registry=SimpleNamespace(profile_of=profile_of))

    def keeps(self, *_: object) -> bool:
        return True

    def take(self, *_: object) -> tuple[Trace, Any]:
        return self.trace, SimpleNamespace(kept=self.kept)

    def reading(self, _: object) -> Task:
        return Task(self._spec, SEED, self._folder)

    @contextmanager
    def task(self, *_: object, **__: object) -> Iterator[Task]:
        yield Task(self._spec, SEED, self._folder)

    def room(self, _: object) -> Path:
        return self._folder

    def spec(self, *_: object) -> Any:
        return self._spec

    @property
    def inputs(self) -> TwoMachines:
        return self

    @property
    def executor(self) -> Machine:
        return self.machine
