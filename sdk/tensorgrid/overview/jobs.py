"""The jobs of a network, newest first: what was asked, for how much, and where each stands."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import Event, JobCancelled, JobExpired, JobPosted, JobSettled, JobTaken
from tensorgrid.domain.jobs import JobId, JobState, JobTerms, hardware_class
from tensorgrid.overview.reading import lens_of, topic_of
from tensorgrid.runs.story import Story
from tensorgrid.runs.trail import OF_JOBS, events_in, story_of

_ENDS: dict[type[Event], JobState] = {
    JobSettled: JobState.SETTLED,
    JobCancelled: JobState.CANCELLED,
    JobExpired: JobState.EXPIRED,
}
_IDS_AT_ONCE = 100


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which jobs to show; None asks for nothing. `requester`, `worker`: addresses; `worker`: who has had a seat."""

    requester: str | None = None
    worker: str | None = None
    hardware: str | None = None
    states: frozenset[JobState] = frozenset()


@dataclass(frozen=True, slots=True)
class JobRow:
    """`posted_block`: where; `story`: all that its events tell."""

    id: JobId
    posted_block: int
    story: Story

    @property
    def terms(self) -> JobTerms:
        return self.story.terms

    @property
    def state(self) -> JobState:
        return self.story.state


def jobs_of(contracts: Contracts, wanted: Wanted | None = None, *, limit: int = 20) -> list[JobRow]:
    """At most `limit`, newest first, as of the latest block. Raises UnknownDeployment (no lens), Unreachable."""
    wanted, head = wanted or Wanted(), contracts.connection.latest().number
    start = contracts.deployment.start_block
    posted = [event for event in _of_kind(contracts, [JobPosted], head) if isinstance(event, JobPosted)]
    if wanted.requester is not None:
        posted = [event for event in posted if event.terms.requester.lower() == wanted.requester.lower()]
    if wanted.hardware is not None:
        posted = [event for event in posted if event.terms.hardware_class == hardware_class(wanted.hardware)]
    if wanted.worker is not None:
        taken = _of_kind(contracts, [JobTaken], head, "0x" + wanted.worker.removeprefix("0x").lower().rjust(64, "0"))
        seated = {event.id for event in taken if isinstance(event, JobTaken)}
        posted = [event for event in posted if event.id in seated]
    if wanted.states:
        states = _states(contracts, posted, head)
        posted = [event for event in posted if states[event.id] in wanted.states]
    shown = posted[::-1][:limit]
    events = _events_of(contracts, shown, start, head)
    rows = [(event, story_of(contracts, events[event.id])) for event in shown]
    return [JobRow(event.id, event.log.block, story) for event, story in rows if story is not None]


def _states(contracts: Contracts, posted: list[JobPosted], head: int) -> dict[JobId, JobState]:
    """Of open jobs the board's word; an ended one's record may be overwritten, so that its events tell."""
    ended = {event.id: _ENDS[type(event)] for event in _of_kind(contracts, list(_ENDS), head)}  # type: ignore[attr-defined]
    running = [event for event in posted if event.id not in ended]
    found = lens_of(contracts).jobs([(e.terms.requester, e.terms.nonce) for e in running], block=head)
    return ended | {event.id: job.state for event, job in zip(running, found, strict=True)}


def _of_kind(contracts: Contracts, kinds: list[type[Event]], head: int, second: str | None = None) -> list[Event]:
    """The board's events of these kinds. `second`: what its second indexed field must be."""
    topics = [[topic_of(kind) for kind in kinds], None, second]
    start = contracts.deployment.start_block
    return list(events_in(contracts.connection, contracts, ("JobBoard",), topics[: 3 if second else 1], start, head))


def _events_of(contracts: Contracts, posted: list[JobPosted], start: int, head: int) -> dict[JobId, list[Event]]:
    found: dict[JobId, list[Event]] = defaultdict(list)
    for at in range(0, len(posted), _IDS_AT_ONCE):
        some = posted[at : at + _IDS_AT_ONCE]
        ids = ["0x" + event.id.hex() for event in some]
        first = max(start, min(event.log.block for event in some))
        for event in events_in(contracts.connection, contracts, OF_JOBS, [None, ids], first, head):
            found[event.id].append(event)  # type: ignore[attr-defined]
    return found
