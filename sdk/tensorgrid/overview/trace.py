"""The public trace of one job: each event in the chain's order, when, by whom, for how much gas, what money moved."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tensorgrid.chain.connection import Connection, block_tag, counted
from tensorgrid.chain.contracts import Contracts
from tensorgrid.chain.events import Event, JobTaken, RoundStored, Slashed, WorkerSettled, decode
from tensorgrid.chain.receipts import TxReceipt, receipt_of
from tensorgrid.domain.errors import ChainError, JobUnknown, TensorgridError
from tensorgrid.domain.jobs import JobId, JobTerms
from tensorgrid.overview.reading import topic_of
from tensorgrid.overview.words import BOUNTY, FEE, HELD, PAID, RETURNED, Move, moves_of, words_of
from tensorgrid.runs.story import Story
from tensorgrid.runs.trail import events_in, events_of, story_of


@dataclass(frozen=True, slots=True)
class Step:
    """One event. `time`: Unix seconds of its block; `sender`: who sent the transaction."""

    event: Event
    time: int
    sender: str
    words: str
    moves: tuple[Move, ...]


@dataclass(frozen=True, slots=True)
class JobTrace:
    """`gas`: by transaction, all that it used, also for other jobs in it: `shared` are those transactions."""

    id: JobId
    story: Story
    steps: tuple[Step, ...]
    gas: dict[str, int]
    shared: frozenset[str]

    @property
    def terms(self) -> JobTerms:
        return self.story.terms

    def total(self, kind: str) -> int:
        """Units of all movements of this kind."""
        return sum(move.units for step in self.steps for move in step.moves if move.kind == kind)

    @property
    def missing(self) -> int | None:
        """Units that were held and went nowhere, or came from nowhere: 0 (E2); None while the job runs."""
        if not self.story.state.ended:
            return None
        rest = self.total(BOUNTY)
        known = rest in (0, self.terms.bounty)
        return self.total(HELD) - sum(map(self.total, (PAID, FEE, RETURNED))) - (rest if known else 0)


def trace_of(contracts: Contracts, job: JobId, posted_block: int | None = None) -> JobTrace:
    """As of the latest block. Raises JobUnknown, Unreachable, ChainError."""
    connection, head = contracts.connection, contracts.connection.latest().number
    first = posted_block if posted_block is not None else contracts.deployment.start_block
    events = list(events_of(connection, contracts, job, first, head))
    story = story_of(contracts, events)
    if story is None:
        raise JobUnknown(f"no job 0x{job.hex()} on chain {contracts.chain_id}; check the id and the network")
    events += _rounds(contracts, story, head)
    receipts = _receipts(connection, {event.log.tx for event in events})
    events += _slashes(contracts, events, receipts.values())
    events.sort(key=lambda event: event.log.position)
    times = _times(connection, {event.log.block for event in events})
    return JobTrace(
        job,
        story,
        tuple(_steps(story, events, receipts, times)),
        {tx: receipt.gas_used for tx, receipt in receipts.items()},
        frozenset(tx for tx, receipt in receipts.items() if _is_shared(contracts, job, receipt)),
    )


def _steps(story: Story, events: list[Event], receipts: dict[str, TxReceipt], times: dict[int, int]) -> Iterable[Step]:
    payees: dict[str, str] = {}
    paid = 0
    for event in events:
        if isinstance(event, JobTaken):
            payees[event.worker] = event.payee
        moves = moves_of(event, story.terms, payees, paid)
        paid += event.pay if isinstance(event, WorkerSettled) else 0
        sender = receipts[event.log.tx].sender
        yield Step(event, times[event.log.block], sender, words_of(event), tuple(moves))


def _rounds(contracts: Contracts, story: Story, head: int) -> list[Event]:
    """The storing of the round that drew the seats, where somebody stored it."""
    name = contracts.beacon.name
    topics = [topic_of(RoundStored), "0x" + story.round.to_bytes(32, "big").hex()]
    found = events_in(contracts.connection, contracts, (name,), topics, story.posted_block, head)
    return [event for event in found if isinstance(event, RoundStored)]


def _slashes(contracts: Contracts, events: list[Event], receipts: Iterable[TxReceipt]) -> list[Event]:
    """What the vault said in the transactions that judged this job's workers: of slashed ones alone."""
    judged = {(e.log.tx, e.worker) for e in events if isinstance(e, WorkerSettled) and e.fault.name == "SLASHED"}
    emitters = {contracts.vault.address: "StakeVault"}
    logs = [decode(log, emitters) for receipt in receipts for log in receipt.logs]
    return [e for e in logs if isinstance(e, Slashed) and (e.log.tx, e.worker) in judged]


def _is_shared(contracts: Contracts, job: JobId, receipt: TxReceipt) -> bool:
    """Whether the board told of another job too in this transaction."""
    emitters = {contracts.board.address: "JobBoard"}
    found = [decode(log, emitters) for log in receipt.logs]
    return any(getattr(event, "id", job) != job for event in found if event is not None)


def _receipts(connection: Connection, transactions: set[str]) -> dict[str, TxReceipt]:
    asked = sorted(transactions)
    answers = connection.batch([("eth_getTransactionReceipt", [tx]) for tx in asked])
    return {tx: receipt_of(_good(answer)) for tx, answer in zip(asked, answers, strict=True)}


def _times(connection: Connection, blocks: set[int]) -> dict[int, int]:
    asked = sorted(blocks)
    answers = connection.batch([("eth_getBlockByNumber", [block_tag(number), False]) for number in asked])
    return {number: _timestamp(_good(answer)) for number, answer in zip(asked, answers, strict=True)}


def _timestamp(header: object) -> int:
    if not isinstance(header, dict):
        raise ChainError("the node lacks a block whose events it has sent; use another node")
    return counted(header.get("timestamp"), "timestamp")


def _good(answer: object) -> object:
    if isinstance(answer, TensorgridError):
        raise answer
    return answer
