"""Whether a network's invariants hold, now and in all of its past: the lens looks at the state, this at the events.

Complete as far as the node is honest: everything named by an event is looked at, at one block.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import Event, Slashed, WorkerSettled
from tensorgrid.chain.lens import Scope
from tensorgrid.domain.errors import Reverted
from tensorgrid.domain.jobs import JobId
from tensorgrid.overview.reading import lens_of
from tensorgrid.overview.scopes import OpenJob, job_scopes, named_by, whole_scopes
from tensorgrid.runs.closing import overdue_call
from tensorgrid.runs.story import Story
from tensorgrid.runs.trail import OF_JOBS, events_in, story_of

READ = (*OF_JOBS, "Escrow", "StakeVault", "WorkerRegistry")
STRANGER = "0x000000000000000000000000000000000000bEEF"

SAYS = {
    "E1": "balances are covered by the escrow's tokens",
    "E2": "a job's money is held whole, and divided to the wei at its end",
    "S1": "locked stake is backed, and all stake is covered by the vault's tokens",
    "S2": "open jobs' stake is locked, and cannot leave before they end",
    "S3": "of a slash, at least half is burned",
    "J1": "the board knows each open job as its events tell it; ended ones move no more",
    "J2": "jobs past their deadline can be closed by anyone",
    "J4": "one outcome per worker and job",
}
UNSEEN = ("E3", "J3", "D1", "G1", "G2", "W1", "W2", "W3")
"""Those that no state and no event can show: tests do."""


@dataclass(frozen=True, slots=True)
class Violation:
    """`subject`: whose, `about`: of what; addresses or ids as 0x-hex. `have` is more than `most`."""

    invariant: str
    subject: str
    about: str
    have: int
    most: int


@dataclass(frozen=True, slots=True)
class Health:
    """As of `block`. `looked_at`: comparisons made, by invariant."""

    block: int
    looked_at: dict[str, int]
    violations: tuple[Violation, ...]

    @property
    def holds(self) -> bool:
        return not self.violations


def check(contracts: Contracts) -> Health:
    """Reads the whole history once. Raises UnknownDeployment (no lens), Unreachable, ChainError."""
    head = contracts.connection.latest()
    start = contracts.deployment.start_block
    events = list(events_in(contracts.connection, contracts, READ, [], start, head.number))
    by_job: dict[JobId, list[Event]] = defaultdict(list)
    for event in events:
        if hasattr(event, "id"):
            by_job[event.id].append(event)
    stories = {job: story for job, told in by_job.items() if (story := story_of(contracts, told)) is not None}
    running = [(job, story.terms, story.held) for job, story in stories.items() if not story.state.ended]
    found = _seen_by_lens(contracts, events, running, head.number)
    found += _ended(stories) + _outcomes(by_job) + _slashes(events) + _moved_after_end(contracts, by_job)
    found += _stuck(contracts, stories, head.timestamp)
    looked_at = {name: sum(one.invariant == name for one in found) for name in SAYS}
    return Health(head.number, looked_at, tuple(one for one in found if one.have > one.most))


def _seen_by_lens(contracts: Contracts, events: Iterable[Event], running: list[OpenJob], block: int) -> list[Violation]:
    """Every comparison of the lens, whether it holds or not; sums added up over pages."""
    sums: dict[tuple[str, str, str], list[int]] = {}
    for scope in whole_scopes(named_by(contracts, events)):
        _add(sums, contracts, scope, block, {"E1", "S1", "S2"})
    for scope in job_scopes(contracts.board.address, running):
        _add(sums, contracts, scope, block, {"E2", "S2", "J1"})
    return [Violation(*key, have, most) for key, (have, most) in sums.items()]


def _add(
    sums: dict[tuple[str, str, str], list[int]], contracts: Contracts, scope: Scope, block: int, kept: set[str]
) -> None:
    for row in lens_of(contracts).check(scope, block=block):
        if row.invariant not in kept:
            continue
        key = (row.invariant, _shown(row.subject), _shown(row.about))
        whole = row.invariant == "J1" or (row.invariant == "S2" and not any(row.about))
        before = 0 if whole or key not in sums else sums[key][0]
        sums[key] = [before + row.have, row.most]


def _ended(stories: dict[JobId, Story]) -> list[Violation]:
    """E2: what an ended job's money came to, against what was held; `have`: units that are not accounted for."""
    found = []
    for job, story in stories.items():
        if story.state.ended:
            pays = sum(seat.pay or 0 for seat in story.in_order)
            rest = story.bounty_paid
            strange = abs(pays - story.paid) + (0 if rest in (0, story.terms.bounty) else abs(rest))
            found.append(Violation("E2", "0x" + job.hex(), "its end", strange, 0))
    return found


def _outcomes(by_job: dict[JobId, list[Event]]) -> list[Violation]:
    found = []
    for job, events in by_job.items():
        judged = [event.worker for event in events if isinstance(event, WorkerSettled)]
        found += [Violation("J4", "0x" + job.hex(), one, judged.count(one), 1) for one in dict.fromkeys(judged)]
    return found


def _slashes(events: Iterable[Event]) -> list[Violation]:
    return [
        Violation("S3", event.worker, event.log.tx, event.finder_share, event.burned)
        for event in events
        if isinstance(event, Slashed)
    ]


def _moved_after_end(contracts: Contracts, by_job: dict[JobId, list[Event]]) -> list[Violation]:
    """J1: events of the board behind the one that ended the job; progress is anybody's word, and moves nothing."""
    found = []
    for job, events in by_job.items():
        names = [type(e).__name__ for e in events if e.log.address == contracts.board.address]
        ends = [at for at, name in enumerate(names) if name in ("JobSettled", "JobExpired", "JobCancelled")]
        if ends:
            later = [name for name in names[ends[0] + 1 :] if name != "JobProgress"]
            found.append(Violation("J1", "0x" + job.hex(), "after its end", len(later), 0))
    return found


def _stuck(contracts: Contracts, stories: dict[JobId, Story], now: int) -> list[Violation]:
    """J2: of each open job past its deadline, whether the call that closes it is accepted from a stranger."""
    found = []
    for job, story in stories.items():
        deadline = story.deadline
        if story.state.ended or deadline is None or now <= deadline:
            continue
        call = overdue_call(contracts, story, now)
        stuck = call is None
        try:
            if call is not None:
                contracts.simulate(call, STRANGER)
        except Reverted:
            stuck = True
        found.append(Violation("J2", "0x" + job.hex(), "its deadline", int(stuck), 0))
    return found


def _shown(value: bytes) -> str:
    """32 bytes as an address where they hold one, as nothing where they are zero."""
    if not any(value):
        return ""
    return "0x" + (value[12:] if not any(value[:12]) else value).hex()
