"""A worker that fakes its trace: the ordinary daemon, whose states between the first and the last are made up.

`python -m tensorgrid.demo.faker run --config worker.toml` takes the arguments of `tensorgrid-worker`. For demo and
tests alone. All else about it is honest: it takes, trains, opens what it has, and answers whoever accuses it; where
it has deposited the bond, it contests what they say, and in the dispute it tells what it finds.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tensorgrid.domain.encoding import keccak256
from tensorgrid.domain.traces import Trace


def faked(honest: Trace) -> Trace:
    """The same number of segments, linked as they must be, in states that no training has."""
    trace = replace(honest, segments=[])
    for segment in honest.segments:
        roots = segment.roots
        assert roots is not None, "only a run that ended well is worth faking"
        if segment is not honest.segments[-1]:
            roots = replace(roots, optimizer=keccak256(roots.optimizer))
        trace.add(segment.steps, roots, segment.metrics)
    return trace


def main() -> None:
    """Run the worker's own command line with the trace's end replaced."""
    from tensorgrid_worker import cli
    from tensorgrid_worker.auditing import answering, owntrace
    from tensorgrid_worker.jobs import endings, receipts

    honest = endings.ended

    def ended(*arguments: Any, **named: Any) -> Any:
        trace, exit_class = honest(*arguments, **named)
        return (faked(trace) if trace.segments[-1].roots is not None else trace), exit_class

    setattr(answering.Answering, "upheld", lambda *_: True)  # noqa: B010
    setattr(receipts, "ended", ended)  # noqa: B010 - as whoever cheats would
    setattr(owntrace, "ended", ended)  # noqa: B010
    cli.main()


if __name__ == "__main__":
    main()
