"""Events in the order of the chain, from a cursor on, through reorganisations and nodes that refuse large questions.

The cursor names the last block that was read, by number and hash. Before anything new is read, that block is asked for
again: if its hash has changed, what was read above the last common block never happened, and the batch says so.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from tensorgrid.chain.connection import BlockRef, Connection
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import EMITS_AS, Event, decode
from tensorgrid.domain.errors import ChainError, NodeRefused
from tensorgrid.domain.jobs import JobId

_TRAIL = 128  # blocks of the past whose hashes are remembered
_ATTEMPTS = 5  # reads of one window while the chain moves under it
_FOLLOWED = (
    "JobBoard",
    "ReplicationVerifier",
    "AcceptanceVerifier",
    "AuditVerifier",
    "OfferScheduler",
    "StakeVault",
    "WorkerRegistry",
    "BlockBeacon",
    "DrandBeacon",
    "Escrow",
)


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last block read. `trail`: older blocks read, (number, hash), newest first: where to go back to."""

    number: int
    hash: str
    trail: tuple[tuple[int, str], ...] = ()

    def to_text(self) -> str:
        """For a journal."""
        return json.dumps([self.number, self.hash, self.trail], separators=(",", ":"))

    @classmethod
    def from_text(cls, text: str) -> Cursor:
        """Raises ValueError on anything that `to_text` has not written."""
        try:
            number, hash_, trail = json.loads(text)
            return cls(int(number), str(hash_), tuple((int(n), str(h)) for n, h in trail))
        except (TypeError, ValueError, RecursionError) as error:
            raise ValueError("no cursor of this version; start again from the deployment's first block") from error


@dataclass(frozen=True, slots=True)
class Batch:
    """`events` stand after `rewound_to` and up to `cursor`, in the chain's order.

    `rewound_to` is not None: a reorganisation took back every block above that number; forget what came from there.
    `head` is the node's latest block; `caught_up` is false while there is more to read at once.
    """

    events: tuple[Event, ...]
    cursor: Cursor
    rewound_to: int | None
    head: BlockRef
    caught_up: bool


class Follower:
    """Reads a deployment's events. `poll` loses no event, and repeats one only after `rewound_to` said so.

    `confirmations`: blocks that must lie on top of a block before it is read. `window`: most blocks asked for at once.
    `job`: only what names this job, of the board and its verifier.
    """

    def __init__(
        self,
        connection: Connection,
        contracts: Contracts,
        *,
        cursor: Cursor | None = None,
        confirmations: int = 0,
        window: int = 2000,
        names: Iterable[str] = _FOLLOWED,
        job: JobId | None = None,
    ) -> None:
        self.connection = connection
        self.contracts = contracts
        self.cursor = cursor
        self.confirmations = confirmations
        self.window = window
        self._size = window
        refs = contracts.deployment.contracts
        self._emitters = {refs[name].address: EMITS_AS.get(name, name) for name in names if name in refs}
        self._job = job
        self._start = contracts.deployment.start_block

    def poll(self) -> Batch:
        """Read one window of new blocks, or notice a reorganisation.

        Raises Unreachable or ChainError, and then the cursor stands where it stood: poll again.
        """
        attempts = 0
        while attempts < _ATTEMPTS:
            try:
                batch = self._attempt()
            except _WindowRefused as refused:
                self._size = refused.size
                continue
            if batch is not None:
                self.cursor = batch.cursor
                self._size = min(self.window, self._size * 2)
                return batch
            attempts += 1
        raise ChainError(f"{self.connection.shown_url} changes while it is read; poll again later, or use another node")

    def _attempt(self) -> Batch | None:
        """None when the chain moved meanwhile."""
        head = self.connection.latest()
        if self.cursor is not None and (head.number, head.hash) == (self.cursor.number, self.cursor.hash):
            return Batch((), self.cursor, None, head, caught_up=True)
        known, rewound_to = self._common_ancestor(head)
        first = self._start if known is None else known.number + 1
        goal = head.number - self.confirmations
        if goal < first:
            if known is None:  # nothing is old enough yet
                known = self._origin()
            return Batch((), known, rewound_to, head, caught_up=True)
        last = min(goal, first + self._size - 1)
        end = head if last == head.number else self.connection.block(last)
        if end is None:
            return None
        events = self._events(first, end)
        if events is None:
            return None
        trail = () if known is None else ((known.number, known.hash), *known.trail)
        return Batch(
            tuple(events), Cursor(end.number, end.hash, trail[:_TRAIL]), rewound_to, head, caught_up=last == goal
        )

    def _common_ancestor(self, head: BlockRef) -> tuple[Cursor | None, int | None]:
        """The newest block read that is still on the chain, and its number when it is not the cursor's."""
        if self.cursor is None:
            return None, None
        blocks = ((self.cursor.number, self.cursor.hash), *self.cursor.trail)
        for age, (number, hash_) in enumerate(blocks):
            if number < self._start:
                break
            found = self.connection.block(number) if number <= head.number else None
            if found is not None and found.hash == hash_:
                return Cursor(number, hash_, blocks[age + 1 :]), None if age == 0 else number
        if self.cursor.number < self._start:
            return None, None
        return None, self._start - 1

    def _origin(self) -> Cursor:
        before = self.connection.block(max(self._start - 1, 0))
        if before is None:
            raise ChainError(f"{self.connection.shown_url} lacks the deployment's first block; use another node")
        return Cursor(before.number, before.hash)

    def _events(self, first: int, end: BlockRef) -> list[Event] | None:
        """Between two looks at `end` that agree, so that all of it is of one chain. None when they do not."""
        logs = self._logs(first, end.number)
        again = self.connection.block(end.number)
        if again is None or again.hash != end.hash:
            return None
        events: dict[tuple[int, int], Event] = {}
        hashes: dict[int, str] = {end.number: end.hash}
        for raw in logs:
            event = decode(raw, self._emitters)
            if event is None or (self._job is not None and getattr(event, "id", None) != self._job):
                continue
            if not first <= event.log.block <= end.number:
                raise ChainError(f"{self.connection.shown_url} sent logs that were not asked for; use another node")
            if hashes.setdefault(event.log.block, event.log.block_hash) != event.log.block_hash:
                return None
            events[event.log.position] = event  # a node that repeats itself is believed once
        return [events[position] for position in sorted(events)]

    def _logs(self, first: int, last: int) -> list[Any]:
        """Raw logs of one window. Raises _WindowRefused when the node wants smaller questions."""
        question: dict[str, Any] = {"address": sorted(self._emitters), "fromBlock": hex(first), "toBlock": hex(last)}
        if self._job is not None:
            question["topics"] = [None, "0x" + self._job.hex()]
        try:
            logs = self.connection.rpc("eth_getLogs", question)
        except NodeRefused as refused:
            if last == first:
                raise
            raise _WindowRefused((last - first + 1) // 2) from refused
        if not isinstance(logs, list):
            raise ChainError(f"{self.connection.shown_url} sent no list of logs; use another node")
        return logs


class _WindowRefused(Exception):
    def __init__(self, size: int) -> None:
        super().__init__(size)
        self.size = size
