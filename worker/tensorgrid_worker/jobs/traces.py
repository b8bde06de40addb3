"""The trace of a run as it comes out of the sandbox, and the states that were kept on the way."""

from __future__ import annotations

import errno
import mmap
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from tensorgrid.domain.errors import StateRejected, TraceInvalid
from tensorgrid.domain.specs import Checkpoint, JobSpec
from tensorgrid.domain.states import StateFile
from tensorgrid.domain.traces import Segment, StateRoots, Trace
from tensorgrid_worker.memory.whole import write_whole
from tensorgrid_worker.runtime.trace import STATES
from tensorgrid_worker.runtime.tracelines import MOST_LINE_BYTES, Began, Line, SegmentEnded, read

LINES = "trace.jsonl"
LOST = frozenset({errno.EIO, errno.ENOENT, errno.ELOOP})
"""Of reading a kept state: it is gone, and trying again will not bring it back. A full disk's error passes."""

OnSegment = Callable[[Segment], None]


@dataclass(frozen=True, slots=True)
class Traced:
    """What an audited run left: its trace, and where its states lie."""

    trace: Trace
    kept: KeptStates

    def upto(self, segments: int) -> Traced:
        """As if it had ended behind so many."""
        return replace(self, trace=replace(self.trace, segments=self.trace.segments[:segments]))


class LineReader:
    """Bytes of the trace's pipe -> lines. The first that is none ends the reading: `broken` says why, or is empty."""

    def __init__(self, on_line: Callable[[Line, bytes], None]) -> None:
        self._on_line = on_line
        self._buffer = bytearray()
        self.broken = ""

    def feed(self, data: bytes) -> None:
        if self.broken:
            return
        self._buffer += data
        try:
            while (end := self._buffer.find(b"\n")) >= 0:
                text = bytes(self._buffer[:end])
                del self._buffer[: end + 1]
                self._on_line(read(text), text)
            if len(self._buffer) > MOST_LINE_BYTES:
                raise TraceInvalid("the job's trace is malformed: a line without an end")
        except TraceInvalid as error:
            self.broken = str(error)
            self._buffer.clear()


