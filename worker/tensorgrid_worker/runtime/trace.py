"""Records a training run, or replays a part of one: inside the sandbox, beside the job's code.

Every `every` calls of tg.checkpoint end a segment: its state is hashed from memory, told to the worker and, as far as
there is room, kept. A replay puts a kept state back, goes on to where it is told to, tells, and ends the process there:
no code of the job can run on.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn

from tensorgrid import metrics as progress
from tensorgrid.domain.audit_terms import MOST_SEGMENTS
from tensorgrid.domain.errors import OpeningRejected, SpecInvalid
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import PARTS, StateRoots, metrics_digest
from tensorgrid.metrics import Scalar
from tensorgrid.training.recording import record_with
from tensorgrid.training.state import State
from tensorgrid_worker.runtime.capture import Captured, capture, check_model, restore
from tensorgrid_worker.runtime.generators import Generators
from tensorgrid_worker.runtime.handover import take_over
from tensorgrid_worker.runtime.keeping import Extents
from tensorgrid_worker.runtime.tracelines import (
    TRACE_FD,
    Began,
    Ended,
    Line,
    SegmentEnded,
    Stepped,
    Unloadable,
    written,
)

EXIT_REPLAYED, EXIT_UNLOADABLE = 20, 21
ORIGIN, STATES = "origin", "states"
"""Files: among the inputs, the state that the job begins with; the kept states beside the output."""


@dataclass(frozen=True, slots=True)
class Plan:
    """every: steps per segment. keep_bytes: the most that a state may take. room_bytes: that all kept ones together
    may, if that is more.

    origin: steps that earlier jobs have
    done; the job's loop and its states count them, nothing that is told here does. kept, stride: of an interrupted run,
    the (segment, offset, bytes) of the states that lie in the file.
    replay: whether this is one. It goes to `stop` steps, or (None) to where the job's function returns; step_roots:
    tells the state after each step; export: writes the last one where a result would be written.
    """

    every: int
    keep_bytes: int
    room_bytes: int = 0
    replay: bool = False
    stop: int | None = None
    step_roots: bool = False
    export: bool = False
    origin: int = 0
    kept: Sequence[Sequence[int]] = ()
    stride: int = 1


def begin(output: str, output_bytes: int, roots: str | None = None) -> Tracer:
    """From now on tg.resume and tg.checkpoint speak to the tracer, which does as it was told through `output`. `roots`:
    key of a private job's roots, in hex."""
    key = None if roots is None else bytes.fromhex(roots)
    plan, start = take_over(output)
    tracer = Tracer(Plan(**plan), int(os.environ.pop(TRACE_FD)), start, output, output_bytes, key)
    record_with(tracer)
    return tracer


