"""What the chain tells about one job, read again on every look: a re-organised chain needs no special case."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tensorgrid.chain.bisection import match_key
from tensorgrid.chain.connection import Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.dispute_history import Position, position_of
from tensorgrid.chain.events import Event, JobPosted, decode
from tensorgrid.domain.audits import ClaimState
from tensorgrid.domain.errors import ChainError, JobUnknown, NodeRefused
from tensorgrid.domain.jobs import JobId
from tensorgrid.runs.audit_story import Doubt
from tensorgrid.runs.story import Story, fold

WINDOW = 5_000
"""Blocks per request: public nodes refuse longer ranges."""
Topic = str | list[str] | None
"""One place of a question for logs: this one, any of these, or whatever stands there."""
OF_JOBS = ("JobBoard", "ReplicationVerifier", "AcceptanceVerifier", "AuditVerifier", "Snapshots", "KeyBox")
"""Contracts whose events name the job first."""
REORG_DEPTH = 64
"""How far a posting may move when the chain is re-organised; looking again starts that much before it."""


class Trail:
    """The events of one job: a few dozen logs, found by the job's id as their first topic. Shared between threads."""

    def __init__(
        self, connection: Connection, contracts: Contracts, job: JobId, posted_block: int | None = None
    ) -> None:
        start = contracts.deployment.start_block
        self._connection = connection
        self._contracts = contracts
        self._job = job
        self._first = start if posted_block is None else max(start, posted_block - REORG_DEPTH)
        self._lock = threading.Lock()
        self._seen: tuple[str, Story] | None = None

    def story(self) -> Story:
        """The job's life up to the latest block. Raises JobUnknown at once when it was never posted, Unreachable."""
        head = self._connection.latest()
        with self._lock:
            if self._seen is not None and self._seen[0] == head.hash:
                return self._seen[1]
            events = events_of(self._connection, self._contracts, self._job, self._first, head.number)
            story = story_of(self._contracts, events)
            if story is None:
                raise JobUnknown(
                    f"no job 0x{self._job.hex()} on chain {self._contracts.chain_id}; check the id and the network"
                )
            for doubt in story.audit.doubts if story.audit is not None else ():
                if doubt.state is ClaimState.CONTESTED:
                    doubt.dispute = self._dispute(doubt, head.number)
            self._first = max(self._first, story.posted_block - REORG_DEPTH)
            self._seen = (head.hash, story)
            return story

    def _dispute(self, doubt: Doubt, last: int) -> Position | None:
        """Its events are found by its own key. None on a network that has another contract for disputes."""
        contracts = self._contracts
        if contracts.bisection is None or contracts.audit is None:
            return None
        key = match_key(contracts.audit.address, self._job, doubt.number, doubt.claim)
        topics = [None, "0x" + key.hex()]
        return position_of(events_in(self._connection, contracts, ("Bisection",), topics, self._first, last), key)


def story_of(contracts: Contracts, events: Iterable[Event]) -> Story | None:
    """As `fold`, with this network's tiers."""
    tiers = (contracts.acceptance, contracts.audit)
    return fold(events, *(tier.address if tier is not None else None for tier in tiers))


def events_of(connection: Connection, contracts: Contracts, job: JobId, first: int, last: int) -> Iterator[Event]:
    """Events of one job in blocks first..last, in chain order. Raises Unreachable, ChainError."""
    for event in events_in(connection, contracts, OF_JOBS, [None, "0x" + job.hex()], first, last):
        if getattr(event, "id", None) == job:
            yield event


def postings(connection: Connection, contracts: Contracts, since: int = 0) -> Iterator[JobPosted]:
    """Every job posted on this board, in block `since` or later, oldest first. Raises Unreachable, ChainError."""
    first, last = max(since, contracts.deployment.start_block), connection.latest().number
    topic = next(entry.hash for entry in contracts.board.interface.events.values() if entry.name == "JobPosted")
    for event in events_in(connection, contracts, ("JobBoard",), ["0x" + topic.hex()], first, last):
        if isinstance(event, JobPosted):
            yield event


def events_in(
    connection: Connection,
    contracts: Contracts,
    names: tuple[str, ...],
    topics: Sequence[Topic],
    first: int,
    last: int,
) -> Iterator[Event]:
    """Events of these contracts in blocks first..last, in chain order. Raises Unreachable, ChainError."""
    refs = contracts.deployment.contracts
    emitters = {refs[name].address: name for name in names if name in refs}
    start, size = first, WINDOW
    while start <= last:
        end = min(start + size - 1, last)
        question: dict[str, Any] = {
            "address": sorted(emitters),
            "topics": list(topics),
            "fromBlock": hex(start),
            "toBlock": hex(end),
        }
        try:
            logs = connection.rpc("eth_getLogs", question)
        except NodeRefused:
            # A worker may announce progress as often as he pays for it: what is too much at once is asked in pieces.
            if start == end:
                raise
            size = (end - start + 1) // 2
            continue
        if not isinstance(logs, list):
            raise ChainError(f"{connection.shown_url} sent no list of logs; use another node")
        events = [event for log in logs if (event := decode(log, emitters)) is not None]
        yield from sorted(events, key=lambda event: event.log.position)
        start = end + 1