class Follower:
    """Builds a run's trace line by line; each line also goes to `folder`/trace.jsonl, whence `load` brings it back.

    `on_segment` must be quick.
    """

    def __init__(
        self,
        spec: JobSpec,
        seed: bytes,
        folder: Path,
        on_segment: OnSegment = lambda _: None,
        *,
        room: int = 0,
        key: bytes | None = None,
    ) -> None:
        """`room`: bytes that kept states may fill, where that is more than the spec says. `key`: of a private job's
        roots."""
        self._key = key
        assert spec.checkpoint is not None
        self._checkpoint: Checkpoint = spec.checkpoint
        self._spec_digest, self._seed, self._folder, self._on_segment = spec.digest, seed, folder, on_segment
        self._room = max(self._checkpoint.keep_bytes, room)
        self._trace: Trace | None = None
        self._extents: dict[int, tuple[int, int]] = {}
        self._step, self._stride = 0, 1
        self._reader = LineReader(self._take)
        self._copy: int | None = None
        self._resume, self._expected = spec.resume, -1  # steps with which an interrupted run is to go on; -1: none is

    @property
    def segments(self) -> int:
        """Whole ones so far."""
        return 0 if self._trace is None else len(self._trace.segments)

    @property
    def keeps_any(self) -> bool:
        return bool(self._extents)

    @property
    def keeps_last(self) -> bool:
        """Whether the state after the last segment was kept."""
        return self.segments in self._extents

    @property
    def broken(self) -> str:
        """Why the lines are no trace; empty while they are one."""
        return self._reader.broken

    def feed(self, data: bytes) -> None:
        self._reader.feed(data)

    def begin(self, lines: bytes = b"") -> None:
        """Fresh files for a fresh run; or the first lines of an interrupted one, which goes on. Raises OSError."""
        self._folder.mkdir(parents=True, exist_ok=True)
        states = self._folder / STATES
        if lines:
            self.feed(lines)
            self._expected = self._step
        else:
            states.unlink(missing_ok=True)
        states.touch(mode=0o600)
        replace_lines(self._folder, lines)
        self._copy = os.open(self._folder / LINES, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def end(self) -> None:
        """Idempotent."""
        if self._copy is not None:
            os.close(self._copy)
            self._copy = None

    def traced(self) -> Traced | None:
        """None when the loop never began."""
        if self._trace is None:
            return None
        origin = 0 if self._resume is None else self._resume.step
        kept = KeptStates(self._folder / STATES, dict(self._extents), self._trace, origin=origin, key=self._key)
        return Traced(self._trace, kept)

    def _take(self, line: Line, text: bytes) -> None:
        match line:
            case Began(step=0) if self._trace is None:
                if self._resume is not None and line.state.root() != self._resume.root:
                    raise TraceInvalid("the job does not begin in the state that its spec names")
                self._trace = Trace(self._spec_digest, self._seed, self._checkpoint.every, line.state)
            case Began() if self._continues(line):
                self._expected = -1
                return  # an interrupted run has said so before
            case SegmentEnded():
                self._add(line)
            case _:
                raise TraceInvalid("the job's trace has a line that no run writes there")
        if self._copy is not None:
            os.write(self._copy, text + b"\n")

    def _continues(self, line: Began) -> bool:
        last = self._trace.segments[-1].roots if self._trace is not None and self._trace.segments else None
        return line.step == self._expected and line.state == last

    def _add(self, line: SegmentEnded) -> None:
        if self._trace is None or line.index != len(self._trace.segments) + 1 or line.metrics is None:
            raise TraceInvalid(f"the job's trace has segment {line.index} where another belongs")
        if line.kept is not None and sum(line.kept) > self._room:
            raise TraceInvalid("the job's trace keeps a state beyond the room it has")
        segment = self._trace.add(line.step - self._step, line.state, line.metrics)
        self._step = line.step
        if line.stride != self._stride:
            self._stride = line.stride
            self._extents = {index: extent for index, extent in self._extents.items() if index % line.stride == 0}
        if line.kept is not None and line.index % line.stride == 0:
            self._extents[line.index] = line.kept
        if self._copy is not None:
            self._on_segment(segment)


def remake_seconds(traced: Traced, seconds: float, share: int) -> float:
    """The longest that making the start states of `share` segments again may take, of a run that took `seconds`."""
    done = len(traced.trace.segments)
    if not done:
        return 0.0
    kept = [0, *traced.kept.segments, done]
    # The state after the last one before the next kept state is the farthest from any.
    farthest = max(later - earlier - 1 for earlier, later in pairwise(kept))
    return max(0, farthest) * share * seconds / done


def load(spec: JobSpec, seed: bytes, folder: Path, key: bytes | None = None) -> Traced | None:
    """The trace of an earlier run in `folder` (a task's out/), as far as its lines are whole. Raises OSError."""
    states = folder / STATES
    room = states.stat().st_size if states.exists() else 0
    follower = Follower(spec, seed, folder, room=room, key=key)
    follower.feed((folder / LINES).read_bytes())
    return follower.traced()


def replace_lines(folder: Path, lines: bytes) -> None:
    """All at once: a crash leaves the old ones or these. Raises OSError."""
    write_whole(folder / LINES, lines)


class KeptStates:
    """States in one file that the job's process could write to: each is checked against the trace when it is taken."""

    def __init__(
        self,
        path: Path,
        extents: Mapping[int, tuple[int, int]],
        trace: Trace,
        *,
        origin: int = 0,
        key: bytes | None = None,
    ) -> None:
        """`origin`: steps that earlier jobs have done. `key`: of a private job's roots."""
        self._path, self._extents, self._trace, self._origin, self._key = path, extents, trace, origin, key

    @property
    def folder(self) -> Path:
        """Where they lie, on the disk that has room for one more."""
        return self._path.parent

    @property
    def extents(self) -> dict[int, tuple[int, int]]:
        """(offset, bytes) by segment."""
        return dict(self._extents)

    @property
    def segments(self) -> list[int]:
        """After which segments a state was kept."""
        return sorted(self._extents)

    def nearest(self, segment: int) -> int:
        """The last segment up to `segment` after which a state was kept; 0: none, start from the beginning."""
        return max((index for index in self._extents if index <= segment), default=0)

    def take(self, segment: int, target: Path) -> Path:
        """The state after that segment as a file. Raises StateRejected when it is not what the trace says, OSError."""
        if segment not in self._extents:
            raise StateRejected(
                f"no state was kept after segment {segment}; replay from segment {self.nearest(segment)}"
            )
        try:
            self._copy(*self._extents[segment], target)
        except OSError as error:
            target.unlink(missing_ok=True)
            if error.errno not in LOST:
                raise
            raise StateRejected(
                f"the state kept after segment {segment} cannot be read ({error.strerror}); replay an earlier one"
            ) from error
        if not self._right(segment, target):
            target.unlink()
            raise StateRejected(
                f"the state kept after segment {segment} is not the one of the trace; replay an earlier one"
            )
        return target

    def _copy(self, offset: int, size: int, target: Path) -> None:
        descriptor = os.open(self._path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            with target.open("wb") as file:
                while size:
                    done = os.sendfile(file.fileno(), descriptor, offset, size)
                    if not done:
                        break
                    offset, size = offset + done, size - done
        finally:
            os.close(descriptor)

    def _right(self, segment: int, path: Path) -> bool:
        roots = self._trace.segments[segment - 1].roots
        try:
            step = self._origin + segment * self._trace.every
            return roots is not None and roots_of(path, self._key) == (step, roots)
        except StateRejected:
            return False


def roots_of(path: Path, key: bytes | None = None) -> tuple[int, StateRoots]:
    """Steps done and roots of a state file; `key`: of a private job's roots. Raises StateRejected, OSError."""
    with path.open("rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise StateRejected("a state file is empty; ask its worker for the state again")
        # Not closed by hand: views into it are about.
        state = StateFile.parse(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    return state.step, state.roots(key)
