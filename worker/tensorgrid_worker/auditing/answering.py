"""What an accused worker shows, and his own replay of the segment before he puts a bond on it."""

from __future__ import annotations

from threading import Event

from tensorgrid.domain.audits import Shown
from tensorgrid.domain.jobs import ZERO32
from tensorgrid.domain.traces import Trace, prove
from tensorgrid_worker.auditing.owntrace import OwnTraces
from tensorgrid_worker.auditing.picture import AuditPicture, ClaimKey
from tensorgrid_worker.auditing.segments import replay
from tensorgrid_worker.auditing.tools import Tools


def shown(audit: AuditPicture, trace: Trace, key: ClaimKey) -> Shown:
    """The accused segment, and all ends that the auditor's check was made of."""
    number, claim = key[0], audit.claims[key]
    links, index = trace.links, claim.index
    segment = trace.segments[index - 1]
    return Shown(
        before=trace.first if index == 1 else trace.before(index - 1),
        start=trace.state_before(index),
        start_metrics=ZERO32 if index == 1 else trace.segments[index - 2].metrics,
        end=segment.state,
        metrics=segment.metrics,
        start_proof=() if index == 1 else prove(links, index - 1),
        end_proof=prove(links, index),
        roots=tuple(trace.segments[one - 1].state for one in audit.segments(number)),
    )


class Answering:
    """The worker's side of an accusation."""

    def __init__(self, tools: Tools, traces: OwnTraces) -> None:
        self._tools, self._traces = tools, traces

    def upheld(self, audit: AuditPicture, key: ClaimKey, stop: Event) -> bool:
        """Whether the accused segment ends for us as our trace says, done once more from the beginning or a kept state.

        Raises what `Serving.prepare` raises, ReplayBroken.
        """
        index = audit.claims[key].index
        with self._tools.task(audit, stop, urgent=True) as task:
            trace, _ = self._traces.take(audit, task, stop)
            start = self._traces.start(audit, task, index, stop)
            end = replay(self._tools.executor, audit, task, index, start, stop=stop)
        return end.state == trace.segments[index - 1].state
