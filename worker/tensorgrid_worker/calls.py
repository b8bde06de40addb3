"""From a planned step to the transaction that does it."""

from __future__ import annotations

from tensorgrid.chain.calls import Call
from tensorgrid.chain.contracts import Contracts
from tensorgrid_worker.planner import Do
from tensorgrid_worker.records import JobRecord
from tensorgrid_worker.rows import Result

LOCAL = frozenset({Do.INSPECT, Do.RUN, Do.STOP, Do.CLOSE})
"""Steps that send nothing."""


def call_for(contracts: Contracts, record: JobRecord, do: Do, result: Result | None, me: str) -> Call:
    """`result` is needed for commit and reveals, which are planned only when there is one."""
    board, verifier, terms = contracts.board, contracts.replication, record.terms
    match do:
        case Do.TAKE | Do.TAKE_EXTRA:
            return board.take(terms)
        case Do.CLOSE_WORK:
            return board.close_work(terms)
        case Do.OPEN_EXTRA:
            return verifier.open_extra(terms)
        case Do.SETTLE:
            return board.settle(terms, record.workers)
        case Do.EXPIRE:
            return board.expire(terms, record.workers)
    assert result is not None, f"{do} is planned only with a result"
    match do:
        case Do.COMMIT:
            extra = record.workers.index(me) >= terms.workers
            return board.commit(terms, result.commitment(me, extra=extra))
        case Do.REVEAL:
            return verifier.reveal(terms, result.salt, result.root_hash, result.receipt)
        case Do.REVEAL_ROOT:
            return verifier.reveal_root(terms, result.salt, result.root, result.receipt)
    raise AssertionError(f"{do} is no transaction")
