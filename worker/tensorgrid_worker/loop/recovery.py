"""Openings of our commitments after a loss: from their files at the start, else from the commit transactions."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import structlog

from tensorgrid.chain.calls import Call
from tensorgrid.chain.connection import data
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import JobSealed, decode
from tensorgrid.domain.errors import ChainError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.logs import short
from tensorgrid_worker.loop.openings import Openings, from_trailer
from tensorgrid_worker.loop.planner import Do, JobView, to_be_opened
from tensorgrid_worker.memory.journal import Journal
from tensorgrid_worker.memory.rows import Result, Status

log = structlog.get_logger()

PAUSE_SECONDS = 10.0


class Recovery:
    """Finds what a journal does not know any more."""

    def __init__(self, contracts: Contracts, openings: Openings, journal: Journal) -> None:
        self._contracts, self._openings, self._journal = contracts, openings, journal
        self._found: dict[JobId, Result] = {}
        self._asked: dict[JobId, float] = {}

    def load(self) -> None:
        """Give the journal what the files know. Before the first plan."""
        for result in self._openings.all():
            self._journal.keep_result(result)

    def forget(self, job: JobId) -> None:
        """The job has ended."""
        self._openings.forget(job)
        self._found.pop(job, None)
        self._asked.pop(job, None)

    def results(self, views: Sequence[JobView]) -> dict[JobId, Result]:
        """What is to be committed to, or opens what is committed: by job, of what journal, files and chain know."""
        kept = self._journal.results()
        found: dict[JobId, Result] = {}
        for view in views:
            for result in kept.get(view.record.id, []):
                if _belongs(result, view):
                    found[view.record.id] = result
            if view.record.id not in found and to_be_opened(view) and (recovered := self.of(view)):
                found[view.record.id] = recovered
        return found

    def recall(
        self, views: Sequence[JobView], results: Mapping[JobId, Result], nothing: Call, *, after_rewind: bool
    ) -> None:
        """Put `nothing` in the place of commitments on their way whose result may be for another seed.

        A reorganisation has changed the draw. Mined after all, behind a take that is mined again, such a commitment
        would be a wrong answer, and cost the stake. `after_rewind`: also where the seat itself is in doubt.
        """
        seen = {view.record.id: view for view in views}
        for row in self._journal.outbox(Status.SENT):
            if row.kind != Do.COMMIT or row.call.name == nothing.name or row.job in results:
                continue
            view = seen.get(row.job)
            if view is not None and view.job.state.ended:
                continue
            if after_rewind if view is None or not view.number else not view.committed:
                log.warning("commit.recalled", job=short(row.job), reason="the job's seed may have changed")
                self._journal.recall(row.id, nothing)

    def of(self, view: JobView) -> Result | None:
        """What opens our commitment on chain; None when its transaction does not tell, or cannot be had now."""
        job = view.record.id
        if job in self._found:
            found = self._found[job]
            return found if opens(found, view) else None
        if time.monotonic() < self._asked.get(job, 0.0):
            return None
        self._asked[job] = time.monotonic() + PAUSE_SECONDS
        try:
            result = self._on_chain(view)
        except ChainError as error:
            log.warning("opening.unread", job=short(job), reason=str(error))
            return None
        if result is None:
            log.error("opening.lost", job=short(job), reason="neither journal, file nor transaction opens it")
            return None
        log.info("opening.recovered", job=short(job), of="the commit transaction")
        self._found[job] = result
        return result

    def _on_chain(self, view: JobView) -> Result | None:
        mine = view.held[view.number - 1]
        raw = self._transaction(view, mine.worker)
        if raw is None:
            return None
        result = from_trailer(raw, self._openings.secrets, view.record.id, view.seed, mine.commitment)
        return result if result is not None and opens(result, view) else None

    def _transaction(self, view: JobView, worker: str) -> bytes | None:
        """Call data of the transaction by which our seat was sealed."""
        connection, board = self._contracts.connection, self._contracts.board.address
        query = {
            "address": board,
            "topics": [None, "0x" + view.record.id.hex()],
            "fromBlock": hex(view.record.posted_block),
            "toBlock": "latest",
        }
        found = connection.rpc("eth_getLogs", query)
        for raw in found if isinstance(found, list) else []:
            event = decode(raw, {board: "JobBoard"})
            if isinstance(event, JobSealed) and (event.id, event.worker) == (view.record.id, worker):
                sent = connection.rpc("eth_getTransactionByHash", event.log.tx)
                if isinstance(sent, dict):
                    return data(sent.get("input"), "call data")
        return None


def _belongs(result: Result, view: JobView) -> bool:
    """What was committed to is what will be opened; before that, what was computed with the job's seed as it is now."""
    return opens(result, view) if view.committed else result.seed == view.seed


def opens(result: Result, view: JobView) -> bool:
    """Whether it is what our seat has committed to."""
    mine = view.held[view.number - 1]
    return result.commitment(mine.worker, extra=view.is_extra, silent=view.job.silent) == mine.commitment