class Tracer:
    """A tensorgrid.training.recording.Recorder. Raises SpecInvalid for what the job's code does wrongly."""

    def __init__(
        self,
        plan: Plan,
        fd: int,
        start: memoryview | None,
        output: str,
        output_bytes: int,
        key: bytes | None = None,
    ) -> None:
        """`start`: the state to go on from, not from the beginning. `key`: of a private job's roots."""
        self._plan, self._fd, self._start, self._key = plan, fd, start, key
        self._output, self._output_bytes = output, output_bytes
        self._process = os.getpid()
        self._state: State | None = None
        self._generators: Generators
        self._extents = Extents(max(plan.keep_bytes, plan.room_bytes), plan.kept, plan.stride)
        keep = f"{output.rpartition('/')[0]}/{STATES}"
        self._keep = os.open(keep, os.O_WRONLY | os.O_CLOEXEC)  # a replay's too: its code sees what a run's does
        self._step = self._begun_at = 0  # of this job
        self._metrics: list[dict[str, Scalar]] = []
        self._last: StateRoots | None = None  # at the end of the last segment

    def resume(self, state: State) -> int:
        self._check_place()
        if self._state is not None:
            raise SpecInvalid("tg.resume was called before; call it once, before the loop")
        self._state, self._generators = state, Generators()
        if self._start is not None:
            self._restore(state, self._start)
            self._start = None
        captured = self._capture()
        check_model(captured)
        self._last = captured.roots()
        self._tell(Began(self._step, self._last))
        return self._plan.origin + self._step

    def checkpoint(self, state: State, metrics: dict[str, Scalar]) -> int:
        self._check_place()
        if state is not self._state:
            raise SpecInvalid("tg.checkpoint takes the state that tg.resume was given before the loop")
        self._step += 1
        self._metrics.append(metrics)
        whole, stops = self._step % self._plan.every == 0, self._step == self._plan.stop
        if whole or stops or self._plan.step_roots:
            captured = self._capture()
            roots = captured.roots()
            if stops or self._plan.step_roots:
                self._tell(Stepped(self._step, roots))
            if whole:
                self._end_segment(captured, roots)
            if stops:
                self._leave(captured)
        return self._plan.origin + self._step

    def finish(self) -> bytes:
        """The job's function has returned: the result file. A replay ends here, without one."""
        if self._state is None or not self._step:
            raise SpecInvalid("an audited job calls tg.resume before its loop and tg.checkpoint once per step")
        captured = self._capture()
        result = captured.result()
        if len(result) > self._output_bytes:
            return result  # the runner refuses it, and this segment is the one that failed
        if self._step % self._plan.every:
            roots = captured.roots()
            if self._plan.step_roots:
                self._tell(Stepped(self._step, roots))
            self._end_segment(captured, roots)
        elif self._last is None or captured.root_of("model") != self._last.model:
            raise SpecInvalid("the model was changed after the last tg.checkpoint; change a copy of it")
        if self._plan.replay:
            self._tell(Ended(self._step))
            self._leave(captured)
        return result

    def _end_segment(self, captured: Captured, roots: StateRoots) -> None:
        index = -(-self._step // self._plan.every)
        if index > MOST_SEGMENTS:
            raise SpecInvalid(f"a trace has at most {MOST_SEGMENTS} segments; set checkpoint.every higher")
        whole = self._begun_at <= (index - 1) * self._plan.every
        digest = metrics_digest(self._metrics, self._key) if whole else None
        kept = self._kept(index, captured)
        self._tell(SegmentEnded(index, self._step, roots, digest, kept, self._extents.stride))
        if self._metrics[-1] and len(self._metrics[-1]) < progress.MAX_FIELDS:
            progress.report(**{"step": self._plan.origin + self._step, **self._metrics[-1]})
        self._metrics, self._last = [], roots

    def _kept(self, index: int, captured: Captured) -> tuple[int, int] | None:
        if self._plan.replay:
            return None
        if index % self._extents.stride:
            return None
        size = sum(memoryview(piece).nbytes for piece in captured.pieces)
        offset = self._extents.place(index, size)
        if offset is None:
            return None
        _write_at(self._keep, captured.pieces, offset)
        return offset, size

    def _capture(self) -> Captured:
        assert self._state is not None
        captured = capture(self._state, self._plan.origin + self._step, self._generators, self._key)
        # Asked of a replay too: what fails in the run has to fail there.
        if (size := captured.at_most) > self._plan.keep_bytes:
            raise SpecInvalid(
                f"the state takes up to {size} bytes, checkpoint.keep_bytes is {self._plan.keep_bytes}; set it higher"
            )
        return captured

    def _restore(self, state: State, start: memoryview) -> None:
        try:
            file = StateFile.parse(start)
            if file.step < self._plan.origin:
                raise OpeningRejected(f"the state is of step {file.step}, this job begins with {self._plan.origin}")
            restore(state, file, self._generators)
            self._step = self._begun_at = file.step - self._plan.origin
            now, then = self._capture().roots(), file.roots(self._key)
            if now != then:
                # A load_state_dict that rounds, say: to go on from another state than was committed to proves nothing.
                unlike = [name for name in PARTS if getattr(now, name) != getattr(then, name)]
                raise OpeningRejected(f"the state does not load: {', '.join(unlike)} came out unlike the file")
        except (OpeningRejected, SpecInvalid, OSError, ValueError) as error:
            self._tell(Unloadable(str(error)))
            _end(EXIT_UNLOADABLE)

    def _check_place(self) -> None:
        if os.getpid() != self._process:
            raise SpecInvalid("tg.resume and tg.checkpoint belong in the process that the job began in")

    def _tell(self, line: Line) -> None:
        data = written(line)
        while data:
            data = data[os.write(self._fd, data) :]

    def _leave(self, captured: Captured) -> NoReturn:
        if self._plan.export:
            descriptor = os.open(self._output, os.O_WRONLY | os.O_CLOEXEC)
            _write_at(descriptor, captured.pieces, 0)
            os.close(descriptor)
        _end(EXIT_REPLAYED)


def _write_at(descriptor: int, pieces: list[bytes | memoryview], offset: int) -> None:
    for piece in pieces:
        left = memoryview(piece).cast("B")
        while left:
            done = os.pwrite(descriptor, left, offset)
            offset += done
            left = left[done:]


def _end(code: int) -> NoReturn:
    """At once: the job's code gets no chance to go on."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except Exception:  # noqa: S110 - the job may have closed or replaced it
            pass
    os._exit(code)
