"""What must be so before anything new is paid for: other nodes agree with ours, and the board itself shows our seat.

A reveal is never held back: silence costs the stake, and it opens only what is committed already. A commitment is, even
past its deadline: two chains have two seeds, and a result for the wrong one would cost the stake, not the small bond.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import structlog

from tensorgrid.chain.connection import BlockRef
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.history import Event, JobPosted
from tensorgrid.chain.witness import Witnesses
from tensorgrid.domain.errors import NodesDisagree, Reverted, TensorgridError
from tensorgrid.domain.jobs import JobId
from tensorgrid_worker.logs import short
from tensorgrid_worker.loop.planner import Action, Do, JobView

log = structlog.get_logger()

HELD = frozenset({Do.TAKE, Do.TAKE_EXTRA, Do.RUN, Do.COMMIT, Do.COMMIT_MISSED})
"""What waits while nodes disagree."""


class Trust:
    """Asked by the loop that plans."""

    def __init__(self, contracts: Contracts, witnesses: Witnesses | None) -> None:
        self._contracts, self._witnesses = contracts, witnesses
        self._dispute = ""
        self._head: BlockRef | None = None

    @property
    def held(self) -> Collection[str]:
        """Kinds of transactions that must not be sent now."""
        return HELD if self._dispute else frozenset()

    def close(self) -> None:
        if self._witnesses is not None:
            self._witnesses.close()

    def look(self, head: BlockRef) -> None:
        """Compare the nodes, once per head, and again while they disagree. Raises Unreachable."""
        if self._witnesses is None or (head == self._head and not self._dispute):
            return
        dispute = ""
        try:
            self._witnesses.check(head)
        except NodesDisagree as error:
            dispute = str(error)
        if dispute and not self._dispute:
            log.error("nodes.disagree", reason=dispute)
        elif self._dispute and not dispute:
            log.info("nodes.agree", block=head.number)
        self._dispute, self._head = dispute, head

    def allowed(self, actions: Sequence[Action], seen: Mapping[JobId, JobView]) -> list[Action]:
        """Those to do now; what is not done now is planned again. Raises Unreachable, ChainError."""
        left = [action for action in actions if not (action.do in HELD and self._dispute)]
        unproven = self._unproven([seen[action.job] for action in left if action.do is Do.RUN])
        return [action for action in left if action.do is not Do.RUN or action.job not in unproven]

    def invented(self, event: Event) -> bool:
        """A posting whose terms are not those its id is the hash of."""
        if not isinstance(event, JobPosted) or self._contracts.id_of(event.terms) == event.id:
            return False
        log.warning("chain.invented", job=short(event.id), node=self._contracts.connection.shown_url)
        return True

    def _unproven(self, views: Sequence[JobView]) -> set[JobId]:
        """W1: the seats as logs have told of them, ours among them, against what the board has stored."""
        unproven = set()
        found = self._contracts.board.looks([(view.record.terms, view.held) for view in views]) if views else []
        for view, answer in zip(views, found, strict=True):
            if isinstance(answer, Reverted):
                log.warning("seat.unproven", job=short(view.record.id), reason=str(answer))
                unproven.add(view.record.id)
            elif isinstance(answer, TensorgridError):
                raise answer
        return unproven
