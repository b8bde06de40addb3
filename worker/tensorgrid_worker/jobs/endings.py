"""How an audited run ends: its last segment fixed, whatever became of the run."""

from __future__ import annotations

from tensorgrid.domain.jobs import ZERO32, ExitClass, JobId
from tensorgrid.domain.specs import JobSpec
from tensorgrid.domain.traces import StateRoots, Trace
from tensorgrid_worker.jobs.traces import Traced

NOWHERE = StateRoots(ZERO32, ZERO32, ZERO32, ZERO32)
"""Where a run starts from whose code failed before its loop began."""


def overruns(segments: int, exit_class: ExitClass, most: int) -> bool:
    """Whether a run of so many whole segments went on behind the `most` that its terms pay for. Then the last paid one
    counts as raised: what comes after cannot be in the trace."""
    return segments > most or (segments == most and exit_class is not ExitClass.OK)


def ended(
    traced: Traced | None,
    spec: JobSpec,
    seed: bytes,
    job: JobId,
    exit_class: ExitClass,
    most: int,
    *,
    upto: int | None = None,
) -> tuple[Trace, ExitClass]:
    """The trace with its end, 1 to `most` segments, and how the job ended as far as it was paid for.

    `upto`: segments after which it was left, whatever came behind them.
    """
    assert spec.checkpoint is not None
    trace = Trace(spec.digest, seed, spec.checkpoint.every, traced.trace.start if traced else NOWHERE)
    whole = [one for one in traced.trace.segments[:upto] if one.roots is not None] if traced else []
    if exit_class is not ExitClass.OK and whole and whole[-1].steps < trace.every:
        whole.pop()  # what failed behind the last step failed in its segment
    if not whole and exit_class is ExitClass.OK:
        exit_class = ExitClass.RAISED
    if overruns(len(whole), exit_class, most):
        whole, exit_class = whole[: most - 1], ExitClass.RAISED
    for one in whole:
        assert one.roots is not None
        trace.add(one.steps, one.roots, one.metrics)
    if exit_class is not ExitClass.OK:
        trace.fail(job, exit_class)
    return trace, exit_class
